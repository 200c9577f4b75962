import logging
import queue
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psycopg2
import psycopg2.errors

from odoo import api, fields, models, release, sql_db
from odoo.modules import Manifest
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..cloudsignal import Signal
from ..tools.poster import Bundle, Poster
from ..tools.run import Caution, Endpoint, Run
from ..tools.schedule import SCHEDULE, spread

_logger = logging.getLogger(__name__)

LOCK = 0x636C6F7564707274  # "cloudprt"
# The watchdog's 120 s are shared by all jobs of the database.
BUDGET = 28.0  # seconds
PATIENCE = 20.0  # seconds, in which a user's transaction may hold a row whose answer is there
GATHERING = 0.01  # seconds without an answer after which those that are there are written down
WINDOW = 5000  # due signals that are looked at in one query


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
                self.env["cloudprinter.signal"]._wake_sender(fields.Datetime.add(fields.Datetime.now(), minutes=1))
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
            # with more to do it has woken itself: Odoo's own loop would keep the worker from all other jobs
            self.env["ir.cron"]._commit_progress(run.recorded, remaining=0)
        self.env["cloudprinter.todo"]._update()

    @contextmanager
    def _try_to_be_the_only_one(self):
        """Yield whether this is the only sender of the database, and what keeps it so.

        The lock lives in a transaction of its own: it cannot leak through the pool and dies with the process.
        """
        lock_cr = sql_db.db_connect(self.env.cr.dbname).cursor()
        try:
            # it keeps no snapshot: PostgreSQL would have to step over every row version of the run, again and again
            lock_cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            # it idles while bundles are posted
            lock_cr.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            lock_cr.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            yield lock_cr.fetchone()[0], lambda: lock_cr.execute("SELECT 1")
        finally:
            with suppress(psycopg2.Error):
                lock_cr.close()

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
        poster = Poster(run.deadline, get_user_agent(), refusals)
        threads = ThreadPoolExecutor(run.connections, thread_name_prefix="cloudsignal")
        landed = queue.SimpleQueue()
        try:
            while True:
                bundles = self._claim_next(run)
                # it may have ended early
                poster.deadline = run.deadline
                for bundle in bundles:
                    future = threads.submit(poster.post, bundle)
                    run.flying[future] = bundle
                    # in the order in which they are answered
                    future.add_done_callback(landed.put)
                if not run.flying:
                    break
                self._land(run, self._gather(landed, len(run.flying)))
                self.env["cloudprinter.chatter"]._log_some(run)
            # rows that a user holds; he is never waited for while something else can be done
            give_up = min(time.monotonic(), run.deadline) + PATIENCE
            while run.unwritten and time.monotonic() < give_up:
                time.sleep(0.1)
                self._record_all(run)
        finally:
            # when the database is gone, no more is posted whose answer nobody would know
            threads.shutdown(cancel_futures=True)
            poster.close()
        for attempt in run.unwritten:
            _logger.warning("Cloudprinter: the answer for signals %s could not be written", attempt.signal_ids)
        self.env["cloudprinter.chatter"]._log_lines(run.lines)

    @api.model
    def _gather(self, landed, at_most):
        """Wait for a post to end, and for those that end in the same moment: together they cost little more.

        :param queue.SimpleQueue landed: of futures, in the order in which they are answered
        :returns: list of futures
        """
        futures = [landed.get()]
        with suppress(queue.Empty):
            while len(futures) < at_most:
                futures.append(landed.get(timeout=GATHERING))
        return futures

    def _land(self, run, futures):
        """Take the answers of posts that have ended."""
        unposted = []
        for future in futures:
            bundle, attempts = run.flying.pop(future), future.result()
            run.unwritten += attempts
            if not attempts:
                run.stopped.add(bundle.company_id)
                unposted.append(bundle)
        self._record_all(run)
        self._give_back(unposted)

    def _record_all(self, run):
        attempts, run.unwritten = run.unwritten, []
        run.unwritten = self._record(run, attempts)

    def _send_test(self, signal):
        """Post one new signal of a test order while an administrator waits for it, also while signals are held.

        :returns: False when it was not posted, because the sender is at work
        """
        with self._try_to_be_the_only_one() as (alone, ping):
            if not alone:
                return False
            company = signal.company_id
            endpoints = self._get_endpoints({company.id: Endpoint()})
            endpoints[company.id].obstacle = ""
            run = Run(endpoints, ping, time.monotonic() + BUDGET, connections=1, bundle_size=1)
            poster = Poster(run.deadline, get_user_agent())
            try:
                for bundle in self._claim(run, signal.order_id.ids):
                    self._record(run, poster.post(bundle))
            finally:
                poster.close()
            self.env["cloudprinter.chatter"]._log_lines(run.lines)
        return True

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
                company._cloudprinter_lang(),
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
        """Ids of orders that may be posted now: all that are due, or one that probes.

        What was never posted goes first. What has failed follows, the more at a time the more of it is accepted: if
        it fails by its own fault, it opens the circuit for the others. Of the suspects one at a time: it may have
        killed the process, and would again take with it what else is in flight.
        """
        busy = run.get_busy()
        busy_orders = {bundle.order_id for bundle in busy} | run.held
        probing = Counter(bundle.company_id for bundle in busy)
        flying = Counter((bundle.company_id, run.cautions.get(bundle.order_id)) for bundle in busy)
        suspects = sum(count for (_company_id, caution), count in flying.items() if caution is Caution.SUSPECT)
        closed, probes = [], []
        for company_id in run.get_sendable():
            endpoint = run.endpoints[company_id]
            if not endpoint.is_open:
                closed.append(company_id)
            elif not probing[company_id]:
                probes += self._get_probe(company_id, endpoint, run.held)
        due = run.due or self._get_due_orders(closed) if closed else {}
        run.due = {order: known for order, known in due.items() if order not in busy_orders}
        allowed = []
        for order, (company_id, caution) in run.due.items():
            flying[company_id, caution] += 1
            if caution is Caution.FAILED and flying[company_id, caution] > run.endpoints[company_id].trust:
                continue
            if caution is Caution.SUSPECT:
                suspects += 1
                if suspects > 1:
                    continue
            run.cautions[order] = caution
            allowed.append(order)
        return probes + allowed

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
        """Orders with due signals: id → (company id, Caution). First what is new, and the oldest of that."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT due.order_id, min(due.company_id), max(due.caution)
                  FROM (SELECT signal.id, signal.order_id, signal.company_id,
                               CASE WHEN signal.attempt_count = 0 THEN 0
                                    WHEN signal.failure_type = 'endpoint' THEN 1
                                    WHEN signal.failure_type IS NULL AND signal.http_status IS NULL THEN 2
                                    ELSE 0
                                END AS caution
                          FROM cloudprinter_signal signal
                         WHERE %s
                      ORDER BY signal.id
                         LIMIT %s) due
              GROUP BY due.order_id
              ORDER BY max(due.caution), min(due.id)
                """,
                self._is_due(company_ids),
                WINDOW,
            )
        )
        return {order_id: (company_id, Caution(caution)) for order_id, company_id, caution in rows}

    @api.model
    def _get_probe(self, company_id, endpoint, held):
        """The order that tries whether the endpoint answers again, each time another one: a list of one id, or none.

        What was posted before tries when its date is reached; what never was, a minute after the last failure. Which
        of these is left to chance, so that some orders which fail by their own fault do not come one after the other.

        :param set held: ids of orders that cannot be claimed
        """
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT signal.order_id
                  FROM cloudprinter_signal signal
                 WHERE %s AND (signal.attempt_count > 0 OR %s) AND signal.order_id NOT IN %s
              GROUP BY signal.order_id
              ORDER BY max(signal.attempt_count), random()
                 LIMIT 1
                """,
                self._is_due([company_id]),
                endpoint.retry_date <= now,
                tuple(held) or (0,),
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
            for order in orders:
                run.due.pop(order, None)
            try:
                run.ping()
            except psycopg2.Error:
                _logger.warning("Cloudprinter: the sender's lock is lost; what flies is written down, then it ends")
                run.deadline = float("-inf")
                break
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
        run.held.update(set(order_ids) - {row[1] for row in rows})
        members, documents = defaultdict(dict), defaultdict(dict)
        for row_id, order_id, company_id, item_id, res_model, res_id, *values in sorted(rows):
            members[order_id, company_id][row_id] = Signal(*values)
            documents[order_id, company_id][row_id] = {("cloudprinter.item", item_id), (res_model, res_id)}
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
                    signals,
                    documents[order_id, company_id],
                )
            )
        return bundles

    def _write_ahead(self, order_ids, company_ids, bundle_size):
        """Count the attempt and write the next date; returns what is claimed.

        What somebody holds is skipped, and with it everything that comes later of the same item.
        """
        now = fields.Datetime.now()
        delays = SQL(", ").join(SQL("%s", round(spread(seconds))) for seconds in SCHEDULE)
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
                       attempt_count = signal.attempt_count + 1,
                       http_status = NULL,
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
                orders=tuple(order_ids),
                companies=tuple(company_ids),
                size=bundle_size,
            )
        )

    def _give_back(self, bundles):
        """Undo the claim of what was not posted because the budget was spent."""
        ids = tuple(row_id for bundle in bundles for row_id in bundle.signals)
        if not ids:
            return
        try:
            self.env.execute_query(
                SQL(
                    "UPDATE cloudprinter_signal SET attempt_count = attempt_count - 1, next_attempt_date = %s"
                    " WHERE id IN (SELECT id FROM cloudprinter_signal WHERE id IN %s AND state = 'outgoing'"
                    " FOR NO KEY UPDATE SKIP LOCKED) RETURNING id",
                    fields.Datetime.now(),
                    ids,
                )
            )
            self.env["ir.cron"]._commit_progress()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # they come back by themselves when their date is reached
            self.env.cr.rollback()

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
            writable, held = [], []
            for attempt in attempts:
                (writable if found.keys() >= set(attempt.signal_ids) else held).append(attempt)
            notes = self.env["cloudprinter.ledger"]._write_attempts(run, writable, found)
            # also when there was nothing to write: who holds one of the rows may be waiting for another
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            self._start_over(run)
            return attempts
        except Exception as error:
            self._start_over(run)
            if len(attempts) > 1:
                # one that cannot be written does not cost the others theirs
                return [attempt for each in attempts for attempt in self._record(run, [each])]
            if isinstance(error, psycopg2.errors.UniqueViolation) and "number" in (error.diag.constraint_name or ""):
                # another sender has given it
                return attempts
            _logger.exception("Cloudprinter: the answer for signals %s cannot be written", ids)
            return []
        run.recorded += sum(len(attempt.signal_ids) for attempt in writable)
        self.env["cloudprinter.chatter"]._note(run, notes)
        return held

    def _start_over(self, run):
        """Nothing was written; the answers will be, once more. Nothing is posted again."""
        self.env.cr.rollback()
        for endpoint in run.endpoints.values():
            endpoint.settings = []
        run.endpoints = self._get_endpoints(run.endpoints)

    # === waking === #

    def _wake_again(self, run):
        """Come back at once for what is due, else when the next attempt is."""
        wake = self.env["cloudprinter.signal"]._wake_sender
        run.stopped.clear()
        if self._get_due(run):
            wake()
            return
        dates = [self._get_next_date(company_id, run.endpoints[company_id]) for company_id in run.get_sendable()]
        if run.held:
            dates.append(fields.Datetime.add(fields.Datetime.now(), minutes=1))
        if any(dates):
            wake(min(filter(None, dates)))

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


def get_user_agent():
    version = Manifest.for_addon("cloudprinter")["version"]
    return f"cloudprinter/{version} Odoo/{release.version}"
