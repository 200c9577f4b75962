"""What people do in their browser. Without one, Odoo would skip these without a word: `make test` sees to it."""

from odoo.tests import HttpCase, tagged

from .common import CloudprinterCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestBrowser(CloudprinterCase, HttpCase):
    def test_salesperson_links_an_order(self):
        sale = self.sell((self.book, 5, None), order=False)
        self.assertFalse(sale.order_line.cloudprinter_item_id)
        self.start_tour(f"/odoo/sales/{sale.id}", "cloudprinter_link_sale_order", login=self.salesman.login)
        item = sale.order_line.cloudprinter_item_id
        self.assertEqual((item.order_id.name, item.name), ("123456780000", "123456780001"))
        self.assertEqual(item.production_ids, sale.mrp_production_ids)
        self.assert_outbox(item, ["ItemRegistered"])

    def test_manager_sends_again(self):
        item = self.sell_one()
        self.server.misbehave(times=1, status=400)
        self.send()
        self.start_tour(
            "/odoo/action-cloudprinter.cloudprinter_item_action", "cloudprinter_send_again", login=self.manager.login
        )
        self.assertEqual(self.get_outbox(item).state, "outgoing")

    def test_administrator_releases(self):
        self.company.cloudprinter_hold = True
        self.start_tour("/odoo/action-cloudprinter.res_config_settings_action", "cloudprinter_settings", login="admin")
        self.assertFalse(self.company.cloudprinter_hold)
