import logging
from base64 import b64encode

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date

from ..ledger import Store, verify
from ..ledger.timestamp import StampError, get_stamp

_logger = logging.getLogger(__name__)


class CloudprinterLedgerSeal(models.AbstractModel):
    """Seals the ledger: what is written again after a seal differs from it.

    Each month the last number and hash become an entry, to be printed, and are sent to the auditor. Where the company
    names a time-stamping authority, it stamps them each day. If that fails, it is tried again an hour later.
    """

    _name = "cloudprinter.ledger.seal"
    _description = "Seal of the Ledger"

    @api.model
    def _cron_seal(self):
        """Seal the ledgers for which it is time."""
        store = Store(self.env.cr)
        companies = self.env["res.company"].search([])  # pylint: disable=no-search-all
        for company in companies:
            head = store.get_heads(company.ids).get(company.id)
            if head and not company._cloudprinter_is_copy():
                self._seal(store, company, head)
                self._stamp(store, company, head)
                self.env["ir.cron"]._commit_progress(1)

    @api.model
    def _get_last(self, store, company, kind):
        """Return the date of the last seal of this kind and the number that it names, empty if there is none."""
        chain, date = verify.Chain(company.id), ""
        for entry in store.read_others(company.id, [kind])[-1:]:
            chain.learn(entry)
            date = str(entry["date"])
        return date, chain.seals[-1][1] if chain.seals else 0

    @api.model
    def _seal(self, store, company, head):
        today = fields.Date.to_string(fields.Date.today())
        number, entry_hash = head
        if self._get_last(store, company, "seal")[0][:7] == today[:7]:
            return
        self.env["cloudprinter.ledger.entry"]._add_fact(company, "seal", number=number, hash=entry_hash)
        if company.cloudprinter_auditor_email:
            self._send(company, number, entry_hash)

    @api.model
    def _send(self, company, number, entry_hash):
        """Have Odoo send the seal to the auditor."""
        env = self.with_context(lang=company._cloudprinter_lang()).env
        subject = env._(
            "Seal of the Cloudprinter ledger of %(company)s, %(date)s",
            company=company.name,
            date=format_date(env, fields.Date.today()),
        )
        text = env._(
            "Keep this e-mail. Who changes the ledger afterwards cannot change it here. To compare it, enter this line"
            " in Odoo under Check the Ledger, or pass it to verify.py of an export:"
        )
        self.env["mail.mail"].create(
            {
                "subject": subject,
                "body_html": Markup("<p>%s</p><p><code>%s:%s</code></p>") % (text, number, entry_hash),
                "email_to": company.cloudprinter_auditor_email,
                "email_from": company.email_formatted or self.env.user.email_formatted,
                "auto_delete": False,
            }
        )

    @api.model
    def _stamp(self, store, company, head):
        number, entry_hash = head
        date, last = self._get_last(store, company, "stamp")
        # after a stamp, its own entry is the last
        if (
            not company.cloudprinter_stamp_url
            or number <= last + 1
            or date[:10] == fields.Date.to_string(fields.Date.today())
        ):
            return
        chain = verify.Chain(company.id)
        for entry in store.read_others(company.id, ["begin"]):
            chain.learn(entry)
        try:
            answer, time = get_stamp(company.cloudprinter_stamp_url, chain.get_seal(number, entry_hash))
        except StampError as error:
            _logger.warning("Cloudprinter: the ledger of company %s was not time-stamped: %s", company.id, error)
            return
        self.env["cloudprinter.ledger.entry"]._add_fact(
            company,
            "stamp",
            number=number,
            hash=entry_hash,
            time=f"{time:%Y-%m-%d %H:%M:%S}",
            answer=b64encode(answer).decode(),
        )
