from ipaddress import ip_address
from urllib.parse import urlsplit

from odoo import api, fields, models

from ..tools.rights import check_manager

STEPS = ("has_key", "is_tested", "has_address", "has_order_key", "has_customer", "has_products", "is_released")
# names that only a private network knows
PRIVATE = (".internal", ".lan", ".local", ".localhost", ".test")


def _is_public(url):
    """Return whether Cloudprinter can post to this address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    try:
        is_global = ip_address(host).is_global
    except ValueError:
        is_global = "." in host and not host.endswith(PRIVATE)
    return parts.scheme == "https" and is_global


class CloudprinterOverview(models.Model):
    """Adds what is to be done before the first signal is sent and the first order comes in.

    A branch without a key has done what its parent has done.
    """

    _inherit = "cloudprinter.overview"

    is_current = fields.Boolean(compute="_compute_is_current", help="Odoo's settings are those of this company.")
    has_checklist = fields.Boolean(compute="_compute_checklist")
    is_empty = fields.Boolean(compute="_compute_checklist", help="There is nothing to count yet.")
    has_key = fields.Boolean("CloudSignal API Key", compute="_compute_checklist")
    is_tested = fields.Boolean("Connection Test", compute="_compute_checklist")
    has_address = fields.Boolean("Public Https Address", compute="_compute_checklist")
    address = fields.Char(compute="_compute_checklist")
    has_order_key = fields.Boolean("Key for Incoming Orders", compute="_compute_checklist")
    has_customer = fields.Boolean("Customer with a Pricelist", compute="_compute_checklist")
    customer = fields.Char(compute="_compute_checklist")
    has_products = fields.Boolean("Products", compute="_compute_checklist")
    products_done = fields.Integer(compute="_compute_checklist")
    products_all = fields.Integer(compute="_compute_checklist")
    is_released = fields.Boolean("Release", compute="_compute_checklist")
    steps_done = fields.Integer(compute="_compute_checklist")
    steps_all = fields.Integer(compute="_compute_checklist")

    @api.depends_context("company")
    def _compute_is_current(self):
        for overview in self:
            overview.is_current = overview.company_id == self.env.company

    @api.depends("last_accepted", "is_current")
    def _compute_checklist(self):
        products = self._count("cloudprinter.product.mapping", [], "product_id:count", "__count")
        has_pricelists = self.env["res.groups"]._is_feature_enabled("product.group_product_pricelist")
        for overview in self:
            company = overview.company_id.sudo()
            config = company._cloudprinter_config()
            key = config.cloudprinter_signal_api_key
            customer = config.cloudprinter_partner_id.with_company(company)
            overview.has_key = bool(key)
            overview.is_tested = bool(
                overview.last_accepted
                or (key and config.cloudprinter_tested_key == config._cloudprinter_key_fingerprint())
            )
            overview.address = company.get_base_url()
            overview.has_address = _is_public(overview.address)
            overview.has_order_key = bool((company | config).filtered("cloudprinter_order_api_key"))
            overview.customer = customer.display_name
            overview.has_customer = bool(customer and (customer.property_product_pricelist or not has_pricelists))
            overview.products_done, overview.products_all = products.get(overview.id, [0, 0])
            overview.has_products = overview.products_done == overview.products_all
            overview.is_released = bool(key) and not company._cloudprinter_holders()
            overview.steps_done = sum(overview[step] for step in STEPS)
            overview.steps_all = len(STEPS)
            is_open = overview.steps_done < overview.steps_all and not company.cloudprinter_checklist_hidden
            overview.has_checklist = is_open and overview.is_current
            overview.is_empty = overview.has_checklist and not overview._has_orders()

    def _has_orders(self):
        models = ("cloudprinter.item", "cloudprinter.order.document")
        return any(self.env[name].sudo().search_count([("company_id", "=", self.id)], limit=1) for name in models)

    def action_hide_checklist(self):
        """Hide the steps that are left, for all users: not all shops let orders come in."""
        check_manager(self.env)
        self.check_access("read")
        self.company_id.sudo().cloudprinter_checklist_hidden = True

    def action_release(self):
        """Open the dialog that ends the hold."""
        self.ensure_one()
        return self.company_id.action_cloudprinter_release()
