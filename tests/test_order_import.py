"""Import of order documents from files."""

import json
from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter import order_document

from ..wizard import cloudprinter_order_import as dialog
from .test_intake import DOCUMENTS, ORDER_KEY, IntakeCase

ORDER = "123456780000"


@tagged("post_install", "-at_install", "cloudprinter")
class TestOrderImport(IntakeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.content["order"]["apikey"] = ORDER_KEY
        cls.keep_in_stock(cls.goods)

    def setUp(self):
        super().setUp()
        # on a busy machine the worker would process the rest
        self.patch(dialog, "SECONDS", 600)

    def drop(self, *contents, user=None, **context):
        """Drop files into the dialog, as the widget uploads them, and return the dialog."""
        env = self.env(user=user or self.manager, context={**self.env.context, **context})
        files = env["ir.attachment"].create(
            [
                {"name": f"{number}.json", "raw": content, "res_model": "cloudprinter.order.import", "res_id": 0}
                for number, content in enumerate(contents, 1)
            ]
        )
        return env["cloudprinter.order.import"].create({"attachment_ids": [Command.set(files.ids)]})

    def import_files(self, *contents, **options):
        """Drop files, press Import and return the lines."""
        wizard = self.drop(*contents, **options)
        action = wizard.action_import()
        self.assertEqual((action["res_id"], action["target"]), (wizard.id, "new"), "the result is shown")
        self.assertFalse(self.get_files(), "the files hold the key")
        return wizard.line_ids

    def get_files(self):
        return self.env["ir.attachment"].search([("res_model", "=", "cloudprinter.order.import")])

    def test_becomes_a_sales_order_at_once(self):
        line = self.import_files(self.document())
        self.assertEqual((line.filename, line.order_ref, line.result, line.problem), ("1.json", ORDER, "done", False))
        document = line.document_id.sudo()
        self.assertEqual((document.state, document.user_id, document.company_id), ("done", self.manager, self.company))
        self.assertEqual(document.sale_order_id.state, "sale")
        self.assertNotIn(ORDER_KEY, document.content)
        self.assertEqual(line.action_open()["res_id"], document.id)

    def test_each_format(self):
        xml = (DOCUMENTS / "order_v2.1.xml").read_text()
        key = order_document.read(xml.encode()).key
        self.assertEqual(self.import_files(xml.replace(key, ORDER_KEY).encode()).document_id.format, "xml")

    def test_one_line_for_each_file(self):
        """One file is valid, one is not mapped, one comes twice, and the others are no orders."""
        lines = self.import_files(
            self.document(),
            self.document(id="2", items__0__product="calendar_a3"),
            self.document(),
            b"",
            b"Dear print partner,",
            self.document(id="3", items__0__count="-1"),
            self.document(id="4")[:200],
        )
        self.assertEqual(
            lines.mapped("result"), ["done", "waiting", "known", "refused", "refused", "refused", "refused"]
        )
        self.assertIn("calendar_a3", lines[1].problem)
        self.assertEqual(lines[2].document_id, lines[0].document_id)
        self.assertEqual(lines[4].problem, "The file is neither JSON nor XML.")
        self.assertIn("order.items[0].count", lines[5].problem)
        self.assertFalse(lines[3:].document_id)
        self.assertEqual(len(lines.document_id.sudo().search([])), 2)

    def test_known_order_says_what_it_waits_for(self):
        content = self.document(items__0__product="calendar_a3")
        self.import_files(content)
        line = self.import_files(content)
        self.assertEqual(line.result, "known")
        self.assertIn("calendar_a3", line.problem)

    def test_too_large(self):
        wizard = self.drop(b" " * (order_document.SIZE_AT_MOST + 1), self.document())
        wizard.action_import()
        large, right = wizard.line_ids
        self.assertEqual((large.result, right.result), ("refused", "done"))
        self.assertIn("Larger than", large.problem)

    def test_how_many(self):
        with self.assertRaisesRegex(UserError, "Drop one"):
            self.import_files()
        with patch.object(dialog, "FILES_AT_MOST", 2), self.assertRaisesRegex(UserError, "3 files"):
            self.import_files(b"1", b"2", b"3")

    def test_user_does_not_wait_for_many(self):
        """Orders that are not made in time are stored, and the worker makes them."""
        with patch.object(dialog, "SECONDS", -1):
            lines = self.import_files(self.document(), self.document(id="2", items__0__product="calendar_a3"), b"")
        wizard, documents = lines.import_id, lines.document_id.sudo()
        self.assertEqual(lines.mapped("result"), ["received", "received", "refused"])
        self.assertEqual((wizard.processed_count, wizard.line_count), (1, 3))
        self.run_worker()
        self.assertEqual(documents.mapped("state"), ["done", "waiting"])
        self.assertEqual(wizard.action_refresh()["res_id"], wizard.id)
        self.assertEqual(lines.mapped("result"), ["done", "waiting", "refused"])
        self.assertIn("calendar_a3", lines[1].problem)
        self.assertEqual((wizard.processed_count, wizard.line_count), (3, 3))

    # === companies === #

    def test_key_of_another(self):
        line = self.import_files(self.document(apikey="another"))
        self.assertEqual(line.result, "refused")
        self.assertIn("for another company", line.problem)
        self.assertFalse(line.document_id)

    def test_key_of_another_company_here(self):
        """This holds even if the importing company has no key."""
        other = self.env["res.company"].create({"name": "Other Shop", "cloudprinter_order_api_key": "other-key"})
        line = self.import_files(self.document(apikey="other-key"))
        self.assertEqual(line.result, "refused")
        self.assertNotIn("Other Shop", line.problem)
        self.company.cloudprinter_order_api_key = False
        self.assertEqual(self.import_files(self.document(apikey="other-key")).result, "refused")
        self.assertFalse(other.env["cloudprinter.order.document"].search([("company_id", "=", other.id)]))

    def test_shop_without_key(self):
        self.company.cloudprinter_order_api_key = False
        self.assertEqual(self.import_files(self.document(apikey="mine, of the dashboard")).result, "done")

    def test_without_key_in_the_file(self):
        content = json.loads(self.document())
        del content["order"]["apikey"]
        self.assertEqual(self.import_files(json.dumps(content).encode()).result, "done")

    def test_company_is_the_one_in_which_one_works(self):
        other = self.env["res.company"].create({"name": "Other Shop", "cloudprinter_order_api_key": "other-key"})
        self.manager.company_ids += other
        line = self.import_files(self.document(apikey="other-key"), allowed_company_ids=[other.id, self.company.id])
        self.assertEqual((line.result, line.document_id.company_id), ("waiting", other))
        stranger = self.env["res.company"].create({"name": "Strangers"})
        with self.assertRaises(AccessError):
            self.import_files(self.document(), allowed_company_ids=stranger.ids)

    # === the files === #

    def test_files_are_private(self):
        self.drop(self.document())
        [file] = self.get_files()
        another = new_test_user(self.env, login="cp_another", groups="base.group_user,mrp.group_mrp_manager")
        self.env.invalidate_all()
        for user in (another, self.operator, self.salesman, self.accountant):
            with mute_logger("odoo.addons.base.models.ir_attachment"), self.assertRaises(AccessError):
                file.with_user(user).read(["raw"])
            self.assertFalse(file.with_user(user).search([("id", "=", file.id)]))

    def test_files_of_others_cannot_be_imported(self):
        self.drop(self.document(), user=self.env.ref("base.user_admin"))
        files = self.get_files()
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            wizard = (
                self.env["cloudprinter.order.import"]
                .with_user(self.manager)
                .create({"attachment_ids": [Command.set(files.ids)]})
            )
            self.env.invalidate_all()
            wizard.action_import()
        self.assertTrue(files.exists())

    def test_closed_dialog_leaves_no_file(self):
        self.drop(self.document())
        self.env["cloudprinter.order.import"]._gc_files()
        self.assertTrue(self.get_files(), "an import may be running")
        past = fields.Datetime.now() - timedelta(hours=2)
        self.env.cr.execute(
            "UPDATE ir_attachment SET create_date = %s WHERE id IN %s", [past, tuple(self.get_files().ids)]
        )
        self.env.invalidate_all()
        other = self.env["ir.attachment"].create({"name": "other", "raw": b"x"})
        self.env["cloudprinter.order.import"]._gc_files()
        self.assertFalse(self.get_files())
        self.assertTrue(other.exists())

    def test_failure_of_one_is_its_own(self):
        """After an unexpected error the other files are imported, and nothing of the failed one is left."""
        documents = type(self.env["cloudprinter.order.document"])
        receive = documents._receive

        def fail(self, company, document, user=None):
            res = receive(self, company, document, user)
            if document.order.id == "bad":
                raise ValueError(document.text)
            return res

        with patch.object(documents, "_receive", fail), self.assertLogs(dialog.__name__, "ERROR"):
            bad, good = self.import_files(self.document(id="bad"), self.document())
        self.assertEqual((bad.result, good.result), ("refused", "done"))
        self.assertNotIn("Example street", bad.problem)
        self.assertEqual(self.env["cloudprinter.order.document"].search([]).mapped("name"), [ORDER])

    def test_order_that_is_received_at_this_moment(self):
        """Odoo repeats the import from the beginning, so the files must still exist."""
        documents = type(self.env["cloudprinter.order.document"])
        wizard = self.drop(self.document())
        with (
            patch.object(documents, "_receive", side_effect=SerializationFailure),
            self.assertRaises(SerializationFailure),
        ):
            wizard.action_import()
        self.assertTrue(self.get_files())
        self.receive(self.document())
        wizard.action_import()
        self.assertEqual(wizard.line_ids.result, "known")

    # === rights === #

    def test_managers_alone(self):
        for user in (self.salesman, self.operator, self.packer, self.accountant):
            with self.subTest(user.login), mute_logger("odoo.addons.base.models.ir_model"):
                with self.assertRaises(AccessError):
                    self.import_files(self.document(), user=user)
                wizard = self.drop(self.document())
                with self.assertRaises(AccessError):
                    wizard.with_user(user).action_import()

    def test_result_is_ones_own(self):
        wizard = self.drop(self.document())
        wizard.action_import()
        another = new_test_user(self.env, login="cp_another", groups="base.group_user,mrp.group_mrp_manager")
        self.env.invalidate_all()
        for record in (wizard, wizard.line_ids):
            with mute_logger("odoo.models"), self.assertRaises(AccessError):
                record.with_user(another).read(["create_date"])

    def test_forged_line_shows_nothing(self):
        """A user's line may name any document; it is read with the user's own rights."""
        other = self.env["res.company"].create({"name": "Other Shop"})
        self.env["cloudprinter.order.document"]._receive(other, order_document.read(self.document()))
        foreign = self.env["cloudprinter.order.document"].search([("company_id", "=", other.id)])
        wizard = self.env["cloudprinter.order.import"].with_user(self.manager).create({})
        line = wizard.line_ids.create({"import_id": wizard.id, "document_id": foreign.id})
        self.env.invalidate_all()
        with mute_logger("odoo.models"), self.assertRaises(AccessError):
            line.document_id.read(["name"])
        self.assertFalse(line.order_ref)
