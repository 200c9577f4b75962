"""Downloading print files: allowed hosts and addresses, limits, redirects, checksums."""

import contextlib
import io
import ipaddress
import socket
import tempfile
import threading
import time
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from odoo.addons.cloudprinter.dev.fault_tests.certificates import write_certificate
from odoo.addons.cloudprinter.dev.file_server import FileServer
from odoo.addons.cloudprinter.tools.download import download, is_allowed, is_public, parse_hosts

from .common import MD5, PDF

HOSTS = ("127.0.0.1",)
# RFC 6890 and its successors: addresses that a link from outside must not reach
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
    """Return the IPv6 addresses by which an IPv4 address can be reached: mapped, 6to4, NAT64."""
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
    def test_private_addresses_are_refused(self, address):
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
    """A host on loopback, which must be listed like any other."""

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
        self.assertFalse(self.server.requests, "no host was asked")

    # === from where === #

    def test_good_file(self):
        """Query strings are secrets of the link and reach the host; cookies, passwords and our server name do not."""
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
                self.assert_refused(url, "not a web address")

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
                self.assert_refused(f"https://{host}/a", "not a public host", hosts=(host,))

    def test_a_name_with_one_private_address(self):
        """It is refused even if it has a public one too, as the name server chooses which one is used."""

        def resolve(host, port, **options):
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, ("93.184.216.34", port)), (*kind, ("127.0.0.1", port))]

        with patch.object(socket, "getaddrinfo", resolve):
            self.assert_refused("https://a.example/", "its address is 127.0.0.1", hosts=("a.example",))

    def test_the_address_that_was_checked_is_used(self):
        """The checked address is used, as a second lookup could return another one."""
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
        """Return a host that speaks https and a file with its certificate alone."""
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

    def test_unknown_certificate(self):
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
        """Up to three redirects are followed, also relative ones."""
        self.server.serve("/d", PDF)
        self.redirect("/c", "/d", 301)
        self.redirect("/b", "c", 307)
        self.assertTrue(self.get(self.redirect("/a", f"{self.server.url}/b"), md5sum=MD5))
        result = self.get(self.redirect("/0", "/a"))
        self.assert_result(result, "refused", "redirects", may_pass=False)

    def test_redirects_are_checked_as_links_are(self):
        for location, reason in {
            "https://10.0.0.1/?secret": "not a public host",
            "https://elsewhere.example/?secret": "elsewhere.example is not among",
            "http://files.example/": "https://",
            "file:///etc/passwd": "not a web address",
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
                self.assert_result(result, "download", f"answered {status}", may_pass)
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
        # the rest is not waited for
        url = self.server.serve("/endless", PDF, length=50_000)
        self.assert_result(self.get(url, size=1000), "corrupt", "more than the 1000 bytes", may_pass=True)

    def test_empty_file(self):
        self.assert_result(self.get(self.server.serve("/a", b"")), "corrupt", "empty", may_pass=True)

    def test_larger_than_allowed(self):
        """The limit applies whether the order, the host or neither announces the size."""
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
        """A few bytes could expand to gigabytes; what is stored is what the checksum describes."""
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

    def test_nothing_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.assert_result(self.get(f"http://127.0.0.1:{port}/"), "download", "refused", may_pass=True)

    @contextlib.contextmanager
    def given_answer(self, answer):
        """Run a host that sends this and then nothing more; yield its address."""

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
        """Without complete headers the beginning of the file is unknown."""
        for headers, reason in {b"X: ": "0.0 MB had arrived", b"X: 1\r\n" * 150: "not HTTP"}.items():
            with self.subTest(reason), self.given_answer(b"HTTP/1.1 200 OK\r\n" + headers) as url:
                self.assert_result(self.get(url, deadline=0.3), "download", reason, may_pass=True)

    def test_drip(self):
        """However slow the headers or the body, the download ends in time."""
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
