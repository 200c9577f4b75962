"""Connections with one deadline for a whole exchange. Signals use requests, files use http.client.

A socket's timeout restarts with every byte, so an answer or headers that arrive slowly could block the caller for
hours. Here each read from the socket waits at most until the deadline.
"""

# independent of Odoo, so there is no env and no ORM: pylint: disable=prefer-env-translation,missing-return

import functools
import http.client
import io
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import suppress

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from ..tools.text import Text as _

# requests does not wrap all errors of urllib3, of http.client, and of parsing host names and proxies
TROUBLE = (
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)

# The first one found among the causes of an error is shown.
_EXPLANATIONS = (
    (requests.exceptions.ProxyError, _("the proxy could not be used")),
    (ssl.SSLCertVerificationError, _("the certificate could not be verified")),
    ((ssl.SSLError, requests.exceptions.SSLError), _("no secure connection could be made")),
    (socket.gaierror, _("the host name could not be resolved")),
    (ConnectionRefusedError, _("connection refused")),
    (requests.exceptions.ConnectTimeout, _("no connection within %(connect)s s")),
    (urllib3.exceptions.NewConnectionError, _("no connection could be made")),
    ((TimeoutError, requests.exceptions.ReadTimeout), _("no answer within %(answer)s s")),
    (http.client.IncompleteRead, _("the connection was cut before the end")),
    (ConnectionError, _("the connection was cut before an answer came")),
    ((http.client.HTTPException, urllib3.exceptions.HTTPError), _("the answer is not HTTP")),
    (OSError, _("no connection could be made")),
)


def _causes(error):
    """Yield the error and everything it wraps: requests and urllib3 keep the cause in different places."""
    todo, seen = [error], set()
    while todo:
        error = todo.pop(0)
        if isinstance(error, BaseException) and id(error) not in seen:
            seen.add(id(error))
            yield error
            todo += [getattr(error, "reason", None), error.__cause__, error.__context__, *error.args]


def is_loopback(host):
    """Return whether a host name or address is that of this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# -- The deadline


_thread = threading.local()


class Exchange:
    """A request and its answer. Within `with`, these limits apply to all connections and reads of this thread.

    :param float connect_timeout: seconds for each address of the host to connect and complete the TLS handshake
    :param float read_timeout: seconds of silence
    :param float deadline: seconds for the whole exchange

    :ivar connected: whether a new connection was made, instead of reusing a kept-alive one
    :ivar answered: whether any byte of an answer has arrived
    """

    def __init__(self, connect_timeout, read_timeout, deadline):
        self.connected = self.answered = False
        self._timeouts = (connect_timeout, read_timeout)
        self._deadline = deadline
        self._expires = time.monotonic() + deadline

    def __enter__(self):
        _thread.exchange = self
        return self

    def __exit__(self, *exception):
        del _thread.exchange

    def is_over(self):
        return time.monotonic() >= self._expires

    def get_timeouts(self):
        """Return how many seconds are left to wait for a connection, and for a byte.

        :raise TimeoutError: if the deadline has passed
        """
        left = self._expires - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        connect_timeout, read_timeout = self._timeouts
        return min(left, connect_timeout), min(left, read_timeout)

    def found_closed(self, error):
        """Return whether the request failed only because the remote had closed the kept-alive connection."""
        closed = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
        in_vain = not (self.connected or self.answered or self.is_over())
        return in_vain and any(isinstance(cause, closed) for cause in _causes(error))

    def explain(self, error):
        """Return why there is no answer, as a `Text` for users.

        :param error: one of `TROUBLE`
        """
        connect, answer = (self._deadline,) * 2 if self.is_over() else self._timeouts
        causes = list(_causes(error))
        for kind, text in _EXPLANATIONS:
            if any(isinstance(cause, kind) for cause in causes):
                return text.fill_in(connect=f"{connect:g}", answer=f"{answer:g}")
        return _("no answer")


# -- The answer


class _Reader(io.RawIOBase):
    """Reads from a socket until the deadline of the exchange."""

    def __init__(self, sock, raw):
        self.ended = False
        self._sock = sock
        self._raw = raw
        self._exchange = _thread.exchange

    def readable(self):
        return True

    def readinto(self, buffer):
        if self.ended:
            return 0
        self._sock.settimeout(self._exchange.get_timeouts()[1])
        count = self._raw.readinto(buffer)
        if count:
            self._exchange.answered = True
        return count

    def close(self):
        self._raw.close()
        super().close()


class Answer(http.client.HTTPResponse):
    """The final answer to a request. Reading returns what has arrived instead of waiting for the requested amount.

    :ivar trouble: the error that broke off the headers, or None. After one, there is a status but no headers or body
    """

    trouble = None

    def __init__(self, sock, *args, **kwargs):
        super().__init__(sock, *args, **kwargs)
        self._sock = sock
        self._reader = _Reader(sock, self.fp.detach())
        self.fp = io.BufferedReader(self._reader)

    def _read_status(self):
        while True:
            version, status, reason = super()._read_status()
            if status >= 200:
                return version, status, reason
            if status == http.client.SWITCHING_PROTOCOLS:
                raise http.client.BadStatusLine(f"{version} {status}")
            # an interim answer; there may be any number of them (RFC 9110 §15.2)
            http.client.parse_headers(self.fp)

    def begin(self):
        try:
            super().begin()
        except (OSError, http.client.HTTPException) as error:
            if self.version not in (10, 11):
                raise
            # the status line has arrived, and it decides the outcome
            self.trouble = error
            self.headers = self.msg = http.client.HTTPMessage()
            self.chunked, self.length, self.will_close = False, 0, True
        lengths = self.headers.get_all("Content-Length")
        if lengths and lengths != [str(self.length)]:
            # urllib3 reads it too, and raises if it is not a number
            del self.headers["Content-Length"]
            self.will_close = True

    def read(self, amt=None):
        return super().read() if amt is None else self.read1(amt)

    def read1(self, n=-1):
        try:
            return super().read1(n)
        except ConnectionError as error:
            raise http.client.IncompleteRead(b"") from error

    def _close_conn(self):
        # Leftover data would be taken for the answer to the next request. Data that is still in the socket is noticed
        # by urllib3 before it reuses the connection.
        self._reader.ended = True
        if self.fp.peek() or getattr(self._sock, "pending", int)():
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        super()._close_conn()


# -- For requests


class Session(requests.Session):
    """A session with one kept-alive connection, for use within an `Exchange`. It does not follow redirects."""

    def __init__(self):
        super().__init__()
        # without this, requests would send a password that it finds in ~/.netrc
        self.auth = lambda request: request
        adapter = _Adapter(pool_connections=1, pool_maxsize=1)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, resp):
        """Return None: even with `allow_redirects=False`, requests would read the page to prepare the next request."""
        return None


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, **kwargs)
        self._set_pools(self.poolmanager)

    def proxy_manager_for(self, *args, **kwargs):
        manager = super().proxy_manager_for(*args, **kwargs)
        self._set_pools(manager)
        return manager

    def close(self):
        """Close the connections now: urllib3 waits until nothing refers to their pool, but old errors may."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():
                manager.pools[key].close()
        super().close()

    def _set_pools(self, manager):
        pools = manager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {scheme: _timed(pool_class) for scheme, pool_class in pools.items()}

    def send(self, request, **options):
        """Send with the timeouts of the exchange.

        They are not given to `Session.post` because Odoo's test framework, which patches `Session.send`, fails on a
        pair of timeouts and lengthens short ones.
        """
        return super().send(request, **{**options, "timeout": _thread.exchange.get_timeouts()})


class _TimedConnection:
    """Mixin for urllib3's connections."""

    response_class = Answer

    def connect(self):
        _thread.exchange.connected = True
        super().connect()
        # resolving the name and trying its addresses may have exceeded the deadline
        _thread.exchange.get_timeouts()


@functools.cache
def _timed(pool_class):
    """Return the subclass of one of urllib3's pools (direct, proxy, SOCKS) whose connections keep the deadline."""
    if issubclass(pool_class.ConnectionCls, _TimedConnection):
        return pool_class
    connection_class = type("TimedConnection", (_TimedConnection, pool_class.ConnectionCls), {})
    return type("TimedPool", (pool_class,), {"ConnectionCls": connection_class})
