"""What the add-on adds to each write of Odoo's documents, linked or not."""

from odoo.tests import TransactionCase, tagged

NODES_AT_MOST = 4


def is_ours(tree):
    """Return whether a trigger tree only leads to fields of the add-on."""
    fields = [field for node in tree.depth_first() for field in node.root]
    return all("cloudprinter" in field.model_name or "cloudprinter" in field.name for field in fields)


@tagged("post_install", "-at_install", "cloudprinter")
class TestTriggers(TransactionCase):
    def test_nodes(self):
        """Each write merges the trigger trees of its fields, which costs time even if no record is linked."""
        for name in (
            "stock.move.state",
            "stock.move.quantity",
            "stock.move.line.quantity",
            "stock.move.line.result_package_id",
            "stock.move.location_dest_id",
            "mrp.production.state",
            "mrp.workorder.state",
            "sale.order.line.product_uom_qty",
            "sale.order.state",
            "sale.order.line.state",
        ):
            model, field = name.rsplit(".", 1)
            tree = self.env.registry.get_field_trigger_tree(self.env[model]._fields[field])
            ours = [node for node in tree.depth_first() if node is not tree and is_ours(node)]
            self.assertLessEqual(len(ours), NODES_AT_MOST, name)
