import re
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ..ledger import Store, check_company, check_order
from ..tools.text import translate

# settings whose changes are in the ledger
RECORDED = {
    "cloudprinter_hold",
    "cloudprinter_retention_days",
    "cloudprinter_signal_api_key",
    "cloudprinter_signal_url",
    "cloudprinter_stamp_url",
}
WAITS_AT_MOST = timedelta(minutes=10)
ADDRESS = re.compile(r"https?://[^\s/?#@\\]+([/?]\S*)?", re.IGNORECASE)


class ResCompany(models.Model):
    """The ledger of a company: what of its settings is recorded, and the check."""

    _inherit = "res.company"

    cloudprinter_auditor_email = fields.Char(
        "Auditor's E-mail", groups="base.group_system", help="Gets the seal of the ledger each month."
    )
    cloudprinter_stamp_url = fields.Char(
        "Time-Stamping Authority",
        groups="base.group_system",
        help="Address of an RFC 3161 service, to which a digest of the ledger is sent each day.",
    )

    @api.constrains("cloudprinter_stamp_url")
    def _check_cloudprinter_stamp_url(self):
        for company in self.sudo():
            if company.cloudprinter_stamp_url and not ADDRESS.fullmatch(company.cloudprinter_stamp_url):
                raise ValidationError(
                    self.env._(
                        "The address of the time-stamping authority is not valid. Enter one such as"
                        " https://tsa.example.com/tsr, without a user name or password."
                    )
                )

    def _cloudprinter_get_recorded(self):
        """Return what the ledger says of the settings of these companies.

        :rtype: dict[int, dict]
        """
        return {
            company.id: {
                "url": company.cloudprinter_signal_url or "",
                "key": company.cloudprinter_signal_api_key and company._cloudprinter_key_fingerprint(),
                "hold": company.cloudprinter_hold,
                "retention_days": company.cloudprinter_retention_days,
                "stamp_url": _strip_address(company.cloudprinter_stamp_url),
            }
            for company in self.sudo()
        }

    def _cloudprinter_record_settings(self, before):
        """Record the settings that differ from those before."""
        after = self._cloudprinter_get_recorded()
        for company in self:
            if after[company.id] != before.get(company.id):
                self.env["cloudprinter.ledger.entry"].sudo()._add_fact(company, "settings", **after[company.id])

    # === the check === #

    def _cloudprinter_check_may_read_ledger(self):
        """Raise an AccessError unless the user may read the whole ledger of these companies."""
        for model in ("cloudprinter.signal", "cloudprinter.request", "cloudprinter.ledger.entry"):
            self.env[model].check_access("read")
        if not self.env.su and not self <= self.env.user.company_ids:
            raise AccessError(self.env._("You may not read the ledger of this company."))

    def cloudprinter_check_ledger(self, known=()):
        """Check the ledger: its chain, and that signals and attempts say what their last entries say.

        An empty list does not prove that nothing was removed at the end or written again: compare the numbers and
        hashes of old prints, e-mails and time stamps.

        :param known: texts NUMBER:HASH from old prints; the first 16 digits of a hash are enough
        :rtype: list[dict]
        :returns: at most 1,000 findings, each with `problem` (a text) and `number` of an entry, `entry`, `signal`
            or `attempt` (ids), or `column`
        """
        self.ensure_one()
        return self._cloudprinter_check(known).problems

    def _cloudprinter_check(self, known=()):
        """Check the ledger and translate what was found.

        :rtype: Chain
        """
        self._cloudprinter_check_may_read_ledger()
        self.env.flush_all()
        late = fields.Datetime.to_string(fields.Datetime.now() - WAITS_AT_MOST)
        chain = check_company(
            Store(self.env.cr), self.id, late, [self._cloudprinter_read_known(text) for text in known]
        )
        self._cloudprinter_translate(chain)
        return chain

    def _cloudprinter_check_order(self, order):
        """Check what the ledger has about one order of this company.

        :rtype: Chain
        """
        self.ensure_one()
        self.env.flush_all()
        chain = check_order(Store(self.env.cr), self.id, order.id)
        self._cloudprinter_translate(chain)
        return chain

    def _cloudprinter_translate(self, chain):
        for finding in chain.problems:
            finding["problem"] = translate(self.env, finding["problem"])

    def _cloudprinter_read_known(self, text):
        """Return the number, hash and origin that a text NUMBER:HASH names."""
        number, _colon, entry_hash = str(text).strip().partition(":")
        digits = number.strip()
        return int(digits) if digits.isdecimal() and len(digits) < 10 else 0, entry_hash.strip(), str(text).strip()


def _strip_address(url):
    """Return an address without its query, which may be secret."""
    return re.split(r"[?#]", url)[0] if ADDRESS.fullmatch(url or "") else ""
