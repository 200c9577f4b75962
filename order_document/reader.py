"""Read pushed bytes into a `Document`: the order, and the text to store."""

from dataclasses import dataclass, field

from . import tree as trees
from .document import Order
from .fields import get_text, read_order
from .urls import get_path


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


def read(content):
    """Return the Document of pushed bytes.

    The whole document is checked whatever its key, so that a wrong key takes the same time.

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
    return get_text(trees.clean(order.pop("apikey"), format, path=path), "order.apikey")


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
