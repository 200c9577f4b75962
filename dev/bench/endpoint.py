"""The stand-in endpoint in a process of its own, so that it shares no interpreter with the measured code.

Each line of standard input is a JSON list, command and arguments; each is answered with one JSON line.
"""

import gc
import json
import subprocess
import sys
import threading
from contextlib import contextmanager

from ..cloudsignal_server import CloudSignalServer

KEY = "13b37bb1ed6d3403e158abe719b4f6d0"


class Endpoint:
    """The other end of the pipe."""

    def __init__(self, process):
        self._process = process
        self._lock = threading.Lock()  # the memory sampler calls this during the drain
        self.url = self._ask("url")

    def _ask(self, *command):
        with self._lock:
            self._process.stdin.write(f"{json.dumps(command)}\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def start(self, delay):
        """Forget what was received, and answer from now on after `delay` seconds."""
        self._ask("start", delay)

    def count(self):
        """Return how many signals were accepted."""
        return self._ask("count")

    def accepted(self):
        """Return the accepted signals in order of arrival, each with `received` (seconds since 1970)."""
        return self._ask("accepted")


@contextmanager
def listening():
    """Run the stand-in for the duration of the block; it ends with its standard input."""
    with subprocess.Popen(
        [sys.executable, "-m", "dev.bench.endpoint"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Endpoint(process)


def main():
    # the record only grows: garbage collections over it would slow down the clients
    gc.disable()
    with CloudSignalServer(KEY) as server:
        for line in sys.stdin:
            command, *arguments = json.loads(line)
            answer = None
            if command == "url":
                answer = server.url
            elif command == "start":
                server.behave()
                server.accepted.clear()
                server.requests.clear()
                if arguments[0]:
                    server.misbehave(delay=arguments[0])
            elif command == "count":
                answer = len(server.accepted)
            elif command == "accepted":
                answer = server.accepted
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
