"""An administrator tests the connection in the settings and sees what was tested and what was not."""

from contextlib import nullcontext
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import KEY, SignalCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestConnection(SignalCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.administrator = new_test_user(cls.env, login="cp_system", groups="base.group_user,base.group_system")

    def press_test(self, order=False, item=False):
        """Enter ids, or none, press Test as an administrator and return what the dialog shows."""
        form = Form(self.env["cloudprinter.connection.test"].with_user(self.administrator))
        form.order_ref = order
        form.item_ref = item
        dialog = form.save()
        mode = nullcontext() if isinstance(self, HttpCase) else self.enter_registry_test_mode()
        # the dialog commits before it posts, so that no rows are locked meanwhile
        with mode, self.registry.cursor() as cr:
            dialog.with_env(self.env(cr=cr, user=self.administrator)).action_test()
        self.env.invalidate_all()
        return dialog

    def assert_result(self, dialog, verdict, address, key, signal):
        self.assertEqual(dialog.verdict, verdict)
        for words, text in ((address, dialog.address_result), (key, dialog.key_result), (signal, dialog.signal_result)):
            self.assertIn(words, text)
            self.assertNotIn(KEY, text)

    def assert_no_trace(self):
        self.assertFalse(self.server.accepted, "no order was touched")
        self.assertFalse(self.env["cloudprinter.request"].search([("company_id", "=", self.company.id)]))
        self.assertFalse(self.env["cloudprinter.signal"].search([("company_id", "=", self.company.id)]))

    def test_right_key(self):
        """Cloudprinter refuses a request without a signal for its content, and one with an invalid key for the key."""
        dialog = self.press_test()
        self.assert_result(dialog, "passed", "Reached", "Accepted", "Not tested")
        self.assertEqual([request["body"] for request in self.server.requests], [{}, {}])
        self.assert_no_trace()

    def test_wrong_key(self):
        self.company.cloudprinter_signal_api_key = KEY[::-1]
        self.assert_result(self.press_test(), "failed", "Reached", "Refused with HTTP 401", "Not tested")
        self.assert_result(self.press_test("T1", "T2"), "failed", "Reached", "Refused with HTTP 401", "Not sent")
        self.assert_no_trace()
        self.assertFalse(self.company.cloudprinter_status()["reason"], "a test stops nothing")

    def test_key_that_cannot_be_told_from_another(self):
        """Another server may refuse the request before it looks at the key."""
        self.server.misbehave(status=400)
        self.assert_result(self.press_test(), "unclear", "Reached", "Not certain", "Not tested")
        with patch("odoo.addons.cloudprinter.dev.cloudsignal_server.judge", return_value=(200, None, [])):
            self.server.behave()
            self.assert_result(self.press_test(), "unclear", "Reached", "Not certain", "Not tested")

    def test_address_that_does_not_answer(self):
        self.company.cloudprinter_signal_url = "http://127.0.0.1:9/cloudsignal/2.0/status/"
        self.assert_result(self.press_test(), "failed", "connection refused", "Not tested", "Not tested")
        self.company.cloudprinter_signal_url = self.server.url
        self.server.misbehave(status=503)
        self.assert_result(self.press_test("T1", "T2"), "failed", "Reached", "HTTP 503", "Not sent")
        self.assert_no_trace()

    def test_silence_ends(self):
        self.server.misbehave(times=1, delay=2)
        with patch.object(self.registry["cloudprinter.connection.test"], "_timeouts", {"read_timeout": 0.2}):
            self.assert_result(self.press_test(), "failed", "no answer within 0.2 s", "Not tested", "Not tested")

    def test_real_signal(self):
        """With the ids of a test order, ItemRegistered is sent, even on hold, and is in the ledger."""
        self.company.cloudprinter_hold = True
        dialog = self.press_test(" T1 ", "T2")
        self.assert_result(dialog, "passed", "Reached", "Accepted", "Accepted: ItemRegistered T2, No. 1")
        self.assertEqual(self.server.signals(), [("ItemRegistered", "T1", "T2")])
        item = self.env["cloudprinter.item"].search([("name", "=", "T2")])
        self.assertTrue(item.order_id.is_test)
        self.assertEqual((item.signal_ids.state, item.signal_ids.user_id), ("sent", self.administrator))
        self.assertEqual(item.signal_ids.request_ids.outcome, "accepted")
        with self.assertRaisesRegex(UserError, "already been reported"):
            self.press_test("T1", "T2")

    def test_real_signal_that_is_refused(self):
        self.server.misbehave(times=1, status=400, body='{"error": {"info": "unknown order"}}', match=lambda body: body)
        dialog = self.press_test("T1", "T2")
        self.assert_result(dialog, "failed", "Reached", "Accepted", "Not accepted: unknown order")
        item = self.env["cloudprinter.item"].search([("name", "=", "T2")])
        self.assertFalse(item.attention, "a test asks no user")
        self.assertEqual(self.press_test("T1", "T2").verdict, "passed", "it can be tested again")

    def test_no_real_order_is_touched(self):
        item = self.accept("1")
        self.server.requests.clear()
        with self.assertRaisesRegex(UserError, "not a test order"):
            self.press_test(item.order_id.name, "T2")
        item.order_id.is_test = True
        with self.assertRaisesRegex(UserError, "already queued"):
            self.press_test(item.order_id.name, "T2")
        with self.assertRaisesRegex(UserError, "both ids"):
            self.press_test("T1")
        self.assertFalse(self.server.requests)

    def test_copy_and_missing_key_refuse(self):
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("database.is_neutralized", True)
        with self.assertRaisesRegex(UserError, "neutralized"):
            self.press_test()
        parameters.set_param("database.is_neutralized", False)
        self.company.cloudprinter_fingerprint = "another database"
        with self.assertRaisesRegex(UserError, "copy"):
            self.press_test("T1", "T2")
        self.company.cloudprinter_signal_api_key = False
        with self.assertRaisesRegex(UserError, "Enter the CloudSignal API key"):
            self.press_test()
        self.assertFalse(self.server.requests)

    def test_administrators_only(self):
        for user in (self.manager, self.accountant):
            with mute_logger("odoo.addons.base.models.ir_model"), self.assertRaises(AccessError):
                self.env["cloudprinter.connection.test"].with_user(user).create({})
