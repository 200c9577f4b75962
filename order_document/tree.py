"""From bytes to a tree of dicts, lists and clean texts, and from there to a text to be stored.

Whoever can reach the endpoint can send anything, so that nothing here may take long, whatever it reads: sizes are
checked before what costs time, entities are never expanded, and nesting and number of values are limited.
"""

# no Odoo in here, so no env: pylint: disable=prefer-env-translation

import codecs
import hashlib
import json
import re
import unicodedata
from xml.parsers.expat import ExpatError

import xmltodict

from ..tools.text import Text as _
from .errors import DocumentError, TooLarge, UnknownFormat

SIZE_AT_MOST = 2 * 1024 * 1024  # bytes
VALUES_AT_MOST = 50_000  # objects, lists and texts; a thousand items with files and options have less
DEPTH_AT_MOST = 20
TEXT_AT_MOST = 2000  # characters
URL_AT_MOST = 4000
NAME_AT_MOST = 100
# A shorter key is no secret, and to mask it would spoil the document.
KEY_AT_LEAST = 8
# The time to normalise a text grows with the square of its length: an hour of work fits into a document. What people
# or programs compare (names, addresses, ids) is shorter.
NORMALIZED_AT_MOST = 300

MASK = "***"
# The only names that a path shows.
NAMES = frozenset(
    """order apikey id date priority shipping_date creator name version client reference costs currency shipping items
    vat total addresses address type company street1 street2 zip city country state email phone customer_identification
    customerIdentification method consignor invoice shipments files file format url md5sum size item count title
    product desc pages options option reorder_cause reorder_desc reorder_order_id reorder_item_id""".split()
) | {"customer identification"}

# One byte or a few for a character and no state, so that nothing hides; ASCII is ASCII in most of them.
_ENCODING = re.compile(r"utf-8|ascii|iso8859-\d+|cp\d+|koi8-\w|mac-\w+|gb\w+|big5\w*|euc_\w+|shift_jis\w*")
_DECLARED_ENCODING = re.compile(rb"\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_BLANKS = " \t\r\n\ufeff"
_CONTROLS = {
    **dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)]),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
    **dict.fromkeys(map(ord, "\t\n\v\f\r\x85\u2028\u2029"), " "),
}
_NOT_A_NUMBER = object()


class _Repeated(dict):
    """A JSON object that has a name twice."""

    def __init__(self, value, name):
        super().__init__(value)
        self.name = name


# === bytes to text === #


def decode(content):
    """Return text and format ("json" or "xml") of a document's bytes."""
    if len(content) > SIZE_AT_MOST:
        raise TooLarge("", f"is larger than {SIZE_AT_MOST} bytes")
    encoding = _get_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        _sniff(content.decode(encoding, "replace"))
        raise DocumentError(
            "", _("is not valid %(encoding)s", encoding=encoding.upper().removesuffix("-SIG"))
        ) from None
    if "\0" in text[:4]:
        raise DocumentError("", _("is not valid UTF-8; UTF-16 must begin with a byte order mark"))
    return text.lstrip(_BLANKS), _sniff(text)


def _get_encoding(content):
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    declared = _DECLARED_ENCODING.match(content[:400])
    if not declared:
        return "utf-8"
    try:
        encoding = codecs.lookup(declared[1].decode()).name
    except LookupError:
        encoding = ""
    if not _ENCODING.fullmatch(encoding):
        raise DocumentError("", _("has an encoding that is not supported; use UTF-8"))
    return encoding


def _sniff(text):
    start = text.lstrip(_BLANKS)[:1]
    if not start:
        raise DocumentError("", _("is empty"))
    if start not in "{<[":
        raise UnknownFormat("", "is neither JSON nor XML")
    return "xml" if start == "<" else "json"


# === text to tree === #


def load(text, format):
    """Return the tree as it was written; the numbers of JSON are texts already."""
    return _load_json(text) if format == "json" else _load_xml(text)


def _load_json(text):
    try:
        return json.loads(
            text,
            strict=False,
            object_pairs_hook=_make_object,
            # an id may be written as a number: its digits count
            parse_int=str,
            parse_float=str,
            parse_constant=lambda name: _NOT_A_NUMBER,
        )
    except json.JSONDecodeError as error:
        raise DocumentError(
            "", _("is not valid JSON (line %(line)s, column %(column)s)", line=error.lineno, column=error.colno)
        ) from None
    except RecursionError:
        raise DocumentError("", _("is nested more than %(most)s deep", most=DEPTH_AT_MOST)) from None


def _make_object(pairs):
    value = dict(pairs)
    if len(value) < len(pairs):
        seen = set()
        return _Repeated(value, next(name for name, _value in pairs if name in seen or seen.add(name)))
    return value


def _load_xml(text):
    # Entities come with a document type only. This is the decoded text, nothing can be written in another encoding.
    if "<!DOCTYPE" in text:
        raise DocumentError("", _("must not have a document type (<!DOCTYPE)"))
    if text.count("<") > 2 * VALUES_AT_MOST + 100:
        raise DocumentError("", _("has more than %(most)s elements", most=VALUES_AT_MOST))
    try:
        return xmltodict.parse(text, encoding="utf-8", disable_entities=True, postprocessor=_remove_prefix)
    except ExpatError as error:
        raise DocumentError(
            "", _("is not valid XML (line %(line)s, column %(column)s)", line=error.lineno, column=error.offset + 1)
        ) from None
    except ValueError:
        raise DocumentError("", _("is not valid XML")) from None


def _remove_prefix(path, name, value):
    local = name.rpartition(":")[2]
    # what is left must be a name in XML too, the tree is written as XML again
    if local != name and name[0] != "@" and re.match("[A-Za-z_]", local):
        name = local
    return name, value


# === clean === #


def clean(tree, format, key="", path=()):
    """Return the tree with clean texts for all scalars.

    Each text is one line without control characters and blanks around it, composed (NFC), and without `key`, which is
    masked. An empty element, null and "" are all "".

    :param path: of the tree, as pairs (path of the parent, name)
    """
    return _Cleaner(format, key).clean(tree, path, 0)


class _Cleaner:
    def __init__(self, format, key):
        self.format = format
        self.key = re.compile(re.escape(key), re.IGNORECASE) if len(key) >= KEY_AT_LEAST else None
        self.left = VALUES_AT_MOST

    def clean(self, value, path, depth):
        self.left -= 1
        if self.left < 0:
            raise DocumentError("", _("has more than %(most)s values", most=VALUES_AT_MOST))
        if isinstance(value, str):
            return self.clean_text(value, path)
        if isinstance(value, (dict, list)):
            if depth >= DEPTH_AT_MOST:
                raise DocumentError(_write_path(path), _("is nested more than %(most)s deep", most=DEPTH_AT_MOST))
            if isinstance(value, list):
                return [self.clean(entry, (path, number), depth + 1) for number, entry in enumerate(value)]
            return self.clean_object(value, path, depth)
        if value is _NOT_A_NUMBER:
            raise DocumentError(_write_path(path), _("must not be NaN or Infinity"))
        return "" if value is None else str(value).lower()

    def clean_object(self, value, path, depth):
        if isinstance(value, _Repeated):
            raise DocumentError(_write_path((path, value.name)), _("is there twice"))
        cleaned = {}
        for name, entry in value.items():
            inner = (path, name)
            if self.format == "json":
                name = self._clean(name)
            elif name == "#text" and not self._clean(entry):
                continue
            if len(name) > NAME_AT_MOST:
                raise DocumentError(
                    _write_path(inner), _("has a name longer than %(most)s characters", most=NAME_AT_MOST)
                )
            if self.key and self.key.search(name):
                raise DocumentError(_write_path(inner), _("has the API key in its name"))
            if name in cleaned:
                raise DocumentError(_write_path(inner), _("is there twice"))
            cleaned[name] = self.clean(entry, inner, depth + 1)
        return cleaned

    def clean_text(self, text, path):
        limit = URL_AT_MOST if path and path[1] == "url" else TEXT_AT_MOST
        text = self._clean(text)
        if len(text) > limit:
            raise DocumentError(_write_path(path), _("is longer than %(most)s characters", most=limit))
        # each change can make room for another
        while (again := self._clean(self.key.sub(MASK, text) if self.key else text)) != text:
            text = again
        return text

    def _clean(self, text):
        if not text.isprintable():
            text = text.replace("\r\n", "\n").translate(_CONTROLS)
        text = text.strip()
        if len(text) <= NORMALIZED_AT_MOST and not text.isascii():
            text = unicodedata.normalize("NFC", text).strip()
        return text


def _write_path(path):
    parts = []
    while path:
        path, part = path
        parts.append(f"[{part}]" if isinstance(part, int) else f".{part}" if part in NAMES else ".*")
    return "".join(reversed(parts)).removeprefix(".")


# === tree to text === #


def dump(tree, format):
    """Return a text from which `load` and `clean` make the same tree."""
    if format == "json":
        return json.dumps(tree, indent=2)
    return xmltodict.unparse(tree, pretty=True)


def digest(tree):
    """Return a number in hexadecimal that is the same for the same content, in whatever order it is written."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
