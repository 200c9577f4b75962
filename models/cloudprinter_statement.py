from collections import defaultdict
from decimal import Decimal

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import formatLang

from ..statement import CATEGORIES, ROUNDING, Facts, categorize, compare_together
from ..tools.rights import check_values
from .cloudprinter_statement_line import WHOLE

OWED = ("owed_items", "owed_freight")


class CloudprinterStatement(models.Model):
    """A statement of Cloudprinter: what it pays, line by line, compared with what is owed."""

    _name = "cloudprinter.statement"
    _description = "Cloudprinter Statement"
    _inherit = ["mail.thread"]
    _order = "date_to desc, id desc"

    name = fields.Char("Number", required=True, tracking=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    kind = fields.Selection(
        [("statement", "Statement"), ("self_billing", "Self-billing invoice")],
        default="statement",
        required=True,
        help="A self-billing invoice is the invoice: its number is set on the one that is created of it.",
    )
    date_from = fields.Date("From", required=True)
    date_to = fields.Date("To", required=True)
    currency_id = fields.Many2one("res.currency", required=True)
    state = fields.Selection(
        [("draft", "To Check"), ("settled", "Settled")], default="draft", required=True, readonly=True, tracking=True
    )
    attachment_id = fields.Many2one("ir.attachment", "File", readonly=True, copy=False)
    checksum = fields.Char("SHA-256 of the File", readonly=True, copy=False)
    line_ids = fields.One2many("cloudprinter.statement.line", "statement_id", "Lines")
    amount_stated = fields.Monetary("Total on the Statement", tracking=True)
    amount_lines = fields.Monetary("Sum of the Lines", compute="_compute_amounts")
    open_count = fields.Integer("Lines to Decide", compute="_compute_amounts")
    summary = fields.Html(compute="_compute_summary")
    query_text = fields.Text("Query to Cloudprinter", compute="_compute_query_text")
    missing_count = fields.Integer("Not on It", compute="_compute_missing_count")
    move_id = fields.Many2one("account.move", "Invoice", readonly=True, copy=False)

    _checksum_uniq = models.Constraint("unique (company_id, checksum)", "This file was imported before.")

    @api.depends("line_ids.amount", "line_ids.is_fine")
    def _compute_amounts(self):
        for statement in self:
            statement.amount_lines = sum(statement.line_ids.mapped("amount"))
            statement.open_count = len(statement.line_ids.filtered(lambda line: not line.is_fine))

    @api.depends("line_ids.amount", "line_ids.category")
    @api.depends_context("lang")
    def _compute_summary(self):
        labels = dict(self.env["cloudprinter.statement.line"]._fields["category"]._description_selection(self.env))
        for statement in self:
            rows = Markup()
            lines_of = statement.line_ids.grouped("category")
            for category in CATEGORIES:
                lines = lines_of.get(category.name)
                if lines:
                    amount = formatLang(self.env, sum(lines.mapped("amount")), currency_obj=statement.currency_id)
                    rows += Markup("<tr><td>%s</td><td class='text-end'>%s</td><td class='text-end'>%s</td></tr>") % (
                        labels[category.name],
                        len(lines),
                        amount,
                    )
            statement.summary = rows and Markup("<table class='table table-sm'>%s</table>") % rows

    @api.depends("line_ids.category", "line_ids.is_accepted")
    def _compute_query_text(self):
        for statement in self:
            texts = [line._describe_for_cloudprinter() for line in statement.line_ids if not line.is_fine]
            # it is for Cloudprinter, and therefore English
            opening = f"Please check these lines of your statement {statement.name}:"
            statement.query_text = "\n".join([opening, "", *texts]) if texts else False

    @api.depends("date_from", "date_to", "line_ids.order_id", "line_ids.item_id", "line_ids.is_freight")
    def _compute_missing_count(self):
        for statement in self:
            domain = statement._get_missing_domain()
            statement.missing_count = self.env["cloudprinter.order"].search_count(domain)

    def _get_missing_domain(self):
        """Return the domain of the orders that were shipped in the period, with an item that is on no statement."""
        items = Domain("stage", "!=", "canceled") & Domain("statement_line_ids", "=", False)
        return [
            ("company_id", "=", self.company_id.id),
            ("shipped_day", ">=", self.date_from),
            ("shipped_day", "<=", self.date_to),
            ("statement_line_ids", "not any", WHOLE),
            ("item_ids", "any", items),
            ("amount_owed", ">", 0),
        ]

    def write(self, vals):
        if "settled" in self.mapped("state"):
            raise UserError(self.env._("This statement is settled, and can no longer be changed."))
        if not {"attachment_id", "checksum", "company_id", "state"}.isdisjoint(vals):
            raise UserError(self.env._("Import the file, and settle the statement with its own button."))
        check_values(self, vals)
        return super().write(vals)

    def unlink(self):
        self.check_access("unlink")
        # users may not delete rows; those of open months follow the statements
        self.sudo()._get_month_end_rows().filtered(lambda row: not row._is_kept()).unlink()
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_settled(self):
        if "settled" in self.mapped("state"):
            raise UserError(self.env._("A settled statement cannot be deleted."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_closed(self):
        kept = self.sudo()._get_month_end_rows().filtered(lambda row: row._is_kept())
        if kept:
            months = ", ".join(kept.closing_id.mapped("display_name"))
            raise UserError(
                self.env._("This statement cannot be deleted: it is in a month-end that is closed (%s).", months)
            )

    def _get_month_end_rows(self):
        return self.env["cloudprinter.closing.line"].search([("statement_id", "in", self.ids)])

    def _keep_file(self, name, data):  # pylint: disable=missing-return
        """Keep the file of which the statement was made."""
        attachment = self.env["ir.attachment"].create(
            {"name": name, "raw": data, "res_model": self._name, "res_id": self.id}
        )
        super().write({"attachment_id": attachment.id})

    # === actions === #

    def action_match(self):
        """Compare the lines again with what is owed now."""
        self.check_access("write")
        for statement in self:
            if statement.state == "draft":
                statement._match()

    def action_settle(self):  # pylint: disable=missing-return
        """Settle the lines that are right or were accepted. The others stay open.

        :raises UserError: the lines do not add up to the statement's total
        """
        self.ensure_one()
        self.check_access("write")
        self.action_match()
        if self.currency_id.compare_amounts(self.amount_lines, self.amount_stated):
            raise UserError(
                self.env._(
                    "The lines add up to %(lines)s, the statement's total is %(stated)s. Find out which lines are"
                    " missing, or correct the total.",
                    lines=formatLang(self.env, self.amount_lines, currency_obj=self.currency_id),
                    stated=formatLang(self.env, self.amount_stated, currency_obj=self.currency_id),
                )
            )
        self.line_ids.filtered("is_fine").sudo().is_settled = True
        super().write({"state": "settled"})

    def action_open_lines(self):
        """Show the lines by category."""
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.cloudprinter_statement_line_action")
        return {**action, "domain": [("statement_id", "=", self.id)]}

    def action_open_missing(self):
        """Show the orders that were shipped in the period, with an item that is on no statement."""
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.cloudprinter_order_reconcile_action")
        return {**action, "domain": self._get_missing_domain(), "context": {}}

    def action_create_invoice(self):
        """Create one invoice of all lines in order that are not invoiced, with the statement's number if it bills.

        :raises UserError: there is nothing to invoice, it cannot be one invoice, or it would not have the statement's
            amount
        """
        self.ensure_one()
        lines = self.line_ids.filtered("is_fine")
        sales = lines.order_id.sudo().sale_order_ids.with_env(self.env)
        sales = sales.filtered(lambda sale: sale.invoice_status == "to invoice")
        if not sales:
            raise UserError(self.env._("No line of this statement is still to be invoiced."))
        lines = lines.filtered(lambda line: line.order_id.sudo().sale_order_ids & sales)
        moves = sales._cloudprinter_create_invoices()
        if self.kind == "self_billing":
            if len(moves) > 1:
                raise UserError(
                    self.env._(
                        "These orders cannot be on one invoice: they have different customers, currencies or companies."
                    )
                )
            self._check_billed(lines, moves)
            moves.write({"ref": self.name, "payment_reference": self.name})
        super().write({"move_id": moves[:1].id})
        return moves._get_records_action(name=self.env._("Invoices"))

    def _check_billed(self, lines, move):
        """Check that an invoice with the statement's number has the amount of its lines, apart from rounding.

        :raises UserError: it has another amount, as if only one item of an order is on the statement
        """
        stated = sum(lines.mapped("amount"))
        if abs(stated - move.amount_untaxed) > float(ROUNDING) * len(lines) + self.currency_id.rounding / 2:
            raise UserError(
                self.env._(
                    "Odoo would invoice %(invoiced)s, but these lines of the statement are %(stated)s. First invoice by"
                    " hand the sales orders of which the statement pays only a part.",
                    invoiced=formatLang(self.env, move.amount_untaxed, currency_obj=self.currency_id),
                    stated=formatLang(self.env, stated, currency_obj=self.currency_id),
                )
            )

    # === matching === #

    def _match(self):
        """Find the order or item of each line, and what its amount means. Only what differs is written."""
        # users may not write lines
        lines = self.sudo().line_ids.sorted(lambda line: (line.number, line.id))
        for line, values in zip(lines, self._match_rows(lines)):
            current = {"category": line.category, "order_id": line.order_id.id, "item_id": line.item_id.id}
            current |= {name: line[name] for name in ("is_freight", *OWED)}
            values |= {name: line.currency_id.round(values[name]) for name in OWED}
            changed = {name: value for name, value in values.items() if current[name] != value}
            if not changed.keys().isdisjoint(("category", *OWED)):
                # a user accepted something else
                changed["is_accepted"] = False
            if changed:
                line.write(changed)

    def _match_rows(self, rows):
        """Return the values of lines, or of what will be lines, that follow from what is owed now.

        :param rows: objects with the fields of a line, in the order of the file
        :returns: list of values, one for each row
        """
        found = self._find_orders(rows)
        orders = self.env["cloudprinter.order"].sudo().union(*(order for order, _item in found))
        balances, items = self._read_balances(orders)
        settled = self._find_settled(orders)
        before = {(line.order_id.id, line.item_id.id) for line in settled}
        whole = set(settled.filtered("is_whole").order_id.ids)
        # their items have lines of their own, here or on an earlier statement
        apart = {order.id for order, item in found if item} | {order_id for order_id, item_id in before if item_id}
        seen, result, facts_of = set(), [], defaultdict(list)
        for row, (order, item) in zip(rows, found):
            own = order.company_id == self.company_id
            key = (order.id, item.id) if order else None
            is_freight = own and not item and order.id in apart
            facts = Facts(
                known=bool(order),
                own_company=own,
                repeated=key in seen,
                settled=key in before or order.id in whole,
                **(self._collect_facts(row, order, item, balances, items, is_freight) if own else {}),
            )
            seen.add(key)
            values = {
                "order_id": order.id if own else False,
                "item_id": item.id if own else False,
                "is_freight": is_freight,
            }
            result.append(values)
            facts_of[key].append((values, facts))
        for lines in facts_of.values():
            for (values, _facts), facts in zip(lines, compare_together([facts for _values, facts in lines])):
                values |= {
                    "category": categorize(facts),
                    "owed_items": float(facts.owed_items),
                    "owed_freight": float(facts.owed_freight),
                }
        return result

    def _find_orders(self, rows):
        """Return the order and item that each row is about: list of (order, item), each may be empty.

        Orders of other companies count too: the line is then said to be about another company, and no more. Item ids
        are unique only within an order, so a known order has to have the item.
        """
        items = self._find_named("item", "name", {row.item_ref for row in rows})
        orders = self._find_named("order", "name", {row.order_ref for row in rows})
        own = [("company_id", "=", self.company_id.id)]
        references = self._find_named("order", "reference", {row.reference for row in rows}, own)
        invoices = list(filter(None, {row.invoice_ref for row in rows}))
        moves = self.env["account.move"].search([("name", "in", invoices), *own])
        invoiced = {move.name: move.sudo().cloudprinter_order_ids for move in moves}
        nothing = self.env["cloudprinter.order"].sudo()
        result = []
        for row in rows:
            order = orders.get(row.order_ref, nothing)
            item = items.get(row.item_ref, nothing.item_ids)
            if row.item_ref:
                if order:
                    item = item.filtered(lambda item: item.order_id in order)  # noqa: B023
                item = self._get_only(item)
                order = item.order_id
            elif not row.order_ref:
                order = self._get_only(references.get(row.reference) or invoiced.get(row.invoice_ref, nothing))
            else:
                order = order[:1]
            result.append((order, item))
        return result

    def _get_only(self, records):
        """Return the only one of these orders or items that the statement's company has, else the only one, or none."""
        records = records.filtered(lambda record: record.company_id == self.company_id) or records
        return records if len(records) == 1 else records.browse()

    def _find_named(self, model, field, names, domain=()):
        """Return the orders or items with these names: name → records, those of the statement's company first."""
        records = self.env[f"cloudprinter.{model}"].sudo()
        records = records.search_fetch([(field, "in", list(filter(None, names))), *domain], [field, "company_id"])
        return records.sorted(lambda record: record.company_id != self.company_id).grouped(field)

    def _read_balances(self, orders):
        """Return the balances of orders and of their items, with what was shipped by the end of the period."""
        closing = self.env["cloudprinter.closing"].new({"company_id": self.company_id.id, "date": self.date_to})
        balance = self.env["cloudprinter.balance"]
        by_order, by_item = (
            {
                row[f"{of}_id"]: row
                for row in self.env.execute_query_dict(balance._get_query(of, orders.ids, cut=closing._get_cut()))
            }
            for of in ("order", "item")
        )
        return by_order, by_item

    def _find_settled(self, orders):
        """Return the lines of other statements that have settled something of these orders."""
        return self.env["cloudprinter.statement.line"].search_fetch(
            [("order_id", "in", orders.ids), ("is_settled", "=", True), ("statement_id", "!=", self.id)],
            ["order_id", "item_id", "is_freight"],
        )

    def _collect_facts(self, line, order, item, balances, items, is_freight):
        """Return the facts about a line of the company's own.

        :param bool is_freight: other lines are about items of the order, so this one is about its freight
        """
        row = balances.get(order.id)
        currency = self.env["res.currency"].browse(row and row["billing_currency_id"]) or self.currency_id
        figures = items.get(item.id) if item else row
        exact = lambda amount: Decimal(f"{currency.round(amount or 0):.{currency.decimal_places}f}")  # noqa: E731
        if not row or not figures:
            owed_items, owed_freight, invoiced, is_shipped = 0, 0, 0, False
        elif item:
            owed_items, owed_freight, invoiced = figures["amount_owed"], 0, figures["amount_invoiced"]
            is_shipped = figures["is_shipped"]
        else:
            owed_items = 0 if is_freight else row["amount_owed_items"]
            owed_freight = row["amount_owed_freight"]
            invoiced = owed_freight if is_freight and row["amount_open"] == 0 else row["amount_invoiced"]
            is_shipped = row["has_left"] and (is_freight or not row["has_more"])
        return {
            "same_currency": line.currency_id == currency,
            "free": not owed_items and not owed_freight and bool(order),
            "shipped": is_shipped,
            "invoiced": currency.compare_amounts(invoiced or 0, (owed_items or 0) + (owed_freight or 0)) >= 0,
            "items": exact(line.amount_items) if line.has_parts else None,
            "freight": exact(line.amount_freight) if line.has_parts else None,
            "total": exact(line.amount),
            "owed_items": exact(owed_items),
            "owed_freight": exact(owed_freight),
        }
