import json
import logging
from collections import defaultdict

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.modules import Manifest
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..ledger import Store, make_entry, number_entries, verify
from ..tools.discreet import discreet, log_failure

_logger = logging.getLogger(__name__)

WAITING_AT_ONCE = 1000
KINDS = [
    ("accepted", "Accepted by Cloudprinter"),
    ("refused", "Refused"),
    ("own", "Signal Failed"),
    ("apart", "Bundle Split"),
    ("outage", "Cloudprinter Was Not Available"),
    ("expired", "Not Accepted in 7 Days"),
    ("queued", "Decided to Send"),
    ("discarded", "Discarded"),
    ("withdrawn", "Withdrawn"),
    ("before", "Reported Before Odoo"),
    ("changed", "Changed Before It Was Accepted"),
    ("found", "Found by the Update"),
    ("begin", "Ledger Begun"),
    ("overruled", "File Accepted All the Same"),
    ("closing", "Month Closed"),
    ("settings", "Settings Changed"),
    ("name", "Name"),
    ("retention", "Attempts Deleted"),
    ("erased", "Texts Erased"),
    ("export", "Exported"),
    ("seal", "Sealed"),
    ("stamp", "Time-Stamped"),
]


class CloudprinterLedgerEntry(models.Model):
    """One fact in the ledger: a POST with all its signals, a decision of a user, or a deletion.

    It is written in the transaction of the fact, without a number. Only the sender numbers entries and chains them with
    hashes, from the head row: users would wait for each other, and for the sender. It completes its own at once.

    The rules are in `ledger/verify.py`, all SQL in `ledger/store.py`.
    """

    _name = "cloudprinter.ledger.entry"
    _inherit = ["cloudprinter.evidence"]
    _description = "Ledger Entry"
    _order = "number desc, id desc"
    _log_access = False
    _rec_name = "number"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="restrict")
    number = fields.Integer("No.", readonly=True, aggregator=None, help="Assigned by the sender, without gaps.")
    date = fields.Char("Date (UTC)", required=True, readonly=True)
    kind = fields.Selection(KINDS, required=True, readonly=True)
    order_id = fields.Many2one("cloudprinter.order", readonly=True, ondelete="restrict")
    subject = fields.Char(readonly=True, help="What has the name: its model and id.")
    content = fields.Text(required=True, readonly=True)
    private = fields.Text(
        "Private Texts", readonly=True, help="The content has only their digests: they can be erased."
    )
    previous_hash = fields.Char(readonly=True)
    hash = fields.Char(readonly=True)

    # not unique: a forged head must not keep the sender from sending
    _chain_idx = models.Index("(company_id, number, id)")
    _waiting_idx = models.Index("(id) WHERE number IS NULL")
    _order_idx = models.Index("(order_id, id) WHERE order_id IS NOT NULL")
    _subject_idx = models.Index("(company_id, subject, id) WHERE subject IS NOT NULL")
    _other_idx = models.Index("(company_id, kind, number) WHERE order_id IS NULL")

    # === adding === #

    @api.model
    def _add(self, kind, signal_ids, company_id=None, with_attempts=False):
        """Record signals as they are now, one entry per company and order.

        :param company_id: in whose ledger, by default that of each signal
        :param bool with_attempts: record their attempts again too
        """
        self.env["cloudprinter.order"].flush_model(["name"])
        self.env["cloudprinter.item"].flush_model(["name", "product_id"])
        store, groups = Store(self.env.cr), defaultdict(list)
        attempts = store.read_rows("attempts", store.get_attempt_ids(signal_ids)) if with_attempts else []
        for row in store.read_rows("signals", signal_ids):
            groups[company_id or row["company_id"], row["order_id"]].append(row)
        date, facts = fields.Datetime.to_string(fields.Datetime.now()), {"user": self._get_user_id()}
        self._write_waiting(
            [
                (
                    company_id,
                    kind,
                    date,
                    facts,
                    {
                        "order_id": order_id,
                        "signals": signals,
                        "attempts": [a for a in attempts if any(s["id"] in a["signal_ids"] for s in signals)],
                    },
                )
                for (company_id, order_id), signals in groups.items()
            ]
        )

    @api.model
    def _add_fact(self, company, kind, about=None, **facts):
        """Record something that is not about signals.

        :param dict about: its order and private text, as for `make_entry`
        """
        date = fields.Datetime.to_string(fields.Datetime.now())
        self._write_waiting([(company.id, kind, date, {"user": self._get_user_id(), **facts}, about or {})])

    @api.model
    def _add_posts(self, requests):
        """Mark attempts as applied and chain an entry about each, with its signals as they are now."""
        store = Store(self.env.cr)
        attempts = store.mark_applied(requests.ids)
        requests.invalidate_recordset(["applied"], flush=False)
        ids = {signal_id for attempt in attempts for signal_id in attempt["signal_ids"]}
        signals = {row["id"]: row for row in store.read_rows("signals", ids)}
        facts = []
        for attempt in attempts:
            members = [signals[signal_id] for signal_id in attempt["signal_ids"]]
            # its links may have been deleted by SQL
            order_id = members[0]["order_id"] if members else None
            about = {"order_id": order_id, "signals": members, "attempts": [attempt]}
            facts.append((attempt["company_id"], attempt["verdict"], attempt["date"], {}, about))
        self._chain(self._make_entries(facts))

    @api.model
    def _get_user_id(self):
        # Odoo switches to the superuser when it confirms and procures
        return self.env.uid if self.env.uid != SUPERUSER_ID else self.env.transaction.default_env.uid

    @api.model
    def _write_waiting(self, facts):
        if facts:
            Store(self.env.cr).insert(self._make_entries(facts))
            self.env["cloudprinter.signal"]._wake_sender()

    @api.model
    def _make_entries(self, facts):
        """Return entries without numbers, after those of names that are new.

        :param list facts: of (company id, kind, date, dict, what it is about as for `make_entry`)
        :rtype: list[dict]
        """
        entries, subjects = [], defaultdict(set)
        for company_id, kind, date, values, about in facts:
            rows = about.get("signals", ())
            products = {str(row["item_id"]): row["product_id"] for row in rows if row["product_id"]}
            subjects[company_id].update(("product.product", product_id) for product_id in products.values())
            users = {values.get("user"), *(row["user_id"] for row in rows)}
            subjects[company_id].update(("res.users", user_id) for user_id in users if user_id)
            entries.append(make_entry(company_id, kind, date, {**values, "products": products}, **about))
        names = [
            make_entry(company_id, "name", facts[0][2], {}, subject=subject, name=name)
            for company_id, members in subjects.items()
            for subject, name in self._find_new_names(company_id, members)
        ]
        return [*names, *entries]

    @api.model
    def _find_new_names(self, company_id, subjects):
        """Return (subject, name) of what has another name than in the last entry about it."""
        # the ORM would take longer than all the rest
        found = Store(self.env.cr).get_names(
            company_id,
            [res_id for model, res_id in subjects if model == "res.users"],
            [res_id for model, res_id in subjects if model == "product.product"],
        )
        return [
            (subject, name)
            for subject, name, private in found
            if read_private({"private": private}).get("name") != name
        ]

    @api.model
    def _chain_existing(self):
        """Record what is in a database that had no chain, one entry per order, and chain it.

        It says how the ledger was then, and proves nothing of the time before.
        """
        store, date = Store(self.env.cr), fields.Datetime.to_string(fields.Datetime.now())
        for order_ids in store.get_order_ids():
            groups = defaultdict(list)
            for row in store.read_signals_of(order_ids):
                if row["attempt_count"] or row["decided"]:
                    groups[row["company_id"], row["order_id"]].append(row)
            ids = [row["id"] for rows in groups.values() for row in rows]
            of_order = {row["id"]: row["order_id"] for rows in groups.values() for row in rows}
            attempts = defaultdict(list)
            for attempt in store.read_rows("attempts", store.get_attempt_ids(ids)):
                for order_id in {of_order.get(signal_id) for signal_id in attempt["signal_ids"]}:
                    attempts[order_id].append(attempt)
            store.insert(
                self._make_entries(
                    [
                        (
                            company_id,
                            "found",
                            date,
                            {},
                            {"order_id": order_id, "signals": rows, "attempts": attempts[order_id]},
                        )
                        for (company_id, order_id), rows in groups.items()
                    ]
                )
            )
        self._add_unlinked(store, date)
        self._chain()

    @api.model
    def _add_unlinked(self, store, date):
        """Record attempts whose signals were deleted, which older versions allowed."""
        # companies are few: pylint: disable=no-search-all
        for company in self.env["res.company"].with_context(active_test=False).search([]):
            ids = store.get_unlinked_attempt_ids(company.id)
            for start in range(0, len(ids), WAITING_AT_ONCE):
                rows = store.read_rows("attempts", ids[start : start + WAITING_AT_ONCE])
                store.insert(self._make_entries([(company.id, "found", date, {}, {"attempts": rows})]))

    # === chaining: only by the sender === #

    @api.model
    def _chain(self, own=()):
        """Number all entries that wait, then the sender's own.

        Where the chain of a company cannot go on, its entries are kept without numbers, which the check reports:
        signals are sent all the same, and the other companies' chains go on.

        :param own: entries that are not written yet
        """
        store, mine = Store(self.env.cr), defaultdict(list)
        for entry in own:
            mine[entry["company_id"]].append(entry)
        for company_id in sorted({*mine, *store.get_waiting_company_ids()}):
            try:
                with discreet(self.env.cr), self.env.cr.savepoint(flush=False):
                    self._chain_company(store, company_id, mine[company_id])
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                raise
            except Exception:
                log_failure(_logger, "Cloudprinter: the ledger of company %s cannot be continued", company_id)
                for entry in mine[company_id]:
                    entry.update(number=None, previous_hash=None, hash=None)
                store.insert(mine[company_id])

    @api.model
    def _chain_company(self, store, company_id, own):
        heads, last = store.get_heads([company_id]), 0
        # from the last on, or PostgreSQL would pass over all that have got a number in this transaction
        while waiting := store.get_waiting(company_id, last, WAITING_AT_ONCE):
            store.insert(number_entries(waiting, heads, self._make_begin))
            store.number(waiting)
            last = waiting[-1]["id"]
        store.insert(number_entries(own, heads, self._make_begin))
        store.insert(own)
        store.write_heads(heads)

    @api.model
    def _make_begin(self, company_id):
        facts = {
            "database": self.env["ir.config_parameter"].sudo().get_param("database.uuid"),
            "company": company_id,
            "version": Manifest.for_addon("cloudprinter")["version"],
        }
        return make_entry(company_id, "begin", fields.Datetime.to_string(fields.Datetime.now()), facts)

    # === reading and erasing === #

    def _read_content(self):
        self.ensure_one()
        return verify.read_content(verify.Chain(self.company_id.id), {"id": self.id, "content": self.content})

    def action_erase(self):
        """Erase the private texts of these entries. What else they say stays, and the chain too."""
        if not self.env.user.has_group("base.group_system"):
            raise AccessError(self.env._("Only administrators may do this."))
        self.check_access("read")
        if not all(self.mapped("number")):
            raise UserError(self.env._("The last entries have no number yet. Try again in a minute."))
        for company, entries in self.grouped("company_id").items():
            entries.sudo()._update({"private": False})
            self.sudo()._add_fact(company, "erased", erased=sorted(entries.mapped("number")))


def read_private(entry):
    """Return the private texts of an entry, none if they cannot be read."""
    try:
        return dict(json.loads(entry["private"] or "{}"))
    except (TypeError, ValueError, RecursionError):
        return {}
