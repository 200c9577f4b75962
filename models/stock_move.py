from collections import Counter

from odoo import api, fields, models
from odoo.tools.sql import column_exists, create_column

from ..rule.stage import Move

STATES = {"draft": "draft", "done": "done", "cancel": "cancel"}


class StockMove(models.Model):
    _inherit = "stock.move"

    # Follows `sale_line_id`, which Odoo keeps through procurement, pushes, splits, merges, kits and dropshipping.
    cloudprinter_item_id = fields.Many2one(
        "cloudprinter.item",
        "Cloudprinter Item",
        compute="_compute_cloudprinter_item_id",
        store=True,
        readonly=False,
        index="btree_not_null",
        ondelete="set null",
    )

    def _auto_init(self):
        # without the column, the ORM would compute the field for all existing moves
        if not column_exists(self.env.cr, "stock_move", "cloudprinter_item_id"):
            create_column(self.env.cr, "stock_move", "cloudprinter_item_id", "int4")
        return super()._auto_init()

    @api.depends("sale_line_id.cloudprinter_item_id")
    def _compute_cloudprinter_item_id(self):
        for move in self:
            if move.sale_line_id:
                move.cloudprinter_item_id = move.sale_line_id.cloudprinter_item_id
            else:
                move.cloudprinter_item_id = move.cloudprinter_item_id

    @api.constrains("cloudprinter_item_id")
    def _check_cloudprinter_item_id(self):
        for move in self.filtered("cloudprinter_item_id"):
            move.cloudprinter_item_id._check_document_company(move.company_id, move)

    @api.model
    def _prepare_merge_moves_distinct_fields(self):
        return super()._prepare_merge_moves_distinct_fields() + ["cloudprinter_item_id"]

    @api.model
    def _prepare_merge_negative_moves_excluded_distinct_fields(self):
        # a decreased quantity must find its move even if the item was entered meanwhile
        return super()._prepare_merge_negative_moves_excluded_distinct_fields() + ["cloudprinter_item_id"]

    def _cloudprinter_bound_for_customer(self):
        """Return the moves that deliver to the customer: no returns, scraps or productions."""
        return self.filtered(
            lambda move: (
                not move.origin_returned_move_id
                and not move.production_id
                and not move.raw_material_production_id
                and move.location_dest_id.usage != "inventory"
                and (move.location_final_id or move.location_dest_id)._is_outgoing()
            )
        )

    def _cloudprinter_fact(self, packed=False):
        """Return the `Move` of the stage rule for a move to the customer."""
        self.ensure_one()
        state = STATES.get(self.state, "open")
        return Move(
            state=state,
            final=self.location_dest_id._is_outgoing(),
            packed=packed,
            short=state == "done" and self.product_uom.compare(self.quantity, self.product_uom_qty) < 0,
        )

    def _cloudprinter_filter_packed(self):
        """Return the open moves that are completely packed, or come from a packing step."""
        moves = self.filtered(lambda move: move.state not in ("done", "cancel"))
        lines = self.env["stock.move.line"].search_fetch(
            [("move_id", "in", moves.ids), ("result_package_id", "!=", False)], ["move_id", "quantity_product_uom"]
        )
        packed = Counter()
        for line in lines:
            packed[line.move_id] += line.quantity_product_uom
        in_steps = any(not move.location_dest_id._is_outgoing() for move in self)
        return moves.filtered(
            lambda move: (
                (packed[move] and move.product_id.uom_id.compare(packed[move], move.product_qty) >= 0)
                or (in_steps and move._cloudprinter_comes_from_packing())
            )
        )

    def _cloudprinter_comes_from_packing(self):
        # the transfer after the packing step is only created when that step is done
        warehouse = self.picking_type_id.warehouse_id
        return (
            warehouse.delivery_steps == "pick_pack_ship"
            and self.picking_type_id == warehouse.out_type_id
            and warehouse.pack_type_id in self.move_orig_ids.picking_type_id
        )

    def _cloudprinter_quantity(self):
        """Return the moved quantity in the product's unit."""
        self.ensure_one()
        return self.product_uom._compute_quantity(self.quantity, self.product_id.uom_id)
