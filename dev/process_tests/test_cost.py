"""Queries per click: without the add-on, with it on documents without an item, and on linked ones."""

from .common import ProcessCase

MANUFACTURING = ("button_start", "button_mark_done")
LINKED_AT_MOST = 14
MANY_ITEMS_AT_MOST = 18


class TestCost(ProcessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.without = cls.copy_database("test_cost_without", cls.template)

    def test_queries(self):
        self.configure()
        kinds = {"without": (self.without, False), "unlinked": (self.database, False), "linked": (self.database, True)}
        for database, linked in kinds.values():
            self.in_odoo("count_queries", 1, linked, database=database)  # fills the caches of the process
        lines = [f"\n    {'queries':18}{'moves':>6}{'without':>9}{'unlinked':>9}{'linked':>9}"]
        too_many = []
        for moves in (1, 50):
            counts = {
                kind: self.in_odoo("count_queries", moves, linked, database=database)
                for kind, (database, linked) in kinds.items()
            }
            if moves == 50:
                counts_of_50 = counts["unlinked"]
            for click in counts["without"]:
                without, unlinked, linked = (counts[kind][click] for kind in kinds)
                lines.append(f"    {click:18}{moves:6}{without:9}{unlinked:9}{linked:9}")
                if unlinked - without > (1 if click in MANUFACTURING else 0) or linked - unlinked > LINKED_AT_MOST:
                    too_many.append(f"{click} with {moves} moves")
        # a transfer of 50 items costs the same as one item, plus reading what registered them
        many = self.in_odoo("count_queries", 50, True, True)
        for click in ("put in pack", "button_validate"):
            lines.append(f"    {click} of 50 items: {counts_of_50[click]} unlinked, {many[click]} linked")
            if many[click] - counts_of_50[click] > MANY_ITEMS_AT_MOST:
                too_many.append(f"{click} with 50 items")
        print("\n".join(lines), flush=True)
        self.assertEqual(too_many, [], "\n".join(lines))
