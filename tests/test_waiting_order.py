"""An incoming order that is not understood waits as an order, on which a user chooses what is missing."""

from odoo.exceptions import AccessError, RedirectWarning
from odoo.tests import BaseCase, Form, tagged

from ..tools.sheet import find_damage, is_workbook, read_rows, read_workbook
from .common import make_workbook
from .test_intake import BOOK, METHOD, POSTER, IntakeCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestWaitingOrder(IntakeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keep_in_stock(cls.goods)

    def choose(self, document, *products):
        """Choose the products of the first items, as on the page."""
        with Form(document) as form:
            for position, product in enumerate(products):
                with form.line_ids.edit(position) as line:
                    line.product_id = product

    def test_is_mapped_and_accepted_on_one_page(self):
        self.mappings[0].product_id = False
        self.method.carrier_id = False
        document = self.import_orders().with_user(self.manager)
        self.assertEqual(document.failure_type, "unmatched")
        self.assertIn("Example street", document.delivery_address)
        self.assertEqual(
            (document.shipping_method, document.amounts), (METHOD, "7.00 for items, 4.20 for shipping (EUR)")
        )
        self.assertIn("cover", document.file_names)
        with Form(document) as form:
            form.carrier_id = self.carrier
            with form.line_ids.edit(0) as line:
                self.assertEqual((line.name, line.quantity, line.product_id), (BOOK, 1, self.book.browse()))
                line.product_id = self.book
            with form.line_ids.edit(1) as line:
                self.assertEqual((line.name, line.product_id), (POSTER, self.poster))
        document.action_accept()
        self.assertEqual((document.state, document.sale_order_id.state), ("done", "sale"))
        self.assertEqual((self.mappings[0].product_id, self.method.carrier_id), (self.book, self.carrier))
        self.assertEqual(self.import_orders(id="2").state, "done", "it was remembered")

    def test_in_the_language_of_who_reads(self):
        """R25: each user reads in their language what is needed, whatever language the worker has."""
        self.env["res.lang"]._activate_lang("de_DE")
        self.mappings[0].product_id = False
        document = self.import_orders().with_user(self.manager)
        self.assertRegex(document.problem, "^Choose the product for Cloudprinter's .+")
        german = document.with_context(lang="de_DE")
        self.assertRegex(german.problem, "^Wählen Sie das Produkt .+")
        self.assertEqual(german.problem_summary, german.problem)

    def test_several_products(self):
        """The product that a user chose is taken, although the mapping stays ambiguous."""
        self.mappings[0].unlink()
        (self.book | self.poster).default_code = "textbook_cw_a4_p_fc"
        document = self.import_orders().with_user(self.manager)
        with Form(document) as form, form.line_ids.edit(0) as line:
            line.product_id = self.book
        document.action_accept()
        self.assertEqual(document.state, "done")
        self.assertEqual(document.sale_order_id.order_line[0].product_id, self.book)

    def test_one_name_for_several_products(self):
        """Each item gets the product that was chosen for it, and no mapping is made of choices that differ."""
        self.mappings[0].product_id = False
        document = self.import_orders(items__1__product="textbook_cw_a4_p_fc").with_user(self.manager)
        self.choose(document, self.book, self.poster)
        document.action_accept()
        self.assertEqual(document.state, "done")
        made = {line.cloudprinter_item_ref: line.product_id for line in document.sale_order_id.order_line}
        self.assertEqual((made[BOOK], made[POSTER]), (self.book, self.poster))
        self.assertFalse(self.mappings[0].product_id)

    def test_other_product_than_the_mapped_one(self):
        """What a user chooses is ordered, also if Odoo had proposed another product. The mapping stays."""
        self.mappings[0].product_id = False
        document = self.import_orders().with_user(self.manager)
        self.choose(document, self.book, self.flyer)
        document.action_accept()
        self.assertEqual(document.state, "done")
        made = {line.cloudprinter_item_ref: line.product_id for line in document.sale_order_id.order_line}
        self.assertEqual((made[BOOK], made[POSTER]), (self.book, self.flyer))
        self.assertEqual(self.mappings[1].product_id, self.poster)

    def test_mapped_elsewhere(self):
        """A product that was not chosen on the page follows the mapping."""
        self.mappings[:2].product_id = False
        document = self.import_orders().with_user(self.manager)
        self.mappings[0].product_id = self.poster
        self.mappings[0].product_id = self.book
        self.mappings[1].product_id = self.poster
        document._import()
        made = {line.cloudprinter_item_ref: line.product_id for line in document.sale_order_id.order_line}
        self.assertEqual((made[BOOK], made[POSTER]), (self.book, self.poster))

    def test_something_is_still_missing(self):
        self.mappings[:2].product_id = False
        document = self.import_orders().with_user(self.manager)
        self.choose(document, self.book, self.poster)
        self.company.cloudprinter_partner_id = False
        document.action_accept()
        self.assertEqual((document.state, document.failure_type), ("waiting", "unmatched"))
        self.assertIn("customer", document.problem)
        self.assertEqual(document.line_ids.product_id, self.book | self.poster | self.flyer)

    def test_only_what_is_missing_can_be_chosen(self):
        self.mappings[0].product_id = False
        waiting, done = (
            self.import_orders().with_user(self.manager),
            self.import_orders(id="2", items=self.content["order"]["items"][1:]),
        )
        with self.assertRaises(AccessError):
            waiting.line_ids[0].quantity = 7
        with self.assertRaises(AccessError):
            done.with_user(self.manager).carrier_id = self.carrier
        with self.assertRaises(AccessError):
            waiting.with_user(self.salesman).carrier_id = self.carrier

    # === addresses === #

    def test_other_codes(self):
        """R13: usual codes that are not those of ISO 3166, prefixes and accents."""
        for number, (country, state, expected) in enumerate(
            (
                ("UK", "", ("GB", False)),
                ("EL", "", ("GR", False)),
                ("US", "US-CA", ("US", "CA")),
                ("CA", "Québec", ("CA", "QC")),
                ("CA", "ca-qc", ("CA", "QC")),
            )
        ):
            with self.subTest(country=country, state=state):
                document = self.import_orders(id=f"5{number}", addresses__0__country=country, addresses__0__state=state)
                address = document.sale_order_id.partner_shipping_id
                self.assertEqual((address.country_id.code, address.state_id.code), expected)

    def test_country_and_state_are_chosen(self):
        document = self.import_orders(addresses__0__country="Amerika", addresses__0__state="Neu York").with_user(
            self.manager
        )
        self.assertRegex(document.problem, "(?i)Choose the country of the delivery address .“amerika”.")
        with Form(document) as form:
            form.country_id = self.env.ref("base.us")
            form.state_id = self.env.ref("base.state_us_27")
        document.action_accept()
        address = document.sale_order_id.partner_shipping_id
        self.assertEqual((document.state, address.country_id.code, address.state_id.code), ("done", "US", "NY"))

    def test_corrected_recipient(self):
        """R12: a contact that was corrected for one order is not the address of a later one."""
        first = self.import_orders().sale_order_id.partner_shipping_id
        first.street = "Corrected Street 1"
        second = self.import_orders(id="2").sale_order_id.partner_shipping_id
        self.assertNotEqual(first, second)
        self.assertEqual(second.street, "Example street 1234")
        self.assertEqual(self.import_orders(id="3").sale_order_id.partner_shipping_id, second)

    # === what senders do === #

    def test_list_that_became_an_object(self):
        """R20: PHP writes a list that has lost an entry as an object."""
        items = self.content["order"]["items"]
        document = self.import_orders(items={str(number): item for number, item in enumerate(items, start=3)})
        self.assertEqual(len(document.order_id.item_ids), len(items))

    def test_what_odoo_wants_set_up(self):
        """R24: Odoo asks for a warehouse with a RedirectWarning: its sentence is shown at once."""
        sentence = "Please create a warehouse for the company."

        def fail(*_arguments):
            raise RedirectWarning(sentence, 1, sentence)

        self.patch(type(self.env["cloudprinter.intake"]), "_match", fail)
        document = self.import_orders()
        self.assertEqual((document.failure_type, document.problem), ("error", sentence))


@tagged("post_install", "-at_install", "cloudprinter")
class TestSheets(BaseCase):
    def test_workbook(self):
        """R22: an XLSX file is read like CSV, and long numbers that lost digits are recognized."""
        data = make_workbook([["order", "code"], [], [123456780000, "00340"], [34043416109401234, 1.5], [True, None]])
        self.assertTrue(is_workbook(data))
        [rows] = read_workbook(data)
        self.assertEqual([row.line for row in rows], [1, 3, 4, 5])
        self.assertEqual(rows[1].cells, ("123456780000", "00340"))
        self.assertTrue(find_damage(rows[2].cells[0]), rows[2].cells)
        self.assertEqual(read_workbook(data[:100]), [])

    def test_hint_of_excel(self):
        """R21: the first line names the separator."""
        [heading, row] = read_rows("sep=;\r\norder;code\r\n1;A1\r\n")
        self.assertEqual((heading.cells, row.cells), (("order", "code"), ("1", "A1")))
