from odoo import fields, models

OUTCOMES = [
    ("accepted", "Accepted"),
    ("refused", "Refused"),
    ("key_refused", "Key Refused"),
    ("try_later", "Try Again Later"),
    ("no_answer", "No Answer"),
]


class CloudprinterRequest(models.Model):
    """One HTTP POST to CloudSignal and its answer; written by the sender only and never changed."""

    _name = "cloudprinter.request"
    _description = "Cloudprinter Attempt"
    _order = "id desc"

    signal_ids = fields.Many2many("cloudprinter.signal", string="Signals", readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    url = fields.Char("URL", readonly=True)
    body = fields.Text(readonly=True, help="What was posted, without the key.")
    outcome = fields.Selection(OUTCOMES, readonly=True)
    status_code = fields.Integer("HTTP Status", readonly=True)
    response = fields.Text(readonly=True)
    error = fields.Char(readonly=True)
    duration_ms = fields.Integer("Duration (ms)", readonly=True)
    key_fingerprint = fields.Char(readonly=True, groups="base.group_system")

    _key_idx = models.Index("(key_fingerprint, id)")
