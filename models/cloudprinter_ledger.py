import json
import logging
from dataclasses import replace

from odoo import api, fields, models
from odoo.tools import SQL

from ..cloudsignal import Outcome, Text
from ..tools.poster import REFUSALS_AT_MOST
from ..tools.run import Caution
from ..tools.schedule import HORIZON, SCHEDULE, spread
from ..tools.translate import translate
from .cloudprinter_request import FAILURES

_logger = logging.getLogger(__name__)


class CloudprinterLedger(models.AbstractModel):
    """Writes down what Cloudprinter answered, and what follows from it.

    Nothing here commits: the sender does, when all of a batch is written. Acceptances and attempts are written in
    one statement for a batch, by which a backlog drains as fast as it can be posted.
    """

    _name = "cloudprinter.ledger"
    _description = "Cloudprinter Ledger"

    def _write_attempts(self, run, attempts, found):
        """Write what was answered; returns what the documents are to be told, as a list of (signal id, Attempt).

        :param dict found: signal id → its state and its tracking code, as they are now
        """
        attempts = [self._explain(run, attempt) for attempt in attempts]
        written = self._write_requests([attempt for attempt in attempts if attempt.body])
        accepted, notes, seen = {}, [], set()
        for attempt in attempts:
            ids = attempt.signal_ids
            endpoint = run.endpoints[attempt.bundle.company_id]
            # taken apart after a refused bundle
            for signal in self.env["cloudprinter.signal"].browse(seen.intersection(ids)):
                signal.attempt_count += 1
            seen.update(ids)
            if attempt.result.outcome is Outcome.ACCEPTED:
                # also what a person discarded meanwhile: Cloudprinter has it
                accepted.update((id_, attempt) for id_ in ids if found[id_][0] != "sent")
            else:
                queued = [id_ for id_ in ids if found[id_][0] == "outgoing" and id_ not in accepted]
                given_up = self._keep(self.env["cloudprinter.signal"].browse(queued), attempt, endpoint)
                notes += [(id_, attempt) for id_ in given_up.ids]
            if attempt.body:
                self._follow_circuit(run, endpoint, attempt, *written[id(attempt)])
        self._accept(accepted, found)
        return notes + list(accepted.items())

    def _explain(self, run, attempt):
        """Why no answer came is written down in the language of the company."""
        message = attempt.result.message
        if not isinstance(message, Text):
            return attempt
        env = self.with_context(lang=run.endpoints[attempt.bundle.company_id].lang).env
        return attempt._replace(result=replace(attempt.result, message=translate(env, message)))

    def _keep(self, signals, attempt, endpoint):
        """What becomes of queued signals that were not accepted; returns those that are not tried again."""
        result = attempt.result
        signals.write({"http_status": result.status_code, "answer": result.message})
        if result.outcome is Outcome.REFUSED:
            if len(attempt.signal_ids) > 1:
                # taken apart
                return signals.browse()
            signals.write({"state": "error", "failure_type": "refused"})
            return signals
        if result.outcome is Outcome.KEY_REFUSED:
            signals.write({"failure_type": "key", "next_attempt_date": attempt.date, "expiry_date": False})
            return signals.browse()
        signals.write({"failure_type": "endpoint"})
        if endpoint.is_open:
            # while it answers to nobody, nobody's time runs
            return signals.browse()
        signals.filtered(lambda signal: not signal.expiry_date).write(
            {"expiry_date": fields.Datetime.add(attempt.date, days=HORIZON)}
        )
        expired = signals.filtered(lambda signal: signal.expiry_date <= attempt.date)
        expired.write({"state": "error", "failure_type": "expired"})
        return expired

    def _accept(self, accepted, found):
        """The ledger says what Cloudprinter has: what was posted, whatever was typed or decided meanwhile.

        :param dict accepted: signal id → the Attempt that was answered with 200
        :param dict found: as in `_write_attempts`
        """
        if not accepted:
            return
        numbers = self._get_next_numbers({attempt.bundle.company_id for attempt in accepted.values()})
        rows, changed = [], []
        for signal_id, attempt in accepted.items():
            sent = attempt.bundle.signals[signal_id]
            company_id = attempt.bundle.company_id
            details = (sent.tracking, sent.shipping_option, sent.cause, sent.message, sent.delay)
            status = attempt.result.status_code
            rows.append((signal_id, numbers[company_id], attempt.date, status, *(text or None for text in details)))
            numbers[company_id] += 1
            if found[signal_id][1] != sent.tracking:
                changed.append(signal_id)
        self.env.flush_all()
        self.env.execute_query(
            SQL(
                """
                UPDATE cloudprinter_signal signal
                   SET state = 'sent', failure_type = NULL, answer = NULL, number = sent.number,
                       sent_date = sent.date::timestamp, http_status = sent.status, tracking = sent.tracking,
                       shipping_option = sent.shipping_option, cause = sent.cause, message = sent.message,
                       delay = sent.delay, write_date = now() AT TIME ZONE 'UTC', write_uid = %s
                  FROM (VALUES %s) AS sent(id, number, date, status, tracking, shipping_option, cause, message, delay)
                 WHERE signal.id = sent.id
             RETURNING signal.id
                """,
                self.env.uid,
                SQL(", ").join(SQL("%s", row) for row in rows),
            )
        )
        signals = self.env["cloudprinter.signal"]
        signals.invalidate_model()
        for signal in signals.browse(changed).filtered(lambda signal: signal.res_model == "stock.picking"):
            signal._update_tracking(self.env["stock.picking"].browse(signal.res_id).exists())

    @api.model
    def _get_next_numbers(self, company_ids):
        """The next number of each company's ledger; there is one sender, so they have no gaps."""
        numbers = dict.fromkeys(company_ids, 1)
        for company_id in company_ids:
            rows = self.env.execute_query(
                SQL(
                    "SELECT number FROM cloudprinter_signal WHERE company_id = %s AND number > 0"
                    " ORDER BY number DESC LIMIT 1",
                    company_id,
                )
            )
            if rows:
                numbers[company_id] = rows[0][0] + 1
        return numbers

    @api.model
    def _write_requests(self, attempts):
        """Write a row for each attempt, in this order.

        :returns: `id()` of the attempt → id of its row, and when the endpoint may be asked again if it failed
        """
        if not attempts:
            return {}
        now = fields.Datetime.now()
        rows = []
        for attempt in attempts:
            result = attempt.result
            retry_date = self._get_retry_date(attempt) if result.outcome.value in FAILURES else None
            rows.append(
                (
                    attempt.bundle.company_id,
                    attempt.date,
                    retry_date,
                    attempt.bundle.url,
                    json.dumps(attempt.body, ensure_ascii=False),
                    result.outcome.value,
                    result.status_code,
                    result.response,
                    result.message if result.status_code is None else None,
                    result.duration_ms,
                    attempt.bundle.key_fingerprint,
                    self.env.uid,
                    self.env.uid,
                    now,
                    now,
                )
            )
        inserted = self.env.execute_query(
            SQL(
                "INSERT INTO cloudprinter_request (company_id, date, retry_date, url, body, outcome, status_code,"
                " response, error, duration_ms, key_fingerprint, create_uid, write_uid, create_date, write_date)"
                " VALUES %s RETURNING id, retry_date",
                SQL(", ").join(SQL("%s", row) for row in rows),
            )
        )
        # PostgreSQL keeps the plans of its foreign key checks; one that is made while the ledger is almost empty would
        # read all of it for each link, as long as the connection lives
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        links = [(signal_id, row[0]) for attempt, row in zip(attempts, inserted) for signal_id in attempt.signal_ids]
        self.env.execute_query(
            SQL(
                "INSERT INTO cloudprinter_request_cloudprinter_signal_rel"
                " (cloudprinter_signal_id, cloudprinter_request_id) VALUES %s RETURNING cloudprinter_request_id",
                SQL(", ").join(SQL("%s", link) for link in links),
            )
        )
        return {id(attempt): row for attempt, row in zip(attempts, inserted)}

    @api.model
    def _get_retry_date(self, attempt):
        """When the endpoint may be asked again: as it wishes, but never in less than a minute."""
        wished = attempt.result.retry_after or 0
        return fields.Datetime.add(attempt.date, seconds=round(max(wished, spread(SCHEDULE[0]))))

    # === circuit === #

    def _follow_circuit(self, run, endpoint, attempt, request_id, retry_date):
        """Open the circuit at the first failure, close it at the next answer, keep count of refusals."""
        company_id = attempt.bundle.company_id
        outcome = attempt.result.outcome
        if outcome.value in FAILURES:
            endpoint.trust = 1
            if not endpoint.is_open:
                endpoint.opened_by, endpoint.silent_since = request_id, attempt.date
                # those of this company are not due any more
                run.due = {}
                _logger.warning("Cloudprinter: the endpoint of company %s does not answer as it should", company_id)
            endpoint.retry_date = retry_date
            # the others wait without losing an attempt
            self._update_waiting(SQL("next_attempt_date = GREATEST(next_attempt_date, %s)", retry_date), [company_id])
            return
        if endpoint.is_open:
            self._close_circuit(company_id, endpoint, attempt.date)
        elif run.cautions.get(attempt.bundle.order_id) is Caution.FAILED:
            endpoint.trust *= 2
        if outcome is Outcome.ACCEPTED:
            endpoint.refusals = 0
        elif outcome is Outcome.REFUSED:
            endpoint.refusals += 1
            if endpoint.refusals >= REFUSALS_AT_MOST:
                endpoint.settings = []
                self._take_back_refusals(company_id)
        else:
            for other in run.endpoints.values():
                if other.key_fingerprint == attempt.bundle.key_fingerprint:
                    other.settings = []

    def _close_circuit(self, company_id, endpoint, now):
        """All that failed while it was open is due; the time did not count.

        What opened it and was not tried since may itself be the cause: it keeps its own date.
        """
        self._update_waiting(
            SQL(
                """
                next_attempt_date = CASE WHEN EXISTS (
                    SELECT FROM cloudprinter_request_cloudprinter_signal_rel attempt
                     WHERE attempt.cloudprinter_signal_id = signal.id
                       AND attempt.cloudprinter_request_id > %s
                ) THEN LEAST(next_attempt_date, %s) ELSE next_attempt_date END,
                expiry_date = expiry_date + %s
                """,
                endpoint.opened_by,
                now,
                now - endpoint.silent_since,
            ),
            [company_id],
        )
        endpoint.silent_since = None
        _logger.info("Cloudprinter: the endpoint of company %s answers again", company_id)

    @api.model
    def _try_anew(self, company_ids):
        """A person has done something about it: what waited is due, and what was before does not count."""
        self._update_waiting(
            SQL("next_attempt_date = LEAST(next_attempt_date, %s), expiry_date = NULL", fields.Datetime.now()),
            company_ids,
        )

    def _update_waiting(self, assignment, company_ids):
        """Update what waits for the endpoint and is held by nobody."""
        self.env.flush_all()
        self.env.execute_query(
            SQL(
                """
                UPDATE cloudprinter_signal signal
                   SET %s
                 WHERE id IN (SELECT id
                                FROM cloudprinter_signal
                               WHERE state = 'outgoing' AND company_id IN %s AND failure_type = 'endpoint'
                                 FOR NO KEY UPDATE SKIP LOCKED)
             RETURNING id
                """,
                assignment,
                tuple(company_ids),
            )
        )
        self.env["cloudprinter.signal"].invalidate_model(["next_attempt_date", "expiry_date"])

    def _take_back_refusals(self, company_id):
        """So many in a row: it is not about these signals. They are queued again and the company is held."""
        _logger.warning("Cloudprinter: everything of company %s is refused; it is held until Resume", company_id)
        self.env.flush_all()
        # those that were in flight when it was noticed are some more
        requests = self.env["res.company"].browse(company_id)._cloudprinter_last_refusals(10 * REFUSALS_AT_MOST)
        # not by the ORM: what has become unfit meanwhile must not prevent it, and nobody is waited for
        self.env.execute_query(
            SQL(
                """
                UPDATE cloudprinter_signal
                   SET state = 'outgoing', next_attempt_date = %s, expiry_date = NULL
                 WHERE id IN (SELECT signal.id
                                FROM cloudprinter_signal signal
                                JOIN cloudprinter_request_cloudprinter_signal_rel attempt
                                  ON attempt.cloudprinter_signal_id = signal.id
                               WHERE attempt.cloudprinter_request_id IN %s
                                 AND signal.state = 'error' AND signal.failure_type = 'refused'
                                 FOR NO KEY UPDATE OF signal SKIP LOCKED)
             RETURNING id
                """,
                fields.Datetime.now(),
                tuple(requests.ids) or (0,),
            )
        )
        self.env["cloudprinter.signal"].invalidate_model()
