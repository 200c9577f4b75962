import json
import logging
import random
import threading
import time
from collections import defaultdict
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import NamedTuple

from markupsafe import Markup, escape

from odoo import api, fields, models, release, sql_db
from odoo.modules import Manifest
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, LazyTranslate

from .. import cloudsignal
from ..cloudsignal import Outcome

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

LOCK = 0x636C6F7564707274  # "cloudprt"
# The watchdog's 120 s are shared by all jobs of the database.
BUDGET = 25.0  # seconds
PATIENCE = 30.0  # seconds, in which a user's transaction may hold a row whose answer is there
# Seconds from one attempt to the next; the last is repeated.
SCHEDULE = (60, 300, 1800, 7200, 21600, 43200)
JITTER = 0.2
WINDOW = 5000  # due signals that are looked at in one query
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


class Bundle(NamedTuple):
    """What is due of one order, claimed: all that a thread needs, free of the ORM."""

    order_id: int
    company_id: int
    url: str
    key: str
    key_fingerprint: str
    signals: tuple  # of (row id, cloudsignal.Signal), oldest first


class Attempt(NamedTuple):
    """One POST and its answer."""

    bundle: Bundle
    signal_ids: tuple
    body: dict
    result: cloudsignal.Result


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
            companies = self._get_sendable_companies()
            left_over = self._send(companies, ping) if companies else False
            if left_over:
                self._wake()
            elif companies:
                self._wake_for_retries(companies)
            self.env["ir.cron"]._commit_progress(remaining=0)

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
    def _get_sendable_companies(self, among=None):
        """Per company with queued signals and nothing that keeps them: address, key and its fingerprint.

        :param among: only these company ids
        """
        rows = self.env.execute_query(
            SQL("SELECT DISTINCT company_id FROM cloudprinter_signal WHERE state = 'outgoing'")
        )
        sendable = {}
        for company in self.env["res.company"].browse(row[0] for row in rows if among is None or row[0] in among):
            obstacle = company._cloudprinter_obstacle()
            if obstacle:
                _logger.info("Cloudprinter: signals of company %s are kept: %s", company.id, obstacle)
                continue
            config = company._cloudprinter_config()
            sendable[company.id] = (
                config.cloudprinter_signal_url,
                config.cloudprinter_signal_api_key,
                config._cloudprinter_key_fingerprint(),
            )
        return sendable

    # === the run === #

    def _send(self, companies, ping):
        """Claim, post and record until done.

        :param dict companies: as from `_get_sendable_companies`; a company whose key is refused is taken out
        :returns: True when due signals are left
        """
        deadline = time.monotonic() + BUDGET
        connections = self._get_parameter("connections", 8, at_most=32)
        bundle_size = self._get_parameter("bundle_size", 100, at_most=1000)
        poster = _Poster(deadline)
        due, flying, unwritten = [], {}, []
        try:
            with ThreadPoolExecutor(connections, thread_name_prefix="cloudsignal") as threads:
                while True:
                    while companies and time.monotonic() < deadline and len(flying) <= connections:
                        busy = {bundle.order_id for bundle in flying.values()}
                        busy.update(attempt.bundle.order_id for attempt in unwritten)
                        due = [order for order in due or self._get_due_orders(companies) if order not in busy]
                        room = 2 * connections - len(flying)
                        orders, due = due[:room], due[room:]
                        ping()
                        bundles = self._claim(orders, companies, bundle_size)
                        flying.update((threads.submit(poster.post, bundle), bundle) for bundle in bundles)
                        if not bundles and not due:
                            break
                    if not flying:
                        break
                    # nothing is locked or kept open while posting
                    self.env["ir.cron"]._commit_progress()
                    done, _pending = wait(flying, return_when=FIRST_COMPLETED)
                    landed = {flying.pop(future): future.result() for future in done}
                    self._give_back([bundle for bundle, attempts in landed.items() if not attempts])
                    attempts = [attempt for attempts in landed.values() for attempt in attempts]
                    unwritten = self._record(unwritten + attempts)
                    # somebody may hold the signals meanwhile, or the key was refused
                    companies = self._get_sendable_companies(among=companies)
                # rows that a user holds; he is never waited for while something else can be done
                give_up = time.monotonic() + PATIENCE
                while unwritten and time.monotonic() < give_up:
                    time.sleep(0.1)
                    unwritten = self._record(unwritten)
        finally:
            poster.close()
        for attempt in unwritten:
            _logger.warning("Cloudprinter: the answer for signals %s could not be written", attempt.signal_ids)
        return bool(companies and self._get_due_orders(companies))

    @api.model
    def _get_parameter(self, name, default, at_most):
        value = self.env["ir.config_parameter"].sudo().get_param(f"cloudprinter.{name}", default)
        try:
            return min(max(1, int(value)), at_most)
        except ValueError:
            _logger.warning("Cloudprinter: the system parameter cloudprinter.%s is no number", name)
            return default

    @api.model
    def _get_due_orders(self, companies):
        """Ids of orders with due signals, the one with the oldest first.

        Nothing overtakes an earlier signal of its item that is queued for later or in flight.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT due.order_id
                  FROM (SELECT signal.id, signal.order_id
                          FROM cloudprinter_signal signal
                         WHERE signal.state = 'outgoing'
                           AND signal.company_id IN %(companies)s
                           AND signal.next_attempt_date <= %(now)s
                           AND NOT EXISTS (SELECT FROM cloudprinter_signal earlier
                                            WHERE earlier.item_id = signal.item_id
                                              AND earlier.id < signal.id
                                              AND earlier.state = 'outgoing'
                                              AND earlier.next_attempt_date > %(now)s)
                      ORDER BY signal.id
                         LIMIT %(window)s) due
              GROUP BY due.order_id
              ORDER BY min(due.id)
                """,
                companies=tuple(companies),
                now=fields.Datetime.now(),
                window=WINDOW,
            )
        )
        return [row[0] for row in rows]

    def _claim(self, order_ids, companies, bundle_size):
        """Write the attempt ahead for what is due of these orders, commit, and return it as bundles."""
        if not order_ids:
            return []
        try:
            rows = self._write_ahead(order_ids, companies, bundle_size)
            self.env["ir.cron"]._commit_progress()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # somebody changed a row since the last look; what flies must still be written down
            self.env.cr.rollback()
            return []
        # what the claim changed behind the ORM's back, and what others did since the last look
        self.env.invalidate_all()
        signals = self.env["cloudprinter.signal"].browse(sorted(row[0] for row in rows))
        bundles = []
        for (order, company), members in signals.grouped(lambda s: (s.order_id, s.company_id)).items():
            posted = tuple((signal.id, signal._to_cloudsignal()) for signal in members)
            bundles.append(Bundle(order.id, company.id, *companies[company.id], posted))
        return bundles

    def _write_ahead(self, order_ids, companies, bundle_size):
        """Count the attempt and write the next date; returns the rows of claimed ids.

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
                UPDATE cloudprinter_signal
                   SET next_attempt_date = %(now)s::timestamp + make_interval(
                           secs => (ARRAY[%(delays)s])[LEAST(attempt_count + 1, %(steps)s)]),
                       attempt_count = attempt_count + 1,
                       failure_type = NULL
                  FROM ranked
                 WHERE cloudprinter_signal.id = ranked.id
                   AND ranked.position <= %(size)s
             RETURNING cloudprinter_signal.id
                """,
                now=now,
                delays=delays,
                steps=len(SCHEDULE),
                orders=tuple(order_ids),
                companies=tuple(companies),
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

    def _record(self, attempts):
        """Write down attempts and their outcome, commit, and return those whose rows somebody holds."""
        if not attempts:
            return []
        ids = tuple({signal_id for attempt in attempts for signal_id in attempt.signal_ids})
        try:
            free = {
                row[0]
                for row in self.env.execute_query(
                    SQL("SELECT id FROM cloudprinter_signal WHERE id IN %s FOR NO KEY UPDATE SKIP LOCKED", ids)
                )
            }
            writable = [attempt for attempt in attempts if free.issuperset(attempt.signal_ids)]
            self._write_attempts(writable)
            self.env["ir.cron"]._commit_progress(sum(len(attempt.signal_ids) for attempt in writable))
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # the answers are kept and written again; nothing is posted again
            self.env.cr.rollback()
            return attempts
        except Exception:
            self.env.cr.rollback()
            if len(attempts) == 1:
                _logger.exception("Cloudprinter: the answer for signals %s cannot be written", ids)
                return []
            # one that cannot be written does not cost the others theirs
            return [attempt for each in attempts for attempt in self._record([each])]
        return [attempt for attempt in attempts if not free.issuperset(attempt.signal_ids)]

    def _write_attempts(self, attempts):
        now = fields.Datetime.now()
        signals = self.env["cloudprinter.signal"].browse(id_ for attempt in attempts for id_ in attempt.signal_ids)
        signals.fetch(["state", "type", "company_id", "attempt_count", "http_status", "answer", "failure_type"])
        lines = defaultdict(list)
        numbers = self._get_next_numbers(signals.company_id)
        seen = set()
        for attempt in attempts:
            result = attempt.result
            for signal in signals.browse(attempt.signal_ids):
                if signal.id in seen:
                    # taken apart after a refused bundle
                    signal.attempt_count += 1
                seen.add(signal.id)
                signal.http_status = result.status_code
                signal.answer = result.message[:500]
                if result.outcome is Outcome.ACCEPTED:
                    # also when a person discarded it meanwhile: Cloudprinter has it
                    company_id = signal.company_id.id
                    if signal.state == "sent":
                        # a repeat: the ledger has it
                        continue
                    changed = signal._prepare_sent(dict(attempt.bundle.signals)[signal.id])
                    signal.write(
                        {
                            "state": "sent",
                            "failure_type": False,
                            "sent_date": now,
                            "number": numbers[company_id],
                            **changed,
                        }
                    )
                    if "tracking" in changed and signal.res_model == "stock.picking":
                        signal._update_tracking(self.env["stock.picking"].browse(signal.res_id).exists())
                    numbers[company_id] += 1
                    self._note(lines, signal, attempt)
                elif signal.state != "outgoing":
                    continue
                elif result.outcome is Outcome.REFUSED:
                    if len(attempt.signal_ids) == 1:
                        signal.write({"state": "error", "failure_type": "refused"})
                        self._note(lines, signal, attempt)
                elif result.outcome is Outcome.KEY_REFUSED:
                    signal.write({"failure_type": "key", "next_attempt_date": now})
                else:
                    signal.write({"failure_type": "endpoint", **self._prepare_delay(result, now)})
        posted = [attempt for attempt in attempts if attempt.body]
        self.env["cloudprinter.request"].create([self._prepare_request(attempt) for attempt in posted])
        try:
            with self.env.cr.savepoint():
                self._log_lines(lines)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:
            # a note that cannot be written must not have the signal posted again
            _logger.exception("Cloudprinter: no note was written for signals %s", signals.ids)

    @api.model
    def _prepare_delay(self, result, now):
        """The endpoint's own wish, but never less than a minute, overrides the date that was written ahead."""
        if result.retry_after is None:
            return {}
        return {"next_attempt_date": fields.Datetime.add(now, seconds=max(round(result.retry_after), SCHEDULE[0]))}

    @api.model
    def _get_next_numbers(self, companies):
        """The next number of each company's ledger; there is one sender, so they have no gaps."""
        numbers = dict.fromkeys(companies.ids, 1)
        for company_id in companies.ids:
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
    def _prepare_request(self, attempt):
        result = attempt.result
        answered = result.status_code is not None
        return {
            "signal_ids": [fields.Command.set(attempt.signal_ids)],
            "company_id": attempt.bundle.company_id,
            "url": attempt.bundle.url,
            "body": json.dumps(attempt.body, ensure_ascii=False),
            "outcome": result.outcome.value,
            "status_code": result.status_code,
            "response": result.response,
            "error": False if answered else result.message,
            "duration_ms": result.duration_ms,
            "key_fingerprint": attempt.bundle.key_fingerprint,
        }

    # === chatter === #

    def _note(self, lines, signal, attempt):
        """Collect the line of one outcome for the item and for the document that caused the signal."""
        config = signal.company_id._cloudprinter_config()
        accepted = attempt.result.outcome is Outcome.ACCEPTED
        if accepted and config.cloudprinter_chatter == "problems":
            return
        env = self.with_context(lang=signal.company_id.partner_id.lang or self.env.lang).env
        details = ", ".join(text for text in (signal.tracking, signal.shipping_option, signal.cause) if text)
        values = {
            "signal": Markup("<b>%s</b>") % env._(CHATTER_TEXTS[signal.type]),
            "item": signal.item_id.name,
            "details": f" ({details})" if details else "",
            "answer": attempt.result.message,
        }
        if accepted:
            line = env._("Cloudprinter accepted %(signal)s for item %(item)s%(details)s.", **values)
        else:
            line = env._("Cloudprinter refused %(signal)s for item %(item)s%(details)s: %(answer)s", **values)
        targets = {("cloudprinter.item", signal.item_id.id)}
        if signal.res_model and signal.res_id:
            targets.add((signal.res_model, signal.res_id))
        for target in targets:
            lines[target].append(escape(line))

    def _log_lines(self, lines):
        """One message per document, whatever happened to it in this batch."""
        by_model = defaultdict(dict)
        for (model, res_id), texts in lines.items():
            by_model[model][res_id] = Markup("<br/>").join(texts)
        for model, bodies in by_model.items():
            if model not in self.env or not hasattr(self.env[model], "_message_log_batch"):
                continue
            documents = self.env[model].browse(bodies).exists()
            documents._message_log_batch(bodies={document.id: bodies[document.id] for document in documents})

    # === waking === #

    @api.model
    def _wake(self, at=None):
        self.env["cloudprinter.signal"]._wake_sender(at)

    @api.model
    def _wake_for_retries(self, companies):
        rows = self.env.execute_query(
            SQL(
                "SELECT min(next_attempt_date) FROM cloudprinter_signal"
                " WHERE state = 'outgoing' AND company_id IN %s AND attempt_count > 0",
                tuple(companies),
            )
        )
        if rows[0][0]:
            self._wake(rows[0][0])


class _Poster:
    """Posts bundles in threads, one keep-alive client per thread and address."""

    def __init__(self, deadline):
        self.deadline = deadline
        self.refused_keys = set()
        self.local = threading.local()
        self.clients = []

    def post(self, bundle):
        """Post a bundle; a refused one is taken apart, so that one bad signal does not hold the others.

        :returns: list of Attempt, empty when the budget was spent before
        """
        if time.monotonic() > self.deadline or bundle.key_fingerprint in self.refused_keys:
            return []
        valid, attempts = [], []
        for row_id, signal in bundle.signals:
            try:
                signal.validate()
            except cloudsignal.SignalError as error:
                refusal = cloudsignal.Result(Outcome.REFUSED, None, str(error), "", None, 0)
                attempts.append(Attempt(bundle, (row_id,), {}, refusal))
            else:
                valid.append((row_id, signal))
        if not valid:
            return attempts
        attempts.append(self._post(bundle, valid))
        if attempts[-1].result.outcome is Outcome.REFUSED and len(valid) > 1:
            for member in valid:
                if time.monotonic() > self.deadline:
                    break
                attempts.append(self._post(bundle, [member]))
                if attempts[-1].result.outcome not in (Outcome.ACCEPTED, Outcome.REFUSED):
                    break
        return attempts

    def _post(self, bundle, members):
        body = cloudsignal.body([signal for _row_id, signal in members])
        try:
            result = self._get_client(bundle.url).post(body, bundle.key)
        except Exception as error:
            # the answers of others are in this run; the text of an error might hold the key
            _logger.error("Cloudprinter: a post failed in an unexpected way: %s", type(error).__name__)
            result = cloudsignal.Result(Outcome.NO_ANSWER, message=type(error).__name__)
        if result.outcome is Outcome.KEY_REFUSED:
            self.refused_keys.add(bundle.key_fingerprint)
        return Attempt(bundle, tuple(row_id for row_id, _signal in members), body, result)

    def _get_client(self, url):
        clients = self.local.__dict__
        if url not in clients:
            clients[url] = cloudsignal.Client(url, user_agent=_user_agent())
            self.clients.append(clients[url])
        return clients[url]

    def close(self):
        for client in self.clients:
            client.close()


def _user_agent():
    version = Manifest.for_addon("cloudprinter")["version"]
    return f"cloudprinter/{version} Odoo/{release.version}"
