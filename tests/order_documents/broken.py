"""Documents that are wrong, with the answer to each, and documents that are odd but right. Nothing of Odoo.

`BROKEN` has (name, bytes or a function that makes them, HTTP status, start of the message), `ODD` (name, bytes).
All of them have the key `KEY`, where they have one at all.
"""

import copy
import json
from pathlib import Path

KEY = "13b37bb1ed6d3403e158abe719b4f6d0"
FOLDER = Path(__file__).parent
JSON = (FOLDER / "order_v2.2.json").read_bytes()
XML = (FOLDER / "order_v2.1.xml").read_bytes()


def to_json(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def changed(path, value):
    """The example with another value at `path`: keys and positions."""
    document = json.loads(JSON)
    *parents, last = ("order", *path)
    place = document
    for part in parents:
        place = place[part]
    place[last] = value
    return to_json(document)


def without(*path):
    document = json.loads(JSON)
    *parents, last = ("order", *path)
    place = document
    for part in parents:
        place = place[part]
    del place[last]
    return to_json(document)


def with_items(count):
    """The example with as many items, each with files and options."""
    document = json.loads(JSON)
    item = document["order"]["items"][0]
    document["order"]["items"] = [{**copy.deepcopy(item), "id": f"1234567{number:05}"} for number in range(count)]
    return to_json(document)


def xml(inner):
    start = f"<order><apikey>{KEY}</apikey><id>1</id><item><id>1</id><count>1</count></item>"
    return f"{start}{inner}</order>".encode()


def with_doctype(definitions, reference="&a;"):
    return f"<!DOCTYPE order [{definitions}]>".encode() + xml(f"<priority>{reference}</priority>")


LAUGHS = "".join(f'<!ENTITY {name} "{10 * ("&" + before + ";")}">' for before, name in zip("abcdefghi", "bcdefghij"))
WHOLE = "must be a whole number from 1 to 1000000"
DATE = "must be a date like 2016-07-14 08:25:08"
AMOUNT = "must be a number from 0 to 1000000000000"

BROKEN = [
    # not a document at all
    ("empty", b"", 400, "is empty"),
    ("blanks", b" \r\n\t  \n", 400, "is empty"),
    ("byte order mark only", b"\xef\xbb\xbf", 400, "is empty"),
    ("form", b"order=1&apikey=2", 415, "is neither JSON nor XML"),
    ("text in JSON", b'"order"', 415, "is neither JSON nor XML"),
    ("PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>", 415, "is neither JSON nor XML"),
    ("ZIP", b"PK\x03\x04\x14\x00\x00\x00\x08\x00\xff\xfe", 415, "is neither JSON nor XML"),
    ("HTML", b"<!DOCTYPE html><html><body>Bad gateway</body></html>", 400, "must not have a document type"),
    ("HTML without a document type", b"<html><body><p>Bad gateway</p></body></html>", 400, "order: is missing"),
    ("HTML that is no XML", b"<html><body><br>Bad gateway</body></html>", 400, "is not valid XML"),
    ("list as root", b"[]", 400, "must be an object"),
    ("list of orders as root", b"[" + JSON + b"]", 400, "must be an object"),
    ("no order", b"{}", 400, "order: is missing"),
    ("null as order", b'{"order": null}', 400, "order: must be an object"),
    ("list as order", b'{"order": []}', 400, "order: must be an object"),
    ("text as order", b'{"order": "1"}', 400, "order: must be an object"),
    ("empty order", b'{"order": {}}', 400, "order.id: is missing"),
    ("empty XML order", b"<order/>", 400, "order: must be an object"),
    ("key only", f'{{"order": {{"apikey": "{KEY}"}}}}'.encode(), 400, "order.id: is missing"),
    # cut, or in another encoding than it says
    *((f"JSON cut after {size}", JSON[:size], 400, "is not valid JSON") for size in (1, 5, 33, 500, len(JSON) - 3)),
    *((f"XML cut after {size}", XML[:size], 400, "is not valid XML") for size in (1, 20, 70, 500, len(XML) - 2)),
    ("two JSON documents", JSON + JSON, 400, "is not valid JSON"),
    ("two XML documents", XML + XML, 400, "is not valid XML"),
    ("JSON with a comment", b"{/* order */}", 400, "is not valid JSON"),
    ("JSON with single quotes", b"{'order': {}}", 400, "is not valid JSON"),
    ("Latin-1 JSON", JSON.replace(b"Example name", "J\u00f6rg".encode("latin-1")), 400, "is not valid UTF-8"),
    ("Latin-1 XML", xml("<title>J\u00f6rg</title>").decode().encode("latin-1"), 400, "is not valid UTF-8"),
    ("UTF-16 JSON without mark", JSON.decode().encode("utf-16-le"), 400, "is not valid UTF-8; UTF-16 must"),
    ("UTF-16 JSON without mark, big end first", JSON.decode().encode("utf-16-be"), 400, "is not valid UTF-8; UTF-16"),
    ("UTF-16 XML without mark", XML.decode().encode("utf-16-le"), 400, "is not valid UTF-8; UTF-16 must"),
    ("half a UTF-16 character", JSON.decode().encode("utf-16")[:-1], 400, "is not valid UTF-16"),
    *(
        (f"XML in {name}", XML.replace(b'"UTF-8"', b'"%s"' % name.encode()), 400, "has an encoding that is not")
        for name in ("x-unknown", "zip", "base64", "idna", "punycode", "utf-7", "unicode_escape", "utf-16", "undefined")
    ),
    # what attacks parsers
    ("billion laughs", with_doctype('<!ENTITY a "ha">' + LAUGHS, "&j;"), 400, "must not have a document type"),
    (
        "billion laughs in UTF-16",
        with_doctype('<!ENTITY a "ha">' + LAUGHS, "&j;").decode().encode("utf-16"),
        400,
        "must not have a document type",
    ),
    ("long entity", lambda: with_doctype(f'<!ENTITY a "{99_999 * "a"}">', 9999 * "&a;"), 400, "must not have a"),
    ("external entity", with_doctype('<!ENTITY a SYSTEM "file:///etc/passwd">'), 400, "must not have a document type"),
    (
        "parameter entity",
        with_doctype('<!ENTITY % a SYSTEM "http://127.0.0.1:1/a.dtd"> %a;', ""),
        400,
        "must not have a document type",
    ),
    ("undefined entity", xml("<priority>&a;</priority>"), 400, "is not valid XML"),
    ("NUL in XML", xml("<title>a\0b</title>"), 400, "is not valid XML"),
    ("NUL as a number in XML", xml("<title>a&#0;b</title>"), 400, "is not valid XML"),
    ("unknown prefix of nothing", xml("<:/><a:/>").replace(b"</order>", b""), 400, "is not valid XML"),
    (
        "deep JSON lists",
        b'{"order": ' + 100_000 * b"[" + 100_000 * b"]" + b"}",
        400,
        "is nested more than 20 levels deep",
    ),
    ("deep JSON objects", 100_000 * b'{"order":' + b"1" + 100_000 * b"}", 400, "is nested more than 20 levels deep"),
    ("JSON lists without an end", 1_000_000 * b"[", 400, "is nested more than 20 levels deep"),
    ("JSON deeper than right", changed(["x"], json.loads(20 * "[" + 20 * "]")), 400, "order.*[0][0][0]"),
    ("deep XML", lambda: xml(100_000 * "<a>" + 100_000 * "</a>"), 400, "has more than 50000 elements"),
    ("XML deeper than right", xml(40_000 * "<a>" + 40_000 * "</a>"), 400, "order.*.*.*"),
    ("many elements", lambda: xml(500_000 * "<a/>"), 400, "has more than 50000 elements"),
    (
        "many attributes",
        lambda: xml("<a " + " ".join(f"a{n}=''" for n in range(60_000)) + "/>"),
        400,
        "has more than 50000",
    ),
    ("many values", lambda: changed(["x"], 60_000 * [1]), 400, "has more than 50000 values"),
    ("many names", lambda: changed(["x"], {str(n): n for n in range(60_000)}), 400, "has more than 50000 values"),
    ("100 MB", lambda: b'{"order": "' + 100 * 1024 * 1024 * b"a" + b'"}', 413, "is larger than 2097152 bytes"),
    ("100 MB of anything", lambda: 100 * 1024 * 1024 * b"\0", 413, "is larger than 2097152 bytes"),
    ("a byte too much", lambda: JSON + (2 * 1024 * 1024 + 1 - len(JSON)) * b" ", 413, "is larger than 2097152 bytes"),
    # values
    ("NaN", b'{"order": {"id": NaN}}', 400, "order.id: must not be NaN or Infinity"),
    ("Infinity", changed(["costs", "total"], float("-inf")), 400, "order.costs.total: must not be NaN or Infinity"),
    ("key twice", JSON.replace(b'"order": {', b'"order": {"apikey": "1", ', 1), 400, "order.apikey: appears twice"),
    (
        "name twice",
        changed(["items"], [0]).replace(b"[0]", b'[{"id": 1, "id": 2}]'),
        400,
        "order.items[0].id: appears twice",
    ),
    ("unknown name twice", changed(["x"], 0).replace(b'"x": 0', b'"x": 0, "x": 0'), 400, "order.*: appears twice"),
    ("same name with blanks", changed(["id "], "1"), 400, "order.*: appears twice"),
    ("long name", changed([101 * "a"], "1"), 400, "order.*: has a name longer than 100 characters"),
    ("key in a name", changed([f"x{KEY}"], "1"), 400, "order.*: contains the API key in its name"),
    ("key in an element's name", xml(f"<x{KEY.upper()}/>"), 400, "order.*: contains the API key in its name"),
    ("object as key", changed(["apikey"], {"a": 1}), 400, "order.apikey: must be text"),
    ("two keys in XML", xml("<apikey>1</apikey>"), 400, "order.apikey: must be text"),
    ("no order id", without("id"), 400, "order.id: is missing"),
    ("blank order id", changed(["id"], " \t"), 400, "order.id: is missing"),
    ("long order id", changed(["id"], 256 * "1"), 400, "order.id: is longer than 255 characters"),
    ("order id with an invisible character", changed(["id"], "1\u200b2"), 400, "order.id: must be printable"),
    ("list as order id", changed(["id"], ["1"]), 400, "order.id: must be text"),
    ("no items", without("items"), 400, "order.items: must have at least one item"),
    ("null as items", changed(["items"], None), 400, "order.items: must have at least one item"),
    ("empty items", changed(["items"], []), 400, "order.items: must have at least one item"),
    ("text as items", changed(["items"], "none"), 400, "order.items[0]: must be an object"),
    ("null as item", changed(["items", 1], None), 400, "order.items[1].id: is missing"),
    ("number as item", changed(["items", 1], 5), 400, "order.items[1]: must be an object"),
    (
        "10,000 items",
        lambda: changed(["items"], [{"id": n, "count": 1} for n in range(10_000)]),
        400,
        "order.items: has",
    ),
    ("10,000 items with files", lambda: with_items(10_000), 413, "is larger than 2097152 bytes"),
    (
        "10,000 XML items",
        lambda: xml(10_000 * "<item><id>1</id></item>"),
        400,
        "order.item: has more than 1000 entries",
    ),
    ("an item too much", lambda: with_items(1001), 400, "order.items: has more than 1000 entries"),
    ("no item id", without("items", 2, "id"), 400, "order.items[2].id: is missing"),
    ("item id twice", changed(["items", 1, "id"], "123456780001 "), 400, "order.items[1].id: is used twice"),
    ("XML item id twice", xml("<item><id>1</id><count>1</count></item>"), 400, "order.item[1].id: is used twice"),
    ("no count", without("items", 1, "count"), 400, "order.items[1].count: is missing"),
    ("null as count", changed(["items", 1, "count"], None), 400, "order.items[1].count: is missing"),
    *(
        (f"count {count}", changed(["items", 1, "count"], count), 400, f"order.items[1].count: {WHOLE}")
        for count in (0, -1, "-5", 1.5, "1,5", "1e9", "0x10", "+1", "five", "\u0665", 1_000_001, 10**30, True, "1 000")
    ),
    (
        "count 1e400",
        changed(["items", 0, "count"], "@").replace(b'"@"', b"1e400"),
        400,
        f"order.items[0].count: {WHOLE}",
    ),
    ("list as count", changed(["items", 1, "count"], [5]), 400, "order.items[1].count: must be text"),
    (
        "pages",
        changed(["items", 0, "pages"], "-4"),
        400,
        "order.items[0].pages: must be a whole number from 0 to 1000000",
    ),
    ("size", changed(["items", 0, "files", 1, "size"], "20 kB"), 400, "order.items[0].files[1].size: must be a whole"),
    ("text as files", changed(["items", 0, "files"], "a.pdf"), 400, "order.items[0].files[0]: must be an object"),
    (
        "text as option",
        changed(["items", 0, "options"], ["gloss"]),
        400,
        "order.items[0].options[0]: must be an object",
    ),
    ("101 files", changed(["files"], 101 * [{"url": "a"}]), 400, "order.files: has more than 100 entries"),
    ("list as client", changed(["client"], [{"id": 1}]), 400, "order.client: must be an object"),
    ("text as shipping", changed(["shipping"], "post"), 400, "order.shipping: must be an object"),
    ("text as invoice", changed(["shipping", "invoice"], "4.20"), 400, "order.shipping.invoice: must be an object"),
    (
        "object as name",
        changed(["addresses", 0, "name"], {"first": "A"}),
        400,
        "order.addresses[0].name: must be text",
    ),
    ("comma", changed(["costs", "total"], "11,20"), 400, "order.costs.total: must have a decimal point"),
    ("negative amount", changed(["costs", "vat"], "-0.01"), 400, f"order.costs.vat: {AMOUNT}"),
    ("huge amount", changed(["costs", "items"], "1e13"), 400, f"order.costs.items: {AMOUNT}"),
    (
        "amount with currency",
        changed(["shipping", "invoice", "total"], "4.20 EUR"),
        400,
        "order.shipping.invoice.total: ",
    ),
    (
        "endless amount",
        changed(["costs", "total"], "1.00000000001"),
        400,
        "order.costs.total: must not have more than 10",
    ),
    (
        "currency",
        changed(["costs", "currency"], "Euro"),
        400,
        "order.costs.currency: must be a three-letter currency code",
    ),
    *(
        (f"date {date}", changed(["shipping_date"], date), 400, f"order.shipping_date: {DATE}")
        for date in (
            "2016-02-30 08:25:08",
            "14.07.2016",
            "1468484708",
            "2016-07-14 25:00:00",
            "0001-01-01T00:00+01:00",
            "0001-01-01 00:00:00",
            "9999-12-31 23:59:59",
        )
    ),
    (
        "long text",
        changed(["items", 0, "title"], 2001 * "a"),
        400,
        "order.items[0].title: is longer than 2000 characters",
    ),
    (
        "long unknown text",
        changed(["items", 0, "x"], 2001 * "a"),
        400,
        "order.items[0].*: is longer than 2000 characters",
    ),
    ("long URL", changed(["files", 0, "url"], 4001 * "a"), 400, "order.files[0].url: is longer than 4000 characters"),
]


def _odd(number, path, value):
    document = json.loads(changed(path, value))
    document["order"]["id"] = f"9{number:011}"
    return to_json(document)


def _replace_scalars(value, change):
    if isinstance(value, dict):
        return {name: _replace_scalars(entry, change) for name, entry in value.items()}
    if isinstance(value, list):
        return [_replace_scalars(entry, change) for entry in value]
    return change(value)


_needed = {"order": {"apikey": KEY, "id": "900000000100", "items": [{"id": "1", "count": 1}]}}
_nulls = {
    "order": {
        **dict.fromkeys(json.loads(JSON)["order"]),
        "apikey": KEY,
        "id": "900000000101",
        "items": [{**dict.fromkeys(json.loads(JSON)["order"]["items"][0]), "id": "1", "count": 1}],
    }
}
_inner_nulls = _replace_scalars(json.loads(JSON), lambda value: None)
_inner_nulls["order"].update(apikey=KEY, id="900000000102")
for _number, _item in enumerate(_inner_nulls["order"]["items"]):
    _item.update(id=_number, count=1)
_numbers = _replace_scalars(json.loads(JSON), lambda value: int(value) if str(value).isdigit() else value)
_numbers["order"]["id"] = 900000000103
_name = ["addresses", 0, "name"]

ODD = [
    ("NUL in a name", _odd(1, _name, "A\0nna\u0000 Example")),
    ("raw NUL in a name", _odd(2, _name, "A@nna").replace(b"@", b"\0")),
    ("half a surrogate pair in a name", _odd(3, _name, "Anna @").replace(b"@", b"\\ud83d")),
    ("HTML in a name", _odd(4, _name, "<b onclick=\"alert('1')\">Anna</b> <script>alert(1)</script> & Co")),
    ("template in a name", _odd(5, _name, "{{7*7}} ${7*7} %(name)s %s {0}")),
    ("unknown country", _odd(6, ["addresses", 0, "country"], "ZZ")),
    ("country by name", _odd(7, ["addresses", 0, "country"], "Germany")),
    ("emoji", _odd(8, _name, "Anna \U0001f4d6\U0001f469\u200d\U0001f469\u200d\U0001f467")),
    ("from right to left", _odd(9, _name, "\u202e\u05d0\u05e0\u05d4 \u0627\u0644\u0633\u0644\u0627\u0645")),
    ("lines in a name", _odd(10, _name, "Anna\r\nExample\tb\u2028c")),
    ("long name", _odd(11, _name, 2000 * "n")),
    ("no address", _odd(12, ["addresses"], [])),
    ("address in shipping", _odd(13, ["addresses"], None).replace(b'"method"', b'"address": {"name": "A"}, "method"')),
    ("unknown method", _odd(14, ["shipping", "method"], "by_pigeon")),
    ("unknown product", _odd(15, ["items", 0, "product"], "nobody_knows")),
    ("unknown keys", _odd(16, ["x"], {"a": [1, None, {"b": [[]]}], "": ""})),
    ("dates without a date", _odd(17, ["shipping_date"], "0000-00-00 00:00:00")),
    ("odd ids", _odd(18, ["items", 0, "id"], "\u00c4/..\\'\";--%00 \U0001f4d6")),
    ("no costs", _odd(19, ["costs"], "")),
    ("empty objects", _odd(20, ["client"], [])),
    ("address as an object", _odd(21, ["addresses"], {"address": {"name": "Anna", "country": "de"}})),
    ("needed only", to_json(_needed)),
    ("nulls everywhere", to_json(_nulls)),
    ("nulls in all objects", to_json(_inner_nulls)),
    ("numbers instead of texts", to_json(_numbers)),
    ("1,000 items", with_items(1000)),
    ("UTF-8 with a mark", b"\xef\xbb\xbf" + JSON),
    ("UTF-16", JSON.decode().encode("utf-16")),
    ("blanks around", b"\n\n  " + JSON + b"\n\n"),
    ("XML with blanks around", b"\n\n  " + XML + b"\n\n"),
    ("XML in UTF-16", XML.decode().replace("UTF-8", "UTF-16").encode("utf-16")),
    (
        "XML in Latin-1",
        b'<?xml version="1.0" encoding="ISO-8859-1"?>'
        + xml("<address><name>J\u00f6rg</name></address>").decode().encode("latin-1"),
    ),
    ("XML with all that XML has", xml("<!-- c --><?pi?><a b='c'>d<e/>f</a><x:y xmlns:x='u:v'><![CDATA[<z>]]></x:y>")),
    (
        "XML with a prefix",
        f'<c:order xmlns:c="urn:c" c:a=""><c:apikey x="y">{KEY}</c:apikey><c:id c:b="">7</c:id>'
        "<c:items><c:item><c:id>1</c:id><c:count>1.0</c:count></c:item></c:items></c:order>".encode(),
    ),
]
