from odoo import api, fields, models

from .. import preflight


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    cloudprinter_signal_api_key = fields.Char(related="company_id.cloudprinter_signal_api_key", readonly=False)
    cloudprinter_signal_url = fields.Char(related="company_id.cloudprinter_signal_url", readonly=False)
    cloudprinter_hold = fields.Boolean(related="company_id.cloudprinter_hold", readonly=False)
    cloudprinter_user_id = fields.Many2one(related="company_id.cloudprinter_user_id", readonly=False)
    cloudprinter_report_produce = fields.Boolean(related="company_id.cloudprinter_report_produce", readonly=False)
    cloudprinter_report_produced = fields.Boolean(related="company_id.cloudprinter_report_produced", readonly=False)
    cloudprinter_report_packed = fields.Boolean(related="company_id.cloudprinter_report_packed", readonly=False)
    cloudprinter_delay_type = fields.Selection(related="company_id.cloudprinter_delay_type", readonly=False)
    cloudprinter_tracking_hours = fields.Integer(related="company_id.cloudprinter_tracking_hours", readonly=False)
    cloudprinter_short_tolerance = fields.Float(related="company_id.cloudprinter_short_tolerance", readonly=False)
    cloudprinter_chatter = fields.Selection(related="company_id.cloudprinter_chatter", readonly=False)
    cloudprinter_retention_days = fields.Integer(related="company_id.cloudprinter_retention_days", readonly=False)
    cloudprinter_auditor_email = fields.Char(related="company_id.cloudprinter_auditor_email", readonly=False)
    cloudprinter_stamp_url = fields.Char(related="company_id.cloudprinter_stamp_url", readonly=False)
    cloudprinter_order_api_key = fields.Char(related="company_id.cloudprinter_order_api_key", readonly=False)
    cloudprinter_partner_id = fields.Many2one(related="company_id.cloudprinter_partner_id", readonly=False)
    cloudprinter_confirm_orders = fields.Boolean(related="company_id.cloudprinter_confirm_orders", readonly=False)
    cloudprinter_anonymize_months = fields.Integer(related="company_id.cloudprinter_anonymize_months", readonly=False)
    cloudprinter_order_url = fields.Char("Address for Incoming Orders", compute="_compute_cloudprinter_order_url")
    cloudprinter_partner_warning = fields.Char(compute="_compute_cloudprinter_partner_warning")
    cloudprinter_fetch_files = fields.Boolean(related="company_id.cloudprinter_fetch_files", readonly=False)
    cloudprinter_preflight = fields.Selection(related="company_id.cloudprinter_preflight", readonly=False)
    cloudprinter_can_check = fields.Boolean(compute="_compute_cloudprinter_can_check")
    cloudprinter_file_hosts = fields.Char(related="company_id.cloudprinter_file_hosts", readonly=False)
    cloudprinter_file_days = fields.Integer(related="company_id.cloudprinter_file_days", readonly=False)
    cloudprinter_obstacle = fields.Char(compute="_compute_cloudprinter_reason")
    cloudprinter_reason = fields.Char("Why Nothing Is Sent", compute="_compute_cloudprinter_reason")
    cloudprinter_counts = fields.Char("Waiting Signals", compute="_compute_cloudprinter_reason")

    def _compute_cloudprinter_can_check(self):
        self.cloudprinter_can_check = preflight.is_available()

    def _compute_cloudprinter_order_url(self):
        for settings in self:
            settings.cloudprinter_order_url = f"{settings.company_id.get_base_url()}/cloudprinter/order"

    @api.depends("company_id", "cloudprinter_partner_id")
    def _compute_cloudprinter_partner_warning(self):
        """Warn about values that Odoo would otherwise take from the recipient's country or the company's defaults."""
        for settings in self:
            customer = settings.cloudprinter_partner_id.with_company(settings.company_id)
            missing = [
                customer._fields[name]._description_string(self.env)
                for name in ("property_account_position_id", "property_payment_term_id", "property_product_pricelist")
                if name in customer._fields and customer and not customer[name]
            ]
            settings.cloudprinter_partner_warning = (
                self.env._("Not set on this contact: %(names)s.", names=", ".join(missing)) if missing else False
            )

    @api.depends("company_id")
    def _compute_cloudprinter_reason(self):
        for settings in self:
            status = settings.company_id.cloudprinter_status()
            settings.cloudprinter_reason = status["reason"]
            settings.cloudprinter_obstacle = settings.company_id._cloudprinter_obstacle()
            settings.cloudprinter_counts = self.env._(
                "Signals: %(outgoing)s queued, %(waiting)s need input, %(error)s failed.",
                outgoing=status["outgoing"],
                waiting=status["waiting"],
                error=status["error"],
            )

    @api.onchange("cloudprinter_signal_api_key")
    def _onchange_cloudprinter_signal_api_key(self):
        # show what the company does with a first key
        if self.cloudprinter_signal_api_key and not self.company_id.cloudprinter_signal_api_key:
            self.cloudprinter_hold = True

    def action_cloudprinter_resume(self):
        self.company_id.action_cloudprinter_resume()

    def action_cloudprinter_this_is_live(self):
        self.company_id.action_cloudprinter_this_is_live()

    def action_cloudprinter_export_ledger(self):
        return self.env["cloudprinter.signal"].action_export_ledger()

    def action_cloudprinter_certification(self):
        return self.env["cloudprinter.certification"]._open()

    def action_cloudprinter_release(self):
        return self.company_id.action_cloudprinter_release()
