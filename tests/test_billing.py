"""What Cloudprinter owes, to the cent: the cases of the month's end, and generated ones against the journal items."""

from datetime import date, datetime

from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import float_compare, mute_logger

from .test_accounting import AccountingCase
from .test_intake import DOCUMENTS, IntakeCase
from .test_stage import thoroughly

TODAY = date(2027, 11, 10)
AMOUNTS = ("owed", "ordered", "invoiced", "open", "difference", "to_accrue", "to_defer", "to_credit")


class BillingCase(AccountingCase):
    """Given: orders of services, which need no production, with what Cloudprinter pays for them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.euro = cls.env.ref("base.EUR")
        cls.dollar = cls.env.ref("base.USD")
        (cls.euro | cls.dollar).active = True
        cls.own = cls.company.currency_id
        cls.service = cls.env["product.product"].create(
            {"name": "Print", "type": "service", "invoice_policy": "order", "taxes_id": False}
        )
        cls.freight = cls.carrier.product_id
        cls.freight.write({"invoice_policy": "order", "taxes_id": False})
        cls.vat = cls.env["account.tax"].create(
            {"name": "19 %", "amount": 19, "price_include_override": "tax_excluded"}
        )
        cls.pricelists = {
            currency: cls.env["product.pricelist"].create({"name": currency.name, "currency_id": currency.id})
            for currency in (cls.euro, cls.dollar)
        }

    def place(self, *amounts, freight=4.2, order="1", prices=None, tax=None, currency=None, sell=True, **values):
        """Create an order with an item for each of the amounts, and its sales order.

        :param prices: of the lines, if they are not the amounts
        """
        currency = currency or self.own
        record = self.env["cloudprinter.order"].create(
            {
                "name": order,
                "currency_id": currency.id,
                "amount_items": sum(amounts),
                "amount_shipping": freight,
                "has_item_amount": True,
                "has_freight": True,
                "item_ids": [
                    Command.create({"name": f"{order}{number}", "amount": amount, "quantity": 1})
                    for number, amount in enumerate(amounts, 1)
                ],
                **values,
            }
        )
        if sell:
            self.sell_order(record, prices or amounts, freight, tax, currency)
        return record

    def sell_order(self, record, prices, freight, tax, currency, **values):
        taxes = [Command.set(tax.ids if tax else [])]
        pricelist = self.pricelists.get(currency)
        items = record.item_ids.sorted("name")
        lines = [
            Command.create(
                {
                    "product_id": self.service.id,
                    "price_unit": price,
                    "tax_ids": taxes,
                    "cloudprinter_item_id": item.id,
                }
            )
            for item, price in zip(items, prices)
        ]
        if freight:
            values_of_freight = {
                "product_id": self.freight.id, "price_unit": freight, "tax_ids": taxes, "is_delivery": True,
            }  # fmt: skip
            lines.append(Command.create(values_of_freight))
        sale = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "cloudprinter_order_id": record.id,
                "pricelist_id": pricelist.id if pricelist else False,
                "order_line": lines,
                **values,
            }
        )
        sale.action_confirm()
        return sale

    def mark(self, items, stage="shipped", shipped=None, back=False):
        """Write what follows from documents that this test does not need."""
        # what is queued would follow the documents
        self.env.cr.flush()
        self.env.cr.execute(
            "UPDATE cloudprinter_item SET stage = %s, shipped_date = %s, is_returned = %s WHERE id IN %s",
            [stage, shipped or (datetime(2027, 11, 5) if stage == "shipped" else None), back, tuple(items.ids)],
        )
        self.env.invalidate_all()

    def cancel(self, items):
        items.with_user(self.manager).report_cancel("CancelUserRequest", "The customer does not want it")

    def bill(self, record, date=TODAY, post=True):
        moves = record.with_user(self.accountant).sale_order_ids._create_invoices(final=True)
        moves.invoice_date = date
        if post:
            moves.action_post()
        return moves.with_user(self.env.user)

    def credit(self, move):
        """Have the accountant reverse an invoice in full."""
        move.with_user(self.accountant)._reverse_moves([{"invoice_date": TODAY}], cancel=True)

    def claim(self, amount, post=True, **values):
        """Have the accountant enter a credit note, as claims of Cloudprinter arrive."""
        move = (
            self.env["account.move"]
            .with_user(self.accountant)
            .create(
                {
                    "move_type": "out_refund",
                    "partner_id": self.customer.id,
                    "invoice_date": TODAY,
                    "invoice_line_ids": [
                        Command.create({"name": "Claim", "quantity": 1, "price_unit": amount, "tax_ids": [], **values})
                    ],
                }
            )
        )
        if post:
            move.action_post()
        return move.invoice_line_ids

    def read(self, record, *names):  # pylint: disable=method-required-super
        self.env.invalidate_all()
        return [record.with_user(self.auditor)[f"amount_{name}"] for name in names]

    def assert_amounts(self, record, **expected):
        self.assertEqual(dict(zip(expected, self.read(record, *expected))), expected)


@tagged("post_install", "-at_install", "cloudprinter")
class TestBilling(BillingCase):
    def test_smallest(self):
        """M-2: tax is on top of what is compared."""
        order = self.place(7, tax=self.vat)
        self.bill(order)
        self.assert_amounts(order, owed=11.2, invoiced=11.2, open=0, difference=0, tax_ordered=2.13)
        self.assert_amounts(order, owed_items=7, owed_freight=4.2)
        self.assert_amounts(order.item_ids, owed=7, invoiced=7)

    def test_taxes_make_no_difference(self):
        """M-1: gross amounts rounded per line would not add up to a total rounded once."""
        self.company.tax_calculation_rounding_method = "round_globally"
        orders = [
            self.place(1.11 + number / 100, 2.22, 3.33 + number / 50, order=f"o{number}", tax=self.vat)
            for number in range(6)
        ]
        orders = self.env["cloudprinter.order"].union(*orders)
        self.bill(orders)
        self.assertEqual(len(orders.invoice_ids), 1, "merged")
        self.assertFalse(self.find("amount_differs"))
        self.assertEqual(set(self.read(orders[:1], "difference", "open")), {0})

    def test_invoiced_then_canceled(self):
        """M-3"""
        order = self.place(7)
        self.bill(order)
        self.cancel(order.item_ids)
        self.assert_amounts(order, owed=0, invoiced=11.2, difference=-11.2, to_credit=11.2, to_defer=0)
        self.assertEqual(self.find("canceled_invoiced"), order)

    def test_one_of_three_canceled(self):
        """M-4"""
        order = self.place(1, 2, 3)
        self.cancel(order.item_ids.sorted("name")[1])
        self.assert_amounts(order, owed=8.2, ordered=8.2, open=8.2, difference=0, to_credit=0)
        self.bill(order)
        self.assert_amounts(order, invoiced=10.2, difference=-2, to_credit=2)

    def test_canceled_never_invoiced(self):
        """M-5"""
        order = self.place(7)
        self.cancel(order.item_ids)
        self.assert_amounts(order, owed=0, ordered=0, invoiced=0, open=0, difference=0, to_credit=0)

    def test_reorder(self):
        """M-6: also if its document carries costs, and without an empty invoice."""
        order = self.place(7, is_reorder=True, prices=[0])
        order.sale_order_ids.order_line.filtered("is_delivery").unlink()
        self.mark(order.item_ids)
        self.assert_amounts(order, owed=0, ordered=0, difference=0, to_accrue=0)
        self.assertFalse(self.find("shipped_not_invoiced"))

    def test_claim(self):
        """M-7: a credit note made by hand is found, put to its order, and agreed."""
        order = self.place(7)
        self.bill(order)
        line = self.claim(3)
        lines = self.env["account.move.line"].with_user(self.accountant)
        domain = lines._cloudprinter_get_unassigned_domain(self.company)
        self.assertEqual(lines.search(domain), line)
        line.cloudprinter_order_id = order
        self.assertFalse(lines.search(domain))
        self.assert_amounts(order, invoiced=8.2, difference=3, claimed=0)
        self.assertIn(line.move_id, order.with_user(self.accountant).invoice_ids)
        self.assertEqual(line.move_id.cloudprinter_order_ids, order)
        self.assertNotIn(line.move_id, line.move_id.search([("cloudprinter_order_ids", "=", False)]))
        unlinked = self.claim(4).move_id
        self.assertIn(unlinked, unlinked.search([("cloudprinter_order_ids", "=", False)]))
        line.cloudprinter_is_claim = True
        self.assert_amounts(order, invoiced=11.2, difference=0, claimed=3)

    def test_credit_note_for_another_company_is_refused(self):
        other = self.env["res.company"].create({"name": "Other Shop"})
        order = self.env["cloudprinter.order"].create({"name": "9", "company_id": other.id})
        with self.assertRaises(ValidationError):
            self.claim(3).with_env(self.env).cloudprinter_order_id = order

    def test_credit_note_for_an_order_that_the_user_cannot_see(self):
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        order = self.env["cloudprinter.order"].create({"name": "9", "company_id": branch.id})
        line = self.claim(3)
        with self.assertRaises(AccessError):
            line.cloudprinter_order_id = order
        line.with_env(self.env).cloudprinter_order_id = order

    def test_fully_credited(self):
        """M-8"""
        order = self.place(7)
        self.credit(self.bill(order))
        self.assert_amounts(order, owed=11.2, invoiced=0, open=11.2, difference=0)
        self.assertEqual(order.with_user(self.auditor).payment_state, "reversed")
        self.bill(order)
        self.assert_amounts(order, invoiced=11.2, open=0, difference=0)
        self.assertEqual(order.with_user(self.auditor).payment_state, "not_paid")

    def test_a_part_left(self):
        """M-9: items that left are accrued with the freight, the others are not."""
        order = self.place(1, 2, 3)
        first, second, _third = order.item_ids.sorted("name")
        self.assert_amounts(order, to_accrue=0, to_defer=0)
        self.mark(first)
        self.assert_amounts(order, to_accrue=5.2)
        self.assert_amounts(first, to_accrue=1)
        self.assert_amounts(second, to_accrue=0)
        self.assertEqual(self.find("shipped_not_invoiced"), order)
        self.assertFalse(order.shipped_day, "not all of it")
        self.bill(order)
        self.assert_amounts(order, to_accrue=0, to_defer=5)
        self.assert_amounts(second, to_defer=2)
        self.assertEqual(self.find("invoiced_not_shipped"), order)

    def test_full_return(self):
        """M-10: what came back is owed and shown, and not accrued."""
        order = self.place(7)
        self.mark(order.item_ids, back=True)
        self.assert_amounts(order, owed=11.2, to_accrue=0)
        self.assertFalse(self.find("shipped_not_invoiced"))
        self.assertEqual(self.find("shipped_returned"), order)

    def test_day_is_that_of_the_company(self):
        """M-11: 1 November 00:30 in Berlin is November, for an accountant in UTC too."""
        self.company.resource_calendar_id.tz = "Europe/Berlin"
        order = self.place(7)
        self.mark(order.item_ids, shipped=datetime(2027, 10, 31, 23, 30))
        for zone in ("UTC", "Europe/Berlin", "America/New_York"):
            orders = self.env["cloudprinter.order"].with_user(self.auditor).with_context(tz=zone)
            november = [("shipped_day", ">=", "2027-11-01"), ("shipped_day", "<", "2027-12-01")]
            self.assertEqual(orders.search(november), order, zone)
            [group] = orders.formatted_read_group([("id", "=", order.id)], ["shipped_day:month"], ["__count"])
            self.assertEqual(group["shipped_day:month"][1], "November 2027")
        self.assertEqual(order.shipped_day, date(2027, 11, 1))

    def test_create_invoices_on_the_list(self):
        """M-14"""
        orders = self.place(7) | self.place(8, order="2")
        self.mark(orders.item_ids)
        found = self.find("shipped_not_invoiced")
        self.assertEqual(found, orders)
        action = found.action_create_invoices()
        move = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual((move.move_type, move.amount_untaxed), ("out_invoice", 23.4))
        self.assertEqual(found, self.find("shipped_not_invoiced"), "a draft is no invoice")
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "nothing to invoice"):
            found.action_create_invoices()

    def test_draft_is_no_invoice(self):
        order = self.place(7)
        self.bill(order, post=False)
        self.assert_amounts(order, invoiced=0, open=11.2, difference=0)

    def test_other_price(self):
        order = self.place(7, prices=[6])
        self.assert_amounts(order, owed=11.2, ordered=10.2, open=10.2, difference=1)
        self.bill(order)
        self.assert_amounts(order, invoiced=10.2, open=0, difference=1)

    def test_line_that_is_not_of_cloudprinter(self):
        order = self.place(7)
        order.sale_order_ids.order_line = [Command.create({"product_id": self.service.id, "price_unit": 5})]
        self.assert_amounts(order, owed=11.2, ordered=16.2, difference=-5)

    def test_down_payment(self):
        order = self.place(10, freight=0)
        wizard = self.env["sale.advance.payment.inv"].create(
            {"advance_payment_method": "fixed", "fixed_amount": 4, "sale_order_ids": order.sale_order_ids.ids}
        )
        wizard.create_invoices()
        order.sale_order_ids.invoice_ids.invoice_date = TODAY
        order.sale_order_ids.invoice_ids.action_post()
        self.assert_amounts(order, invoiced=0, down_payment=4, open=10, difference=0, to_accrue=0, to_defer=4)
        self.mark(order.item_ids)
        self.assert_amounts(order, to_accrue=6, to_defer=0)
        self.bill(order)
        self.assert_amounts(order, invoiced=10, down_payment=0, difference=0, to_accrue=0)

    def test_create_invoices_deducts_the_down_payment(self):
        """A parcel that came back is not credited in the same step: Cloudprinter pays for it."""
        order = self.place(10, freight=0)
        self.service.invoice_policy = "delivery"
        lines = order.sale_order_ids.order_line
        lines.qty_delivered = 1
        self.env["sale.advance.payment.inv"].create(
            {"advance_payment_method": "fixed", "fixed_amount": 4, "sale_order_ids": order.sale_order_ids.ids}
        ).create_invoices()
        order.sale_order_ids.invoice_ids.invoice_date = TODAY
        order.sale_order_ids.invoice_ids.action_post()
        returned = self.place(7, freight=0, order="2")
        returned.sale_order_ids.order_line.qty_delivered = 1
        self.bill(returned)
        returned.sale_order_ids.order_line.qty_delivered = 0
        returned.sale_order_ids.order_line = [
            Command.create({"product_id": self.service.id, "price_unit": 1, "qty_delivered": 1, "tax_ids": []})
        ]
        action = (order | returned).with_user(self.accountant).action_create_invoices()
        self.assertEqual(self.env["account.move"].browse(action["res_id"]).amount_untaxed, 10 - 4 + 1)

    def test_short_shipment(self):
        """Once an item is shipped, what Odoo does not bill any more is a difference."""
        self.service.invoice_policy = "delivery"
        order = self.place(10, freight=0)
        order.sale_order_ids.order_line.qty_delivered = 0.8
        self.assert_amounts(order, open=10, difference=0)
        self.mark(order.item_ids)
        self.assert_amounts(order, open=8, difference=2, to_accrue=10)
        self.bill(order)
        self.assert_amounts(order, invoiced=8, open=0, difference=2, to_accrue=2)

    def test_other_currency(self):
        foreign = (self.euro | self.dollar) - self.own
        order = self.place(7, currency=foreign[:1])
        self.bill(order)
        self.assert_amounts(order, owed=11.2, invoiced=11.2, difference=0)
        other = self.place(7, order="2", sell=False, currency=foreign[:1])
        self.sell_order(other, [7], 4.2, None, self.own)
        self.assert_amounts(other, owed=11.2, ordered=0, difference=11.2)
        self.assertEqual(other.with_user(self.auditor).billing_issue, "currency")
        self.assertEqual(self.find("not_comparable"), other)

    def test_invoice_in_another_currency_counts_in_the_companys(self):
        order = self.place(7)
        move = self.bill(order, post=False)
        foreign = (self.euro | self.dollar) - self.own
        self.env["res.currency.rate"].search([]).unlink()
        self.env["res.currency.rate"].create({"currency_id": foreign[0].id, "rate": 2, "name": "2027-01-01"})
        move.currency_id = foreign[0]
        move.action_post()
        self.assert_amounts(order, invoiced=-sum(move.invoice_line_ids.mapped("balance")))

    def test_order_that_was_typed(self):
        """Without a document the sales order says what is owed."""
        item = self.sell_one()
        self.mark(item)
        self.assert_amounts(item.order_id, owed=50, difference=0, to_accrue=50)

    def test_as_of_a_day(self):
        """What was shipped and invoiced after the day does not count, in the company's time."""
        order = self.place(7)
        self.mark(order.item_ids, shipped=datetime(2027, 11, 30, 23, 0))
        self.bill(order, date=date(2027, 12, 2))
        balance = self.env["cloudprinter.balance"]
        for day, cut, accrued in (
            (date(2027, 11, 30), datetime(2027, 11, 30, 23), 0),
            (date(2027, 11, 30), datetime(2027, 12, 1), 11.2),
            (date(2027, 12, 2), datetime(2027, 12, 3), 0),
        ):
            self.env.flush_all()
            query = balance._get_query("order", order.ids, day=day, cut=cut)
            self.env.cr.execute(query)
            [row] = self.env.cr.dictfetchall()
            self.assertEqual(row["amount_to_accrue"], accrued, day)


@tagged("post_install", "-at_install", "cloudprinter")
class TestWhatDocumentsGave(IntakeCase):
    """M-13: what came from Cloudprinter is read-only, and its changes are tracked."""

    def test_given_amounts_cannot_be_changed(self):
        order = self.receive()
        order._import()
        order = order.order_id
        mine = order.with_user(self.manager)
        for name, value in (
            ("amount_total", 1),
            ("amount_items", 1),
            ("amount_shipping", 1),
            ("amount_tax", 1),
            ("currency_id", self.company.currency_id.id),
            ("is_test", True),
            ("is_reorder", True),
        ):
            with self.subTest(name=name), self.assertRaisesRegex(UserError, "came from Cloudprinter"):
                mine.write({name: value})
        for values in ({"amount": 1}, {"reorder_cause": "x"}):
            with self.assertRaisesRegex(UserError, "came from Cloudprinter"):
                mine.item_ids[0].write(values)
        with self.assertRaisesRegex(UserError, "came from Cloudprinter"):
            mine.item_ids.create({"order_id": mine.id, "name": "x", "amount": -5})
        with self.assertRaises(UserError):
            mine.item_ids[0].write({"shipped_date": "2027-01-01"})
        mine.reference = "REF"

    def test_a_changed_document_is_tracked(self):
        document = self.receive()
        document._import()
        self.env.cr.flush()
        changed = self.receive(costs__items="8.00")
        changed._import()
        changed.with_user(self.manager).action_take_over()
        self.env.flush_all()
        self.env.cr.precommit.run()
        order = document.order_id
        self.assertEqual(order.amount_items, 8)
        tracked = order.message_ids.tracking_value_ids.field_id.mapped("name")
        self.assertIn("amount_items", tracked)

    def take_over(self, **changes):
        """Receive the same order with other content, have the manager take it over, and return the order."""
        document = self.receive(**changes)
        document._import()
        self.assertEqual(document.failure_type, "changed")
        document.with_user(self.manager).action_take_over()
        return document.order_id

    def test_what_is_owed_follows_the_newest_document(self):
        """Also if a user has entered prices, which stay, or if there is no sales order."""
        for number, words in enumerate(("prices of the document", "prices of a user", "no sales order"), start=1):
            with self.subTest(words):
                document = self.receive(id=str(number))
                document._import()
                order, lines = document.order_id, document.sale_order_id.order_line
                if words == "prices of a user":
                    lines[0].price_unit = 77
                if words == "no sales order":
                    self.env["mrp.production"].create(
                        {"product_id": self.book.id, "cloudprinter_item_ids": [Command.set(order.item_ids.ids)]}
                    )
                    order.sale_order_ids.cloudprinter_order_id = False
                self.take_over(id=str(number), costs__items="8.00")
                self.assertAlmostEqual(sum(order.item_ids.mapped("amount")), 8)
                if words == "prices of a user":
                    self.assertEqual(lines[0].price_unit, 77)

    def test_document_that_prices_only_the_freight(self):
        """What is owed for the items is what the sales order says."""
        for number, name in enumerate(("order_v2.1.json", "order_v2.1.xml")):
            with self.subTest(name):
                content = (DOCUMENTS / name).read_bytes()
                document = self.receive(content.replace(b"12345678000", b"22345%d7800" % number))
                document._import()
                order = document.order_id
                self.env.invalidate_all()
                self.assertEqual((order.amount_owed_items, order.amount_owed_freight), (1012, 4.2))
                self.assertEqual(order.amount_difference, 0)

    def test_document_that_says_that_items_cost_nothing(self):
        order = self.import_orders(costs={"items": "0.0000", "shipping": "4.2000", "currency": "EUR"}).order_id
        order.sale_order_ids.order_line.filtered("cloudprinter_item_id")[0].price_unit = 5
        self.env.invalidate_all()
        self.assertEqual((order.amount_owed_items, order.amount_owed_freight), (0, 4.2))

    def test_an_item_that_is_no_longer_ordered(self):
        """Nothing is owed for it: what Cloudprinter pays is for the others."""
        order = self.receive()
        order._import()
        order = self.take_over(items=self.content["order"]["items"][:2], costs__items="8.00")
        amounts = order.item_ids.sorted("name").mapped("amount")
        self.assertAlmostEqual(sum(amounts), 8)
        self.assertEqual(amounts[2], 0)

    def test_a_new_item_beside_prices_of_a_user(self):
        """It has its share in what Cloudprinter pays once it has a line."""
        document = self.receive()
        document._import()
        document.sale_order_id.order_line[0].price_unit = 77
        items = self.content["order"]["items"]
        order = self.take_over(items=[*items, {**items[0], "id": "9"}], costs__items="8.00")
        order.document_id.with_user(self.manager).action_set_quantities()
        added = order.item_ids.filtered(lambda item: item.name == "9")
        self.assertGreater(added.amount, 0)
        self.assertAlmostEqual(sum(order.item_ids.mapped("amount")), 8)

    def test_what_became_nothing(self):
        """A changed document that says 0 or "no", or leaves something out, is followed."""
        self.receive(test="1", items__0__reorder_order_id="7", client__reference="REF")._import()
        order = self.take_over(costs__shipping="0.00", client__reference="")
        self.assertEqual((order.amount_shipping, order.amount_items, order.reference or ""), (0, 7, ""))
        self.assertEqual((order.is_test, order.is_reorder, order.original_order), (False, False, False))
        self.assertFalse(any(order.item_ids.mapped("reorder_cause")))
        self.assertEqual(order.sale_order_id.state, "sale", "it is not a test any more")

    def test_a_test_that_a_user_marked(self):
        """Not all documents of test orders say so."""
        order = self.env["cloudprinter.order"].create({"name": "123456780000", "is_test": True})
        self.receive()._import()
        self.assertTrue(order.document_id)
        self.take_over(priority="express")
        self.assertTrue(order.is_test)

    def test_typed_order_stays_open(self):
        order = self.env["cloudprinter.order"].with_user(self.manager).create({"name": "T"})
        order.is_test = True
        self.assertTrue(order.is_test)


@tagged("post_install", "-at_install", "cloudprinter")
class TestShippedDate(BillingCase):
    """When an item was shipped is written by the click that ships it, and by a user who reports it."""

    def test_return(self):
        (self.book | self.poster).invoice_policy = "order"
        item = self.sell_one()
        with freeze_time("2027-11-05 10:00:00"):
            self.ship(item)
        self.assertEqual((str(item.shipped_date), item.is_returned), ("2027-11-05 10:00:00", False))
        picking = item.move_ids.picking_id
        source = {"active_id": picking.id, "active_ids": picking.ids, "active_model": "stock.picking"}
        wizard = Form(self.env["stock.return.picking"].with_user(self.packer).with_context(**source)).save()
        wizard.product_return_moves.quantity = 5
        action = wizard.action_create_returns()
        self.deliver(self.env["stock.picking"].browse(action["res_id"]), tracking=False)
        self.assertTrue(item.is_returned)
        self.assertEqual(str(item.shipped_date), "2027-11-05 10:00:00")

    def test_reported_by_hand(self):
        item = self.sell_one()
        with freeze_time("2027-11-05 10:00:00"):
            item.with_user(self.manager).report_step("ItemShipped", "1A2B", "GLS")
            self.env.cr.flush()
        self.assertEqual(str(item.shipped_date), "2027-11-05 10:00:00")
        self.get_outbox(item, type="ItemShipped").with_user(self.manager).action_discard("A mistake")
        self.env.cr.flush()
        self.assertFalse(item.shipped_date)

    def test_sender_writes_nothing_to_items(self):
        item = self.sell_one()
        self.ship(item)
        before = item.read(["write_date", "shipped_date"])
        with self.later(hours=1):
            self.send()
        self.assertEqual(item.read(["write_date", "shipped_date"]), before)


@tagged("post_install", "-at_install", "cloudprinter")
class TestAgainstTheJournal(BillingCase):
    """Generated orders: each figure is compared with one from the journal items, found by the texts of their lines."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.taxes = {
            "none": cls.env["account.tax"],
            "excluded": cls.vat,
            "included": cls.env["account.tax"].create(
                {"name": "25 %", "amount": 25, "price_include_override": "tax_included"}
            ),
        }

    def play(self, data, number):
        """Create an order and let random things happen to it; return it."""
        cents = st.integers(1, 20000).map(lambda value: value / 100)
        tax = self.taxes[data.draw(st.sampled_from(list(self.taxes)))]
        currency = data.draw(st.sampled_from([self.euro, self.dollar]))
        shares = data.draw(st.lists(cents, min_size=1, max_size=3))
        freight = data.draw(st.sampled_from([0, 4.2]))
        order = self.place(*shares, freight=freight, order=f"{number}", tax=tax, currency=currency)
        for line in order.sale_order_ids.order_line:
            line._cloudprinter_write_net(line.cloudprinter_item_id.amount or freight)
        for step in data.draw(
            st.lists(st.sampled_from(["part", "bill", "credit", "claim", "agree", "draft"]), max_size=4)
        ):
            getattr(self, f"do_{step}")(data, order)
        for item in order.item_ids:
            match data.draw(st.sampled_from(["open", "shipped", "canceled", "back", "later"])):
                case "shipped":
                    self.mark(item)
                case "later":
                    self.mark(item, shipped=datetime(2027, 12, 3))
                case "back":
                    self.mark(item, back=True)
                case "canceled":
                    self.mark(item, stage="canceled")
        return order

    def do_bill(self, data, order, post=True):
        if order.sale_order_ids.invoice_status == "to invoice":
            day = data.draw(st.sampled_from([TODAY, date(2027, 12, 5)]))
            return self.bill(order, day, post)
        return self.env["account.move"]

    def do_draft(self, data, order):
        self.do_bill(data, order, post=False)

    def do_part(self, data, order):
        """Invoice only the first line."""
        move = self.do_bill(data, order, post=False)
        lines = move.invoice_line_ids.filtered("product_id")
        if len(lines) > 1:
            lines[1:].unlink()
        move.action_post()

    def do_credit(self, data, order):
        moves = order.sale_order_ids.invoice_ids.filtered(
            lambda m: m.state == "posted" and m.move_type == "out_invoice"
        )
        moves = moves.filtered(lambda move: move.payment_state != "reversed")
        if moves:
            self.credit(moves[0])

    def do_claim(self, data, order, agreed=False):
        currency = order.currency_id.id
        line = self.claim(
            data.draw(st.integers(1, 500)) / 100, name=f"Claim\nCloudprinter {order.name} / claim", post=False
        )
        line.move_id.currency_id = currency
        line.move_id.action_post()
        line.write({"cloudprinter_order_id": order.id, "cloudprinter_is_claim": agreed})

    def do_agree(self, data, order):
        self.do_claim(data, order, agreed=True)

    def compute(self, order, day=None, cut=None):
        """Return the amounts of an order, from the texts of journal items and the lines of the sales order."""
        cut = cut or datetime(9999, 1, 1)
        entries = self.env["account.move.line"].search(
            [
                ("move_id.state", "=", "posted"),
                ("account_id.account_type", "in", ("income", "income_other")),
                ("name", "like", f"Cloudprinter {order.name}"),
                *([("date", "<=", day)] if day else []),
            ]
        )
        invoiced = {"": 0}
        for entry in entries:
            order_name, _slash, item_name = entry.name.rsplit("Cloudprinter ", 1)[1].partition(" / ")
            if order_name == order.name and not entry.cloudprinter_is_claim:
                invoiced[item_name] = invoiced.get(item_name, 0) + entry.credit - entry.debit
                if entry.currency_id != self.own:
                    invoiced[item_name] += -entry.amount_currency - entry.credit + entry.debit
        sale_lines = order.sale_order_ids.order_line
        figures = dict.fromkeys(AMOUNTS, 0)
        items = order.item_ids
        canceled = items.filtered(lambda item: item.stage == "canceled")
        left = items.filtered(lambda item: item.shipped_date and item.shipped_date < cut)
        for item in items:
            own = invoiced.get(item.name, 0)
            if item in canceled:
                figures["to_credit"] += own
                continue
            line = item.sale_line_ids
            figures["owed"] += item.amount
            figures["ordered"] += line.price_subtotal
            gone_back = item.is_returned and not line.qty_delivered
            if not gone_back:
                billed = self.count_billed(line, entries)
                figures["open"] += order.currency_id.round(line.price_subtotal * max(0, 1 - billed))
            if item in left and not gone_back:
                figures["to_accrue"] += max(0, item.amount - own)
            if item not in left:
                figures["to_defer"] += max(0, own)
        freight_line = sale_lines.filtered("is_delivery")
        if canceled == items:
            figures["to_credit"] += invoiced[""] + invoiced.get("claim", 0)
        else:
            figures["owed"] += order.amount_shipping
            figures["ordered"] += freight_line.price_subtotal
            billed = self.count_billed(freight_line, entries)
            figures["open"] += order.currency_id.round(freight_line.price_subtotal * max(0, 1 - billed))
            if left.filtered(lambda item: not item.is_returned or item.sale_line_ids.qty_delivered):
                figures["to_accrue"] += max(0, order.amount_shipping - invoiced[""])
            if not left:
                figures["to_defer"] += max(0, invoiced[""])
        figures["invoiced"] = sum(invoiced.values())
        figures["difference"] = figures["owed"] - figures["invoiced"] - figures["open"]
        return figures

    def count_billed(self, line, entries):
        mine = entries.filtered(lambda entry: line in entry.sale_line_ids and not entry.cloudprinter_is_claim)
        return sum(-entry.quantity if entry.move_id.move_type == "out_refund" else entry.quantity for entry in mine)

    @settings(thoroughly, max_examples=25)
    @given(st.data())
    def test_any_order(self, data):
        with self.env.cr.savepoint() as savepoint, mute_logger("odoo.addons.cloudprinter"):
            method = data.draw(st.sampled_from(["round_per_line", "round_globally"]))
            self.company.tax_calculation_rounding_method = method
            order = self.play(data, data.draw(st.integers(100, 10**6)))
            for day, cut in ((None, None), (date(2027, 11, 30), datetime(2027, 12, 1))):
                self.env.flush_all()
                self.env.invalidate_all()
                query = self.env["cloudprinter.balance"]._get_query("order", order.ids, day=day, cut=cut)
                self.env.cr.execute(query)
                [row] = self.env.cr.dictfetchall()
                for name, expected in self.compute(order, day, cut).items():
                    found = float(row[f"amount_{name}"])
                    self.assertFalse(float_compare(found, expected, 2), f"{name} as of {day}: {found}, not {expected}")
            savepoint.rollback()
            self.env.invalidate_all()
