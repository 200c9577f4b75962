"""Random work of users on a real database: what is in the outbox agrees with an independent oracle."""

from .common import ProcessCase

FIRST_SEED = 1
STEPS = 200


class TestWalk(ProcessCase):
    scripts = "dev.walk.walk"

    def test_stories(self):
        self.in_odoo("prepare")
        result = self.in_odoo("walk", [FIRST_SEED, FIRST_SEED + STEPS], STEPS)
        self.assertIsNone(result["trouble"])
        self.assertGreaterEqual(result["steps"], STEPS)
