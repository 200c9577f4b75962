"""Push order documents to a print partner, as Cloudprinter's Production Interface does.

    python -m dev.order_pusher http://127.0.0.1:8069 order.json

Like the stand-in for the signals it imports nothing of the add-on.
"""

import argparse
import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

PATH = "/cloudprinter/order"
TIMEOUT = 60  # seconds


def push(address, content, path=PATH, headers=None, method="POST"):
    """Post a document.

    :param str address: of the print partner's server
    :param content: bytes, or an iterable of bytes to be sent in chunks
    :param dict headers: sent in addition to Host and length; default is the content type of JSON
    :returns: HTTP status and the answer, parsed if it is JSON, else as text
    """
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT)
    try:
        connection.request(
            method,
            path,
            content,
            {"Content-Type": "application/json"} if headers is None else headers,
            encode_chunked=not isinstance(content, bytes),
        )
        response = connection.getresponse()
        answer = response.read().decode()
    finally:
        connection.close()
    if response.headers.get_content_type() == "application/json":
        answer = json.loads(answer)
    return response.status, answer


def main():
    parser = argparse.ArgumentParser(prog="python -m dev.order_pusher", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("document", type=Path, nargs="+")
    options = parser.parse_args()
    for document in options.document:
        print(document, *push(options.address, document.read_bytes()))


if __name__ == "__main__":
    main()
