from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import LazyTranslate, format_datetime

from ..rule.stage import MAKING, fact_text

_lt = LazyTranslate(__name__)

NAMED_AT_MOST = 3
MANAGER = "cloudprinter.group_manager"


def _has_signal(state, failure_type):
    return Domain("signal_ids", "any", [("state", "=", state), ("failure_type", "=", failure_type)])


def _has_failed_file(failure_type):
    """Return the domains of items with a failed file: their own, or one that all items of the order need."""
    failed = [("state", "=", "error"), ("failure_type", "=", failure_type)]
    return (
        Domain("file_ids", "any", failed),
        Domain("order_id.file_ids", "any", [*failed, ("item_id", "=", False)]),
    )


def _has_checked_file(state):
    """Return the domain of items with a file in which something was found."""
    return (Domain("file_ids", "any", [("check_state", "=", state)]),)


def _has_facts(*texts):
    return Domain.OR([Domain("facts", "like", text) for text in texts])


CANCELED = (
    Domain("stage", "=", "canceled") & Domain("cancel_cause", "!=", False),
    Domain("signal_ids", "any", [("type", "=", "ItemCanceled"), ("state", "=", "sent")]),
)
OPEN = Domain("stage", "not in", ("shipped", "canceled"))
NOT_CANCELED = Domain("stage", "!=", "canceled")
# by the facts, since another add-on may have given manufacturing orders more states
BEING_MADE = _has_facts(*(fact_text("production", state) for state in MAKING))
BEING_SENT = Domain("move_ids.state", "in", ("draft", "waiting", "confirmed", "partially_available", "assigned"))
DELIVERY_CANCELED = _has_facts(fact_text("move", "cancel")) & ~_has_facts(
    *(fact_text("move", state) for state in ("draft", "open")), fact_text("move", "done", "final")
)
PRODUCTION_CANCELED = _has_facts(fact_text("production", "cancel")) & ~_has_facts(
    *(fact_text("production", state) for state in (*MAKING, "done"))
)

# Neither made nor on its way, without a sales order line from which that would follow.
FORGOTTEN = (
    Domain("stage", "in", ("new", "registered"))
    & ~_has_facts(*(fact_text("production", state) for state in (*MAKING, "done")))
    & ~_has_facts(*(fact_text("move", state) for state in ("draft", "open", "done")))
    & Domain("sale_line_ids", "not any", [("state", "!=", "cancel"), ("product_id.type", "!=", "service")])
    & Domain("is_test", "=", False)
)


class Attention(NamedTuple):
    """A reason why an item needs a user.

    :param label: in English, translated as the label of a selection
    :param domain: the items of this kind; what it reads is in `@api.depends` of `_compute_attention`
    :param step: the label of the button for the next step
    :param action: does the next step for an item
    :param details: returns what is added to the label for the items: item → text
    :param among: domains of few items, of which one must hold; each is searched for itself, and first
    :param confirm: the question before the next step
    :param groups: the groups whose users may do it
    """

    label: str
    domain: Domain
    step: str
    action: Callable
    details: Callable = lambda items: {}
    among: tuple = ()
    confirm: str = ""
    groups: str = MANAGER


def _cancel(item, **context):
    return item.with_context(default_kind="cancel", **context).action_report()


# The most urgent first. Steps are translated when the view is read: pylint: disable=prefer-env-translation
ATTENTION = {
    "canceled_open": Attention(
        "Canceled at Cloudprinter. Do not produce or ship.",
        BEING_MADE | BEING_SENT,
        _lt("Cancel Here Too"),
        lambda item: item.action_cancel_open_documents(),
        details=lambda items: items._get_cancellation_dates(),
        among=CANCELED,
        confirm=_lt("Cancel the open manufacturing orders, deliveries and sales order lines of this item?"),
    ),
    "refused": Attention(
        "Refused by Cloudprinter",
        _has_signal("error", "refused"),
        _lt("Send Again"),
        lambda item: item.action_send_again(),
        details=lambda items: items._get_failures("refused"),
    ),
    "expired": Attention(
        "Not delivered to Cloudprinter",
        _has_signal("error", "expired"),
        _lt("Send Again"),
        lambda item: item.action_send_again(),
        details=lambda items: items._get_failures("expired"),
    ),
    "missing_cause": Attention(
        "Canceled: the cause is missing", _has_signal("waiting", "missing_cause"), _lt("Choose Cause"), _cancel
    ),
    "file_corrupt": Attention(
        "A file is damaged",
        OPEN,
        _lt("Cancel the Item"),
        lambda item: _cancel(item, default_cause="CancelFilesCorrupt"),
        details=lambda items: items._get_failed_files("corrupt"),
        among=_has_failed_file("corrupt"),
    ),
    "file_download": Attention(
        "A file could not be downloaded",
        OPEN,
        _lt("Try Again"),
        lambda item: item.order_id.file_ids.action_fetch_again(),
        details=lambda items: items._get_failed_files("download"),
        among=_has_failed_file("download"),
    ),
    "file_wrong": Attention(
        "A print file is not as ordered",
        OPEN,
        _lt("Reject Item"),
        lambda item: item._reject_for_files(),
        details=lambda items: items._get_checked_files("wrong"),
        among=_has_checked_file("wrong"),
    ),
    "file_doubt": Attention(
        "A print file needs a look",
        OPEN,
        _lt("Show Files"),
        lambda item: item.file_ids._get_records_action(name=item.env._("Files")),
        details=lambda items: items._get_checked_files("doubt"),
        among=_has_checked_file("doubt"),
    ),
    "delivery_canceled": Attention(
        "The delivery was canceled, but the item is still being made",
        # what was shipped has a delivery that is done
        DELIVERY_CANCELED & OPEN & BEING_MADE,
        _lt("Cancel the Item"),
        _cancel,
    ),
    "production_canceled": Attention(
        "The manufacturing order was canceled, but a delivery is open",
        PRODUCTION_CANCELED & NOT_CANCELED & BEING_SENT,
        _lt("Reprint"),
        lambda item: item.action_reprint(),
    ),
    "short": Attention(
        "Shipped less than ordered. Report as shipped?",
        _has_signal("waiting", "short"),
        _lt("Report as Shipped"),
        lambda item: item.action_send_again(),
    ),
    "correction": Attention(
        "Changed after it was reported. Send the correction?",
        _has_signal("waiting", "correction"),
        _lt("Send the Correction"),
        lambda item: item.action_send_again(),
    ),
    "missing_option": Attention(
        "Shipped: the shipping option is missing",
        _has_signal("waiting", "missing_option"),
        _lt("Enter Option"),
        lambda item: item.with_context(default_kind="shipped").action_report(),
    ),
    "missing_tracking": Attention(
        "Shipped: the tracking reference is missing",
        _has_signal("waiting", "missing_tracking"),
        _lt("Enter Tracking"),
        lambda item: item._open_last_delivery(),
        groups="",
    ),
    "changed_by_update": Attention(
        "Changed by an update of the add-on. Report it?",
        Domain("changed_by_update", "=", True),
        _lt("Report"),
        lambda item: item.action_report_changes(),
    ),
    "forgotten": Attention("Nothing will make or ship this item", FORGOTTEN, _lt("Cancel the Item"), _cancel),
}


class CloudprinterItem(models.Model):
    """Adds which items need a user, why, and the next step."""

    _inherit = "cloudprinter.item"

    attention = fields.Selection(
        [(kind, each.label) for kind, each in ATTENTION.items()],
        "Needs Attention",
        compute="_compute_attention",
        search="_search_attention",
    )
    attention_text = fields.Text("What Is Needed", compute="_compute_attention_text")

    @api.depends(
        "derived",
        "cancel_cause",
        "signal_ids.state",
        "signal_ids.failure_type",
        "order_id.file_ids.state",
        "order_id.file_ids.failure_type",
        "file_ids.check_state",
        "changed_by_update",
        "sale_line_ids",
    )
    def _compute_attention(self):
        remaining = self
        for kind, each in ATTENTION.items():
            domain = each.domain & Domain.OR(each.among or [Domain.TRUE])
            found = remaining.sudo().filtered_domain(domain).with_env(self.env)
            found.attention = kind
            remaining -= found
        remaining.attention = False

    @api.depends("attention")
    @api.depends_context("lang")
    def _compute_attention_text(self):
        for item in self:
            item.attention_text = item._describe_attention()[-1] if item.attention else False

    def _search_attention(self, operator, value):
        """Search one kind after the other: for all kinds at once, PostgreSQL would read every item."""
        if operator != "in":
            return NotImplemented
        found = self._find_attention(ATTENTION if False in value else value)
        domain = Domain("id", "in", [item_id for kind, ids in found.items() if kind in value for item_id in ids])
        if False in value:
            domain |= Domain("id", "not in", [item_id for ids in found.values() for item_id in ids])
        return domain

    @api.model
    def _find_attention(self, kinds):
        """Return kind of attention → ids of the items."""
        # not all users may read the documents that decide
        items = self.sudo()
        return {kind: list(self._search_kind(items, each)) for kind, each in ATTENTION.items() if kind in kinds}

    @api.model
    def _search_kind(self, items, attention):
        domain = attention.domain
        if attention.among:
            among = [item_id for each in attention.among for item_id in items._search(each).get_result_ids()]
            domain &= Domain("id", "in", among)
        return items._search(domain).get_result_ids()

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """Override of `base` to add a button for each next step."""
        arch, view = super()._get_view(view_id, view_type, **options)
        kinds_of = {}
        for kind, each in ATTENTION.items():
            step = self.env._(each.step)  # pylint: disable=gettext-variable
            confirm = self.env._(each.confirm) if each.confirm else ""  # pylint: disable=gettext-variable
            kinds_of.setdefault((step, confirm, each.groups), []).append(kind)
        for button in arch.xpath("//button[@name='action_next_step']"):
            for (step, confirm, groups), kinds in kinds_of.items():
                copy = deepcopy(button)
                hidden = f"attention not in {kinds!r}"
                if button.get("invisible"):
                    hidden = f"({button.get('invisible')}) or {hidden}"
                attributes = {"string": step, "invisible": hidden, "context": repr({"attention_kinds": kinds})}
                attributes.update(confirm=confirm, groups=groups)
                copy.attrib.update({name: value for name, value in attributes.items() if value})
                button.addprevious(copy)
            button.getparent().remove(button)
        return arch, view

    # === what documents show === #

    def _describe_attention(self):
        """Return what needs a user, for the banner of a document.

        :returns: one line for each kind, the most urgent first
        :rtype: list[str]
        """
        lines = []
        tests = self.order_id.filtered("is_test")
        if tests:
            lines.append(self.env._("Test order %(orders)s. Do not print.", orders=", ".join(tests.mapped("name"))))
        companies = self.company_id.filtered(lambda c: c._cloudprinter_obstacle() in ("copy", "key_refused"))
        lines += filter(None, (company.cloudprinter_status()["reason"] for company in companies))
        labels = dict(self._fields["attention"]._description_selection(self.env))
        items_of = self.grouped("attention")
        for kind in filter(items_of.get, ATTENTION):
            items = items_of[kind]
            details = ATTENTION[kind].details(items)
            named = [" ".join(filter(None, (item.name, details.get(item)))) for item in items]
            if len(self) == 1:
                named = [details[self]] if self in details else []
            lines.append(f"{labels[kind]} ({items._join_names(named)})" if named else labels[kind])
        return lines

    @api.model
    def _join_names(self, names):
        """Return the first few names, and how many more there are."""
        shown = names[:NAMED_AT_MOST]
        if len(names) > NAMED_AT_MOST:
            shown = [*shown, self.env._("%(count)s more", count=len(names) - NAMED_AT_MOST)]
        return ", ".join(shown)

    def _get_failures(self, failure_type):
        """Return the first signal that failed and Cloudprinter's answer, by item."""
        failed = self.signal_ids.filtered(lambda s: s.state == "error" and s.failure_type == failure_type).sorted("id")
        return {s.item_id: f"{s.label}: {s.answer}" if s.answer else s.label for s in failed[::-1]}

    def _get_cancellation_dates(self):
        """Return when Cloudprinter accepted the cancellation, by item."""
        sent = self.signal_ids.filtered(lambda s: s.type == "ItemCanceled" and s.state == "sent")
        return {s.item_id: format_datetime(self.env, s.sent_date, dt_format="short") for s in sent}

    def _get_failed_files(self, failure_type):
        """Return the types of the files that failed, by item."""
        failed = self.order_id.file_ids.filtered(
            lambda file: file.state == "error" and file.failure_type == failure_type
        )
        return {
            item: self._join_names(
                [
                    file.type or self.env._("file")
                    for file in failed
                    if file.item_id == item or (not file.item_id and file.order_id == item.order_id)
                ]
            )
            for item in self
        }

    def _get_checked_files(self, state):
        """Return the types of the files in which something was found, and what it is, by item."""
        return {
            item: self._join_names(
                [
                    ": ".join(filter(None, (file.type, file.check_summary)))
                    for file in item.file_ids
                    if file.check_state == state
                ]
            )
            for item in self
        }

    def _reject_for_files(self):
        """Open the dialog for canceling the item, filled in with what is wrong with its files."""
        cause, message = self.file_ids._get_rejection()
        context = {"default_cause": cause, "default_message": message} if cause else {}
        return _cancel(self, **context)

    def _open_last_delivery(self):
        """Open the dialog for the tracking code of the last delivery, or of the item if it is no transfer."""
        picking = self._get_last_delivery()[0]
        if picking:
            return picking.action_cloudprinter_enter_tracking()
        return self.with_context(default_kind="shipped").action_report()

    def action_next_step(self):
        """Do what the button of this kind of attention says."""
        self.ensure_one()
        # what was shown and confirmed may no longer be what is needed
        if not self.attention or self.attention not in self.env.context.get("attention_kinds", ATTENTION):
            raise UserError(self.env._("This has already been handled. Reload the page."))
        return ATTENTION[self.attention].action(self)
