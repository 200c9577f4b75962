import json
import logging

import psycopg2.errors

from odoo import api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..delivery import FAULTS_AT_MOST, Queue, Verdict, decide, settle
from ..ledger import Store
from ..tools.text import Text, translate
from .cloudprinter_signal import DETAILS

_logger = logging.getLogger(__name__)


class CloudprinterLedger(models.AbstractModel):
    """Records attempts, what follows from them, and the numbers of acceptances.

    An attempt is recorded with its verdict in a transaction that touches no signal, so it never waits for a user. Its
    signals are changed when no user holds them, in a later run if necessary; until then none of them is claimed.
    """

    _name = "cloudprinter.ledger"
    _description = "Cloudprinter Ledger"

    # === attempts === #

    @api.model
    def _record(self, run, attempts):
        """Record attempts, their verdicts and the circuits, and commit.

        :param list attempts: of Attempt
        :rtype: cloudprinter.request
        """
        before = {attempt.bundle.endpoint: attempt.bundle.endpoint.circuit for attempt in attempts}
        try:
            requests = self._write_attempts(attempts)
            for endpoint, circuit in before.items():
                # after a change of the settings it belongs to a key that is no longer used
                if endpoint.circuit != circuit and endpoint in run.endpoints:
                    self.env["cloudprinter.circuit"]._write_circuit(endpoint)
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except Exception:
            self.env.cr.rollback()
            for endpoint, circuit in before.items():
                endpoint.circuit = circuit
            requests = self.env["cloudprinter.request"]
            if len(attempts) > 1:
                # one that cannot be written must not block the others
                return requests.union(*(self._record(run, [attempt]) for attempt in attempts))
            _logger.exception("Cloudprinter: an attempt for order %s cannot be recorded", attempts[0].bundle.order_id)
            return requests
        for endpoint, circuit in before.items():
            self._log_change(endpoint, circuit)
        return requests

    @api.model
    def _write_attempts(self, attempts):
        """Record attempts and decide what follows from each.

        :rtype: cloudprinter.request
        """
        store, requests = Store(self.env.cr), self.env["cloudprinter.request"]
        if not attempts:
            return requests
        rows = []
        for attempt_id, attempt in zip(store.reserve_attempt_ids(len(attempts)), attempts):
            endpoint = attempt.bundle.endpoint
            decision = decide(endpoint.circuit, attempt.bundle, attempt_id, attempt.result, attempt.date)
            endpoint.circuit = decision.circuit
            rows.append({"id": attempt_id, "verdict": decision.verdict.value, **self._prepare_request(attempt)})
        links = [(row["id"], member.id) for row, attempt in zip(rows, attempts) for member in attempt.bundle.rows]
        store.insert_attempts(rows, links)
        self.env["cloudprinter.signal"].invalidate_model(["request_ids"], flush=False)
        return requests.browse(row["id"] for row in rows)

    @api.model
    def _prepare_request(self, attempt):
        bundle, result = attempt.bundle, attempt.result
        message = result.message
        if isinstance(message, Text):
            lang = self.env["res.company"].browse(bundle.company_id)._cloudprinter_lang()
            message = translate(self.with_context(lang=lang).env, message)
        now = self.env.cr.now()
        return {
            "company_id": bundle.company_id,
            "date": attempt.date,
            "server_date": result.date or None,
            "url": bundle.endpoint.url,
            "body": json.dumps(attempt.body, ensure_ascii=False),
            "outcome": result.outcome.value,
            "status_code": result.status_code,
            "response": result.response or None,
            "error": message or None,
            "posts": result.posts,
            "duration_ms": result.duration_ms,
            "key_fingerprint": bundle.endpoint.key_fingerprint,
            "applied": False,
            "create_date": now,
            "write_date": now,
            "create_uid": self.env.uid,
            "write_uid": self.env.uid,
        }

    @api.model
    def _log_change(self, endpoint, before):
        """Log when a circuit opens, closes or stops."""
        after = endpoint.circuit
        if after.stopped and not before.stopped:
            _logger.warning("Cloudprinter: company %s has stopped sending: %s", endpoint.company_id, after.stopped)
        elif after.outage and not before.outage:
            _logger.warning("Cloudprinter: company %s gets no answer or an error", endpoint.company_id)
        elif before.outage and not after.outage:
            _logger.info("Cloudprinter: company %s gets answers again", endpoint.company_id)

    # === signals === #

    @api.model
    def _apply(self, requests=None):
        """Apply recorded attempts to their signals, unless another transaction holds one of them, and commit.

        :param requests: attempts, by default all that are not applied
        :returns: the attempts that are still not applied
        :rtype: cloudprinter.request
        """
        if requests is None:
            requests = self.env["cloudprinter.request"].search([("applied", "=", False)], order="id")
        if not requests:
            return requests
        try:
            free = Queue(self.env.cr).lock(requests.signal_ids.ids)
            ready = requests.filtered(lambda request: free.issuperset(request.signal_ids.ids))
            self._settle(ready)
            # even if nothing was written: a transaction that holds one of the rows may wait for another
            self.env.cr.commit()  # pylint: disable=invalid-commit
            return requests - ready
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            self.env.cr.rollback()
            return requests
        except Exception as error:
            self.env.cr.rollback()
            if len(requests) > 1:
                # one that cannot be applied must not block the others
                return requests.browse().union(*(self._apply(request) for request in requests))
            if isinstance(error, psycopg2.errors.UniqueViolation) and "number" in (error.diag.constraint_name or ""):
                # another sender has used this number
                return requests
            _logger.exception("Cloudprinter: attempt %s cannot be applied to its signals", requests.id)
            return requests

    @api.model
    def _settle(self, requests):
        """Apply these attempts to their signals, which are locked."""
        accepted, changed = [], self.env["cloudprinter.signal"]
        numbers = {}
        for request in requests:
            verdict, signals = Verdict(request.verdict), request.signal_ids.sorted("id")
            if verdict is not Verdict.ACCEPTED:
                self._write_failure(request, verdict, signals.filtered(lambda signal: signal.state == "outgoing"))
                continue
            company_id, body = request.company_id.id, json.loads(request.body)
            if company_id not in numbers:
                numbered = [("company_id", "=", company_id), ("number", ">", 0)]
                numbers[company_id] = changed.search(numbered, order="number desc", limit=1).number
            # the ledger records what was posted, whatever users have changed or decided in the meantime
            for signal, sent in zip(signals, body.get("items", [body])):
                if signal.state == "sent":
                    continue
                numbers[company_id] += 1
                details = [sent.get(name) for name in DETAILS]
                answer = (request.id, request.date, request.status_code, request.posts - 1)
                accepted.append((signal.id, numbers[company_id], *answer, *details))
                if (signal.tracking or None) != sent.get("tracking"):
                    changed += signal
        if accepted:
            self.env.flush_all()
            Queue(self.env.cr).accept(accepted, self.env.uid)
            changed.invalidate_model(flush=False)
        for signal in changed.filtered(lambda signal: signal.res_model == "stock.picking"):
            signal._update_tracking(self.env["stock.picking"].browse(signal.res_id).exists())
        self.env["cloudprinter.ledger.entry"]._add_posts(requests)
        changed.invalidate_model(flush=False)

    @api.model
    def _write_failure(self, request, verdict, signals):
        """Apply an attempt that was not accepted to its queued signals."""
        for fault_count, members in signals.grouped("fault_count").items():
            change = settle(verdict, fault_count, request.date)
            answer = (request.error or "")[:500] or None
            repeats = request.posts - 1
            Queue(self.env.cr).fail(
                members.ids, change, request.id, request.status_code or None, answer, repeats, self.env.uid
            )
        signals.invalidate_model(flush=False)

    @api.model
    def _refuse(self, signal, error):
        """Mark a signal as refused without posting it, because the API would not accept it."""
        env = self.with_context(lang=signal.company_id._cloudprinter_lang()).env
        vals = {"state": "error", "failure_type": "refused", "answer": translate(env, error), "to_log": True}
        signal._update(vals, "refused")

    @api.model
    def _expire(self):
        """Give up on signals whose answers were never recorded, because each time the posting process ended."""
        self.env["cloudprinter.signal"].search(
            [
                ("state", "=", "outgoing"),
                ("fault_count", ">=", FAULTS_AT_MOST),
                ("request_ids", "not any", [("applied", "=", False)]),
            ]
        )._update({"state": "error", "failure_type": "expired", "to_log": True}, "expired")
