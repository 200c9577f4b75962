"""Read pushed bytes into a `Document`: the order, and the text to store."""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

import re
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from ..tools.text import Text as _
from . import tree as trees
from .document import Order
from .errors import DocumentError
from .fields import get_text, read_order
from .urls import get_path

PLACES_AT_MOST = 20  # where a key is looked for
# How the key is written, with room for escapes. What is repeated has a limit, so that no text takes long.
_WRITTEN_KEY = {
    "json": re.compile(r'apikey"\s{0,99}:\s{0,99}("(?:[^"\\]|\\.){0,999}"|[0-9]{1,100})'),
    "xml": re.compile(r"apikey(?:\s[^<>]{0,999})?>((?:<!\[CDATA\[)?[^<]{0,999})</"),
}


@dataclass(frozen=True)
class Document:
    """An order document.

    :ivar format: "json" or "xml"
    :ivar key: Cloudprinter's key from the document, or ""; only to be compared, never to be stored
    :ivar digest: hexadecimal; the same for the same content, regardless of its date, notation and the signatures in
        the addresses of its files
    :ivar links_digest: the same, but with these addresses
    :ivar text: everything but the key, to be stored and read by `parse`
    """

    format: str
    digest: str
    links_digest: str
    key: str = field(repr=False)
    text: str = field(repr=False)
    order: Order = field(repr=False)


def find_keys(content):
    """Return the texts of pushed bytes that may be the key, without reading the document.

    Anyone can send a document that takes long to read: check these first. Only `Document.key` is the key.

    :rtype: set[str]
    :raise TooLarge: more than SIZE_AT_MOST bytes
    :raise UnknownFormat: neither JSON nor XML
    :raise DocumentError: empty, or in another encoding than it says
    """
    text, format = trees.decode(content)
    keys = set()
    for place in islice(re.finditer("apikey", text), PLACES_AT_MOST):
        match = _WRITTEN_KEY[format].match(text, place.start())
        if match:
            written = f'{{"apikey":{match[1]}}}' if format == "json" else f"<apikey>{match[1]}</apikey>"
            with suppress(DocumentError):
                keys.add(_take_key({"order": trees.load(written, format)}, format))
    return keys - {""}


def read(content):
    """Return the Document of pushed bytes.

    :raise TooLarge: more than SIZE_AT_MOST bytes
    :raise UnknownFormat: neither JSON nor XML
    :raise DocumentError: anything else that is wrong
    """
    text, format = trees.decode(content)
    tree = trees.load(text, format)
    key = _take_key(tree, format)
    tree = trees.clean(tree, format, key)
    order = read_order(tree)
    return Document(
        format=format,
        digest=_get_digest(_without_signatures(tree), order),
        links_digest=_get_digest(tree, order),
        key=key,
        text=trees.dump(tree, format),
        order=order,
    )


def parse(text, format):
    """Return the Order of a stored `Document.text`."""
    return read_order(trees.clean(trees.load(text, format), format))


def _take_key(tree, format):
    order = tree.get("order") if isinstance(tree, dict) else None
    if not isinstance(order, dict) or "apikey" not in order:
        return ""
    path = (((), "order"), "apikey")
    key = get_text(trees.clean(order.pop("apikey"), format, path=path), "order.apikey")
    if len(key) > trees.KEY_AT_MOST:
        raise DocumentError("order.apikey", _("is longer than %(most)s characters", most=trees.KEY_AT_MOST))
    return key


def _without_signatures(tree):
    """Return the tree with only the paths of files whose checksum says what they contain."""
    if isinstance(tree, list):
        return [_without_signatures(value) for value in tree]
    if not isinstance(tree, dict):
        return tree
    reduced = {name: _without_signatures(value) for name, value in tree.items()}
    if tree.get("md5sum") and isinstance(tree.get("url"), str):
        reduced["url"] = get_path(tree["url"])
    return reduced


def _get_digest(tree, order):
    # `creator` contains the date of the document, which changes with each push. Only its test flag counts.
    content = {name: value for name, value in tree["order"].items() if name != "creator"}
    return trees.digest([{**tree, "order": content}, order.is_test])
