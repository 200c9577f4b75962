"""What the Odoo processes of the fault tests run. Each function gets a superuser environment."""

import os
import signal
import time
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields, sql_db
from odoo.tools import SQL

from odoo.addons.cloudprinter.delivery import Circuit, Endpoint, Poster, Queue
from odoo.addons.cloudprinter.models import cloudprinter_sender
from odoo.addons.cloudprinter.models.cloudprinter_chatter import CloudprinterChatter
from odoo.addons.cloudprinter.models.cloudprinter_ledger import CloudprinterLedger
from odoo.addons.cloudprinter.models.cloudprinter_sender import CloudprinterSender

from ..process_tests.scripts import (  # noqa: F401  (run by name)
    configure,
    finish_production_alone,
    make_deliveries,
    make_item,
    meet,
    resume,
)

ROUNDS = 200  # runs after which everything must be delivered
QUEUE = SQL("SELECT 1 FROM cloudprinter_signal WHERE state = 'outgoing' OR to_log LIMIT 1")
WAKE = SQL("SELECT min(call_at) FROM ir_cron_trigger")


def wake_up(env):
    """Do nothing, to show that the process is ready."""


def die():
    """Die as if the kernel ended a process that takes too much memory: without cleaning up."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def later(minutes):
    """Let time continue from the given minutes later."""
    moment = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(minutes=minutes)
    with freeze_time(moment, tick=True) as clock:
        yield clock


def answer_once(env):
    """Answer the key once, so that several orders are posted at a time."""
    company = env.company
    key, resumed = company._cloudprinter_key_fingerprint(), company.cloudprinter_resumed_request
    endpoint = Endpoint(company.id, [], "", "", key, resumed, Circuit(answered_id=1))
    env["cloudprinter.circuit"]._write_circuit(endpoint)


# === work in the shop === #


def make_orders(env, orders, types, items=1, first=1000):
    """Create orders called 1000, 1001, …, each with items that have all these signals, in order for each item."""
    names = [str(first + number) for number in range(orders)]
    made = env["cloudprinter.order"].create([{"name": name} for name in names])
    made = env["cloudprinter.item"].create(
        [{"order_id": order.id, "name": f"{order.name}-{number}"} for order in made for number in range(items)]
    )
    env["cloudprinter.signal"]._insert([{"item_id": item.id, "type": type_} for item in made for type_ in types])


def check_ledger(env):
    return env.company.cloudprinter_check_ledger()


def report_all(env, type_):
    """Create one more signal for each item."""
    items = env["cloudprinter.item"].search([], order="id")
    env["cloudprinter.signal"]._insert([{"item_id": item.id, "type": type_} for item in items])


def deliver(env, picking_id, tracking):
    picking = env["stock.picking"].browse(picking_id)
    picking.move_ids.cloudprinter_item_id.order_id.shipping_method = "gls_national"
    picking.carrier_tracking_ref = tracking
    picking.move_ids.write({"quantity": 5, "picked": True})
    picking.button_validate()


def discard_and_hold(env, order):
    """Discard an order's signals as a manager whose transaction stays open until the test continues."""
    env["cloudprinter.signal"].search([("order_id.name", "=", order)]).action_discard()
    env.flush_all()
    meet("held")


def correct_tracking_and_hold(env, picking_id, tracking):
    env["stock.picking"].browse(picking_id).carrier_tracking_ref = tracking
    env.flush_all()
    meet("held")


def hold(env, order, count=None):
    """Change an order's signals, or the first `count` of them, then the others; return how long the latter took."""
    signals = env["cloudprinter.signal"].search([("order_id.name", "=", order)], order="id")
    # a decision of a user, with its entry in the ledger
    signals[:count]._update({"message": "held"}, "queued")
    meet("held")
    start = time.monotonic()
    if count:
        signals[count:]._update({"message": "held"}, "queued")
    # changed back, so that what is sent is what was queued
    env.cr.rollback()
    return {"waited": time.monotonic() - start}


# === the sender === #


def time_send(env):
    """Run the sender once; return how long it took and how often it tried to claim signals."""
    start = time.monotonic()
    claims = []
    claim = Queue.claim

    def count_and_claim(queue, *arguments):
        claims.append(1)
        return claim(queue, *arguments)

    with patch.object(Queue, "claim", count_and_claim):
        env["cloudprinter.sender"]._cron_send()
    return {"seconds": time.monotonic() - start, "claims": len(claims)}


def send_some(env, orders):
    """Run the sender once, with all but this many of the orders not due yet."""
    late = env["cloudprinter.order"].search([], order="id")[orders:].signal_ids
    late.next_attempt_date = fields.Datetime.add(fields.Datetime.now(), hours=1)
    env["cloudprinter.sender"]._cron_send()
    late.next_attempt_date = fields.Datetime.now()


def send_again_after_refusals(env):
    """Resume as a user and send the refused signals again."""
    env.company.action_cloudprinter_resume()
    env["cloudprinter.signal"].search([("state", "=", "error")]).action_send()


def send(env, minutes=0, trusted=None):
    """Run the sender as Odoo's cron does, the given minutes from now.

    :param trusted: path of the certificates that this machine trusts instead of its own list
    """
    trust = patch("requests.adapters.DEFAULT_CA_BUNDLE_PATH", trusted) if trusted else nullcontext()
    with later(minutes), trust:
        _run(env)


def send_every(env, minutes, until):
    """Run the sender now and at this interval in minutes, the last time `until` minutes from now."""
    with later(0) as clock:
        for _run_number in range(until // minutes):
            _run(env)
            clock.tick(timedelta(minutes=minutes))
        _run(env)


def _run(env):
    """Run the sender and the chatter, and again as long as they request it."""
    triggers = SQL("DELETE FROM ir_cron_trigger WHERE call_at <= %s RETURNING id", fields.Datetime.now())
    env.execute_query(triggers)
    for _round in range(ROUNDS):
        env["cloudprinter.sender"]._cron_send()
        env["cloudprinter.chatter"]._cron_log()
        if not env.execute_query(triggers):
            return
    raise AssertionError("the sender never comes to an end")


def send_beside_the_cron(env):
    """Run the sender at once, even if another process does so."""
    env["cloudprinter.sender"]._cron_send()


def send_when_due(env):
    """Run the sender and the chatter now and whenever they request it, until nothing is left."""
    with later(0) as clock:
        for _round in range(ROUNDS):
            env.execute_query(SQL("DELETE FROM ir_cron_trigger RETURNING id"))
            env["cloudprinter.sender"]._cron_send()
            env["cloudprinter.chatter"]._cron_log()
            if not env.execute_query(QUEUE):
                return
            [[date]] = env.execute_query(WAKE)
            if not date:
                raise AssertionError("something is queued, and the sender does not come back")
            clock.move_to(max(date, datetime.now()) + timedelta(seconds=1))
    raise AssertionError("something is never delivered")


def die_before_post(env):
    """Kill the process when signals are claimed, before the first byte is sent."""
    with patch.object(Poster, "_post", lambda *arguments: die()):
        env["cloudprinter.sender"]._cron_send()


def die_before_answers_are_written(env):
    """Kill the process when the first answers are received."""
    with patch.object(CloudprinterSender, "_record", lambda *arguments: die()):
        env["cloudprinter.sender"]._cron_send()


def die_before_answers_are_committed(env):
    """Kill the process when the first answers are written, but not yet committed."""
    record = CloudprinterLedger._record

    def record_and_die(ledger, run, attempts):
        with patch.object(sql_db.Cursor, "commit", lambda cursor: die()):
            return record(ledger, run, attempts)

    with patch.object(CloudprinterLedger, "_record", record_and_die):
        env["cloudprinter.sender"]._cron_send()


def die_before_answers_are_applied(env):
    """Kill the process when the first answers are recorded, and their signals not yet changed."""
    with patch.object(CloudprinterLedger, "_settle", lambda *arguments: die()):
        env["cloudprinter.sender"]._cron_send()


def die_before_chatter_is_written(env):
    """Kill the process when all signals are accepted, before the chatter is written."""
    with patch.object(CloudprinterChatter, "_log_signals", lambda *arguments: die()):
        env["cloudprinter.sender"]._cron_send()
        env["cloudprinter.chatter"]._cron_log()


def send_with_lock_idle(env, seconds):
    """Run the sender, whose lock ends when its process is idle for this long."""
    with patch.object(cloudprinter_sender, "LOCK_IDLE", seconds):
        env["cloudprinter.sender"]._cron_send()


def send_with_poison(env, order):
    """Run the sender whenever signals are due, until nothing is left; posting this order kills the process."""
    post = Poster._post

    def post_or_die(poster, bundle):
        if bundle.rows[0].signal.order == order:
            die()
        return post(poster, bundle)

    with patch.object(Poster, "_post", post_or_die):
        send_when_due(env)
