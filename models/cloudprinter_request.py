from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError

from .cloudprinter_signal import LEDGER_TOKEN

OUTCOMES = [
    ("accepted", "Accepted"),
    ("refused", "Refused"),
    ("key_refused", "Key Refused"),
    ("try_later", "Try Again Later"),
    ("no_answer", "No Answer"),
]
KEEP_ACCEPTED = timedelta(days=3653)  # ten years, the retention period of accounts
VACUUM_AT_MOST = 1000  # per run


class CloudprinterRequest(models.Model):
    """One HTTP POST to CloudSignal, its answer and its verdict; written only by the sender.

    Accepted attempts are kept for ten years. Failed ones are deleted after the company's retention period, unless one
    of their signals is still pending.
    """

    _name = "cloudprinter.request"
    _description = "Cloudprinter Attempt"
    _order = "id desc"

    signal_ids = fields.Many2many("cloudprinter.signal", string="Signals", readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    date = fields.Datetime("Answered On", required=True, readonly=True, default=fields.Datetime.now)
    url = fields.Char("URL", readonly=True)
    body = fields.Text(readonly=True, help="The posted body, without the key.")
    outcome = fields.Selection(OUTCOMES, readonly=True)
    status_code = fields.Integer("HTTP Status", readonly=True)
    response = fields.Text(readonly=True)
    error = fields.Char(readonly=True, help="Cloudprinter's answer, or why there is none.")
    posts = fields.Integer(
        readonly=True, default=1, help="2: the connection was closed before an answer, so a new one was used."
    )
    verdict = fields.Selection(
        [
            ("accepted", "Accepted"),
            ("refused", "Refused"),
            ("own", "Signal failed"),
            ("apart", "Bundle split"),
            ("outage", "Cloudprinter was not available"),
        ],
        readonly=True,
        help="The result of the answer.",
    )
    applied = fields.Boolean(readonly=True, default=True, help="The verdict has been applied to its signals.")
    duration_ms = fields.Integer("Duration (ms)", readonly=True)
    key_fingerprint = fields.Char(readonly=True, groups="base.group_system")

    _unapplied_idx = models.Index("(id) WHERE NOT applied")
    _vacuum_idx = models.Index("(company_id, outcome, date)")

    def _compute_display_name(self):
        for request in self:
            request.display_name = self.env._("Attempt %s", request.id)

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.context.get("cloudprinter_ledger") is not LEDGER_TOKEN:
            raise AccessError(self.env._("Attempts can only be recorded by the sender."))
        return super().create(vals_list)

    def write(self, vals):
        if self.env.context.get("cloudprinter_ledger") is not LEDGER_TOKEN:
            raise AccessError(self.env._("Attempts cannot be changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_by_vacuum(self):
        if self.env.context.get("cloudprinter_ledger") is not LEDGER_TOKEN:
            raise AccessError(self.env._("Attempts are evidence. They cannot be deleted."))

    @api.autovacuum
    def _gc_requests(self):
        """Delete one batch of attempts that are past their retention period.

        :returns: how many were deleted, and whether there are more
        """
        now = fields.Datetime.now()
        # companies are few, and each has its own limit
        for company in self.env["res.company"].search([]):  # pylint: disable=no-search-all
            config = company._cloudprinter_config()
            keep = timedelta(days=config.cloudprinter_retention_days)
            for domain in (
                [
                    # "!=" would not use the index
                    ("outcome", "in", [outcome for outcome, _label in OUTCOMES if outcome != "accepted"]),
                    ("date", "<", now - keep),
                    ("signal_ids", "not any", [("state", "in", ("waiting", "outgoing", "error"))]),
                ],
                [("outcome", "=", "accepted"), ("date", "<", now - KEEP_ACCEPTED)],
            ):
                old = self.search([("company_id", "=", company.id), *domain], order="date", limit=VACUUM_AT_MOST)
                if old:
                    old.with_context(cloudprinter_ledger=LEDGER_TOKEN).unlink()
                    # this or another company may have more
                    return len(old), True
        return 0, False
