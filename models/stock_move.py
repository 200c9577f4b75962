from collections import Counter

from odoo import api, fields, models
from odoo.tools.sql import column_exists, create_column

from ..rule.stage import Move

STATES = {"draft": "draft", "done": "done", "cancel": "cancel"}


class StockMove(models.Model):
    _inherit = "stock.move"

    # Taken from the sales order line, which Odoo keeps through procurement, pushes, splits, merges, kits, dropshipping.
    # It is only filled in: Odoo also writes `sale_line_id` on moves whose item a user has chosen.
    cloudprinter_item_id = fields.Many2one(
        "cloudprinter.item",
        "Cloudprinter Item",
        compute="_compute_cloudprinter_item_id",
        store=True,
        readonly=False,
        index="btree_not_null",
        ondelete="set null",
    )
    # set on duplicates of linked moves: they have the line of the original, and ship something else
    cloudprinter_apart = fields.Boolean(readonly=True)
    # set on the goods of an exchange: what came back had left already
    cloudprinter_exchange = fields.Boolean(readonly=True)

    def _auto_init(self):
        # without the columns, the ORM would compute the fields for all existing moves
        for name, column_type in (
            ("cloudprinter_item_id", "int4"),
            ("cloudprinter_apart", "bool"),
            ("cloudprinter_exchange", "bool"),
        ):
            if not column_exists(self.env.cr, "stock_move", name):
                create_column(self.env.cr, "stock_move", name, column_type)
        return super()._auto_init()

    @api.depends("sale_line_id")
    def _compute_cloudprinter_item_id(self):
        for move in self:
            item = move.cloudprinter_item_id
            if not item and not move.cloudprinter_apart:
                item = move.sale_line_id.cloudprinter_item_id
            move.cloudprinter_item_id = item

    @api.constrains("cloudprinter_item_id")
    def _check_cloudprinter_item_id(self):
        for move in self.filtered("cloudprinter_item_id"):
            move.cloudprinter_item_id._check_document_company(move.company_id, move)

    @api.model_create_multi
    def create(self, vals_list):
        moves = super().create(vals_list)
        # Odoo adds whether a component is picked
        moves.filtered(lambda move: move.raw_material_production_id and move.picked)._cloudprinter_check_stop()
        return moves

    def write(self, vals):
        if vals.get("picked") or vals.get("state") == "done":
            self._cloudprinter_check_stop()
        if vals.get("state") == "done":
            # all ways of shipping meet here
            self.picking_id._cloudprinter_check_stop()
        return super().write(vals)

    def _cloudprinter_check_stop(self):
        """Check that no components are consumed for what Cloudprinter has canceled: this starts an order."""
        self.raw_material_production_id._cloudprinter_check_stop()

    def _prepare_procurement_values(self):
        """Override of `stock` to supply a move for its own item, whatever its sales order line says."""
        values = super()._prepare_procurement_values()
        item = self.cloudprinter_item_id
        if item and item != self.sale_line_id.cloudprinter_item_id:
            values.update(cloudprinter_item_id=item.id, cloudprinter_item_ids=item.ids)
        if self.cloudprinter_exchange:
            values["cloudprinter_exchange"] = True
        return values

    @api.model
    def _prepare_merge_moves_distinct_fields(self):
        return super()._prepare_merge_moves_distinct_fields() + ["cloudprinter_item_id", "cloudprinter_exchange"]

    @api.model
    def _prepare_merge_negative_moves_excluded_distinct_fields(self):
        # a decreased quantity must find its move even if the item was entered meanwhile
        return super()._prepare_merge_negative_moves_excluded_distinct_fields() + ["cloudprinter_item_id"]

    def _cloudprinter_derive_again(self):
        """Derive the stage of the items again whose done quantity was corrected; others depend on no quantity."""
        items = self.filtered(lambda move: move.state == "done").cloudprinter_item_id.sudo()
        if items:
            self.env.add_to_compute(items._fields["stage"], items)

    def _cloudprinter_comes_back(self):
        """Return whether the goods come back from the customer. A return of a return is a delivery."""
        origin = self.origin_returned_move_id
        return bool(origin) and not origin._cloudprinter_comes_back()

    def _cloudprinter_bound_for_customer(self):
        """Return the moves that deliver to the customer: no returns, scraps or productions."""
        return self.filtered(
            lambda move: (
                not move._cloudprinter_comes_back()
                and not move.production_id
                and not move.raw_material_production_id
                and move.location_dest_id.usage != "inventory"
                and (move.location_final_id or move.location_dest_id)._is_outgoing()
            )
        )

    def _cloudprinter_fact(self, packed=False):
        """Return the `Move` of the stage rule for a move to the customer."""
        self.ensure_one()
        return Move(STATES.get(self.state, "open"), self.location_dest_id._is_outgoing(), packed)

    def _cloudprinter_filter_packed(self):
        """Return the moves that are completely packed, or come from a packing step."""
        moves = self.filtered(lambda move: move.state != "cancel")
        packed = Counter()
        # Odoo has just read them
        for line in moves.move_line_ids:
            if line.result_package_id:
                packed[line.move_id] += line.quantity_product_uom
        in_steps = any(not move.location_dest_id._is_outgoing() for move in self)
        return moves.filtered(
            lambda move: (
                (
                    packed[move]
                    and move.product_id.uom_id.compare(packed[move], move._cloudprinter_quantity_to_pack()) >= 0
                )
                or (in_steps and move._cloudprinter_comes_from_packing())
            )
        )

    def _cloudprinter_quantity_to_pack(self):
        return self._cloudprinter_quantity() if self.state == "done" else self.product_qty

    def _cloudprinter_comes_from_packing(self):
        """Return whether the packing step before is done, whatever the warehouse's steps are today."""
        packed = self.move_orig_ids.filtered(lambda move: move.state == "done")
        return self.picking_type_id.warehouse_id.pack_type_id in packed.picking_type_id

    def _cloudprinter_sent_first(self):
        """Return the moves that reach the customer, without those that send again what came back."""
        return self.filtered(
            lambda move: (
                move.location_dest_id._is_outgoing()
                and not move.origin_returned_move_id
                and not move.cloudprinter_exchange
            )
        )

    def _cloudprinter_quantity(self):
        """Return the moved quantity in the product's unit."""
        self.ensure_one()
        return self.product_uom._compute_quantity(self.quantity, self.product_id.uom_id)

    def _cloudprinter_kits_left(self, line):
        """Return how many of the kits of a sales order line have left, in the product's unit, by its components.

        Odoo counts by the bill of materials of today. The share of the demand that has left does not, but it does not
        follow a line that is lowered afterwards, or a transfer that was canceled and made again.
        """
        shares = []
        for moves in self.grouped("product_id").values():
            left = sum(move._cloudprinter_quantity() for move in moves if move.state == "done")
            demand = sum(moves.mapped("product_qty"))
            shares.append(left / demand if demand else 1.0)
        by_share = min(shares, default=0.0) * line._cloudprinter_quantity()
        product = line.product_id
        bom = self.env["mrp.bom"].sudo()._bom_find(product, company_id=line.company_id.id, bom_type="phantom")[product]
        if not bom:
            return by_share
        ordered = line.product_uom_id._compute_quantity(line.product_uom_qty, bom.product_uom_id, round=False)
        counted = {"incoming_moves": lambda move: move.state == "done", "outgoing_moves": lambda move: False}
        kits = self._compute_kit_quantities(product, ordered, bom, counted)
        return max(by_share, bom.product_uom_id._compute_quantity(kits, product.uom_id))
