import hashlib
import hmac
import logging
from datetime import timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, format_datetime, format_time, get_lang

from .. import cloudsignal
from ..delivery import Queue
from ..delivery.circuit import KEY_ORDERS, REFUSED_ORDERS
from ..tools.download import parse_hosts
from ..tools.translate import translate

_logger = logging.getLogger(__name__)

LATE_AFTER = timedelta(minutes=30)


def _digest(text):
    return hashlib.sha256(text.encode()).digest()


class ResCompany(models.Model):
    _inherit = "res.company"

    cloudprinter_signal_api_key = fields.Char("CloudSignal API Key", groups="base.group_system", copy=False)
    # the key is sent there, so that it needs the same right
    cloudprinter_signal_url = fields.Char(
        "CloudSignal Address", default=cloudsignal.ENDPOINT, groups="base.group_system"
    )
    cloudprinter_hold = fields.Boolean("Hold Signals", help="Signals are recorded but not sent.")
    cloudprinter_user_id = fields.Many2one("res.users", "Responsible for Cloudprinter")
    cloudprinter_report_produce = fields.Boolean("Report Production Started", default=True)
    cloudprinter_report_produced = fields.Boolean("Report Produced", default=True)
    cloudprinter_report_packed = fields.Boolean("Report Packed", default=True)
    cloudprinter_delay_type = fields.Selection(
        [("ItemDelay", "ItemDelay"), ("ItemError", "ItemError")], "Delays Are Sent As", default="ItemDelay"
    )
    cloudprinter_tracking_hours = fields.Integer("Hours Until a Missing Tracking Code Is a To-Do", default=24)
    cloudprinter_short_tolerance = fields.Float("Short Shipment Tolerance (%)", default=5.0)
    cloudprinter_chatter = fields.Selection(
        [("all", "All answers"), ("problems", "Problems only")], "Notes on Documents", default="all"
    )
    cloudprinter_retention_days = fields.Integer("Keep Failed Attempts (Days)", default=180)
    cloudprinter_order_api_key = fields.Char(
        "Key for Incoming Orders",
        groups="base.group_system",
        copy=False,
        help="Of Cloudprinter's Production Interface.",
    )
    cloudprinter_partner_id = fields.Many2one(
        "res.partner",
        "Customer of Incoming Orders",
        help="Its pricelist, fiscal position and payment terms are those of all orders.",
    )
    cloudprinter_confirm_orders = fields.Boolean(
        "Confirm Incoming Orders", help="Sales orders are confirmed and their items registered without a person."
    )
    cloudprinter_anonymize_months = fields.Integer("Anonymize Readers After (Months)")
    cloudprinter_fetch_files = fields.Boolean(
        "Fetch Files", help="Files of incoming orders are downloaded and attached; otherwise their links are kept."
    )
    cloudprinter_file_hosts = fields.Char(
        "Hosts of Files",
        help="From which files are downloaded, separated by commas or spaces. example.com allows exactly this host,"
        " .example.com also those below it.",
    )
    cloudprinter_file_days = fields.Integer(
        "Keep Fetched Files (Days)", default=30, help="After shipping; 0 keeps them for ever."
    )
    # Names the database in which the key was saved, so that a copy of it sends nothing.
    cloudprinter_fingerprint = fields.Char(groups="base.group_system", copy=False, readonly=True)
    cloudprinter_key_date = fields.Datetime(
        groups="base.group_system", copy=False, readonly=True, help="When the first key was saved."
    )
    cloudprinter_resumed_request = fields.Integer(
        groups="base.group_system", copy=False, readonly=True, help="What was answered up to it is forgotten."
    )

    @api.constrains("cloudprinter_signal_url")
    def _check_cloudprinter_signal_url(self):
        for company in self.filtered("cloudprinter_signal_url"):
            try:
                cloudsignal.check_url(company.cloudprinter_signal_url)
            except cloudsignal.SignalError as error:
                raise ValidationError(
                    self.env._("The CloudSignal address cannot be used: %(reason)s", reason=translate(self.env, error))
                ) from error

    @api.constrains("cloudprinter_order_api_key")
    def _check_cloudprinter_order_api_key(self):
        """A document says by its key alone for whom it is."""
        for company in self.sudo().filtered("cloudprinter_order_api_key"):
            key = company.cloudprinter_order_api_key
            if self.sudo().search_count([("cloudprinter_order_api_key", "=", key), ("id", "!=", company.id)], limit=1):
                raise ValidationError(self.env._("Another company has this key for incoming orders already."))

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
                        "“%(name)s” is no host of files. Write names such as files.example.com, without https://,"
                        " separated by commas or spaces.",
                        name=error,
                    )
                ) from error
            if company.cloudprinter_fetch_files and not hosts:
                raise ValidationError(
                    self.env._("Enter the hosts from which files may be fetched: those in the links of your orders.")
                )
            if company.cloudprinter_file_days < 0:
                raise ValidationError(self.env._("The days for which fetched files are kept cannot be negative."))

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
                        "The %(field)s has characters that no key has. Copy it again from Cloudprinter.",
                        field=self._fields[name]._description_string(self.env),
                    )
                )
        return vals

    def _cloudprinter_config(self):
        """The company whose key and choices are used: this one, else the nearest parent that has a key."""
        self.ensure_one()
        company = self.sudo()
        while not company.cloudprinter_signal_api_key and company.parent_id:
            company = company.parent_id
        return company if company.cloudprinter_signal_api_key else self.sudo()

    @api.model
    def _cloudprinter_get_by_order_key(self, key):
        """The company with this key for incoming orders, or none.

        However alike two keys are, comparing them takes as long, and always all are compared.
        """
        digest = _digest(key)
        companies = self.sudo().search([("cloudprinter_order_api_key", "!=", False)])
        own = [_digest(company.cloudprinter_order_api_key) for company in companies]
        same = [company.id for company, each in zip(companies, own) if hmac.compare_digest(each, digest)]
        return self.browse(same)

    def _cloudprinter_reported_types(self):
        """The types between acceptance and shipping that this company reports at all."""
        choices = {
            "ItemProduce": self.cloudprinter_report_produce,
            "ItemProduced": self.cloudprinter_report_produced,
            "ItemPacked": self.cloudprinter_report_packed,
        }
        return {signal_type for signal_type, chosen in choices.items() if chosen}

    def _cloudprinter_bind_to_database(self):
        """Remember that the key was saved in this database."""
        self.write({"cloudprinter_fingerprint": self._cloudprinter_database_fingerprint()})
        self.filtered(lambda company: not company.cloudprinter_key_date).write(
            {"cloudprinter_key_date": fields.Datetime.now()}
        )

    @api.model
    def _cloudprinter_database_fingerprint(self):
        """A digest of what tells databases apart: uuid, name and cluster. A plain copy keeps the uuid."""
        [[cluster]] = self.env.execute_query(SQL("SELECT system_identifier FROM pg_control_system()"))
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        text = f"{uuid} {self.env.cr.dbname} {cluster}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _cloudprinter_key_fingerprint(self):
        """A digest by which an attempt tells the key it used, without telling the key."""
        self.ensure_one()
        secret = self.env["ir.config_parameter"].sudo().get_param("database.secret") or ""
        key = self.sudo().cloudprinter_signal_api_key or ""
        return hmac.new(secret.encode(), key.encode(), "sha256").hexdigest()[:32]

    def _cloudprinter_obstacle(self):
        """Why signals of this company are not sent: a short name of the reason, or an empty text.

        :returns: copy, neutralized, hold, no_key, no_url, key_refused, refusals or ""
        """
        config = self._cloudprinter_config()
        key = config.cloudprinter_signal_api_key
        if key and config.cloudprinter_fingerprint != self._cloudprinter_database_fingerprint():
            return "copy"
        if self.env["ir.config_parameter"].sudo().get_param("database.is_neutralized"):
            return "neutralized"
        if config.cloudprinter_hold or self.sudo().cloudprinter_hold:
            return "hold"
        if not key:
            return "no_key"
        try:
            cloudsignal.check_url(config.cloudprinter_signal_url or "")
        except cloudsignal.SignalError:
            return "no_url"
        return config._cloudprinter_circuit().stopped

    def _cloudprinter_holders(self):
        """The companies whose hold keeps the signals of this one: itself, and the one whose key it uses."""
        self.ensure_one()
        return (self._cloudprinter_config() | self.sudo()).filtered("cloudprinter_hold")

    def _cloudprinter_held(self):
        """The companies whose signals go when the hold of these is taken off."""
        companies = self.sudo().search([("id", "child_of", self.ids)])
        holders = {company: company._cloudprinter_holders() for company in companies}
        return companies.filtered(lambda company: holders[company] and holders[company] <= self.sudo())

    def _cloudprinter_circuit(self):
        """Return what is known of the endpoint and key of this company.

        :rtype: Circuit
        """
        return self.env["cloudprinter.circuit"]._read_circuit(self._cloudprinter_config())

    def _cloudprinter_retry_now(self):
        """Forget what was answered before and try everything again, also of branches that use these settings."""
        companies = self.sudo().search([("id", "child_of", self.ids)])
        circuits = [company._cloudprinter_circuit() for company in self]
        refused = [
            order for circuit in circuits if circuit.stopped == "refusals" for order in circuit.refused_order_ids
        ]
        last = self.env["cloudprinter.request"].sudo().search([], limit=1)
        self.sudo().write({"cloudprinter_resumed_request": last.id})
        self.env.flush_all()
        Queue(self.env.cr).retry_now(companies.ids, refused)
        self.env["cloudprinter.signal"].invalidate_model()
        self.env["cloudprinter.signal"]._wake_sender()

    # === status === #

    def cloudprinter_status(self):
        """Why nothing goes out to Cloudprinter, and how much waits; for screens and monitoring.

        :rtype: dict
        :returns: `reason` (text for people, or False), `outgoing`, `waiting`, `error` (counts of signals),
            `oldest_due` (UTC, when the oldest signal that is due should have gone, or False)
        """
        self.ensure_one()
        self.check_access("read")
        if not self.env.su and not self.env.user._is_internal():
            raise AccessError(self.env._("This is for those who work here."))
        # whoever may read the company may know how much waits, and the settings are for administrators of anything
        signals = self.env["cloudprinter.signal"].sudo()
        counts = dict.fromkeys(("outgoing", "waiting", "error"), 0)
        counts.update(
            signals._read_group([("company_id", "=", self.id), ("state", "in", list(counts))], ["state"], ["__count"])
        )
        [[oldest_due]] = signals._read_group(
            [
                ("company_id", "=", self.id),
                ("state", "=", "outgoing"),
                ("next_attempt_date", "<=", fields.Datetime.now()),
            ],
            aggregates=["next_attempt_date:min"],
        )
        return {"reason": self._cloudprinter_reason(oldest_due), **counts, "oldest_due": oldest_due or False}

    def _cloudprinter_reason(self, oldest_due):
        """Why nothing goes out, in words, or False."""
        reasons = {
            "copy": self.env._("This looks like a copy of the database in which the key was saved. Nothing is sent."),
            "neutralized": self.env._("This database is neutralized. Nothing is sent."),
            "hold": self.env._("Sending is on hold. Signals are recorded, none is sent."),
            "no_key": self.env._("The CloudSignal API key is missing. Signals are recorded, none is sent."),
            "no_url": self.env._("The CloudSignal address cannot be used. Signals are recorded, none is sent."),
            "key_refused": self.env._(
                "Cloudprinter refused the API key for %(count)s orders in a row. Enter the right one, or resume.",
                count=KEY_ORDERS,
            ),
            "refusals": self.env._(
                "Cloudprinter refused the last %(count)s orders. Nothing is sent until an administrator resumes.",
                count=REFUSED_ORDERS,
            ),
        }
        obstacle = self._cloudprinter_obstacle()
        if obstacle:
            return reasons[obstacle]
        cron = self.env.ref("cloudprinter.ir_cron_send", raise_if_not_found=False)
        if not cron or not cron.sudo().active:
            return self.env._("The scheduled action “Cloudprinter: send signals” is not active.")
        cron = cron.sudo()
        if cron.failure_count:
            return self.env._(
                "The scheduled action “Cloudprinter: send signals” has failed %(count)s times since %(date)s."
                " The server log says why.",
                count=cron.failure_count,
                date=format_datetime(self.env, cron.first_failure_date),
            )
        outage = self._cloudprinter_circuit().outage
        late = fields.Datetime.now() - LATE_AFTER
        if oldest_due and oldest_due < late and (not outage or outage.retry_date < late):
            return self.env._(
                "Signals have been due since %(date)s and are not sent. The scheduled action last ran: %(last_run)s."
                " Check Odoo's workers and the server log.",
                date=format_datetime(self.env, oldest_due),
                last_run=format_datetime(self.env, cron.lastcall) if cron.lastcall else self.env._("never"),
            )
        if outage and len(outage.order_ids) == 1:
            return self.env._(
                "Cloudprinter has not accepted the last signal, of order %(order)s, since %(date)s. The next order"
                " shows whether it accepts others.",
                order=self.env["cloudprinter.order"].sudo().browse(outage.order_ids).name,
                date=format_datetime(self.env, outage.since),
            )
        if outage:
            return self.env._(
                "Cloudprinter has not answered as it should since %(date)s. Signals are sent as soon as it does.",
                date=format_datetime(self.env, outage.since),
            )
        return False

    def _cloudprinter_check_administrator(self):
        if not self.env.user.has_group("base.group_system"):
            raise AccessError(self.env._("Only administrators may decide this."))
        self.check_access("write")

    def action_cloudprinter_resume(self):
        """Try again, whatever Cloudprinter has answered before."""
        self._cloudprinter_check_administrator()
        for company in self:
            company._cloudprinter_config()._cloudprinter_retry_now()

    def action_cloudprinter_this_is_live(self):
        """Declare this database, after a move, to be the live one."""
        self._cloudprinter_check_administrator()
        for company in self:
            _logger.info("Cloudprinter: user %s declared this database the live one", self.env.uid)
            company._cloudprinter_config()._cloudprinter_bind_to_database()
        self.env["cloudprinter.signal"]._wake_sender()

    def action_cloudprinter_release(self):
        """Ask what of the recorded signals was already reported elsewhere, then send the rest."""
        self.ensure_one()
        self._cloudprinter_check_administrator()
        if not self._cloudprinter_holders():
            raise UserError(self.env._("Nothing is on hold."))
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.cloudprinter_release_action")
        wizard = self.with_company(self).env["cloudprinter.release"].create({})
        return {**action, "res_id": wizard.id}

    def _cloudprinter_lang(self):
        """The code of the company's language, or of another one if it is not active any more: Odoo refuses such."""
        self.ensure_one()
        return get_lang(self.env, self.sudo().partner_id.lang).code

    def _cloudprinter_zone(self):
        """The name of the company's time zone: of its working hours, which Odoo sets with the first user's."""
        self.ensure_one()
        company = self.sudo()
        return company.resource_calendar_id.tz or company.partner_id.tz or "UTC"

    def _cloudprinter_format_on_paper(self, date):
        """A time as the company has it and in UTC, for example 23/11/2026 16:02:11 CET (15:02:11 UTC).

        It does not depend on who prints.
        """
        zone = self._cloudprinter_zone()
        local = pytz.utc.localize(date).astimezone(pytz.timezone(zone))
        text = f"{format_datetime(self.env, date, tz=zone)} {local.tzname()}"
        if zone == "UTC":
            return text
        form = format_time if local.date() == date.date() else format_datetime
        return f"{text} ({form(self.env, date, tz='UTC')} UTC)"
