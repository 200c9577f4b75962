from odoo import api, fields, models


class CloudprinterCarrierMapping(models.Model):
    """Maps a shipping method of Cloudprinter to the Odoo carrier that ships its orders."""

    _name = "cloudprinter.carrier.mapping"
    _description = "Cloudprinter Shipping Method"
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(
        "Cloudprinter Shipping Method", required=True, help="Cloudprinter's code, for example fedex_national_2_day."
    )
    carrier_id = fields.Many2one("delivery.carrier", check_company=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)

    _name_uniq = models.Constraint("unique (company_id, name)", "This shipping method is already in the list.")

    @api.model_create_multi
    def create(self, vals_list):
        mappings = super().create(vals_list)
        mappings._process_documents_again()
        return mappings

    def write(self, vals):
        res = super().write(vals)
        self._process_documents_again()
        return res

    def _process_documents_again(self):
        """Look again at the incoming orders that wait for a mapping."""
        companies = self.filtered("carrier_id").company_id
        domain = [("company_id", "in", companies.ids), ("state", "=", "waiting"), ("failure_type", "=", "unmatched")]
        if companies:
            self.env["cloudprinter.order.document"].sudo().search(domain)._process_again()

    def _find_carrier(self, company, method):
        return self.search([("company_id", "=", company.id), ("name", "=", method)]).carrier_id

    def _add_missing(self, company, method):
        """Add a method to the list, so that a user can map it."""
        if not self.search_count([("company_id", "=", company.id), ("name", "=", method)], limit=1):
            self.create({"company_id": company.id, "name": method})
