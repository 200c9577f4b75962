"""The ledger is sealed, so that one that was written again is found: by e-mail, and by a time-stamping authority."""

import io
import json
import subprocess
import tempfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import BaseCase, tagged
from odoo.tools import mute_logger

from ..ledger import verify
from ..ledger.timestamp import StampError, get_stamp
from .test_ledger import ENTRY, LedgerCase

SEAL_LOG = "odoo.addons.cloudprinter.models.cloudprinter_ledger_seal"
CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[ext]
extendedKeyUsage = critical,timeStamping
"""


class Authority:
    """A time-stamping authority on loopback: `openssl ts -reply` behind HTTP.

    :ivar spoil: given the answer as bytes, returns what is sent instead
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ca_file = str(self.folder / "certificate.pem")
        self.content_type, self.spoil, self.requests = "application/timestamp-reply", lambda answer: answer, 0
        (self.folder / "serial").write_text("01")
        (self.folder / "config").write_text(CONFIG.format(folder=folder))
        self._run(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "certificate.pem"),
            *("-days", "2", "-subj", "/CN=Test Authority", "-config", "config", "-extensions", "ext"),
        )
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                authority.requests += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = authority.answer(body)
                self.send_response(200)
                self.send_header("Content-Type", authority.content_type)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/tsr"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _run(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def answer(self, body):
        (self.folder / "query").write_bytes(body)
        self._run(
            *("ts", "-reply", "-queryfile", "query", "-signer", "certificate.pem", "-inkey", "key.pem"),
            *("-config", "config", "-out", "reply"),
        )
        return self.spoil((self.folder / "reply").read_bytes())


def given_authority(case):
    """Start an authority for a test class."""
    folder = tempfile.TemporaryDirectory()
    case.addClassCleanup(folder.cleanup)
    authority = Authority(folder.name)
    case.addClassCleanup(authority.close)
    return authority


@tagged("cloudprinter")
class TestTimeStamp(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.authority = given_authority(cls)

    def setUp(self):
        super().setUp()
        self.authority.content_type, self.authority.spoil = "application/timestamp-reply", lambda answer: answer

    def test_stamp(self):
        """`openssl ts -verify` accepts it for this text, and for no other."""
        answer, time = get_stamp(self.authority.url, "entry 1 has hash 2")
        self.assertTrue(time.tzinfo)
        self.assertTrue(verify.check_stamp("entry 1 has hash 2", answer, self.authority.ca_file))
        self.assertFalse(verify.check_stamp("entry 1 has hash 3", answer, self.authority.ca_file))

    def test_refusal(self):
        self.authority.spoil = lambda answer: bytes.fromhex("300b30090201020304" + "050000")[:13]
        self.assert_refused()

    def assert_refused(self):
        with self.assertRaises(StampError):
            get_stamp(self.authority.url, "text")

    def test_answer_to_another_request(self):
        old, _time = get_stamp(self.authority.url, "text")
        self.authority.spoil = lambda _answer: old
        self.assert_refused()

    def test_what_is_no_answer(self):
        for spoil in (
            lambda answer: b"",
            lambda answer: b"<html>",
            lambda answer: answer[:100],
            lambda answer: answer + b"x",
            lambda answer: answer * 100,
        ):
            self.authority.spoil = spoil
            self.assert_refused()
        self.authority.spoil = lambda answer: answer
        self.authority.content_type = "text/html"
        self.assert_refused()
        for url in ("http://127.0.0.1:9/", "x", "ftp://127.0.0.1/", ""):
            with self.assertRaises(StampError):
                get_stamp(url, "text")


@tagged("post_install", "-at_install", "cloudprinter")
class TestSeal(LedgerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.authority = given_authority(cls)

    def seal(self):
        self.env.flush_all()
        with freeze_time(self.moment), self.enter_registry_test_mode():
            self.env.ref("cloudprinter.ir_cron_seal").method_direct_trigger()
        self.env.invalidate_all()

    def test_each_month_by_email(self):
        self.company.cloudprinter_auditor_email = "auditor@example.com"
        last = self.get_entries()[-1]
        self.seal()
        self.seal()
        [mail] = self.env["mail.mail"].search([("email_to", "=", "auditor@example.com")])
        line = f"{last.number}:{last.hash}"
        self.assertIn(line, mail.body_html)
        self.send()
        self.assertEqual(len(self.get_entries(kind="seal")), 1)
        html = self.env["ir.actions.report"]._render_qweb_html(
            "cloudprinter.action_report_ledger_seal", self.get_entries(kind="seal").ids
        )[0]
        self.assertIn(line, html.decode())
        self.wait(days=32)
        self.seal()
        self.assertEqual(len(self.get_entries(kind="seal")), 2)
        self.assertEqual(self.check(line), [])

    def test_stamped_each_day(self):
        self.company.cloudprinter_stamp_url = self.authority.url
        self.authority.requests = 0
        self.seal()
        self.seal()
        self.assertEqual(self.authority.requests, 1)
        self.send()
        self.assertEqual(self.check(), [])
        data = self.export()
        right, printed = self.verify("--ca-file", self.authority.ca_file, data=data)
        self.assertTrue(right, printed)
        archive = zipfile.ZipFile(io.BytesIO(data))
        stamps = [archive.read(name) for name in archive.namelist() if name.startswith("stamps/")]
        text, answer = sorted(stamps, key=len)
        text = text.decode("ascii")
        self.assertTrue(verify.check_stamp(text, answer, self.authority.ca_file))
        self.assertFalse(verify.check_stamp(text[:-1] + "x", answer, self.authority.ca_file))

        # the entry names another hash, in a ledger that was written again
        stamp = self.get_entries(kind="stamp")
        content = {**json.loads(stamp.content), "hash": "0" * 64}
        self.execute(f"UPDATE {ENTRY} SET content = %s WHERE id = %s", verify.to_text(content), stamp.id)
        right, printed = self.verify("--ca-file", self.authority.ca_file)
        self.assertIn("time stamp is not valid", printed)
        self.assertFalse(right)

    def test_authority_that_fails(self):
        """It is tried again an hour later and holds nothing."""
        self.company.write(
            {"cloudprinter_stamp_url": "http://127.0.0.1:9/", "cloudprinter_auditor_email": "a@example.com"}
        )
        with mute_logger(SEAL_LOG):
            self.seal()
        self.assertFalse(self.get_entries(kind="stamp"))
        self.assertTrue(self.get_entries(kind="seal"))
        item = self.accept("more")
        self.send()
        self.assertEqual(item.signal_ids.state, "sent")
        self.company.cloudprinter_stamp_url = self.authority.url
        self.wait(hours=1)
        self.seal()
        self.assertTrue(self.get_entries(kind="stamp"))

    def test_stamp_that_cannot_be_read(self):
        """The next one is made all the same."""
        self.company.cloudprinter_stamp_url = self.authority.url
        self.seal()
        stamp = self.get_entries(kind="stamp")
        self.execute(f"UPDATE {ENTRY} SET content = %s WHERE id = %s", '{"number":"120"}', stamp.id)
        self.wait(days=1)
        self.seal()
        self.assertEqual(len(self.get_entries(kind="stamp")), 2)

    def test_uninstalling_asks_for_an_export(self):
        module = self.env["ir.module.module"].search([("name", "=", "cloudprinter")])
        wizard = self.env["base.module.uninstall"].create({"module_ids": module.ids})
        self.assertTrue(wizard.cloudprinter_is_lost)
        with self.assertRaises(UserError):
            wizard.action_uninstall()
        self.export()
        wizard.invalidate_recordset()
        self.assertFalse(wizard.cloudprinter_is_lost)


@tagged("post_install", "-at_install", "cloudprinter")
class TestPrints(LedgerCase):
    """What is printed was true then, and can be compared with the ledger later."""

    def print_history(self, report, records):
        self.env.flush_all()
        html = self.env["ir.actions.report"].with_user(self.accountant)._render_qweb_html(report, records.ids)[0]
        return " ".join(html.decode().split())

    def print_order(self, order):
        return self.print_history("cloudprinter.action_report_order_history", order)

    def test_names_of_then(self):
        book = self.good.product_id = self.env["product.product"].create({"name": "Book"})
        self.good.report_delay(24, "Late")
        self.send()
        user = self.good.signal_ids.user_id[:1]
        before, name = book.display_name, user.name
        book.name = "Renamed Book"
        user.name = "Renamed User"
        text = self.print_order(self.good.order_id)
        self.assertIn(before, text)
        self.assertIn(f", <span>{name}</span>", text)
        self.assertNotIn("Renamed Book", text)

    def test_names_that_were_changed(self):
        """A name that is not what its entry says is not printed, nor is an erased one."""
        user = self.bad.signal_ids.user_id[:1]
        entry = self.get_entries(subject=f"res.users,{user.id}")
        for change, value, finding in (
            ("private", '{"name":"Mallory"}', "Its private texts were changed"),
            ("private", '{"name":"Mallory","salt":"0"}', "Its private texts were changed"),
            ("content", "{}", "It was changed"),
            ("private", None, "Its private texts are missing"),
        ):
            with self.subTest(change, value=value), self.env.cr.savepoint() as savepoint:
                self.execute(f"UPDATE {ENTRY} SET {change} = %s WHERE id = %s", value, entry.id)
                text = self.print_order(self.bad.order_id)
                self.assertNotIn("Mallory", text)
                self.assertNotIn(f", <span>{user.name}</span>", text)
                self.assertIn(finding, text)
                savepoint.rollback()
                self.env.invalidate_all()
        entry.action_erase()
        self.send()
        user.name = "Renamed User"
        text = self.print_order(self.bad.order_id)
        self.assertIn(", <span>(erased)</span>", text)
        self.assertIn("are what the ledger says", text)

    def test_order_of_names(self):
        """Names are taken in the order of the chain, not of the ids of their entries."""
        user, name = self.bad.signal_ids.user_id[:1], self.bad.signal_ids.user_id[:1].name
        user.name = "Renamed User"
        self.accept("new").signal_ids.action_discard()
        self.send()
        first, second = self.get_entries(subject=f"res.users,{user.id}")
        self.execute(f"UPDATE {ENTRY} SET id = -id WHERE id = %s", second.id)
        self.assertIn(f", <span>{name}</span>", self.print_order(self.bad.order_id))

    def test_place_in_the_ledger(self):
        text = self.print_order(self.good.order_id)
        entry, last = self.get_entries(order_id=self.good.order_id.id), self.get_entries()[-1]
        self.assertIn(f"{entry.number}:{entry.hash[:16]}", text)
        self.assertIn(f"{last.number}:{last.hash}", text)
        self.assertIn("are what the ledger says", text)
        self.assertIn("All 1 signals were accepted", text)
        self.assertEqual(self.check(f"{entry.number}:{entry.hash[:16]}"), [])
        self.execute("UPDATE cloudprinter_signal SET source = 'x' WHERE item_id = %s", self.good.id)
        self.assertIn("are not what the ledger says", self.print_order(self.good.order_id))

    def test_another_address(self):
        """The stand-in server is not Cloudprinter."""
        self.assertIn(f"Accepted by {self.server.url}, which is not", self.print_order(self.good.order_id))

    def test_part_of_an_order(self):
        report = "cloudprinter.action_report_signal_history"
        self.assertIn("Only a part", self.print_history(report, self.bad.signal_ids[0]))
        self.assertNotIn("Only a part", self.print_history(report, self.bad.signal_ids))

    def test_deleted_attempts(self):
        # another entry about the same attempts
        self.env["cloudprinter.ledger.entry"]._add("queued", self.bad.signal_ids.ids, with_attempts=True)
        self.moment = self.moment.replace(year=self.moment.year + 1)
        with freeze_time(self.moment):
            self.env["cloudprinter.request"]._gc_requests()
        self.assertIn("of which 1 were deleted", self.print_order(self.bad.order_id))

    def test_check_of_the_ledger(self):
        entry = self.get_entries()[2]
        check = self.env["cloudprinter.ledger.check"].with_user(self.accountant)
        wizard = check.create({"known": f"{entry.number}:{entry.hash}\n2:{'0' * 64}\n\n"})
        self.assertEqual(wizard.action_check()["report_name"], "cloudprinter.report_ledger_check")
        text = self.print_history("cloudprinter.action_report_ledger_check", wizard)
        self.assertIn(f"{entry.number}:{entry.hash}", text)
        self.assertIn("Entry 2: It has another hash", text)
        self.assertIn("1 findings", text)
