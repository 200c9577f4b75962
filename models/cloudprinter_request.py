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
KEEP_ACCEPTED = timedelta(days=3653)  # ten years, as books are kept
VACUUM_AT_MOST = 1000  # in one go


class CloudprinterRequest(models.Model):
    """One HTTP POST to CloudSignal, its answer and what follows from it; written by the sender only.

    Acceptances are kept for ten years. An attempt that failed is deleted after the time that the company chose, but
    not while one of its signals waits for anything.
    """

    _name = "cloudprinter.request"
    _description = "Cloudprinter Attempt"
    _order = "id desc"

    signal_ids = fields.Many2many("cloudprinter.signal", string="Signals", readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    date = fields.Datetime("Answered On", required=True, readonly=True, default=fields.Datetime.now)
    url = fields.Char("URL", readonly=True)
    body = fields.Text(readonly=True, help="What was posted, without the key.")
    outcome = fields.Selection(OUTCOMES, readonly=True)
    status_code = fields.Integer("HTTP Status", readonly=True)
    response = fields.Text(readonly=True)
    error = fields.Char(readonly=True, help="What Cloudprinter said, or why there is no answer.")
    posts = fields.Integer(
        readonly=True, default=1, help="2: the connection was closed before an answer, so it was posted on a new one."
    )
    verdict = fields.Selection(
        [
            ("accepted", "Accepted"),
            ("refused", "Refused"),
            ("own", "Failure of the signal"),
            ("apart", "Bundle taken apart"),
            ("outage", "Cloudprinter was not available"),
        ],
        readonly=True,
        help="What follows from the answer.",
    )
    applied = fields.Boolean(readonly=True, default=True, help="Its signals have the verdict.")
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
            raise AccessError(self.env._("Attempts are written down by the sender alone."))
        return super().create(vals_list)

    def write(self, vals):
        if self.env.context.get("cloudprinter_ledger") is not LEDGER_TOKEN:
            raise AccessError(self.env._("An attempt that was made cannot be changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_by_vacuum(self):
        if self.env.context.get("cloudprinter_ledger") is not LEDGER_TOKEN:
            raise AccessError(self.env._("Attempts are evidence. They cannot be deleted."))

    @api.autovacuum
    def _gc_requests(self):
        """Delete what is older than its company keeps it, a part at a time.

        :returns: how many were deleted, and whether there are more
        """
        now = fields.Datetime.now()
        # they are few, and each has its own time
        for company in self.env["res.company"].search([]):  # pylint: disable=no-search-all
            config = company._cloudprinter_config()
            keep = timedelta(days=config.cloudprinter_retention_days)
            for domain in (
                [
                    # not "other than accepted": the index is to be used
                    ("outcome", "in", [outcome for outcome, _label in OUTCOMES if outcome != "accepted"]),
                    ("date", "<", now - keep),
                    ("signal_ids", "not any", [("state", "in", ("waiting", "outgoing", "error"))]),
                ],
                [("outcome", "=", "accepted"), ("date", "<", now - KEEP_ACCEPTED)],
            ):
                old = self.search([("company_id", "=", company.id), *domain], order="date", limit=VACUUM_AT_MOST)
                if old:
                    old.with_context(cloudprinter_ledger=LEDGER_TOKEN).unlink()
                    # this company or another one may have more
                    return len(old), True
        return 0, False
