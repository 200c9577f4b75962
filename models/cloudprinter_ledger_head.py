from odoo import fields, models


class CloudprinterLedgerHead(models.Model):
    """The last entry of each chain. Only the sender writes it, and only from here the next number is taken."""

    _name = "cloudprinter.ledger.head"
    _inherit = ["cloudprinter.evidence"]
    _description = "Head of the Ledger"
    _log_access = False
    _rec_name = "company_id"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="restrict")
    number = fields.Integer(required=True, readonly=True)
    hash = fields.Char(required=True, readonly=True)

    _company_uniq = models.UniqueIndex("(company_id)")
