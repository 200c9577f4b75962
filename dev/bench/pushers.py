"""Push order documents at a steady rate, in a process of its own that shares no interpreter with the measured code.

Standard input is one JSON object, see `push_steadily`; the answer is a JSON list.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

from ..environment import ROOT
from ..order_pusher import PATH

THREADS = 64  # more than are ever in flight
TIMEOUT = 60  # seconds
EXAMPLE = (ROOT / "tests" / "order_documents" / "order_v2.2.json").read_bytes()


class Pusher:
    """A client of a server. Odoo closes the connection after each answer; then it is opened again."""

    def __init__(self, address):
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT)

    def push(self, content):
        """Post a document; return the HTTP status."""
        self._connection.request("POST", PATH, content, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        response.read()
        return response.status


def make_document(number):
    """Return the public example with its own ids and address."""
    return EXAMPLE.replace(b"12345678", b"%08d" % number).replace(b"street 1234", b"street %d" % number)


def push_steadily(address, first, rate, seconds):
    """Push `rate` documents a second, each when it is due, whatever happened to earlier ones.

    :param int first: number of the first document
    :returns: list of [ms since it was due, HTTP status or error], and the seconds until the last answer
    """
    job = json.dumps({"address": address, "first": first, "rate": rate, "seconds": seconds})
    result = subprocess.run(
        [sys.executable, "-m", "dev.bench.pushers"], input=job, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(result.stdout)


def _push_all(address, first, rate, seconds):
    numbers = iter(range(rate * seconds))
    lock = threading.Lock()
    answers = []
    start = time.monotonic() + 0.5

    def work():
        pusher = Pusher(address)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            content = make_document(first + number)
            due = start + number / rate
            time.sleep(max(0, due - time.monotonic()))
            try:
                status = pusher.push(content)
            except (OSError, http.client.HTTPException) as error:
                status = repr(error)
                pusher = Pusher(address)
            answers.append([1000 * (time.monotonic() - due), status])

    threads = [threading.Thread(target=work) for _number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, time.monotonic() - start


def main():
    print(json.dumps(_push_all(**json.load(sys.stdin))))


if __name__ == "__main__":
    main()
