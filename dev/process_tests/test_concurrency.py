"""Two users work on the same item at the same time."""

from .common import ProcessCase


class TestTwoPeople(ProcessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.numbers = iter(range(10, 99))

    def make_item(self, count):
        return self.in_odoo("make_item", count, f"1234567800{next(self.numbers)}")

    def meet(self, function, item, records):
        """Let both read the item before either continues; return how often each transaction ran."""
        people = [self.start_in_odoo(function, item, record) for record in records]
        for person in people:
            person.wait_for("read")
        for person in people:
            person.go()
        return [person.finish()["tries"] for person in people]

    def test_last_two_orders_finished_at_once(self):
        """Each sees the other order open, yet exactly one ItemProduced exists."""
        for _round in range(3):
            # production has started already, so neither of the two alone changes the stage
            made = self.make_item(3)
            self.in_odoo("finish_production_alone", made["productions"][0])
            self.meet("finish_production", made["item"], made["productions"][1:])
            types = self.query(f"SELECT type FROM cloudprinter_signal WHERE item_id = {made['item']} ORDER BY id")
            self.assertEqual([row[0] for row in types], ["ItemRegistered", "ItemProduce", "ItemProduced"])

    def test_nothing_overtakes_a_held_row(self):
        """A user's transaction holds a signal: later signals of the same item wait with it."""
        self.configure()
        made = self.make_item(1)
        held = self.start_in_odoo("hold_first_signal", made["item"])
        held.wait_for("held")
        self.in_odoo("finish_production_alone", made["productions"][0])
        [[name]] = self.query(f"SELECT name FROM cloudprinter_item WHERE id = {made['item']}")
        self.in_odoo("send")
        self.assertEqual(self.server.signals(item=name), [])
        held.go()
        held.finish()
        self.in_odoo("send")
        types = [signal_type for signal_type, _order, _item in self.server.signals(item=name)]
        self.assertEqual(types, ["ItemRegistered", "ItemProduce", "ItemProduced"])

    def test_work_that_does_not_matter(self):
        """Reserving and typing quantities on two deliveries of one item never collide in the add-on."""
        made = self.make_item(1)
        self.in_odoo("finish_production_alone", made["productions"][0])
        deliveries = self.in_odoo("make_deliveries", made["item"], 2)
        before = self.query(f"SELECT xmin FROM cloudprinter_item WHERE id = {made['item']}")
        tries = self.meet("work_on_delivery", made["item"], deliveries)
        self.assertEqual(tries, [1, 1], "a click had to be replayed")
        after = self.query(f"SELECT xmin FROM cloudprinter_item WHERE id = {made['item']}")
        self.assertEqual(before, after, "the item's row was written although no fact had changed")
