"""Documents are found by the id that is scanned: the first search field wins when a user presses Enter."""

from lxml import etree

from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .common import ORDER, CloudprinterCase

ITEM = "123456780001"


@tagged("post_install", "-at_install", "cloudprinter")
class TestSearch(CloudprinterCase):
    def get_search(self, action):
        """Return the search view of an action that a menu opens."""
        action = self.env.ref(action)
        model = self.env[action.res_model].with_user(self.manager)
        return model, etree.fromstring(model.get_view(action.search_view_id.id, "search")["arch"])

    def test_scanned_ids(self):
        item = self.sell_one(self.poster)
        for action, documents in {
            "mrp.mrp_production_action": item.production_ids,
            "mrp.mrp_workorder_todo": item.production_ids.workorder_ids,
            "mrp.action_mrp_workorder_workcenter": item.production_ids.workorder_ids,
            "stock.action_picking_tree_outgoing": item.move_ids.picking_id,
            "cloudprinter.stock_picking_action_tracking": item.move_ids.picking_id,
        }.items():
            model, search = self.get_search(action)
            domain = search.find(".//field").get("filter_domain")
            for scanned in (ITEM, ORDER):
                with self.subTest(action, scanned=scanned):
                    found = model.sudo().search(safe_eval(domain, {"self": scanned}))
                    self.assertEqual(found, documents)

    def test_filters_of_work_orders(self):
        """Both of Odoo's search views of work orders have them: the menus use different ones."""
        for action in ("mrp.mrp_workorder_todo", "mrp.action_mrp_workorder_workcenter"):
            _model, search = self.get_search(action)
            for name in ("cloudprinter", "cloudprinter_attention", "cloudprinter_late"):
                self.assertTrue(search.findall(f".//filter[@name='{name}']"), (action, name))
