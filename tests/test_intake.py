"""From an order document to a sales order, and what users decide where that is not possible."""

import copy
import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import BaseCase, tagged
from odoo.tools import float_round, mute_logger

from odoo.addons.cloudprinter import order_document
from odoo.addons.cloudprinter.order_document.changes import find_changes
from odoo.addons.cloudprinter.tools.share import share_out

from .common import CloudprinterCase

ORDER_KEY = "f0d1e2c3b4a5968778695a4b3c2d1e0f"
DOCUMENTS = Path(__file__).parent / "order_documents"
BOOK, POSTER, FLYER = "123456780001", "123456780002", "123456780003"
METHOD = "fedex_national_2_day"


class IntakeCase(CloudprinterCase):
    """Given: a shop that imports incoming orders, with everything mapped, and confirms them automatically."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.ref("base.EUR").active = True
        cls.euro = cls.env["product.pricelist"].create({"name": "EUR", "currency_id": cls.env.ref("base.EUR").id})
        cls.customer.property_product_pricelist = cls.euro
        cls.company.write(
            {
                "cloudprinter_order_api_key": ORDER_KEY,
                "cloudprinter_partner_id": cls.customer.id,
                "cloudprinter_confirm_orders": True,
            }
        )
        cls.flyer = cls._create_product("Flyer")
        cls.goods = cls.book | cls.poster | cls.flyer
        cls.goods.write({"list_price": 2, "taxes_id": [Command.clear()]})
        cls.carrier.product_id.taxes_id = False
        cls.mappings = cls.env["cloudprinter.product.mapping"].create(
            [
                {"name": "textbook_cw_a4_p_fc", "product_id": cls.book.id},
                {"name": "poster_50x70_fc", "product_id": cls.poster.id},
                {"name": "flyer_a6_fc", "product_id": cls.flyer.id},
            ]
        )
        cls.method = cls.env["cloudprinter.carrier.mapping"].create({"name": METHOD, "carrier_id": cls.carrier.id})
        cls.content = json.loads((DOCUMENTS / "order_v2.2.json").read_bytes())

    @classmethod
    def document(cls, **changes):
        """Return the public example with other values at the paths in `changes`, for example `items__0__count=3`."""
        content = copy.deepcopy(cls.content)
        for path, value in changes.items():
            *path, last = [int(part) if part.isdecimal() else part for part in path.split("__")]
            node = content["order"]
            for part in path:
                node = node[part]
            node[last] = value
        return json.dumps(content).encode()

    @classmethod
    def receive(cls, content=None, **changes):
        """Receive a document from Cloudprinter and return what is stored."""
        document = order_document.read(content or cls.document(**changes))
        documents = cls.env["cloudprinter.order.document"]
        documents._receive(cls.company, document)
        return documents.search([("name", "=", document.order.id)], limit=1)

    @classmethod
    def import_orders(cls, content=None, **changes):
        """Receive a document from Cloudprinter and run the worker."""
        document = cls.receive(content, **changes)
        cls.run_worker()
        return document

    @classmethod
    def run_worker(cls):
        with cls.sharing_cursor():
            cls.env.ref("cloudprinter.ir_cron_import_orders").method_direct_trigger()


@tagged("post_install", "-at_install", "cloudprinter")
class TestRules(BaseCase):
    @given(
        st.integers(0, 10**9),
        st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=30).filter(lambda w: sum(w) > 1e-6),
    )
    def test_no_cent_is_lost(self, cents, weights):
        """The parts add up to the total, none is negative, and none is off by more than a cent."""
        total = cents / 100
        parts = share_out(total, weights, lambda amount: float_round(amount, 2))
        self.assertAlmostEqual(sum(parts), total, 2)
        for part, weight in zip(parts, weights):
            self.assertGreaterEqual(part, 0)
            self.assertLessEqual(abs(part - total * weight / sum(weights)), 0.0101 + total * 1e-12)

    @given(st.data())
    def test_changes_are_found(self, data):
        """A change is found at its place, and nothing else."""
        order = order_document.read((DOCUMENTS / "order_v2.2.json").read_bytes()).order
        self.assertEqual(find_changes(order, order), [])
        name = data.draw(st.sampled_from(["priority", "version"]))
        value = data.draw(st.text(min_size=1).filter(lambda text: text != getattr(order, name)))
        self.assertEqual(
            find_changes(order, replace(order, **{name: value})), [((name,), (), getattr(order, name), value)]
        )
        dropped = data.draw(st.sampled_from(order.items))
        rest = replace(order, items=tuple(item for item in order.items if item != dropped))
        self.assertEqual(find_changes(order, rest), [(("items",), (dropped.id,), dropped.id, None)])
        self.assertEqual(find_changes(order, replace(order, items=order.items[::-1])), [], "their order says nothing")


@tagged("post_install", "-at_install", "cloudprinter")
class TestIntake(IntakeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keep_in_stock(cls.goods)

    def get_lines(self, sale):
        lines = sale.order_line.filtered(lambda line: not line.is_delivery)
        return {line.cloudprinter_item_ref: line for line in lines}

    def test_order_becomes_a_confirmed_sales_order(self):
        self.make_to_order(self.goods)
        document = self.import_orders()
        self.assertEqual((document.state, document.problem), ("done", False))
        sale = document.sale_order_id
        self.assertEqual(sale.state, "sale")
        self.assertEqual((sale.partner_id, sale.partner_invoice_id), (self.customer, self.customer))
        self.assertEqual(sale.client_order_ref, "123456780000")
        self.assertEqual(str(sale.commitment_date), "2016-07-15 08:25:08")
        self.assertEqual(
            {ref: (line.product_id, line.product_uom_qty) for ref, line in self.get_lines(sale).items()},
            {BOOK: (self.book, 1), POSTER: (self.poster, 5), FLYER: (self.flyer, 500)},
        )
        self.assertEqual(sale.carrier_id, self.carrier)
        order = document.order_id
        self.assertEqual((order.shipping_method, order.consignor, order.priority), (METHOD, "The Book Company", "2"))
        self.assertEqual(order.reference, "d15ddd390457e4f581e0835a979465df")
        self.assertEqual(
            (order.amount_items, order.amount_shipping, order.amount_tax, order.amount_total), (7, 4.2, 0, 11.2)
        )
        self.assertEqual(order.currency_id.name, "EUR")
        self.assertFalse(order.is_test or order.is_reorder)
        self.assertEqual({mo.state for mo in order.item_ids.production_ids}, {"confirmed"})
        for item in order.item_ids:
            self.assertEqual(item.promised_date, sale.commitment_date)
            self.assert_outbox(item, ["ItemRegistered"])

    def test_nothing_but_the_key_is_lost(self):
        """Unknown keys stay in the stored document; the API key does not."""
        document = self.receive(novelty={"a": [1, "2"]})
        self.assertIn("novelty", document.content)
        self.assertNotIn(json.loads(self.document())["order"]["apikey"], document.content)

    def test_xml_and_the_older_json(self):
        for number, name in enumerate(("order_v2.1.json", "order_v2.1.xml")):
            with self.subTest(name):
                content = (DOCUMENTS / name).read_bytes().replace(b"12345678000", b"22345%d7800" % number)
                sale = self.import_orders(content).sale_order_id
                self.assertEqual(sale.state, "sale")
                self.assertEqual(len(self.get_lines(sale)), 3)
                self.assertEqual(sale.amount_untaxed, 1012 + 4.2, "prices as agreed, freight as stated")

    def test_items_are_described(self):
        item = self.import_orders().order_id.item_ids.filtered(lambda item: item.name == BOOK)
        self.assertTrue(item.title)
        self.assertIn("Pages:", item.specification)

    def test_files_are_links(self):
        order = self.import_orders().order_id
        self.assertEqual(set(order.file_ids.mapped("state")), {"link"})
        label = order.file_ids.filtered(lambda file: not file.item_id)
        self.assertEqual(label.type, "shipping_label")
        cover = order.item_ids.filtered(lambda item: item.name == BOOK).file_ids.filtered(lambda f: f.type == "cover")
        self.assertTrue(cover.md5sum and cover.size and cover.url)

    def test_not_confirmed_by_itself(self):
        """A user confirms the order, and that registers the items."""
        self.company.cloudprinter_confirm_orders = False
        document = self.import_orders()
        sale = document.sale_order_id
        self.assertEqual((document.state, sale.state), ("done", "draft"))
        self.assert_outbox(document.order_id.item_ids, [])
        sale.with_user(self.salesman).action_confirm()
        self.assert_outbox(document.order_id.item_ids, ["ItemRegistered"] * 3)

    def test_reorders_and_priority_go_first(self):
        last = self.receive(id="1", priority="3")
        first = self.receive(id="2", priority="1")
        reorder = self.receive((DOCUMENTS / "reorder_v2.2.json").read_bytes())
        done = []
        self.patch(type(last), "_import", lambda document: done.append(document.id))
        self.run_worker()
        self.assertEqual(done, (reorder | first | last).ids)

    # === repeats === #

    def test_repeat_changes_nothing(self):
        document = self.import_orders()
        self.assertEqual(self.receive(), document)
        self.assertEqual(self.env["sale.order"].search_count([("client_order_ref", "=", "123456780000")]), 1)
        content = json.loads(self.document())
        content["order"]["creator"]["date"] = "2016-07-14 09:00:00"
        content["order"]["items"][0]["count"] = int(content["order"]["items"][0]["count"])
        self.assertEqual(self.receive(json.dumps(content, indent=3).encode()), document, "written another way")

    def test_other_content_needs_a_decision(self):
        first = self.import_orders()
        second = self.import_orders(
            shipping_date="2016-07-20 08:00:00",
            items__1__count="12",
            addresses__0__city="Elsewhere",
            creator__date="2016-07-15 09:00:00",
        )
        self.assertNotEqual(second, first)
        self.assertEqual((second.state, second.failure_type), ("waiting", "changed"))
        self.assertEqual(
            second.problem.splitlines()[1:],
            [
                f"Quantity of item {POSTER}: 5 → 12",
                "Ship by: 2016-07-15 08:25:08 UTC → 2016-07-20 08:00:00 UTC",
                "An address is different.",
            ],
        )
        self.assertNotIn("Elsewhere", second.problem)
        sale = first.sale_order_id
        self.assertEqual(str(sale.commitment_date), "2016-07-15 08:25:08", "nothing changes silently")

        second.with_user(self.manager).action_take_over()
        self.assertEqual((second.state, second.failure_type), ("waiting", "lines"))
        self.assertEqual(second.problem, f"Item {POSTER}: {sale.name} has 5, Cloudprinter ordered 12.")
        self.assertEqual(str(sale.commitment_date), "2016-07-20 08:00:00")
        self.assertEqual(set(first.order_id.item_ids.mapped("promised_date")), {sale.commitment_date})
        self.assertEqual(sale.partner_shipping_id.city, "Elsewhere")
        self.assertEqual(sale.picking_ids.partner_id, sale.partner_shipping_id)
        self.assertEqual(self.get_lines(sale)[POSTER].product_uom_qty, 5, "a user changes the lines")
        self.assertIn("12", sale.message_ids[0].body)
        self.assertNotIn("Elsewhere", str(sale.message_ids.mapped("body")))
        second.with_user(self.manager).action_keep()
        self.assertEqual((second.state, second.order_id), ("done", first.order_id))

    def test_what_was_delivered_went_to_the_old_address(self):
        first = self.import_orders()
        sale = first.sale_order_id
        old = sale.partner_shipping_id
        picking = sale.picking_ids
        self.deliver(picking, quantity=1)
        backorder = sale.picking_ids - picking
        self.assertTrue(backorder)
        self.import_orders(addresses__0__city="Elsewhere").with_user(self.manager).action_take_over()
        self.assertEqual((picking.partner_id, backorder.partner_id.city), (old, "Elsewhere"))
        self.assertFalse(backorder.activity_ids, "there is nothing left to do")

    def test_another_shipping_method(self):
        first = self.import_orders()
        second = self.import_orders(shipping__method="dhl_parcel")
        with self.assertRaisesRegex(UserError, "dhl_parcel"):
            second.with_user(self.manager).action_take_over()
        carrier = self.carrier.copy()
        self.env["cloudprinter.carrier.mapping"].create({"name": "dhl_parcel", "carrier_id": carrier.id})
        second.with_user(self.manager).action_take_over()
        self.assertEqual(first.order_id.shipping_method, "dhl_parcel")
        self.assertEqual(
            (first.sale_order_id.carrier_id, first.sale_order_id.picking_ids.carrier_id), (carrier, carrier)
        )

    def test_other_content_is_not_wanted(self):
        first = self.import_orders()
        second = self.import_orders(items__1__count="12")
        second.with_user(self.manager).action_keep()
        self.assertEqual((second.state, second.order_id), ("kept", first.order_id))
        third = self.import_orders(items__1__count="13")
        self.assertIn("5 → 13", third.problem, "compared with what was made")

    # === what is missing === #

    def test_what_is_not_mapped_is_listed_and_mapped(self):
        self.mappings.unlink()
        self.method.unlink()
        document = self.import_orders()
        self.assertEqual((document.state, document.failure_type, document.order_id.id), ("waiting", "unmatched", False))
        for name in ("textbook_cw_a4_p_fc", "poster_50x70_fc", "flyer_a6_fc", METHOD):
            self.assertIn(name, document.problem)
        self.assertFalse(self.env["cloudprinter.order"].search([("name", "=", document.name)]), "nothing half done")
        mappings = self.env["cloudprinter.product.mapping"].with_user(self.manager)
        for name, product in (
            ("textbook_cw_a4_p_fc", self.book),
            ("poster_50x70_fc", self.poster),
            ("flyer_a6_fc", self.flyer),
        ):
            mappings.search([("name", "=", name)]).product_id = product
        self.env["cloudprinter.carrier.mapping"].with_user(self.manager).search([]).carrier_id = self.carrier
        document.with_user(self.manager).action_try_again()
        self.assertEqual((document.state, document.problem, document.failure_type), ("done", False, False))
        self.assertEqual(document.sale_order_id.state, "sale")

    def test_internal_reference_needs_no_mapping(self):
        self.mappings[0].unlink()
        self.book.default_code = "textbook_cw_a4_p_fc"
        self.assertEqual(self.get_lines(self.import_orders().sale_order_id)[BOOK].product_id, self.book)

    def test_option_chooses_the_variant(self):
        option = json.loads(self.document())["order"]["items"][0]["options"][0]["option"]
        glossy = self._create_product("Glossy Book")
        mappings = self.env["cloudprinter.product.mapping"]
        mappings.create({"name": "textbook_cw_a4_p_fc", "option": option, "product_id": glossy.id})
        mappings.create({"name": "textbook_cw_a4_p_fc", "option": "another", "product_id": self.flyer.id})
        self.assertEqual(self.get_lines(self.import_orders().sale_order_id)[BOOK].product_id, glossy)

    def test_ambiguous_product_is_not_guessed(self):
        self.mappings[0].unlink()
        (self.book | self.poster).default_code = "textbook_cw_a4_p_fc"
        document = self.import_orders()
        self.assertEqual(document.failure_type, "unmatched")
        self.assertIn("several products", document.problem)

    def test_settings_address_and_currency(self):
        """Each reason on its own: (what is wrong, part of the reason)."""
        dollar = self.env.ref("base.USD")
        cases = [
            ({"addresses__0__country": "XQ"}, "XQ"),
            ({"addresses__0__state": "Nowhere"}, "Nowhere"),
            ({"addresses": []}, "no delivery address"),
            ({"costs__currency": "CHF", "shipping__invoice__currency": "CHF"}, "CHF"),
            ({"costs__currency": "USD"}, "several currencies"),
            ({"costs__currency": "USD", "shipping__invoice__currency": "USD"}, "pricelist in USD"),
            ({"items__0__product": ""}, f"Item {BOOK} has no product"),
        ]
        dollar.active = True
        self.env["res.currency"].with_context(active_test=False).search([("name", "=", "CHF")]).active = False
        for number, (changes, reason) in enumerate(cases):
            with self.subTest(reason):
                document = self.import_orders(id=f"9{number}", **changes)
                self.assertEqual(document.state, "waiting")
                self.assertIn(reason, document.problem)
                self.assertFalse(document.order_id)
        self.company.cloudprinter_partner_id = False
        self.assertIn("customer", self.import_orders(id="98").problem)

    def test_region_that_odoo_does_not_know_is_printed(self):
        document = self.import_orders(
            addresses__0__country="NL", addresses__0__state="Veluwe", addresses__0__city="Ede"
        )
        self.assertEqual(document.sale_order_id.partner_shipping_id.city, "Ede, Veluwe")

    def test_unforeseen_error_is_tried_again_and_waits_in_the_end(self):
        intake = type(self.env["cloudprinter.intake"])
        attempts = []

        def fail(*_args):
            attempts.append(1)
            raise ZeroDivisionError

        self.patch(intake, "_match", fail)
        document = self.receive()
        with mute_logger("odoo.addons.cloudprinter.models.cloudprinter_order_document"):
            for days in range(6):
                with self.later(days=days):
                    self.run_worker()
        self.assertEqual(len(attempts), 5)
        self.assertEqual((document.state, document.failure_type), ("waiting", "error"))
        self.assertIn(str(document.id), document.problem)
        self.assertFalse(self.env["cloudprinter.order"].search([("name", "=", document.name)]))

    def test_document_that_ends_the_worker_waits_in_the_end(self):
        document = self.receive()
        document.attempt_count = 5
        self.run_worker()
        self.assertEqual((document.state, document.failure_type), ("waiting", "error"))

    def test_odoo_refuses_to_confirm(self):
        """No record of the order is left behind."""
        message = "The warehouse is on fire"

        def refuse(_sale):
            raise UserError(message)

        self.patch(type(self.env["sale.order"]), "action_confirm", refuse)
        document = self.import_orders()
        self.assertEqual((document.state, document.problem), ("waiting", message))
        self.assertFalse(self.env["sale.order"].search([("client_order_ref", "=", document.name)]))

    # === money === #

    def test_lines_cost_together_what_cloudprinter_pays(self):
        sale = self.import_orders().sale_order_id
        lines = self.get_lines(sale).values()
        self.assertAlmostEqual(sum(line.price_subtotal for line in lines), 7)
        self.assertAlmostEqual(sale.order_line.filtered("is_delivery").price_subtotal, 4.2)
        self.assertAlmostEqual(sale.amount_total, 11.2)
        self.assertEqual(self.env["cloudprinter.order"].browse(sale.cloudprinter_order_id.id).amount_difference, 0)

    def test_any_total_is_met_to_the_cent(self):
        for number, (items, counts, price) in enumerate(
            (("10.0000", ("3", "7", "11"), 2), ("0.0100", ("1", "1", "1"), 0), ("99999.99", ("3", "3", "3"), 0.07))
        ):
            with self.subTest(items=items):
                (self.book | self.poster | self.flyer).list_price = price
                document = self.import_orders(
                    id=f"7{number}",
                    costs__items=items,
                    items__0__count=counts[0],
                    items__1__count=counts[1],
                    items__2__count=counts[2],
                )
                lines = self.get_lines(document.sale_order_id).values()
                self.assertAlmostEqual(sum(line.price_subtotal for line in lines), float(items), 2)

    def test_prices_with_tax_included(self):
        tax = self.env["account.tax"].create(
            {"name": "Included", "amount": 25, "price_include_override": "tax_included"}
        )
        (self.book | self.poster | self.flyer).taxes_id = tax
        lines = self.get_lines(self.import_orders().sale_order_id).values()
        self.assertAlmostEqual(sum(line.price_subtotal for line in lines), 7)

    def test_fixed_tax_included(self):
        """A fixed tax is added to the price of each piece, and is no share of it."""
        tax = self.env["account.tax"].create(
            {"name": "Fixed", "amount_type": "fixed", "amount": 0.5, "price_include_override": "tax_included"}
        )
        (self.book | self.poster | self.flyer).taxes_id = tax
        sale = self.import_orders().sale_order_id
        self.assertAlmostEqual(sum(line.price_subtotal for line in self.get_lines(sale).values()), 7)
        self.assertAlmostEqual(sum(sale.cloudprinter_item_ids.mapped("amount")), 7)

    def test_freight(self):
        """Cloudprinter pays what the document says, whatever the delivery method charges and when."""
        self.carrier.product_id.taxes_id = self.env["account.tax"].create(
            {"name": "Included", "amount": 25, "price_include_override": "tax_included"}
        )
        for values in (
            {},
            {"invoice_policy": "real"},
            {"free_over": True, "amount": 1},
            {"margin": 0.5, "fixed_margin": 3},
        ):
            with self.subTest(values):
                self.carrier.write({"invoice_policy": "estimated", "free_over": False, **values})
                sale = self.import_orders(id=f"{values}").sale_order_id
                [freight] = sale.order_line.filtered("is_delivery")
                self.assertAlmostEqual(freight.price_subtotal, 4.2)
                self.assertEqual(freight.name, self.carrier.name)
                picking = sale.picking_ids[:1]
                picking.carrier_price = 9.9
                picking._add_delivery_cost_to_so()
                self.assertAlmostEqual(sale.order_line.filtered("is_delivery").price_subtotal, 4.2)

    def test_freight_that_is_not_in_the_document(self):
        """Odoo bills the real cost then, as it does for other orders."""
        self.carrier.invoice_policy = "real"
        costs = {**self.content["order"]["costs"], "shipping": None}
        sale = self.import_orders(costs=costs, shipping__invoice=None).sale_order_id
        sale.picking_ids[:1].carrier_price = 9.9
        sale.picking_ids[:1]._add_delivery_cost_to_so()
        self.assertAlmostEqual(sale.order_line.filtered("is_delivery").price_subtotal, 9.9)

    def test_reorder_costs_nothing_and_knows_the_original(self):
        original = self.import_orders().order_id
        self.make_to_order(self.goods)
        document = self.import_orders((DOCUMENTS / "reorder_v2.2.json").read_bytes())
        self.assertTrue(document.is_reorder and document.order_id.is_reorder)
        self.assertEqual(document.order_id.original_order, original.name)
        items = document.order_id.item_ids
        self.assertLessEqual(items.original_item_id, original.item_ids)
        self.assertTrue(all(items.mapped("original_item_id")))
        self.assertIn("Shipping item damaged: ", items.reorder_cause)
        self.assertEqual(document.sale_order_id.amount_total, 0)
        self.assertEqual(set(items.production_ids.mapped("priority")), {"1"}, "marked as urgent")

    def test_fiscal_position_is_the_customers(self):
        """The recipient's country has no influence on what Cloudprinter is billed."""
        positions = self.env["account.fiscal.position"].create(
            [
                {"name": "Readers", "auto_apply": True, "country_id": self.env.ref("base.us").id},
                {"name": "Cloudprinter"},
            ]
        )
        self.customer.property_account_position_id = positions[1]
        self.assertEqual(self.import_orders().sale_order_id.fiscal_position_id, positions[1])
        self.customer.property_account_position_id = False
        self.customer.country_id = self.env.ref("base.dk")
        self.assertNotEqual(self.import_orders(id="2").sale_order_id.fiscal_position_id, positions[0])

    # === test orders === #

    def test_test_order_is_registered_but_not_produced(self):
        self.make_to_order(self.goods)
        document = self.import_orders((DOCUMENTS / "test_order_v2.1.xml").read_bytes())
        self.assertTrue(document.is_test and document.order_id.is_test)
        self.assertEqual((document.state, document.sale_order_id.state), ("done", "draft"))
        self.assert_outbox(document.order_id.item_ids, ["ItemRegistered"] * len(document.order_id.item_ids))
        self.assertFalse(document.order_id.item_ids.production_ids)

    # === orders that were entered by hand === #

    def test_typed_with_all_ids(self):
        sale = self.sell((self.book, 1, BOOK), (self.poster, 5, POSTER), (self.flyer, 500, FLYER))
        document = self.import_orders()
        self.assertEqual((document.state, document.sale_order_id), ("done", sale))
        self.assertEqual(document.order_id.amount_total, 11.2)
        self.assertTrue(document.order_id.file_ids)
        self.assertEqual(str(sale.commitment_date), "2016-07-15 08:25:08")
        self.assertEqual(self.env["sale.order"].search_count([("cloudprinter_order_id.name", "=", document.name)]), 1)

    def test_typed_without_item_ids(self):
        """Lines are matched by product and quantity, two equal ones one after the other."""
        sale = self.sell((self.flyer, 500, None), (self.book, 1, None), (self.poster, 5, None))
        document = self.import_orders()
        self.assertEqual(document.sale_order_id, sale)
        self.assertEqual(
            {ref: line.product_id for ref, line in self.get_lines(sale).items()},
            {BOOK: self.book, POSTER: self.poster, FLYER: self.flyer},
        )
        self.assert_outbox(document.order_id.item_ids, ["ItemRegistered"] * 3)

    def test_typed_with_the_reference_alone(self):
        """Shops did this before the add-on; for another customer it is another order."""
        other = self.env["res.partner"].create({"name": "Another Customer"})
        values = {"order": False, "client_order_ref": "123456780000"}
        lines = [(self.book, 1, None), (self.poster, 5, None), (self.flyer, 500, None)]
        self.sell(*lines, partner_id=other.id, **values)
        sale = self.sell(*lines, **values)
        self.assertEqual(self.import_orders().sale_order_id, sale)

    def test_typed_differently(self):
        sale = self.sell((self.book, 2, BOOK), (self.poster, 5, POSTER))
        document = self.import_orders()
        self.assertEqual((document.state, document.failure_type), ("waiting", "lines"))
        self.assertIn(f"Item {BOOK}: {sale.name} has 2, Cloudprinter ordered 1.", document.problem)
        self.assertIn(f"{sale.name} has no line for item {FLYER}", document.problem)
        line = self.get_lines(sale)[BOOK].with_user(self.salesman)
        line.product_uom_qty = 1
        sale.with_user(self.salesman).order_line = [
            Command.create({"product_id": self.flyer.id, "product_uom_qty": 500, "cloudprinter_item_ref": FLYER})
        ]
        self.run_worker()
        self.assertEqual((document.state, document.sale_order_id), ("done", sale))

    def test_typed_by_reference_alone_and_differently(self):
        """A user decides; equal parts are linked."""
        sale = self.sell((self.book, 1, None), (self.poster, 7, None), order=False, client_order_ref="123456780000")
        document = self.import_orders()
        self.assertEqual(document.failure_type, "lines")
        self.assertEqual(sale.cloudprinter_order_id, document.order_id)
        self.assertEqual(self.get_lines(sale)[BOOK].product_id, self.book)
        document.with_user(self.manager).action_keep()
        self.assertEqual(document.state, "done")

    def test_shop_without_sales_orders(self):
        production = self.env["mrp.production"].create(
            {
                "product_id": self.book.id,
                "product_qty": 1,
                "cloudprinter_order_ref": "123456780000",
                "cloudprinter_item_ref": BOOK,
            }
        )
        order = production.cloudprinter_item_ids.order_id
        self.env["cloudprinter.item"].create([{"order_id": order.id, "name": name} for name in (POSTER, FLYER)])
        document = self.import_orders()
        self.assertEqual((document.state, document.order_id), ("done", order))
        self.assertFalse(document.sale_order_id)
        self.assertEqual(
            production.cloudprinter_item_ids.title, json.loads(self.document())["order"]["items"][0]["title"]
        )

    def test_order_made_by_hand_in_the_app(self):
        """No sales order is created yet; it is linked later."""
        order = self.env["cloudprinter.order"].with_user(self.manager).create({"name": "123456780000"})
        document = self.import_orders()
        self.assertEqual(document.order_id, order.sudo())
        self.assertEqual(document.sale_order_id.state, "sale")

    # === recipients === #

    def test_address_is_an_archived_child_found_again(self):
        address = self.import_orders().sale_order_id.partner_shipping_id
        self.assertEqual((address.parent_id, address.type, address.active), (self.customer, "delivery", False))
        self.assertEqual(address.name, "Example name")
        self.assertEqual((address.state_id.code, address.country_id.code), ("NY", "US"))
        self.assertNotIn("Cloudprinter", address.display_name)
        self.assertEqual(address.commercial_company_name, "Example company")
        self.assertEqual(self.import_orders(id="2").sale_order_id.partner_shipping_id, address)
        other = self.import_orders(id="3", addresses__0__phone="9").sale_order_id.partner_shipping_id
        self.assertNotEqual(other, address)

    def test_html_in_names_is_text(self):
        name = "<script>alert(1)</script>"
        sale = self.import_orders(addresses__0__name=name).sale_order_id
        self.assertEqual(sale.partner_shipping_id.name, name)

    def test_recipients_are_forgotten_when_the_company_says_so(self):
        self.make_to_order(self.goods)
        self.company.cloudprinter_anonymize_months = 3
        document = self.import_orders(id="1")
        shared = self.import_orders(id="2")
        other = self.import_orders(id="3", addresses__0__name="Somebody Else")
        given_up = self.import_orders(id="4", addresses__0__name="Given Up")
        given_up.order_id.item_ids.with_user(self.manager).report_cancel("CancelUserRequest", "x")
        for order in (document, other):
            self.produce(order.order_id.item_ids.production_ids)
            self.deliver(order.sale_order_id.picking_ids)
        forget = self.env["cloudprinter.order.document"]._gc_recipients
        with self.later(days=80):
            forget()
        self.assertTrue(other.content)
        with self.later(days=100):
            forget()
        self.assertEqual(other.sale_order_id.partner_shipping_id.name, "Anonymized")
        self.assertFalse(other.sale_order_id.partner_shipping_id.street)
        self.assertEqual(given_up.sale_order_id.partner_shipping_id.name, "Anonymized")
        self.assertFalse(other.content or given_up.content)
        self.assertFalse(document.content)
        self.assertEqual(shared.sale_order_id.partner_shipping_id.name, "Example name", "an open order goes there")
        self.assertFalse(self.env["mail.tracking.value"].search([("old_value_char", "like", "email@example.com")]))

    def given_shipped(self, **values):
        """Given: an order that was shipped, in a company that forgets recipients after three months."""
        self.make_to_order(self.goods)
        self.company.cloudprinter_anonymize_months = 3
        document = self.import_orders(id="1", **values)
        self.produce(document.order_id.item_ids.production_ids)
        self.deliver(document.sale_order_id.picking_ids)
        return document

    def forget(self):
        with self.later(days=100):
            self.env["cloudprinter.order.document"]._gc_recipients()
        self.env.invalidate_all()

    def test_recipient_of_a_document_that_was_replaced_at_once(self):
        """The document was replaced before there was an order."""
        mappings, known = self.env["cloudprinter.product.mapping"], [("name", "=", "textbook_cw_a4_p_fc")]
        mappings.search(known).unlink()
        first = self.import_orders(id="1", addresses__0__name="First Name")
        self.assertEqual(first.state, "waiting")
        mappings.search(known).unlink()
        mappings.create({"name": "textbook_cw_a4_p_fc", "product_id": self.book.id})
        second = self.given_shipped(addresses__0__name="Second Name")
        self.assertEqual((first.state, second.state), ("replaced", "done"))
        self.assertEqual(first.order_id, second.order_id)
        self.forget()
        self.assertFalse(second.content or first.content)

    def test_recipient_of_a_deleted_sales_order(self):
        self.company.write({"cloudprinter_anonymize_months": 3, "cloudprinter_confirm_orders": False})
        document = self.import_orders(id="1")
        address = document.sale_order_id.partner_shipping_id
        items = document.order_id.item_ids
        document.sale_order_id._action_cancel()
        document.sale_order_id.unlink()
        items.with_user(self.manager).report_cancel("CancelUserRequest", "x")
        self.run_worker()
        self.forget()
        self.assertFalse(document.content)
        self.assertEqual(address.name, "Anonymized")

    def test_recipient_to_whom_the_goods_are_sent_again(self):
        """A user copied the sales order, and the copy is not delivered yet."""
        document = self.given_shipped()
        again = document.sale_order_id.copy()
        address = again.partner_shipping_id
        self.forget()
        self.assertEqual(address.name, "Example name", "a quotation")
        again.action_confirm()
        self.forget()
        self.assertEqual(address.name, "Example name", "a delivery")
        again._action_cancel()
        self.forget()
        self.assertEqual((address.name, document.content), ("Anonymized", False))

    # === files that are fetched === #

    def test_registered_when_the_files_are_there(self):
        self.company.write({"cloudprinter_file_hosts": "files.example.com", "cloudprinter_fetch_files": True})
        document = self.import_orders()
        files = document.order_id.file_ids
        self.assertEqual((document.state, document.sale_order_id.state), ("checking", "draft"))
        self.assert_outbox(document.order_id.item_ids, [])
        files.state = "fetched"
        document.order_id._on_files_settled()
        self.run_worker()
        self.assertEqual((document.state, document.sale_order_id.state), ("done", "sale"))
        self.assert_outbox(document.order_id.item_ids, ["ItemRegistered"] * 3)

    def test_file_that_cannot_be_fetched_waits(self):
        self.company.write({"cloudprinter_file_hosts": "files.example.com", "cloudprinter_fetch_files": True})
        document = self.import_orders()
        files = document.order_id.file_ids
        files.state = "fetched"
        files[0].write({"state": "error", "failure_type": "corrupt", "problem_source": "The checksum is wrong."})
        document.order_id._on_files_settled()
        self.run_worker()
        self.assertEqual(document.state, "waiting")
        self.assertIn("The checksum is wrong.", document.problem)
        self.assert_outbox(document.order_id.item_ids, [])
        document.with_user(self.manager).action_try_again()
        self.assertEqual((document.state, files[0].state), ("checking", "waiting"), "it is fetched again")
