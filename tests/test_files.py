"""Files of incoming orders: what is downloaded from where, what becomes of it, and who is asked when it fails."""

import contextlib
import hashlib
import io
import ipaddress
import socket
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import freezegun
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import BaseCase, Form, HttpCase, tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter.cloudsignal import connection
from odoo.addons.cloudprinter.dev.fault_tests.certificates import write_certificate
from odoo.addons.cloudprinter.dev.file_server import FileServer
from odoo.addons.cloudprinter.models import cloudprinter_order_file
from odoo.addons.cloudprinter.tools.download import download, is_allowed, is_public, parse_hosts
from odoo.addons.mail.tools.discuss import Store

from .common import CloudprinterCase

HOSTS = ("127.0.0.1",)
PDF = b"%PDF-1.7 " + bytes(range(256)) * 40
MD5 = hashlib.md5(PDF).hexdigest()
# RFC 6890 and its successors: what a link from outside must not reach
NOT_PUBLIC = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.2.0/24 192.168.0.0/16"
        " 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
        " ::/128 ::1/128 64:ff9b:1::/48 100::/64 2001::/32 2001:db8::/32 fc00::/7 fe80::/10 fec0::/10 ff00::/8"
    ).split()
]
PUBLIC = [ipaddress.ip_network(text) for text in ("8.8.8.0/24", "93.184.0.0/16", "2606:4700::/32", "2a00::/16")]
generated = settings(
    deadline=None, max_examples=200, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def addresses_of(networks):
    return st.sampled_from(networks).flatmap(lambda network: st.ip_addresses(network=network))


def wrappings(address):
    """An IPv4 address as the IPv6 addresses by which it is reached: mapped, 6to4, NAT64."""
    number = int(address)
    return [
        ipaddress.IPv6Address((0xFFFF << 32) + number),
        ipaddress.IPv6Address((0x2002 << 112) + (number << 80) + 1),
        ipaddress.IPv6Address((0x64FF9B << 96) + number),
    ]


class TestAddresses(BaseCase):
    """Which hosts and addresses files may come from."""

    @generated
    @given(addresses_of(NOT_PUBLIC))
    def test_no_address_of_a_network_of_our_own(self, address):
        self.assertFalse(is_public(address), address)
        if address.version == 4:
            for wrapped in wrappings(address):
                self.assertFalse(is_public(wrapped), wrapped)

    @generated
    @given(addresses_of(PUBLIC))
    def test_addresses_of_the_internet(self, address):
        self.assertTrue(is_public(address), address)
        if address.version == 4:
            for wrapped in wrappings(address):
                self.assertTrue(is_public(wrapped), wrapped)

    def test_what_is_cut_off_by_a_zone(self):
        self.assertFalse(is_public("fe80::1%eth0"))

    def test_hosts_of_the_setting(self):
        for text, expected in {
            None: (),
            " , ": (),
            "Files.Example.com": ("files.example.com",),
            "a.example, .b.example\nlocalhost ::1": ("a.example", ".b.example", "localhost", "::1"),
        }.items():
            self.assertEqual(parse_hosts(text), expected)
        for text in ("https://example.com", "example.com/a", "*.example.com", "example.com:80", ".", "a..b", "ü.de"):
            with self.subTest(text), self.assertRaises(ValueError):
                parse_hosts(f"good.example {text}")

    def test_a_dot_allows_what_is_below(self):
        hosts = ("a.example", ".b.example")
        for host in ("a.example", "b.example", "x.b.example", "x.y.b.example"):
            self.assertTrue(is_allowed(host, hosts), host)
        for host in ("x.a.example", "xb.example", "example", "b.example.evil", "a.example."):
            self.assertFalse(is_allowed(host, hosts), host)


class TestDownload(BaseCase):
    """A host on loopback, which must be listed as any other."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.enterClassContext(FileServer())

    def setUp(self):
        super().setUp()
        self.server.requests.clear()

    def get(self, url, hosts=HOSTS, size_limit=100_000, deadline=10.0, **announced):
        self.target = io.BytesIO()
        return download(url, self.target, hosts, size_limit, deadline=deadline, **announced)

    def assert_result(self, result, kind, reason, may_pass):
        self.assertFalse(result)
        self.assertEqual((result.kind, result.may_pass), (kind, may_pass), result.reason)
        self.assertIn(reason, result.reason)
        self.assertNotIn("secret", result.reason)

    def assert_refused(self, url, reason, **options):
        self.assert_result(self.get(url, **options), "refused", reason, may_pass=False)
        self.assertFalse(self.server.requests, "nobody was asked")

    # === from where === #

    def test_good_file(self):
        """Query strings are secrets of the link and reach the host; no cookie, password or name of ours does."""
        url = self.server.serve("/a%20b.pdf?sig=%2Bx%3D", PDF)
        self.assertTrue(self.get(url, md5sum=MD5.upper(), size=len(PDF)))
        self.assertEqual(self.target.getvalue(), PDF)
        [(path, headers)] = self.server.requests
        self.assertEqual(path, "/a%20b.pdf?sig=%2Bx%3D")
        self.assertEqual(headers.keys(), {"Host", "Accept", "Accept-Encoding", "Connection"})
        self.assertEqual(headers["Accept-Encoding"], "identity")

    def test_address_with_spaces_and_accents(self):
        self.server.serve("/caf%C3%A9%201.pdf", PDF)
        self.assertTrue(self.get(f"{self.server.url}/café 1.pdf"))

    def test_what_is_no_address(self):
        for url in (
            "",
            "cover.pdf",
            "//127.0.0.1/a",
            "ftp://127.0.0.1/a",
            "https://",
            "https://[::1/",
            "file:///etc/x",
        ):
            with self.subTest(url):
                self.assert_refused(url, "no web address")

    def test_http_is_for_this_machine_only(self):
        self.assert_refused("http://files.example.com/a?secret", "https://", hosts=("files.example.com",))

    def test_user_and_password(self):
        self.assert_refused(f"http://u:secret@127.0.0.1:{self.server.port}/a", "user name")

    def test_host_that_is_not_listed(self):
        url = self.server.serve("/a?secret", PDF)
        self.assert_refused(url, "127.0.0.1 is not among", hosts=("files.example.com", ".127.0.0.1.example"))
        self.assert_refused(url, "127.0.0.1 is not among", hosts=())

    def test_private_addresses_even_if_listed(self):
        for host in ("10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"):
            with self.subTest(host):
                self.assert_refused(f"https://{host}/a", "not a host of the Internet", hosts=(host,))

    def test_a_name_with_one_private_address(self):
        """Also when the name has a public one: who answers chooses."""

        def resolve(host, port, **options):
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, ("93.184.216.34", port)), (*kind, ("127.0.0.1", port))]

        with patch.object(socket, "getaddrinfo", resolve):
            self.assert_refused("https://a.example/", "its address is 127.0.0.1", hosts=("a.example",))

    def test_the_address_that_was_checked_is_used(self):
        """A name that is resolved a second time may have another address by then."""
        url = self.server.serve("/a", PDF).replace("127.0.0.1", "localhost")
        resolved = []

        def resolve(host, port, **options):
            resolved.append(host)
            self.assertEqual(len(resolved), 1)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        with patch.object(socket, "getaddrinfo", resolve):
            self.assertTrue(self.get(url, hosts=("localhost",)))
        self.assertEqual(resolved, ["localhost"])

    def test_an_unknown_name(self):
        result = self.get("https://nobody.invalid/a", hosts=("nobody.invalid",))
        self.assert_result(result, "download", "could not be resolved", may_pass=True)

    def test_no_proxy_is_used(self):
        url = self.server.serve("/a", PDF)
        dead = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "all_proxy")}
        with patch.dict("os.environ", dead):
            self.assertTrue(self.get(url))

    # === certificates === #

    def given_tls(self, days=10):
        """A host that speaks https, and a file with the certificate alone."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "trusted.pem").write_bytes(write_certificate(folder / "server.pem", days))
        server = self.enterContext(FileServer(folder / "server.pem"))
        return server, str(folder / "trusted.pem")

    def trust(self, path):
        return patch("requests.adapters.DEFAULT_CA_BUNDLE_PATH", path)

    def test_certificate_that_is_trusted(self):
        server, trusted = self.given_tls()
        with self.trust(trusted):
            self.assertTrue(self.get(server.serve("/a", PDF), md5sum=MD5))

    def test_certificate_that_nobody_knows(self):
        server, _trusted = self.given_tls()
        result = self.get(server.serve("/a", PDF))
        self.assert_result(result, "download", "certificate", may_pass=True)
        self.assertFalse(server.requests)

    def test_certificate_that_has_expired(self):
        server, trusted = self.given_tls(days=-1)
        with self.trust(trusted):
            self.assert_result(self.get(server.serve("/a", PDF)), "download", "certificate", may_pass=True)

    def test_certificate_of_another_host(self):
        server, trusted = self.given_tls()
        url = server.serve("/a", PDF).replace("127.0.0.1", "localhost")
        with self.trust(trusted):
            self.assert_result(self.get(url, hosts=("localhost",)), "download", "certificate", may_pass=True)

    # === redirects === #

    def redirect(self, path, location, status=302):
        return self.server.serve(path, status=status, headers={"Location": location})

    def test_redirects_that_are_allowed(self):
        """Up to three, also relative ones."""
        self.server.serve("/d", PDF)
        self.redirect("/c", "/d", 301)
        self.redirect("/b", "c", 307)
        self.assertTrue(self.get(self.redirect("/a", f"{self.server.url}/b"), md5sum=MD5))
        result = self.get(self.redirect("/0", "/a"))
        self.assert_result(result, "refused", "redirects", may_pass=False)

    def test_redirects_are_checked_as_links_are(self):
        for location, reason in {
            "https://10.0.0.1/?secret": "not a host of the Internet",
            "https://elsewhere.example/?secret": "elsewhere.example is not among",
            "http://files.example/": "https://",
            "file:///etc/passwd": "no web address",
            f"http://u:secret@127.0.0.1:{self.server.port}/": "user name",
        }.items():
            with self.subTest(location):
                url = self.redirect("/r", location)
                result = self.get(url, hosts=(*HOSTS, "10.0.0.1", "files.example"))
                self.assert_result(result, "refused", reason, may_pass=False)

    # === what the host answers === #

    def test_answers_that_are_no_file(self):
        for status, may_pass in {204: False, 400: False, 403: False, 404: False, 410: False}.items():
            with self.subTest(status):
                result = self.get(self.server.serve("/s", b"No secret", status))
                self.assert_result(result, "download", f"answers {status}", may_pass)
        for status in (408, 429, 500, 502, 503):
            with self.subTest(status):
                self.assert_result(self.get(self.server.serve("/s", b"", status)), "download", f"{status}", True)

    def test_checksum_is_wrong(self):
        result = self.get(self.server.serve("/a", PDF), md5sum="0" * 32)
        self.assert_result(result, "corrupt", MD5, may_pass=True)

    def test_size_is_wrong(self):
        url = self.server.serve("/a", PDF)
        for size in (len(PDF) - 1, len(PDF) + 1):
            self.assert_result(self.get(url, size=size), "corrupt", str(size), may_pass=True)
        # what is more is not waited for
        url = self.server.serve("/endless", PDF, length=50_000)
        self.assert_result(self.get(url, size=1000), "corrupt", "more than the 1000 bytes", may_pass=True)

    def test_empty_file(self):
        self.assert_result(self.get(self.server.serve("/a", b"")), "corrupt", "empty", may_pass=True)

    def test_larger_than_allowed(self):
        """Whether the order says so, the host does, or nobody."""
        url = self.server.serve("/a", PDF)
        result = self.get(url, size_limit=1000, size=1001)
        self.assert_result(result, "refused", "larger than 0.001 MB", may_pass=False)
        self.assertFalse(self.server.requests)
        url = self.server.serve("/a", b"x", length=1001)
        self.assert_result(self.get(url, size_limit=1000), "refused", "larger than", may_pass=False)
        self.assertEqual(self.target.getvalue(), b"")
        url = self.server.serve("/b", PDF * 100, length=False)
        self.assert_result(self.get(url, size_limit=1000), "refused", "larger than", may_pass=False)
        self.assertLessEqual(len(self.target.getvalue()), 1000)
        self.assertTrue(self.get(self.server.serve("/c", PDF), size_limit=len(PDF)))

    def test_compressed_content_is_not_unpacked(self):
        """A few bytes could unfold to gigabytes; what is stored is what has the checksum."""
        url = self.server.serve("/a", PDF, headers={"Content-Encoding": "gzip"})
        self.assertTrue(self.get(url, md5sum=MD5))
        self.assertEqual(self.target.getvalue(), PDF)

    def test_chunks(self):
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (PDF, PDF)) + b"0\r\n\r\n"
        url = self.server.serve("/a", body, headers={"Transfer-Encoding": "chunked"}, length=False)
        self.assertTrue(self.get(url))
        self.assertEqual(self.target.getvalue(), PDF * 2)
        url = self.server.serve("/a", body[:-20], headers={"Transfer-Encoding": "chunked"}, length=False)
        self.assert_result(self.get(url), "download", "cut", may_pass=True)

    def test_cut_before_the_end(self):
        result = self.get(self.server.serve("/a", PDF, length=len(PDF) + 1))
        self.assert_result(result, "download", "cut before the end", may_pass=True)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.assert_result(self.get(f"http://127.0.0.1:{port}/"), "download", "refused", may_pass=True)

    @contextlib.contextmanager
    def given_answer(self, answer):
        """A host that sends this and then nothing more; yields its address."""

        def serve():
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(answer)
                connection.recv(1000)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=serve, daemon=True).start()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def test_no_http(self):
        with self.given_answer(b"220 ftp\r\n") as url:
            self.assert_result(self.get(url), "download", "not HTTP", may_pass=True)

    def test_interim_answers_are_read_over(self):
        answer = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        answer += b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(PDF), PDF)
        with self.given_answer(answer) as url:
            self.assertTrue(self.get(url, md5sum=MD5))

    def test_headers_that_break(self):
        """Without them it is unknown where the file begins."""
        for headers, reason in {b"X: ": "0.0 MB had arrived", b"X: 1\r\n" * 150: "not HTTP"}.items():
            with self.subTest(reason), self.given_answer(b"HTTP/1.1 200 OK\r\n" + headers) as url:
                self.assert_result(self.get(url, deadline=0.3), "download", reason, may_pass=True)

    def test_drip(self):
        """However slowly it drips, head or body, it ends in time."""
        for path, size in {"/head": 0, "/body": 10_000}.items():
            with self.subTest(path):
                url = self.server.serve(path, b"x" * size, pause=0.05 if path == "/head" else 0.001)
                start = time.monotonic()
                result = self.get(url, deadline=0.6)
                self.assertLess(time.monotonic() - start, 4)
                self.assert_result(result, "download", "after 1 s", may_pass=True)

    def test_silence(self):
        answer = threading.Event()
        self.addCleanup(answer.set)
        start = time.monotonic()
        result = self.get(self.server.serve("/a", PDF, before=answer.wait), deadline=0.3)
        self.assertLess(time.monotonic() - start, 4)
        self.assert_result(result, "download", "0.0 MB had arrived", may_pass=True)


class FilesCase(CloudprinterCase):
    """Given: a company that fetches files from a host on loopback."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.enterClassContext(FileServer())
        # where time is frozen, downloads still take some
        freezegun.configure(extend_ignore_list=[connection.__name__])
        cls.addClassCleanup(freezegun.config.reset_config)
        cls.company.write({"cloudprinter_file_hosts": "127.0.0.1", "cloudprinter_fetch_files": True})

    def given_file(self, item, path="/cover.pdf", content=PDF, of_order=False, **values):
        """A file of an item, or of its order, that an order document has named."""
        named = {"type": "cover", "format": "pdf", "md5sum": MD5, "size": len(PDF), **values}
        file = SimpleNamespace(url=self.host.url + path, **named)
        if content is not None:
            self.host.serve(path, content)
        files = self.env["cloudprinter.order.file"]
        return files.create(files._prepare_files([file], item.order_id, None if of_order else item))

    def fetch(self):
        """Odoo runs the scheduled action."""
        self.env.cr.flush()
        # a browser test is in this mode all the time
        with contextlib.nullcontext() if isinstance(self, HttpCase) else self.enter_registry_test_mode():
            self.env.ref("cloudprinter.ir_cron_fetch").method_direct_trigger()
        self.env.invalidate_all()

    def given_failed(self, file, **values):
        """The file has failed for good."""
        file.write({"state": "error", "failure_type": "download", "problem": "No.", "attempt_count": 5, **values})

    def get_triggers(self):
        cron = self.env.ref("cloudprinter.ir_cron_fetch")
        return self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])


@tagged("post_install", "-at_install", "cloudprinter")
class TestFetching(FilesCase):
    def setUp(self):
        super().setUp()
        self.item = self.sell_one()
        self.host.requests.clear()

    def test_links_only(self):
        """A company that does not fetch has the links, and nothing is waited for."""
        self.company.cloudprinter_fetch_files = False
        file = self.given_file(self.item)
        self.assertFalse(self.get_triggers())
        self.fetch()
        self.assertEqual((file.state, file.size), ("link", len(PDF)))
        self.assertTrue(file.order_id._are_files_there())
        self.assertFalse(self.host.requests)

    def test_fetched(self):
        """The file is on the item, under a name that tells what it is, as it was; the order is told."""
        file = self.given_file(self.item)
        self.assertTrue(self.get_triggers(), "the worker is woken")
        self.assertFalse(file.order_id._are_files_there())
        with patch.object(type(file.order_id), "_on_files_settled", autospec=True) as settled:
            self.fetch()
        [(orders,)] = [call.args for call in settled.call_args_list]
        self.assertEqual(orders.ids, file.order_id.ids)
        self.assertEqual((file.state, file.failure_type, file.problem), ("fetched", False, False))
        self.assertTrue(file.order_id._are_files_there())
        attachment = file.attachment_id
        self.assertEqual(attachment.raw, PDF)
        self.assertEqual(attachment.name, "123456780001_cover.pdf")
        self.assertEqual(attachment.mimetype, "application/pdf")
        self.assertEqual((attachment.res_model, attachment.res_id), ("cloudprinter.item", self.item.id))
        self.assertEqual(attachment.company_id, self.company)
        self.fetch()
        self.assertEqual(len(self.host.requests), 1)

    def test_file_of_the_order(self):
        label = self.given_file(self.item, "/label.zpl", of_order=True, type="shipping_label", format="")
        self.fetch()
        attachment = label.attachment_id
        self.assertEqual(attachment.name, "123456780000_shipping_label.zpl")
        self.assertEqual((attachment.res_model, attachment.res_id), ("cloudprinter.order", self.item.order_id.id))

    def test_nothing_is_executed(self):
        """Names and types come from outside."""
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
        """Odoo makes large pictures smaller; a print file stays as it is."""
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
        """Again after 1, 5, 15 and 60 minutes; then a person is asked, and the order is told."""
        file = self.given_file(self.item, "/a?secret", None)
        self.host.serve("/a?secret", b"", 503)
        now = fields.Datetime.now()
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
                        self.assertIn("tried again by itself", file.problem)
                        self.assertIn(file.next_attempt_date, self.get_triggers().mapped("call_at"))
        self.assertTrue(settled.called)
        self.assertEqual((file.state, file.failure_type), ("error", "download"))
        self.assertEqual(
            file.problem,
            "127.0.0.1/a: the host answers 503 Service Unavailable. Try again, or cancel the item.",
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

    def test_a_host_that_nobody_has_listed(self):
        file = self.given_file(self.item)
        self.company.cloudprinter_file_hosts = "files.example.com"
        self.fetch()
        self.assertEqual((file.state, file.failure_type), ("error", "download"))
        self.assertIn("127.0.0.1 is not among the hosts of files. An administrator may allow it", file.problem)
        self.assertFalse(self.host.requests)

    def test_damaged_twice(self):
        """What was damaged on the way is right the second time; what is damaged again stays so."""
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
                self.assertIn("Try again when Cloudprinter has replaced it", bad.problem)
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
        """Also when it cannot be stored: the others are, and it is tried again."""
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
        """The attempt is written down before anything is downloaded, so that nothing is tried for ever.

        The more often it was, the fewer are fetched together: in the end who killed the process is alone.
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
        self.assertIn("never came to an end", files[0].problem)

    def test_more_than_one_batch(self):
        """A run takes eight and wakes itself for the others: other jobs get their turn."""
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
        """What waits becomes a link, and the order goes on."""
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

    # === a person === #

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
        """Whoever sees the items sees their files; nobody writes, and what another company has is its own."""
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
        with self.assertRaisesRegex(ValidationError, "“https://a.example” is no host"):
            company.cloudprinter_file_hosts = "b.example https://a.example"
        with self.assertRaises(ValidationError):
            company.cloudprinter_file_days = -1
        company.write({"cloudprinter_file_hosts": "b.example, .c.example", "cloudprinter_fetch_files": True})


@tagged("post_install", "-at_install", "cloudprinter")
class TestFilesOfDocuments(FilesCase):
    """What becomes of files where people work."""

    def get_chatter(self, record, user):
        """The names of the attachments that the web client is told, as it asks for them."""
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
        self.assertEqual(
            self.get_chatter(production, self.operator), ["note.txt", "123456780001_cover.pdf"], "of the item alone"
        )
        self.assertEqual(production.with_user(self.operator).cloudprinter_file_ids, item.file_ids)
        attachment = item.file_ids.attachment_id.with_user(self.operator)
        self.assertEqual(attachment.raw, PDF)
        with self.assertRaises(AccessError):
            attachment.unlink()

    def test_backorder_reprint_and_gang_run(self):
        item = self.sell_one()
        self.given_file(item)
        self.fetch()
        # Odoo's mrp_account reads analytic lines in the name of who makes a backorder
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
            self.assertEqual(self.get_chatter(production, self.operator), ["123456780001_cover.pdf"])
        self.assertEqual(
            set(self.get_chatter(again, self.operator)), {"123456780001_cover.pdf", "123456780002_cover.pdf"}
        )
        self.assertEqual(self.env["ir.attachment"].search_count([("name", "ilike", "_cover.pdf")]), 2, "no copies")

    def test_other_manufacturing_orders(self):
        production = self.env["mrp.production"].create({"product_id": self.book.id})
        self.assertEqual(self.get_chatter(production, self.operator), [])

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
        """The daily clean-up, some time later."""
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

    def test_a_person_is_asked_and_the_cause_is_proposed(self):
        for failure_type, label, cause in (
            ("download", "A file could not be downloaded", "CancelDownloadError"),
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
                action = item.with_user(self.manager).action_next_step()
                dialog = Form.from_action(self.env(user=self.manager), action)
                self.assertEqual((dialog.kind, dialog.cause), ("cancel", cause))
                self.assertTrue(dialog.message)
                dialog.save().action_report()
                self.assertEqual((item.cancel_cause, item.stage), (cause, "canceled"))
                self.assertNotEqual(item.attention, kind)
                self.assertTrue(file.order_id._are_files_there(), "nobody needs the file any more")

    def test_a_file_of_the_order_concerns_its_items(self):
        sale = self.sell((self.book, 1, "1"), (self.book, 1, "2"))
        items = sale.order_line.cloudprinter_item_id.sorted("name")
        self.given_failed(self.given_file(items[0], of_order=True, type="shipping_label"))
        self.assertEqual(items.mapped("attention"), ["file_download", "file_download"])
        self.assertEqual(items[1].attention_text, "A file could not be downloaded (shipping_label)")
        self.given_failed(self.given_file(items[0], type="cover"), failure_type="corrupt")
        self.assertEqual(items.mapped("attention"), ["file_corrupt", "file_download"], "its own file, and its own")

    def test_nobody_is_asked_about_what_is_shipped(self):
        item = self.sell_one()
        self.given_failed(self.given_file(item))
        self.ship(item)
        self.assertFalse(item.attention)


@tagged("post_install", "-at_install", "cloudprinter")
class TestFilesInBrowser(FilesCase, HttpCase):
    def test_operator_opens_the_file(self):
        """The chatter counts and lists it, though it is attached to the item."""
        item = self.sell_one()
        self.given_file(item)
        self.fetch()
        url = f"/odoo/action-mrp.mrp_production_action/{item.production_ids.id}"
        self.start_tour(url, "cloudprinter_operator_files", login=self.operator.login)

    def test_manager_settles_failed_files(self):
        """One is tried again, for the other the item is canceled."""
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
