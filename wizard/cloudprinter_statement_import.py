import hashlib
from datetime import timedelta
from types import SimpleNamespace

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import clean_context

from ..statement import Sheet, StatementError, read_sheet
from ..statement.table import KEYS, find_heading, normalize


class CloudprinterStatementImport(models.TransientModel):
    """Imports a statement of Cloudprinter. Its columns are recognized, or mapped once by a user and remembered."""

    _name = "cloudprinter.statement.import"
    _inherit = ["cloudprinter.sheet.import"]
    _description = "Import a Cloudprinter Statement"

    name = fields.Char("Number", help="The number of the statement; of the file if it is left empty.")
    kind = fields.Selection(
        [("statement", "Statement"), ("self_billing", "Self-billing invoice")], default="statement", required=True
    )
    date_from = fields.Date("From", required=True, default=lambda self: self._get_last_month()[0])
    date_to = fields.Date("To", required=True, default=lambda self: self._get_last_month()[1])
    currency_id = fields.Many2one(
        "res.currency", required=True, default=lambda self: self.env.company.currency_id, help="If the file names none."
    )
    amount_stated = fields.Monetary("Total", help="As the statement has it; that of the file if it is left empty.")
    decimal_mark = fields.Selection([(",", "1,50"), (".", "1.50")], "Amounts Look Like")
    ask_mark = fields.Boolean(readonly=True)
    column_ids = fields.One2many("cloudprinter.statement.import.column", "import_id", "Columns")

    @api.model
    def _get_last_month(self):
        last = fields.Date.context_today(self).replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last

    def action_import(self):
        """Create the statement of the file and match its lines; ask what cannot be recognized."""
        self.ensure_one()
        data = self._get_data()
        if not data:
            raise UserError(self.env._("Drop a file, or paste its lines."))
        statements = self.env["cloudprinter.statement"]
        company = self.env.company
        checksum = hashlib.sha256(data).hexdigest()
        known = statements.search([("company_id", "=", company.id), ("checksum", "=", checksum)])
        if known:
            raise UserError(self.env._("This file was imported before, as statement %s.", known.name))
        columns = self.env["cloudprinter.statement.column"]
        if self.column_ids:
            columns._remember(company, [(row.name, row.column) for row in self.column_ids if row.column])
        known_columns = self._get_names(), columns._get_chosen(company)
        rows = self._choose_rows(self._read_tables(data), *known_columns)
        try:
            sheet = read_sheet(rows, *known_columns, mark=self.decimal_mark or None)
        except StatementError as error:
            if error.kind == "ambiguous":
                self.ask_mark = True
                return self._show()
            raise UserError(self._explain(error)) from None
        if not sheet.is_complete:
            return self._ask_columns(rows, sheet)
        # default_* values of the caller must not reach new records
        clean = self.with_context(clean_context(self.env.context))  # pylint: disable=context-overridden
        statement = clean._create_statement(sheet, data, checksum)
        return statement._get_records_action(name=self.env._("Statement"))

    def _choose_rows(self, tables, names, chosen):
        """Return the rows of the sheet that is a statement, or of the first one if none is known to be.

        :raises UserError: there are several
        """
        complete = [rows for rows in tables if Sheet([], find_heading(rows, names, chosen)[1]).is_complete]
        if len(complete) > 1:
            raise UserError(
                self.env._("Several sheets of this workbook have orders and amounts. Import each as a file of its own.")
            )
        return next(iter(complete or tables), [])

    def _explain_limits(self, **limits):
        """Override to advise on statements: a part of one has no total that can be compared."""
        return self.env._(
            "A statement can have up to %(most)s lines and %(size)s MB. Ask Cloudprinter for statements of shorter"
            " periods.",
            **limits,
        )

    def _show(self):
        return self._get_records_action(name=self.env._("Import a Statement"), target="new")

    def _ask_columns(self, rows, sheet):
        """Have the user say what the columns are: there is nothing to match the lines by, or no amount."""
        at, _found = find_heading(rows)
        if not sheet.columns:
            # the longest of the first rows is the most likely heading
            at = max(range(min(len(rows), 20)), key=lambda place: len(rows[place][1]))
        named = {place: name for name, place in sheet.columns.items()}
        self.column_ids = [
            Command.clear(),
            *(
                Command.create({"name": text, "column": named.get(place)})
                for place, text in enumerate(rows[at][1])
                if normalize(text)
            ),
        ]
        return self._show()

    @api.model
    def _get_names(self):
        """Return the names of the columns in the installed languages."""
        names = {}
        for lang, _name in self.env["res.lang"].get_installed():
            field = self.with_context(lang=lang).env["cloudprinter.statement.import.column"]._fields["column"]
            for column, label in field._description_selection(self.with_context(lang=lang).env):
                names.setdefault(column, set()).add(normalize(label))
        return names

    def _explain(self, error):
        line = {"line": error.line, "text": error.text}
        if error.kind == "shortened":
            return self.env._(
                "Line %(line)s: a spreadsheet made the id a number (%(text)s). Import the file as it was sent.", **line
            )
        if error.kind == "amount" and not error.text.strip():
            return self.env._("Line %(line)s has no amount.", **line)
        if error.kind == "amount":
            return self.env._("Line %(line)s: “%(text)s” is not an amount.", **line)
        if error.kind == "currency":
            return self.env._("Line %(line)s has amounts in several currencies: %(text)s.", **line)
        if error.kind == "unclosed":
            return self.env._(
                "Line %(line)s: a quotation mark is not closed, so that no line after it can be read.", **line
            )
        if error.kind == "key":
            return self.env._("Line %(line)s has an amount, but neither an order nor an item.", **line)
        if error.kind == "sum":
            return self.env._("Line %(line)s: items and freight do not add up to the total.", **line)
        return self.env._("The file has no lines.")

    def _create_statement(self, sheet, data, checksum):
        currency = self._find_currency({line.currency for line in sheet.lines if line.currency})
        total = sum(line.total for line in sheet.lines)
        name = self.name or self.filename or self.env._("Statement of %s", fields.Date.to_string(self.date_to))
        # users may not make up lines
        statement = (
            self.env["cloudprinter.statement"]
            .sudo()
            .create(
                {
                    "name": name,
                    "company_id": self.env.company.id,
                    "kind": self.kind,
                    "date_from": self.date_from,
                    "date_to": self.date_to,
                    "currency_id": currency.id,
                    "checksum": checksum,
                    "amount_stated": self.amount_stated or float(total if sheet.total is None else sheet.total),
                }
            )
        )
        prepared = [self._prepare_line(line, currency) for line in sheet.lines]
        rows = [SimpleNamespace(**{**vals, "currency_id": currency}) for vals in prepared]
        matched = statement._match_rows(rows)
        self.env["cloudprinter.statement.line"].sudo().create(
            [{"statement_id": statement.id, **vals, **found} for vals, found in zip(prepared, matched)]
        )
        statement._keep_file(self.filename or f"{name}.csv", data)
        return statement.with_env(self.env)

    def _find_currency(self, texts):
        """Return the currency that a file names, else that of the dialog.

        :param texts: codes, or symbols, which mean the currency of the dialog if it has this one
        :raises UserError: there is none, or more than one
        """
        currencies = self.env["res.currency"].with_context(active_test=False).search([("name", "in", list(texts))])
        unknown = texts - set(currencies.mapped("name")) - {(self.currency_id.symbol or "").upper()}
        if unknown:
            raise UserError(
                self.env._("The amounts are in %s. Choose the currency of the statement.", ", ".join(sorted(unknown)))
            )
        if len(texts) > len(currencies):
            currencies |= self.currency_id
        if len(currencies) > 1:
            raise UserError(self.env._("A statement has one currency. Import one file for each."))
        return currencies or self.currency_id

    def _prepare_line(self, line, currency):
        names = {"item": "item_ref", "order": "order_ref", "reference": "reference", "invoice": "invoice_ref"}
        return {
            "number": line.number,
            **{names[key]: line.keys[key] or False for key in KEYS},
            "currency_id": currency.id,
            "has_parts": line.items is not None,
            "amount_items": float(line.items or 0),
            "amount_freight": float(line.freight or 0),
            "amount": float(line.total),
        }
