"""The month's end: each list empty or explained, kept when it is closed, and compared afterwards."""

from datetime import date, datetime

from dateutil.relativedelta import relativedelta
from freezegun import freeze_time
from lxml import html
from psycopg2 import IntegrityError

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import file_open, mute_logger

from .test_statement import StatementCase

DECEMBER = "2027-12-03 10:00:00"


@tagged("post_install", "-at_install", "cloudprinter")
class TestClosing(StatementCase):
    def setUp(self):
        super().setUp()
        self.enterContext(freeze_time(DECEMBER))

    def open(self, user=None):
        """Have the accountant open the page from the menu."""
        action = self.env["cloudprinter.closing"].with_user(user or self.accountant).action_open_month()
        self.env.invalidate_all()
        return self.env["cloudprinter.closing"].with_user(user or self.accountant).browse(action["res_id"])

    def get_lists(self, closing):
        return {row.kind: (row.count, row.sums) for row in closing.list_ids if row.count}

    def explain(self, closing):
        for row in closing.list_ids.filtered("count"):
            row.note = "Booked in MISC/2027/11/0001"

    def test_empty_month(self):
        closing = self.open()
        self.assertEqual((closing.date, closing.state), (date(2027, 11, 30), "draft"))
        self.assertEqual(self.get_lists(closing), {})
        closing.action_close()
        self.assertEqual((closing.state, closing.closed_by_id), ("closed", self.accountant))
        self.assertEqual(self.open(), closing)

    def test_lists(self):
        name = self.own.name
        accrued = self.place(7, order="a")
        self.mark(accrued.item_ids, shipped=datetime(2027, 11, 5))
        deferred = self.place(7, order="b")
        self.bill(deferred)
        canceled = self.place(7, order="c")
        self.bill(canceled)
        self.cancel(canceled.item_ids)
        returned = self.place(7, order="d")
        self.bill(returned)
        self.mark(returned.item_ids, shipped=datetime(2027, 11, 6), back=True)
        self.mark(self.place(7, order="e").item_ids, shipped=datetime(2027, 12, 1, 12))
        self.claim(3)
        self.put_in("Order;Amount\nx;5,00")
        closing = self.open()
        self.assertEqual(
            self.get_lists(closing),
            {
                "to_accrue": (2, f"{name} 11.20"),
                "to_defer": (2, f"{name} 11.20"),
                "to_credit": (1, f"{name} 11.20"),
                "differs": (1, f"{name} -11.20"),
                "returned": (1, f"{name} 7.00"),
                "not_reported": (2, f"{name} 14.00"),
                "credit_note": (1, f"{name} -3.00"),
                "statement": (1, f"{name} 5.00"),
            },
        )
        with self.assertRaisesRegex(UserError, "Explain these lists first: To Accrue, To Defer"):
            closing.action_close()
        self.explain(closing)
        self.assertEqual(set(closing.list_ids.filtered("note").noted_by_id), {self.accountant})
        closing.action_close()
        with self.assertRaisesRegex(UserError, "is closed"):
            closing.list_ids[0].note = "Other"

    def test_sums_tie_to_the_orders(self):
        """What was paid in advance is a row of its own, so that the list adds up to the balances."""
        order = self.place(10, freight=0)
        wizard = self.env["sale.advance.payment.inv"].create(
            {"advance_payment_method": "fixed", "fixed_amount": 4, "sale_order_ids": order.sale_order_ids.ids}
        )
        wizard.create_invoices()
        order.sale_order_ids.invoice_ids.invoice_date = date(2027, 11, 10)
        order.sale_order_ids.invoice_ids.action_post()
        self.mark(order.item_ids)
        lines = self.open().list_ids.filtered(lambda row: row.kind == "to_accrue").line_ids
        self.assertEqual([(line.part, line.amount) for line in lines], [("item", 10), ("advance", -4)])

    def test_later_changes_are_shown(self):
        order = self.place(7)
        self.mark(order.item_ids)
        closing = self.open()
        self.explain(closing)
        closing.action_close()
        closing.action_refresh()
        self.assertEqual(closing.change_count, 0)
        self.mark(order.item_ids, stage="canceled")
        other = self.place(5, order="2", freight=0)
        self.mark(other.item_ids)
        closing.action_refresh()
        changes = {(line.kind, line.order_id.name, line.part): line.change for line in closing.line_ids if line.change}
        self.assertEqual(changes[("to_accrue", "1", "item")], "gone")
        self.assertEqual(changes[("to_accrue", "2", "item")], "new")
        [kept] = closing.line_ids.filtered(
            lambda line: line.kind == "to_accrue" and line.part == "item" and line.amount
        )
        self.assertEqual((kept.amount, kept.amount_now), (7, 0), "what was closed is kept")
        self.assertEqual(self.get_lists(closing)["to_accrue"], (2, f"{self.own.name} 11.20"))

    def test_statement_that_is_listed(self):
        """A draft can be deleted and imported again, unless a closed month has it."""
        text = "Order;Amount\nx;5,00"
        statement = self.put_in(text)
        closing = self.open()
        self.assertIn("statement", self.get_lists(closing))
        statement.unlink()
        self.assertEqual(self.get_lists(closing), {})
        statement = self.put_in(text)
        closing.action_refresh()
        self.explain(closing)
        closing.action_close()
        with self.assertRaisesRegex(UserError, "closed \\(2027-11\\)"):
            statement.unlink()
        late = self.put_in("Order;Amount\ny;5,00")
        closing.action_refresh()
        self.assertEqual(closing.change_count, 1)
        late.unlink()
        self.assertEqual(closing.change_count, 0, "it was not there when the month was closed")

    def test_skipped_months(self):
        first = self.open()
        with freeze_time("2028-03-05"):
            self.assertEqual(self.open().date, date(2028, 2, 29))
        closings = self.env["cloudprinter.closing"].with_user(self.accountant).search([("id", ">=", first.id)])
        self.assertEqual(
            closings.mapped("display_name"), ["2028-02", "2028-01", "2027-12", "2027-11"], "of the company alone"
        )

    def test_auditor_comes_first(self):
        with self.assertRaisesRegex(UserError, "not opened this month yet"):
            self.open(self.auditor)

    def test_months_of_other_companies(self):
        """Only the months of the company are compared."""
        other = self.env["res.company"].create({"name": "Other Shop"})
        self.accountant.company_ids = [Command.link(other.id)]
        closing = self.open()
        closing.action_close()
        months = self.env["cloudprinter.closing"].with_user(self.accountant)
        theirs = months.with_company(other).with_context(allowed_company_ids=[other.id, self.company.id])
        with freeze_time("2028-01-05"):
            self.mark(self.place(7).item_ids)
            theirs.action_open_month()
            self.env.invalidate_all()
            self.assertEqual(closing.change_count, 0)
            self.open()
            self.assertTrue(closing.change_count)

    def test_print(self):
        order = self.place(7)
        self.mark(order.item_ids)
        closing = self.open()
        self.explain(closing)
        closing.action_close()
        report = self.env.ref("cloudprinter.action_report_closing")
        for user in (self.accountant, self.auditor):
            content, _kind = report.with_user(user)._render_qweb_html(report.report_name, closing.ids)
            text = " ".join(html.fromstring(content).text_content().split())
            for words in ("Month-End 2027-11", "Closed by cp_accountant", "To Accrue 2", "Booked in MISC/2027/11/0001"):
                self.assertIn(words, text)

    def test_rights(self):
        self.mark(self.place(7).item_ids)
        closing = self.open()
        self.assertEqual(self.open(self.auditor), closing, "auditors read it")
        with self.assertRaises(AccessError):
            closing.with_user(self.auditor).action_close()
        for values in ({"state": "closed"}, {"date": "2027-01-31"}):
            with self.assertRaises(UserError):
                closing.write(values)
        with self.assertRaises(UserError):
            closing.create({"date": "2027-10-31", "state": "closed"})
        other = closing.with_context(default_state="closed", default_note="x").create({"date": "2027-10-31"})
        self.assertEqual((other.state, set(other.list_ids.mapped("note"))), ("draft", {False}))
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            closing.create({"date": "2027-09-29"})
        with self.assertRaises(AccessError):
            closing.line_ids.write({"amount": 0})
        with self.assertRaises(UserError):
            closing.list_ids.write({"kind": "differs"})
        for user in (self.manager, self.salesman):
            with self.assertRaises(AccessError):
                closing.with_user(user).read(["date"])
        stranger = self.given_stranger("account.group_account_invoice")
        with self.assertRaises(AccessError):
            closing.with_user(stranger).read(["date"])


@tagged("post_install", "-at_install", "cloudprinter")
class TestMonthEndBrowser(StatementCase, HttpCase):
    last_month = fields.Datetime.now() - relativedelta(months=1, day=5)

    def test_accountant_closes_a_month(self):
        """The month is closed in 3 clicks, and one for each of the two exceptions."""
        self.mark(self.place(7).item_ids, shipped=self.last_month)
        self.start_tour(
            "/odoo/action-cloudprinter.cloudprinter_order_reconcile_action",
            "cloudprinter_month_end",
            login="cp_accountant",
        )
        closing = self.env["cloudprinter.closing"].search([])
        self.assertEqual((closing.state, closing.closed_by_id), ("closed", self.accountant))
        tour = self.tour_of("cloudprinter_month_end_tours.js")
        self.assertLessEqual(tour.count('run: "click"') - 2, 10)

    def tour_of(self, name):
        with file_open(f"cloudprinter/static/tests/tours/{name}") as file:
            return file.read().split('add("cloudprinter_statement"')[0]

    def test_accountant_settles_a_statement(self):
        orders = self.place(7) | self.place(7, order="2")
        self.mark(orders.item_ids, shipped=self.last_month)
        self.bill(orders)
        self.start_tour(
            "/odoo/action-cloudprinter.cloudprinter_statement_action", "cloudprinter_statement", login="cp_accountant"
        )
        statement = self.env["cloudprinter.statement"].search([])
        self.assertEqual(statement.line_ids.sorted("number").mapped("is_settled"), [True, False])
