"""A strict stand-in for Cloudprinter's CloudSignal API v2.0, on loopback, for tests and demos.

    python -m dev.cloudsignal_server --port 8070 --key demo
    python -m dev.cloudsignal_server --status 503 --retry-after 60 --times 3

It is written from the API documentation alone and imports nothing of the add-on, so that each tests the other.
docs/stand-in.md describes it.
"""

import argparse
import json
import re
import signal as signals
import socket
import socketserver
import ssl
import sys
import threading
import time
import unicodedata
from contextlib import suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATH = "/cloudsignal/2.0/status/"
COMMON = {"type", "order", "item", "datetime"}
# type -> (further required keys, optional keys)
KEYS = {
    "ItemRegistered": (set(), set()),
    "ItemProduce": (set(), set()),
    "ItemProduced": (set(), set()),
    "ItemPacked": (set(), set()),
    "ItemShipped": ({"tracking", "shipping_option"}, set()),
    "ItemDelay": (set(), {"cause", "delay"}),
    "ItemError": (set(), {"cause", "delay"}),
    "ItemCanceled": (set(), {"cause", "message", "delay"}),
}
CAUSES = {
    f"Cancel{cause}"
    for cause in (
        "BookCorrupt BookMargins BookRip BookSize BookTrim CoverCorrupt CoverMargins CoverRip CoverSize CoverSpine "
        "CoverTrim DownloadError FilesCorrupt InkjetCoverage InvalidAddress MiscError PageCount TestOrder UnknownFont "
        "UserRequest ValidateError"
    ).split()
}
TEXT_AT_MOST = 2000  # characters
JUNK = b"\x00\xff\xfe<<{{ not json \x80"


def find_fault(signal):
    """Return what is wrong with one signal, beginning with the key's name, or None.

    :param signal: parsed JSON without `apikey`
    """
    if not isinstance(signal, dict):
        return "signal: not an object"
    kind = signal.get("type")
    if not isinstance(kind, str) or kind not in KEYS:
        return "type: missing or unknown"
    required, optional = KEYS[kind]
    for key in sorted(COMMON | required):
        if key not in signal:
            return f"{key}: required"
    for key, value in signal.items():
        if key not in COMMON | required | optional:
            return f"{key}: not a key of {kind}"
        if not is_text(value):
            return f"{key}: not a line of text with 1 to {TEXT_AT_MOST} characters"
    if not is_date(signal["datetime"]):
        return "datetime: not a date like 2016-01-20 13:00:00 GMT"
    if not re.fullmatch("(?!0+$)[0-9]{1,4}", signal.get("delay", "1")):
        return "delay: not a number of hours from 1 to 9999"
    if kind == "ItemCanceled" and signal.get("cause", "CancelMiscError") not in CAUSES:
        return "cause: not a cancellation cause"
    return None


def is_text(value):
    """Return whether a value is one line with something to see. The documentation says only "string"."""
    return (
        isinstance(value, str)
        and bool(value.strip())
        and len(value) <= TEXT_AT_MOST
        and not any(unicodedata.category(character) in ("Cc", "Cs") for character in value)
    )


def is_date(text):
    # strptime alone would take "2016-1-2 3:4:5 GMT"
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT", text):
        return False
    try:
        datetime.strptime(text, "%Y-%m-%d %H:%M:%S GMT")
    except ValueError:
        return False
    return True


def judge(body, api_key):
    """Judge a whole body.

    :param body: parsed JSON
    :return: HTTP status, fault (type, info) or None, accepted signals (list of dict)
    """
    if not isinstance(body, dict):
        return 400, ("InvalidRequest", "the body is not a JSON object"), []
    if not isinstance(body.get("apikey"), str) or not body["apikey"]:
        return 400, ("InvalidParameter", "apikey: missing"), []
    if body["apikey"] != api_key:
        return 401, ("Unauthorized", "authentication failed"), []
    body = without_key(body)
    if "items" not in body:
        fault = find_fault(body)
        return (400, ("InvalidParameter", fault), []) if fault else (200, None, [body])
    if set(body) != {"items"}:
        return 400, ("InvalidParameter", f"{min(set(body) - {'items'})}: not beside items"), []
    if not isinstance(body["items"], list) or not body["items"]:
        return 400, ("InvalidParameter", "items: not a list of signals"), []
    for index, member in enumerate(body["items"]):
        fault = find_fault(member)
        if fault:
            return 400, ("InvalidParameter", f"items[{index}].{fault}"), []
    return 200, None, body["items"]


def without_key(body):
    if not isinstance(body, dict):
        return body
    return {key: value for key, value in body.items() if key != "apikey"}


class CloudSignalServer:
    """The stand-in, used with `with`, or between `start()` and `stop()`.

    :param str api_key: the only key that is accepted
    :param int port: 0 for any free port
    :param log: called with one line of text per request, without the key
    :param certificate: path of a PEM file with certificate and private key, to speak https

    :ivar url: where to post
    :ivar accepted: list of dict, one per accepted signal in order of arrival: the signal's own keys, `received`
        (float, seconds since 1970) and `bundle` (number of the POST it came in, from 1)
    :ivar requests: list of dict, one per request: `bundle` (its number, from 1), `received`, `status` (int, None if cut
        off), `body` (parsed, without key, None if not JSON), `headers` (dict), `connection` (int, the same for requests
        over one connection), `answered` (whether all of the answer was handed to the network)

    Both lists are written before the answer leaves; they may be read and cleared at any time.
    """

    def __init__(self, api_key, port=0, log=None, certificate=None):
        self.api_key = api_key
        self.accepted = []
        self.requests = []
        self.stopping = threading.Event()
        self._log = log
        self._lock = threading.Lock()
        self._rules = []
        self._count = 0
        self._server = _Server(self, port, certificate)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.port = self._server.server_port
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}{PATH}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        """Close all connections, including idle and hanging ones, and end all threads."""
        self.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.close_connections()
        self._server.server_close()

    def signals(self, order=None, item=None):
        """Return the accepted signals, optionally of one order or item, as (type, order, item)."""
        return [
            (signal["type"], signal["order"], signal["item"])
            for signal in list(self.accepted)
            if order in (None, signal["order"]) and item in (None, signal["item"])
        ]

    def misbehave(
        self,
        times=None,
        *,
        status=None,
        delay=0.0,
        until=None,
        cut=None,
        garbage=False,
        retry_after=None,
        drip=False,
        body=None,
        redirect=None,
        interim=(),
        headers=0,
        header_size=0,
        close_idle=False,
        order=None,
        item=None,
        reused=False,
        match=None,
        accept=None,
    ):
        """Misbehave for the next requests. Calls queue up: each request gets the first one that matches it and has
        times left. What is accepted is recorded at once, even if the answer is then late, junk or cut off.

        What happens:

        :param int times: for this many requests; None until `behave()`
        :param int status: answer this; unless it is 200 nothing is accepted
        :param float delay: seconds to wait before the answer
        :param until: a threading.Event before which there is no answer
        :param str cut: cut the connection instead of answering, "before" or "after" accepting; or while answering,
            in the answer's "head" or "body"
        :param bool garbage: answer 200 with junk instead of "{}"
        :param retry_after: value of a Retry-After header
        :param bool drip: send the body byte by byte, one a second
        :param str body: answer this text
        :param str redirect: answer 302 (or `status`) to this address
        :param interim: statuses of interim answers, such as (103, 102), each in a packet of its own before all else
        :param int headers: number of further headers
        :param int header_size: size in bytes of one further header
        :param bool close_idle: close the connection after the answer, which does not say so
        :param accept: called with each signal of a request that gets another `status` than 200; those for which it
            returns true are accepted nevertheless

        To which requests, if not to all:

        :param str order: with a signal of this order
        :param str item: with a signal of this item
        :param bool reused: over a connection that had a request before. With `cut`, the remote has closed a
            kept-alive connection: before it read the request ("before"), or when it had accepted it ("after")
        :param match: called with the parsed body without key; only if it returns true
        """
        rule = {name: value for name, value in locals().items() if name != "self"}
        if cut not in (None, "before", "after", "head", "body"):
            raise ValueError('cut is "before", "after", "head" or "body"')
        if redirect and not status:
            rule["status"] = 302
        with self._lock:
            self._rules.append(rule)

    def behave(self):
        """Forget all remaining misbehaviour."""
        with self._lock:
            self._rules.clear()

    def receive(self, method, path, headers, data, connection, reused):
        """Judge and record one request.

        :param bool reused: whether the connection had a request before
        :return: record of the request (status None: cut the connection), further headers (dict), body (bytes),
            misbehaviour (dict)
        """
        received = time.time()
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            body = None
        if path != PATH:
            status, fault, accepted = 404, ("NotFound", "no such address"), []
        elif method != "POST":
            status, fault, accepted = 405, ("MethodNotAllowed", "only POST"), []
        elif headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            status, fault, accepted = 400, ("InvalidRequest", "Content-Type is not application/json"), []
        else:
            status, fault, accepted = judge(body, self.api_key)
        shown = without_key(body)
        with self._lock:
            rule = self._take_rule(shown, reused)
            if rule.get("cut") == "before":
                accepted = []
            elif rule.get("status") not in (None, 200):
                status, fault, accepted = (
                    rule["status"],
                    None,
                    [s for s in accepted if rule["accept"] and rule["accept"](s)],
                )
            self._count += 1
            self.accepted += [{**signal, "received": received, "bundle": self._count} for signal in accepted]
            status = None if rule.get("cut") in ("before", "after", "head") else status
            request = {
                "bundle": self._count,
                "received": received,
                "status": status,
                "body": shown,
                "headers": dict(headers),
                "connection": connection,
                "answered": False,
            }
            self.requests.append(request)
        if self._log:
            self._log(describe(method, path, status, shown, fault))
        answer = {"Content-Type": "application/json"}
        if status == 405:
            answer["Allow"] = "POST"
        if rule.get("retry_after") is not None:
            answer["Retry-After"] = str(rule["retry_after"])
        if rule.get("redirect"):
            answer["Location"] = rule["redirect"]
        answer |= {f"X-{number}": "" for number in range(rule.get("headers", 0))}
        if rule.get("header_size"):
            answer["X-Large"] = "x" * rule["header_size"]
        return request, answer, self._answer_body(status, fault, rule), rule

    def hold_back(self, rule):
        """Wait as long as the misbehaviour requires; return whether the server is being stopped."""
        while rule.get("until") and not rule["until"].wait(0.05):
            if self.stopping.is_set():
                return True
        return self.stopping.wait(rule.get("delay", 0))

    def _take_rule(self, body, reused):
        for rule in self._rules:
            if is_meant(rule, body, reused):
                if rule["times"] is not None:
                    rule["times"] -= 1
                    if rule["times"] <= 0:
                        self._rules.remove(rule)
                return rule
        return {}

    def _answer_body(self, status, fault, rule):
        if rule.get("body") is not None:
            return rule["body"].encode()
        if rule.get("garbage") and status == 200:
            return JUNK
        if fault:
            return json.dumps({"error": dict(zip(("type", "info"), fault))}).encode()
        return b"{}"


def is_meant(rule, body, reused):
    """Return whether a misbehaviour is for this request."""
    return (
        (reused or not rule["reused"])
        and any(
            rule["order"] in (None, signal.get("order")) and rule["item"] in (None, signal.get("item"))
            for signal in get_signals(body)
        )
        and (rule["match"] is None or rule["match"](body))
    )


def get_signals(body):
    """Return the members of a parsed body, or the body itself, as a list of dict."""
    body = body if isinstance(body, dict) else {}
    members = body["items"] if isinstance(body.get("items"), list) else [body]
    return [member if isinstance(member, dict) else {} for member in members] or [{}]


def describe(method, path, status, body, fault):
    """Return a one-line description of a request, without the key."""
    line = [datetime.now().strftime("%H:%M:%S"), method, path, str(status or "cut")]
    for signal in get_signals(body):
        if "type" in signal:
            line.append("/".join(str(signal.get(key)) for key in ("type", "order", "item")))
    if fault:
        line.append(f"({fault[1]})")
    # as ASCII, because a request may contain characters that the terminal cannot show
    return ascii(" ".join(line))[1:-1]


class _Server(ThreadingHTTPServer):
    # so that server_close() waits for them
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, owner, port, certificate):
        self.owner = owner
        self._connections = set()
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # the connection's own thread does the TLS handshake, not the one that accepts connections
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self):
        # HTTPServer's own method would ask the name server for the host name
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address

    def process_request(self, request, client_address):
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self):
        with self._connections_lock:
            for connection in self._connections:
                with suppress(OSError):  # the other side may have closed it already
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """Ignore that the other side hangs up, as some tests do."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # so that head and body are sent in one packet
    reused = False

    def answer(self):
        owner = self.server.owner
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or self.headers.get("Transfer-Encoding"):
            self.close_connection = True  # the beginning of the next request is unknown
            length = "0"
        data = self.rfile.read(int(length))
        request, headers, body, rule = owner.receive(
            self.command, self.path, self.headers, data, self.client_address[1], self.reused
        )
        self.reused = True
        for status in rule.get("interim", ()):
            self.send_response_only(status)
            self.send_header("Link", "</style.css>; rel=preload")
            self.end_headers()
            self.wfile.flush()
        if owner.hold_back(rule) or request["status"] is None:
            if rule.get("cut") == "head":
                self.wfile.write(b"HTTP/1.1 2")
            self.close_connection = True
            return
        self.send_response(request["status"])
        for name, value in headers.items():
            self.send_header(name, value)
        cut = rule.get("cut") == "body"
        self.send_header("Content-Length", str(len(body) + cut))
        if cut or self.close_connection:
            self.send_header("Connection", "close")
        elif rule.get("close_idle"):
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        if rule.get("drip"):
            self._drip(body)
            return
        self.wfile.write(body)
        self.wfile.flush()
        request["answered"] = not cut

    def _drip(self, body):
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.owner.stopping.wait(1):
                self.close_connection = True
                return

    def __getattr__(self, name):
        # any method gets an answer, also those that are not invented yet
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *args):
        pass


def parse_options(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m dev.cloudsignal_server",
        description="A strict stand-in for Cloudprinter's CloudSignal API v2.0, on loopback.",
    )
    parser.add_argument("--port", type=int, default=8070)
    parser.add_argument("--key", default="demo", help="the only key that is accepted")
    faults = parser.add_argument_group("misbehaviour", "Without these options, what is right is accepted.")
    faults.add_argument("--status", type=int, help="answer this; unless it is 200, nothing is accepted")
    faults.add_argument("--retry-after", help="with this header: seconds or a date")
    faults.add_argument("--delay", type=float, default=0.0, help="answer after so many seconds")
    faults.add_argument(
        "--cut",
        choices=("before", "after", "head", "body"),
        help="end the connection before or after accepting, or within head or body of the answer",
    )
    faults.add_argument("--garbage", action="store_true", help="answer 200 with something that is not JSON")
    faults.add_argument("--drip", action="store_true", help="send the answer byte by byte, one a second")
    faults.add_argument("--redirect", metavar="URL", help="answer 302 to this address")
    faults.add_argument("--times", type=int, help="misbehave for so many requests, then no more; default: for all")
    return parser.parse_args(arguments)


def main():
    options = vars(parse_options())
    port, key = options.pop("port"), options.pop("key")
    ended = threading.Event()
    for number in (signals.SIGINT, signals.SIGTERM):
        signals.signal(number, lambda *_: ended.set())
    with CloudSignalServer(key, port, log=lambda line: print(line, flush=True)) as server:
        if any(value for name, value in options.items() if name != "times"):
            server.misbehave(**options)
        print(f"Listening at {server.url}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
