from odoo import Command, api, fields, models
from odoo.tools import SQL

from ..models.cloudprinter_order_document import ANSWER_WITHIN


class CloudprinterCertification(models.TransientModel):
    """Shows which cases of a print partner's test this database has passed, by orders that were really reported.

    A case passed if one order shows it: what counts is what Cloudprinter has accepted. It failed if Cloudprinter has
    refused it, or it came too late, and no order shows it. Test orders count.
    """

    _name = "cloudprinter.certification"
    _description = "Cloudprinter Certification Run"

    company_id = fields.Many2one("res.company", required=True, readonly=True)
    line_ids = fields.One2many("cloudprinter.certification.line", "certification_id", "Cases", readonly=True)
    summary = fields.Char("Result", compute="_compute_summary")

    @api.depends("line_ids.result")
    def _compute_summary(self):
        for run in self:
            passed = run.line_ids.filtered(lambda line: line.result == "passed")
            run.summary = self.env._("%(passed)s of %(all)s cases passed.", passed=len(passed), all=len(run.line_ids))

    @api.model
    def _open(self):
        """Look through the orders of the current company and show the result."""
        run = self.create({"company_id": self.env.company.id})
        run.line_ids = [
            Command.create({"name": name, "needs": needs, **found}) for name, needs, found in run._find_cases()
        ]
        return run._get_records_action(name=self.env._("Certification Run"), target="new")

    def action_print(self):
        """Print the result."""
        self.ensure_one()
        return self.env.ref("cloudprinter.action_report_certification").report_action(self, config=False)

    def _find_cases(self):
        """Return the cases: their names, what they need, and what was found, as values of a line."""
        return [
            (
                self.env._("Order Pushed"),
                self.env._("Cloudprinter pushed an order to the address for incoming orders."),
                self._find_document([]),
            ),
            (
                self.env._("Accepted in Time"),
                self.env._("ItemRegistered of all items was accepted within 15 minutes after the order was pushed."),
                self._find_accepted_in_time(),
            ),
            (
                self.env._("Shipped"),
                self.env._("ItemShipped was accepted, with a tracking reference."),
                self._find_signal(("type", "=", "ItemShipped"), ("tracking", "!=", False)),
            ),
            (
                self.env._("Delayed"),
                self.env._("ItemDelay or ItemError was accepted."),
                self._find_signal(("type", "in", ("ItemDelay", "ItemError"))),
            ),
            (
                self.env._("Canceled"),
                self.env._("ItemCanceled was accepted, with a cause."),
                self._find_signal(("type", "=", "ItemCanceled"), ("cause", "!=", False)),
            ),
            (
                self.env._("Reorder"),
                self.env._("ItemRegistered was accepted for an item of a reorder."),
                self._find_signal(("type", "=", "ItemRegistered"), ("order_id.is_reorder", "=", True)),
            ),
        ]

    def _find_signal(self, *domain):
        """Return what the newest accepted signal shows, else the newest refused one."""
        domain = [("company_id", "=", self.company_id.id), ("origin", "!=", "before"), *domain]
        for state, result in (("sent", "passed"), ("error", "failed")):
            signal = self.env["cloudprinter.signal"].search([*domain, ("state", "=", state)], limit=1)
            if signal:
                return {
                    "result": result,
                    "order_ref": signal.order_id.name,
                    "item_ref": signal.item_id.name,
                    "date": signal.sent_date or signal.event_date,
                    "number": signal.number,
                }
        return {"result": "open"}

    def _find_document(self, domain, result="passed"):
        """Return what the newest pushed document shows."""
        pushed = [("company_id", "=", self.company_id.id), ("version", "=", 1), ("user_id", "=", False)]
        document = self.env["cloudprinter.order.document"].search([*pushed, *domain], limit=1)
        if not document:
            return {"result": "open"}
        return {"result": result, "order_ref": document.name, "date": document.received_date}

    def _find_accepted_in_time(self):
        """Return the newest pushed order whose items were all accepted in time, else the newest that is too late."""
        self.env.flush_all()
        in_time = SQL(
            """
            SELECT document.id
              FROM cloudprinter_order_document document
             WHERE document.company_id = %s
               AND EXISTS (SELECT FROM cloudprinter_item WHERE order_id = document.order_id)
               AND NOT EXISTS (
                   SELECT
                     FROM cloudprinter_item item
                    WHERE item.order_id = document.order_id
                      AND NOT EXISTS (
                          SELECT
                            FROM cloudprinter_signal signal
                           WHERE signal.item_id = item.id
                             AND signal.type = 'ItemRegistered'
                             AND signal.state = 'sent'
                             AND signal.origin != 'before'
                             AND signal.sent_date <= document.received_date + %s
                      )
               )
            """,
            self.company_id.id,
            ANSWER_WITHIN,
        )
        found = self._find_document([("id", "in", in_time)])
        if found["result"] == "passed":
            return found
        late = [("received_date", "<", fields.Datetime.now() - ANSWER_WITHIN), ("state", "!=", "rejected")]
        return self._find_document(late, "failed")
