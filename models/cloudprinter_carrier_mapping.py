from odoo import fields, models


class CloudprinterCarrierMapping(models.Model):
    """Maps a shipping method of Cloudprinter to the Odoo carrier that ships its orders."""

    _name = "cloudprinter.carrier.mapping"
    _inherit = ["cloudprinter.mapping.mixin"]
    _description = "Cloudprinter Shipping Method"
    _order = "name, id"
    _check_company_auto = True
    _mapped_field = "carrier_id"

    name = fields.Char(
        "Cloudprinter Shipping Method", required=True, help="Cloudprinter's code, for example fedex_national_2_day."
    )
    carrier_id = fields.Many2one("delivery.carrier", check_company=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)

    _name_uniq = models.Constraint("unique (company_id, name)", "This shipping method is already in the list.")

    def _find_carrier(self, company, method):
        return self.search([("company_id", "=", company.id), ("name", "=", method)]).carrier_id.filtered("active")

    def _add_missing(self, company, method):
        """Add a method to the list, so that a user can map it."""
        if not self.search_count([("company_id", "=", company.id), ("name", "=", method)], limit=1):
            self.create({"company_id": company.id, "name": method})
