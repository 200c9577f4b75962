"""Documents are found by the id that is scanned: the first search field wins when a user presses Enter."""

from lxml import etree

from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .common import ORDER, CloudprinterCase

ITEM = "123456780001"


@tagged("post_install", "-at_install", "cloudprinter")
class TestSearch(CloudprinterCase):
    def get_search(self, action):
        """Return the model of an action, and the search view that it opens."""
        model = self.env[action.res_model]
        return model, etree.fromstring(model.get_view(action.search_view_id.id, "search")["arch"])

    def get_actions(self):
        """Return the actions that open a list of documents or records with items from a menu."""
        menus = self.env["ir.ui.menu"].sudo().with_context(**{"ir.ui.menu.full_list": True}).search([])
        actions = {menu.action for menu in menus if menu.action and menu.action._name == "ir.actions.act_window"}
        return sorted(
            (action for action in actions if action.res_model in self.documents and "list" in action.view_mode),
            key=lambda action: action.id,
        )

    def test_scanned_ids(self):
        """In every list that a menu opens."""
        item = self.sell_one(self.poster)
        self.documents = {
            "sale.order": item.sale_line_id.order_id,
            "mrp.production": item.production_ids,
            "mrp.workorder": item.production_ids.workorder_ids,
            "stock.picking": item.move_ids.picking_id,
            "cloudprinter.item": item,
            "cloudprinter.order": item.order_id,
            "cloudprinter.signal": item.signal_ids,
        }
        actions = self.get_actions()
        # opened by the overview and by code
        for name in (
            "stock.action_picking_tree_outgoing",
            "stock.action_picking_tree_internal",
            "stock.stock_picking_action_picking_type",
            "mrp.action_mrp_workorder_workcenter",
            "mrp.mrp_production_action_picking_deshboard",
        ):
            actions.append(self.env.ref(name))
        self.assertEqual({action.res_model for action in actions}, set(self.documents))
        for action in actions:
            model, search = self.get_search(action)
            domain = search.find(".//field").get("filter_domain")
            for scanned in (ITEM, ORDER):
                with self.subTest(action=action.xml_id, scanned=scanned):
                    self.assertTrue(domain)
                    found = model.search(safe_eval(domain, {"self": scanned}))
                    self.assertEqual(found, self.documents[model._name])

    def test_scanned_tracking_code(self):
        """In the lists of what is shipped, and of what Cloudprinter is told about it."""
        self.keep_in_stock(self.poster)
        item = self.sell_one(self.poster)
        self.deliver(item.move_ids.picking_id, tracking="00340434")
        self.deliver(self.sell_one(self.poster, order="o2", item="o2-1").move_ids.picking_id, tracking="00999999")
        self.documents = {
            "stock.picking": item.move_ids.picking_id,
            "cloudprinter.item": item,
            "cloudprinter.order": item.order_id,
            "cloudprinter.signal": item.signal_ids.filtered(lambda signal: signal.type == "ItemShipped"),
        }
        without = ("cloudprinter.stock_picking_action_tracking", "cloudprinter.cloudprinter_order_reconcile_action")
        for action in self.get_actions():
            if action.xml_id in without:
                continue
            model, search = self.get_search(action)
            with self.subTest(action=action.xml_id):
                domain = search.find(".//field").get("filter_domain")
                self.assertEqual(model.search(safe_eval(domain, {"self": "00340434"})), self.documents[model._name])

    def test_moves(self):
        """Odoo's first field is the product or location: the ids are the choice below."""
        self.keep_in_stock(self.poster)
        item = self.sell_one(self.poster, order="o1", item="o1-1")
        item.move_ids.picking_id.action_assign()
        for xmlid, name, moves in (
            ("stock.view_move_search", "cloudprinter_item_id", item.move_ids),
            ("stock.stock_move_line_view_search", "move_id", item.move_ids.move_line_ids),
        ):
            arch = etree.fromstring(moves.get_view(self.env.ref(xmlid).id, "search")["arch"])
            domain = arch.find(f".//field[@name='{name}']").get("filter_domain")
            for scanned in ("o1-1", "o1"):
                self.assertTrue(moves)
                self.assertEqual(moves.search(safe_eval(domain, {"self": scanned})), moves)

    def test_filters_of_work_orders(self):
        """Both of Odoo's search views of work orders have them: the menus use different ones."""
        for action in ("mrp.mrp_workorder_todo", "mrp.action_mrp_workorder_workcenter"):
            _model, search = self.get_search(self.env.ref(action))
            for name in ("cloudprinter", "cloudprinter_attention", "cloudprinter_late"):
                self.assertTrue(search.findall(f".//filter[@name='{name}']"), (action, name))
