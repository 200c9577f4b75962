"""From an order document to a sales order, and what a person decides where that is not possible."""

import copy
import json
from pathlib import Path

from odoo import Command
from odoo.tests import tagged

from odoo.addons.cloudprinter import order_document

from .common import CloudprinterCase

ORDER_KEY = "f0d1e2c3b4a5968778695a4b3c2d1e0f"
DOCUMENTS = Path(__file__).parent / "order_documents"
BOOK, POSTER, FLYER = "123456780001", "123456780002", "123456780003"
METHOD = "fedex_national_2_day"


class IntakeCase(CloudprinterCase):
    """Given: a shop that takes incoming orders, all mapped, and confirms them by itself."""

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
        (cls.book | cls.poster | cls.flyer).write({"list_price": 2, "taxes_id": [Command.clear()]})
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

    def document(self, **changes):
        """The public example, with other values at the paths in `changes`, for example `items__0__count=3`."""
        content = copy.deepcopy(self.content)
        for path, value in changes.items():
            *path, last = [int(part) if part.isdecimal() else part for part in path.split("__")]
            node = content["order"]
            for part in path:
                node = node[part]
            node[last] = value
        return json.dumps(content).encode()

    def receive(self, content=None, **changes):
        """Cloudprinter sends a document; returns what is stored."""
        document = order_document.read(content or self.document(**changes))
        documents = self.env["cloudprinter.order.document"]
        documents._receive(self.company, document)
        return documents.search([("name", "=", document.order.id)], limit=1)

    def take_in(self, content=None, **changes):
        """Cloudprinter sends a document, and the worker runs."""
        document = self.receive(content, **changes)
        self.run_worker()
        return document

    def run_worker(self):
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            self.env.ref("cloudprinter.ir_cron_take_in").method_direct_trigger()
        self.env.invalidate_all()


@tagged("post_install", "-at_install", "cloudprinter")
class TestIntake(IntakeCase):
    def test_order_becomes_a_confirmed_sales_order(self):
        document = self.take_in()
        self.assertEqual((document.state, document.problem), ("done", False))
        sale = document.sale_order_id
        self.assertEqual(sale.state, "sale")
