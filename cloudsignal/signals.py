"""Signals of the CloudSignal API v2.0, their rules and their JSON.

Source: https://docs.cloudprinter.com/production/cloudsignal-api-v2-0, for the cancellation causes
https://docs.cloudprinter.com/production/cancellation-causes-v1-0. Independent of Odoo and the network.
"""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from ..tools.text import Text as _
from ..tools.text import TextError

ENDPOINT = "https://api.cloudprinter.com/cloudsignal/2.0/status/"

#: The only causes that ItemCanceled accepts: code → label.
CANCEL_CAUSES = {
    "CancelCoverSpine": "Wrong cover spine width",
    "CancelBookSize": "Wrong size or orientation of the book block",
    "CancelCoverSize": "Wrong size or orientation of the cover",
    "CancelBookCorrupt": "Corrupt book block file",
    "CancelCoverCorrupt": "Corrupt cover file",
    "CancelBookTrim": "Wrong trim size of the book block",
    "CancelCoverTrim": "Wrong trim size of the cover",
    "CancelPageCount": "Wrong page count of the book block",
    "CancelUnknownFont": "Unknown fonts",
    "CancelBookMargins": "Wrong margins of the book block",
    "CancelCoverMargins": "Wrong margins of the cover",
    "CancelBookRip": "RIP error on the book block",
    "CancelCoverRip": "RIP error on the cover",
    "CancelUserRequest": "Requested by the customer",
    "CancelInkjetCoverage": "Too much ink coverage for inkjet",
    "CancelDownloadError": "Files could not be downloaded",
    "CancelValidateError": "Validation failed",
    "CancelInvalidAddress": "Invalid shipping address",
    "CancelTestOrder": "Test order",
    "CancelFilesCorrupt": "Corrupt files",
    "CancelMiscError": "Other error",
}


class Fields(NamedTuple):
    """Fields of a signal type besides `type`, `order`, `item` and `datetime`, by their names in the API."""

    required: tuple = ()
    optional: tuple = ()


FIELDS = {
    "ItemRegistered": Fields(),
    "ItemProduce": Fields(),
    "ItemProduced": Fields(),
    "ItemPacked": Fields(),
    "ItemShipped": Fields(required=("tracking", "shipping_option")),
    "ItemDelay": Fields(optional=("cause", "delay")),
    # an alias of ItemDelay that some print partners still have to use
    "ItemError": Fields(optional=("cause", "delay")),
    "ItemCanceled": Fields(optional=("cause", "message", "delay")),
}
SIGNAL_TYPES = tuple(FIELDS)

# In the order of the API's examples.
_DETAILS = ("tracking", "shipping_option", "cause", "message", "delay")
TEXT_AT_MOST = 2000  # characters
_HOURS = re.compile(r"[0-9]{1,4}")


class SignalError(TextError):
    """A value that must not be sent; `place` is the field's name in the API (`url` for the endpoint's address)."""


@dataclass(frozen=True)
class Signal:
    """One event of one item. Its values are only checked by `validate` and `to_dict`.

    :param type: one of `SIGNAL_TYPES`
    :param order: full order id, opaque text
    :param item: full item id, opaque text
    :param datetime: when it happened: a naive `datetime` in UTC, as Odoo stores it; an aware one in UTC is accepted
    :param tracking: the tracking code of the parcel
    :param shipping_option: the carrier or service
    :param cause: for ItemCanceled a code of `CANCEL_CAUSES`, otherwise free text
    :param message: free text, shown to Cloudprinter's customer
    :param delay: whole hours as digits, "24"

    Fields with an empty text are not sent.
    """

    type: str
    order: str
    item: str
    datetime: dt.datetime
    tracking: str = ""
    shipping_option: str = ""
    cause: str = ""
    message: str = ""
    delay: str = ""

    def validate(self):
        """Raise unless the values meet the API's rules for this type.

        :raise SignalError: for the first field that is missing, invalid, or not allowed for the type
        """
        if not isinstance(self.type, str) or self.type not in FIELDS:
            raise SignalError(
                "type", _("%(type)s is not one of %(types)s", type=repr(self.type), types=", ".join(SIGNAL_TYPES))
            )
        required, optional = FIELDS[self.type]
        for field in ("order", "item", *_DETAILS):
            value = getattr(self, field)
            _check_text(field, value)
            if not value and field in ("order", "item", *required):
                raise SignalError(field, _("is required for %(type)s", type=self.type))
            if value and field in _DETAILS and field not in required + optional:
                raise SignalError(field, _("is not allowed for %(type)s", type=self.type))
        _check_datetime(self.datetime)
        if self.delay and (not _HOURS.fullmatch(self.delay) or not int(self.delay)):
            raise SignalError(
                "delay", _("%(delay)s is not a whole number of hours from 1 to 9999", delay=repr(self.delay))
            )
        if self.type == "ItemCanceled" and self.cause and self.cause not in CANCEL_CAUSES:
            raise SignalError("cause", _("%(cause)s is not one of Cloudprinter's causes", cause=repr(self.cause)))

    def to_dict(self):
        """Return the JSON object of the signal, without the key, in the order of the API's examples.

        :rtype: dict[str, str]
        :raise SignalError: see `validate`
        """
        self.validate()
        details = {field: getattr(self, field) for field in _DETAILS if getattr(self, field)}
        when = self.datetime.replace(tzinfo=None).isoformat(" ", "seconds")
        return {"type": self.type, "order": self.order, "item": self.item, **details, "datetime": f"{when} GMT"}


def _check_text(field, value):
    if not isinstance(value, str):
        raise SignalError(field, _("must be text, not %(type)s", type=type(value).__name__))
    if value and not value.strip():
        raise SignalError(field, _("is blank"))
    if len(value) > TEXT_AT_MOST:
        raise SignalError(field, _("is longer than %(most)s characters", most=TEXT_AT_MOST))
    # json.dumps accepts a lone surrogate, but databases and other readers of UTF-8 do not
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise SignalError(field, _("contains a control character or a line break"))


def _check_datetime(value):
    if not value:
        raise SignalError("datetime", _("is missing"))
    if not isinstance(value, dt.datetime):
        raise SignalError("datetime", _("must be a datetime, not %(type)s", type=type(value).__name__))
    if value.tzinfo and value.utcoffset():
        raise SignalError("datetime", _("must be in UTC, but is %(hours)s ahead of it", hours=value.utcoffset()))


def body(signals):
    """Return the JSON object to post for these signals, without the key: one flat, several as a bundle.

    :param list[Signal] signals: at least one; the API recommends that all belong to one order
    :rtype: dict
    :raise SignalError: for the first invalid signal
    :raise ValueError: if there are no signals
    """
    members = [signal.to_dict() for signal in signals]
    if not members:
        raise ValueError("nothing to send")
    return members[0] if len(members) == 1 else {"items": members}


def with_key(body, api_key):
    """Return a copy of `body` that begins with the key. For sending only: never store or log it.

    :param dict body: from `body`
    :param str api_key: the CloudSignal key, not the one for incoming orders
    :raise ValueError: if there is no key
    """
    if not api_key:
        raise ValueError("no API key")
    return {"apikey": api_key, **body}
