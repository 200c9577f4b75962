from odoo import fields, models


class CloudprinterProductMapping(models.Model):
    """Maps a Cloudprinter product, or one of its variants, to a product in Odoo."""

    _name = "cloudprinter.product.mapping"
    _inherit = ["cloudprinter.mapping.mixin"]
    _description = "Cloudprinter Product"
    _order = "name, option, id"
    _check_company_auto = True
    _mapped_field = "product_id"

    name = fields.Char("Cloudprinter Product", required=True, help="Cloudprinter's reference, for example poster_a3.")
    option = fields.Char(
        "Only With Option",
        help="Reference of an item option, for example paper_250mcs. Only items with this option are mapped.",
    )
    product_id = fields.Many2one(
        "product.product", check_company=True, domain=[("sale_ok", "=", True)], ondelete="restrict"
    )
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)

    _name_uniq = models.UniqueIndex(
        "(company_id, name, COALESCE(option, ''))", "This Cloudprinter product is already in the list."
    )

    def _find_products(self, company, items):
        """Return the product of each item of a document: the mapped one, else by internal reference.

        :param items: list of `order_document.Item`
        :returns: item id → products; none or several if a user has to decide
        """
        names = list({item.product for item in items if item.product})
        rows = self.search([("company_id", "=", company.id), ("name", "in", names)])
        rows_of = rows.grouped("name")
        products = self.env["product.product"].with_company(company)
        mapped = set(rows.filtered("product_id.active").mapped("name"))
        unmapped = [name for name in names if name not in mapped]
        coded = products.search(
            [("default_code", "in", unmapped), ("company_id", "in", (False, company.id)), ("sale_ok", "=", True)]
        ).grouped("default_code")
        found = {}
        for item in items:
            mine = rows_of.get(item.product, rows.browse()).filtered("product_id.active")
            references = {option.reference for option in item.options}
            special = mine.filtered(lambda row: row.option in references)  # noqa: B023
            general = mine.filtered(lambda row: not row.option)
            found[item.id] = (special or general).product_id.with_env(products.env) or coded.get(item.product, products)
        return found

    def _add_missing(self, company, names):
        """Add names to the list of products to map."""
        known = set(self.search([("company_id", "=", company.id), ("name", "in", names)]).mapped("name"))
        self.create([{"company_id": company.id, "name": name} for name in names if name not in known])
