"""An order that is sent again: the newest document counts, and nothing is lost or made twice."""

import json

from psycopg2.errors import SerializationFailure

from odoo.exceptions import UserError
from odoo.tests import BaseCase, Form, tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter import order_document

from ..rule.gate import STEPS, OrderFacts, get_next_step
from .test_intake import BOOK, DOCUMENTS, FLYER, POSTER, IntakeCase

NUMBER = "123456780000"


@tagged("post_install", "-at_install", "cloudprinter")
class TestGate(BaseCase):
    def test_steps(self):
        own = OrderFacts(stands_for="own")
        other = OrderFacts(stands_for="other")
        for step, facts in (
            ("make", OrderFacts()),
            ("make", OrderFacts(lines_agree=False, files="failed")),
            ("canceled", OrderFacts(is_gone=True)),
            ("canceled", other._replace(is_gone=True, is_kept=True)),
            ("changed", other),
            ("changed", other._replace(files="failed", lines_agree=False)),
            ("lines", own._replace(lines_agree=False)),
            ("lines", own._replace(lines_agree=False, files="fetching")),
            ("fetch", own._replace(files="fetching")),
            ("fetch", other._replace(is_kept=True, lines_agree=False, files="fetching")),
            ("files", own._replace(files="failed")),
            ("wrong_files", own._replace(files="wrong")),
            ("accept", own),
            ("accept", other._replace(is_kept=True, lines_agree=False)),
        ):
            with self.subTest(facts):
                self.assertEqual(get_next_step(facts), step)
        self.assertEqual(len(STEPS), 8, "each is tested above")


@tagged("post_install", "-at_install", "cloudprinter")
class TestVersions(IntakeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keep_in_stock(cls.goods)

    def setUp(self):
        super().setUp()
        self.documents = self.env["cloudprinter.order.document"]

    def assert_states(self, *expected):
        """Assert the states of all documents of the order, oldest first, with what they wait for."""
        documents = self.documents.search([("name", "=", NUMBER)], order="version")
        self.assertEqual([d.failure_type or d.state for d in documents], list(expected))

    def get_sales(self):
        return self.env["sale.order"].search([("client_order_ref", "=", NUMBER)])

    def change_files(self, query, **values):
        """Return the example with a signature in the addresses of its files, and other values of its first file."""
        content = json.loads(self.document())
        for item in content["order"]["items"]:
            for file in item["files"]:
                file["url"] = f"{file['url'].partition('?')[0]}?{query}"
        content["order"]["items"][0]["files"][0].update(values)
        return json.dumps(content).encode()

    # === nothing stands yet === #

    def test_corrected_before_anything_was_made(self):
        """R1: the first has no valid country. The second is the order, and the first is closed."""
        first = self.import_orders(addresses__0__country="ZZ")
        self.assert_states("unmatched")
        second = self.import_orders()
        self.assert_states("replaced", "done")
        self.assertEqual(second.sale_order_id, self.get_sales())
        with self.assertRaisesRegex(UserError, "already been handled"):
            first.with_user(self.manager).action_try_again()

    def test_mapped_elsewhere(self):
        self.mappings[0].product_id = False
        document = self.import_orders()
        self.assert_states("unmatched")
        self.mappings[0].product_id = self.book
        self.run_worker()
        self.assertEqual((document.state, len(self.get_sales())), ("done", 1))

    # === sent again === #

    def test_back_to_the_first_content(self):
        """A, B, A: the order goes back to A, although A is known."""
        first = self.import_orders()
        self.import_orders(priority="express").with_user(self.manager).action_take_over()
        self.assertEqual(first.order_id.priority, "express")
        third = self.import_orders()
        self.assert_states("done", "done", "changed")
        third.with_user(self.manager).action_take_over()
        self.assertNotEqual(first.order_id.priority, "express")

    def test_first_content_after_a_change_that_was_not_wanted(self):
        self.import_orders()
        self.import_orders(priority="express")
        self.import_orders()
        self.assert_states("done", "replaced", "done")

    def test_links_after_a_change_that_was_not_wanted(self):
        """A, B, A: the order has the addresses of the files that were sent last."""
        self.import_orders(self.change_files("a=1"))
        self.import_orders(priority="express")
        self.import_orders(self.change_files("a=2"))
        self.assert_states("done", "replaced", "done")
        files = self.get_sales().cloudprinter_order_id.item_ids.file_ids
        self.assertEqual({file.url.partition("?")[2] for file in files}, {"a=2"})

    def test_two_that_cannot_be_matched(self):
        """Only the newest waits for a user."""
        self.import_orders(addresses__0__country="ZZ")
        self.import_orders(addresses__0__country="ZZ", priority="express")
        self.assert_states("replaced", "unmatched")

    def test_known_is_what_equals_the_newest(self):
        self.import_orders()
        changed = self.document(priority="express")
        self.import_orders(changed)
        self.assertFalse(self.documents._receive(self.company, order_document.read(changed)))
        self.assert_states("done", "changed")

    def test_kept_while_files_are_fetched(self):
        """The order is confirmed with its own content when its files are there."""
        self.company.write({"cloudprinter_fetch_files": True, "cloudprinter_file_hosts": "files.example.com"})
        self.import_orders(self.change_files("a=1"))
        self.assert_states("checking")
        self.import_orders(self.change_files("a=1", size=1)).with_user(self.manager).action_keep()
        self.assert_states("replaced", "checking")
        files = self.get_sales().cloudprinter_order_id.file_ids
        files.write({"state": "fetched"})
        files._log_in_orders()
        self.run_worker()
        self.assert_states("replaced", "kept")
        self.assertEqual(self.get_sales().state, "sale")

    def test_two_at_once(self):
        """The second of two that arrive together does not see the first: it is stored after it, by Odoo's retry."""
        self.import_orders()
        newest = self.documents._get_newest(self.company, NUMBER)
        document = order_document.read(self.document(priority="express"))
        self.patch(type(self.documents), "_get_newest", lambda *_arguments: newest.browse())
        with mute_logger("odoo.sql_db"), self.assertRaises(SerializationFailure), self.env.cr.savepoint():
            self.documents._receive(self.company, document)

    # === files === #

    def test_renewed_signature(self):
        """R5: checksum and size are equal, so it is known, and the address is renewed."""
        self.import_orders(self.change_files("Expires=1&Signature=a"))
        files = self.get_sales().cloudprinter_order_id.file_ids
        self.import_orders(self.change_files("Expires=2&Signature=b"))
        self.assert_states("done")
        self.assertEqual(self.get_sales().cloudprinter_order_id.file_ids, files)
        self.assertTrue(all("Expires=2" in file.url for file in files if file.item_id))

    def test_expired_link(self):
        """R4: a file could not be fetched; the order comes again with a new link, and is accepted with it."""
        self.company.write({"cloudprinter_fetch_files": True, "cloudprinter_file_hosts": "files.example.com"})
        document = self.import_orders(self.change_files("Expires=1"))
        document.order_id.file_ids.write({"state": "fetched"})
        files = document.order_id.item_ids.file_ids
        files.write({"state": "error", "failure_type": "download", "problem_source": "expired"})
        files._log_in_orders()
        self.run_worker()
        self.assert_states("files")
        self.import_orders(self.change_files("Expires=2"))
        self.assertEqual(set(files.mapped("state")), {"waiting"})
        files.write({"state": "fetched"})
        files._log_in_orders()
        self.run_worker()
        self.assert_states("done")
        self.assertEqual(self.get_sales().state, "sale")

    def test_another_file(self):
        """A file with another checksum replaces the one before, whatever became of it."""
        self.import_orders()
        before = self.get_sales().cloudprinter_order_id.file_ids
        self.import_orders(self.change_files("a=1", md5sum="0" * 32)).with_user(self.manager).action_take_over()
        self.assert_states("done", "done")
        files = self.get_sales().cloudprinter_order_id.file_ids
        self.assertEqual((len(files), len(files - before)), (len(before.exists()) + 1, 1))
        self.assertIn("0" * 32, files.mapped("md5sum"))

    # === typed, canceled === #

    def test_typed_and_canceled(self):
        """R6: nothing is attached to a canceled sales order. A user makes a new one."""
        typed = self.sell((self.book, 1, BOOK), (self.poster, 5, POSTER), (self.flyer, 500, FLYER))
        typed._action_cancel()
        document = self.import_orders()
        self.assert_states("canceled")
        self.assertIn(typed.name, document.problem)
        document.with_user(self.manager).action_make_new()
        self.assert_states("done")
        self.assertEqual((document.sale_order_id.state, typed.state), ("sale", "cancel"))
        self.assertNotEqual(document.sale_order_id, typed)
        self.assert_outbox(document.order_id.item_ids, ["ItemRegistered"] * 3)

    def test_left_canceled(self):
        typed = self.sell((self.book, 1, BOOK), (self.poster, 5, POSTER), (self.flyer, 500, FLYER))
        typed._action_cancel()
        document = self.import_orders()
        document.with_user(self.manager).action_keep()
        self.assert_states("kept")
        self.assertEqual(document.order_id.sale_order_id, typed)

    def test_canceled_while_a_decision_waits(self):
        """The decision is no longer about changing the order."""
        self.import_orders()
        self.import_orders(priority="express")
        self.get_sales()._action_cancel()
        self.run_worker()
        self.assert_states("done", "canceled")

    def test_items_canceled_at_cloudprinter(self):
        """After the cancellation was accepted, there is nothing to make."""
        document = self.import_orders()
        document.order_id.item_ids.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed")
        self.send()
        changed = self.import_orders(priority="express")
        self.assert_states("done", "canceled")
        with self.assertRaises(UserError):
            changed.with_user(self.manager).action_make_new()

    def test_deleted(self):
        document = self.import_orders(self.document(creator__version="1"))
        self.company.cloudprinter_confirm_orders = False
        other = self.import_orders(id="2")
        other.sale_order_id.sudo().unlink()
        self.assertEqual(document.state, "done")
        changed = self.import_orders(id="2", priority="express")
        self.assertEqual(changed.failure_type, "canceled")
        changed.with_user(self.manager).action_make_new()
        self.assertEqual((changed.state, len(changed.sale_order_id)), ("done", 1))

    def test_typed_quotation(self):
        """R7: it is confirmed, and addressed to the recipient."""
        typed = self.sell((self.book, 1, BOOK), (self.poster, 5, POSTER), (self.flyer, 500, FLYER), confirm=False)
        self.import_orders()
        self.assert_states("done")
        self.assertEqual((typed.state, typed.partner_shipping_id.name), ("sale", "Example name"))
        self.assertEqual(typed.picking_ids.partner_id, typed.partner_shipping_id)

    # === what a changed document replaces === #

    def test_what_the_document_no_longer_says(self):
        """Taking over replaces: what is gone from the document is gone from the order."""
        order = self.import_orders(is_test="1", shipping__proforma_invoice={"total": "9", "currency": "EUR"}).order_id
        self.import_orders(
            priority="",
            is_test="0",
            shipping_date="",
            client__reference="",
            shipping__consignor="",
            costs={},
            shipping__invoice={},
            items__0__title="",
        ).with_user(self.manager).action_take_over()
        self.assert_states("done", "done")
        values = ("priority", "is_test", "shipping_date", "reference", "consignor", "customs", "amount_items")
        self.assertFalse([name for name in (*values, "has_freight", "has_item_amount", "amount_total") if order[name]])
        self.assertFalse(order.item_ids.filtered(lambda item: item.name == BOOK).title)

    def test_another_product(self):
        """The line of another product is not what was ordered. A user replaces it, as long as nothing is made."""
        self.import_orders()
        document = self.import_orders(items__1__product="textbook_cw_a4_p_fc").with_user(self.manager)
        document.action_take_over()
        self.assert_states("done", "lines")
        document.action_set_quantities()
        self.assert_states("done", "done")
        sale = self.get_sales()
        item = document.order_id.item_ids.filtered(lambda item: item.name == POSTER)
        self.assertEqual(item.product_id, self.book)
        line = sale.order_line.filtered(lambda line: line.cloudprinter_item_id == item)
        self.assertEqual((line.product_id, line.product_uom_qty), (self.book, 5))
        quantities = {line.product_id: line.product_uom_qty for line in sale.order_line - line if not line.is_delivery}
        self.assertEqual(quantities, {self.book: 1, self.poster: 0, self.flyer: 500})
        self.assertFalse(
            sale.picking_ids.move_ids.filtered(lambda m: m.product_id == self.poster and m.state != "cancel")
        )

    def test_keep_another_product(self):
        self.import_orders()
        document = self.import_orders(items__1__product="textbook_cw_a4_p_fc").with_user(self.manager)
        document.action_take_over()
        document.action_keep()
        self.assert_states("done", "done")

    def test_another_currency(self):
        """Amounts are never entered in another currency than that of the sales order."""
        self.env.ref("base.USD").active = True
        order = self.import_orders().order_id
        document = self.import_orders(costs__currency="USD", shipping__invoice__currency="USD").with_user(self.manager)
        with self.assertRaisesRegex(UserError, "The amounts are in USD"):
            document.action_take_over()
        self.assertEqual((order.currency_id.name, order.sale_order_id.currency_id.name), ("EUR", "EUR"))
        document.action_keep()
        self.assert_states("done", "kept")

    def test_freight_of_an_order_whose_items_have_no_prices(self):
        content = json.loads((DOCUMENTS / "order_v2.1.json").read_bytes())
        sale = self.import_orders(json.dumps(content).encode()).sale_order_id
        prices = sale.order_line.filtered("cloudprinter_item_id").mapped("price_unit")
        content["order"]["shipping"]["invoice"]["total"] = "6.0000"
        self.import_orders(json.dumps(content).encode()).with_user(self.manager).action_take_over()
        self.assertAlmostEqual(sale.order_line.filtered("is_delivery").price_subtotal, 6)
        self.assertEqual(sale.order_line.filtered("cloudprinter_item_id").mapped("price_unit"), prices, "as agreed")
        self.env.ref("base.USD").active = True
        content["order"]["shipping"]["invoice"].update(total="7.0000", currency="USD")
        document = self.import_orders(json.dumps(content).encode()).with_user(self.manager)
        with self.assertRaisesRegex(UserError, "The amounts are in USD"):
            document.action_take_over()

    def test_archived_in_between(self):
        """A product or delivery method that is not used any more is chosen again."""
        self.poster.active = False
        self.carrier.active = False
        document = self.import_orders().with_user(self.manager)
        self.assert_states("unmatched")
        self.assertIn("poster_50x70_fc", document.problem)
        self.assertIn("fedex_national_2_day", document.problem)
        document.line_ids[1].product_id = self.book
        document.carrier_id = self.carrier.copy({"active": True})
        document.action_accept()
        self.assert_states("done")
        self.assertEqual(self.mappings[1].product_id, self.book)

    def test_typed_with_an_unknown_address(self):
        """R7: an order without a delivery address waits until the document's is understood."""
        typed = self.sell((self.book, 1, BOOK), (self.poster, 5, POSTER), (self.flyer, 500, FLYER), confirm=False)
        document = self.import_orders(addresses__0__country="ZZ").with_user(self.manager)
        self.assert_states("unmatched")
        document.country_id = self.env.ref("base.dk")
        document.action_accept()
        self.assert_states("done")
        self.assertEqual((typed.state, typed.partner_shipping_id.country_id.code), ("sale", "DK"))

    def test_unknown_country_of_a_changed_document(self):
        """It is chosen where the order is changed."""
        self.import_orders()
        document = self.import_orders(addresses__0__country="ZZ").with_user(self.manager)
        with self.assertRaisesRegex(UserError, "Choose the country"):
            document.action_take_over()
        with Form(document) as form:
            form.country_id = self.env.ref("base.dk")
        document.action_take_over()
        self.assert_states("done", "done")
        self.assertEqual(self.get_sales().partner_shipping_id.country_id.code, "DK")

    def test_unknown_product_of_a_changed_document(self):
        self.import_orders()
        document = self.import_orders(items__1__product="poster_new").with_user(self.manager)
        with self.assertRaisesRegex(UserError, "Choose the product for Cloudprinter's poster_new"):
            document.action_take_over()
        self.env["cloudprinter.product.mapping"].create({"name": "poster_new", "product_id": self.poster.id})
        document.action_take_over()
        self.assert_states("done", "done")

    def test_ship_by_that_a_user_entered(self):
        """A document without a date takes away only the date that a document gave."""
        order = self.import_orders().order_id
        self.assertTrue(order.sale_order_id.commitment_date)
        self.import_orders(shipping_date="").with_user(self.manager).action_take_over()
        self.assertFalse(order.sale_order_id.commitment_date)
        order.sale_order_id.commitment_date = "2030-01-01"
        self.import_orders(shipping_date="", priority="9").with_user(self.manager).action_take_over()
        self.assertTrue(order.sale_order_id.commitment_date)

    def test_changed_after_freight_was_invoiced(self):
        """The change is taken over; what was invoiced stays as it is, and accountants see the difference."""
        (self.goods | self.carrier.product_id).invoice_policy = "order"
        self.import_orders()
        sale = self.get_sales()
        sale._create_invoices().action_post()
        freight = sale.order_line.filtered("is_delivery")
        self.import_orders(priority="express", costs__shipping="5.00").with_user(self.manager).action_take_over()
        self.assert_states("done", "done")
        self.assertEqual((sale.order_line.filtered("is_delivery"), freight.price_subtotal), (freight, 4.2))
        order = sale.cloudprinter_order_id
        self.assertEqual((order.priority, order.amount_shipping), ("express", 5))

    def test_locked_sales_order(self):
        """Odoo can lock confirmed orders: what is not on a line changes, amounts wait until it is unlocked."""
        self.env.user.group_ids += self.env.ref("sale.group_auto_done_setting")
        self.import_orders()
        sale = self.get_sales()
        sale.action_lock()
        changed = {"addresses__0__city": "Utrecht", "priority": "express"}
        self.import_orders(**changed).with_user(self.manager).action_take_over()
        self.assert_states("done", "done")
        self.assertEqual((sale.partner_shipping_id.city, sale.cloudprinter_order_id.priority), ("Utrecht", "express"))
        document = self.import_orders(costs__items="9.0000").with_user(self.manager)
        with self.assertRaisesRegex(UserError, "locked order"), self.env.cr.savepoint():
            document.action_take_over()
        sale.action_unlock()
        document.action_take_over()
        lines = sale.order_line.filtered("cloudprinter_item_id")
        self.assertAlmostEqual(sum(lines.mapped("price_subtotal")), 9)

    # === quantities === #

    def given_other_quantity(self, **values):
        """Return the newest document, which has 12 posters instead of 5, and the sales order's line."""
        self.import_orders()
        document = self.import_orders(items__1__count="12", **values).with_user(self.manager)
        document.action_take_over()
        self.assert_states("done", "lines")
        return document, self.get_sales().order_line.filtered(lambda line: line.cloudprinter_item_id.name == POSTER)

    def test_set_quantities(self):
        """R8: the line gets the ordered quantity, and the order what Cloudprinter pays now."""
        document, line = self.given_other_quantity(costs__items="9.0000")
        document.action_set_quantities()
        self.assert_states("done", "done")
        self.assertEqual(line.product_uom_qty, 12)
        lines = self.get_sales().order_line.filtered("cloudprinter_item_id")
        self.assertAlmostEqual(sum(lines.mapped("price_subtotal")), 9)

    def test_keep_quantities(self):
        document, line = self.given_other_quantity()
        document.action_keep()
        self.assert_states("done", "done")
        self.assertEqual(line.product_uom_qty, 5)

    def test_lines_are_corrected(self):
        _document, line = self.given_other_quantity()
        line.with_user(self.salesman).product_uom_qty = 12
        self.run_worker()
        self.assert_states("done", "done")

    def test_quantities_of_what_is_made(self):
        self.make_to_order(self.goods)
        document, line = self.given_other_quantity()
        production = line.cloudprinter_item_id.production_ids
        self.produce(production)
        with self.assertRaisesRegex(UserError, "already being made"):
            document.action_set_quantities()

    def test_item_added(self):
        """Set Ordered Quantities adds the line of a new item."""
        content = json.loads(self.document())
        content["order"]["items"].append({**content["order"]["items"][0], "id": "123456780009"})
        self.import_orders()
        document = self.import_orders(json.dumps(content).encode()).with_user(self.manager)
        document.action_take_over()
        self.assert_states("done", "lines")
        self.assertNotIn("123456780009", document.order_id.item_ids.mapped("name"), "nothing is promised yet")
        document.action_set_quantities()
        self.assert_states("done", "done")
        self.assertEqual(len(self.get_sales().order_line.filtered("cloudprinter_item_id")), 4)

    def test_prices_that_a_user_entered(self):
        """They stay when quantities are set."""
        typed = self.sell((self.book, 1, BOOK), (self.poster, 2, POSTER), (self.flyer, 500, FLYER))
        typed.order_line[1].price_unit = 77
        document = self.import_orders().with_user(self.manager)
        self.assert_states("lines")
        document.action_set_quantities()
        self.assert_states("done")
        self.assertEqual((typed.order_line[1].price_unit, typed.order_line[1].product_uom_qty), (77, 5))
