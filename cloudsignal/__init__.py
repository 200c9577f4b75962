"""Client for Cloudprinter.com's CloudSignal API v2.0, for print partners. Independent of Odoo.

signal = Signal("ItemProduced", "123456780000", "123456780001", datetime.now(timezone.utc))
with Client(ENDPOINT, "my-shop/1.0") as client:
    result = client.post(body([signal]), api_key)
"""

from .client import Client, Outcome, Result, check_url
from .signals import (
    CANCEL_CAUSES,
    ENDPOINT,
    FIELDS,
    SIGNAL_TYPES,
    TEXT_AT_MOST,
    Fields,
    Signal,
    SignalError,
    body,
    with_key,
)

__all__ = [
    "CANCEL_CAUSES",
    "ENDPOINT",
    "FIELDS",
    "SIGNAL_TYPES",
    "TEXT_AT_MOST",
    "Client",
    "Fields",
    "Outcome",
    "Result",
    "Signal",
    "SignalError",
    "body",
    "check_url",
    "with_key",
]
