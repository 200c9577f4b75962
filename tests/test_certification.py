"""*Certification Run*: which cases of a print partner's test are shown by orders that were really reported."""

from odoo.exceptions import AccessError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter import order_document

from .common import LEDGER_LOG
from .test_intake import BOOK, DOCUMENTS, FLYER, POSTER, IntakeCase

CASES = ["Order Pushed", "Accepted in Time", "Shipped", "Delayed", "Canceled", "Reorder"]


@tagged("post_install", "-at_install", "cloudprinter")
class TestCertification(IntakeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keep_in_stock(cls.goods)
        cls.administrator = new_test_user(cls.env, login="cp_system", groups="base.group_user,base.group_system")

    def run_certification(self, user=None):
        """Press the button in the settings, and return the dialog."""
        settings = self.env["res.config.settings"].with_user(user or self.administrator)
        action = settings.create({}).action_cloudprinter_certification()
        self.assertEqual(action["target"], "new")
        return self.env[action["res_model"]].with_user(user or self.administrator).browse(action["res_id"])

    def assert_results(self, **expected):
        """Assert that the named cases (`Accepted_in_Time`) have these results and orders; the others are open."""
        lines = self.run_certification().line_ids
        self.assertEqual(lines.mapped("name"), CASES)
        found = {line.name.replace(" ", "_"): (line.result, line.order_ref) for line in lines if line.result != "open"}
        self.assertEqual(found, expected)

    def report(self, item_ref, kind, **details):
        """Report something about an item and send it."""
        item = self.env["cloudprinter.item"].search([("name", "=", item_ref)])
        self.env["cloudprinter.signal"]._insert([item._prepare_report(kind, **details)])
        self.send()

    def test_new_database(self):
        self.assert_results()
        run = self.run_certification()
        self.assertEqual(run.summary, "0 of 6 cases passed.")
        with Form(run) as form:
            self.assertEqual(len(form.line_ids), 6)

    def test_all_cases_on_the_way(self):
        order = self.import_orders().name
        self.assert_results(Order_Pushed=("passed", order))
        self.send()
        expected = {"Order_Pushed": ("passed", order), "Accepted_in_Time": ("passed", order)}
        self.assert_results(**expected)
        for item, kind, case, details in (
            (BOOK, "ItemShipped", "Shipped", {"tracking": "1A", "shipping_option": "GLS"}),
            (POSTER, "ItemDelay", "Delayed", {"delay": "24"}),
            (FLYER, "ItemCanceled", "Canceled", {"cause": "CancelMiscError", "message": "Torn"}),
        ):
            self.report(item, kind, **details)
            expected[case] = ("passed", order)
            self.assert_results(**expected)
        reorder = self.import_orders((DOCUMENTS / "reorder_v2.2.json").read_bytes()).name
        self.send()
        run = self.run_certification()
        self.assertEqual(run.summary, "6 of 6 cases passed.")
        self.assertEqual(run.line_ids.mapped("order_ref"), [reorder, reorder, order, order, order, reorder])
        numbers = run.line_ids.filtered("item_ref").mapped("number")
        self.assertTrue(all(numbers), "the accepted signals are in the ledger")

    def test_accepted_too_late(self):
        first = self.receive().name
        self.assert_results(Order_Pushed=("passed", first))
        with self.later(minutes=16):
            self.run_worker()
            self.send()
            expected = {"Order_Pushed": ("passed", first), "Accepted_in_Time": ("failed", first)}
            self.assert_results(**expected)
            second = self.import_orders(id="2").name
            self.send()
            self.assert_results(Order_Pushed=("passed", second), Accepted_in_Time=("passed", second))

    def test_one_item_is_missing(self):
        """All items of the order have to be accepted."""
        with mute_logger(LEDGER_LOG):
            order = self.import_orders().name
            self.server.misbehave(status=400, item=FLYER)
            self.send()
            self.send()
        with self.later(minutes=16):
            self.assert_results(Order_Pushed=("passed", order), Accepted_in_Time=("failed", order))

    def test_refused_first(self):
        """What was refused and nothing else is a failure; what is accepted later passes."""
        [item] = self.accept("1")
        self.send()
        with mute_logger(LEDGER_LOG):
            self.server.misbehave(status=400, times=1)
            self.report(item.name, "ItemDelay", delay="24")
        self.assert_results(Delayed=("failed", "1"))
        self.report(item.name, "ItemDelay", delay="48")
        self.assert_results(Delayed=("passed", "1"))

    def test_what_does_not_count(self):
        """A file that a user imported was not pushed, and another company's orders are not this company's."""
        document = self.receive()
        document._receive(self.company, order_document.read(self.document(id="2")), user=self.manager)
        self.assert_results(Order_Pushed=("passed", document.name))
        other = self.env["res.company"].create({"name": "Other Shop"})
        self.administrator.company_ids |= other
        self.administrator.company_id = other
        self.assert_results()

    def test_for_administrators(self):
        with mute_logger("odoo.addons.base.models.ir_model", "odoo.models"), self.assertRaises(AccessError):
            self.env["cloudprinter.certification"].with_user(self.manager)._open()

    def test_print(self):
        order = self.import_orders()
        self.send()
        run = self.run_certification()
        action = run.action_print()
        self.assertEqual(action["report_name"], "cloudprinter.report_certification")
        reports = self.env["ir.actions.report"].with_user(self.administrator)
        html = reports._render_qweb_html(action["report_name"], run.ids)[0].decode()
        for words in (*CASES, "2 of 6 cases passed.", "Passed", "Not Yet", order.name, self.company.name):
            self.assertIn(words, html)
