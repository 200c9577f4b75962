"""`make demo` works."""

from ..demo import run_demo
from .common import ProcessCase


class TestDemo(ProcessCase):
    def test_demo(self):
        self.assertEqual(run_demo(self.odoo, self.template), 0)
        self.postgres.drop("demo")
