"""Post bodies without Odoo or a database, in a process of its own: the best that an add-on can reach.

Standard input is one JSON object, see `post_all`; the answer is the seconds it took.
"""

import json
import subprocess
import sys
import threading
import time

from ..without_odoo import load

cloudsignal = load("cloudsignal")


def post_all(bodies, url, key, connections):
    """Post from a process of its own; return the seconds.

    :param list bodies: without key
    :param int connections: threads, with a kept-alive connection each
    """
    job = json.dumps({"bodies": bodies, "url": url, "key": key, "connections": connections})
    result = subprocess.run(
        [sys.executable, "-m", "dev.bench.posters"], input=job, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(result.stdout)


def _post_in_threads(bodies, url, key, connections):
    left = iter(bodies)
    lock = threading.Lock()
    failures = []

    def work():
        with cloudsignal.Client(url, user_agent="bench") as client:
            while True:
                with lock:
                    body = next(left, None)
                if body is None:
                    return
                result = client.post(body, key)
                if result.outcome is not cloudsignal.Outcome.ACCEPTED:
                    failures.append(result)

    threads = [threading.Thread(target=work) for _number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit(f"{len(failures)} posts failed: {failures[0]}")


def main():
    job = json.load(sys.stdin)
    start = time.monotonic()
    _post_in_threads(**job)
    print(time.monotonic() - start)


if __name__ == "__main__":
    main()
