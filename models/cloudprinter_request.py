from datetime import datetime, timedelta

from odoo import api, fields, models

OUTCOMES = [
    ("accepted", "Accepted"),
    ("refused", "Refused"),
    ("key_refused", "Key Refused"),
    ("try_later", "Try Again Later"),
    ("no_answer", "No Answer"),
]
KEEP_ACCEPTED = 10  # calendar years after that of the acceptance, the retention period of accounts
VACUUM_AT_MOST = 1000  # per run


class CloudprinterRequest(models.Model):
    """One HTTP POST to CloudSignal, its answer and its verdict; written only by the sender.

    Accepted attempts are kept until the end of the tenth calendar year. Failed ones are deleted after the company's
    retention period, unless one of their signals is still pending. Each deletion is an entry of the ledger.
    """

    _name = "cloudprinter.request"
    _inherit = ["cloudprinter.evidence"]
    _description = "Cloudprinter Attempt"
    _order = "id desc"

    signal_ids = fields.Many2many("cloudprinter.signal", string="Signals", readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    date = fields.Datetime("Answered On", required=True, readonly=True, default=fields.Datetime.now)
    server_date = fields.Char("Server's Time", readonly=True, help="The time in the answer, as the server wrote it.")
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
                [("outcome", "=", "accepted"), ("date", "<", datetime(now.year - KEEP_ACCEPTED, 1, 1))],
            ):
                old = self.search([("company_id", "=", company.id), *domain], order="date", limit=VACUUM_AT_MOST)
                if old:
                    entries = self.env["cloudprinter.ledger.entry"]
                    # which attempts are missing from now on, and why
                    entries._add_fact(company, "retention", deleted=old.ids)
                    old._delete()
                    # this or another company may have more
                    return len(old), True
        return 0, False
