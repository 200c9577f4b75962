"""Download a file from an allowed host. Independent of the ORM.

The addresses come from outside, so they must not lead to hosts that only this network can reach. Connections are
direct: a proxy would resolve the name itself, and the address it found would be unknown.
"""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

import hashlib
import http.client
import ipaddress
import re
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests

from ..cloudsignal.connection import TROUBLE, Answer, Exchange, is_loopback
from .text import Text as _

CONNECT_TIMEOUT = 10.0  # seconds, for each address of a host
READ_TIMEOUT = 20.0  # seconds of silence
CHUNK = 256 * 1024  # bytes
REDIRECTS_AT_MOST = 3
MEGABYTE = 1000 * 1000
HOST = re.compile(r"\.?(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
PASSING_STATUSES = (408, 425, 429)  # and those from 500 up


@dataclass(frozen=True)
class Result:
    """Result of a download. No text in it contains what follows the ? of an address.

    :param kind: "" if the file was downloaded, "download" if that failed, "corrupt" if it is not the announced file,
        "refused" if the link or the file is not allowed
    :param reason: why, on one line
    :param may_pass: whether a retry makes sense
    :param size: bytes written
    """

    kind: str = ""
    reason: str = ""
    may_pass: bool = False
    size: int = 0

    def __bool__(self):
        return not self.kind


class _Failure(Exception):
    """Carries the first three values of a `Result`."""

    def __init__(self, kind, reason, may_pass=False):
        super().__init__(kind, reason, may_pass)


# === hosts and addresses === #


def parse_hosts(text):
    """Return the hosts of a setting, separated by commas or spaces, in lower case.

    :raise ValueError: with the first invalid host
    """
    hosts = tuple((text or "").lower().replace(",", " ").split())
    for host in hosts:
        if not is_loopback(host) and not (HOST.fullmatch(host) and len(host) <= 254):
            raise ValueError(host)
    return hosts


def is_allowed(host, hosts):
    """Return whether `hosts` allows this host: "example.com" allows only itself, ".example.com" also its subdomains."""
    return any(host == name.removeprefix(".") or (name[0] == "." and host.endswith(name)) for name in hosts)


def is_public(address):
    """Return whether an IP address is public, also if it is an IPv4 address within an IPv6 one."""
    address = ipaddress.ip_address(address)
    if address.version == 6:
        if address in NAT64:
            return is_public(int(address) & 0xFFFFFFFF)
        inner = address.ipv4_mapped or address.sixtofour
        if inner:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _check_url(url, hosts):
    """Return the parts, host and port of an address if it is allowed."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _Failure("refused", _("the link is not a web address")) from None
    if not host or parts.scheme not in ("http", "https") or re.search(r"[\x00-\x20\x7f\\]", parts.netloc):
        raise _Failure("refused", _("the link is not a web address that begins with https://"))
    if "@" in parts.netloc:
        raise _Failure("refused", _("the link contains a user name or a password"))
    if not is_allowed(host, hosts):
        raise _Failure("refused", _("%(host)s is not among the allowed file hosts", host=host))
    # for tests, and only if it is among the allowed hosts
    if parts.scheme == "http" and not is_loopback(host):
        raise _Failure("refused", _("the link does not begin with https://"))
    return parts, host, port or (443 if parts.scheme == "https" else 80)


def _resolve(host, port):
    """Return the addresses of a host as `getaddrinfo` does. If one is not public, all are refused."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _Failure("download", _("the name of %(host)s could not be resolved", host=host), may_pass=True) from None
    for *_kind, (address, *_more) in found:
        fine = ipaddress.ip_address(address).is_loopback if is_loopback(host) else is_public(address)
        if not fine:
            reason = _("%(host)s is not a public host: its address is %(address)s", host=host, address=address)
            raise _Failure("refused", reason)
    return found


# === the download === #


def download(url, target_file, hosts, size_limit, md5sum="", size=None, deadline=60.0):
    """Download a file. Errors of the remote or the network are never raised.

    :param str url: https, or http to this machine
    :param target_file: an empty binary file, open for writing; its content is only valid on success
    :param hosts: from `parse_hosts`
    :param int size_limit: bytes
    :param str md5sum: hexadecimal, "" if unknown
    :param int size: announced number of bytes, None or 0 if unknown
    :param float deadline: seconds for the whole download, however slowly it arrives. Only resolving the host name may
        exceed it; nothing is requested after that.
    :rtype: Result
    """
    received = _Received(target_file, size_limit, size)
    with Exchange(CONNECT_TIMEOUT, READ_TIMEOUT, deadline) as exchange:
        try:
            if size and size > size_limit:
                raise _too_large(size_limit)
            _follow(url, hosts, exchange, received)
            received.check(md5sum)
        except _Failure as failure:
            return Result(*failure.args, received.size)
        except TROUBLE as error:
            reason = exchange.explain(error)
            if exchange.is_over():
                reason = _(
                    "the download was too slow: %(size)s MB had arrived after %(seconds)s s",
                    size=f"{received.size / MEGABYTE:.1f}",
                    seconds=f"{deadline:.0f}",
                )
            return Result("download", reason, True, received.size)
    return Result(size=received.size)


def _too_large(limit):
    return _Failure("refused", _("it is larger than %(size)s MB", size=f"{limit / MEGABYTE:g}"))


class _Received:
    """The part of a file that has arrived."""

    def __init__(self, file, limit, announced):
        self.size = 0
        self._file = file
        self.limit = limit
        self._announced = announced
        self._md5 = hashlib.md5(usedforsecurity=False)

    def add(self, chunk):
        self.size += len(chunk)
        if self._announced and self.size > self._announced:
            reason = _("it has more than the %(announced)s bytes announced", announced=self._announced)
            raise _Failure("corrupt", reason, may_pass=True)
        if self.size > self.limit:
            raise _too_large(self.limit)
        self._md5.update(chunk)
        self._file.write(chunk)

    def check(self, md5sum):
        if not self.size:
            raise _Failure("corrupt", _("it is empty"), may_pass=True)
        if self._announced and self.size != self._announced:
            reason = _("it has %(size)s bytes instead of %(announced)s", size=self.size, announced=self._announced)
            raise _Failure("corrupt", reason, may_pass=True)
        found = self._md5.hexdigest()
        if md5sum and md5sum.lower() != found:
            reason = _("its MD5 checksum is %(found)s instead of %(announced)s", found=found, announced=md5sum)
            raise _Failure("corrupt", reason, may_pass=True)


def _follow(url, hosts, exchange, received):
    """Read the file, following redirects to allowed hosts."""
    for _step in range(REDIRECTS_AT_MOST + 1):
        # quoted as browsers do
        parts, host, port = _check_url(requests.utils.requote_uri(url), hosts)
        with _connect(parts, host, port, exchange) as sock:
            connection = http.client.HTTPConnection(host, port)
            connection.response_class = Answer
            connection.sock = sock
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            # http.client neither requests compression nor decompresses
            connection.request("GET", target, headers={"Host": parts.netloc, "Accept": "*/*", "Connection": "close"})
            with connection.getresponse() as answer:
                location = answer.getheader("Location")
                if answer.status in (301, 302, 303, 307, 308) and location:
                    url = urljoin(url, location)
                    continue
                return _read(answer, received)
    raise _Failure("refused", _("the host redirects more than %(most)s times", most=REDIRECTS_AT_MOST))


def _read(answer, received):
    if answer.status != 200:
        may_pass = answer.status >= 500 or answer.status in PASSING_STATUSES
        status = f"{answer.status} {answer.reason}"[:180].strip()
        raise _Failure("download", _("the host answered %(status)s", status=status), may_pass)
    if answer.trouble:
        raise answer.trouble
    left = answer.length
    if left and left > received.limit:
        raise _too_large(received.limit)
    while left is None or left > 0:
        chunk = answer.read1(CHUNK if left is None else min(CHUNK, left))
        if not chunk:
            break
        received.add(chunk)
        left = left and left - len(chunk)
    if left:
        raise http.client.IncompleteRead(b"", left)


def _connect(parts, host, port, exchange):
    """Return a connection to an address that was checked: resolving the name again could give another one."""
    trouble = None
    for family, kind, protocol, _name, address in _resolve(host, port):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(exchange.get_timeouts()[0])
            sock.connect(address)
            if parts.scheme == "https":
                sock.settimeout(exchange.get_timeouts()[0])
                sock = _get_context().wrap_socket(sock, server_hostname=host)
            sock.settimeout(exchange.get_timeouts()[1])
            return sock
        except OSError as error:
            sock.close()
            trouble = requests.exceptions.ConnectTimeout() if isinstance(error, TimeoutError) else error
    raise trouble


def _get_context():
    """Return a TLS context with the authorities that signals trust too."""
    return ssl.create_default_context(cafile=requests.adapters.DEFAULT_CA_BUNDLE_PATH)
