from odoo import api, models

from ..tools.rights import check_values


class CloudprinterMappingMixin(models.AbstractModel):
    """Maps names of Cloudprinter to records of Odoo: incoming orders that wait for a mapping go on when it is there."""

    _name = "cloudprinter.mapping.mixin"
    _description = "Mapping of Cloudprinter's Names"

    _mapped_field = None  # the field that a user fills in

    @api.model_create_multi
    def create(self, vals_list):
        mappings = super().create(vals_list)
        mappings._process_documents_again()
        return mappings

    def write(self, vals):
        check_values(self, vals)
        res = super().write(vals)
        self._process_documents_again()
        return res

    def _process_documents_again(self):
        """Look again at the incoming orders that wait for a mapping."""
        companies = self.filtered(self._mapped_field).company_id
        domain = [("company_id", "in", companies.ids), ("state", "=", "waiting"), ("failure_type", "=", "unmatched")]
        if companies:
            self.env["cloudprinter.order.document"].sudo().search(domain)._process_again()
