from datetime import datetime, time, timedelta

import pytz
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, clean_context, formatLang

KINDS = [
    ("to_accrue", "To Accrue"),
    ("to_defer", "To Defer"),
    ("to_credit", "Canceled but Invoiced"),
    ("differs", "Amount Differs"),
    ("not_comparable", "Cannot Be Compared"),
    ("returned", "Shipped and Returned"),
    ("not_reported", "Not Reported"),
    ("credit_note", "Credit Notes Without an Order"),
    ("statement", "Statements With Open Lines"),
]
# the columns of the balance that make a list of orders
BY_ORDER = {"to_credit": "amount_to_credit", "differs": "amount_difference"}
KEY = ("kind", "part", "order_id", "item_id", "move_line_id", "statement_id")


class CloudprinterClosing(models.Model):
    """The end of a month: all that is not settled by its last day, each list empty or explained.

    Until it is closed, the lists follow the orders. Then their rows are kept: when an item was canceled is not known
    later, so what changes afterwards can only be shown by comparing.
    """

    _name = "cloudprinter.closing"
    _description = "Cloudprinter Month-End"
    _order = "date desc, id desc"
    _rec_name = "date"

    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    date = fields.Date("Last Day", required=True, readonly=True)
    state = fields.Selection([("draft", "Open"), ("closed", "Closed")], default="draft", required=True, readonly=True)
    closed_by_id = fields.Many2one("res.users", "Closed By", readonly=True)
    closed_date = fields.Datetime("Closed On", readonly=True)
    list_ids = fields.One2many("cloudprinter.closing.list", "closing_id", "Lists")
    line_ids = fields.One2many("cloudprinter.closing.line", "closing_id", "Rows", readonly=True)
    open_count = fields.Integer("Lists to Explain", compute="_compute_open_count")
    change_count = fields.Integer("Changed Since", compute="_compute_change_count")

    _date_uniq = models.Constraint("unique (company_id, date)", "This month already exists.")
    _last_day = models.Constraint("CHECK (EXTRACT(DAY FROM date + 1) = 1)", "This is not the last day of a month.")

    @api.depends("list_ids.count", "list_ids.note")
    def _compute_open_count(self):
        for closing in self:
            closing.open_count = len(closing.list_ids.filtered(lambda row: row.count and not row.note))

    @api.depends("line_ids.change")
    def _compute_change_count(self):
        for closing in self:
            closing.change_count = len(closing.line_ids.filtered("change"))

    @api.depends("date", "company_id")
    def _compute_display_name(self):
        for closing in self:
            closing.display_name = closing.date and closing.date.strftime("%Y-%m")

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if not vals.keys() <= {"company_id", "date"}:
                raise UserError(self.env._("A month is closed with its own button."))
        # default_* values of the caller must not reach new records
        self = self.with_context(clean_context(self.env.context))  # pylint: disable=context-overridden
        closings = super().create(vals_list)
        self.env["cloudprinter.closing.list"].sudo().create(
            [{"closing_id": closing.id, "kind": kind} for closing in closings for kind, _label in KINDS]
        )
        return closings

    def write(self, vals):
        if not vals.keys() <= {"list_ids"}:
            raise UserError(self.env._("A month is closed with its own button."))
        return super().write(vals)

    # === actions === #

    @api.model
    def action_open_month(self):
        """Open the last month that is over, with its lists as they are now. Months that were skipped are created too.

        :raises UserError: the month does not exist, and the user may not create it
        """
        zone = pytz.timezone(self.env.company._cloudprinter_zone())
        today = pytz.utc.localize(fields.Datetime.now()).astimezone(zone).date()
        last_day = today.replace(day=1) - timedelta(days=1)
        own = [("company_id", "=", self.env.company.id)]
        newest = self.search([*own, ("date", "<=", last_day)], limit=1)
        missing = self._get_days_until(last_day, newest.date)
        if missing and not self.has_access("create"):
            raise UserError(self.env._("An accountant has not opened this month yet."))
        values = [{"company_id": self.env.company.id, "date": day} for day in missing]
        opened = self.create(values) if missing else newest
        opened._refresh()
        # changes of the month before are shown there
        self.search([*own, ("date", "<", last_day), ("state", "=", "closed")], limit=1)._refresh()
        return opened[-1]._get_records_action(name=self.env._("Month-End"))

    def _get_days_until(self, last_day, newest=None):
        """Return the last days of the months after `newest` up to `last_day`; only `last_day` if there was none."""
        days = []
        day = last_day
        while day > newest if newest else not days:
            days.append(day)
            day = day.replace(day=1) - timedelta(days=1)
        return days[::-1]

    def action_refresh(self):
        """Read the lists again. Of a closed month, compare them with the rows that were kept."""
        self._refresh()

    def action_close(self):  # pylint: disable=missing-return
        """Keep the rows of all lists as they are now.

        :raises UserError: a list is neither empty nor explained
        """
        self.ensure_one()
        self.check_access("write")
        if self.state == "closed":
            raise UserError(self.env._("This month is already closed."))
        self._refresh()
        missing = self.list_ids.filtered(lambda row: row.count and not row.note)
        if missing:
            kinds = dict(self.list_ids._fields["kind"]._description_selection(self.env))
            raise UserError(self.env._("Explain these lists first: %s.", ", ".join(kinds[row.kind] for row in missing)))
        super().write({"state": "closed", "closed_by_id": self.env.uid, "closed_date": fields.Datetime.now()})
        self._record_in_ledger()

    def action_open_changes(self):
        """Show the rows that are no longer what they were when the month was closed."""
        lines = self.line_ids.filtered("change")
        return {**lines._get_action(), "name": self.env._("Changed Since the Month Was Closed")}

    def _record_in_ledger(self):
        """Record in the ledger that the month was closed, with its lists, sums and explanations."""
        lists = {row.kind: {"count": row.count, "sums": row.sums or ""} for row in self.list_ids if row.count}
        notes = "\n".join(f"{row.kind}: {row.note}" for row in self.list_ids if row.note)
        # explanations are texts of users, which may have to be erased
        about = {"subject": f"{self._name},{self.id}", "name": notes} if notes else None
        entries = self.env["cloudprinter.ledger.entry"].sudo()
        entries._add_fact(self.company_id, "closing", about, date=fields.Date.to_string(self.date), lists=lists)

    # === rows === #

    def _get_first_day(self):
        return self.date + relativedelta(day=1)

    def _get_moment(self, day):
        """Return the beginning of a day of the company (naive UTC)."""
        zone = pytz.timezone(self.company_id._cloudprinter_zone())
        return zone.localize(datetime.combine(day, time.min)).astimezone(pytz.utc).replace(tzinfo=None)

    def _get_cut(self):
        """Return when the month was over for the company (naive UTC)."""
        return self._get_moment(self.date + timedelta(days=1))

    def _refresh(self):
        for closing in self:
            closing.check_access("read")
            # rows are written by the add-on alone
            clean = closing.with_context(clean_context(self.env.context))  # pylint: disable=context-overridden
            clean.sudo()._refresh_rows()

    def _refresh_rows(self):
        found = self._collect()
        if self.state == "closed":
            self._compare(found)
            return
        self.line_ids.unlink()
        self._create_rows(found)

    def _compare(self, found):
        """Write on the kept rows what they would be now, and add those that are new."""
        gone = {line._get_key(): line for line in self.line_ids}
        new = []
        for vals in found:
            line = gone.pop(tuple(vals.get(name, False) for name in KEY), None)
            if line:
                line._write_now(vals["amount"])
            else:
                new.append({**vals, "amount": 0, "amount_now": vals["amount"], "change": "new"})
        for line in gone.values():
            line._write_now(None)
        self._create_rows(new)

    def _create_rows(self, vals_list):
        list_of = {row.kind: row.id for row in self.list_ids}
        # while they are cached, each new row would be looked for among those before it
        self.invalidate_recordset(["line_ids"])
        self.env["cloudprinter.closing.line"].create(
            [
                {**{name: value for name, value in vals.items() if name != "kind"}, "list_id": list_of[vals["kind"]]}
                for vals in vals_list
            ]
        )

    def _collect(self):
        """Return the rows of all lists, as they are at the end of the month.

        :rtype: list[dict]
        """
        balances = self._read_balances()
        rows = []
        for row in balances:
            for kind, column in BY_ORDER.items():
                if row[column] and (kind != "differs" or self._is_concerned(row)):
                    rows.append(self._prepare_row(kind, row, row[column]))
            if row["billing_issue"] and self._is_concerned(row):
                rows.append(self._prepare_row("not_comparable", row, row["amount_owed"]))
        rows += self._collect_accruals(balances)
        rows += self._collect_items("returned", self._get_returned_domain())
        rows += self._collect_items("not_reported", self._get_unreported_domain())
        rows += self._collect_credit_notes()
        rows += self._collect_statements()
        return rows

    def _is_concerned(self, row):
        """Return whether something of an order happened by the end of the month."""
        return row["has_left"] or row["amount_invoiced"] or row["amount_down_payment"]

    def _prepare_row(self, kind, row, amount, part="order", **values):
        return {
            "kind": kind,
            "part": part,
            "order_id": row["order_id"],
            "currency_id": row["billing_currency_id"],
            "amount": amount,
            **values,
        }

    def _read_balances(self):
        """Return the balances at the end of the month of the orders that are in a list."""
        query = self.env["cloudprinter.balance"]._get_query("order", day=self.date, cut=self._get_cut())
        return self.env.execute_query_dict(
            SQL(
                "SELECT * FROM (%s) found WHERE company_id = %s AND (amount_to_accrue <> 0 OR amount_to_defer <> 0"
                " OR amount_to_credit <> 0 OR amount_difference <> 0 OR billing_issue IS NOT NULL) ORDER BY order_id",
                query,
                self.company_id.id,
            )
        )

    def _collect_accruals(self, balances):
        """Return the rows of what is to accrue and to defer: items, freight, and what was paid in advance."""
        accrued = [row for row in balances if row["amount_to_accrue"] or row["amount_to_defer"]]
        query = self.env["cloudprinter.balance"]._get_query(
            "item", [row["order_id"] for row in accrued], self.date, self._get_cut()
        )
        found = self.env.execute_query(
            SQL(
                "SELECT order_id, item_id, amount_to_accrue, amount_to_defer FROM (%s) found"
                " WHERE amount_to_accrue <> 0 OR amount_to_defer <> 0 ORDER BY item_id",
                query,
            )
        )
        items_of = {}
        for order_id, item_id, *amounts in found:
            items_of.setdefault(order_id, []).append((item_id, *amounts))
        rows = []
        for row in accrued:
            for position, kind in enumerate(("to_accrue", "to_defer"), 1):
                parts = [
                    self._prepare_row(kind, row, item[position], "item", item_id=item[0])
                    for item in items_of.get(row["order_id"], ())
                ]
                parts.append(self._prepare_row(kind, row, row[f"freight_{kind}"], "freight"))
                rest = row[f"amount_{kind}"] - sum(part["amount"] for part in parts)
                parts.append(self._prepare_row(kind, row, round(rest, 6), "advance"))
                rows += [part for part in parts if part["amount"]]
        return rows

    def _get_returned_domain(self):
        return [
            ("is_returned", "=", True),
            ("shipped_date", ">=", self._get_moment(self._get_first_day())),
            ("shipped_date", "<", self._get_cut()),
        ]

    def _get_unreported_domain(self):
        accepted = [("type", "=", "ItemShipped"), ("state", "=", "sent"), ("correction_of_id", "=", False)]
        return [
            ("stage", "=", "shipped"),
            ("shipped_date", "<", self._get_cut()),
            ("signal_ids", "not any", accepted),
        ]

    def _collect_items(self, kind, domain):
        items = self.env["cloudprinter.item"].search(
            [("company_id", "=", self.company_id.id), ("order_id.is_test", "=", False), *domain]
        )
        return [
            {
                "kind": kind,
                "part": "item",
                "order_id": item.order_id.id,
                "item_id": item.id,
                "currency_id": item.billing_currency_id.id,
                "amount": item.amount_owed,
            }
            for item in items
        ]

    def _collect_credit_notes(self):
        lines = self.env["account.move.line"]
        domain = lines._cloudprinter_get_unassigned_domain(self.company_id)
        return [
            {
                "kind": "credit_note",
                "part": "move",
                "move_line_id": line.id,
                "currency_id": line.currency_id.id,
                "amount": -line.amount_currency,
            }
            for line in lines.search([*domain, ("date", "<=", self.date)])
        ]

    def _collect_statements(self):
        # most of the lines of all years are settled, and are not read
        found = self.env["cloudprinter.statement.line"]._read_group(
            [
                ("company_id", "=", self.company_id.id),
                ("statement_id.date_to", "<=", self.date),
                ("is_settled", "=", False),
            ],
            ["statement_id"],
            ["amount:sum"],
        )
        return [
            {
                "kind": "statement",
                "part": "statement",
                "statement_id": statement.id,
                "currency_id": statement.currency_id.id,
                "amount": amount,
            }
            for statement, amount in found
        ]

    def _format_sums(self, lines, name="amount"):
        """Return the sums of rows per currency, for example `EUR 12.00, USD 3.00`."""
        sums = lines.grouped("currency_id")
        return ", ".join(
            f"{currency.name or '?'} "
            + formatLang(self.env, sum(rows.mapped(name)), digits=currency.decimal_places if currency else 2)
            for currency, rows in sorted(sums.items(), key=lambda pair: pair[0].name or "")
        )
