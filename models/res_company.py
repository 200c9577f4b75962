import hashlib
import hmac

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import get_lang

from .. import cloudsignal
from ..tools.download import parse_hosts
from ..tools.text import translate


def _digest(text):
    return hashlib.sha256(text.encode()).digest()


class ResCompany(models.Model):
    _inherit = "res.company"

    cloudprinter_signal_api_key = fields.Char("CloudSignal API Key", groups="base.group_system", copy=False)
    # the key is sent to this address, which therefore needs the same access right
    cloudprinter_signal_url = fields.Char(
        "CloudSignal Address", default=cloudsignal.ENDPOINT, groups="base.group_system"
    )
    cloudprinter_hold = fields.Boolean("Hold Signals", help="Signals are recorded but not sent.")
    cloudprinter_user_id = fields.Many2one("res.users", "Responsible for Cloudprinter")
    cloudprinter_report_produce = fields.Boolean("Report Production Started", default=True)
    cloudprinter_report_produced = fields.Boolean("Report Produced", default=True)
    cloudprinter_report_packed = fields.Boolean("Report Packed", default=True)
    cloudprinter_delay_type = fields.Selection(
        [("ItemDelay", "ItemDelay"), ("ItemError", "ItemError")], "Send Delays As", default="ItemDelay"
    )
    cloudprinter_tracking_hours = fields.Integer("To-Do for Missing Tracking After (Hours)", default=24)
    cloudprinter_short_tolerance = fields.Float("Short Shipment Tolerance (%)", default=5.0)
    cloudprinter_chatter = fields.Selection(
        [("all", "All answers"), ("problems", "Problems only")], "Notes on Documents", default="all"
    )
    cloudprinter_retention_days = fields.Integer("Keep Failed Attempts (Days)", default=180)
    cloudprinter_order_api_key = fields.Char(
        "Key for Incoming Orders",
        groups="base.group_system",
        copy=False,
        help="From Cloudprinter's Production Interface.",
    )
    cloudprinter_partner_id = fields.Many2one(
        "res.partner",
        "Customer of Incoming Orders",
        help="Its pricelist, fiscal position and payment terms apply to all orders.",
    )
    cloudprinter_confirm_orders = fields.Boolean(
        "Confirm Incoming Orders", help="Sales orders are confirmed and their items registered automatically."
    )
    cloudprinter_anonymize_months = fields.Integer("Anonymize Recipients After (Months)")
    cloudprinter_fetch_files = fields.Boolean(
        "Fetch Files", help="Files of incoming orders are downloaded and attached; otherwise only their links are kept."
    )
    cloudprinter_file_hosts = fields.Char(
        "File Hosts",
        help="Hosts from which files are downloaded, separated by commas or spaces. example.com allows only this host,"
        " .example.com also its subdomains.",
    )
    cloudprinter_file_days = fields.Integer(
        "Keep Fetched Files (Days)", default=30, help="After shipping; 0 keeps them forever."
    )
    # Identifies the database in which the key was saved, so that a copy sends nothing.
    cloudprinter_fingerprint = fields.Char(groups="base.group_system", copy=False, readonly=True)
    cloudprinter_key_date = fields.Datetime(
        groups="base.group_system", copy=False, readonly=True, help="When the first key was saved."
    )
    cloudprinter_resumed_request = fields.Integer(
        groups="base.group_system", copy=False, readonly=True, help="Answers up to this attempt are ignored."
    )

    @api.constrains("cloudprinter_signal_url")
    def _check_cloudprinter_signal_url(self):
        for company in self.filtered("cloudprinter_signal_url"):
            try:
                cloudsignal.check_url(company.cloudprinter_signal_url)
            except cloudsignal.SignalError as error:
                raise ValidationError(
                    self.env._("The CloudSignal address is not valid: %(reason)s", reason=translate(self.env, error))
                ) from error

    @api.constrains("cloudprinter_order_api_key")
    def _check_cloudprinter_order_api_key(self):
        """Check that the key is unique: only the key says for which company a document is."""
        for company in self.sudo().filtered("cloudprinter_order_api_key"):
            key = company.cloudprinter_order_api_key
            if self.sudo().search_count([("cloudprinter_order_api_key", "=", key), ("id", "!=", company.id)], limit=1):
                raise ValidationError(self.env._("Another company already has this key for incoming orders."))

    @api.constrains(
        "cloudprinter_short_tolerance",
        "cloudprinter_tracking_hours",
        "cloudprinter_retention_days",
        "cloudprinter_anonymize_months",
    )
    def _check_cloudprinter_numbers(self):
        for company in self:
            if not 0 <= company.cloudprinter_short_tolerance <= 100:
                raise ValidationError(self.env._("The short shipment tolerance is a percentage from 0 to 100."))
            if (
                min(
                    company.cloudprinter_tracking_hours,
                    company.cloudprinter_retention_days,
                    company.cloudprinter_anonymize_months,
                )
                < 0
            ):
                raise ValidationError(self.env._("Hours, days and months cannot be negative."))

    @api.constrains("cloudprinter_fetch_files", "cloudprinter_file_hosts", "cloudprinter_file_days")
    def _check_cloudprinter_files(self):
        for company in self:
            try:
                hosts = parse_hosts(company.cloudprinter_file_hosts)
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "“%(name)s” is not a valid file host. Enter names such as files.example.com, without https://,"
                        " separated by commas or spaces.",
                        name=error,
                    )
                ) from error
            if company.cloudprinter_fetch_files and not hosts:
                raise ValidationError(
                    self.env._("Enter the hosts from which files may be fetched, as in the links of your orders.")
                )
            if company.cloudprinter_file_days < 0:
                raise ValidationError(self.env._("The number of days to keep fetched files cannot be negative."))

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create([self._cloudprinter_clean_key(vals) for vals in vals_list])
        companies.sudo().filtered("cloudprinter_signal_api_key")._cloudprinter_bind_to_database()
        return companies

    def write(self, vals):
        res = super().write(self._cloudprinter_clean_key(vals))
        if "cloudprinter_signal_api_key" in vals:
            self.sudo()._cloudprinter_bind_to_database()
        if not vals.keys().isdisjoint(("cloudprinter_hold", "cloudprinter_signal_api_key", "cloudprinter_signal_url")):
            self._cloudprinter_retry_now()
        if "cloudprinter_short_tolerance" in vals:
            self.env["cloudprinter.signal"]._follow_settings()
        return res

    @api.model
    def _cloudprinter_clean_key(self, vals):
        vals = dict(vals)
        for name in ("cloudprinter_signal_api_key", "cloudprinter_order_api_key"):
            if not vals.get(name):
                continue
            vals[name] = key = str(vals[name]).strip()
            if not key.isascii() or not key.isprintable() or " " in key:
                raise ValidationError(
                    self.env._(
                        "The %(field)s contains invalid characters. Copy it again from Cloudprinter.",
                        field=self._fields[name]._description_string(self.env),
                    )
                )
        return vals

    def _cloudprinter_config(self):
        """Return the company whose key and settings apply: this one, else the nearest parent with a key."""
        self.ensure_one()
        company = self.sudo()
        while not company.cloudprinter_signal_api_key and company.parent_id:
            company = company.parent_id
        return company if company.cloudprinter_signal_api_key else self.sudo()

    @api.model
    def _cloudprinter_get_by_order_key(self, key):
        """Return the company with this key for incoming orders, or none.

        The comparison takes constant time, and all keys are always compared.
        """
        digest = _digest(key)
        companies = self.sudo().search([("cloudprinter_order_api_key", "!=", False)])
        own = [_digest(company.cloudprinter_order_api_key) for company in companies]
        same = [company.id for company, each in zip(companies, own) if hmac.compare_digest(each, digest)]
        return self.browse(same)

    def _cloudprinter_reported_types(self):
        """Return the optional signal types, between acceptance and shipping, that this company reports."""
        choices = {
            "ItemProduce": self.cloudprinter_report_produce,
            "ItemProduced": self.cloudprinter_report_produced,
            "ItemPacked": self.cloudprinter_report_packed,
        }
        return {signal_type for signal_type, chosen in choices.items() if chosen}

    def _cloudprinter_lang(self):
        """Return the company's language code, or that of another language if it is no longer active."""
        self.ensure_one()
        return get_lang(self.env, self.sudo().partner_id.lang).code

    def _cloudprinter_zone(self):
        """Return the name of the company's time zone, taken from its working hours."""
        self.ensure_one()
        company = self.sudo()
        return company.resource_calendar_id.tz or company.partner_id.tz or "UTC"

    def _cloudprinter_get_customers(self):
        """Return the partners to whom orders of Cloudprinter are invoiced."""
        partners = (
            self.env["sale.order"]
            .sudo()
            ._read_group(
                [("company_id", "in", self.ids), ("cloudprinter_order_id", "!=", False)], ["partner_invoice_id"]
            )
        )
        customers = self.env["res.partner"].sudo().union(*(partner for [partner] in partners))
        configured = self.env["res.company"].union(*(company._cloudprinter_config() for company in self))
        return (customers | configured.sudo().cloudprinter_partner_id).commercial_partner_id
