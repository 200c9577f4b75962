"""A stand-in for a host from which files of orders are downloaded, on loopback."""

import socketserver
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """Serves the given content.

    :param certificate: path of a PEM file with certificate and private key, to speak https
    :ivar requests: of (path, headers), in order of arrival
    """

    def __init__(self, certificate=None, port=0):
        self.requests = []
        self._answers = {}
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.owner = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()

    def serve(self, path, content=b"", status=200, headers=(), length=None, pause=0.0, before=None):
        """Serve this answer at `path`; return the address.

        :param length: announced length, the content's own by default; False announces nothing
        :param pause: seconds before each byte, from the head on
        :param before: called before anything is answered
        """
        headers = dict(headers)
        if length is not False:
            headers.setdefault("Content-Length", str(len(content) if length is None else length))
        self._answers[path] = (status, headers, content, pause, before)
        return self.url + path


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self):
        # HTTPServer's own method would ask the name server for the host name
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address

    def handle_error(self, request, client_address):
        """Ignore that the other side hangs up when it has read enough."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        owner = self.server.owner
        owner.requests.append((self.path, dict(self.headers)))
        status, headers, content, pause, before = owner._answers.get(
            self.path, (404, {"Content-Length": "0"}, b"", 0.0, None)
        )
        if before:
            before()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        head = b"".join([*self._headers_buffer, b"\r\n"])
        self._headers_buffer = []
        if not pause:
            self.wfile.write(head + content)
            return
        for byte in head + content:
            time.sleep(pause)
            self.wfile.write(bytes([byte]))

    def log_message(self, *arguments):
        """Log nothing, as the tests look at `requests`."""
