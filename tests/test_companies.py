"""Companies that share a database: with their own key, with the parent's, or without a key."""

from odoo import Command
from odoo.tests import new_test_user, tagged

from odoo.addons.cloudprinter.dev.cloudsignal_server import CloudSignalServer

from .common import SignalCase

OTHER_KEY = "0" * 32
MADE = ["ItemRegistered", "ItemProduce", "ItemProduced"]


@tagged("post_install", "-at_install", "cloudprinter")
class TestManyCompanies(SignalCase):
    def test_one_person_works_for_all_of_them(self):
        """One click completes all manufacturing orders; each company's signals go to its own endpoint."""
        other_server = CloudSignalServer(OTHER_KEY)
        other_server.start()
        self.addCleanup(other_server.stop)
        branch, other, waiting, stranger = companies = self.env["res.company"].create(
            [
                {"name": "Branch", "parent_id": self.company.id},
                {
                    "name": "Other Shop",
                    "cloudprinter_signal_api_key": OTHER_KEY,
                    "cloudprinter_signal_url": other_server.url,
                    "cloudprinter_hold": False,
                },
                {"name": "Shop before Its First Key"},
                {"name": "Joinery"},
            ]
        )
        everybody = companies | self.company
        # Odoo's mrp_account reads journal entries with the rights of the user who produces
        groups = "base.group_user,mrp.group_mrp_user,account.group_account_readonly"
        person = new_test_user(
            self.env,
            login="cp_everywhere",
            groups=groups,
            company_id=stranger.id,
            company_ids=[Command.set(everybody.ids)],
        )
        env = self.env(user=person, context={"allowed_company_ids": (stranger | everybody).ids})
        # ids may be equal, as each company has its own
        ids = dict.fromkeys(self.company | other | waiting, ("1", "2")) | {branch: ("3", "4"), stranger: (False, False)}
        productions = env["mrp.production"].create(
            [
                {
                    "product_id": self.env["product.product"].create({"name": company.name, "is_storable": True}).id,
                    "company_id": company.id,
                    "cloudprinter_order_ref": order,
                    "cloudprinter_item_ref": item,
                }
                for company, (order, item) in ids.items()
            ]
        )
        productions.action_confirm()
        productions.button_mark_done()
        self.assertEqual(set(productions.mapped("state")), {"done"})
        self.send()
        items = {order.company_id: order.sudo().cloudprinter_item_ids for order in productions}
        for company in self.company | branch | other:
            self.assertEqual(items[company].company_id, company)
            self.assertEqual(items[company].signal_ids.sorted("id").mapped("type"), MADE)
            self.assertEqual(set(items[company].signal_ids.mapped("state")), {"sent"}, company.name)
        self.assertEqual(
            sorted((signal["item"], signal["type"]) for signal in self.server.accepted),
            sorted((item, kind) for item in "24" for kind in MADE),
        )
        self.assertEqual([signal["type"] for signal in other_server.accepted], MADE)
        self.assertEqual(set(items[waiting].signal_ids.mapped("state")), {"outgoing"}, "it waits for the key")
        self.assertFalse(items[stranger])
        self.assertFalse(self.env["cloudprinter.signal"].search([("company_id", "=", stranger.id)]))
        self.assertFalse(stranger.cloudprinter_status()["outgoing"])
