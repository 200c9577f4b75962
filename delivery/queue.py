"""All SQL of the queue, one method per statement. No method commits or waits for a lock.

A row is due if its date is reached or empty, or so far ahead that a clock must have been wrong.
"""

from ..cloudsignal import Signal
from .bundle import Row
from .schedule import FAULTS_AT_MOST, SIGNAL_FARTHEST, get_wait, utcnow

WINDOW = 2000  # rows considered at a time, shared by the companies
WINDOW_OF_COMPANY = 200
QUIET = 60  # seconds that the chatter waits for further outcomes
# due or in flight: a claim removes the answer of the attempt before
PENDING = """
    other.state = 'outgoing'
    AND (other.attempt_count > 0 AND other.answer IS NULL
         OR (other.next_attempt_date > %(now)s AND other.next_attempt_date <= %(far)s) IS NOT TRUE)
"""


class Queue:
    """The table `cloudprinter_signal` as a queue.

    :param cr: a database cursor; changes that the ORM has not flushed are not seen
    """

    def __init__(self, cr):
        self._cr = cr

    def _run(self, sql, **values):
        now = utcnow()
        self._cr.execute(sql, {"now": now, "far": now + SIGNAL_FARTHEST, **values})
        return self._cr.fetchall()

    # === looking === #

    def get_settings(self):
        """Return what users may change during a run: one row per company with queued signals, its id first."""
        return self._run(
            """
            SELECT id,
                   (SELECT array_agg((own.cloudprinter_hold, own.cloudprinter_signal_api_key,
                                      own.cloudprinter_signal_url, own.cloudprinter_fingerprint,
                                      own.cloudprinter_resumed_request)::text ORDER BY own.id)
                      FROM res_company own
                     WHERE starts_with(company.parent_path, own.parent_path))
              FROM res_company company
             WHERE EXISTS (SELECT FROM cloudprinter_signal WHERE company_id = company.id AND state = 'outgoing')
          ORDER BY id
            """
        )

    def find_orders(self, company_ids, busy_order_ids):
        """Return the orders of which a bundle may be claimed, the oldest first.

        Signals that were tried before come after new ones, since they may be the ones that fail.

        :rtype: dict[int, list[int]]
        :returns: company id → order ids
        """
        rows = self._run(
            """
            SELECT company.id, due.order_id
              FROM unnest(%(companies)s::int[]) AS company(id),
                   LATERAL (SELECT signal.id, signal.order_id, signal.last_attempt_id
                              FROM cloudprinter_signal signal
                             WHERE signal.state = 'outgoing'
                               AND signal.company_id = company.id
                               AND signal.fault_count = 0
                               AND NOT signal.alone
                               AND (signal.next_attempt_date > %(now)s
                                    AND signal.next_attempt_date <= %(far)s) IS NOT TRUE
                               AND signal.order_id != ALL(%(busy)s)
                               AND NOT EXISTS (SELECT FROM cloudprinter_signal earlier
                                                WHERE earlier.item_id = signal.item_id
                                                  AND earlier.id < signal.id
                                                  AND earlier.state = 'outgoing'
                                                  AND (earlier.fault_count > 0 OR earlier.alone
                                                       OR earlier.next_attempt_date > %(now)s
                                                       AND earlier.next_attempt_date <= %(far)s))
                          ORDER BY signal.last_attempt_id, signal.id
                             LIMIT %(window)s) due
          GROUP BY company.id, due.order_id
          ORDER BY min(due.last_attempt_id), min(due.id)
            """,
            companies=company_ids,
            busy=busy_order_ids,
            window=max(WINDOW // len(company_ids), WINDOW_OF_COMPANY),
        )
        orders = {}
        for company_id, order_id in rows:
            orders.setdefault(company_id, []).append(order_id)
        return orders

    def find_single(self, company_ids, allowance, busy_order_ids):
        """Return the company, order and id of the signal to post alone, or None.

        :param Allowance allowance: with `single`
        """
        rows = self._run(
            """
            SELECT signal.company_id, signal.order_id, signal.id
              FROM cloudprinter_signal signal
             WHERE signal.state = 'outgoing'
               AND signal.company_id = ANY(%(companies)s)
               AND (signal.next_attempt_date > %(now)s AND signal.next_attempt_date <= %(far)s) IS NOT TRUE
               AND (%(single)s != 'alone' OR signal.alone OR signal.fault_count > 0)
               AND (signal.next_attempt_date IS NULL
                    OR %(single)s != 'asked' AND signal.order_id != ALL(%(not_orders)s))
               AND signal.order_id != ALL(%(busy)s)
               AND NOT EXISTS (SELECT FROM cloudprinter_signal earlier
                                WHERE earlier.item_id = signal.item_id
                                  AND earlier.id < signal.id
                                  AND earlier.state = 'outgoing')
          ORDER BY signal.next_attempt_date IS NOT NULL,
                   signal.fault_count > 0,
                   (SELECT max(other.last_attempt_id)
                      FROM cloudprinter_signal other
                     WHERE other.order_id = signal.order_id AND other.state = 'outgoing'),
                   signal.order_id DESC,
                   signal.last_attempt_id,
                   signal.id
             LIMIT 1
            """,
            companies=company_ids,
            single=allowance.single,
            not_orders=list(allowance.not_order_ids),
            busy=busy_order_ids,
        )
        return rows[0] if rows else None

    def get_next_date(self, company_ids, not_order_ids):
        """Return when the next queued signal becomes due, or None. Signals that are due already do not count.

        :param not_order_ids: orders to leave out
        """
        [[date]] = self._run(
            """
            SELECT min(next_attempt_date)
              FROM cloudprinter_signal
             WHERE state = 'outgoing'
               AND company_id = ANY(%(companies)s)
               AND next_attempt_date > %(now)s
               AND next_attempt_date <= %(far)s
               AND order_id != ALL(%(not_orders)s)
            """,
            companies=company_ids,
            not_orders=list(not_order_ids),
        )
        return date

    # === claiming === #

    def claim(self, order_ids, signal_ids, bundle_size):
        """Claim the due signals of these orders, and these single signals, by counting an attempt in advance.

        Rows that others have locked are left out, together with all later ones of the same item.

        :rtype: list
        :returns: of (order id, company id, Row), the oldest first
        """
        rows = self._run(
            """
            WITH free AS MATERIALIZED (
                SELECT id
                  FROM cloudprinter_signal
                 WHERE state = 'outgoing'
                   AND (next_attempt_date > %(now)s AND next_attempt_date <= %(far)s) IS NOT TRUE
                   AND (order_id = ANY(%(orders)s) AND fault_count = 0 AND NOT alone OR id = ANY(%(singles)s))
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
               SET next_attempt_date = (%(dates)s::timestamp[])[LEAST(signal.fault_count + 1, %(most)s)],
                   attempt_count = signal.attempt_count + 1,
                   fault_count = signal.fault_count + 1,
                   answer = NULL
              FROM ranked, cloudprinter_order "order", cloudprinter_item item
             WHERE signal.id = ranked.id
               AND ranked.position <= %(size)s
               AND "order".id = signal.order_id
               AND item.id = signal.item_id
         RETURNING signal.id, signal.order_id, signal.company_id, signal.fault_count, signal.alone,
                   signal.last_attempt_id, signal.fault_count > 1 AND signal.http_status IN (401, 403),
                   signal.type, "order".name, item.name, signal.event_date,
                   COALESCE(signal.tracking, ''), COALESCE(signal.shipping_option, ''),
                   COALESCE(signal.cause, ''), COALESCE(signal.message, ''), COALESCE(signal.delay, '')
            """,
            orders=order_ids,
            singles=signal_ids,
            dates=[utcnow() + get_wait(fault_count) for fault_count in range(1, FAULTS_AT_MOST + 1)],
            most=FAULTS_AT_MOST,
            size=bundle_size,
        )
        return [
            (order_id, company_id, Row(row_id, faults, alone, last_id, bool(key_fault), Signal(*values)))
            for row_id, order_id, company_id, faults, alone, last_id, key_fault, *values in sorted(rows)
        ]

    def give_back(self, signal_ids):
        """Undo the claim of signals that were not posted."""
        self._run(
            """
            UPDATE cloudprinter_signal
               SET attempt_count = attempt_count - 1,
                   fault_count = GREATEST(fault_count - 1, 0),
                   next_attempt_date = %(now)s
             WHERE id IN (SELECT id
                            FROM cloudprinter_signal
                           WHERE id = ANY(%(ids)s) AND state = 'outgoing'
                             FOR NO KEY UPDATE SKIP LOCKED)
         RETURNING id
            """,
            ids=signal_ids,
        )

    def retry_now(self, company_ids, refused_order_ids):
        """Make signals due that were tried before, and queue the refused ones of these orders again.

        :returns: the ids of those that were refused or had failed
        """
        rows = self._run(
            """
            UPDATE cloudprinter_signal signal
               SET state = 'outgoing', failure_type = NULL, fault_count = 0, next_attempt_date = %(now)s
              FROM (SELECT id, failure_type
                      FROM cloudprinter_signal
                     WHERE company_id = ANY(%(companies)s)
                       AND (state = 'outgoing' AND attempt_count > 0
                            OR state = 'error' AND failure_type = 'refused' AND order_id = ANY(%(orders)s))
                       FOR NO KEY UPDATE SKIP LOCKED) before
             WHERE signal.id = before.id
         RETURNING signal.id, before.failure_type IS NOT NULL
            """,
            companies=company_ids,
            orders=refused_order_ids,
        )
        return [signal_id for signal_id, changed in rows if changed]

    # === answers === #

    def lock(self, signal_ids):
        """Lock those of these signals that are free until the transaction ends, and return their ids."""
        rows = self._run(
            "SELECT id FROM cloudprinter_signal WHERE id = ANY(%(ids)s) FOR NO KEY UPDATE SKIP LOCKED", ids=signal_ids
        )
        return {row[0] for row in rows}

    def accept(self, rows, user_id):
        """Write acceptances to signals.

        :param list rows: of (id, number, attempt id, date, HTTP status, further posts, *details as posted)
        """
        self._run(
            """
            UPDATE cloudprinter_signal signal
               SET state = 'sent', failure_type = NULL, answer = NULL, to_log = true, number = sent.number,
                   last_attempt_id = sent.attempt, sent_date = sent.date, http_status = sent.status,
                   attempt_count = signal.attempt_count + sent.repeats, tracking = sent.tracking,
                   shipping_option = sent.shipping_option, cause = sent.cause, message = sent.message,
                   delay = sent.delay, write_date = %(now)s, write_uid = %(user)s
              FROM unnest(%(ids)s, %(numbers)s, %(attempts)s, %(dates)s::timestamp[], %(statuses)s, %(repeats)s,
                          %(trackings)s::text[], %(options)s::text[], %(causes)s::text[], %(messages)s::text[],
                          %(delays)s::text[])
                   AS sent(id, number, attempt, date, status, repeats, tracking, shipping_option, cause, message, delay)
             WHERE signal.id = sent.id
         RETURNING signal.id
            """,
            user=user_id,
            **dict(zip(ACCEPTED, map(list, zip(*rows)))),
        )

    def fail(self, signal_ids, change, attempt_id, status, answer, repeats, user_id):
        """Write to signals that an attempt was not accepted.

        :param Change change: see `settle`
        :param int repeats: further posts of the attempt
        """
        self._run(
            """
            UPDATE cloudprinter_signal
               SET state = %(state)s, failure_type = %(failure)s, fault_count = %(faults)s, alone = alone OR %(alone)s,
                   next_attempt_date = %(next)s, last_attempt_id = %(attempt)s, http_status = %(status)s,
                   answer = %(answer)s, to_log = to_log OR %(settled)s, attempt_count = attempt_count + %(repeats)s,
                   write_date = %(now)s, write_uid = %(user)s
             WHERE id = ANY(%(ids)s)
         RETURNING id
            """,
            ids=signal_ids,
            state=change.state,
            failure=change.failure_type,
            faults=change.fault_count,
            alone=change.alone,
            next=change.next_attempt_date,
            settled=change.state != "outgoing",
            attempt=attempt_id,
            status=status,
            answer=answer,
            repeats=repeats,
            user=user_id,
        )

    # === chatter === #

    def find_unlogged(self, at_most, failed_ids):
        """Lock the signals whose outcome is not in the chatter yet, and return their ids, the oldest first.

        All such signals of a document are returned together, so that they share a note. For the same reason, a
        document with more signals due or in flight is left out for up to a minute.

        :param failed_ids: signals to leave out
        """
        rows = self._run(
            f"""
            WITH first AS MATERIALIZED (
                SELECT id, item_id, res_model, res_id
                  FROM cloudprinter_signal signal
                 WHERE to_log
                   AND id != ALL(%(failed)s)
                   AND (write_date < %(now)s - make_interval(secs => %(quiet)s)
                        -- one lookup per index: with OR, PostgreSQL would read the whole queue for each signal
                        OR NOT EXISTS (SELECT FROM cloudprinter_signal other
                                        WHERE other.item_id = signal.item_id AND {PENDING})
                       AND NOT EXISTS (SELECT FROM cloudprinter_signal other
                                        WHERE other.res_model = signal.res_model
                                          AND other.res_id = signal.res_id
                                          AND {PENDING}))
              ORDER BY id
                 LIMIT %(limit)s
            )
            SELECT signal.id
              FROM cloudprinter_signal signal
             WHERE to_log
               AND id != ALL(%(failed)s)
               AND (item_id IN (SELECT item_id FROM first)
                    OR (res_model, res_id) IN (SELECT res_model, res_id FROM first))
          ORDER BY id
               FOR NO KEY UPDATE SKIP LOCKED
            """,
            failed=failed_ids,
            quiet=QUIET,
            limit=at_most,
        )
        return [row[0] for row in rows]

    def mark_logged(self, signal_ids):
        """Record that the outcomes of these signals are in the chatter."""
        self._run("UPDATE cloudprinter_signal SET to_log = false WHERE id = ANY(%(ids)s) RETURNING id", ids=signal_ids)


# the parameters of `accept` in the order of its rows
ACCEPTED = "ids numbers attempts dates statuses repeats trackings options causes messages delays".split()
