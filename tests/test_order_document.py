"""Order documents: reading the examples, what is tolerated and what is refused; of Odoo only its test
classes."""

import copy
import json
import pickle
import re
from dataclasses import fields, replace
from datetime import datetime
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from odoo.addons.cloudprinter import order_document
from odoo.addons.cloudprinter.order_document import (
    Address,
    Client,
    Costs,
    DocumentError,
    File,
    Item,
    Option,
    Order,
    Reorder,
    Shipping,
    TooLarge,
    UnknownFormat,
    parse,
    read,
    tree,
)
from odoo.addons.cloudprinter.order_document.changes import WORDS, describe_changes

from .order_documents.broken import BROKEN, FOLDER, JSON, KEY, ODD, XML, changed, to_json, xml

FILES = "https://files.example.com/123456780000"
BOOK = Item(
    id="123456780001",
    count=1,
    product="textbook_cw_a4_p_fc",
    title="Summer at the lake",
    description="Textbook casewrap A4 portrait full color",
    pages=44,
    files=(
        File(f"{FILES}/123456780001_cover.pdf", "cover", "pdf", "4578a3a1f0d2b5c6e7f8091a2b3c4d5e", 20785),
        File(f"{FILES}/123456780001_book.pdf", "book", "pdf", "9e107d9d372bb6826bd81d3542a419d6", 77459),
    ),
    options=(
        Option("pageblock_130mcs", "Inside pages, 130 g coated silk", "type_book_paper", "44"),
        Option("cover_finish_gloss", "Gloss lamination", "type_book_cover_finish", "1"),
    ),
)
POSTER = Item(
    id="123456780002",
    count=5,
    product="poster_50x70_fc",
    title="Concert poster",
    description="Poster 50 x 70 cm full color",
    pages=1,
    files=(File(f"{FILES}/123456780002_product.pdf", "product", "pdf", "e4d909c290d0fb1ca068ffaddf22cbd0", 1048576),),
    options=(Option("paper_170mcg", "170 g coated gloss", "type_poster_paper", "1"),),
)
FLYER = Item(
    id="123456780003",
    count=500,
    product="flyer_a6_fc",
    title="Opening flyer",
    description="Flyer A6 full color",
    pages=2,
    files=(File(f"{FILES}/123456780003_product.pdf", "product", "pdf", "2c1743a391305fbf367df8e4f069f9f9", 331004),),
)
V22 = Order(
    id="123456780000",
    items=(BOOK, POSTER, FLYER),
    version="2.2",
    date=datetime(2016, 7, 14, 8, 25, 8),
    shipping_date=datetime(2016, 7, 15, 8, 25, 8),
    priority="2",
    client=Client("1", "Cloudprinter.com", "d15ddd390457e4f581e0835a979465df", other={"date": "2016-01-20 08:25:08"}),
    addresses=(
        Address(
            type="delivery",
            company="Example company",
            name="Example name",
            street1="Example street 1234",
            street2="Building 5",
            zip="99999",
            city="Example city",
            state="NY",
            country="US",
            email="email@example.com",
            phone="12345678",
        ),
    ),
    shipping=Shipping("fedex_national_2_day", "The Book Company", 1, "EUR", Decimal("4.2000")),
    costs=Costs("EUR", Decimal("7.0000"), Decimal("4.2000"), Decimal("0.0000"), Decimal("11.2000")),
    files=(File(f"{FILES}/label.pdf", "shipping_label", "pdf", "0f343b0931126a20f133d67c2b018a3b", 48213),),
    other={"creator": {"id": "1", "name": "Cloudprinter.com", "date": "2016-07-14 08:25:08"}},
)
STATUS = {UnknownFormat: 415, TooLarge: 413, DocumentError: 400}

generated = settings(
    deadline=None, max_examples=200, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def read_example(name):
    return read((FOLDER / name).read_bytes()).order


def read_changed(*path, value):
    return read(changed(path, value)).order


def read_xml(inner):
    return read(xml(inner)).order


class OrderDocumentCase(BaseCase):
    def assert_refused(self, content, message):
        with self.assertRaises(DocumentError) as caught:
            read(content)
        self.assertTrue(str(caught.exception).startswith(message), caught.exception)

    def check(self, content):
        """Read any content; check that the result can be stored and read again, or that the error says what is wrong.

        :return: the Document, or None
        """
        try:
            document = read(content)
        except DocumentError as error:
            self.assertNotIn(KEY, str(error))
            self.assertEqual(str(error), ": ".join(filter(None, (error.place, error.reason))))
            # nothing of the document
            self.assertRegex(error.place, r"^((\*|[a-zA-Z_0-9]+|customer identification)?(\[\d+\])*(\.|$))*$")
            self.assertRegex(error.reason, r"^[a-zA-Z0-9 ,;:.<!()-]+$")
            return None
        self.assertIn(document.format, ("json", "xml"))
        self.assertRegex(document.digest, "^[0-9a-f]{64}$")
        self.assertEqual(parse(document.text, document.format), document.order)
        self.assertNotIn("\0", document.text)
        document.text.encode()
        # the stored text is the same document
        self.assertEqual(read(document.text.encode()).digest, document.digest)
        return document


@tagged("post_install", "-at_install", "cloudprinter")
class TestOrderDocument(OrderDocumentCase):
    maxDiff = None

    # === examples === #

    def test_json_v22(self):
        self.assertEqual(read_example("order_v2.2.json"), V22)

    def test_json_v21(self):
        """Costs came with v2.2; addresses are before the shipping here."""
        self.assertEqual(read_example("order_v2.1.json"), replace(V22, version="2.1", costs=Costs()))

    def test_xml_v21(self):
        """No shipping date, no files of the order; one address and many items without an enclosing list."""
        client = Client("999", "YourCompany", V22.client.reference, V22.client.other)
        expected = replace(V22, version="2.1", shipping_date=None, client=client, costs=Costs(), files=())
        self.assertEqual(read_example("order_v2.1.xml"), expected)

    def test_xml_test_order(self):
        """Files and options without an enclosing list."""
        order = read_example("test_order_v2.1.xml")
        self.assertTrue(order.is_test)
        self.assertEqual(order.id, "123456800000")
        self.assertEqual(order.items, (replace(POSTER, id="123456800001"),))
        self.assertFalse(read_example("order_v2.1.xml").is_test)

    def test_reorder(self):
        order = read_example("reorder_v2.2.json")
        self.assertTrue(order.is_reorder)
        self.assertEqual(
            order.items[0].reorder,
            Reorder(
                "reorder_shipping_item_damaged", "Two of five posters arrived creased", "123456780000", "123456780002"
            ),
        )
        self.assertEqual((order.items[0].id, order.items[0].count), ("123456790001", 2))
        self.assertEqual(order.costs.total, 0)
        self.assertEqual(order.files, ())
        self.assertFalse(V22.is_reorder)

    def test_document(self):
        for name, content, format in (("JSON", JSON, "json"), ("XML", XML, "xml")):
            with self.subTest(name):
                document = self.check(content)
                self.assertEqual(document.format, format)
                self.assertEqual(document.key, KEY)
                self.assertNotIn(KEY, document.text)
                self.assertNotIn("apikey", document.text)
                self.assertNotIn(KEY, repr(document))
                self.assertNotIn("Example", repr(document))
                self.assertIn("Example street 1234", document.text)

    # === broken and odd === #

    def test_broken(self):
        for name, content, status, message in BROKEN:
            with self.subTest(name):
                content = content() if callable(content) else content
                self.assertIsNone(self.check(content))
                with self.assertRaises(DocumentError) as caught:
                    read(content)
                self.assertEqual(STATUS[type(caught.exception)], status)
                self.assertTrue(str(caught.exception).startswith(message), caught.exception)
        self.assertEqual(len({name for name, *_rest in BROKEN}), len(BROKEN))

    def test_odd(self):
        for name, content in ODD:
            with self.subTest(name):
                self.assertEqual(self.check(content).key, KEY)

    def test_odd_texts(self):
        names = {
            name: order.addresses[0].name
            for name, content in ODD
            for order in [read(content).order]
            if order.addresses and order.addresses[0].name not in ("", "Example name")
        }
        self.assertEqual(
            {name: text for name, text in names.items() if name != "long name"},
            {
                "NUL in a name": "Anna Example",
                "raw NUL in a name": "Anna",
                "half a surrogate pair in a name": "Anna \ufffd",
                "HTML in a name": "<b onclick=\"alert('1')\">Anna</b> <script>alert(1)</script> & Co",
                "template in a name": "{{7*7}} ${7*7} %(name)s %s {0}",
                "emoji": "Anna \U0001f4d6\U0001f469\u200d\U0001f469\u200d\U0001f467",
                "from right to left": "\u202e\u05d0\u05e0\u05d4 \u0627\u0644\u0633\u0644\u0627\u0645",
                "lines in a name": "Anna Example b c",
                "address in shipping": "A",
                "address as an object": "Anna",
                "XML in Latin-1": "J\u00f6rg",
            },
        )

    def test_same_in_other_encodings(self):
        orders = {name: read(content).order for name, content in ODD}
        for name in ("UTF-8 with a mark", "UTF-16", "blanks around"):
            self.assertEqual(orders[name], V22, name)
        for name in ("XML with blanks around", "XML in UTF-16"):
            self.assertEqual(orders[name], read_example("order_v2.1.xml"), name)
        numbers = orders["numbers instead of texts"]
        self.assertEqual(replace(numbers, id=V22.id), V22)

    def test_needed_only(self):
        order = dict(ODD)["needed only"]
        self.assertEqual(read(order).order, Order(id="900000000100", items=(Item(id="1", count=1),)))
        self.assertEqual(read(dict(ODD)["nulls everywhere"]).order.items, (Item(id="1", count=1),))

    def test_error(self):
        error = DocumentError("order.items[1].count", "is missing")
        self.assertEqual(str(error), "order.items[1].count: is missing")
        self.assertEqual(str(DocumentError("", "is empty")), "is empty")
        self.assertEqual(str(pickle.loads(pickle.dumps(error))), str(error))

    # === lists and objects === #

    def test_lists(self):
        """One or many, with or without an enclosing list: the result is the same."""
        one, two = {"url": "a"}, {"url": "b"}
        for value, urls in [
            ({"files": [one, two]}, ["a", "b"]),
            ({"files": {"file": [one, two]}}, ["a", "b"]),
            ({"file": [one, two]}, ["a", "b"]),
            ({"files": [one], "file": two}, ["a", "b"]),
            ({"files": one}, ["a"]),
            ({"file": one}, ["a"]),
            ({"files": {"file": one}}, ["a"]),
            *(({"files": empty}, []) for empty in ([], {}, None, "", {"file": None}, {"file": []}, [None], [{}])),
        ]:
            with self.subTest(str(value)):
                order = read(to_json({"order": {"id": 1, "items": {"item": {"id": 1, "count": 1}}, **value}})).order
                self.assertEqual([file.url for file in order.files], urls)
                self.assertEqual(order.other, {})

    def test_xml_lists(self):
        for inner, names in [
            ("<address><name>A</name></address><address><name>B</name></address>", ["A", "B"]),
            ("<addresses><address><name>A</name></address><address><name>B</name></address></addresses>", ["A", "B"]),
            ("<addresses><address><name>A</name></address></addresses>", ["A"]),
            ("<addresses><name>A</name></addresses>", ["A"]),
            ("<shipping><address><name>A</name></address></shipping>", ["A"]),
            ("<addresses><address/></addresses>", []),
            ("<addresses/>", []),
            ("<address/>", []),
        ]:
            with self.subTest(inner):
                self.assertEqual([address.name for address in read_xml(inner).addresses], names)

    def test_options(self):
        """An option has a text `option`, which is not a list of options."""
        one = {"option": "paper", "desc": "Paper", "count": 2, "type": "kind"}
        paper = Option("paper", "Paper", "kind", "2")
        for value, expected in [
            ({"options": [one]}, (paper,)),
            ({"options": one}, (paper,)),
            ({"option": one}, (paper,)),
            ({"options": {"option": one}}, (paper,)),
            ({"options": {"option": [one, one]}}, (paper, paper)),
            ({"options": {"option": "paper"}}, (Option("paper"),)),
            ({"options": {"option": None}}, ()),
        ]:
            with self.subTest(str(value)):
                item = {"id": 1, "count": 1, **value}
                self.assertEqual(read(to_json({"order": {"id": 1, "items": [item]}})).order.items[0].options, expected)

    def test_unknown_keys_are_kept(self):
        document = json.loads(JSON)
        order = document["order"]
        item = order["items"][0]
        places = [order, order["client"], order["costs"], order["shipping"], order["addresses"][0], item]
        places += [item["files"][0], item["options"][0]]
        for place in places:
            place["x"] = {"y": [1, True, None]}
        order["shipping"]["invoice"]["x"] = "z"
        order["items"] = {"item": order["items"], "total": 3}
        order = read(to_json(document)).order
        item = order.items[0]
        kept = {"y": ["1", "true", ""]}
        for place in (order, order.client, order.costs, order.shipping, order.addresses[0], item):
            self.assertEqual(place.other["x"], kept)
        self.assertEqual(item.files[0].other, {"x": kept})
        self.assertEqual(item.options[0].other, {"x": kept})
        self.assertEqual(order.shipping.other["invoice"], {"x": "z"})
        self.assertEqual(order.other["items"], {"total": "3"})

    def test_attributes(self):
        order = read_xml('<priority a="b">2</priority><client a="b" x:nil="true"/><costs><total a="">1</total></costs>')
        self.assertEqual(order.priority, "2")
        self.assertEqual(order.client, Client(other={"@a": "b", "@x:nil": "true"}))
        self.assertEqual(order.costs.total, 1)

    def test_prefix(self):
        order = read(dict(ODD)["XML with a prefix"]).order
        self.assertEqual((order.id, order.items), ("7", (Item("1", 1),)))

    # === fields === #

    def test_ids(self):
        for value, expected in [
            (" 7 ", "7"),
            (7, "7"),
            ("007", "007"),
            (10**40, str(10**40)),
            ("\u00c4-1/b", "\u00c4-1/b"),
        ]:
            self.assertEqual(read_changed("id", value=value).id, expected)
            self.assertEqual(read_changed("items", 1, "id", value=value).items[1].id, expected)
        self.assertEqual(read(JSON.replace(b'"123456780000"', b"1.50")).order.id, "1.50")
        self.assertEqual(len(read_changed("id", value=255 * "9").id), 255)

    def test_count(self):
        for value in ("5", 5, " 5 ", "5.0", "5.000", 5.0, "005"):
            self.assertEqual(read_changed("items", 1, "count", value=value).items[1].count, 5)
        self.assertEqual(read_changed("items", 1, "count", value="1000000").items[1].count, 1_000_000)

    def test_amounts(self):
        for value, expected in [
            ("11.2000", "11.2"),
            (11.2, "11.2"),
            ("0", "0"),
            ("-0.0000", "0"),
            ("1.0E-4", "0.0001"),
            (0.0001, "0.0001"),
            ("1000000000000", "1e12"),
        ]:
            with self.subTest(str(value)):
                total = read_changed("costs", "total", value=value).costs.total
                self.assertEqual(total, Decimal(expected))
                self.assertFalse(total.is_signed())
        for value in (None, "", " "):
            self.assertIsNone(read_changed("costs", "total", value=value).costs.total)

    def test_id_as_a_number(self):
        """Other programs write a long number with an exponent or a point: the id is the whole number."""
        for written in ("123456780001", "1.23456780001e11", "123456780001.0", "12345678000100E-2"):
            with self.subTest(written):
                content = changed(("items", 0, "id"), "ID").decode().replace('"ID"', written)
                self.assertEqual(read(content.encode()).order.items[0].id, "123456780001")

    def test_exponents(self):
        """JSON allows any exponent; a number that is too large to write out is kept as it is written."""
        for value in ("1e99999999999999999999", "1e-99999999999999999999", "-1E400", "1e41"):
            with self.subTest(value):
                [number] = tree.load(f"[{value}]", "json")
                self.assertEqual(number, value)
                with self.assertRaises(DocumentError):
                    read_changed("costs", "total", value=value)

    def test_dates(self):
        for value, expected in [
            ("2016-07-14 08:25:08", datetime(2016, 7, 14, 8, 25, 8)),
            ("2016-07-14T08:25:08", datetime(2016, 7, 14, 8, 25, 8)),
            ("2016-07-14T08:25:08.123456", datetime(2016, 7, 14, 8, 25, 8)),
            ("2016-07-14 08:25", datetime(2016, 7, 14, 8, 25)),
            ("2016-07-14", datetime(2016, 7, 14)),
            ("2016-07-14T08:25:08Z", datetime(2016, 7, 14, 8, 25, 8)),
            ("2016-07-14 08:25:08 GMT", datetime(2016, 7, 14, 8, 25, 8)),
            ("2016-07-14 08:25:08 UTC", datetime(2016, 7, 14, 8, 25, 8)),
            ("2016-07-14T08:25:08+02:00", datetime(2016, 7, 14, 6, 25, 8)),
            ("2016-07-14T23:25:08-0130", datetime(2016, 7, 15, 0, 55, 8)),
            ("2016-07-14 08:25:08+02", datetime(2016, 7, 14, 6, 25, 8)),
            ("0000-00-00 00:00:00", None),
            ("0000-00-00", None),
            ("", None),
            (None, None),
        ]:
            with self.subTest(value):
                self.assertEqual(read_changed("shipping_date", value=value).shipping_date, expected)

    def test_codes(self):
        for value, expected in [("us", "US"), ("ZZ", "ZZ"), ("Germany", "Germany"), ("\u00dfa", "\u00dfa"), (None, "")]:
            self.assertEqual(read_changed("addresses", 0, "country", value=value).addresses[0].country, expected)
        self.assertEqual(read_changed("costs", "currency", value=" eur").costs.currency, "EUR")
        file = read_changed("files", 0, "md5sum", value=" 0F343B ").files[0]
        self.assertEqual(file.md5sum, "0f343b")

    def test_customer_identification(self):
        for name in ("customer identification", "customer_identification", "customerIdentification"):
            order = read_changed("addresses", value={name: "DE123"})
            self.assertEqual(order.addresses, (Address(customer_identification="DE123"),))

    def test_delivery_address(self):
        invoice, delivery, other = ({"type": kind, "name": kind} for kind in ("invoice", "Delivery", "other"))
        for addresses, expected in [
            ([invoice, delivery], "Delivery"),
            ([invoice], "invoice"),
            ([invoice, other], None),
            ([], None),
        ]:
            address = read_changed("addresses", value=addresses).delivery_address
            self.assertEqual(address and address.name, expected)

    def test_composed(self):
        """Texts that look the same become equal, so that an address is found again."""
        self.assertEqual(read_changed("addresses", 0, "city", value="Mu\u0308nchen").addresses[0].city, "M\u00fcnchen")
        self.assertEqual(read_changed("addresses", 0, "city", value="e\0\u0301").addresses[0].city, "\u00e9")

    def test_reorder_of_the_order(self):
        """A reorder of the whole order applies to the items without a value of their own."""
        document = json.loads(JSON)
        document["order"]["reorder_cause"] = "reorder_print_quality"
        document["order"]["items"][1]["reorder_item_id"] = "7"
        document["order"]["items"][2]["reorder_desc"] = ""
        order = read(to_json(document)).order
        whole = Reorder(cause="reorder_print_quality")
        self.assertEqual([item.reorder for item in order.items], [whole, Reorder(item_id="7"), whole])
        self.assertNotIn("reorder_cause", order.other)

    def test_is_test(self):
        for name in ("test", "is_test", "isTest", "test_order", "testOrder", "TEST", "Test", "test-mode", "istest"):
            for value in (True, 1, "1", "true", "True", "yes", "Y"):
                with self.subTest(name, value=value):
                    self.assertTrue(read_changed(name, value=value).is_test)
            for value in (False, 0, "0", "false", "no", "", None, "2016-07-14", [1], {"a": 1}):
                with self.subTest(name, value=value):
                    self.assertFalse(read_changed(name, value=value).is_test)
        for name in ("latest", "contest", "tested_by", "attestation", "protest_order"):
            self.assertFalse(read_changed(name, value=True).is_test, name)
        self.assertTrue(read_changed("creator", "test", value=True).is_test)
        self.assertTrue(read_changed("client", "test", value="1").is_test)
        self.assertFalse(read_changed("addresses", 0, "test", value="1").is_test)
        self.assertTrue(read(xml("").replace(b"<order>", b'<order test="1">')).order.is_test)

    # === key === #

    def test_key(self):
        for value, expected in [(KEY, KEY), (f" {KEY}\n", KEY), (12345678901, "12345678901"), (None, ""), ("", "")]:
            self.assertEqual(read(changed(["apikey"], value)).key, expected)
        self.assertEqual(read(b'{"order": {"id": 1, "items": {"id": 1, "count": 1}}}').key, "")
        self.assertEqual(read(dict(ODD)["XML with a prefix"]).key, KEY)

    def test_key_is_masked(self):
        """The key is never stored, wherever it is and however it is written."""
        document = json.loads(JSON)
        order = document["order"]
        document["log"] = [f"key={KEY}"]
        order["client"]["reference"] = KEY
        order["items"][0]["title"] = f"a {KEY} b {KEY}{KEY}"
        order["items"][0]["files"][0].update(md5sum=KEY.upper(), url=f"https://example.com/?key={KEY}&a=b")
        order["addresses"][0]["name"] = KEY[:9] + "\0" + KEY[9:]
        order["x"] = {"y": f"{KEY[:8]}{KEY}{KEY[8:]}"}
        document = self.check(to_json(document))
        for text in (document.text, repr(document), repr(document.order)):
            self.assertNotIn(KEY, text.lower())
        self.assertEqual(document.order.client.reference, "***")
        self.assertEqual(document.order.items[0].title, "a *** b ******")
        self.assertEqual(document.order.items[0].files[0].url, "https://example.com/?key=***&a=b")
        document = self.check(xml(f'<a b="{KEY}">{KEY}</a><!-- {KEY} --><?a {KEY}?><c>&#49;{KEY[1:]}</c>'))
        self.assertNotIn(KEY, document.text)
        self.assertEqual(document.order.other["c"], "***")

    def test_short_key(self):
        """A short key would mask half of the document, ids first."""
        document = read(changed(["apikey"], "1"))
        self.assertEqual(document.key, "1")
        self.assertEqual(document.order, V22)

    def test_errors_do_not_tell(self):
        """Errors contain neither values nor names of unknown keys."""
        for content in (
            changed(["Anna Example"], 2001 * "a"),
            changed(["x"], {"Anna": {"1 Street": float("nan")}}),
            changed(["items", 0, "count"], "Anna"),
            changed(["shipping_date"], "Anna"),
            changed(["costs", "currency"], "Anna"),
            b'{"order": "Anna',
            b'{"order": \\Anna}',
            b"<order><Anna></Example></order>",
            b"<order>&Anna;</order>",
        ):
            with self.subTest(content[:60]):
                with self.assertRaises(DocumentError) as caught:
                    read(content)
                self.assertNotRegex(str(caught.exception), "Anna|Street|Example")
                self.assertIsNone(caught.exception.__cause__)

    # === digest === #

    def test_digest_of_the_same(self):
        digest = read(JSON).digest
        document = json.loads(JSON)
        again = copy.deepcopy(document)
        again["order"].update(apikey="another", creator={"date": "2026-01-01"})
        for name, content in {
            "indent": json.dumps(document, indent=7).encode(),
            "order of keys": json.dumps(document, sort_keys=True).encode(),
            "key and creator": to_json(again),
            "numbers": JSON.replace(b'"44"', b"44").replace(b'"id": 1', b'"id": "1"'),
            "null": JSON.replace(b'"customer identification": ""', b'"customer identification": null'),
            "blanks": JSON.replace(b'"Example name"', b'" Example name\\n"'),
            "escapes": JSON.replace(b"Example", b"\\u0045xample"),
            "encoding": JSON.decode().encode("utf-16"),
        }.items():
            self.assertNotEqual(content, JSON)
            self.assertEqual(read(content).digest, digest, name)
        self.assertEqual(read(re.sub(rb">\s+<", b"><", XML)).digest, read(XML).digest)

    def test_digest_of_another(self):
        """Every change of a value changes the digest."""
        document = json.loads(JSON)
        digests, refused = {read(JSON).digest}, []
        leaves = [path for path, value in walk(document) if not isinstance(value, (dict, list))]
        leaves = [path for path in leaves if path[1] not in ("apikey", "creator")]
        for path in leaves:
            try:
                digests.add(read(changed(path[1:], f"{get(document, path)}1")).digest)
            except DocumentError:
                refused.append(path[-1])
        # ("EUR1" and "2016-07-14 08:25:081")
        self.assertEqual(sorted(refused), ["currency", "currency", "date", "shipping_date"])
        self.assertEqual(len(digests), 1 + len(leaves) - len(refused))
        for path in (["items"], ["items", 0, "options"], ["items", 0, "files"]):
            value = get(document, ["order", *path])
            digests |= {read(changed(path, value[::-1])).digest, read(changed(path, value[:1])).digest}
        self.assertEqual(len(digests), 1 + len(leaves) - len(refused) + 6)
        # another document with the same order, except for a test
        self.assertNotIn(read(changed(["creator", "test"], True)).digest, digests)

    # === limits === #

    def test_at_the_limits(self):
        self.assertEqual(len(read(dict(ODD)["1,000 items"]).order.items), order_document.ITEMS_AT_MOST)
        read(JSON.ljust(order_document.SIZE_AT_MOST))
        self.check(changed(["x"], (order_document.VALUES_AT_MOST - 300) * [1]))
        self.check(xml((order_document.VALUES_AT_MOST - 20) * "<a/>"))
        deepest = order_document.DEPTH_AT_MOST - 2
        self.check(changed(["x"], json.loads(deepest * "[" + deepest * "]")))
        self.check(xml(deepest * "<a>" + "b" + deepest * "</a>"))
        self.check(changed(["files", 0, "url"], order_document.URL_AT_MOST * "u"))
        self.check(changed(["files"], order_document.ENTRIES_AT_MOST * [{"url": "u"}]))
        # composed, the text would exceed the limit
        self.assertTrue(self.check(changed(["items", 0, "title"], order_document.TEXT_AT_MOST * "\U0001d15e")))

    def test_composing_costs(self):
        """A long text is left unchanged, as the cost of composing it grows with the square of its length."""
        text = "a" + 150 * "\u0301\u0316"
        self.assertEqual(read_changed("x", value=text).other["x"], text)
        self.assertEqual(read_changed("x", value=text[:9]).other["x"][0], "\u00e1")


# -- Arbitrary content


def walk(value, path=()):
    yield path, value
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, entry in entries:
        yield from walk(entry, (*path, name))


def get(value, path):
    for part in path:
        value = value[part]
    return value


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.text(st.characters(categories=("Cc", "Cs", "Mn", "Zs")), max_size=8),
    st.sampled_from(["1", "0", "-1", "1.0", "1e9", "2016-07-14 08:25:08", "EUR", KEY, f"x{KEY.upper()}\0"]),
)
names = st.one_of(
    st.text(max_size=5), st.sampled_from(["order", "id", "count", "items", "item", "file", "option", "address", "test"])
)
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4))
)
EXAMPLES = [json.loads((FOLDER / name).read_bytes()) for name in ("order_v2.2.json", "reorder_v2.2.json")]


@st.composite
def mutated(draw):
    """Return an example with a few values removed, replaced or repeated."""
    document = copy.deepcopy(draw(st.sampled_from(EXAMPLES)))
    for _change in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path, _value in walk(document) if len(path) > 1] or [()]))
        if not path:
            break
        place, name = get(document, path[:-1]), path[-1]
        kind = draw(st.sampled_from(["delete", "replace", "wrap", "repeat", "add"]))
        if kind == "delete":
            del place[name]
        elif kind == "replace":
            place[name] = draw(values)
        elif kind == "wrap":
            place[name] = {draw(names): place[name]}
        elif kind == "repeat":
            place[name] = [place[name], copy.deepcopy(place[name])]
        elif isinstance(place, dict):
            place[draw(names)] = draw(values)
    return document


xml_text = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="".join(map(chr, range(0x20))) + "\ufffe\uffff"),
    max_size=8,
) | st.sampled_from([KEY, f" {KEY} ", "\t\r\n", "&#13;", "e\u0301", "\u0301"])
xml_names = st.sampled_from("a test id count item items file url address option x:y \u00e9 e\u0301 _ :".split())


@st.composite
def elements(draw, depth=0):
    """Return an element with arbitrary attributes, and texts between its children."""
    name = draw(xml_names)
    attributes = draw(st.dictionaries(xml_names, xml_text, max_size=2))
    children = [escape(draw(xml_text))]
    for _child in range(draw(st.integers(0, 2 if depth < 3 else 0))):
        children += [draw(elements(depth + 1)), escape(draw(xml_text))]
    attributes = "".join(f" {attribute}={quoteattr(text)}" for attribute, text in attributes.items())
    return f"<{name}{attributes}>{''.join(children)}</{name}>"


@tagged("post_install", "-at_install", "cloudprinter")
class TestAnyOrderDocument(OrderDocumentCase):
    """The result is a Document or a DocumentError, never anything else."""

    @generated
    @given(values)
    def test_any_root(self, value):
        self.check(to_json(value))

    @generated
    @given(values)
    def test_any_order(self, value):
        self.check(to_json({"order": value}))

    @generated
    @given(st.dictionaries(names, values, max_size=4), st.dictionaries(names, values, max_size=4))
    def test_any_keys(self, order, item):
        """The ids and the count are right, so most of these are read."""
        item = {**item, "id": "2", "count": 1}
        self.check(to_json({"order": {"apikey": KEY, **order, "id": "1", "items": [item], "item": []}}))

    def test_mutated(self):
        seen = []

        @generated
        @given(mutated())
        def check(document):
            document = self.check(to_json(document))
            seen.append(bool(document))
            if document:
                key = document.key
                assume(len(key) >= 8)
                self.assertNotIn(key.lower(), document.text.lower())
                self.assertNotIn(key.lower(), repr(document.order).lower())

        check()
        # ensure that the test had cases
        self.assertGreater(seen.count(True), 20)
        self.assertGreater(seen.count(False), 20)

    @generated
    @given(st.sampled_from([JSON, XML]), st.data())
    def test_cut_and_flipped(self, content, data):
        content = bytearray(content)
        for _flip in range(data.draw(st.integers(0, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        self.check(bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))]))

    @generated
    @given(st.binary(max_size=60), st.sampled_from([b"", b"{", b"<", b"<?xml ", b"\xff\xfe<\0", b"\xef\xbb\xbf{"]))
    def test_any_bytes(self, content, start):
        self.check(start + content)

    def test_any_xml(self):
        seen = []

        @generated
        @given(st.lists(elements(), max_size=3), xml_text)
        def check(children, text):
            seen.append(bool(self.check(xml(escape(text) + "".join(children)))))

        check()
        self.assertGreater(seen.count(True), 20)

    @generated
    @given(st.randoms(use_true_random=False), st.sampled_from(EXAMPLES))
    def test_digest_ignores_the_order_of_keys(self, random, example):
        def shuffle(value):
            if isinstance(value, dict):
                pairs = [(name, shuffle(entry)) for name, entry in value.items()]
                random.shuffle(pairs)
                return dict(pairs)
            if isinstance(value, list):
                return [shuffle(entry) for entry in value]
            return int(value) if str(value).isdigit() and random.random() < 0.5 else value

        shuffled = read(to_json(shuffle(example)))
        self.assertEqual(shuffled.digest, read(to_json(example)).digest)
        self.assertEqual(shuffled.order, read(to_json(example)).order)


@tagged("post_install", "-at_install", "cloudprinter")
class TestChanges(BaseCase):
    """What a user reads about an order that Cloudprinter sent again with other content."""

    def assert_described(self, order, *sentences):
        self.assertEqual(describe_changes(V22, order), [*sentences])

    def with_item(self, **values):
        return replace(V22, items=(replace(BOOK, **values), *V22.items[1:]))

    def test_of_the_order(self):
        self.assert_described(replace(V22, is_test=True), "Test order: No → Yes")
        self.assert_described(
            replace(V22, shipping_date=datetime(2016, 7, 20, 8)),
            "Ship by: 2016-07-15 08:25:08 UTC → 2016-07-20 08:00:00 UTC",
        )
        self.assert_described(
            replace(V22, shipping=replace(V22.shipping, method="dhl_parcel")),
            "Shipping method: fedex_national_2_day → dhl_parcel",
        )

    def test_of_an_item(self):
        self.assert_described(self.with_item(count=12), "Quantity of item 123456780001: 1 → 12")
        self.assert_described(self.with_item(title=""), "Title of item 123456780001: Summer at the lake → –")
        self.assert_described(
            self.with_item(reorder=Reorder("damaged", order_id="1")),
            "Cause of the reorder of item 123456780001: – → damaged",
            "Order that is repeated of item 123456780001: – → 1",
        )

    def test_of_files_and_options(self):
        cover, book = BOOK.files
        self.assert_described(
            self.with_item(files=(replace(cover, size=1), book)),
            "Size in bytes of file cover of item 123456780001: 20785 → 1",
        )
        self.assert_described(
            self.with_item(files=(replace(cover, url="https://files.example.com/other.pdf"), book)),
            "Address of file cover of item 123456780001 is different.",
        )
        self.assert_described(
            self.with_item(options=(replace(BOOK.options[0], count="48"), BOOK.options[1])),
            "Quantity of option pageblock_130mcs of item 123456780001: 44 → 48",
        )

    def test_what_is_new_and_what_is_gone(self):
        """One sentence, not one for each value of it."""
        self.assert_described(replace(V22, items=V22.items[1:]), "Item 123456780001 is no longer there.")
        self.assert_described(replace(V22, items=(*V22.items, replace(POSTER, id="9"))), "Item 9 is new.")
        self.assert_described(replace(V22, files=()), "File shipping_label is no longer there.")
        self.assert_described(
            self.with_item(files=BOOK.files[:1]), "File book of item 123456780001 is no longer there."
        )
        self.assert_described(
            self.with_item(options=(*BOOK.options, Option("foil"))), "Option foil of item 123456780001 is new."
        )

    def test_recipients_are_not_named(self):
        [address] = V22.addresses
        moved = replace(V22, addresses=(replace(address, name="Ann Example", city="Elsewhere"),))
        self.assert_described(moved, "An address is different.")
        for gift in ("To Ann", {"to": "Ann"}, ["Ann"], [{"id": 7, "to": "Ann"}]):
            with_gift = replace(V22, other={**V22.other, "gift": gift})
            [sentence] = describe_changes(V22, with_gift)
            self.assertRegex(sentence, r"^Other content gift(\.to)? is different\.$")
            self.assertTrue(describe_changes(with_gift, replace(V22, other={**V22.other, "gift": "To Bob"})))

    def test_who_wrote_the_document_does_not_matter(self):
        """Nor when: this is different each time."""
        self.assert_described(replace(V22, other={"creator": {"date": "2016-07-15 09:00:00"}}))

    def test_what_is_not_known(self):
        self.assert_described(
            self.with_item(other={"spine": {"color": "red"}}),
            "Other content spine.color of item 123456780001: – → red",
        )

    def test_every_value_has_words(self):
        for prefix, cls, others in (
            ("", Order, {"id", "items", "client", "addresses", "shipping", "costs", "files"}),
            ("client.", Client, set()),
            ("shipping.", Shipping, set()),
            ("costs.", Costs, set()),
            ("items.", Item, {"id", "files", "options", "reorder"}),
            ("items.reorder.", Reorder, set()),
            ("files.", File, {"type"}),
            ("options.", Option, {"reference"}),
        ):
            for name in {field.name for field in fields(cls)} - others - {"other"}:
                self.assertIn(prefix + name, WORDS)
