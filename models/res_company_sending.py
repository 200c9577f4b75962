import hashlib
import hmac
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_datetime

from .. import cloudsignal
from ..delivery import Queue
from ..delivery.circuit import KEY_ORDERS, REFUSED_ORDERS

_logger = logging.getLogger(__name__)

LATE_AFTER = timedelta(minutes=30)


class ResCompany(models.Model):
    """Sending status of a company and the administrator's actions. The settings are in `res_company.py`."""

    _inherit = "res.company"

    def _cloudprinter_bind_to_database(self):
        """Record that the key was saved in this database."""
        self.write({"cloudprinter_fingerprint": self._cloudprinter_database_fingerprint()})
        self.filtered(lambda company: not company.cloudprinter_key_date).write(
            {"cloudprinter_key_date": fields.Datetime.now()}
        )

    @api.model
    def _cloudprinter_database_fingerprint(self):
        """Return a digest of the database's uuid, name and cluster; the uuid alone would survive a copy."""
        [[cluster]] = self.env.execute_query(SQL("SELECT system_identifier FROM pg_control_system()"))
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        text = f"{uuid} {self.env.cr.dbname} {cluster}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _cloudprinter_key_fingerprint(self):
        """Return a digest that identifies the key of an attempt without revealing it."""
        self.ensure_one()
        secret = self.env["ir.config_parameter"].sudo().get_param("database.secret") or ""
        key = self.sudo().cloudprinter_signal_api_key or ""
        return hmac.new(secret.encode(), key.encode(), "sha256").hexdigest()[:32]

    def _cloudprinter_obstacle(self):
        """Return the code of the reason why signals of this company are not sent, or an empty string.

        :returns: copy, neutralized, hold, no_key, no_url, key_refused, refusals or ""
        """
        config = self._cloudprinter_config()
        key = config.cloudprinter_signal_api_key
        if self._cloudprinter_is_copy():
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

    def _cloudprinter_is_copy(self):
        """Return whether the key was saved in another database."""
        config = self._cloudprinter_config()
        saved_here = config.cloudprinter_fingerprint == self._cloudprinter_database_fingerprint()
        return bool(config.cloudprinter_signal_api_key) and not saved_here

    def _cloudprinter_holders(self):
        """Return the companies whose hold applies to this one: itself and the one whose key it uses."""
        self.ensure_one()
        return (self._cloudprinter_config() | self.sudo()).filtered("cloudprinter_hold")

    def _cloudprinter_held(self):
        """Return the companies whose signals are sent when the hold of these is released."""
        companies = self.sudo().search([("id", "child_of", self.ids)])
        holders = {company: company._cloudprinter_holders() for company in companies}
        return companies.filtered(lambda company: holders[company] and holders[company] <= self.sudo())

    def _cloudprinter_circuit(self):
        """Return the circuit of the endpoint and key of this company.

        :rtype: Circuit
        """
        return self.env["cloudprinter.circuit"]._read_circuit(self._cloudprinter_config())

    def _cloudprinter_retry_now(self):
        """Ignore earlier answers and retry all signals, including those of branches that use these settings."""
        companies = self.sudo().search([("id", "child_of", self.ids)])
        circuits = [company._cloudprinter_circuit() for company in self]
        refused = [
            order for circuit in circuits if circuit.stopped == "refusals" for order in circuit.refused_order_ids
        ]
        last = self.env["cloudprinter.request"].sudo().search([], limit=1)
        self.sudo().write({"cloudprinter_resumed_request": last.id})
        self.env.flush_all()
        again = Queue(self.env.cr).retry_now(companies.ids, refused)
        self.env["cloudprinter.signal"].invalidate_model()
        self.env["cloudprinter.signal"].sudo().browse(again)._record("queued")
        self.env["cloudprinter.signal"]._wake_sender()

    # === status === #

    def cloudprinter_status(self):
        """Return why nothing is sent to Cloudprinter and how many signals wait, for screens and monitoring.

        :rtype: dict
        :returns: `reason` (text for users, or False), `outgoing`, `waiting`, `error` (counts of signals),
            `oldest_due` (UTC, when the oldest due signal should have been sent, or False)
        """
        self.ensure_one()
        self.check_access("read")
        if not self.env.su and not self.env.user._is_internal():
            raise AccessError(self.env._("Only internal users may read this."))
        # the counts are not secret, and this must also work for administrators without access to signals
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
        """Return the text for the reason why nothing is sent, or False."""
        reasons = {
            "copy": self.env._("This looks like a copy of the database in which the key was saved. Nothing is sent."),
            "neutralized": self.env._("This database is neutralized. Nothing is sent."),
            "hold": self.env._("Sending is on hold. Signals are recorded but not sent."),
            "no_key": self.env._("The CloudSignal API key is missing. Signals are recorded but not sent."),
            "no_url": self.env._("The CloudSignal address is not valid. Signals are recorded but not sent."),
            "key_refused": self.env._(
                "Cloudprinter refused the API key for %(count)s orders in a row. Enter the correct one, or resume.",
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
                " See the server log.",
                count=cron.failure_count,
                date=format_datetime(self.env, cron.first_failure_date),
            )
        outage = self._cloudprinter_circuit().outage
        late = fields.Datetime.now() - LATE_AFTER
        if oldest_due and oldest_due < late and (not outage or outage.retry_date < late):
            return self.env._(
                "Signals due since %(date)s have not been sent. The scheduled action last ran: %(last_run)s."
                " Check Odoo's workers and the server log.",
                date=format_datetime(self.env, oldest_due),
                last_run=format_datetime(self.env, cron.lastcall) if cron.lastcall else self.env._("never"),
            )
        if outage and len(outage.order_ids) == 1:
            return self.env._(
                "Cloudprinter has not accepted the last signal, of order %(order)s, since %(date)s. The next order"
                " will show whether it accepts others.",
                order=self.env["cloudprinter.order"].sudo().browse(outage.order_ids).name,
                date=format_datetime(self.env, outage.since),
            )
        if outage:
            return self.env._(
                "Cloudprinter has not responded correctly since %(date)s. Signals are sent as soon as it does.",
                date=format_datetime(self.env, outage.since),
            )
        return False

    def _cloudprinter_check_administrator(self):
        if not self.env.user.has_group("base.group_system"):
            raise AccessError(self.env._("Only administrators may do this."))
        self.check_access("write")

    def action_cloudprinter_resume(self):
        """Resume sending, regardless of Cloudprinter's earlier answers."""
        self._cloudprinter_check_administrator()
        for company in self:
            company._cloudprinter_config()._cloudprinter_retry_now()

    def action_cloudprinter_this_is_live(self):
        """Mark this database as the live one after a move."""
        self._cloudprinter_check_administrator()
        for company in self:
            _logger.info("Cloudprinter: user %s declared this database the live one", self.env.uid)
            company._cloudprinter_config()._cloudprinter_bind_to_database()
        self.env["cloudprinter.signal"]._wake_sender()

    def action_cloudprinter_release(self):
        """Open the dialog that asks which recorded signals were already reported elsewhere and sends the rest."""
        self.ensure_one()
        self._cloudprinter_check_administrator()
        if not self._cloudprinter_holders():
            raise UserError(self.env._("Nothing is on hold."))
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.cloudprinter_release_action")
        wizard = self.with_company(self).env["cloudprinter.release"].create({})
        return {**action, "res_id": wizard.id}
