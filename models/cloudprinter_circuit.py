from odoo import api, fields, models

from ..delivery import Circuit, Outage


class CloudprinterCircuit(models.Model):
    """Keeps what the sender knows about the endpoint and key of one company; see `delivery/circuit.py`.

    Only the sender writes it, in the transaction of the attempt that changed it. It applies as long as the company has
    the same key and no user has resumed sending since.
    """

    _name = "cloudprinter.circuit"
    _description = "Cloudprinter Circuit"
    _rec_name = "company_id"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    key_fingerprint = fields.Char(readonly=True, groups="base.group_system")
    resumed_request = fields.Integer(readonly=True)
    answered_id = fields.Integer(readonly=True)
    doubt_id = fields.Integer(readonly=True)
    failing_since = fields.Datetime(readonly=True)
    retry_date = fields.Datetime(readonly=True)
    failed_order_ids = fields.Json(readonly=True)
    told_to_wait = fields.Boolean(readonly=True)
    key_order_ids = fields.Json(readonly=True)
    refused_order_ids = fields.Json(readonly=True)

    _company_uniq = models.UniqueIndex("(company_id)")

    @api.model
    def _read_circuit(self, config):
        """Return the circuit of a company that has a key.

        :param config: from `_cloudprinter_config()`
        :rtype: Circuit
        """
        row = self.sudo().search([("company_id", "=", config.id)])
        known = row.key_fingerprint, row.resumed_request
        if known != (config._cloudprinter_key_fingerprint(), config.sudo().cloudprinter_resumed_request):
            return Circuit()
        outage = row.failing_since and Outage(
            row.failing_since, row.retry_date, tuple(row.failed_order_ids or ()), row.told_to_wait
        )
        return Circuit(
            row.answered_id,
            row.doubt_id,
            outage or None,
            tuple(row.key_order_ids or ()),
            tuple(row.refused_order_ids or ()),
        )

    @api.model
    def _write_circuit(self, endpoint):
        """Store the circuit of an Endpoint."""
        circuit, outage = endpoint.circuit, endpoint.circuit.outage
        vals = {
            "company_id": endpoint.company_id,
            "key_fingerprint": endpoint.key_fingerprint,
            "resumed_request": endpoint.resumed_request,
            "answered_id": circuit.answered_id,
            "doubt_id": circuit.doubt_id,
            "failing_since": outage and outage.since,
            "retry_date": outage and outage.retry_date,
            "failed_order_ids": outage and outage.order_ids,
            "told_to_wait": bool(outage and outage.told_to_wait),
            "key_order_ids": circuit.key_order_ids,
            "refused_order_ids": circuit.refused_order_ids,
        }
        row = self.search([("company_id", "=", endpoint.company_id)])
        if row:
            row.write(vals)
        else:
            self.create(vals)
