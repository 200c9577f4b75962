import hashlib
import hmac
from contextlib import nullcontext

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import get_lang

from .. import cloudsignal
from ..order_document import KEY_AT_LEAST, KEY_AT_MOST
from ..tools.discreet import discreet
from ..tools.download import parse_hosts
from ..tools.text import translate
from .res_company_ledger import RECORDED

# The settings decide what is sent where, which files are fetched and what is deleted. Odoo lets managers of access
# rights write companies, and lets customers read them.
ADMINISTRATORS = "base.group_system"
KEYS = ("cloudprinter_signal_api_key", "cloudprinter_order_api_key")


def _digest(text):
    return hashlib.sha256(text.encode()).digest()


class ResCompany(models.Model):
    _inherit = "res.company"

    cloudprinter_signal_api_key = fields.Char("CloudSignal API Key", groups=ADMINISTRATORS, copy=False)
    cloudprinter_signal_url = fields.Char("CloudSignal Address", default=cloudsignal.ENDPOINT, groups=ADMINISTRATORS)
    cloudprinter_hold = fields.Boolean("Hold Signals", help="Signals are recorded but not sent.", groups=ADMINISTRATORS)
    cloudprinter_user_id = fields.Many2one("res.users", "Responsible for Cloudprinter", groups=ADMINISTRATORS)
    cloudprinter_report_produce = fields.Boolean("Report Production Started", default=True, groups=ADMINISTRATORS)
    cloudprinter_report_produced = fields.Boolean("Report Produced", default=True, groups=ADMINISTRATORS)
    cloudprinter_report_packed = fields.Boolean("Report Packed", default=True, groups=ADMINISTRATORS)
    cloudprinter_delay_type = fields.Selection(
        [("ItemDelay", "ItemDelay"), ("ItemError", "ItemError")],
        "Send Delays As",
        default="ItemDelay",
        groups=ADMINISTRATORS,
    )
    cloudprinter_tracking_hours = fields.Integer(
        "To-Do for Missing Tracking After (Hours)", default=24, groups=ADMINISTRATORS
    )
    cloudprinter_short_tolerance = fields.Float("Short Shipment Tolerance (%)", default=5.0, groups=ADMINISTRATORS)
    cloudprinter_chatter = fields.Selection(
        [("all", "All answers"), ("problems", "Problems only")],
        "Notes on Documents",
        default="all",
        groups=ADMINISTRATORS,
    )
    cloudprinter_retention_days = fields.Integer("Keep Failed Attempts (Days)", default=180, groups=ADMINISTRATORS)
    cloudprinter_order_api_key = fields.Char(
        "Key for Incoming Orders",
        groups=ADMINISTRATORS,
        copy=False,
        help="From Cloudprinter's Production Interface.",
    )
    cloudprinter_partner_id = fields.Many2one(
        "res.partner",
        "Customer of Incoming Orders",
        help="Its pricelist, fiscal position and payment terms apply to all orders.",
        groups=ADMINISTRATORS,
    )
    cloudprinter_confirm_orders = fields.Boolean(
        "Confirm Incoming Orders",
        help="Sales orders are confirmed and their items registered automatically.",
        groups=ADMINISTRATORS,
    )
    cloudprinter_anonymize_months = fields.Integer("Anonymize Recipients After (Months)", groups=ADMINISTRATORS)
    cloudprinter_fetch_files = fields.Boolean(
        "Fetch Files",
        help="Files of incoming orders are downloaded and attached; otherwise only their links are kept.",
        groups=ADMINISTRATORS,
    )
    cloudprinter_preflight = fields.Selection(
        [
            ("off", "No"),
            ("inform", "Check, and show what is found"),
            ("hold", "Check, and hold orders with wrong files"),
        ],
        "Check Print Files",
        default="inform",
        help="Fetched files are compared with what was ordered. A held order waits for a user before it is accepted.",
        groups=ADMINISTRATORS,
    )
    cloudprinter_file_hosts = fields.Char(
        "File Hosts",
        help="Hosts from which files are downloaded, separated by commas or spaces. example.com allows only this host,"
        " .example.com also its subdomains.",
        groups=ADMINISTRATORS,
    )
    cloudprinter_file_days = fields.Integer(
        "Keep Fetched Files (Days)", default=30, help="After shipping; 0 keeps them forever.", groups=ADMINISTRATORS
    )
    # Identifies the database in which the key was saved, so that a copy sends nothing.
    cloudprinter_fingerprint = fields.Char(groups=ADMINISTRATORS, copy=False, readonly=True)
    cloudprinter_key_date = fields.Datetime(
        groups=ADMINISTRATORS, copy=False, readonly=True, help="When the first key was saved."
    )
    cloudprinter_resumed_request = fields.Integer(
        groups=ADMINISTRATORS, copy=False, readonly=True, help="Answers up to this attempt are ignored."
    )

    cloudprinter_tested_key = fields.Char(
        groups=ADMINISTRATORS, copy=False, readonly=True, help="Identifies the key that passed the connection test."
    )
    cloudprinter_checklist_hidden = fields.Boolean("Hide the Checklist", groups=ADMINISTRATORS, copy=False)

    # a digest, since PostgreSQL quotes what is indexed in its errors
    _cloudprinter_order_api_key_uniq = models.UniqueIndex(
        "(md5(cloudprinter_order_api_key)) WHERE cloudprinter_order_api_key IS NOT NULL",
        "Another company already has this key for incoming orders.",
    )

    @api.constrains("cloudprinter_signal_url")
    def _check_cloudprinter_signal_url(self):
        for company in self.sudo().filtered("cloudprinter_signal_url"):
            try:
                cloudsignal.check_url(company.cloudprinter_signal_url)
            except cloudsignal.SignalError as error:
                raise ValidationError(
                    self.env._("The CloudSignal address is not valid: %(reason)s", reason=translate(self.env, error))
                ) from error

    @api.constrains(
        "cloudprinter_short_tolerance",
        "cloudprinter_tracking_hours",
        "cloudprinter_retention_days",
        "cloudprinter_anonymize_months",
    )
    def _check_cloudprinter_numbers(self):
        for company in self.sudo():
            if not 0 <= company.cloudprinter_short_tolerance <= 100:
                raise ValidationError(self.env._("The short shipment tolerance is a percentage from 0 to 100."))
            if (
                min(
                    company.cloudprinter_tracking_hours,
                    company.cloudprinter_anonymize_months,
                )
                < 0
            ):
                raise ValidationError(self.env._("Hours, days and months cannot be negative."))
            if company.cloudprinter_retention_days < 1:
                raise ValidationError(self.env._("Failed attempts must be kept for at least one day."))

    @api.constrains("cloudprinter_fetch_files", "cloudprinter_file_hosts", "cloudprinter_file_days")
    def _check_cloudprinter_files(self):
        for company in self.sudo():
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
        vals_list = [self._cloudprinter_clean_key(vals) for vals in vals_list]
        for vals in vals_list:
            if vals.get("cloudprinter_signal_api_key"):
                vals.setdefault("cloudprinter_hold", True)
        companies = super().create(vals_list)
        with_key = companies.sudo().filtered("cloudprinter_signal_api_key")
        with_key._cloudprinter_bind_to_database()
        with_key._cloudprinter_record_settings({})
        return companies

    def write(self, vals):
        vals = self._cloudprinter_clean_key(vals)
        if vals.get("cloudprinter_signal_api_key") and "cloudprinter_hold" not in vals:
            # a first key starts on hold, so that users can check what would be sent
            new = self.filtered(lambda company: not company.sudo().cloudprinter_signal_api_key)
            if new:
                (self - new).write(vals)
                new.write({**vals, "cloudprinter_hold": True})
                return True
        recorded = not RECORDED.isdisjoint(vals)
        before = self._cloudprinter_get_recorded() if recorded else {}
        res = super().write(vals)
        if recorded:
            self._cloudprinter_record_settings(before)
        if "cloudprinter_signal_api_key" in vals:
            self.sudo()._cloudprinter_bind_to_database()
        if not vals.keys().isdisjoint(("cloudprinter_hold", "cloudprinter_signal_api_key", "cloudprinter_signal_url")):
            self._cloudprinter_retry_now()
        if "cloudprinter_short_tolerance" in vals:
            self.env["cloudprinter.signal"]._follow_settings()
        if "cloudprinter_preflight" in vals:
            # also those of branches
            self.env["cloudprinter.order.document"].sudo().search(
                [("state", "=", "waiting"), ("failure_type", "=", "wrong_files")]
            )._process_again()
        return res

    def _create(self, data_list):
        with self._cloudprinter_discreet(data["stored"] for data in data_list):
            return super()._create(data_list)

    def _write_multi(self, vals_list):
        with self._cloudprinter_discreet(vals_list):
            return super()._write_multi(vals_list)

    def _cloudprinter_discreet(self, vals_list):
        """Return a context in which the statements that write a key are not logged if they fail."""
        has_key = any(not vals.keys().isdisjoint(KEYS) for vals in vals_list)
        return discreet(self.env.cr) if has_key else nullcontext()

    def _cloudprinter_clean_key(self, vals):
        """Return the values to write to these companies, or to a new one, with clean keys.

        :raises ValidationError: a key is not one, or another company has it
        """
        vals = dict(vals)
        for name in KEYS:
            if name not in vals:
                continue
            key = str(vals[name] or "").strip()
            vals[name] = key or False
            if key and (not key.isascii() or not key.isprintable() or " " in key):
                raise ValidationError(
                    self.env._(
                        "The %(field)s contains invalid characters. Copy it again from Cloudprinter.",
                        field=self._fields[name]._description_string(self.env),
                    )
                )
            if key and not KEY_AT_LEAST <= len(key) <= KEY_AT_MOST:
                raise ValidationError(
                    self.env._(
                        "The %(field)s must have %(least)s to %(most)s characters. Copy it again from Cloudprinter.",
                        field=self._fields[name]._description_string(self.env),
                        least=KEY_AT_LEAST,
                        most=KEY_AT_MOST,
                    )
                )
        if vals.get("cloudprinter_order_api_key"):
            self._cloudprinter_check_order_key(vals["cloudprinter_order_api_key"])
        return vals

    def _cloudprinter_check_order_key(self, key):
        """Check that the key is unique: only the key says for which company a document is.

        It is not part of a query, which could be logged. An archived company may be activated again.
        """
        # companies are few: pylint: disable=no-search-all
        others = self.sudo().with_context(active_test=False).search([]) - self
        if len(self) > 1 or key in others.mapped("cloudprinter_order_api_key"):
            raise ValidationError(self.env._("Another company already has this key for incoming orders."))

    def _cloudprinter_config(self):
        """Return the company whose key and settings apply: this one, else the nearest parent with a key."""
        self.ensure_one()
        company = self.sudo()
        while not company.cloudprinter_signal_api_key and company.parent_id:
            company = company.parent_id
        return company if company.cloudprinter_signal_api_key else self.sudo()

    @api.model
    def _cloudprinter_get_by_order_keys(self, keys):
        """Return the companies with one of these keys for incoming orders.

        The comparison takes constant time, and all keys are always compared.
        """
        digests = [_digest(key) for key in keys]
        companies = self.sudo().search([("cloudprinter_order_api_key", "!=", False)])
        own = [(company.id, _digest(company.cloudprinter_order_api_key)) for company in companies]
        return self.browse(
            company_id for company_id, each in own if any([hmac.compare_digest(each, digest) for digest in digests])
        )

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
