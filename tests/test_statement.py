"""Statements of Cloudprinter: imported, matched, settled, and what a user does about the rest."""

import base64
import io
import zipfile
from contextlib import suppress
from datetime import datetime

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.cloudprinter.tools.sheet import LINES_AT_MOST, SIZE_AT_MOST, WORKBOOK_AT_MOST

from .common import make_workbook
from .test_billing import BillingCase

NOVEMBER = {"date_from": "2027-11-01", "date_to": "2027-11-30"}


class StatementCase(BillingCase):
    """Given: an accountant without other rights, who imports statements of November."""

    def put_in(self, text, data=None, filename="november.csv", **values):
        """Have the accountant import a file; return the statement, or the dialog that asks for more."""
        data = data or text.encode()
        dialog = (
            self.env["cloudprinter.statement.import"]
            .with_user(self.accountant)
            .create({"file": base64.b64encode(data), "filename": filename, **NOVEMBER, **values})
        )
        action = dialog.action_import()
        return self.env[action["res_model"]].with_user(self.accountant).browse(action["res_id"])

    def match(self, text, **values):
        """Import lines and return their categories."""
        return self.put_in(text, **values).line_ids.sorted("number").mapped("category")

    def place_shipped(self, *amounts, **values):
        order = self.place(*amounts, **values)
        self.mark(order.item_ids)
        return order


@tagged("post_install", "-at_install", "cloudprinter")
class TestStatement(StatementCase):
    def test_lines(self):
        """M-15: each line is matched, and it is said what its amount means."""
        one, two, three = (self.place_shipped(7, order=name) for name in ("a1", "a2", "a3"))
        self.bill(one | two | three)
        self.place(7, order="a4")
        canceled = self.place(7, order="a5")
        self.cancel(canceled.item_ids)
        self.place_shipped(7, order="a6")
        statement = self.put_in(
            "Order;Items;Shipping\na1;7,00;4,20\na2;7,02;4,20\na3;6,00;4,20\na4;7,00;4,20\na5;7,00;4,20\na6;7,00;4,20\n"
            "a1;7,00;4,20\na9;7,00;4,20\n"
        )
        self.assertEqual(
            statement.line_ids.sorted("number").mapped("category"),
            ["equal", "rounding", "items", "not_shipped", "free", "not_invoiced", "repeated", "unknown"],
        )
        self.assertEqual(statement.open_count, 5)
        self.assertAlmostEqual(statement.amount_lines, 88.62)
        self.assertEqual(statement.amount_stated, statement.amount_lines)
        self.assertIn("Twice on the Statement", statement.summary)
        self.assertIn("Line 4, order a3", statement.query_text)
        third = statement.line_ids.filtered(lambda line: line.order_ref == "a3")
        self.assertEqual((third.owed_items, third.owed_freight, third.difference), (7, 4.2, -1))

    def test_items_and_freight_on_their_own_lines(self):
        order = self.place_shipped(7, 3)
        self.bill(order)
        text = "Order;Item;Amount\n1;11;7,00\n1;12;3,00\n1;;4,20"
        self.assertEqual(self.match(text), ["equal"] * 3)

    def test_keys(self):
        order = self.place_shipped(7, reference="REF-1")
        move = self.bill(order)
        other = self.place_shipped(7, order="2", reference="REF-2")
        self.place_shipped(7, order="3", reference="REF-2")
        self.bill(other)
        self.assertEqual(
            self.match("Reference;Amount\nREF-1;11,20\nREF-2;11,20"), ["equal", "unknown"], "of two orders"
        )
        self.assertEqual(self.match(f"Invoice;Amount\n{move.name};11,20"), ["equal"])
        self.assertEqual(self.match('Order;Amount\n="1";11,20'), ["equal"])

    def test_item_ids_that_two_orders_have(self):
        """An item is found only if it is certain which one is meant."""
        orders = self.place_shipped(7) | self.place_shipped(7, order="2")
        orders.item_ids.name = "x"
        self.bill(orders)
        statement = self.put_in("Order;Item;Amount\n;x;7,00\n2;x;7,00\n1;y;7,00")
        self.assertEqual(statement.line_ids.sorted("number").mapped("category"), ["unknown", "equal", "unknown"])
        self.place_shipped(7, order="3").item_ids.name = "z"
        statement = self.put_in("Order;Item;Amount\n1;z;7,00")
        self.assertEqual(statement.line_ids.category, "unknown", "the order does not have it")

    def test_other_company_and_currency(self):
        foreign = ((self.euro | self.dollar) - self.own)[0]
        self.place_shipped(7, currency=foreign)
        other = self.env["res.company"].create({"name": "Other Shop"})
        self.place(7, order="2", sell=False, company_id=other.id)
        statement = self.put_in("Order;Amount\n1;11,20\n2;11,20")
        self.assertEqual(statement.line_ids.sorted("number").mapped("category"), ["currency", "company"])
        self.assertFalse(statement.line_ids[-1].order_id, "nothing else is said about it")
        self.assertEqual(self.match(f"Order;Amount;Currency\n1;11,20;{foreign.name}"), ["not_invoiced"])

    def test_shipped_in_the_companys_time(self):
        self.company.resource_calendar_id.tz = "Europe/Berlin"
        orders = self.place(7) | self.place(7, order="2")
        self.mark(orders[0].item_ids, shipped=datetime(2027, 11, 30, 22, 59))
        self.mark(orders[1].item_ids, shipped=datetime(2027, 11, 30, 23, 1))
        self.bill(orders)
        self.assertEqual(self.match("Order;Amount\n1;11,20\n2;11,20"), ["equal", "not_shipped"])

    def test_what_is_not_on_it(self):
        on_it, missing = self.place_shipped(7), self.place_shipped(7, order="2")
        self.mark(self.place(7, order="3").item_ids, shipped=datetime(2027, 12, 2))
        statement = self.put_in("Order;Amount\n1;11,20")
        self.assertEqual(statement.missing_count, 1)
        action = statement.action_open_missing()
        self.assertEqual(self.env["cloudprinter.order"].search(action["domain"]), missing)
        self.assertFalse(on_it.with_user(self.auditor).is_settled)

    def test_settle(self):
        order = self.place_shipped(7)
        self.bill(order)
        statement = self.put_in("Order;Amount\n1;11,20\n9;5,00", amount_stated=20)
        with self.assertRaisesRegex(UserError, "The lines add up to"):
            statement.action_settle()
        statement.amount_stated = 16.2
        statement.action_settle()
        self.assertEqual(statement.state, "settled")
        self.assertEqual(statement.line_ids.mapped("is_settled"), [True, False])
        order = order.with_user(self.auditor)
        self.assertTrue(order.is_settled)
        self.assertEqual(order.search([("is_settled", "=", True)]), order)
        with self.assertRaisesRegex(UserError, "is settled"):
            statement.amount_stated = 1
        with self.assertRaisesRegex(UserError, "cannot be deleted"):
            statement.unlink()
        self.assertEqual(self.match("Order;Amount\n1;11,20\n"), ["settled"])
        statement.line_ids[1].action_accept()
        self.assertEqual(statement.line_ids.mapped("is_settled"), [True, True])

    def test_items_settle_their_order(self):
        order = self.place_shipped(7, 3, freight=0)
        self.bill(order)
        self.put_in("Item;Amount\n11;7,00").action_settle()
        self.assertFalse(order.with_user(self.auditor).is_settled)
        self.put_in("Item;Amount\n12;3,00").action_settle()
        self.env.invalidate_all()
        self.assertTrue(order.with_user(self.auditor).is_settled)

    def test_freight_settles_no_items(self):
        order = self.place_shipped(7, 3)
        self.bill(order)
        self.put_in("Order;Item;Amount\n1;11;7,00\n1;;4,20").action_settle()
        self.env.invalidate_all()
        self.assertFalse(order.with_user(self.auditor).is_settled, "an item is open")
        later = self.put_in("Order;Item;Amount\n1;12;3,00\n1;;4,20\n1;11;7,00")
        self.assertEqual(later.line_ids.sorted("number").mapped("category"), ["equal", "settled", "settled"])
        later.action_settle()
        self.env.invalidate_all()
        self.assertTrue(order.with_user(self.auditor).is_settled)

    def test_an_order_settles_its_items(self):
        order = self.place_shipped(7, 3)
        self.bill(order)
        self.put_in("Order;Amount\n1;14,20").action_settle()
        self.assertEqual(self.match("Item;Amount\n12;3,00"), ["settled"])

    def test_items_that_are_not_on_it(self):
        order = self.place_shipped(7, 3)
        whole = self.place_shipped(7, 3, order="2")
        statement = self.put_in("Order;Item;Amount\n1;11;7,00\n1;;4,20\n2;;14,20")
        found = self.env["cloudprinter.order"].search(statement.action_open_missing()["domain"])
        self.assertEqual(found, order)
        self.assertNotIn(whole, found)
        self.put_in("Item;Amount\n12;3,00")
        self.env.invalidate_all()
        self.assertEqual(statement.missing_count, 0)

    def test_what_was_accepted_changes(self):
        """What a user accepted was another difference."""
        order = self.place_shipped(7)
        self.bill(order)
        statement = self.put_in("Order;Amount\n1;10,00\n8;1,00")
        statement.line_ids.action_accept()
        statement.action_match()
        self.assertEqual(statement.line_ids.mapped("is_accepted"), [True, True])
        self.mark(order.item_ids, stage="canceled")
        statement.action_match()
        self.assertEqual(statement.line_ids.sorted("number").mapped("is_accepted"), [False, True])

    def test_freight_on_a_later_statement(self):
        order = self.place_shipped(7)
        self.bill(order)
        self.put_in("Item;Amount\n11;7,00").action_settle()
        self.assertEqual(self.match("Order;Amount\n1;4,20"), ["equal"])
        self.assertEqual(self.match("Order;Amount\n1;11,20"), ["total"], "the items were settled before")

    def test_proposals(self):
        order = self.place_shipped(7, tax=self.vat)
        self.bill(order)
        self.place_shipped(7, order="2")
        statement = self.put_in("Order;Amount\n1;10,20\n2;11,20")
        less, not_invoiced = statement.line_ids.sorted("number")
        action = less.action_create_credit_note()
        move = self.env["account.move"].browse(action["res_id"])
        self.assertEqual((move.state, move.move_type, move.amount_untaxed), ("draft", "out_refund", 1))
        self.assertEqual(move.amount_tax, 0.19)
        move.action_post()
        self.assert_amounts(order, claimed=1, difference=0)
        with self.assertRaisesRegex(UserError, "nothing to credit"):
            less.action_create_credit_note()
        action = not_invoiced.action_create_invoices()
        self.assertEqual(self.env["account.move"].browse(action["res_id"]).amount_untaxed, 11.2)

    def test_credit_note_has_the_taxes_of_the_item(self):
        included = self.env["account.tax"].create(
            {"name": "25 %", "amount": 25, "price_include_override": "tax_included"}
        )
        order = self.place_shipped(7, tax=included, prices=[8.75], freight=0)
        order.sale_order_ids.order_line = [Command.create({"display_type": "line_section", "name": "S", "sequence": 0})]
        self.bill(order)
        action = self.put_in("Order;Amount\n1;6,00").line_ids.action_create_credit_note()
        move = self.env["account.move"].browse(action["res_id"])
        self.assertEqual((move.amount_untaxed, move.amount_tax), (1, 0.25))
        self.assertEqual(move.invoice_line_ids.tax_ids, included)

    def test_a_deduction_on_its_own_line(self):
        """What is owed is compared with the first line of an order; another one is all too much, or too little."""
        order = self.place_shipped(7)
        self.bill(order)
        statement = self.put_in("Order;Amount\n1;11,20\n1;-3,00")
        deduction = statement.line_ids.sorted("number")[1]
        self.assertEqual((deduction.category, deduction.difference), ("repeated", -3))
        action = deduction.action_create_credit_note()
        self.assertEqual(self.env["account.move"].browse(action["res_id"]).amount_untaxed, 3)
        statement.action_settle()
        later = self.put_in("Order;Amount\n1;-2,00").line_ids
        self.assertEqual((later.category, later.difference), ("settled", -2))

    def test_an_order_on_two_lines(self):
        """Production and shipping, say: together they are what is owed."""
        self.place_shipped(7)
        statement = self.put_in("Order;Amount\n1;7,00\n1;4,20", kind="self_billing")
        self.assertEqual(statement.line_ids.mapped("category"), ["not_invoiced"] * 2)
        self.assertEqual(sum(statement.line_ids.mapped("difference")), 0)
        statement.action_create_invoice()
        self.assertEqual(statement.move_id.amount_untaxed, 11.2)
        statement.move_id.invoice_date = "2027-11-30"
        statement.move_id.action_post()
        statement.action_settle()
        self.assertEqual(statement.line_ids.mapped("is_settled"), [True, True])
        self.assertEqual(self.match("Order;Amount\n1;7,00\n1;4,21"), ["settled", "repeated"])
        self.place_shipped(7, order="2")
        self.assertEqual(self.match("Order;Amount\n2;7,00\n2;4,21"), ["total", "repeated"])

    def test_line_that_another_statement_has_settled(self):
        """A line that was left open cannot be accepted after all."""
        self.bill(self.place_shipped(7))
        first = self.put_in("Order;Amount\n1;10,20")
        first.action_settle()
        second = self.put_in("Order;Amount\n1;11,20")
        second.action_settle()
        with self.assertRaisesRegex(UserError, "has settled order 1 since"):
            first.line_ids.action_accept()
        self.assertEqual((first.line_ids.is_settled, second.line_ids.is_settled), (False, True))
        self.bill(self.place_shipped(7, order="2"))
        several = self.put_in("Order;Amount\n2;10,20") | self.put_in("Order;Amount\n2;10,30")
        for statement in several:
            statement.action_settle()
        with self.assertRaisesRegex(UserError, "has settled order 2 since"):
            several.line_ids.action_accept()

    def test_self_billing_of_what_is_in_order(self):
        """A line that differs by a rounding, or that a user has accepted, is invoiced too."""
        self.place_shipped(7)
        self.place_shipped(7, order="2")
        statement = self.put_in("Order;Amount\n1;11,20\n2;11,21", name="SB-8", kind="self_billing")
        statement.action_create_invoice()
        self.assertEqual(statement.move_id.amount_untaxed, 22.4)

    def test_self_billing_of_a_part(self):
        """Its number is not set on an invoice of more than the statement pays."""
        self.place_shipped(7, 3)
        statement = self.put_in("Item;Amount\n11;7,00", name="SB-9", kind="self_billing")
        with self.assertRaisesRegex(UserError, "Odoo would invoice"):
            statement.action_create_invoice()
        self.assertFalse(statement.move_id)

    def test_self_billing(self):
        """The statement's number is set on one invoice of all its orders."""
        self.place_shipped(7)
        self.place_shipped(7, order="2")
        statement = self.put_in("Order;Amount\n1;11,20\n2;11,20", name="SB-7", kind="self_billing")
        statement.action_create_invoice()
        self.assertEqual((statement.move_id.ref, statement.move_id.payment_reference), ("SB-7", "SB-7"))
        self.assertEqual(statement.move_id.amount_untaxed, 22.4)

    def test_file_is_kept_and_imported_once(self):
        self.place_shipped(7)
        text = "Order;Amount\n1;11,20"
        statement = self.put_in(text)
        self.assertEqual(statement.attachment_id.with_user(self.accountant).raw, text.encode())
        self.assertEqual(len(statement.checksum), 64)
        with self.assertRaisesRegex(UserError, "imported before"):
            self.put_in(text)

    def test_file_of_a_statement_is_only_read(self):
        statement = self.put_in("Order;Amount\n1;11,20")
        file = statement.attachment_id.with_user(self.accountant)
        note = statement.message_post(body="See the letter", attachments=[("letter.pdf", b"%PDF")]).attachment_ids
        for files in (file, file | note.with_user(self.accountant)):
            with self.assertRaises(AccessError):
                files.write({"raw": b"other"})
            with self.assertRaises(AccessError):
                files.with_context(_force_unlink=True).unlink()
        note.with_user(self.accountant).unlink()
        self.assertIn(b"11,20", file.raw)

    def put_in_workbook(self, *sheets, **values):
        return self.put_in("", data=make_workbook(*sheets), filename="november.xlsx", **values)

    def test_workbook(self):
        self.place_shipped(7)
        rows = ("Order ID", "Net", "VAT"), ("1", 11.2, 2.13), ("Total", 11.2, 2.13)
        statement = self.put_in_workbook([["Cover"]], rows)
        self.assertEqual((statement.line_ids.category, statement.amount_stated), ("not_invoiced", 11.2))
        with self.assertRaisesRegex(UserError, "Several sheets"):
            self.put_in_workbook(rows, rows)

    def test_numbers_of_a_workbook(self):
        """What a spreadsheet calculated: a sum that is not quite zero, three decimals."""
        statement = self.put_in_workbook([("Order", "Net", "VAT"), ("1", 11.205, 5.684341886080802e-14)])
        self.assertEqual(statement.line_ids.amount, 11.21)
        with self.assertRaisesRegex(UserError, "is not an amount"):
            self.put_in_workbook([("Order", "Net"), ("1", 11.205)], decimal_mark=",")

    def test_damaged_workbook(self):
        """Each is refused in words, whatever is damaged."""
        data = make_workbook([("Order", "Net"), *((str(number), number / 7) for number in range(200))])
        for at in range(0, len(data), 97):
            damaged = bytearray(data)
            damaged[at] ^= 0x55
            with self.subTest(at=at), suppress(UserError):
                self.put_in("", data=bytes(damaged), filename=f"{at}.xlsx")

    def test_currency_beside_the_amounts(self):
        self.place_shipped(7)
        foreign = (self.dollar | self.euro) - self.own
        statement = self.put_in(f"Order;Amount\n1;{foreign.name} 11,20")
        self.assertEqual((statement.currency_id, statement.line_ids.category), (foreign, "currency"))
        symbol = self.put_in(f"Order;Amount\n1;{self.own.symbol}11,20")
        self.assertEqual((symbol.currency_id, symbol.line_ids.category), (self.own, "not_invoiced"))

    def test_columns_are_mapped_once(self):
        self.place_shipped(7)
        dialog = self.put_in("Auftrag;Betrag\n1;11,20")
        self.assertEqual(dialog._name, "cloudprinter.statement.import")
        first, second = dialog.column_ids
        self.assertEqual((first.name, second.name), ("Auftrag", "Betrag"))
        first.column, second.column = "order", "total"
        action = dialog.action_import()
        self.assertEqual(action["res_model"], "cloudprinter.statement")
        self.assertEqual(self.put_in("Auftrag;Betrag\n1;11,21").amount_lines, 11.21)

    def test_refused_files(self):
        for text, words in (
            ("Order;Amount\n7,00001E+11;7,00", "Import the file as it was sent"),
            ("Order;Amount\n1;seven", "Line 2: “seven” is not an amount"),
            ("Order;Amount\n1;7,00\n2;", "Line 3 has no amount"),
            ("Order;Amount\n;7,00\n1;7,00", "neither an order nor an item"),
            ("Order;Amount;Currency\n1;7,00;XXY", "in XXY. Choose the currency"),
            (f"Order;Amount\n1;{((self.dollar | self.euro) - self.own).symbol}7,00", "Choose the currency"),
            ("Order;Items;Shipping\n1;EUR 7,00;USD 4,20", "in several currencies: EUR, USD"),
            ("Order;Amount\n1;EUR 7,00\n2;USD 7,00", "one currency"),
            (f"Order;Amount\n1;{'9' * 400}", "is not an amount"),
            ('Order;Amount;Title\n1;7.00;"Summer\n2;7.00;Lake\n3;7.00;Sea\n', "Line 2: a quotation mark"),
            ("Order;Amount;Title\n1;7,00;\n;7,00;Fee for a late file", "neither an order nor an item"),
            ("Order;Amount", "has no lines"),
        ):
            with self.subTest(text=text), self.assertRaisesRegex(UserError, words):
                self.put_in(text)
        dialog = self.put_in("Order;Amount\n1;1,234")
        self.assertTrue(dialog.ask_mark)
        dialog.decimal_mark = ","
        self.assertEqual(dialog.action_import()["res_model"], "cloudprinter.statement")

    def test_too_large_files(self):
        """No line is left out silently."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet1.xml", " " * (WORKBOOK_AT_MOST + 1))
        for name, data in (
            ("lines", b"Order;Amount" + b"\n1;7,00" * LINES_AT_MOST),
            ("size", b" " * (SIZE_AT_MOST + 1)),
            ("unpacked", stream.getvalue()),
        ):
            with self.subTest(name), self.assertRaisesRegex(UserError, "statements of shorter periods"):
                self.put_in("", data=data)

    def test_order_without_a_currency(self):
        """What was linked by hand has neither amounts nor a sales order."""
        self.env["cloudprinter.order"].create({"name": "1", "item_ids": [Command.create({"name": "11"})]})
        self.assertEqual(self.match("Order;Amount\n1;11,20"), ["free"])

    def test_headings_that_are_alike(self):
        dialog = self.put_in("Auftrag;Betrag;BETRAG:\n1;11,20;1,00")
        for column, kind in zip(dialog.column_ids, ("order", "total", "none")):
            column.column = kind
        action = dialog.action_import()
        self.assertEqual(self.env[action["res_model"]].browse(action["res_id"]).amount_lines, 11.2)

    def test_mappings_stay_in_their_company(self):
        columns = self.env["cloudprinter.statement.column"].with_user(self.accountant)
        mapping = columns.create({"name": "betrag", "column": "total"})
        other = self.env["res.company"].create({"name": "Other Shop"})
        with self.assertRaises(AccessError):
            mapping.company_id = other
        with self.assertRaises(AccessError):
            columns.create({"name": "summe", "column": "total", "company_id": other.id})

    def test_only_accountants_and_only_their_company(self):
        self.place_shipped(7)
        statement = self.put_in("Order;Amount\n1;11,20")
        for user in (self.manager, self.salesman, self.packer):
            with self.assertRaises(AccessError):
                statement.with_user(user).read(["name"])
        self.assertTrue(statement.with_user(self.auditor).read(["name", "summary", "query_text", "missing_count"]))
        for call in ("action_settle", "action_match", "action_create_invoice"):
            with self.assertRaises(AccessError):
                getattr(statement.with_user(self.auditor), call)()
        for values in ({"state": "settled"}, {"checksum": "x"}, {"move_id": 1}):
            with self.assertRaises(UserError):
                statement.write(values)
        with self.assertRaises(AccessError):
            statement.line_ids.write({"category": "equal"})
        with self.assertRaises(AccessError):
            statement.create({"name": "x", "currency_id": self.own.id, **NOVEMBER})
        dialog = self.env["cloudprinter.statement.import"].with_user(self.accountant)
        dialog = dialog.create({"text": "Order;Amount\n9;1,00", **NOVEMBER})
        action = dialog.with_context(default_state="settled", default_is_accepted=True).action_import()
        forged = self.env["cloudprinter.statement"].browse(action["res_id"])
        self.assertEqual((forged.state, forged.line_ids.is_accepted), ("draft", False))
        stranger = self.given_stranger("account.group_account_invoice")
        with self.assertRaises(AccessError):
            statement.with_user(stranger).read(["name"])
