import logging
import threading
import time
from contextlib import contextmanager, suppress

import psycopg2

from odoo import api, fields, models, sql_db
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.service.server import CommonServer
from odoo.tools import config

from ..cloudsignal import SignalError
from ..delivery import Bundle, Endpoint, Poster, Queue, Run, allow, share_slots
from ..tools.parameters import get_parameter, get_user_agent

_logger = logging.getLogger(__name__)

LOCK = 0x636C6F7564707274  # "cloudprt"
LOCK_IDLE = 60  # seconds after which PostgreSQL releases the lock of an idle process
BUDGET = 30.0  # seconds of claiming, at most half of Odoo's limit for a scheduled action
TIMEOUT = 20.0  # seconds for one POST, at most a quarter of that limit

_stopping = threading.Event()
_senders = set()  # a threading.Event per sender, set when it has ended


def _end_senders():
    """Let the senders of this process record the bundles in flight before Odoo closes its database connections."""
    _stopping.set()
    for ended in list(_senders):
        ended.wait(BUDGET + TIMEOUT)


CommonServer.on_stop(_end_senders)


class CloudprinterSender(models.AbstractModel):
    """Posts signals in four steps: claim, post, record, wake.

    One sender runs per database. A claim counts an attempt, sets the next attempt date and is committed; bundles are
    posted in threads while nothing is locked; each answer is recorded before its signals are changed. A crash repeats
    at most the bundles in flight, which are due again at their date.
    """

    _name = "cloudprinter.sender"
    _description = "Cloudprinter Sender"

    @api.model
    def _cron_send(self):
        """Send due signals until none is left or the time budget is spent."""
        ended = threading.Event()
        _senders.add(ended)
        try:
            with self._sender_lock() as keep_lock:
                if keep_lock:
                    self._send(keep_lock)
                else:
                    # the running sender may have searched just before the new signals were committed
                    self._wake(fields.Datetime.add(fields.Datetime.now(), minutes=1))
                    return
        finally:
            _senders.discard(ended)
            ended.set()
        self.env["cloudprinter.todo"]._update()

    @contextmanager
    def _sender_lock(self):
        """Yield a function that keeps the sender lock of the database alive, or None if another sender holds it.

        The lock has its own transaction: it cannot leak through the pool and ends with the process.
        """
        lock_cr = sql_db.db_connect(self.env.cr.dbname).cursor()
        try:
            # hold no snapshot, or PostgreSQL would have to scan every row version of the run again and again
            lock_cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            # longer than a POST takes; a frozen process must not keep the others from sending
            lock_cr.execute("SET LOCAL idle_in_transaction_session_timeout = %s", [LOCK_IDLE * 1000])
            lock_cr.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            yield (lambda: lock_cr.execute("SELECT 1")) if lock_cr.fetchone()[0] else None
        finally:
            with suppress(psycopg2.Error):
                lock_cr.close()

    @api.model
    def _make_run(self, keep_lock):
        limit = config["limit_time_real_cron"]
        limit = (config["limit_time_real"] if limit < 0 else limit) or float("inf")
        poster = Poster(
            get_parameter(self.env, "connections", 8, at_most=32),
            get_user_agent(),
            timeout=min(TIMEOUT, limit / 4),
            deadline=time.monotonic() + min(BUDGET, limit / 2),
        )
        return Run(poster, keep_lock, get_parameter(self.env, "bundle_size", 100, at_most=1000))

    @api.model
    def _wake(self, at=None):
        self.env["cloudprinter.signal"]._wake_sender(at)

    # === the run === #

    def _send(self, keep_lock):
        """Claim, post and record until nothing can be claimed or the time budget is spent."""
        ledger, run = self.env["cloudprinter.ledger"], self._make_run(keep_lock)
        # left over from an earlier run
        run.due.locked_order_ids.update(ledger._apply().signal_ids.order_id.ids)
        try:
            ledger._expire()
            self.env["cloudprinter.ledger.entry"]._chain()
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # this transaction began before the lock, perhaps while another sender was still running
            self.env.cr.rollback()
        try:
            while True:
                self._claim_all(run)
                if not run.in_flight:
                    break
                self._record(run, run.poster.wait())
        finally:
            # if the database is gone, nothing more may be posted, as its answer could not be recorded
            run.poster.close()
        self.env["cloudprinter.chatter"]._wake()
        self._wake_again(run)
        self.env["ir.cron"]._commit_progress()

    def _send_test(self, signal):
        """Post one new signal of a test order while an administrator waits, even while signals are on hold.

        :returns: whether it was posted; False while the sender is running
        """
        with self._sender_lock() as keep_lock:
            if not keep_lock:
                return False
            run = self._make_run(keep_lock)
            try:
                run.endpoints = self._get_endpoints(run, signal.company_id, also_held=True)
                self._claim(run, [(signal.company_id.id, signal.order_id.id, None)])
                while run.in_flight:
                    self._record(run, run.poster.wait())
            finally:
                run.poster.close()
            self.env["cloudprinter.chatter"]._wake()
        return True

    # === endpoints === #

    @api.model
    def _get_endpoints(self, run, companies, also_held=False):
        """Return the endpoints to which these companies may send.

        :param bool also_held: include companies whose signals are held back, for whatever reason
        :rtype: list[Endpoint]
        """
        known = {endpoint.company_id: endpoint for endpoint in run.endpoints}
        endpoints = {}
        for company in companies.sudo():
            obstacle = company._cloudprinter_obstacle()
            if obstacle and not also_held:
                _logger.debug("Cloudprinter: signals of company %s are held back: %s", company.id, obstacle)
                continue
            owner = company._cloudprinter_config()
            if owner not in endpoints:
                endpoint = Endpoint(
                    owner.id,
                    [],
                    owner.cloudprinter_signal_url,
                    owner.cloudprinter_signal_api_key,
                    owner._cloudprinter_key_fingerprint(),
                    owner.cloudprinter_resumed_request,
                    owner._cloudprinter_circuit(),
                )
                before = known.get(owner.id)
                if before and before.has_settings_of(endpoint):
                    # bundles in flight refer to it
                    before.company_ids = []
                    endpoint = before
                endpoints[owner] = endpoint
            endpoints[owner].company_ids.append(company.id)
        return list(endpoints.values())

    @api.model
    def _update_endpoints(self, run):
        """Reload the endpoints if the settings have changed, so that a hold takes effect immediately."""
        settings = Queue(self.env.cr).get_settings()
        if settings != run.settings:
            self.env.invalidate_all()
            run.settings = settings
            companies = self.env["res.company"].browse(row[0] for row in settings)
            run.endpoints = self._get_endpoints(run, companies)

    # === claiming === #

    def _claim_all(self, run):
        """Claim and post as many bundles as may be in flight."""
        if _stopping.is_set():
            run.poster.deadline = float("-inf")
        self._update_endpoints(run)
        found = True
        while found and time.monotonic() < run.poster.deadline:
            try:
                run.keep_lock()
            except psycopg2.Error:
                _logger.warning("Cloudprinter: the sender lost its lock and ends after recording the bundles in flight")
                run.poster.deadline = float("-inf")
                break
            try:
                found = self._find(run)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                # a row was changed since it was read
                self.env.cr.rollback()
                continue
            if found:
                self._claim(run, found)
        self.env.cr.commit()  # pylint: disable=invalid-commit

    def _find(self, run):
        """Return what can be claimed now: a list of (company id, order id, id of the signal if sent alone)."""
        room = run.get_room()
        if not room:
            return []
        queue, now = Queue(self.env.cr), fields.Datetime.now()
        busy = [*run.due.locked_order_ids, *(bundle.order_id for bundle in run.in_flight)]
        if run.due.is_old():
            run.due.forget()
        run.due.is_fresh = run.due.is_empty()
        singles, bundles = [], []
        for endpoint in run.endpoints:
            allowance = allow(endpoint.circuit, run.get_in_flight(endpoint), now)
            if allowance.bundles:
                bundles += endpoint.company_ids
            kind = (endpoint.company_id, allowance.single)
            if allowance.single and kind not in run.due.without_single:
                single = queue.find_single(endpoint.company_ids, allowance, busy)
                if single:
                    singles.append(single)
                else:
                    run.due.without_single.add(kind)
        unknown = [company_id for company_id in bundles if company_id not in run.due.orders]
        if unknown:
            run.due.orders.update(queue.find_orders(unknown, busy))
        found = share_slots(run.due.get_candidates(bundles, singles, busy), run.in_flight, room)
        run.due.remove(found)
        if not found and not run.in_flight and not run.due.is_fresh:
            # the run ends only if nothing has become due since
            run.due.forget()
            return self._find(run)
        return found

    def _claim(self, run, found):
        """Claim what `_find` has found, commit and post it."""
        order_ids = [order_id for _company_id, order_id, signal_id in found if not signal_id]
        signal_ids = [signal_id for _company_id, _order_id, signal_id in found if signal_id]
        now = fields.Datetime.now()
        try:
            claimed = Queue(self.env.cr).claim(order_ids, signal_ids, run.bundle_size)
            bundles = self._make_bundles(run, claimed, now)
            # after a crash they must count as claimed
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # a row was changed since it was read
            self.env.cr.rollback()
            return
        except Exception:
            self.env.cr.rollback()
            if len(found) > 1:
                # one row that cannot be read or claimed must not block the others
                for each in found:
                    self._claim(run, [each])
                return
            _logger.exception("Cloudprinter: order %s cannot be claimed", found[0][1])
            claimed, bundles = [], []
        unclaimed = {order_id for _company_id, order_id, _signal_id in found} - {row[0] for row in claimed}
        if unclaimed and not run.due.is_fresh:
            # they may have changed since they were looked up
            run.due.forget()
        else:
            run.due.locked_order_ids |= unclaimed
        run.in_flight += bundles
        run.poster.post(bundles)

    def _make_bundles(self, run, claimed, date):
        """Return the bundles of the claimed signals; invalid ones are refused and never posted."""
        endpoints = {company_id: endpoint for endpoint in run.endpoints for company_id in endpoint.company_ids}
        members = {}
        for order_id, company_id, row in claimed:
            try:
                row.signal.validate()
            except SignalError as error:
                self.env["cloudprinter.ledger"]._refuse(self.env["cloudprinter.signal"].browse(row.id), error)
            else:
                members.setdefault((order_id, company_id), []).append(row)
        return [
            Bundle(order_id, company_id, tuple(rows), date, endpoints[company_id])
            for (order_id, company_id), rows in members.items()
        ]

    # === recording === #

    def _record(self, run, finished):
        """Record the answers, and give back the signals that were not posted."""
        ledger = self.env["cloudprinter.ledger"]
        for bundle, _attempt in finished:
            run.in_flight.remove(bundle)
        requests = ledger._record(run, [attempt for _bundle, attempt in finished if attempt])
        if len(finished) > len(requests) or any(request.verdict != "accepted" for request in requests):
            run.due.forget()
        left = ledger._apply(requests)
        run.due.locked_order_ids.update(left.signal_ids.order_id.ids)
        unposted = [row.id for bundle, attempt in finished if not attempt for row in bundle.rows]
        if unposted:
            try:
                Queue(self.env.cr).give_back(unposted)
                self.env.cr.commit()  # pylint: disable=invalid-commit
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                # they are due again at their date
                self.env.cr.rollback()

    # === waking === #

    def _wake_again(self, run):
        """Wake the sender immediately if the time budget is spent, else when more can be claimed."""
        if _stopping.is_set() or time.monotonic() > run.poster.deadline:
            self._wake()
            return
        queue, now = Queue(self.env.cr), fields.Datetime.now()
        dates = [fields.Datetime.add(now, minutes=1)] if run.due.locked_order_ids else []
        for endpoint in run.endpoints:
            allowance = allow(endpoint.circuit, [], now)
            if allowance.look_again:
                dates.append(allowance.look_again)
            if allowance.single in ("alone", "any"):
                dates.append(queue.get_next_date(endpoint.company_ids, allowance.not_order_ids))
        if any(dates):
            self._wake(min(filter(None, dates)))
