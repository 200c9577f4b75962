"""Which answer belongs to which request, and when a connection is used again: raw sockets on loopback."""

import json
import socket
import ssl
import tempfile
import threading

from odoo.tests import BaseCase, tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter.cloudsignal import Client, Outcome
from odoo.addons.cloudprinter.dev.cloudsignal_server import CloudSignalServer

from .test_cloudsignal import KEY, changed, make_certificate, raw_server

EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def make_answer(item, status=200, headers=b""):
    """Return an answer whose body names its request."""
    return b"HTTP/1.1 %d OK\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(item), item)


def in_bytes(data):
    return [bytes([byte]) for byte in data]


class HttpCase(BaseCase):
    def post_all(self, packets, count=3, certificate=None, **limits):
        """Post the items "0", "1", … with one client.

        :param packets: called with an item (bytes), returns what is sent for it, each in a packet of its own
        :returns: list of Result, and how many connections were used
        """
        sent = threading.Event()
        connections = set()

        def handle(connection, request):
            connections.add(connection.getpeername())
            item = json.loads(request.partition(b"\r\n\r\n")[2])["item"].encode()
            try:
                for packet in packets(item):
                    connection.sendall(packet)
            finally:
                sent.set()
            return True

        tls = None
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
        results = []
        with (
            raw_server(handle, tls) as port,
            Client(f"http{'s' if tls else ''}://127.0.0.1:{port}/", "test", **limits) as client,
        ):
            client._settings["verify"] = certificate
            for number in range(count):
                sent.clear()
                results.append(client.post(changed(item=str(number)).to_dict(), KEY))
                # anything beyond the answer has arrived before the next post
                self.assertTrue(sent.wait(10))
        return results, len(connections)

    def assert_own_answers(self, results):
        self.assertEqual([result.response for result in results], [str(number) for number in range(len(results))])
        self.assertEqual({result.outcome for result in results}, {Outcome.ACCEPTED})


@tagged("post_install", "-at_install", "cloudprinter")
class TestAnswers(HttpCase):
    """Each answer is attributed to the right request."""

    def test_interim_answers_are_read_over(self):
        """Any number of them, in one packet or in several, are skipped, and the connection is used again."""
        for name, packets in {
            "one before each": lambda item: [EARLY_HINTS, make_answer(item)],
            "in one packet": lambda item: [EARLY_HINTS + make_answer(item)],
            "several": lambda item: [PROCESSING, EARLY_HINTS + CONTINUE, PROCESSING + make_answer(item)],
            "very many": lambda item: [(PROCESSING + EARLY_HINTS) * 500, make_answer(item)],
            "byte by byte": lambda item: in_bytes(EARLY_HINTS + PROCESSING + make_answer(item)),
        }.items():
            with self.subTest(name):
                results, connections = self.post_all(packets)
                self.assert_own_answers(results)
                self.assertEqual(connections, 1)

    def test_interim_answers_of_the_stand_in(self):
        with CloudSignalServer(KEY) as server, Client(server.url, "test") as client:
            server.misbehave(interim=(103, 102), item="1", body="own")
            results = [client.post(changed(item=item).to_dict(), KEY) for item in "0120"]
            self.assertEqual([result.response for result in results], ["{}", "own", "{}", "{}"])
            self.assertEqual(len({request["connection"] for request in server.requests}), 1)

    def test_an_interim_answer_is_no_answer(self):
        def endlessly(item):
            while True:
                yield PROCESSING

        for name, packets, message in (
            ("nothing else", lambda item: [EARLY_HINTS], "no answer within 0.3 s"),
            ("for ever", endlessly, "no answer within 0.3 s"),
            ("another protocol", lambda item: [b"HTTP/1.1 101 Switching Protocols\r\n\r\n"], "the answer is not HTTP"),
        ):
            with self.subTest(name):
                [result], _connections = self.post_all(packets, 1, deadline=0.3)
                self.assertEqual((result.outcome, result.message), (Outcome.NO_ANSWER, message))
                self.assertLess(result.duration_ms, 4000)

    def test_what_follows_an_answer_belongs_to_no_post(self):
        """The connection is not used again if more than the answer arrived, or less."""
        for name, packets in {
            "two answers in one packet": lambda item: [make_answer(item) + make_answer(b"other")],
            "two answers": lambda item: [make_answer(item), make_answer(b"other")],
            "junk": lambda item: [make_answer(item) + b"junk"],
            "junk later": lambda item: [make_answer(item), b"junk"],
            "an interim answer": lambda item: [make_answer(item) + EARLY_HINTS],
            "longer than it says": lambda item: [make_answer(item) + b"\r\n"],
            "chunks and more": lambda item: [
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n%b\r\n0\r\n\r\n" % item
                + make_answer(b"other")
            ],
        }.items():
            with self.subTest(name):
                results, connections = self.post_all(packets)
                self.assert_own_answers(results)
                self.assertEqual(connections, len(results))

    def test_what_follows_in_a_record_of_tls(self):
        """The rest has left the socket but is not yet in the reader's 8 KB buffer."""
        path = make_certificate(self.enterContext(tempfile.TemporaryDirectory()))

        def answer(item):
            padding = b"x" * (8192 - len(make_answer(item, headers=b"X: \r\n")))
            return [make_answer(item, headers=b"X: %b\r\n" % padding) + make_answer(b"other")]

        results, connections = self.post_all(answer, certificate=path)
        self.assert_own_answers(results)
        self.assertEqual(connections, len(results))

    def test_no_body_where_the_status_allows_none(self):
        results, connections = self.post_all(lambda item: [make_answer(item, status=204)])
        self.assertEqual({result.status_code for result in results}, {204})
        self.assertEqual(connections, len(results))

    def test_the_status_line_is_the_answer(self):
        """The status counts for all statuses, whatever is wrong with the headers; the connection is not used again."""
        for name, headers in {
            "many": b"".join(b"X-%d: 1\r\n" % number for number in range(150)),
            "large": b"X-Large: %b\r\n" % (b"x" * 70_000),
            "two lengths": b"Content-Length: 2, 3\r\n",
        }.items():
            for status, outcome in {200: Outcome.ACCEPTED, 400: Outcome.REFUSED, 503: Outcome.TRY_LATER}.items():
                with self.subTest(name, status=status):
                    results, connections = self.post_all(
                        lambda item: [make_answer(item, status, headers)],  # noqa: B023
                        2,
                        read_timeout=0.3,
                    )
                    self.assertEqual({(result.outcome, result.status_code) for result in results}, {(outcome, status)})
                    self.assertEqual(connections, 2)

    def test_headers_that_stall(self):
        """Reading ends at the time-out or the deadline; partial headers are not taken for a body."""
        for limits in ({"read_timeout": 0.2}, {"deadline": 0.2}):
            with self.subTest(**limits):
                results, connections = self.post_all(
                    lambda item: [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Item: %b" % item], 2, **limits
                )
                self.assertEqual({result.outcome for result in results}, {Outcome.ACCEPTED})
                self.assertEqual(({result.response for result in results}, connections), ({""}, 2))

    @mute_logger("urllib3.connection", "urllib3.connectionpool")
    def test_headers_that_are_cut_off(self):
        for status, outcome in ((200, Outcome.ACCEPTED), (503, Outcome.TRY_LATER)):
            for head in (b"HTTP/1.1 %d OK\r\n" % status, b"HTTP/1.1 %d OK\r\nContent-Le" % status):
                with (
                    self.subTest(head),
                    raw_server(lambda connection, _request: connection.sendall(head)) as port,  # noqa: B023
                    Client(f"http://127.0.0.1:{port}/", "test") as client,
                ):
                    self.assertIs(client.post(changed().to_dict(), KEY).outcome, outcome)

    def test_headers_of_the_stand_in(self):
        with CloudSignalServer(KEY) as server, Client(server.url, "test") as client:
            server.misbehave(1, headers=150)
            server.misbehave(1, header_size=70_000)
            for _post in range(3):
                self.assertIs(client.post(changed().to_dict(), KEY).outcome, Outcome.ACCEPTED)
            self.assertEqual(len({request["connection"] for request in server.requests}), 3)
            self.assertEqual(len(server.accepted), 3)


@tagged("post_install", "-at_install", "cloudprinter")
class TestKeptConnection(BaseCase):
    """The remote closes connections that it kept alive without saying so."""

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(CloudSignalServer(KEY))

    def given_client(self, **limits):
        """Return a client with a connection that is kept alive."""
        client = self.enterContext(Client(self.server.url, "test", **limits))
        self.assertIs(self.post(client, "first").outcome, Outcome.ACCEPTED)
        return client

    def post(self, client, item):
        return client.post(changed(item=item).to_dict(), KEY)

    def assert_no_answer(self, result, posts):
        self.assertEqual((result.outcome, result.posts), (Outcome.NO_ANSWER, posts), result)
        self.assertEqual(len(self.server.requests), 1 + posts)

    def test_closed_while_idle(self):
        """Each signal arrives exactly once."""
        self.server.misbehave(close_idle=True)
        client = self.given_client()
        results = [self.post(client, str(number)) for number in range(50)]
        self.assertEqual({result.outcome for result in results}, {Outcome.ACCEPTED})
        self.assertEqual(len(self.server.signals()), 51)
        self.assertEqual(len({request["connection"] for request in self.server.requests}), 51)

    def test_closed_before_it_read_the_request(self):
        self.server.misbehave(cut="before", reused=True)
        client = self.given_client()
        results = [self.post(client, item) for item in "ab"]
        self.assertEqual([(result.outcome, result.posts) for result in results], [(Outcome.ACCEPTED, 2)] * 2)
        self.assertEqual([item for _type, _order, item in self.server.signals()], ["first", "a", "b"])

    def test_closed_when_it_had_accepted_the_request(self):
        """This case cannot be distinguished: the signal is repeated, and the repeat is counted."""
        client = self.given_client()
        self.server.misbehave(cut="after", reused=True)
        result = self.post(client, "a")
        self.assertEqual((result.outcome, result.posts), (Outcome.ACCEPTED, 2))
        self.assertEqual(len(self.server.signals(item="a")), 2)

    def test_reset(self):
        """A request that was never read is answered by a reset."""

        def handle(connection, request):
            connection.sendall(make_answer(b"{}"))
            connection.recv(1, socket.MSG_PEEK)

        with raw_server(handle) as port, Client(f"http://127.0.0.1:{port}/", "test") as client:
            results = [self.post(client, item) for item in "ab"]
        self.assertEqual({result.outcome for result in results}, {Outcome.ACCEPTED})
        self.assertEqual([result.posts for result in results], [1, 2])

    def test_over_tls(self):
        path = make_certificate(self.enterContext(tempfile.TemporaryDirectory()))
        server = self.enterContext(CloudSignalServer(KEY, certificate=path))
        server.misbehave(cut="before", reused=True)
        client = self.enterContext(Client(server.url, "test"))
        client._settings["verify"] = path
        self.assertEqual([self.post(client, item).posts for item in "abc"], [1, 2, 2])
        self.assertEqual(len(server.signals()), 3)

    def test_not_on_a_fresh_connection(self):
        self.server.misbehave(cut="before")
        with Client(self.server.url, "test") as client:
            self.assertEqual(self.post(client, "a").posts, 1)
        self.assertEqual(len(self.server.requests), 1)

    def test_only_one_retry(self):
        client = self.given_client()
        self.server.misbehave(cut="before")
        self.assert_no_answer(self.post(client, "a"), posts=2)

    def test_not_when_an_answer_had_begun(self):
        for misbehaviour in ({"cut": "head"}, {"cut": "before", "interim": (102,)}):
            with self.subTest(**misbehaviour):
                self.server.requests.clear()
                client = self.given_client()
                self.server.misbehave(1, **misbehaviour)
                self.assert_no_answer(self.post(client, "a"), posts=1)

    def test_not_after_a_time_out(self):
        client = self.given_client(read_timeout=0.2)
        self.server.misbehave(delay=30)
        self.assert_no_answer(self.post(client, "a"), posts=1)

    def test_the_client_closes_it(self):
        """The connection is closed at once, although the error's traceback refers to everything that was used."""
        ended = threading.Event()

        def handle(connection, request):
            if b"good" not in request:
                return False
            connection.sendall(make_answer(b"{}"))
            connection.recv(1)
            ended.set()

        with raw_server(handle) as port, Client(f"http://127.0.0.1:{port}/", "test") as client:
            self.assertIs(self.post(client, "bad").outcome, Outcome.NO_ANSWER)
            self.assertIs(self.post(client, "good").outcome, Outcome.ACCEPTED)
            client.close()
            self.assertTrue(ended.wait(5))

    def test_within_the_same_deadline(self):
        client = self.given_client(deadline=0.6)
        self.server.misbehave(1, cut="before", delay=0.5)
        self.server.misbehave(delay=30)
        result = self.post(client, "a")
        self.assert_no_answer(result, posts=2)
        self.assertEqual(result.message, "no answer within 0.6 s")
        self.assertTrue(600 <= result.duration_ms < 1100, result)
