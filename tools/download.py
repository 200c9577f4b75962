"""Downloads one file from a host that is allowed. Nothing here knows the ORM.

The addresses come from outside, so that none of them may reach what only this network can reach. Connections are
direct: a proxy would resolve the name itself, and which address it found would be unknown.
"""

# no Odoo in here, so no env: pylint: disable=prefer-env-translation

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
PASSING_STATUSES = (408, 425, 429)  # and those from 500


@dataclass(frozen=True)
class Result:
    """What came of a download. No text in it has what follows the ? of an address.

    :param kind: "" if the file is there, "download" if it could not be had, "corrupt" if it is not what was announced,
        "refused" if it was not even tried, or given up, for what it is
    :param reason: why, on one line
    :param may_pass: whether trying again makes sense
    :param size: bytes that were written
    """

    kind: str = ""
    reason: str = ""
    may_pass: bool = False
    size: int = 0

    def __bool__(self):
        return not self.kind


class _Failure(Exception):
    """With the first three values of a `Result`."""

    def __init__(self, kind, reason, may_pass=False):
        super().__init__(kind, reason, may_pass)


# === hosts and addresses === #


def parse_hosts(text):
    """Return the hosts of a setting, separated by commas or spaces, in lower case.

    :raise ValueError: with the first that is none
    """
    hosts = tuple((text or "").lower().replace(",", " ").split())
    for host in hosts:
        if not is_loopback(host) and not (HOST.fullmatch(host) and len(host) <= 254):
            raise ValueError(host)
    return hosts


def is_allowed(host, hosts):
    """True if `hosts` has this one: "example.com" is itself alone, ".example.com" also what is below it."""
    return any(host == name.removeprefix(".") or (name[0] == "." and host.endswith(name)) for name in hosts)


def is_public(address):
    """True if an IP address is one of the Internet, also where it holds an IPv4 address in an IPv6 one."""
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
    """Return the parts of an address from which may be downloaded."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _Failure("refused", _("the link is no web address")) from None
    if not host or parts.scheme not in ("http", "https") or re.search(r"[\x00-\x20\x7f\\]", parts.netloc):
        raise _Failure("refused", _("the link is no web address that begins with https://"))
    if "@" in parts.netloc:
        raise _Failure("refused", _("the link has a user name or a password"))
    if not is_allowed(host, hosts):
        raise _Failure("refused", _("%(host)s is not among the hosts of files", host=host))
    # for tests, and only where somebody has listed it
    if parts.scheme == "http" and not is_loopback(host):
        raise _Failure("refused", _("the link does not begin with https://"))
    return parts, host, port or (443 if parts.scheme == "https" else 80)


def _resolve(host, port):
    """Return the addresses of a host as `getaddrinfo` does. One that is not public refuses them all."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _Failure("download", _("the name of %(host)s could not be resolved", host=host), may_pass=True) from None
    for *_kind, (address, *_more) in found:
        fine = ipaddress.ip_address(address).is_loopback if is_loopback(host) else is_public(address)
        if not fine:
            reason = _("%(host)s is not a host of the Internet: its address is %(address)s", host=host, address=address)
            raise _Failure("refused", reason)
    return found


# === the download === #


def download(url, target_file, hosts, size_limit, md5sum="", size=None, deadline=60.0):
    """Download a file; trouble of the remote or the network never raises.

    :param str url: https, or http to this very machine
    :param target_file: a binary file, open for writing and empty; what is in it counts only if all went well
    :param hosts: from `parse_hosts`
    :param int size_limit: bytes
    :param str md5sum: hexadecimal, "" if it is not known
    :param int size: bytes that were announced, None or 0 if they are not known
    :param float deadline: seconds for all of it, however slowly it drips. Only resolving the host's name may overrun
        it; then nothing is asked for any more.
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
                    "%(size)s MB had arrived after %(seconds)s s, which was too slow",
                    size=f"{received.size / MEGABYTE:.1f}",
                    seconds=f"{deadline:.0f}",
                )
            return Result("download", reason, True, received.size)
    return Result(size=received.size)


def _too_large(limit):
    return _Failure("refused", _("it is larger than %(size)s MB", size=f"{limit / MEGABYTE:g}"))


class _Received:
    """What has arrived of a file."""

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
            reason = _("it has %(size)s bytes, %(announced)s were announced", size=self.size, announced=self._announced)
            raise _Failure("corrupt", reason, may_pass=True)
        found = self._md5.hexdigest()
        if md5sum and md5sum.lower() != found:
            reason = _("its MD5 checksum is %(found)s, %(announced)s was announced", found=found, announced=md5sum)
            raise _Failure("corrupt", reason, may_pass=True)


def _follow(url, hosts, exchange, received):
    """Read the file, also where the host sends on to another one that is allowed."""
    for _step in range(REDIRECTS_AT_MOST + 1):
        # the quoting that browsers do
        parts, host, port = _check_url(requests.utils.requote_uri(url), hosts)
        with _connect(parts, host, port, exchange) as sock:
            connection = http.client.HTTPConnection(host, port)
            connection.response_class = Answer
            connection.sock = sock
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            # http.client asks for no compression, and undoes none
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
        raise _Failure("download", _("the host answers %(status)s", status=status), may_pass)
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
    """Return a connection to an address that was checked: resolved again, the name might have another one."""
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
    """The authorities that signals trust too."""
    return ssl.create_default_context(cafile=requests.adapters.DEFAULT_CA_BUNDLE_PATH)
