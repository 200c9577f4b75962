"""Files of incoming orders: allowed sources, download and storage, and the handling of failures."""

import contextlib
import io
import runpy
from datetime import timedelta
from types import SimpleNamespace
from unittest.mock import patch

import freezegun
from freezegun import freeze_time

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, HttpCase, tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter.cloudsignal import connection
from odoo.addons.cloudprinter.dev.file_server import FileServer
from odoo.addons.cloudprinter.models import cloudprinter_order_file
from odoo.addons.mail.tools.discuss import Store

from .common import MD5, PDF, CloudprinterCase
from .test_life_cycle import MIGRATIONS


class FilesCase(CloudprinterCase):
    """Given: a company that fetches files from a host on loopback."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.enterClassContext(FileServer())
        # downloads take real time even where time is frozen
        freezegun.configure(extend_ignore_list=[connection.__name__])
        cls.addClassCleanup(freezegun.config.reset_config)
        cls.company.write({"cloudprinter_file_hosts": "127.0.0.1", "cloudprinter_fetch_files": True})

    def get_fact(self, file):
        """Return what the gate knows about the files of an order."""
        return self.env["cloudprinter.intake"]._get_files_fact(file.order_id)

    def given_file(self, item, path="/cover.pdf", content=PDF, of_order=False, **values):
        """Return a file of an item, or of its order, that an order document has named."""
        named = {"type": "cover", "format": "pdf", "md5sum": MD5, "size": len(PDF), **values}
        file = SimpleNamespace(url=self.host.url + path, **named)
        if content is not None:
            self.host.serve(path, content)
        files = self.env["cloudprinter.order.file"]
        return files.create(files._prepare_files([file], item.order_id, None if of_order else item))

    def fetch(self):
        """Run the scheduled action."""
        self.env.cr.flush()
        # browser tests are always in this mode
        with contextlib.nullcontext() if isinstance(self, HttpCase) else self.enter_registry_test_mode():
            self.env.ref("cloudprinter.ir_cron_fetch").method_direct_trigger()
        self.env.invalidate_all()

    def given_failed(self, file, **values):
        """Let the file fail for good."""
        file.write(
            {"state": "error", "failure_type": "download", "problem_source": "No.", "attempt_count": 5, **values}
        )

    def get_triggers(self):
        cron = self.env.ref("cloudprinter.ir_cron_fetch")
        return self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])


@tagged("post_install", "-at_install", "cloudprinter")
class TestFetching(FilesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.item = cls.sell_one()

    def setUp(self):
        super().setUp()
        self.host.requests.clear()

    def test_links_only(self):
        """A company that does not fetch files has their links, and orders do not wait."""
        self.company.cloudprinter_fetch_files = False
        file = self.given_file(self.item)
        self.assertFalse(self.get_triggers())
        self.fetch()
        self.assertEqual((file.state, file.size), ("link", len(PDF)))
        self.assertEqual(self.get_fact(file), "there")
        self.assertFalse(self.host.requests)

    def test_fetched(self):
        """The file is attached unchanged, under a descriptive name, to a record without chatter."""
        file = self.given_file(self.item)
        self.assertTrue(self.get_triggers(), "the worker is woken")
        self.assertEqual(self.get_fact(file), "fetching")
        with patch.object(type(file.order_id), "_on_files_settled", autospec=True) as settled:
            self.fetch()
        [(orders,)] = [call.args for call in settled.call_args_list]
        self.assertEqual(orders.ids, file.order_id.ids)
        self.assertEqual((file.state, file.failure_type, file.problem), ("fetched", False, False))
        self.assertEqual(self.get_fact(file), "there")
        attachment = file.attachment_id
        self.assertEqual(attachment.raw, PDF)
        self.assertEqual(attachment.name, "123456780001_cover.pdf")
        self.assertEqual(attachment.mimetype, "application/pdf")
        self.assertEqual((attachment.res_model, attachment.res_id), ("cloudprinter.order.file", file.id))
        self.assertEqual(attachment.company_id, self.company)
        self.fetch()
        self.assertEqual(len(self.host.requests), 1)

    def test_upgrading_takes_files_out_of_the_chatter(self):
        """The version before attached them to the item."""
        file = self.given_file(self.item)
        self.fetch()
        file.attachment_id.write({"res_model": "cloudprinter.item", "res_id": self.item.id})
        self.env.flush_all()
        runpy.run_path(MIGRATIONS / "19.0.1.2.0" / "post-files.py")["migrate"](self.env.cr, "19.0.1.1.0")
        self.env.invalidate_all()
        attachment = file.attachment_id
        self.assertEqual((attachment.res_model, attachment.res_id), ("cloudprinter.order.file", file.id))
        self.assertEqual(attachment.with_user(self.operator).raw, PDF)

    def test_file_of_the_order(self):
        label = self.given_file(self.item, "/label.zpl", of_order=True, type="shipping_label", format="")
        self.fetch()
        attachment = label.attachment_id
        self.assertEqual(attachment.name, "123456780000_shipping_label.zpl")
        self.assertEqual((attachment.res_model, attachment.res_id), ("cloudprinter.order.file", label.id))

    def test_nothing_is_executed(self):
        """Names and types from outside cannot cause anything to be executed."""
        page = b"<html><script>alert(1)</script></html>"
        for name, (kind, form) in enumerate({"../../x": "html", "a\r\nb": "../svg", "": "", "text": "PDF"}.items()):
            with self.subTest(kind=kind, format=form):
                file = self.given_file(self.item, f"/{name}", page, type=kind, format=form, md5sum="", size=None)
                self.fetch()
                attachment = file.attachment_id
                self.assertRegex(attachment.name, r"^123456780001[\w.-]*$")
                self.assertNotIn("/", attachment.name)
                self.assertIn(attachment.mimetype, ("application/x-binary", "application/pdf"))
                self.assertEqual(attachment.raw, page)

    def test_pictures_keep_their_size(self):
        """Odoo scales large pictures down; a print file stays unchanged."""
        from PIL import Image

        buffer = io.BytesIO()
        Image.new("RGB", (4000, 10)).save(buffer, "PNG")
        picture = buffer.getvalue()
        file = self.given_file(self.item, "/a.png", picture, format="png", md5sum="", size=None)
        self.fetch()
        self.assertEqual(file.attachment_id.raw, picture)
        self.assertEqual(file.size, len(picture))

    # === failures === #

    def test_schedule_of_what_may_pass(self):
        """It is retried after 1, 5, 15 and 60 minutes; then a manager is asked, and it is logged on the order."""
        now = fields.Datetime.now()
        with freeze_time(now):
            file = self.given_file(self.item, "/a?secret", None)
        self.host.serve("/a?secret", b"", 503)
        with patch.object(type(file.order_id), "_on_files_settled", autospec=True) as settled:
            for number, minutes in enumerate((0, 1, 5, 15, 60), 1):
                with freeze_time(now + timedelta(minutes=minutes, seconds=-1)):
                    self.fetch()
                    self.assertEqual(file.attempt_count, number - 1, "it is not its time yet")
                now += timedelta(minutes=minutes)
                with freeze_time(now):
                    self.fetch()
                    self.assertEqual(file.attempt_count, number)
                    if number < 5:
                        self.assertFalse(settled.called)
                        self.assertEqual(file.state, "waiting")
                        self.assertIn("retried automatically", file.problem)
                        self.assertIn(file.next_attempt_date, self.get_triggers().mapped("call_at"))
        self.assertTrue(settled.called)
        self.assertEqual((file.state, file.failure_type), ("error", "download"))
        self.assertEqual(
            file.problem,
            "127.0.0.1/a: the host answered 503 Service Unavailable. Try again, or cancel the item.",
        )
        with self.later(days=1):
            self.fetch()
        self.assertEqual(file.attempt_count, 5)

    def test_what_does_not_pass(self):
        for path, status in {"/gone": 404, "/denied": 403}.items():
            with self.subTest(status):
                file = self.given_file(self.item, path, None)
                self.host.serve(path, b"", status)
                self.fetch()
                self.assertEqual((file.state, file.failure_type, file.attempt_count), ("error", "download", 1))

    def test_a_host_that_has_not_been_listed(self):
        file = self.given_file(self.item)
        self.company.cloudprinter_file_hosts = "files.example.com"
        self.fetch()
        self.assertEqual((file.state, file.failure_type), ("error", "download"))
        self.assertIn("127.0.0.1 is not among the allowed file hosts. An administrator can allow it", file.problem)
        self.assertFalse(self.host.requests)

    def test_damaged_twice(self):
        """Damage in transit is gone at the second download; a file damaged twice stays failed."""
        for case, content in {"checksum": PDF[:-1] + b"x", "size": PDF[:-1]}.items():
            with self.subTest(case):
                bad = self.given_file(self.item, f"/bad-{case}", content)
                good = self.given_file(self.item, f"/good-{case}", content)
                self.fetch()
                self.assertEqual(set((bad | good).mapped("state")), {"waiting"})
                self.host.serve(f"/good-{case}", PDF)
                with self.later(minutes=2):
                    self.fetch()
                self.assertEqual((bad.state, bad.failure_type, bad.attempt_count), ("error", "corrupt", 2))
                self.assertIn("Try again once Cloudprinter has replaced it", bad.problem)
                self.assertEqual((good.state, good.failure_type, good.problem), ("fetched", False, False))

    def test_size_limit(self):
        self.env["ir.config_parameter"].set_param("cloudprinter.file_size_limit", "1")
        small = self.given_file(self.item, "/small")
        large = self.given_file(self.item, "/large", b"x" * 1_000_001, md5sum="", size=1_000_001)
        unknown = self.given_file(self.item, "/unknown", b"x" * 1_000_001, md5sum="", size=None)
        self.fetch()
        self.assertEqual((small | large | unknown).mapped("state"), ["fetched", "error", "error"])
        self.assertIn("larger than 1 MB", large.problem)

    def test_sizes_beyond_two_gigabytes_are_known(self):
        file = self.given_file(self.item, size=5_000_000_001)
        self.env.cr.flush()
        self.env.invalidate_all()
        self.assertEqual(file.size, 5_000_000_001)
        self.assertEqual(file.size_text, "4.66 Gb")

    def test_one_bad_file_costs_the_others_nothing(self):
        """If one file cannot be stored, the others are, and it is retried."""
        files = [self.given_file(self.item, f"/{name}") for name in ("a", "b", "c")]
        prepare = type(files[0])._prepare_attachment

        def fail_for_b(file, content):
            if file.url.endswith("/b"):
                raise ValueError("the disk has a hole")
            return prepare(file, content)

        with (
            patch.object(type(files[0]), "_prepare_attachment", fail_for_b),
            mute_logger(cloudprinter_order_file.__name__),
        ):
            self.fetch()
        self.assertEqual([file.state for file in files], ["fetched", "waiting", "fetched"])
        with self.later(minutes=2):
            self.fetch()
        self.assertEqual(files[1].state, "fetched")

    def test_killed_while_fetching(self):
        """The attempt is recorded before the download starts, so that no file is retried forever.

        The more often it was tried, the fewer are fetched with it: in the end the one that kills the process is alone.
        """
        files = self.env["cloudprinter.order.file"]
        for number in range(8):
            files += self.given_file(self.item, f"/{number}")
        class_ = type(files)
        sizes, now = [], fields.Datetime.now()
        for _run in range(40):
            with (
                freeze_time(now),
                patch.object(class_, "_fetch", lambda model, batch, hosts: sizes.append(len(batch))),
            ):
                self.fetch()
            now += timedelta(minutes=61)
        self.assertEqual(sizes, [8, 4, 4, *[2] * 4, *[1] * 16])
        self.assertEqual(set(files.mapped("attempt_count")), {5})
        self.assertEqual(set(files.mapped("state")), {"error"})
        self.assertIn("did not finish", files[0].problem)

    def test_more_than_one_batch(self):
        """A run fetches eight files and triggers itself for the rest, so that other jobs get their turn."""
        files = self.env["cloudprinter.order.file"]
        for number in range(10):
            files += self.given_file(self.item, f"/{number}")
        self.get_triggers().unlink()
        self.fetch()
        self.assertEqual(files.mapped("state").count("fetched"), 8)
        self.assertTrue(self.get_triggers())
        self.fetch()
        self.assertEqual(set(files.mapped("state")), {"fetched"})

    def test_copies_fetch_nothing(self):
        file = self.given_file(self.item)
        self.company.sudo().cloudprinter_fingerprint = "another database"
        self.fetch()
        self.company.action_cloudprinter_this_is_live()
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "True")
        self.fetch()
        self.assertEqual((file.state, file.attempt_count), ("waiting", 0))
        self.assertFalse(self.host.requests)
        self.env["ir.config_parameter"].set_param("database.is_neutralized", False)
        self.company.cloudprinter_hold = True
        self.fetch()
        self.assertEqual(file.state, "fetched", "a hold is about signals")

    def test_fetching_is_switched_off(self):
        """Waiting files become links, and the order continues."""
        file = self.given_file(self.item)
        self.company.cloudprinter_fetch_files = False
        with patch.object(type(file.order_id), "_on_files_settled", autospec=True) as settled:
            self.fetch()
        self.assertEqual(file.state, "link")
        self.assertTrue(settled.called)

    def test_a_branch_uses_the_settings_of_its_parent(self):
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        order = self.env["cloudprinter.order"].create(
            {"name": "B", "company_id": branch.id, "item_ids": [Command.create({"name": "B1"})]}
        )
        file = self.given_file(order.item_ids)
        self.fetch()
        self.assertEqual((file.state, file.attachment_id.company_id), ("fetched", branch))

    # === users === #

    def test_try_again(self):
        file = self.given_file(self.item)
        other = self.given_file(self.item, "/other.pdf")
        self.given_failed(file)
        self.given_failed(other)
        self.get_triggers().unlink()
        with self.assertRaises(AccessError):
            file.with_user(self.operator).action_fetch_again()
        (file | other).with_user(self.manager).action_fetch_again()
        self.assertEqual((file.state, file.attempt_count, file.problem), ("waiting", 0, False))
        self.assertTrue(self.get_triggers())
        self.fetch()
        self.assertEqual((file | other).mapped("state"), ["fetched", "fetched"])
        with self.assertRaises(UserError):
            file.with_user(self.manager).action_fetch_again()

    def test_rights(self):
        """Users who see the items see their files; no user may write them, and companies are separated."""
        file = self.given_file(self.item)
        self.fetch()
        stranger = self.given_stranger("mrp.group_mrp_user")
        self.assertFalse(file.with_user(stranger).search([]))
        with self.assertRaises(AccessError):
            file.with_user(stranger).action_open()
        for user in (self.operator, self.packer, self.salesman, self.accountant, self.manager):
            mine = file.with_user(user)
            self.assertEqual(mine.search([]), file)
            self.assertEqual(mine.action_open()["url"], f"/web/content/{file.attachment_id.id}")
            for act in (
                lambda: mine.write({"state": "link"}),  # noqa: B023
                lambda: mine.unlink(),  # noqa: B023
                lambda: mine.create({"order_id": self.item.order_id.id, "url": "https://a"}),  # noqa: B023
            ):
                with self.subTest(user.login), self.assertRaises(AccessError):
                    act()

    def test_settings(self):
        company = self.env["res.company"].create({"name": "New"})
        self.assertEqual(company.cloudprinter_file_days, 30)
        with self.assertRaisesRegex(ValidationError, "Enter the hosts"):
            company.cloudprinter_fetch_files = True
        with self.assertRaisesRegex(ValidationError, "“https://a.example” is not a valid file host"):
            company.cloudprinter_file_hosts = "b.example https://a.example"
        with self.assertRaises(ValidationError):
            company.cloudprinter_file_days = -1
        company.write({"cloudprinter_file_hosts": "b.example, .c.example", "cloudprinter_fetch_files": True})


@tagged("post_install", "-at_install", "cloudprinter")
class TestFilesOfDocuments(FilesCase):
    """How files appear on the documents of users."""

    def get_chatter(self, record, user):
        """Return the names of the attachments that the web client receives."""
        store = Store()
        record.with_user(user)._thread_to_store(store, [], request_list=["attachments"])
        result = store.get_result()
        names = {data["id"]: data["name"] for data in result.get("ir.attachment", ())}
        self.assertEqual(list(result), sorted(result), "the thread comes last, and claims them")
        [thread] = result["mail.thread"]
        return [names[id_] for id_ in thread["attachments"]]

    def test_operator_sees_them_on_the_manufacturing_order(self):
        item = self.sell_one(self.poster)
        self.given_file(item)
        self.given_file(item, "/label.pdf", of_order=True, type="shipping_label")
        self.fetch()
        production = item.production_ids
        self.env["ir.attachment"].create(
            {"name": "note.txt", "raw": b"x", "res_model": production._name, "res_id": production.id}
        )
        for record in (production, item):
            # the web client would have the server read each PDF file of a chatter, to make a thumbnail
            self.assertNotIn("123456780001_cover.pdf", self.get_chatter(record, self.manager))
        self.assertEqual(production.with_user(self.operator).cloudprinter_file_ids, item.file_ids)
        attachment = item.file_ids.attachment_id.with_user(self.operator)
        self.assertEqual(attachment.raw, PDF)
        with self.assertRaises(AccessError):
            attachment.unlink()

    def test_backorder_reprint_and_gang_run(self):
        item = self.sell_one()
        self.given_file(item)
        self.fetch()
        # Odoo's mrp_account reads analytic lines with the rights of the user who makes a backorder
        auditors = self.env.ref("account.group_account_readonly")
        self.operator.group_ids += auditors
        self.produce(item.production_ids, quantity=2, backorder=True)
        self.operator.group_ids -= auditors
        self.assertEqual(len(item.production_ids), 2)
        again = item.production_ids[:1]._cloudprinter_reprint(item, self.book, 1)
        other = self.sell_one(item="123456780002", order="2")
        self.given_file(other, "/2.pdf")
        self.fetch()
        again.cloudprinter_item_ids += other
        for production in item.production_ids - again:
            self.assertEqual(production.with_user(self.operator).cloudprinter_file_ids, item.file_ids)
        self.assertEqual(again.with_user(self.operator).cloudprinter_file_ids, (item | other).file_ids)
        self.assertEqual(self.env["ir.attachment"].search_count([("name", "ilike", "_cover.pdf")]), 2, "no copies")

    def test_an_item_moves_to_another_order(self):
        item = self.sell_one()
        file = self.given_file(item)
        order = self.env["cloudprinter.order"].create({"name": "other"})
        item.order_id = order
        self.assertEqual(file.order_id, order)

    # === deletion === #

    def ship(self, item):
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id)

    def vacuum(self, **delta):
        """Run the daily clean-up, some time later."""
        with self.later(**delta):
            while self.env["cloudprinter.order.file"]._gc_files()[1]:
                pass

    def test_deleted_days_after_shipping(self):
        item = self.sell_one()
        files = self.given_file(item) | self.given_file(item, "/label", of_order=True)
        self.fetch()
        attachments = files.attachment_id
        self.vacuum(days=100)
        self.assertEqual(set(files.mapped("state")), {"fetched"}, "it is not shipped")
        self.ship(item)
        self.vacuum(days=29)
        self.assertEqual(set(files.mapped("state")), {"fetched"})
        self.company.cloudprinter_file_days = 0
        self.vacuum(days=1000)
        self.assertEqual(set(files.mapped("state")), {"fetched"}, "they are kept for ever")
        self.company.cloudprinter_file_days = 30
        self.vacuum(days=31)
        self.assertEqual(set(files.mapped("state")), {"deleted"})
        self.assertFalse(attachments.exists())
        self.assertTrue(files[0].url, "the link remains")

    def test_kept_until_the_last_item_is_shipped(self):
        sale = self.sell((self.book, 1, "1"), (self.book, 1, "2"))
        one, two = sale.order_line.cloudprinter_item_id.sorted("name")
        file = self.given_file(one)
        self.fetch()
        with patch.object(type(self.env["stock.picking"]), "_create_backorder", return_value=[]):
            self.produce(one.production_ids)
        self.vacuum(days=100)
        self.assertEqual(file.state, "fetched")
        two.with_user(self.manager).report_cancel("CancelMiscError", "no")
        one.move_ids.picking_id.with_user(self.packer).action_cloudprinter_take_out()
        self.deliver(one.move_ids.picking_id)
        self.vacuum(days=31)
        self.assertEqual(file.state, "deleted")

    def test_deleted_days_after_cancellation(self):
        item = self.sell_one()
        file = self.given_file(item)
        self.fetch()
        with self.later(days=50):
            item.with_user(self.manager).report_cancel("CancelMiscError", "no")
            self.env.cr.flush()
        self.vacuum(days=79)
        self.assertEqual(file.state, "fetched")
        self.vacuum(days=81)
        self.assertEqual(file.state, "deleted")

    # === attention === #

    def test_a_manager_is_asked(self):
        """A download is tried again; for a damaged file, the cause of a cancellation is proposed."""
        for failure_type, label, cause in (
            ("download", "A file could not be downloaded", False),
            ("corrupt", "A file is damaged", "CancelFilesCorrupt"),
        ):
            with self.subTest(failure_type):
                kind = f"file_{failure_type}"
                item = self.sell_one(item=kind, order=kind)
                other = self.sell_one(item=f"{kind}-2", order=f"{kind}-2")
                file = self.given_file(item, type="book")
                self.assertFalse(item.attention)
                self.given_failed(file, failure_type=failure_type)
                self.assertEqual((item.attention, other.attention), (kind, False))
                self.assertEqual(item.search([("attention", "=", kind)]), item)
                self.assertEqual(item.attention_text, f"{label} (book)")
                self.assertIn(label, item.production_ids.with_user(self.operator).cloudprinter_attention)
                if failure_type == "download":
                    item.with_user(self.manager).action_next_step()
                    self.assertEqual((file.state, item.attention), ("waiting", False))
                    continue
                action = item.with_user(self.manager).action_next_step()
                dialog = Form.from_action(self.env(user=self.manager), action)
                self.assertEqual((dialog.kind, dialog.cause), ("cancel", cause))
                self.assertTrue(dialog.message)
                dialog.save().action_report()
                self.assertEqual((item.cancel_cause, item.stage), (cause, "canceled"))
                self.assertNotEqual(item.attention, kind)
                self.assertEqual(self.get_fact(file), "there", "the file is no longer needed")

    def test_a_file_of_the_order_concerns_its_items(self):
        sale = self.sell((self.book, 1, "1"), (self.book, 1, "2"))
        items = sale.order_line.cloudprinter_item_id.sorted("name")
        self.given_failed(self.given_file(items[0], of_order=True, type="shipping_label"))
        self.assertEqual(items.mapped("attention"), ["file_download", "file_download"])
        self.assertEqual(items[1].attention_text, "A file could not be downloaded (shipping_label)")
        self.given_failed(self.given_file(items[0], type="cover"), failure_type="corrupt")
        self.assertEqual(items.mapped("attention"), ["file_corrupt", "file_download"], "its own file, and its own")

    def test_nothing_is_asked_about_what_is_shipped(self):
        item = self.sell_one()
        self.given_failed(self.given_file(item))
        self.ship(item)
        self.assertFalse(item.attention)


@tagged("post_install", "-at_install", "cloudprinter")
class TestFilesInBrowser(FilesCase, HttpCase):
    def test_operator_opens_the_file(self):
        """The page of the manufacturing order lists the file."""
        item = self.sell_one()
        self.given_file(item)
        self.fetch()
        url = f"/odoo/action-mrp.mrp_production_action/{item.production_ids.id}"
        self.start_tour(url, "cloudprinter_operator_files", login=self.operator.login)

    def test_manager_settles_failed_files(self):
        """One file is retried; for the other the item is canceled."""
        items = [self.sell_one(item=name, order=name) for name in ("o1", "o2")]
        files = [self.given_file(item, f"/{item.name}") for item in items]
        self.given_failed(files[0])
        self.given_failed(files[1], failure_type="corrupt")
        self.start_tour(
            "/odoo/action-cloudprinter.cloudprinter_order_file_action",
            "cloudprinter_failed_files",
            login=self.manager.login,
        )
        self.assertEqual(files[0].state, "waiting")
        self.assertEqual(items[1].cancel_cause, "CancelFilesCorrupt")
