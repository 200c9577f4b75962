import json
import logging
import queue
import random
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import psycopg2.errors
from markupsafe import Markup, escape

from odoo import api, fields, models, release, sql_db
from odoo.modules import Manifest
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, LazyTranslate

from ..cloudsignal import Outcome, Signal
from ..tools.poster import REFUSALS_AT_MOST, Bundle, Poster

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

LOCK = 0x636C6F7564707274  # "cloudprt"
# The watchdog's 120 s are shared by all jobs of the database.
BUDGET = 25.0  # seconds
PATIENCE = 30.0  # seconds, in which a user's transaction may hold a row whose answer is there
# Seconds from one attempt to the next; the last is repeated.
SCHEDULE = (60, 300, 1800, 7200, 21600, 43200)
JITTER = 0.2
HORIZON = 7  # days of attempts, not counting the time in which Cloudprinter answered to nothing
WINDOW = 5000  # due signals that are looked at in one query
FAILURES = (Outcome.TRY_LATER, Outcome.NO_ANSWER)
CHATTER_BATCH = 400  # documents whose chatter is written at once
CHATTER_TEXTS = {
    "ItemRegistered": _lt("Confirmed"),
    "ItemProduce": _lt("Production Started"),
    "ItemProduced": _lt("Produced"),
    "ItemPacked": _lt("Packed"),
    "ItemShipped": _lt("Shipped"),
    "ItemDelay": _lt("Delayed"),
    "ItemError": _lt("Delayed"),
    "ItemCanceled": _lt("Canceled"),
}


@dataclass
class Endpoint:
    """What the sender knows of the endpoint of one company.

    Its circuit is open from the first failure until the next answer that is none; meanwhile one order at a time
    probes.
    """

    obstacle: str = ""  # why nothing is sent; see `_cloudprinter_obstacle`
    settings: list = field(default_factory=list)  # what a person may change while the sender runs
    url: str = ""
    key: str = ""
    key_fingerprint: str = ""
    lang: str = ""  # of what the chatter is told
    notes_acceptance: bool = True
    refusals: int = 0  # in a row
    opened_by: int = 0  # the attempt whose failure opened the circuit
    silent_since: datetime | None = None  # when that was; None while the circuit is closed
    retry_date: datetime | None = None  # no order that was never posted probes before

    @property
    def is_open(self):
        return bool(self.silent_since)


@dataclass
class Run:
    """The state of one run of the sender."""

    endpoints: dict  # company id → Endpoint
    ping: callable  # raises when this is no longer the only sender
    deadline: float  # on time.monotonic()'s scale
    connections: int
    bundle_size: int
    due: list = field(default_factory=list)  # order ids
    flying: dict = field(default_factory=dict)  # future → Bundle
    unwritten: list = field(default_factory=list)  # attempts whose rows somebody holds
    lines: defaultdict = field(default_factory=lambda: defaultdict(list))  # document → what its chatter is told
    stopped: set = field(default_factory=set)  # companies of which nothing more is posted in this run
    has_posted: bool = False

    def get_sendable(self):
        """Ids of the companies that may send."""
        return [
            company_id
            for company_id, endpoint in self.endpoints.items()
            if not endpoint.obstacle and company_id not in self.stopped
        ]

    def get_busy(self):
        """Bundles that are in flight, or whose answers are not written."""
        return [*self.flying.values(), *(attempt.bundle for attempt in self.unwritten)]


class CloudprinterSender(models.AbstractModel):
    """The only place that talks to the network.

    One sender per database. It claims bundles by writing the attempt and the next date ahead and commits; it posts
    them in threads while nothing is locked; it writes down the answers that are there and commits. A crash repeats
    at most the bundles in flight, which come back by themselves when their date is reached.
    """

    _name = "cloudprinter.sender"
    _description = "Cloudprinter Sender"

    @api.model
    def _cron_send(self):
        """Send what is due until nothing is left or the budget is spent."""
        with self._try_to_be_the_only_one() as (alone, ping):
            if not alone:
                # the holder may have looked for work a moment before this was committed
                self._wake(fields.Datetime.add(fields.Datetime.now(), minutes=1))
                return
            run = Run(
                endpoints=self._get_endpoints(),
                ping=ping,
                deadline=time.monotonic() + BUDGET,
                connections=self._get_parameter("connections", 8, at_most=32),
                bundle_size=self._get_parameter("bundle_size", 100, at_most=1000),
            )
            if run.get_sendable():
                self._send(run)
                self._wake_again(run)
            self.env["ir.cron"]._commit_progress(remaining=0)
        self.env["cloudprinter.todo"]._update()

    @contextmanager
    def _try_to_be_the_only_one(self):
        """Yield whether this is the only sender of the database, and what keeps it so.

        The lock lives in a transaction of its own: it cannot leak through the pool and dies with the process.
        """
        with sql_db.db_connect(self.env.cr.dbname).cursor() as lock_cr:
            # it idles while bundles are posted
            lock_cr.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            lock_cr.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            yield lock_cr.fetchone()[0], lambda: lock_cr.execute("SELECT 1")

    @api.model
    def _get_parameter(self, name, default, at_most):
        value = self.env["ir.config_parameter"].sudo().get_param(f"cloudprinter.{name}", default)
        try:
            return min(max(1, int(value)), at_most)
        except ValueError:
            _logger.warning("Cloudprinter: the system parameter cloudprinter.%s is no number", name)
            return default

    # === the run === #

    def _send(self, run):
        """Claim, post and record until nothing is due or the budget is spent."""
        refusals = {company_id: endpoint.refusals for company_id, endpoint in run.endpoints.items()}
        poster = Poster(run.deadline, _user_agent(), refusals)
        landed = queue.SimpleQueue()
        try:
            with ThreadPoolExecutor(run.connections, thread_name_prefix="cloudsignal") as threads:
                while True:
                    for bundle in self._claim_next(run):
                        future = threads.submit(poster.post, bundle)
                        run.flying[future] = bundle
                        # in the order in which they are answered
                        future.add_done_callback(landed.put)
                    if not run.flying:
                        break
                    self._land(run, [landed.get()] + [landed.get() for _more in range(landed.qsize())])
                    self._log_some(run)
                # rows that a user holds; he is never waited for while something else can be done
                give_up = time.monotonic() + PATIENCE
                while run.unwritten and time.monotonic() < give_up:
                    time.sleep(0.1)
                    self._record_all(run)
        finally:
            poster.close()
        for attempt in run.unwritten:
            _logger.warning("Cloudprinter: the answer for signals %s could not be written", attempt.signal_ids)
        self._log_lines(run.lines)

    def _land(self, run, futures):
        """Take the answers of posts that have ended."""
        unposted = []
        for future in futures:
            bundle, attempts = run.flying.pop(future), future.result()
            run.unwritten += attempts
            if attempts:
                run.has_posted = True
            else:
                run.stopped.add(bundle.company_id)
                unposted.append(bundle)
        self._give_back(unposted)
        self._record_all(run)

    def _record_all(self, run):
        attempts, run.unwritten = run.unwritten, []
        run.unwritten = self._record(run, attempts)

    # === who may send === #

    @api.model
    def _get_endpoints(self, known=None):
        """The endpoints of companies with queued signals.

        :param dict known: look at these companies only; while nobody has touched the settings all is kept
        :returns: company id → Endpoint
        """
        settings = self.env.execute_query(
            SQL(
                "SELECT id, cloudprinter_hold, cloudprinter_signal_api_key, cloudprinter_signal_url,"
                " cloudprinter_fingerprint, cloudprinter_resumed_request FROM res_company ORDER BY id"
            )
        )
        if known and all(endpoint.settings == settings for endpoint in known.values()):
            return known
        self.env.invalidate_all()
        companies = self.env["res.company"].sudo().browse(known or self._get_companies_with_queue())
        endpoints = {}
        for company in companies:
            before = known and known[company.id]
            config = company._cloudprinter_config()
            obstacle = company._cloudprinter_obstacle()
            if obstacle and not (before and before.obstacle):
                _logger.info("Cloudprinter: signals of company %s are kept: %s", company.id, obstacle)
            endpoints[company.id] = Endpoint(
                obstacle,
                settings,
                config.cloudprinter_signal_url,
                config.cloudprinter_signal_api_key,
                config._cloudprinter_key_fingerprint(),
                company.partner_id.lang or self.env.lang,
                config.cloudprinter_chatter != "problems",
                company._cloudprinter_count_refusals(),
                **company._cloudprinter_circuit(),
            )
        return endpoints

    @api.model
    def _get_companies_with_queue(self):
        rows = self.env.execute_query(
            SQL("SELECT DISTINCT company_id FROM cloudprinter_signal WHERE state = 'outgoing'")
        )
        return [row[0] for row in rows]

    # === what is due === #

    def _get_due(self, run):
        """Ids of orders that may be posted now: all that are due, or one that probes."""
        busy = run.get_busy()
        probing = {bundle.company_id for bundle in busy}
        closed, probes = [], []
        for company_id in run.get_sendable():
            endpoint = run.endpoints[company_id]
            if not endpoint.is_open:
                closed.append(company_id)
            elif company_id not in probing:
                probes += self._get_probe(company_id, endpoint)
        orders = {bundle.order_id for bundle in busy}
        due = closed and (run.due or self._get_due_orders(closed))
        run.due = [order for order in due if order not in orders]
        return probes + run.due

    @api.model
    def _is_due(self, company_ids):
        """Nothing overtakes an earlier signal of its item that is queued for later or in flight."""
        return SQL(
            """
            signal.state = 'outgoing'
            AND signal.company_id IN %(companies)s
            AND signal.next_attempt_date <= %(now)s
            AND NOT EXISTS (SELECT FROM cloudprinter_signal earlier
                             WHERE earlier.item_id = signal.item_id
                               AND earlier.id < signal.id
                               AND earlier.state = 'outgoing'
                               AND earlier.next_attempt_date > %(now)s)
            """,
            companies=tuple(company_ids),
            now=fields.Datetime.now(),
        )

    @api.model
    def _get_due_orders(self, company_ids):
        """Ids of orders with due signals, the one with the oldest first."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT due.order_id
                  FROM (SELECT signal.id, signal.order_id
                          FROM cloudprinter_signal signal
                         WHERE %s
                      ORDER BY signal.id
                         LIMIT %s) due
              GROUP BY due.order_id
              ORDER BY min(due.id)
                """,
                self._is_due(company_ids),
                WINDOW,
            )
        )
        return [row[0] for row in rows]

    @api.model
    def _get_probe(self, company_id, endpoint):
        """The order that tries whether the endpoint answers again, each time another one: a list of one id, or none.

        What was posted before tries when its date is reached; what never was, a minute after the last failure.
        """
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT signal.order_id
                  FROM cloudprinter_signal signal
                 WHERE %s AND (signal.attempt_count > 0 OR %s)
              GROUP BY signal.order_id
              ORDER BY max(signal.attempt_count), min(signal.id)
                 LIMIT 1
                """,
                self._is_due([company_id]),
                endpoint.retry_date <= now,
            )
        )
        return [row[0] for row in rows]

    # === claiming === #

    def _claim_next(self, run):
        """Claim as many bundles as may be in flight; returns them. Nothing is locked or kept open afterwards."""
        bundles = []
        # somebody may hold the signals meanwhile, or the key was refused
        run.endpoints = self._get_endpoints(run.endpoints)
        room = 2 * run.connections - len(run.get_busy())
        while not bundles and room >= run.connections and time.monotonic() < run.deadline:
            orders = self._get_due(run)[:room]
            if not orders:
                break
            run.due = [order for order in run.due if order not in orders]
            run.ping()
            bundles = self._claim(run, orders)
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return bundles

    def _claim(self, run, order_ids):
        """Write the attempt ahead for what is due of these orders, commit, and return it as bundles."""
        try:
            rows = self._write_ahead(order_ids, run.get_sendable(), run.bundle_size)
            # a crash must not find them unclaimed
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # somebody changed a row since the last look; what flies must still be written down
            self.env.cr.rollback()
            return []
        members, documents = defaultdict(list), {}
        for row_id, order_id, company_id, item_id, res_model, res_id, *values in sorted(rows):
            members[order_id, company_id].append((row_id, Signal(*values)))
            documents[row_id] = {("cloudprinter.item", item_id), (res_model, res_id)}
        bundles = []
        for (order_id, company_id), signals in members.items():
            endpoint = run.endpoints[company_id]
            bundles.append(
                Bundle(
                    order_id,
                    company_id,
                    endpoint.url,
                    endpoint.key,
                    endpoint.key_fingerprint,
                    tuple(signals),
                    {row_id: documents[row_id] for row_id, _signal in signals},
                )
            )
        return bundles

    def _write_ahead(self, order_ids, company_ids, bundle_size):
        """Count the attempt and write the next date; returns what is claimed.

        What somebody holds is skipped, and with it everything that comes later of the same item.
        """
        now = fields.Datetime.now()
        delays = SQL(", ").join(SQL("%s", round(self._jitter(seconds))) for seconds in SCHEDULE)
        return self.env.execute_query(
            SQL(
                """
                WITH free AS MATERIALIZED (
                    SELECT id
                      FROM cloudprinter_signal
                     WHERE state = 'outgoing'
                       AND order_id IN %(orders)s
                       AND company_id IN %(companies)s
                       AND next_attempt_date <= %(now)s
                       FOR NO KEY UPDATE SKIP LOCKED
                ), ranked AS (
                    SELECT signal.id,
                           row_number() OVER (PARTITION BY signal.order_id ORDER BY signal.id) AS position
                      FROM cloudprinter_signal signal
                      JOIN free USING (id)
                     WHERE NOT EXISTS (SELECT FROM cloudprinter_signal earlier
                                        WHERE earlier.item_id = signal.item_id
                                          AND earlier.id < signal.id
                                          AND earlier.state = 'outgoing'
                                          AND earlier.id NOT IN (SELECT id FROM free))
                )
                UPDATE cloudprinter_signal signal
                   SET next_attempt_date = %(now)s::timestamp + make_interval(
                           secs => (ARRAY[%(delays)s])[LEAST(signal.attempt_count + 1, %(steps)s)]),
                       expiry_date = COALESCE(signal.expiry_date, %(expiry)s),
                       attempt_count = signal.attempt_count + 1,
                       failure_type = NULL
                  FROM ranked, cloudprinter_order "order", cloudprinter_item item
                 WHERE signal.id = ranked.id
                   AND ranked.position <= %(size)s
                   AND "order".id = signal.order_id
                   AND item.id = signal.item_id
             RETURNING signal.id, signal.order_id, signal.company_id, signal.item_id, signal.res_model, signal.res_id,
                       signal.type, "order".name, item.name, signal.event_date, COALESCE(signal.tracking, ''),
                       COALESCE(signal.shipping_option, ''), COALESCE(signal.cause, ''),
                       COALESCE(signal.message, ''), COALESCE(signal.delay, '')
                """,
                now=now,
                delays=delays,
                steps=len(SCHEDULE),
                expiry=fields.Datetime.add(now, days=HORIZON),
                orders=tuple(order_ids),
                companies=tuple(company_ids),
                size=bundle_size,
            )
        )

    def _give_back(self, bundles):
        """Undo the claim of what was not posted because the budget was spent."""
        ids = tuple(row_id for bundle in bundles for row_id, _signal in bundle.signals)
        if not ids:
            return
        try:
            self.env.execute_query(
                SQL(
                    "UPDATE cloudprinter_signal SET attempt_count = attempt_count - 1, next_attempt_date = %s"
                    " WHERE id IN %s AND state = 'outgoing' RETURNING id",
                    fields.Datetime.now(),
                    ids,
                )
            )
            self.env["ir.cron"]._commit_progress()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # they come back by themselves when their date is reached
            self.env.cr.rollback()

    @api.model
    def _jitter(self, seconds):
        return seconds * random.uniform(1 - JITTER, 1 + JITTER)

    # === answers === #

    def _record(self, run, attempts):
        """Write down attempts and their outcome, commit, and return those whose rows somebody holds."""
        if not attempts:
            return []
        ids = tuple({signal_id for attempt in attempts for signal_id in attempt.signal_ids})
        try:
            rows = self.env.execute_query(
                SQL(
                    "SELECT id, state, COALESCE(tracking, '') FROM cloudprinter_signal"
                    " WHERE id IN %s FOR NO KEY UPDATE SKIP LOCKED",
                    ids,
                )
            )
            found = {signal_id: (state, tracking) for signal_id, state, tracking in rows}
            writable = [attempt for attempt in attempts if found.keys() >= set(attempt.signal_ids)]
            if writable:
                notes = self._write_attempts(run, writable, found)
                # answers are facts; nothing that comes later takes them back
                self.env.cr.commit()  # pylint: disable=invalid-commit
                self._note(run, notes)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            self._start_over(run)
            return attempts
        except Exception as error:
            self._start_over(run)
            if len(attempts) > 1:
                # one that cannot be written does not cost the others theirs
                return [attempt for each in attempts for attempt in self._record(run, [each])]
            if isinstance(error, psycopg2.errors.UniqueViolation):
                # somebody else has given this number
                return attempts
            _logger.exception("Cloudprinter: the answer for signals %s cannot be written", ids)
            return []
        return [attempt for attempt in attempts if not found.keys() >= set(attempt.signal_ids)]

    def _start_over(self, run):
        """Nothing was written; the answers will be, once more. Nothing is posted again."""
        self.env.cr.rollback()
        for endpoint in run.endpoints.values():
            endpoint.settings = []
        run.endpoints = self._get_endpoints(run.endpoints)

    def _write_attempts(self, run, attempts, found):
        """Write what was answered; returns what the documents are to be told, as a list of (signal id, Attempt).

        :param dict found: signal id → its state and its tracking code, as they are now
        """
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
            signals.write({"failure_type": "key", "next_attempt_date": attempt.date})
            return signals.browse()
        signals.write({"failure_type": "endpoint"})
        if result.retry_after is not None:
            # instead of its own date; never sooner than the endpoint is asked at all
            signals.write({"next_attempt_date": attempt.date})
        # while it answers to nobody, nobody's time runs out
        expired = signals.filtered(lambda signal: not endpoint.is_open and signal.expiry_date <= attempt.date)
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
            sent = dict(attempt.bundle.signals)[signal_id]
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
            retry_date = self._get_retry_date(attempt) if result.outcome in FAILURES else None
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
        return fields.Datetime.add(attempt.date, seconds=round(max(wished, self._jitter(SCHEDULE[0]))))

    # === circuit === #

    def _follow_circuit(self, run, endpoint, attempt, request_id, retry_date):
        """Open the circuit at the first failure, close it at the next answer, keep count of refusals."""
        company_id = attempt.bundle.company_id
        outcome = attempt.result.outcome
        if outcome in FAILURES:
            if not endpoint.is_open:
                endpoint.opened_by, endpoint.silent_since = request_id, attempt.date
                # those of this company are not due any more
                run.due = []
                _logger.warning("Cloudprinter: the endpoint of company %s does not answer as it should", company_id)
            endpoint.retry_date = retry_date
            # the others wait without losing an attempt
            self._update_waiting(SQL("next_attempt_date = GREATEST(next_attempt_date, %s)", retry_date), company_id)
            return
        if endpoint.is_open:
            self._close_circuit(company_id, endpoint, attempt.date)
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
            company_id,
        )
        endpoint.silent_since = None
        _logger.info("Cloudprinter: the endpoint of company %s answers again", company_id)

    def _update_waiting(self, assignment, company_id):
        """Update what waits for the endpoint and is held by nobody."""
        self.env.flush_all()
        self.env.execute_query(
            SQL(
                """
                UPDATE cloudprinter_signal signal
                   SET %s
                 WHERE id IN (SELECT id
                                FROM cloudprinter_signal
                               WHERE state = 'outgoing' AND company_id = %s AND failure_type = 'endpoint'
                                 FOR NO KEY UPDATE SKIP LOCKED)
             RETURNING id
                """,
                assignment,
                company_id,
            )
        )
        self.env["cloudprinter.signal"].invalidate_model(["next_attempt_date", "expiry_date"])

    def _take_back_refusals(self, company_id):
        """So many in a row: it is not about these signals. They are queued again and the company is held."""
        _logger.warning("Cloudprinter: everything of company %s is refused; it is held until Resume", company_id)
        self.env.flush_all()
        requests = self.env["res.company"].browse(company_id)._cloudprinter_last_refusals()
        requests.signal_ids.filtered(lambda s: (s.state, s.failure_type) == ("error", "refused")).write(
            {"state": "outgoing", "next_attempt_date": fields.Datetime.now()}
        )

    # === chatter === #

    def _note(self, run, notes):
        """Keep what the chatter of the documents is to be told.

        :param list notes: of (signal id, Attempt)
        """
        for signal_id, attempt in notes:
            endpoint = run.endpoints[attempt.bundle.company_id]
            if attempt.result.outcome is not Outcome.ACCEPTED or endpoint.notes_acceptance:
                sent = dict(attempt.bundle.signals)[signal_id]
                line = self.with_context(lang=endpoint.lang)._get_line(sent, attempt.result)
                for document in attempt.bundle.documents[signal_id]:
                    run.lines[document].append((signal_id, line))

    @api.model
    def _get_line(self, sent, result):
        """What the chatter is told of the outcome of one signal.

        :param cloudsignal.Signal sent: as it was posted
        :param cloudsignal.Result result: the last one
        :rtype: Markup
        """
        details = ", ".join(filter(None, (sent.tracking, sent.shipping_option, sent.cause)))
        values = {
            "signal": Markup("<b>%s</b>") % self.env._(CHATTER_TEXTS[sent.type]),
            "item": sent.item,
            "details": f" ({details})" if details else "",
            "answer": result.message,
        }
        if result.outcome is Outcome.ACCEPTED:
            line = self.env._("Cloudprinter accepted %(signal)s for item %(item)s%(details)s.", **values)
        elif result.outcome is Outcome.REFUSED:
            line = self.env._("Cloudprinter refused %(signal)s for item %(item)s%(details)s: %(answer)s", **values)
        else:
            line = self.env._("%(signal)s for item %(item)s was not delivered in 7 days: %(answer)s", **values)
        return escape(line)

    def _log_some(self, run):
        """Write the chatter of some documents; one that more is due of is told later, so that it is told once."""
        if len(run.lines) < CHATTER_BATCH:
            return
        busy = {document for bundle in run.get_busy() for told in bundle.documents.values() for document in told}
        documents = [document for document in run.lines if document not in busy]
        more = self._get_documents_with_due(documents)
        self._log_lines({document: run.lines.pop(document) for document in documents if document not in more})

    @api.model
    def _get_documents_with_due(self, documents):
        """Those of the documents, as (model, id), of which more is due now."""
        if not documents:
            return set()
        items = tuple(res_id for model, res_id in documents if model == "cloudprinter.item") or (0,)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT 'cloudprinter.item', item_id
                  FROM cloudprinter_signal
                 WHERE state = 'outgoing' AND next_attempt_date <= %(now)s AND item_id IN %(items)s
                 UNION
                SELECT res_model, res_id
                  FROM cloudprinter_signal
                 WHERE state = 'outgoing' AND next_attempt_date <= %(now)s AND (res_model, res_id) IN %(documents)s
                """,
                now=fields.Datetime.now(),
                items=items,
                documents=tuple(documents),
            )
        )
        return set(rows)

    def _log_lines(self, lines):
        """One message per document, with all that was answered; the answers themselves are written already."""
        by_model = defaultdict(dict)
        for (model, res_id), texts in lines.items():
            if model in self.env and hasattr(self.env[model], "_message_log_batch"):
                text = Markup("<br>").join(line for _signal_id, line in sorted(texts))
                by_model[model][res_id] = Markup("<p>%s</p>") % text
        for model, bodies in by_model.items():
            try:
                self._log_batch(self.env[model].browse(bodies).exists(), bodies)
                self.env["ir.cron"]._commit_progress()
            except Exception:
                self.env.cr.rollback()
                _logger.exception("Cloudprinter: no note was written on %s %s", model, list(bodies))

    @api.model
    def _log_batch(self, documents, bodies):
        """Write a note on each document.

        Odoo makes the first, the others are copies of its row with another document and text: they are all alike,
        nobody is notified, and half of a run would be spent in making each by the ORM.
        """
        if not documents:
            return
        message = documents[0]._message_log_batch(bodies={documents[0].id: bodies[documents[0].id]})
        copies = [(document.id, bodies[document.id]) for document in documents[1:]]
        if not copies:
            return
        message.flush_recordset()
        names = [
            name
            for name, field in message._fields.items()
            if field.store and field.column_type and name not in ("id", "res_id", "body")
        ]
        self.env.execute_query(
            SQL(
                "INSERT INTO mail_message (res_id, body, %(names)s) SELECT copy.new_id, copy.new_body, %(names)s"
                " FROM mail_message, (VALUES %(copies)s) AS copy(new_id, new_body) WHERE id = %(id)s RETURNING id",
                names=SQL(", ").join(map(SQL.identifier, names)),
                copies=SQL(", ").join(SQL("%s", copy) for copy in copies),
                id=message.id,
            )
        )

    # === waking === #

    @api.model
    def _wake(self, at=None):
        self.env["cloudprinter.signal"]._wake_sender(at)

    def _wake_again(self, run):
        """Come back at once for what is due, else when the next attempt is."""
        run.stopped.clear()
        if self._get_due(run):
            # what is due and could not be claimed is held by somebody
            self._wake(None if run.has_posted else fields.Datetime.add(fields.Datetime.now(), minutes=1))
            return
        dates = [self._get_next_date(company_id, run.endpoints[company_id]) for company_id in run.get_sendable()]
        if any(dates):
            self._wake(min(filter(None, dates)))

    @api.model
    def _get_next_date(self, company_id, endpoint):
        """When something of this company may be due again, or None."""
        [[date, fresh]] = self.env.execute_query(
            SQL(
                """
                SELECT min(next_attempt_date) FILTER (WHERE next_attempt_date > %s), bool_or(attempt_count = 0)
                  FROM cloudprinter_signal
                 WHERE state = 'outgoing' AND company_id = %s
                """,
                fields.Datetime.now(),
                company_id,
            )
        )
        return min(filter(None, (date, fresh and endpoint.is_open and endpoint.retry_date)), default=None)


def _user_agent():
    version = Manifest.for_addon("cloudprinter")["version"]
    return f"cloudprinter/{version} Odoo/{release.version}"
