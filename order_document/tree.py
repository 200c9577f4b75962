"""Read bytes into a tree of dicts, lists and clean texts, and write the tree as a text to store.

Anyone who reaches the endpoint can send anything, so no input may take long: sizes are checked first, entities are
never expanded, and nesting and the number of values are limited.
"""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

import codecs
import hashlib
import itertools
import json
import re
import unicodedata
from decimal import Decimal, InvalidOperation
from xml.parsers.expat import ExpatError

import xmltodict

from ..tools.text import Text as _
from .errors import DocumentError, TooLarge, UnknownFormat

SIZE_AT_MOST = 2 * 1024 * 1024  # bytes
VALUES_AT_MOST = 50_000  # objects, lists and texts; a thousand items with files and options have fewer
DEPTH_AT_MOST = 20
TEXT_AT_MOST = 2000  # characters
URL_AT_MOST = 4000
NAME_AT_MOST = 100
DIGITS_AT_MOST = 40
# A shorter key is not a secret, and masking it would damage the document. The time to mask grows with the length.
KEY_AT_LEAST, KEY_AT_MOST = 8, 100
# The time to normalize a text grows with the square of its length: one document could take an hour. Texts that are
# compared (names, addresses, ids) are shorter.
NORMALIZED_AT_MOST = 300

MASK = "***"
# The only names that are shown in a path.
NAMES = frozenset(
    """order apikey id date priority shipping_date creator name version client reference costs currency shipping items
    vat total addresses address type company street1 street2 zip city country state email phone customer_identification
    customerIdentification method consignor invoice shipments files file format url md5sum size item count title
    product desc pages options option reorder_cause reorder_desc
    reorder_order_id reorder_item_id proforma_invoice weight""".split()
) | {"customer identification"}

# Stateless, with one or a few bytes per character, so that nothing can be hidden; most of them include ASCII.
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
    """A JSON object in which a name appears twice."""

    def __init__(self, value, name):
        super().__init__(value)
        self.name = name


# === bytes to text === #


def decode(content):
    """Return the text and format ("json" or "xml") of a document."""
    if len(content) > SIZE_AT_MOST:
        raise TooLarge("", f"is larger than {SIZE_AT_MOST} bytes")
    if content.startswith(b"\x1f\x8b"):
        raise UnknownFormat("", "is compressed; send it uncompressed")
    encoding = _get_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        # replacing all that is wrong could take long
        _sniff(error.object[: error.start].decode(encoding) + "\ufffd")
        raise DocumentError(
            "", _("is not valid %(encoding)s", encoding=encoding.upper().removesuffix("-SIG"))
        ) from None
    if "\0" in text[:4]:
        raise DocumentError("", _("is not valid UTF-8; UTF-16 must begin with a byte order mark"))
    text = text.lstrip(_BLANKS)
    return text, _sniff(text)


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
    """Return the tree as written, with numbers in JSON as texts."""
    return _load_json(text) if format == "json" else _load_xml(text)


def _load_json(text):
    left = itertools.count(VALUES_AT_MOST, -1)

    def limited(read):
        """Return the function `read`, which may be called VALUES_AT_MOST times in all."""

        def call(value):
            if next(left) < 0:
                raise DocumentError("", _("has more than %(most)s values", most=VALUES_AT_MOST))
            return read(value)

        return call

    try:
        return json.loads(
            text,
            strict=False,
            object_pairs_hook=limited(_make_object),
            # an id may be written as a number, so keep its digits
            parse_int=str,
            parse_float=limited(_read_number),
            parse_constant=lambda name: _NOT_A_NUMBER,
        )
    except json.JSONDecodeError as error:
        raise DocumentError(
            "", _("is not valid JSON (line %(line)s, column %(column)s)", line=error.lineno, column=error.colno)
        ) from None
    except RecursionError:
        raise DocumentError("", _("is nested more than %(most)s levels deep", most=DEPTH_AT_MOST)) from None


def _read_number(text):
    """Return a whole number, such as `1.2e3`, without point and exponent, and any other number as it is written."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        # beyond any exponent
        return text
    if number.adjusted() < DIGITS_AT_MOST and number == number.to_integral_value():
        return f"{number:.0f}"
    return text


def _make_object(pairs):
    value = dict(pairs)
    if len(value) < len(pairs):
        seen = set()
        return _Repeated(value, next(name for name, _value in pairs if name in seen or seen.add(name)))
    return value


def _load_xml(text):
    # Only a document type can define entities. The text is already decoded, so no other encoding can hide one.
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
    # the rest must be a valid name, since the tree is written as XML again
    if local != name and name[0] != "@" and re.match("[A-Za-z_]", local):
        name = local
    return name, value


# === clean === #


def clean(tree, format, key="", path=()):
    """Return the tree with all scalars as clean texts.

    Each text is one trimmed line without control characters, composed (NFC), and with `key` masked. An empty element,
    null and "" all become "".

    :param path: of the tree, as pairs (path of the parent, name)
    """
    return _Cleaner(format, key).clean(tree, path, 0)


class _Cleaner:
    def __init__(self, format, key):
        self.format = format
        self.key = re.compile(re.escape(key), re.IGNORECASE) if KEY_AT_LEAST <= len(key) <= KEY_AT_MOST else None
        self.left = VALUES_AT_MOST

    def clean(self, value, path, depth):
        self.left -= 1
        if self.left < 0:
            raise DocumentError("", _("has more than %(most)s values", most=VALUES_AT_MOST))
        if isinstance(value, str):
            return self.clean_text(value, path)
        if isinstance(value, (dict, list)):
            if depth >= DEPTH_AT_MOST:
                raise DocumentError(
                    _write_path(path), _("is nested more than %(most)s levels deep", most=DEPTH_AT_MOST)
                )
            if isinstance(value, list):
                return [self.clean(entry, (path, number), depth + 1) for number, entry in enumerate(value)]
            return self.clean_object(value, path, depth)
        if value is _NOT_A_NUMBER:
            raise DocumentError(_write_path(path), _("must not be NaN or Infinity"))
        return "" if value is None else str(value).lower()

    def clean_object(self, value, path, depth):
        if isinstance(value, _Repeated):
            raise DocumentError(_write_path((path, value.name)), _("appears twice"))
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
                raise DocumentError(_write_path(inner), _("contains the API key in its name"))
            if name in cleaned:
                raise DocumentError(_write_path(inner), _("appears twice"))
            cleaned[name] = self.clean(entry, inner, depth + 1)
        return cleaned

    def clean_text(self, text, path):
        limit = URL_AT_MOST if path and path[1] == "url" else TEXT_AT_MOST
        text = self._clean(text)
        if len(text) > limit:
            raise DocumentError(_write_path(path), _("is longer than %(most)s characters", most=limit))
        if self.key and self.key.search(text):
            text = self._clean(self.key.sub(MASK, text))
            # not again and again: with a key such as a***b, each mask could make room for the next
            if self.key.search(text):
                return MASK
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
    """Return the tree as a text that `load` and `clean` turn into the same tree."""
    if format == "json":
        return json.dumps(tree, indent=2)
    return xmltodict.unparse(tree, pretty=True)


def digest(tree):
    """Return a hexadecimal hash of the tree that does not depend on the order of its keys."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
