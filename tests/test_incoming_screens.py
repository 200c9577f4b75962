"""What users see of an incoming order."""

from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .test_intake import BOOK, IntakeCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestIncomingScreens(IntakeCase):
    def test_operator_reads_what_was_ordered(self):
        """It is on the manufacturing order, without a click; items printed together show equal texts once."""
        items = self.import_orders().order_id.item_ids
        book = items.filtered(lambda item: item.name == BOOK)
        [production] = book.production_ids.with_user(self.operator)
        self.assertEqual(
            production.cloudprinter_specification.splitlines(),
            [
                "Summer at the lake",
                "Textbook casewrap A4 portrait full color",
                "Pages: 44",
                "Inside pages, 130 g coated silk (44)",
                "Gloss lamination (1)",
            ],
        )
        again = self.import_orders(self.document(id="2", items__0__id="21", items__0__title="Winter")).order_id.item_ids
        gang = self.env["mrp.production"].create(
            {
                "product_id": self.book.id,
                "cloudprinter_item_ids": (book | again.filtered(lambda item: item.name == "21")).ids,
            }
        )
        lines = gang.with_user(self.operator).cloudprinter_specification.splitlines()
        self.assertEqual((lines[0], len(lines)), ("Summer at the lake, Winter", 5))
        other = self.env["mrp.production"].create({"product_id": self.book.id})
        self.assertFalse(other.cloudprinter_specification, "nothing new without an item")

    def test_list_says_in_one_line_what_is_needed(self):
        one = self.import_orders(items__0__product="calendar_a3")
        self.assertEqual(one.problem_summary, one.problem)
        two = self.import_orders(id="2", items__0__product="calendar_a3", items__1__product="mug")
        self.assertRegex(two.problem_summary, r"^Choose the product for .* \(and 1 more\)$")
        self.import_orders(id="3")
        changed = self.import_orders(id="3", items__1__count="12")
        self.assertRegex(changed.problem_summary, "with different content: Quantity of item .*: 5 → 12$")
        self.assertFalse(self.import_orders(id="4").problem_summary)

    def test_until_when_an_answer_is_expected(self):
        waiting = self.import_orders(items__0__product="calendar_a3")
        self.assertEqual(waiting.answer_date - waiting.received_date, timedelta(minutes=15))
        self.assertLess(waiting.answer_date, fields.Datetime.now() + timedelta(minutes=16))
        self.assertFalse(self.import_orders(id="2").answer_date, "it was given")
        self.assertFalse(self.import_orders(id="2", priority="1").answer_date, "it was given before")

    def test_changed_order_can_be_looked_at(self):
        first = self.import_orders()
        self.assertEqual(first.known_order_id, first.order_id)
        changed = self.import_orders(items__1__count="12").with_user(self.manager)
        self.assertEqual((changed.order_id, changed.known_order_id), (first.order_id, first.order_id))
        waiting = self.import_orders(id="2", items__0__product="calendar_a3")
        self.assertFalse(waiting.known_order_id)
