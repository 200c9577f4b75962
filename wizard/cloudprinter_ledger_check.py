from odoo import fields, models

from ..ledger import Store
from ..ledger.verify import PROBLEMS_AT_MOST


class CloudprinterLedgerCheck(models.TransientModel):
    """Dialog that checks the ledger and prints the result."""

    _name = "cloudprinter.ledger.check"
    _description = "Check the Ledger"

    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    known = fields.Text(
        "Earlier Prints",
        help="One line NUMBER:HASH each, from prints, e-mails and time stamps. The first 16 digits are enough.",
    )

    def action_check(self):
        """Check the ledger and print the result."""
        self.ensure_one()
        self.company_id._cloudprinter_check_may_read_ledger()
        return self.env.ref("cloudprinter.action_report_ledger_check").report_action(self)

    def _get_result(self):
        """Return what the report prints."""
        self.ensure_one()
        lines = [line for line in (self.known or "").splitlines() if line.strip()]
        chain = self.company_id._cloudprinter_check(lines)
        more = "+" if len(chain.problems) == PROBLEMS_AT_MOST else ""
        found = [("company_id", "=", self.company_id.id), ("kind", "=", "found")]
        return {
            "chain": chain,
            "count": f"{len(chain.problems)}{more}",
            "waiting": len(Store(self.env.cr).read_waiting(self.company_id.id)),
            "found": self.env["cloudprinter.ledger.entry"].search_count(found),
            "labels": {
                "number": self.env._("Entry"),
                "entry": self.env._("Entry without a number"),
                "signal": self.env._("Signal"),
                "attempt": self.env._("Attempt"),
                "column": self.env._("Column"),
            },
        }
