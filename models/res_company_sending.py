import hashlib
import hmac
import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .. import cloudsignal
from ..delivery import Queue

_logger = logging.getLogger(__name__)


class ResCompany(models.Model):
    """Whether a company sends, and the administrator's actions. The settings are in `res_company.py`."""

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
