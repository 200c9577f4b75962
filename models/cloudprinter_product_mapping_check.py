from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import preflight
from ..tools.text import translate

LENGTH_AT_MOST = 5000  # mm
# field of `preflight.Expected` → field of the mapping
EXPECTED = {
    "width": "page_width",
    "height": "page_height",
    "bleed": "bleed",
    "size_tolerance": "size_tolerance",
    "binding": "binding",
    "page_multiple": "page_multiple",
    "cover_kind": "cover_kind",
    "board": "cover_board",
    "wrap": "cover_wrap",
    "overlap": "cover_overlap",
    "squeeze": "cover_squeeze",
    "spine_tolerance": "spine_tolerance",
}
TEXTS = ("binding", "cover_kind")


class CloudprinterProductMapping(models.Model):
    """Adds what print files of the product must be like. What is not entered is not checked."""

    _inherit = "cloudprinter.product.mapping"

    page_width = fields.Float("Width (mm)", help="Of a page, trimmed.")
    page_height = fields.Float("Height (mm)", help="Of a page, trimmed.")
    bleed = fields.Float("Bleed (mm)", default=3, help="On each side of a page.")
    size_tolerance = fields.Float("Size Tolerance (mm)", default=1)
    binding = fields.Selection(
        [("none", "None"), ("saddle", "Saddle stitch"), ("perfect", "Perfect binding"), ("case", "Hardcover")],
    )
    page_multiple = fields.Integer(
        "Pages in Multiples of", help="0: as the binding needs it: 4 for saddle stitch, otherwise 2."
    )
    cover_kind = fields.Selection(
        [
            ("none", "None"),
            ("block", "In the file of the pages"),
            ("pages", "Single pages"),
            ("spread", "Back, spine and front on one page"),
        ],
        "Cover",
    )
    cover_board = fields.Float(
        "Cover Thickness (mm)", help="0: 0.5 for perfect binding, 3 for a hardcover. It is a part of the spine's width."
    )
    cover_wrap = fields.Float("Wrap (mm)", help="What is turned in on each side of a hardcover.")
    cover_overlap = fields.Float("Overlap (mm)", help="Of the boards of a hardcover over the pages.")
    cover_squeeze = fields.Float("Squeeze (mm)", help="Of the hinge of a hardcover.")
    spine_tolerance = fields.Float("Spine Tolerance (mm)", default=1)
    # only for pasting
    product_info = fields.Text(
        "Product Information",
        store=False,
        help="Paste the answer of Cloudprinter's products/info. What it says is filled in above.",
    )

    @api.constrains(*EXPECTED.values())
    def _check_expected(self):
        for mapping in self:
            numbers = [
                mapping[name] for name in EXPECTED.values() if mapping._fields[name].type in ("float", "integer")
            ]
            if not all(0 <= number <= LENGTH_AT_MOST for number in numbers):
                raise ValidationError(
                    self.env._("Enter lengths in millimeters, from 0 to %(most)s.", most=LENGTH_AT_MOST)
                )

    @api.model_create_multi
    def create(self, vals_list):
        mappings = super().create(vals_list)
        if any(not vals.keys().isdisjoint(EXPECTED.values()) for vals in vals_list):
            mappings._judge_files()
        return mappings

    def write(self, vals):
        res = super().write(vals)
        if not vals.keys().isdisjoint(EXPECTED.values()):
            self._judge_files()
        return res

    def _judge_files(self):
        """Compare the files of open items with what is expected now."""
        files = self.env["cloudprinter.order.file"].sudo()
        domain = [
            ("company_id", "in", self.company_id.ids),
            ("check_state", "!=", False),
            ("item_id.stage", "in", ("new", "registered")),
        ]
        products = self.product_id
        if products and len(self) == len(self.filtered("product_id")):
            domain.append(("item_id.product_id", "in", products.ids))
        found = files.search(domain)
        found._judge()
        found.order_id._process_documents_again()

    @api.onchange("product_info")
    def _onchange_product_info(self):
        """Fill in what pasted product information says."""
        if not self.product_info:
            return
        try:
            values = preflight.read_info(self.product_info)
        except preflight.InfoError as error:
            raise UserError(translate(self.env, error)) from error
        for name, value in values.items():
            self[EXPECTED[name]] = value

    @api.model
    def _find_for_check(self, company, item, ordered):
        """Return the mapping that says what files of an item must be like, or none.

        :param item: the cloudprinter.item
        :param ordered: the `order_document.Item`, or None if it was entered by hand
        """
        if ordered:
            mappings = self.search([("company_id", "=", company.id), ("name", "=", ordered.product)])
            references = {option.reference for option in ordered.options}
            special = mappings.filtered(lambda mapping: mapping.option in references and mapping.page_width)
            return (special or mappings.filtered(lambda mapping: not mapping.option))[:1]
        mappings = item.product_id and self.search(
            [("company_id", "=", company.id), ("product_id", "=", item.product_id.id), ("page_width", ">", 0)]
        )
        return mappings if mappings and len(mappings) == 1 else self.browse()

    def _prepare_expected(self):
        """Return what is expected by this mapping, if there is one, as values of `preflight.Expected`."""
        return {name: self[field] or ("" if field in TEXTS else 0) for name, field in EXPECTED.items()} if self else {}
