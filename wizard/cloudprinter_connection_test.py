from odoo import fields, models
from odoo.exceptions import UserError, ValidationError

from .. import cloudsignal
from ..cloudsignal import Outcome
from ..tools.parameters import get_user_agent
from ..tools.text import translate

# A key that Cloudprinter cannot have issued.
MADE_UP_KEY = "odoo-connection-test"


class CloudprinterConnectionTest(models.TransientModel):
    """Tests whether signals would reach Cloudprinter.

    CloudSignal has to refuse a request without a signal, and does so with a different error if the key is wrong: this
    tests the key without touching an order. A real signal is only sent with the ids of a test order.
    """

    _name = "cloudprinter.connection.test"
    _description = "Cloudprinter Connection Test"
    # short, as the administrator waits for the result
    _timeouts = {"connect_timeout": 5.0, "read_timeout": 10.0, "deadline": 15.0}

    order_ref = fields.Char("Test Order ID")
    item_ref = fields.Char("Test Item ID")
    verdict = fields.Selection(
        [("passed", "Works"), ("unclear", "Not Certain"), ("failed", "Does Not Work")], "Result", readonly=True
    )
    address_result = fields.Char("Address", readonly=True)
    key_result = fields.Char("API Key", readonly=True)
    signal_result = fields.Char("Signal", readonly=True)

    def action_test(self):
        """Run the test and show the results in the same dialog."""
        self.ensure_one()
        self.check_access("write")
        config = self._get_config()
        has_ids = self._check_ids()
        probe, key_is_proven = self._probe(config)
        usable = probe.outcome in (Outcome.REFUSED, Outcome.ACCEPTED)
        accepted = False
        if not has_ids:
            signal_result = self.env._("Not tested: enter the ids of a test order to send one.")
        elif usable:
            accepted, signal_result = self._send_signal()
        else:
            signal_result = self.env._("Not sent.")
        if not usable or (has_ids and not accepted):
            verdict = "failed"
        else:
            verdict = "passed" if accepted or key_is_proven else "unclear"
        if verdict == "passed":
            config.cloudprinter_tested_key = config._cloudprinter_key_fingerprint()
        self.write(
            {
                "verdict": verdict,
                "address_result": self._describe_address(config, probe),
                "key_result": self.env._("Accepted.") if accepted else self._describe_key(probe, key_is_proven),
                "signal_result": signal_result,
            }
        )
        return self._get_records_action(name=self.env._("Test Connection"), target="new")

    def _get_config(self):
        """Return the company whose key is tested.

        :raises UserError: this database may not post, or has no key
        """
        company = self.env.company
        if company._cloudprinter_obstacle() in ("copy", "neutralized"):
            raise UserError(company.cloudprinter_status()["reason"])
        config = company._cloudprinter_config()
        if not config.cloudprinter_signal_api_key:
            raise UserError(self.env._("Enter the CloudSignal API key and save the settings first."))
        return config

    def _check_ids(self):
        """Return whether the ids of a test order were entered.

        :raises UserError: a signal must not, or cannot, be sent for them
        """
        orders = self.env["cloudprinter.order"].sudo()
        order_ref, item_ref = orders._clean_id(self.order_ref), orders._clean_id(self.item_ref)
        if not order_ref and not item_ref:
            return False
        if not order_ref or not item_ref:
            raise ValidationError(self.env._("Enter both ids of the test order, or neither."))
        known = orders.search([("company_id", "=", self.env.company.id), ("name", "=", order_ref)])
        if known and not known.is_test:
            raise UserError(self.env._("Order %s is not a test order. Nothing was sent.", known.name))
        if known.signal_ids.filtered(lambda signal: signal.state == "outgoing"):
            raise UserError(self.env._("Signals of order %s are already queued. Enter another test order.", known.name))
        live = known.signal_ids.filtered(lambda signal: signal.type == "ItemRegistered" and signal.state != "canceled")
        if item_ref in live.item_id.mapped("name"):
            raise UserError(
                self.env._("ItemRegistered of item %s has already been reported. Enter another test item.", item_ref)
            )
        return True

    def _probe(self, config):
        """Post a request without a signal.

        :returns: the Result, and whether it proves that the key is right: a made-up key is refused
        """
        url, key = config.cloudprinter_signal_url or "", config.cloudprinter_signal_api_key
        try:
            client = cloudsignal.Client(url, user_agent=get_user_agent(), **self._timeouts)
        except cloudsignal.SignalError as error:
            raise UserError(
                self.env._("The CloudSignal address is not valid: %(reason)s", reason=translate(self.env, error))
            ) from error
        with client:
            probe = client.post({}, key)
            if probe.outcome is not Outcome.REFUSED:
                return probe, False
            return probe, client.post({}, MADE_UP_KEY).outcome is Outcome.KEY_REFUSED

    def _send_signal(self):
        """Send ItemRegistered of the test order.

        A signal that is not accepted is discarded, so that it creates no to-do.

        :returns: whether it was accepted, and the text for the user
        """
        items = self.env["cloudprinter.item"].sudo()
        item = items._get_for_refs(self.env.company, self.order_ref, self.item_ref, items, {})
        item.order_id.is_test = True
        signal = self.env["cloudprinter.signal"].sudo()._insert([item._prepare_report("ItemRegistered")])
        self.env.cr.flush()
        posted = self.env["cloudprinter.sender"].sudo()._send_test(signal)
        signal.invalidate_recordset()
        if signal.state == "sent":
            return True, self.env._(
                "Accepted: %(signal)s, No. %(number)s in the ledger.",
                signal=signal.display_name,
                number=signal.number,
            )
        answer = signal.answer
        signal.action_discard()
        if not posted:
            return False, self.env._("Not sent: other signals are being sent right now. Try again in a minute.")
        return False, self.env._("Not accepted: %(answer)s", answer=answer or self.env._("no answer"))

    def _describe_address(self, config, probe):
        if probe.status_code is None:
            return self.env._(
                "Not reached: %(url)s (%(reason)s).",
                url=config.cloudprinter_signal_url,
                reason=translate(self.env, probe.message),
            )
        return self.env._(
            "Reached: %(url)s answered in %(duration)s ms.",
            url=config.cloudprinter_signal_url,
            duration=probe.duration_ms,
        )

    def _describe_key(self, probe, key_is_proven):
        if key_is_proven:
            return self.env._("Accepted. A made-up key was refused.")
        if probe.outcome is Outcome.KEY_REFUSED:
            return self.env._("Refused with HTTP %(status)s: %(words)s", status=probe.status_code, words=probe.message)
        if probe.outcome is Outcome.REFUSED:
            return self.env._("Not certain: the key was not refused, but neither was a made-up key.")
        if probe.outcome is Outcome.ACCEPTED:
            return self.env._("Not certain: the address accepts a request without a signal, unlike CloudSignal.")
        if probe.status_code:
            return self.env._("Not tested: HTTP %(status)s, %(words)s", status=probe.status_code, words=probe.message)
        return self.env._("Not tested.")
