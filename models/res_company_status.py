from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.tools import format_datetime

from ..delivery.circuit import KEY_ORDERS, REFUSED_ORDERS
from .cloudprinter_order_document import ANSWER_WITHIN, OPEN

LATE_AFTER = timedelta(minutes=30)
LONG_OUTAGE = timedelta(hours=1)
# Codes and how urgent they are: 0 nothing to do, 1 look at it today, 2 nothing is sent until someone acts.
SEVERITIES = {
    "ok": 0,
    "copy": 2,
    "neutralized": 1,
    "hold": 1,
    "no_key": 1,
    "no_url": 2,
    "key_refused": 2,
    "refusals": 2,
    "cron_inactive": 2,
    "cron_failing": 2,
    "signals_late": 2,
    "outage": 1,
    "long_outage": 2,
    "order_failing": 1,
    "orders_overdue": 1,
    "signals_refused": 1,
}
# what an administrator has chosen matters only if something is held back
CHOSEN = ("neutralized", "hold", "no_key")


class ResCompany(models.Model):
    """The status of companies, for screens and monitoring."""

    _inherit = "res.company"

    def cloudprinter_status(self):
        """Return why nothing is sent to Cloudprinter, what waits, and how urgent that is.

        Called without ids, it covers all companies that the user may see: counts are added up, and `code`, `severity`
        and `reason` are those of the company that is worst off.

        :rtype: dict
        :returns: `code` and `severity` (a key of `SEVERITIES` and its value), `reason` (text for users why nothing is
            sent, or False), `outgoing`, `waiting`, `error` (counts of signals), `oldest_due` (UTC, when the oldest due
            signal should have been sent, or False), `oldest_waiting` (UTC, when what the oldest signal that needs input
            reports happened, or False), `last_accepted` (UTC, or False), `orders_waiting`, `orders_overdue` (counts of
            incoming orders that need a user, and that Cloudprinter has had no answer to for 15 minutes); except of a
            single company also `companies`: its own dict for each, with `id` and `name`
        """
        if not self.env.su and not self.env.user._is_internal():
            raise AccessError(self.env._("Only internal users may read this."))
        # a monitor asks for all of them: pylint: disable=no-search-all
        companies = self or self.search([])
        companies.check_access("read")
        statuses = [company._cloudprinter_get_status() for company in companies]
        if len(self) == 1:
            return statuses[0]
        counts = ("outgoing", "waiting", "error", "orders_waiting", "orders_overdue")
        return {
            **max(statuses, key=lambda status: status["severity"]),
            **{name: sum(status[name] for status in statuses) for name in counts},
            **{
                name: choose(filter(None, (status[name] for status in statuses)), default=False)
                for name, choose in {"oldest_due": min, "oldest_waiting": min, "last_accepted": max}.items()
            },
            "companies": [
                {"id": company.id, "name": company.sudo().name, **status}
                for company, status in zip(companies, statuses)
            ],
        }

    def _cloudprinter_get_status(self):
        """Return the status of one company."""
        self.ensure_one()
        # the counts are not secret, and this must also work for administrators without access to signals
        signals = self.env["cloudprinter.signal"].sudo()
        mine = ("company_id", "=", self.id)
        rows = signals._read_group(
            [mine, ("state", "in", ("outgoing", "waiting", "error"))], ["state"], ["__count", "event_date:min"]
        )
        counts = dict.fromkeys(("outgoing", "waiting", "error"), 0) | {state: count for state, count, _date in rows}
        [[oldest_due]] = signals._read_group(
            [mine, ("state", "=", "outgoing"), ("next_attempt_date", "<=", fields.Datetime.now())],
            aggregates=["next_attempt_date:min"],
        )
        last = signals.search_fetch([mine, ("number", ">", 0)], ["sent_date"], order="number desc", limit=1)
        code, reason = self._cloudprinter_find_problem(oldest_due)
        orders = self._cloudprinter_count_orders()
        codes = [code]
        if code in CHOSEN and not counts["outgoing"]:
            codes = ["ok"]
        codes += ["orders_overdue"] if orders["orders_overdue"] else []
        codes += ["signals_refused"] if counts["error"] else []
        worst = max(codes, key=SEVERITIES.get)
        return {
            "code": worst if SEVERITIES[worst] else code,
            "severity": SEVERITIES[worst],
            "reason": reason,
            **counts,
            "oldest_due": oldest_due or False,
            "oldest_waiting": {state: date for state, _count, date in rows}.get("waiting", False),
            "last_accepted": last.sent_date,
            **orders,
        }

    def _cloudprinter_count_orders(self):
        documents = self.env["cloudprinter.order.document"].sudo()
        mine = ("company_id", "=", self.id)
        late = fields.Datetime.now() - ANSWER_WITHIN
        return {
            "orders_waiting": documents.search_count([mine, ("state", "=", "waiting")]),
            "orders_overdue": documents.search_count(
                [
                    mine,
                    ("state", "in", OPEN),
                    ("received_date", "<", late),
                    # these were answered before they changed
                    ("failure_type", "not in", ("changed", "canceled")),
                ]
            ),
        }

    def _cloudprinter_find_problem(self, oldest_due):
        """Return the code of the reason why nothing is sent, and its text for users; "ok" and False if there is none.

        :param oldest_due: when the oldest due signal should have been sent, or None
        """
        obstacle = self._cloudprinter_obstacle()
        if obstacle:
            return obstacle, self._cloudprinter_describe_obstacle(obstacle)
        cron = self.env.ref("cloudprinter.ir_cron_send", raise_if_not_found=False)
        if not cron or not cron.sudo().active:
            return "cron_inactive", self.env._("The scheduled action “Cloudprinter: send signals” is not active.")
        cron = cron.sudo()
        if cron.failure_count:
            return "cron_failing", self.env._(
                "The scheduled action “Cloudprinter: send signals” has failed %(count)s times since %(date)s."
                " See the server log.",
                count=cron.failure_count,
                date=format_datetime(self.env, cron.first_failure_date),
            )
        outage = self._cloudprinter_circuit().outage
        late = fields.Datetime.now() - LATE_AFTER
        if oldest_due and oldest_due < late and (not outage or outage.retry_date < late):
            return "signals_late", self.env._(
                "Signals due since %(date)s have not been sent. The scheduled action last ran: %(last_run)s."
                " Check Odoo's workers and the server log.",
                date=format_datetime(self.env, oldest_due),
                last_run=format_datetime(self.env, cron.lastcall) if cron.lastcall else self.env._("never"),
            )
        if outage and len(outage.order_ids) == 1:
            return "order_failing", self.env._(
                "Cloudprinter has not accepted the last signal, of order %(order)s, since %(date)s. The next order"
                " will show whether it accepts others.",
                order=self.env["cloudprinter.order"].sudo().browse(outage.order_ids).name,
                date=format_datetime(self.env, outage.since),
            )
        if outage:
            is_long = outage.since < fields.Datetime.now() - LONG_OUTAGE
            return "long_outage" if is_long else "outage", self.env._(
                "Cloudprinter has not responded correctly since %(date)s. Signals are sent as soon as it does.",
                date=format_datetime(self.env, outage.since),
            )
        return "ok", False

    def _cloudprinter_describe_obstacle(self, obstacle):
        return {
            "copy": self.env._("This looks like a copy of the database in which the key was saved. Nothing is sent."),
            "neutralized": self.env._("This database is neutralized. Nothing is sent."),
            "hold": self.env._("Sending is on hold. Signals are recorded but not sent."),
            "no_key": self.env._("The CloudSignal API key is missing. Signals are recorded but not sent."),
            "no_url": self.env._("The CloudSignal address is not valid. Signals are recorded but not sent."),
            "key_refused": self.env._(
                "Cloudprinter refused the API key for %(count)s orders in a row. Enter the correct one, or resume.",
                count=KEY_ORDERS,
            ),
            "refusals": self.env._(
                "Cloudprinter refused the last %(count)s orders. Nothing is sent until an administrator resumes.",
                count=REFUSED_ORDERS,
            ),
        }[obstacle]
