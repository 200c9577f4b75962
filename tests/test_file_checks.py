"""Print files of orders: what is found, who sees it, and what follows."""

import base64
import dataclasses
import json
import re
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, HttpCase, tagged

from odoo.addons.cloudprinter import preflight
from odoo.addons.cloudprinter.dev.preflight.print_files import make_pdf

from .test_files import FilesCase
from .test_intake import BOOK, IntakeCase

SHORT = "book: The file has 22 pages, ordered are 24."


class CheckCase(FilesCase, IntakeCase):
    """Given: orders of one book of 24 pages A4, whose files are fetched, and a product that is described."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.right, cls.short = make_pdf(), make_pdf(22)
        cls.mapping = cls.mappings[0]
        cls.mapping.write(
            {"page_width": 210, "page_height": 297, "bleed": 3, "binding": "perfect", "cover_kind": "spread"}
        )

    def receive_order(self, content=None, name="123456780000", **files):
        """Receive an order of one item with these files, by their types; return its document."""
        files = files or {"book": content or self.right}
        for kind, data in files.items():
            self.host.serve(f"/{name}_{kind}.pdf", data)
        item = {
            **self.content["order"]["items"][0],
            "id": f"{name[:-1]}1",
            "pages": 24,
            "options": [{"option": "pageblock_130mcs", "count": "24", "type": "type_book_paper"}],
            "files": [{"type": kind, "format": "pdf", "url": f"{self.host.url}/{name}_{kind}.pdf"} for kind in files],
        }
        return self.import_orders(id=name, items=[item], files=[])

    def take_files(self, content=None, **options):
        """Receive an order, fetch its files and go on; return its document."""
        document = self.receive_order(content, **options)
        self.fetch()
        self.run_worker()
        return document

    def hold(self):
        self.company.cloudprinter_preflight = "hold"

    def open(self, action, user=None):
        return Form.from_action(self.env(user=user or self.manager), action)

    def overrule(self, record, reason="Agreed by phone"):
        form = self.open(record.with_user(self.manager).action_overrule())
        form.reason = reason
        form.save().action_overrule()
        self.env.cr.flush()
        self.env.invalidate_all()


@tagged("post_install", "-at_install", "cloudprinter")
class TestFileChecks(CheckCase):
    def test_right_file(self):
        document = self.take_files()
        file = document.order_id.file_ids
        self.assertEqual((document.state, file.check_state, file.check_summary), ("done", "passed", ""))
        self.assertFalse(document.order_id.item_ids.attention)
        self.assertIn("24 pages", file.check_list)
        titles = ["File", "Pages", "Size and Bleed", "Fonts", "Blank Pages", "Colors"]
        self.assertEqual(re.findall(r"</i> (.*?):", file.check_list), titles)

    def test_right_book_and_cover(self):
        cover = make_pdf(1, 420 + preflight.get_spine(130, "mcs", 24, 0.5) + 6, 303)
        files = self.take_files(book=self.right, cover=cover).order_id.file_ids
        self.assertEqual(files.mapped("check_state"), ["passed", "passed"])
        self.assertIn("with a spine of 2.4 mm", files[1].check_list)

    def test_wrong_file_is_shown_where_the_work_is_done(self):
        """The company only informs: the order is accepted, and each who works on it sees what is wrong."""
        document = self.take_files(self.short)
        item = document.order_id.item_ids
        self.assertEqual((document.state, item.file_ids.check_state, item.attention), ("done", "wrong", "file_wrong"))
        self.assertEqual(item.search([("attention", "=", "file_wrong")]), item)
        self.assertEqual(item.attention_text, f"A print file is not as ordered ({SHORT})")
        production = item.production_ids.with_user(self.operator)
        self.assertIn(SHORT, production.cloudprinter_attention)
        self.assertIn(SHORT, production.cloudprinter_checks)
        self.assertIn("✗", production.cloudprinter_checks)
        works = self.env["mrp.workorder"].create(
            {"name": "Print", "production_id": production.id, "workcenter_id": self.press.id}
        )
        self.assertIn(SHORT, works.with_user(self.operator).cloudprinter_checks)

    def test_file_that_needs_a_look(self):
        item = self.take_files(make_pdf(24, 210, 297)).order_id.item_ids
        self.assertEqual((item.file_ids.check_state, item.attention), ("doubt", "file_doubt"))
        self.assertIn("The bleed is missing: 0 mm instead of 3 mm.", item.attention_text)
        action = item.with_user(self.manager).action_next_step()
        self.assertEqual((action["res_model"], action["res_id"]), ("cloudprinter.order.file", item.file_ids.id))

    def test_reject_item(self):
        """Cause and English text are filled in, whatever the language of the user."""
        item = self.take_files(self.short).order_id.item_ids
        dialog = self.open(item.with_user(self.manager).action_next_step())
        self.assertEqual((dialog.kind, dialog.cause, dialog.message), ("cancel", "CancelPageCount", SHORT))
        dialog.save().action_report()
        self.send()
        [signal] = [signal for signal in self.server.accepted if signal["type"] == "ItemCanceled"]
        self.assertEqual((signal["cause"], signal["message"]), ("CancelPageCount", SHORT))

    def test_text_for_cloudprinter_is_english(self):
        """A translated text must not reach Cloudprinter."""
        item = self.take_files(self.short).order_id.item_ids
        self.env["res.lang"]._activate_lang("de_DE")
        item = item.with_context(lang="de_DE")
        self.assertEqual(item.file_ids._get_rejection(), ("CancelPageCount", SHORT))

    def test_label_and_other_formats(self):
        item = self.sell_one()
        label = self.given_file(item, "/label", of_order=True, type="shipping_label")
        picture = self.given_file(item, "/picture", b"\xff\xd8", type="product", format="jpg", md5sum="", size=None)
        self.fetch()
        self.assertEqual((label.check_state, picture.check_state), (False, "unknown"))
        self.assertFalse(item.attention)

    def test_not_checked(self):
        """Nothing is read if the company does not want it, or the package is not installed."""
        for number, given in enumerate(("off", "missing")):
            self.company.cloudprinter_preflight = "off" if given == "off" else "hold"
            with (
                self.subTest(given),
                patch.object(preflight, "is_available", lambda: given == "off"),
                patch.object(preflight, "read_raw", side_effect=AssertionError("it is not read")),
            ):
                document = self.take_files(self.short, name=f"{number}23456780000")
                self.assertEqual((document.state, document.order_id.file_ids.check_state), ("done", False))

    def test_trouble_with_the_check_stops_nothing(self):
        self.hold()
        with (
            patch.object(preflight, "check", side_effect=ValueError),
            self.assertLogs("odoo.addons.cloudprinter.models.cloudprinter_order_file_check", "ERROR"),
        ):
            document = self.take_files(self.short)
        self.assertEqual((document.state, document.order_id.file_ids.check_state), ("done", False))

    def test_something_else_is_expected(self):
        """A product that is described differently, or a changed order, is compared without reading the file again."""
        document = self.take_files(make_pdf(24, 154, 216))
        file = document.order_id.file_ids
        self.assertEqual(file.check_state, "wrong")
        with patch.object(preflight, "read_raw", side_effect=AssertionError("it is not read")):
            self.mapping.with_user(self.manager).write({"page_width": 148, "page_height": 210})
            self.assertEqual(file.check_state, "passed")
            self.mapping.with_user(self.manager).page_width = 210
            self.assertEqual(file.check_state, "wrong")

    def test_rights(self):
        file = self.take_files(self.short).order_id.file_ids
        for user in (self.operator, self.packer, self.salesman, self.accountant):
            with self.subTest(user.login):
                self.assertIn("22 pages", file.with_user(user).check_summary)
                for name in ("action_overrule", "action_check"):
                    with self.assertRaises(AccessError):
                        getattr(file.with_user(user), name)()
                with self.assertRaises(AccessError):
                    file.item_id.with_user(user).action_upload_file()
                with self.assertRaises(AccessError):
                    self.env["cloudprinter.overrule"].with_user(user).create({"file_ids": file.ids, "reason": "x"})
        with self.assertRaises(AccessError):
            file.with_user(self.manager).write({"check_state": "passed"})
        stranger = self.given_stranger("mrp.group_mrp_manager")
        for name in ("action_overrule", "action_check"):
            with self.assertRaises(AccessError):
                getattr(file.with_user(stranger), name)()


@tagged("post_install", "-at_install", "cloudprinter")
class TestHold(CheckCase):
    """The company holds orders with wrong files before they are accepted."""

    def setUp(self):
        super().setUp()
        self.hold()

    def test_waits_and_a_user_gets_a_todo(self):
        document = self.take_files(self.short)
        self.assertEqual((document.state, document.failure_type), ("waiting", "wrong_files"))
        self.assertEqual(document.problem, f"{BOOK} {SHORT}")
        self.assertFalse(document.order_id.accepted_date)
        self.assert_outbox(document.order_id.item_ids, [])
        self.send()
        self.assertTrue(document.activity_ids, "long before the 15 minutes are over")

    def test_held_no_longer(self):
        """The order goes on when the company no longer holds such orders."""
        document = self.take_files(self.short)
        self.company.cloudprinter_preflight = "inform"
        self.run_worker()
        self.assertEqual(document.state, "done")

    def test_doubt_does_not_hold(self):
        document = self.take_files(make_pdf(24, 210, 297))
        self.assertEqual((document.state, document.order_id.item_ids.attention), ("done", "file_doubt"))

    def test_overruled(self):
        document = self.take_files(self.short)
        file = document.order_id.file_ids
        self.overrule(document)
        entry = self.env["cloudprinter.ledger.entry"].search([("kind", "=", "overruled")])
        self.assertEqual((entry.order_id, json.loads(entry.private)["name"]), (document.order_id, "Agreed by phone"))
        self.assertNotIn("Agreed by phone", entry.content)
        self.assertEqual((file.check_state, file.overruled_reason), ("overruled", "Agreed by phone"))
        self.assertEqual(file.overruled_user_id, self.manager)
        notes = " ".join(document.order_id.item_ids.message_ids.mapped("body"))
        self.assertIn("Agreed by phone", notes)
        self.assertIn("22 pages", notes)
        self.run_worker()
        self.assertEqual(document.state, "done")
        self.assert_outbox(document.order_id.item_ids, ["ItemRegistered"])
        self.assertFalse(document.order_id.item_ids.attention)
        with self.assertRaisesRegex(UserError, "already been handled"):
            file.with_user(self.manager).action_overrule()

    def test_overruling_is_about_what_was_found(self):
        """Another fault that comes up later needs another decision."""
        document = self.take_files(self.short)
        file = document.order_id.file_ids
        self.overrule(file)
        file._judge()
        self.assertEqual(file.check_state, "overruled")
        self.mapping.page_width = 200
        self.assertEqual((file.check_state, file.overruled_reason), ("wrong", False))

    def test_reason_is_needed(self):
        file = self.take_files(self.short).order_id.file_ids
        dialog = self.env["cloudprinter.overrule"].with_user(self.manager).create({"file_ids": file.ids, "reason": " "})
        with self.assertRaisesRegex(UserError, "reason"):
            dialog.action_overrule()

    def test_rejected(self):
        document = self.take_files(self.short)
        form = self.open(document.with_user(self.manager).action_reject())
        self.assertEqual((form.cause, form.message), ("CancelPageCount", SHORT))
        form.save().action_reject()
        self.assertEqual(document.state, "rejected")

    def test_described_correctly(self):
        """The product was described wrongly: correcting it lets the order go on."""
        document = self.take_files(make_pdf(24, 154, 216))
        self.assertEqual(document.failure_type, "wrong_files")
        self.mapping.with_user(self.manager).write({"page_width": 148, "page_height": 210})
        self.run_worker()
        self.assertEqual(document.state, "done")


@tagged("post_install", "-at_install", "cloudprinter")
class TestUpload(CheckCase):
    """Files that were not fetched are uploaded on the item."""

    def upload(self, item, content, **values):
        form = self.open(item.with_user(self.manager).action_upload_file())
        for name, value in values.items():
            form[name] = value
        form.content = base64.b64encode(content)
        dialog = form.save()
        dialog.name = "from the client.pdf"
        action = dialog.action_upload()
        self.env.invalidate_all()
        return self.env["cloudprinter.order.file"].browse(action["res_id"])

    def test_instead_of_a_link(self):
        self.company.cloudprinter_fetch_files = False
        item = self.receive_order().order_id.item_ids
        file = self.upload(item, self.short)
        self.assertEqual((file, file.state, file.check_state), (item.file_ids, "fetched", "wrong"))
        self.assertEqual(file.attachment_id.raw, self.short)

    def test_instead_of_a_failed_download(self):
        """The order goes on."""
        document = self.receive_order()
        self.given_failed(document.order_id.file_ids)
        document.order_id._on_files_settled()
        self.run_worker()
        self.assertEqual(document.failure_type, "files")
        self.upload(document.order_id.item_ids, self.right)
        self.run_worker()
        self.assertEqual((document.state, document.order_id.file_ids.check_state), ("done", "passed"))

    def test_corrected(self):
        """The corrected file takes the place of the wrong one, and the order goes on."""
        self.hold()
        document = self.take_files(self.short)
        file = document.order_id.file_ids
        self.assertEqual(self.upload(document.order_id.item_ids, self.right), file)
        self.run_worker()
        self.assertEqual((document.state, file.check_state, file.attachment_id.raw), ("done", "passed", self.right))

    def test_item_without_a_document(self):
        """The product says what is expected; what was ordered is not known."""
        item = self.sell_one()
        file = self.upload(item, make_pdf(24, 154, 216), type="book")
        self.assertEqual((file.url, file.attachment_id.name), (False, f"{item.name}_book.pdf"))
        self.assertEqual(file.check_state, "wrong")
        self.assertIn("The ordered number is not known", file.check_list)
        self.assertIn("The pages are 154 × 216 mm", file.check_summary)

    def test_check_again(self):
        self.company.cloudprinter_preflight = "off"
        file = self.take_files(self.short).order_id.file_ids
        self.assertFalse(file.check_state)
        file.with_user(self.manager).action_check()
        self.assertEqual(file.check_state, "wrong")
        file.attachment_id.write({"raw": self.right})
        file.with_user(self.manager).action_check()
        self.assertEqual(file.check_state, "passed")

    def test_file_of_another_item(self):
        one, other = self.sell_one(), self.sell_one(item="2", order="2")
        self.company.cloudprinter_fetch_files = False
        file = self.given_file(other)
        dialog = self.env["cloudprinter.file.upload"].with_user(self.manager)
        values = {"item_id": one.id, "file_id": file.id, "content": base64.b64encode(self.right)}
        with self.assertRaises(UserError):
            dialog.create(values).action_upload()


@tagged("post_install", "-at_install", "cloudprinter")
class TestExpectedOfProducts(CheckCase):
    def test_pasted(self):
        specs = [
            {"note": "Bleed in mm", "value": "4"},
            {"note": "The exact width of the book in mm. after trimming", "value": "105"},
            {"note": "Binding method / technology", "value": "CW - Casewrap"},
        ]
        with Form(self.mapping.with_user(self.manager)) as form:
            form.product_info = json.dumps({"specs": specs})
            self.assertEqual((form.bleed, form.page_width, form.page_height), (4, 105, 297))
            self.assertEqual(form.binding, "case")
            with self.assertRaisesRegex(UserError, "not an answer of products/info"):
                form.product_info = "https://example.com"
            form.product_info = False

    def test_numbers(self):
        for name, value in (("page_width", -1), ("bleed", 10000), ("page_multiple", -2)):
            with self.subTest(name), self.assertRaises(ValidationError):
                self.mapping[name] = value

    def test_every_field(self):
        expected = preflight.Expected(**self.mapping._prepare_expected())
        self.assertEqual(dataclasses.astuple(expected)[6:9], (210, 297, 3))
        self.assertEqual(self.env["cloudprinter.product.mapping"]._prepare_expected(), {})

    def test_variant(self):
        """The description of a variant comes before that of the product."""
        self.mapping.copy({"option": "pageblock_130mcs", "page_width": 148, "page_height": 210})
        file = self.take_files(make_pdf(24, 154, 216)).order_id.file_ids
        self.assertEqual(file.check_state, "passed")


@tagged("post_install", "-at_install", "cloudprinter")
class TestChecksInBrowser(FilesCase, HttpCase):
    def test_wrong_file(self):
        self.env["cloudprinter.product.mapping"].create(
            {"name": "book", "product_id": self.book.id, "page_width": 210, "page_height": 297}
        )
        item = self.sell_one()
        file = self.given_file(item, "/book.pdf", make_pdf(2, 154, 216), type="book", md5sum="", size=None)
        self.fetch()
        url = f"/odoo/action-mrp.mrp_production_action/{item.production_ids.id}"
        self.start_tour(url, "cloudprinter_wrong_file", login=self.operator.login)
        url = f"/odoo/action-cloudprinter.cloudprinter_order_file_action/{file.id}"
        self.start_tour(url, "cloudprinter_overrule_file", login=self.manager.login)
        self.assertEqual((file.check_state, file.overruled_user_id), ("overruled", self.manager))
