"""Entering and correcting Cloudprinter's ids."""

from contextlib import contextmanager

from odoo import Command
from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged

from .common import ORDER, CloudprinterCase

ITEM = "123456780001"
REGISTERED = ["ItemRegistered"]
STARTED = [*REGISTERED, "ItemProduce"]
PRODUCED = [*STARTED, "ItemProduced"]


class LinkCase(CloudprinterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # without this right Odoo's `mrp_account` refuses backorders
        cls.operator.group_ids += cls.env.ref("account.group_account_readonly")

    @contextmanager
    def refused(self, exception, message):
        """Assert that a request is refused with a message and leaves nothing behind."""
        with self.assertRaises(exception) as caught:
            yield
        self.assertRegex(str(caught.exception), message)

    def make(self, order=ORDER, item=ITEM, **values):
        """Create a manufacturing order without a sales order, as the operator."""
        production = (
            self.env["mrp.production"]
            .with_user(self.operator)
            .create(
                {
                    "product_id": self.book.id,
                    "product_qty": 5,
                    "cloudprinter_order_ref": order,
                    "cloudprinter_item_ref": item,
                    **values,
                }
            )
        )
        production.action_confirm()
        return production

    def type_item(self, line, ref):
        """Type an item id into a line as the salesman."""
        line.with_user(self.salesman).cloudprinter_item_ref = ref
        self.env.cr.flush()
        return line.cloudprinter_item_id

    def get_links(self, record):
        """Return the order id and item ids as the user reads them."""
        if record._name == "sale.order":
            return record.cloudprinter_order_ref, record.order_line.mapped("cloudprinter_item_ref")
        return record.cloudprinter_order_ref, record.cloudprinter_item_ref

    def get_open_pickings(self, items):
        return items.move_ids.picking_id.filtered(lambda picking: picking.state not in ("done", "cancel"))

    def deliver_all(self, items):
        """Validate every transfer of the route, one after the other."""
        while pickings := self.get_open_pickings(items):
            self.deliver(pickings[0])


@tagged("post_install", "-at_install", "cloudprinter")
class TestTypedIds(LinkCase):
    # === on sales orders === #

    def test_in_one_create(self):
        sale = self.sell((self.book, 5, " a1 "), (self.book, 2, "a2\n"), (self.paper, 1, None), order="  A\t")
        self.assertEqual(self.get_links(sale), ("A", ["a1", "a2", False]))
        items = sale.order_line.cloudprinter_item_id
        self.assertEqual(items.order_id, sale.cloudprinter_order_id)
        self.assertEqual(items.order_id.sale_order_id, sale)
        self.assertEqual(items.sale_line_id, sale.order_line[:2])
        self.assertEqual(items.mapped("quantity"), [5, 2])
        self.assertEqual(items.product_id, self.book)

    def test_in_one_write(self):
        sale = self.sell((self.book, 5, None), order=False)
        line = {"product_id": self.poster.id, "product_uom_qty": 2, "cloudprinter_item_ref": "a2"}
        sale.with_user(self.salesman).write(
            {
                # in the order in which a client may send it
                "order_line": [
                    Command.update(sale.order_line.id, {"cloudprinter_item_ref": "a1"}),
                    Command.create(line),
                ],
                "cloudprinter_order_ref": "A",
            }
        )
        self.assertEqual(self.get_links(sale), ("A", ["a1", "a2"]))
        for item in sale.order_line.cloudprinter_item_id:
            self.assertEqual(len(item.production_ids), 1)
            self.assert_outbox(item, REGISTERED)

    def test_in_the_form(self):
        form = Form(self.env["sale.order"].with_user(self.salesman))
        form.partner_id = self.customer
        form.cloudprinter_order_ref = "A"
        for ref in ("a1", "a2"):
            with form.order_line.new() as line:
                line.product_id = self.book
                line.cloudprinter_item_ref = ref
        sale = form.save()
        self.assertEqual(self.get_links(sale), ("A", ["a1", "a2"]))
        with Form(sale) as form:
            form.cloudprinter_order_ref = "B"
            with form.order_line.edit(1) as line:
                line.cloudprinter_item_ref = "b2"
            with form.order_line.new() as line:
                line.product_id = self.book
                line.cloudprinter_item_ref = "b3"
        self.assertEqual(self.get_links(sale), ("B", ["a1", "b2", "b3"]))
        self.assertEqual(sale.cloudprinter_order_id.item_ids, sale.order_line.cloudprinter_item_id)

    def test_what_cannot_be_an_id(self):
        with self.refused(UserError, "Enter the Cloudprinter order id"):
            self.sell((self.book, 5, ITEM), order="  ")
        for order, item in ((ORDER, "a\x07"), ("1\n2", "a"), ("a\u202e", "a")):
            with self.refused(ValidationError, "control characters"):
                self.sell((self.book, 5, item), order=order)
            with self.refused(ValidationError, "control characters"):
                self.make(order, item)
        for order, item in ((ORDER, False), ("", ITEM), (" ", ITEM)):
            with self.refused(UserError, "Enter both"):
                self.make(order, item)
        self.assertFalse(self.make("", " ").cloudprinter_item_ids)

    def test_ids_are_opaque(self):
        """Zeros, signs and letters are kept, and an item id does not identify its order."""
        sale = self.sell((self.book, 5, "0007"), (self.book, 5, "-1/ä"), order="00")
        self.assertEqual(self.get_links(sale), ("00", ["0007", "-1/ä"]))

    def test_an_order_has_one_sales_order(self):
        sale = self.sell((self.book, 5, ITEM))
        with self.refused(UserError, f"Order {ORDER} is already linked to {sale.name}"):
            self.sell((self.book, 5, "other"))
        other = self.sell((self.book, 5, None), order=False).with_user(self.salesman)
        with self.refused(UserError, f"Order {ORDER} is already linked to {sale.name}"):
            other.cloudprinter_order_ref = ORDER

    def test_an_item_has_one_line(self):
        with self.refused(UserError, f"Item {ITEM} is already linked to a line of S"):
            self.sell((self.book, 5, ITEM), (self.book, 5, f" {ITEM}"))

    def test_links_written_directly(self):
        """An import or another add-on writes them: they reach the manufacturing orders and are validated alike."""
        sale = self.sell((self.book, 1, "1"), (self.book, 1, None))
        one, two = sale.order_line.filtered(lambda line: line.product_id == self.book)
        item = self.env["cloudprinter.item"].create({"name": "2", "order_id": sale.cloudprinter_order_id.id})
        two.cloudprinter_item_id = item
        self.assertEqual(item.production_ids.sale_line_id, two)
        self.assert_outbox(item, REGISTERED)
        with self.refused(ValidationError, "Item 2 is already linked to a line of S"):
            one.cloudprinter_item_id = item
        with self.refused(ValidationError, f"Order {ORDER} is already linked to S"):
            self.env["sale.order"].create({"partner_id": self.customer.id, "cloudprinter_order_ref": ORDER})
        two.cloudprinter_item_id = False
        self.assertFalse(item.production_ids)

    def test_same_item_id_in_two_orders(self):
        items = self.sell_one(order="A") | self.sell_one(order="B") | self.make("C").cloudprinter_item_ids
        self.assertEqual(items.mapped("name"), [ITEM] * 3)
        for item in items:
            self.assert_outbox(item, REGISTERED)

    # === attached to what exists === #

    def test_first_the_manufacturing_order(self):
        """The sales order comes later: its line gets the same item, and its own manufacturing order makes it too."""
        production = self.make()
        item = production.cloudprinter_item_ids
        sale = self.sell((self.book, 5, ITEM))
        self.assertEqual(sale.order_line.cloudprinter_item_id, item)
        self.assertEqual(sale.cloudprinter_order_id, item.order_id)
        self.assert_outbox(item, REGISTERED)

    def test_first_the_sales_order(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        production = self.make(f" {ORDER}", f"{ITEM} ")
        self.assertEqual(production.cloudprinter_item_ids, item)
        self.assertEqual(self.get_links(production), (ORDER, ITEM))
        self.assertEqual(len(item.production_ids), 2)

    # === corrected === #

    def test_correction_before_acceptance(self):
        """The records are renamed, and a queued signal carries the right ids."""
        sale = self.sell((self.book, 5, "wrong"), order="typo").with_user(self.salesman)
        item, order = sale.order_line.cloudprinter_item_id, sale.cloudprinter_order_id
        signal = self.get_outbox(item)
        sale.cloudprinter_order_ref = ORDER
        self.type_item(sale.order_line, ITEM)
        self.assertEqual((item.name, order.name), (ITEM, ORDER))
        self.assertEqual((sale.order_line.cloudprinter_item_id, sale.cloudprinter_order_id), (item, order))
        self.assertEqual(self.get_links(item.production_ids), (ORDER, ITEM))
        self.assertEqual(self.get_outbox(item), signal)
        self.send()
        self.assertEqual([(s["order"], s["item"]) for s in self.server.accepted], [(ORDER, ITEM)])

    def test_correction_on_the_manufacturing_order(self):
        production = self.make("typo", "wrong")
        item = production.cloudprinter_item_ids
        with Form(production) as form:
            form.cloudprinter_order_ref = ORDER
            form.cloudprinter_item_ref = ITEM
        self.assertEqual(production.cloudprinter_item_ids, item)
        self.assertEqual(self.get_links(production), (ORDER, ITEM))
        self.assertFalse(self.env["cloudprinter.order"].search([("name", "=", "typo")]))
        self.assert_outbox(item, REGISTERED)

    def test_correction_to_an_item_that_exists(self):
        """The link moves on the line and its manufacturing orders; nothing more is reported of the wrong item."""
        right = self.make().cloudprinter_item_ids
        sale = self.sell((self.book, 5, "wrong"))
        wrong = sale.order_line.cloudprinter_item_id
        production = wrong.production_ids
        self.assertEqual(self.type_item(sale.order_line, ITEM), right)
        self.assertEqual(production.cloudprinter_item_ids, right)
        self.assertEqual(sale.order_line.move_ids.cloudprinter_item_id, right)
        self.assert_outbox(wrong, [])
        self.assert_outbox(right, REGISTERED)

    def test_correction_of_one_of_two_manufacturing_orders(self):
        """Only the other one was wrong: the first item keeps its id."""
        first, second = self.make(), self.make()
        item = first.cloudprinter_item_ids
        self.send()
        second.cloudprinter_item_ref = "second"
        self.assertEqual((first | second).mapped("cloudprinter_item_ref"), [ITEM, "second"])
        self.assertEqual(first.cloudprinter_item_ids, item)
        self.assert_outbox(second.cloudprinter_item_ids, REGISTERED)

    def test_correction_after_acceptance(self):
        sale = self.sell((self.book, 5, ITEM), (self.book, 5, None)).with_user(self.salesman)
        line = sale.order_line[0]
        alone = self.make("B", "b1")
        other = self.make(ORDER, "other")
        self.env.cr.flush()
        self.send()
        message = "has accepted ItemRegistered for item .* can no longer be changed"
        for ref in ("new", "other", False):
            with self.refused(UserError, message):
                line.cloudprinter_item_ref = ref
            with self.refused(UserError, message):
                sale.cloudprinter_order_ref = ref
        for order_ref, item_ref in (("B", "new"), ("new", "b1"), (ORDER, "other"), (False, False)):
            with self.refused(UserError, message):
                alone.write({"cloudprinter_order_ref": order_ref, "cloudprinter_item_ref": item_ref})
        self.assertEqual(self.get_links(sale), (ORDER, [ITEM, False]))
        self.assertEqual(self.get_links(alone), ("B", "b1"))
        # what is the same once trimmed is no change
        line.cloudprinter_item_ref = f"{ITEM} "
        sale.cloudprinter_order_ref = f" {ORDER}"
        self.type_item(sale.order_line[1], "new")
        self.assertEqual(other.cloudprinter_item_ids.order_id, sale.cloudprinter_order_id)

    def test_correction_to_an_order_that_exists(self):
        """An order without items is exchanged; with items on both orders it is ambiguous and refused."""
        made = self.make()
        sale = self.sell((self.book, 5, None), order="typo").with_user(self.salesman)
        sale.cloudprinter_order_ref = ORDER
        self.assertEqual(sale.cloudprinter_order_id, made.cloudprinter_item_ids.order_id)
        self.type_item(sale.order_line, ITEM)
        self.assertIn(made, sale.order_line.cloudprinter_item_id.production_ids)
        other = self.sell((self.book, 5, ITEM), order="typo").with_user(self.salesman)
        self.make("third")
        with self.refused(UserError, "Order third already exists, and order typo has its own items"):
            other.cloudprinter_order_ref = "third"

    def test_emptied(self):
        """The ids were a mistake: line, manufacturing order and moves are unlinked, and nothing is reported."""
        sale = self.sell((self.book, 5, ITEM))
        item = sale.order_line.cloudprinter_item_id
        production = item.production_ids
        self.assertFalse(self.type_item(sale.order_line, " "))
        self.assertFalse(production.cloudprinter_item_ids or sale.order_line.move_ids.cloudprinter_item_id)
        self.assert_outbox(item, [])
        self.assertEqual(self.type_item(sale.order_line, ITEM), item, "typed again")
        self.assert_outbox(item, REGISTERED)
        sale.with_user(self.salesman).cloudprinter_order_ref = False
        self.assertEqual(self.get_links(sale), (False, [False]))
        self.assertFalse(production.cloudprinter_item_ids)
        self.assert_outbox(item, [])

    def test_emptied_on_the_manufacturing_order(self):
        production = self.make()
        item = production.cloudprinter_item_ids
        self.assert_outbox(item, REGISTERED)
        production.write({"cloudprinter_order_ref": "", "cloudprinter_item_ref": ""})
        self.assertFalse(production.cloudprinter_item_ids)
        self.assert_outbox(item, [])

    def test_odd_ids(self):
        """From another program or a paste, a number is an id; what cannot be an id is refused with a message."""
        production = self.make(order=123456780000, item=123456780001)
        self.assertEqual(self.get_links(production), (ORDER, ITEM))
        for odd in ("x" * 256, "1\0002", "1\ud800", "1\n2"):
            with self.subTest(odd[:9]), self.refused(ValidationError, "Enter the id as Cloudprinter gave it"):
                self.make(item=odd)

    def test_quantity_of_a_hand_made_delivery(self):
        """Without a sales order the manufacturing order gives the quantity."""
        production = self.make()
        self.produce(production)
        item = production.cloudprinter_item_ids
        self.assertEqual(item.quantity, 5)

    # === companies === #

    def test_another_companys_item(self):
        """A user cannot report another company's item by linking it to a document of their own."""
        stranger = self.env["res.company"].create({"name": "Stranger"})
        item = self.sell_one()
        move = {
            "product_id": self.book.id,
            "product_uom_qty": 1,
            "location_id": self.warehouse.lot_stock_id.id,
            "location_dest_id": self.env.ref("stock.stock_location_customers").id,
            "company_id": stranger.id,
            "cloudprinter_item_id": item.id,
        }
        with self.refused(ValidationError, f"Item {ITEM} belongs to"):
            self.env["stock.move"].create(move)
        sale = self.env["sale.order"].create({"partner_id": self.customer.id, "company_id": stranger.id})
        with self.refused(ValidationError, f"Order {ORDER} belongs to"):
            sale.cloudprinter_order_id = item.order_id

    def test_companies(self):
        """An order of a related company may make the item, one of another company may not."""
        item = self.sell_one()
        branch, stranger = self.env["res.company"].create(
            [{"name": "Branch", "parent_id": self.company.id}, {"name": "Stranger"}]
        )
        self.operator.company_ids += branch | stranger
        made = {}
        for company in (branch, stranger):
            self.operator.company_id = company
            warehouse = self.env["stock.warehouse"].search([("company_id", "in", company.parent_ids.ids)])[-1:]
            made[company] = self.make(
                False, False, company_id=company.id, picking_type_id=warehouse.manu_type_id.id
            ).with_context(allowed_company_ids=self.operator.company_ids.ids)
        made[branch].cloudprinter_item_ids = item
        self.assertIn(made[branch], item.production_ids)
        with self.refused(ValidationError, f"Item {ITEM} belongs to .* cannot be linked to .* of Stranger"):
            made[stranger].cloudprinter_item_ids = item
