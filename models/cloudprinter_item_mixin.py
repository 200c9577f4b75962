from odoo import api, fields, models

from ..tools.barcode import draw_bars, draw_qr


class CloudprinterItemMixin(models.AbstractModel):
    """Shows the Cloudprinter items of a document of Odoo.

    Models that inherit it need a field `cloudprinter_item_ids`; documents without items show nothing. The fields are
    computed as superuser: users see what they need on their own documents, whatever else they may read.
    """

    _name = "cloudprinter.item.mixin"
    _description = "Documents with Cloudprinter Items"

    cloudprinter_ship_by = fields.Datetime(
        "Ship By",
        compute="_compute_cloudprinter_ship_by",
        search="_search_cloudprinter_ship_by",
        compute_sudo=True,
        help="The earliest shipping date of its open Cloudprinter items, including reported delays.",
    )
    cloudprinter_reported = fields.Char(
        "Reported to Cloudprinter",
        compute="_compute_cloudprinter_reported",
        compute_sudo=True,
        help="What Cloudprinter has accepted.",
    )
    cloudprinter_attention = fields.Text(
        "Cloudprinter: Needs Attention", compute="_compute_cloudprinter_attention", compute_sudo=True
    )
    cloudprinter_stop = fields.Selection(
        [("some", "Some items are canceled"), ("all", "STOP")],
        "Stop",
        compute="_compute_cloudprinter_stop",
        compute_sudo=True,
        help="Its items are canceled at Cloudprinter. Do not produce or ship.",
    )
    cloudprinter_consignor = fields.Char(
        "Sender on Label",
        compute="_compute_cloudprinter_consignor",
        compute_sudo=True,
        help="Cloudprinter's client. Your own name must not appear on or in the parcel.",
    )
    cloudprinter_reorder = fields.Text(
        "Reorder", compute="_compute_cloudprinter_reorder", compute_sudo=True, help="Why items are made again."
    )
    cloudprinter_original_id = fields.Many2one(
        "cloudprinter.item", "Reorder of", compute="_compute_cloudprinter_reorder", compute_sudo=True
    )
    cloudprinter_signal_ids = fields.Many2many(
        "cloudprinter.signal", string="Cloudprinter Signals", compute="_compute_cloudprinter_signal_ids"
    )
    cloudprinter_file_ids = fields.Many2many(
        "cloudprinter.order.file", string="Cloudprinter Files", compute="_compute_cloudprinter_file_ids"
    )

    cloudprinter_checks = fields.Html(
        "Print Files",
        compute="_compute_cloudprinter_checks",
        compute_sudo=True,
        sanitize=False,
        help="The files as checked against what was ordered.",
    )

    @api.depends("cloudprinter_item_ids.promised_date", "cloudprinter_item_ids.derived")
    def _compute_cloudprinter_ship_by(self):
        for document in self:
            items = document.cloudprinter_item_ids.filtered(lambda item: item.stage not in ("shipped", "canceled"))
            document.cloudprinter_ship_by = min(filter(None, items.mapped("promised_date")), default=False)

    def _search_cloudprinter_ship_by(self, operator, value):
        is_open = ("stage", "not in", ("shipped", "canceled"))
        return [("cloudprinter_item_ids", "any", [is_open, ("promised_date", operator, value)])]

    @api.depends("cloudprinter_item_ids.reported_stage")
    @api.depends_context("lang")
    def _compute_cloudprinter_reported(self):
        labels = dict(self.cloudprinter_item_ids._fields["stage"]._description_selection(self.env))
        for document in self:
            stages = document.cloudprinter_item_ids.mapped("reported_stage")
            if len(set(stages)) > 1:
                furthest = max(stages, key=list(labels).index)
                document.cloudprinter_reported = self.env._(
                    "%(count)s of %(all)s %(stage)s",
                    count=stages.count(furthest),
                    all=len(stages),
                    stage=labels[furthest],
                )
            else:
                document.cloudprinter_reported = labels[stages[0]] if stages else False

    @api.depends("cloudprinter_item_ids.attention", "cloudprinter_item_ids.order_id.is_test")
    @api.depends_context("lang")
    def _compute_cloudprinter_attention(self):
        for document in self:
            # the details are of saved items
            items = document.cloudprinter_item_ids._origin
            document.cloudprinter_attention = "\n".join(items._describe_attention()) or False

    @api.depends("cloudprinter_item_ids.attention", "state")
    def _compute_cloudprinter_stop(self):
        for document in self:
            stops = {item.attention == "canceled_open" for item in document.cloudprinter_item_ids}
            if document.state in ("done", "cancel"):
                stops = set()
            # of several items that are made together, the others go on
            document.cloudprinter_stop = True in stops and ("some" if False in stops else "all")

    @api.depends("cloudprinter_item_ids.order_id.consignor")
    def _compute_cloudprinter_consignor(self):
        for document in self:
            consignors = document.cloudprinter_item_ids.order_id.mapped("consignor")
            document.cloudprinter_consignor = ", ".join(filter(None, consignors)) or False

    @api.depends("cloudprinter_item_ids.signal_ids")
    def _compute_cloudprinter_signal_ids(self):
        for document in self:
            document.cloudprinter_signal_ids = document.cloudprinter_item_ids.signal_ids.sorted("id")

    @api.depends("cloudprinter_item_ids.file_ids", "cloudprinter_item_ids.order_id.file_ids")
    def _compute_cloudprinter_file_ids(self):
        for document in self:
            document.cloudprinter_file_ids = document._cloudprinter_get_files().sorted("id")

    def _cloudprinter_get_files(self):
        """Return the files of the items, and those of their orders apart from labels, which only packers need."""
        items = self.cloudprinter_item_ids
        return items.file_ids | items.order_id.file_ids.filtered(lambda file: not file.item_id and not file.is_label)

    @api.depends("cloudprinter_item_ids.file_ids.check_state")
    @api.depends_context("lang")
    def _compute_cloudprinter_checks(self):
        for document in self:
            document.cloudprinter_checks = document.cloudprinter_item_ids.file_ids._render_for_documents()

    @api.depends("cloudprinter_item_ids.reorder_cause")
    def _compute_cloudprinter_reorder(self):
        for document in self:
            items = document.cloudprinter_item_ids.filtered("reorder_cause")
            document.cloudprinter_reorder = "\n".join(item._describe_reorder() for item in items) or False
            document.cloudprinter_original_id = items.original_item_id[:1]

    def _cloudprinter_get_tz(self):
        """Return the time zone of the place where the document is worked on, for its paper; else that of the user."""
        places = self.picking_type_id.warehouse_id.partner_id, self.company_id.partner_id
        return next((place.sudo().tz for place in places if place.sudo().tz), False)

    def _cloudprinter_draw(self, text):
        """Return a code with its width and height in mm, for the name of a document on its paper.

        Odoo draws such a code with a library that few machines have; without it the paper could not be printed.
        """
        bars, width = draw_bars(text)
        return (bars, width, 12) if bars else (draw_qr(text), 20, 20)

    def action_cloudprinter_view_items(self):
        """Open the items of the documents."""
        return self.cloudprinter_item_ids._get_action()

    def action_cloudprinter_report(self):
        """Open the dialog for reporting by hand, for the items of the documents."""
        return self.env["cloudprinter.report"]._open(self.cloudprinter_item_ids, self)
