"""Delivery when something fails: the circuit, the horizon, refusals in a row, evidence, to-dos, status."""

import json
from datetime import timedelta
from pathlib import Path

import psycopg2
from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter import order_document

from ..models.cloudprinter_signal import LEDGER
from ..tools.poster import REFUSALS_AT_MOST
from ..tools.schedule import HORIZON, SCHEDULE, spread
from .common import KEY, CloudprinterCase

DOCUMENTS = Path(__file__).parent / "order_documents"
QUIET = "odoo.addons.cloudprinter.models.cloudprinter_ledger"


class DeliveryCase(CloudprinterCase):
    def setUp(self):
        super().setUp()
        self.enterContext(mute_logger(QUIET))
        # after all that the test makes
        self.moment = fields.Datetime.now() + timedelta(minutes=5)

    def accept(self, *names):
        """Orders of one item each that the shop has accepted, so that ItemRegistered is due; returns the items."""
        items = self.env["cloudprinter.item"]
        for name in names:
            order = self.env["cloudprinter.order"].create({"name": name, "accepted_date": "2026-01-01"})
            items += items.create({"name": f"{name}-1", "order_id": order.id})
        self.env.cr.flush()
        return items

    def wait(self, **delta):
        """Time goes by, for example `minutes=2`."""
        self.moment += timedelta(**delta)

    def send(self):
        with freeze_time(self.moment):
            return super().send()

    def get_posted(self):
        """Order ids of the posts since the last look."""
        bodies = [request["body"] for request in self.server.requests]
        self.server.requests.clear()
        return [body["items"][0]["order"] if "items" in body else body["order"] for body in bodies]

    def break_down(self, *names, **failure):
        """Given: these orders were posted while the endpoint was broken, which it still is."""
        self.server.misbehave(**(failure or {"status": 500}))
        items = self.accept(*names)
        self.send()
        self.assertCountEqual(self.get_posted(), names)
        return items


@tagged("post_install", "-at_install", "cloudprinter")
class TestSchedule(DeliveryCase):
    def test_each_attempt_is_later(self):
        """1 min, 5 min, 30 min, 2 h, 6 h, then every 12 h, each 20 % more or less at the most."""
        signal = self.break_down("1").signal_ids
        for number, seconds in enumerate((*SCHEDULE, SCHEDULE[-1]), start=1):
            self.assertEqual(signal.attempt_count, number)
            planned = (signal.next_attempt_date - self.moment).total_seconds()
            self.assertTrue(0.79 * seconds <= planned <= 1.21 * seconds, (number, planned))
            self.wait(seconds=planned - 1)
            self.send()
            self.assertEqual(self.get_posted(), [], "not before its time")
            self.wait(seconds=1)
            self.send()
            self.assertEqual(self.get_posted(), ["1"])
        self.assertEqual(signal.state, "outgoing")

    def test_attempts_are_spread(self):
        """Two orders that failed at the same moment do not come back at the same moment for ever."""
        waits = {spread(3600) for _each in range(50)}
        self.assertGreater(len(waits), 40)
        self.assertTrue(all(0.8 * 3600 <= wait <= 1.2 * 3600 for wait in waits))

    def test_the_wish_of_the_endpoint_holds_for_the_company(self):
        """429 with Retry-After: 600. What failed before and what was never posted wait for ten minutes."""
        self.break_down("1")
        self.wait(minutes=2)
        self.server.behave()
        self.server.misbehave(status=429, retry_after="600")
        self.accept("2")
        self.send()
        self.assertEqual(self.get_posted(), ["2"])
        self.server.behave()
        self.wait(minutes=9)
        self.accept("3")
        self.send()
        self.assertEqual(self.get_posted(), [])
        self.wait(minutes=1)
        self.send()
        self.assertCountEqual(self.get_posted(), ["1", "2", "3"])

    def test_wish_as_a_date_and_beyond_all_measure(self):
        for name, wish, seconds in (
            ("1", (self.moment + timedelta(minutes=20)).strftime("%a, %d %b %Y %H:%M:%S GMT"), 1200),
            ("2", "86400", 3600),
        ):
            with self.subTest(wish):
                signal = self.break_down(name, status=503, retry_after=wish).signal_ids
                self.assertAlmostEqual((signal.next_attempt_date - self.moment).total_seconds(), seconds, delta=3)
                self.server.behave()
                self.wait(hours=1)
                self.send()
                self.assertEqual(signal.state, "sent")
                self.server.requests.clear()


@tagged("post_install", "-at_install", "cloudprinter")
class TestCircuit(DeliveryCase):
    """While the last answer to the company was a failure, one order at a time probes."""

    def test_others_wait_without_losing_time(self):
        self.break_down("1", "2")
        waiting = self.accept("3", "4", "5").signal_ids
        self.send()
        self.assertEqual(self.get_posted(), [], "the circuit is open")
        self.assertEqual(set(waiting.mapped("attempt_count")), {0})

    def test_each_time_another_order_probes(self):
        self.break_down("1")
        self.accept("2", "3", "4")
        probes = []
        for _minute in range(4):
            self.wait(seconds=72)
            self.send()
            self.send()
            probes.append(self.get_posted())
        self.assertEqual([len(posted) for posted in probes], [1, 1, 1, 1])
        self.assertCountEqual(probes[:3], [["2"], ["3"], ["4"]], "first what was never posted")

    def test_outage_costs_one_post_a_minute(self):
        """However many orders failed at the same moment."""
        items = self.break_down(*"12345678")
        posted = []
        for _minute in range(8):
            self.wait(seconds=72)
            self.send()
            posted += self.get_posted()
        self.assertCountEqual(posted, "12345678")
        self.assertEqual(set(items.signal_ids.mapped("attempt_count")), {2})

    def test_date_moved_by_hand(self):
        """The date of the probe is that of the signals, and nothing else."""
        signal = self.break_down("1").signal_ids
        self.server.behave()
        signal.next_attempt_date = self.moment
        self.send()
        self.assertEqual(signal.state, "sent")

    def test_first_success_makes_all_due(self):
        items = self.break_down("1", "2", "3")
        for hours in (0.1, 1, 3, 9):
            self.wait(hours=hours)
            self.send()
        self.server.behave()
        self.get_posted()
        late = self.accept("4")
        self.wait(minutes=2)
        self.send()
        self.assertEqual(self.get_posted()[0], "4", "the order that was tried least probes")
        self.assertEqual(
            set((items | late).signal_ids.mapped("state")), {"sent"}, "none waits for its own next attempt"
        )

    def test_refusal_is_an_answer(self):
        """400 tells that the endpoint is there."""
        self.break_down("1")
        self.server.behave()
        self.server.misbehave(times=1, status=400)
        two = self.accept("2")
        self.wait(minutes=2)
        self.send()
        self.assertEqual(two.signal_ids.state, "error")
        self.assertCountEqual(self.get_posted(), ["2", "1"])

    def test_an_order_that_breaks_the_endpoint(self):
        """One order gets 500 for its content. It keeps to its own schedule and holds the others a minute at most."""
        self.server.misbehave(status=500, match=lambda body: '"bad"' in json.dumps(body))
        bad = self.accept("bad").signal_ids
        self.send()
        for number in range(60):
            self.accept(f"good {number}")
            self.wait(minutes=2)
            self.send()
        good = self.env["cloudprinter.order"].search([("name", "like", "good")]).signal_ids
        self.assertEqual(set(good.mapped("state")), {"sent"})
        self.assertTrue(3 <= bad.attempt_count <= 5, f"{bad.attempt_count} attempts in two hours")

    def test_companies_are_apart(self):
        """The endpoint of one company is silent; the other one's signals go out."""
        other = self.env["res.company"].create(
            {"name": "Other Shop", "cloudprinter_signal_api_key": KEY, "cloudprinter_signal_url": self.server.url}
        )
        self.break_down("1", status=500)
        self.server.behave()
        order = self.env["cloudprinter.order"].create(
            {"name": "2", "accepted_date": "2026-01-01", "company_id": other.id}
        )
        item = self.env["cloudprinter.item"].create({"name": "2-1", "order_id": order.id})
        self.send()
        self.assertEqual(item.signal_ids.state, "sent")
        self.assertEqual(self.get_posted(), ["2"])

    def test_wakes_itself_for_the_probe(self):
        self.break_down("1")
        self.accept("2")
        self.env["ir.cron.trigger"].search([]).unlink()
        self.send()
        calls = self.env["ir.cron.trigger"].search([]).mapped("call_at")
        self.assertEqual(len(calls), 1, "one for all that waits")
        self.assertTrue(timedelta(seconds=40) <= calls[0] - self.moment <= timedelta(seconds=72), calls)

    def test_resume_closes_it(self):
        """An administrator who knows better does not have to wait."""
        self.break_down("1")
        self.accept("2")
        self.server.behave()
        self.company.action_cloudprinter_resume()
        self.send()
        self.assertCountEqual(self.get_posted(), ["1", "2"])

    def test_send_now(self):
        """A manager presses Send: the order probes at once."""
        item = self.break_down("1")
        self.server.behave()
        with freeze_time(self.moment):
            item.signal_ids.with_user(self.manager).action_send()
        self.send()
        self.assertEqual(item.signal_ids.state, "sent")


@tagged("post_install", "-at_install", "cloudprinter")
class TestHorizon(DeliveryCase):
    def test_silence_to_all_expires_nothing(self):
        """A month without any answer: nothing becomes an error."""
        items = self.break_down("1", "2")
        for _half_day in range(60):
            self.wait(hours=14)
            self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"outgoing"})
        self.server.behave()
        self.wait(hours=14)
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"sent"})

    def test_silence_to_one_order(self):
        """Everything else is accepted: after seven days it is an error that a person sees, and not before."""
        self.server.misbehave(status=500, match=lambda body: '"bad"' in json.dumps(body))
        bad = self.accept("bad").signal_ids
        for day in range(HORIZON + 1):
            for hour in range(0, 24, 6):
                if bad.state == "error":
                    self.assertGreaterEqual(day, HORIZON)
                    break
                for number in range(3):
                    self.accept(f"good {day} {hour} {number}")
                    self.send()
                    self.wait(minutes=2)
                self.wait(hours=6, minutes=-6)
        self.assertEqual((bad.state, bad.failure_type), ("error", "expired"))
        self.assertEqual(bad.item_id.attention, "expired")
        self.assertIn("was not delivered in 7 days", bad.item_id.message_ids[0].preview)
        self.assertLess(bad.attempt_count, 30)
        # a person may insist
        self.server.behave()
        with freeze_time(self.moment):
            bad.with_user(self.manager).action_send()
        self.send()
        self.assertEqual(bad.state, "sent")


@tagged("post_install", "-at_install", "cloudprinter")
class TestRefusalsInARow(DeliveryCase):
    def refuse(self, count, start=0):
        items = self.accept(*(f"{number:03}" for number in range(start, start + count)))
        self.server.misbehave(status=400)
        self.send()
        self.server.behave()
        return items

    def test_company_is_held(self):
        """After twenty refusals and no acceptance it is not about single signals: all stay queued."""
        items = self.refuse(60)
        self.assertLess(len(self.server.requests), REFUSALS_AT_MOST + 16)
        outgoing = items.signal_ids.filtered(lambda signal: signal.state == "outgoing")
        self.assertGreaterEqual(len(outgoing), 60 - 16, "also those that were refused")
        self.assertIn("refused the last 20", self.company.cloudprinter_status()["reason"])
        self.server.requests.clear()
        self.send()
        self.assertEqual(self.server.requests, [])
        self.company.action_cloudprinter_resume()
        self.send()
        self.assertEqual(set(outgoing.mapped("state")), {"sent"})
        self.assertFalse(self.company.cloudprinter_status()["reason"])

    def test_one_acceptance_in_between(self):
        self.refuse(15)
        self.accept("good")
        self.send()
        items = self.refuse(15, start=100)
        self.assertEqual(set(items.signal_ids.mapped("state")), {"error"}, "each is about itself")
        self.assertFalse(self.company.cloudprinter_status()["reason"])

    def test_refused_bundle(self):
        """An order of thirty items with wrong ids is not posted thirty times."""
        order = self.env["cloudprinter.order"].create({"name": "1", "accepted_date": "2026-01-01"})
        items = self.env["cloudprinter.item"].create(
            [{"name": f"1-{number}", "order_id": order.id} for number in range(30)]
        )
        self.server.misbehave(status=400)
        self.send()
        self.assertEqual(len(self.server.requests), REFUSALS_AT_MOST)
        self.assertEqual(set(items.signal_ids.mapped("state")), {"outgoing"})


@tagged("post_install", "-at_install", "cloudprinter")
class TestEvidence(DeliveryCase):
    """What Cloudprinter has accepted cannot be changed or deleted, whatever rights somebody has."""

    def setUp(self):
        super().setUp()
        self.signal = self.accept("1").signal_ids
        self.send()
        self.request = self.signal.request_ids
        system = new_test_user(self.env, login="cp_system", groups="base.group_system,cloudprinter.group_manager")
        contexts = [{}, {"cloudprinter_ledger": True}, {"cloudprinter_ledger": "LEDGER"}, {"install_mode": True}]
        self.envs = [
            self.env(user=user, su=su, context={**self.env.context, **context})
            for user in (self.manager, system, self.env.ref("base.user_root"))
            for su in ({False, user == self.env.ref("base.user_root")})
            for context in contexts
        ]

    def test_sent_signal(self):
        for env in self.envs:
            signal = self.signal.with_env(env)
            for vals in ({"state": "error"}, {"tracking": "X"}, {"number": 7}, {"request_ids": False}):
                with self.subTest(uid=env.uid, su=env.su, vals=vals), self.assertRaises(AccessError):
                    signal.write(vals)
            with self.assertRaises(AccessError):
                signal.unlink()

    def test_attempt(self):
        for env in self.envs:
            request = self.request.with_env(env)
            for vals in ({"response": "X"}, {"signal_ids": False}, {"date": "2020-01-01"}):
                with self.subTest(uid=env.uid, su=env.su, vals=vals), self.assertRaises(AccessError):
                    request.write(vals)
            with self.assertRaises(AccessError):
                request.unlink()

    def test_nobody_makes_up_an_acceptance(self):
        waiting = self.accept("2").signal_ids
        for env in self.envs:
            with self.assertRaises(AccessError):
                waiting.with_env(env).write({"state": "sent"})
            with self.assertRaises(AccessError):
                waiting.with_env(env).write({"number": 1000})
            with self.assertRaises(AccessError):
                self.request.with_env(env).create({"company_id": self.company.id, "outcome": "accepted"})
            with self.assertRaises(AccessError):
                waiting.with_env(env).create(
                    {"item_id": waiting.item_id.id, "type": "ItemProduced", "state": "sent", "number": 9}
                )

    def test_documents_of_the_ledger_stay(self):
        for record in (self.signal.item_id, self.signal.order_id):
            with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.IntegrityError):
                record.unlink()


@tagged("post_install", "-at_install", "cloudprinter")
class TestVacuum(DeliveryCase):
    def vacuum(self):
        """Odoo's daily clean-up, which calls it as long as there is more."""
        calls = 0
        with freeze_time(self.moment):
            while self.env["cloudprinter.request"]._gc_requests()[1]:
                calls += 1
        return calls

    def test_failed_attempts_are_kept_as_long_as_the_company_says(self):
        self.company.cloudprinter_retention_days = 30
        signal = self.break_down("1").signal_ids
        self.server.behave()
        self.wait(minutes=2)
        self.send()
        self.assertEqual(signal.request_ids.mapped("outcome"), ["accepted", "try_later"])
        self.wait(days=29)
        self.vacuum()
        self.assertEqual(len(signal.request_ids), 2)
        self.wait(days=2)
        self.vacuum()
        self.assertEqual(signal.request_ids.mapped("outcome"), ["accepted"])
        self.assertEqual((signal.answer, signal.http_status, signal.attempt_count), (False, 200, 2))

    def test_acceptances_are_kept_for_ten_years(self):
        signal = self.accept("1").signal_ids
        self.send()
        self.wait(days=3650)
        self.vacuum()
        self.assertTrue(signal.request_ids)
        self.wait(days=10)
        self.vacuum()
        self.assertFalse(signal.request_ids)
        self.assertEqual((signal.state, signal.number), ("sent", 1), "the signal itself is kept for ever")

    def test_what_waits_for_a_person_is_kept(self):
        self.server.misbehave(status=400)
        signal = self.accept("1").signal_ids
        self.send()
        self.wait(days=1000)
        self.vacuum()
        self.assertTrue(signal.request_ids)
        signal.action_discard()
        self.server.behave()
        self.accept("2")
        self.send()
        self.vacuum()
        self.assertFalse(signal.request_ids)

    def test_what_keeps_the_company_from_sending_is_kept(self):
        self.company.cloudprinter_retention_days = 0
        self.server.misbehave(status=401)
        signal = self.accept("1").signal_ids
        self.send()
        signal.action_discard()
        self.wait(days=1)
        self.vacuum()
        self.assertIn("refused the API key", self.company.cloudprinter_status()["reason"])

    def test_a_part_at_a_time(self):
        signal = self.accept("1").signal_ids
        self.env["cloudprinter.request"].with_context(cloudprinter_ledger=LEDGER).create(
            [{"company_id": self.company.id, "outcome": "try_later", "date": "2020-01-01"} for _each in range(2500)]
        )
        self.assertEqual(self.vacuum(), 3)
        self.assertFalse(self.env["cloudprinter.request"].search([("outcome", "=", "try_later")]))
        self.assertTrue(signal.exists())


@tagged("post_install", "-at_install", "cloudprinter")
class TestWaitsFor(DeliveryCase):
    """Whoever looks at a signal sees why it is not accepted yet."""

    def test_earlier_signal_of_the_item(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        registered, started, produced = self.get_outbox(item)
        self.assertFalse(registered.waits_for)
        self.assertEqual(started.waits_for, "Waits for ItemRegistered")
        self.assertEqual(produced.with_user(self.operator).waits_for, "Waits for ItemRegistered")

    def test_company_that_is_held(self):
        self.company.cloudprinter_hold = True
        self.assertIn("on hold", self.accept("1").signal_ids.waits_for)

    def test_silent_endpoint(self):
        item = self.break_down("1")
        self.assertIn("has not answered as it should since", item.signal_ids.waits_for)

    def test_missing_tracking(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        self.deliver(item.sale_line_id.order_id.picking_ids, tracking=False)
        self.assertEqual(self.get_outbox(item)[-1].waits_for, "The tracking reference is missing")

    def test_refused(self):
        self.server.misbehave(status=400)
        item = self.accept("1")
        self.send()
        self.assertEqual(item.signal_ids.waits_for, "Refused by Cloudprinter")


@tagged("post_install", "-at_install", "cloudprinter")
class TestStatus(DeliveryCase):
    def get_reason(self):
        with freeze_time(self.moment):
            return self.company.cloudprinter_status()["reason"]

    def test_all_is_well(self):
        self.accept("1")
        self.send()
        self.assertFalse(self.get_reason())

    def test_silent_endpoint(self):
        self.break_down("1")
        self.assertIn("has not answered as it should since", self.get_reason())
        self.server.behave()
        self.wait(minutes=2)
        self.send()
        self.assertFalse(self.get_reason())

    def test_no_worker_has_run(self):
        cron = self.env.ref("cloudprinter.ir_cron_send")
        cron.lastcall = self.moment
        self.accept("1")
        self.assertFalse(self.get_reason())
        self.wait(minutes=31)
        self.assertIn("The sender has not run since", self.get_reason())
        cron.lastcall = self.moment
        self.assertFalse(self.get_reason())

    def test_counts_for_monitoring(self):
        self.server.misbehave(times=1, status=400)
        self.accept("1")
        self.send()
        self.accept("2", "3")
        status = self.company.with_user(self.manager).cloudprinter_status()
        self.assertEqual((status["outgoing"], status["waiting"], status["error"]), (2, 0, 1))
        self.assertTrue(status["oldest_due"])


@tagged("post_install", "-at_install", "cloudprinter")
class TestTodos(DeliveryCase):
    """To-dos are made by the sender, one for each thing, and closed by themselves."""

    def get_todos(self, records=None):
        todos = self.env["mail.activity"].search(
            [("activity_type_id", "=", self.env.ref("cloudprinter.mail_activity_type_cloudprinter").id)]
        )
        if records is not None:
            todos = todos.filtered(lambda todo: todo.res_model == records._name and todo.res_id in records.ids)
        return todos

    def test_one_for_each_refused_item(self):
        self.server.misbehave(status=400)
        item = self.sell_one()
        self.produce(item.production_ids)
        self.send()
        self.assertEqual(self.get_outbox(item).mapped("state"), ["error"] * 3)
        [todo] = self.get_todos(item)
        self.assertEqual(todo.summary, "Cloudprinter was not told what happened to item 123456780001")
        self.assertEqual(todo.user_id, item.production_ids.user_id or self.salesman)
        self.send()
        self.assertEqual(self.get_todos(item), todo, "not another one at each run")
        self.server.behave()
        self.get_outbox(item).action_send()
        self.send()
        self.assertFalse(self.get_todos(), "the problem is gone, and so is the to-do")

    def test_missing_tracking_after_a_day(self):
        """One for the delivery, not for each of its items."""
        items = self.sell((self.book, 1, "1"), (self.book, 1, "2")).order_line.cloudprinter_item_id
        self.produce(items.production_ids)
        picking = items.move_ids.picking_id
        self.deliver(picking, tracking=False)
        self.send()
        self.wait(hours=23)
        self.send()
        self.assertFalse(self.get_todos())
        self.wait(hours=2)
        self.send()
        [todo] = self.get_todos()
        self.assertEqual((todo.res_model, todo.res_id), ("stock.picking", picking.id))
        picking.with_user(self.packer).carrier_tracking_ref = "1A2B3C"
        self.send()
        self.assertFalse(self.get_todos())

    def test_key_once_for_the_company(self):
        self.company.cloudprinter_user_id = self.manager
        self.server.misbehave(status=401)
        self.accept("1", "2", "3")
        self.send()
        self.send()
        [todo] = self.get_todos()
        self.assertEqual((todo.res_model, todo.res_id), ("res.partner", self.company.partner_id.id))
        self.assertEqual(todo.user_id, self.manager)
        self.server.behave()
        self.company.action_cloudprinter_resume()
        self.send()
        self.assertFalse(self.get_todos())

    def test_outage_after_an_hour(self):
        self.break_down("1")
        self.assertFalse(self.get_todos())
        self.wait(hours=2)
        self.send()
        self.assertEqual(len(self.get_todos(self.company.partner_id)), 1)
        self.server.behave()
        self.wait(hours=2)
        self.send()
        self.assertFalse(self.get_todos())

    def test_somebody_is_always_responsible(self):
        """The responsible of the settings has left: it is for a manager of the add-on."""
        gone = new_test_user(self.env, login="cp_gone", groups="base.group_user,mrp.group_mrp_manager")
        self.company.cloudprinter_user_id = gone
        gone.active = False
        self.server.misbehave(status=400)
        self.accept("1")
        self.send()
        [todo] = self.get_todos()
        self.assertTrue(todo.user_id.has_group("cloudprinter.group_manager"))
        self.assertTrue(todo.user_id.active)

    def test_what_a_person_has_planned_is_his(self):
        item = self.accept("1")
        own = self.env["mail.activity"].create(
            {
                "activity_type_id": self.env.ref("cloudprinter.mail_activity_type_cloudprinter").id,
                "res_model_id": self.env["ir.model"]._get_id("cloudprinter.item"),
                "res_id": item.id,
                "user_id": self.manager.id,
            }
        )
        self.send()
        self.assertTrue(own.exists())

    def test_responsible_may_read_it_and_is_there(self):
        """Who may not read the item is not asked, and who leaves is replaced."""
        stranger = new_test_user(self.env, login="cp_stranger", groups="base.group_user")
        self.company.cloudprinter_user_id = stranger
        self.server.misbehave(status=400)
        self.accept("1")
        self.send()
        [todo] = self.get_todos()
        self.assertNotEqual(todo.user_id, stranger)
        another = new_test_user(self.env, login="cp_another", groups="base.group_user,mrp.group_mrp_user")
        self.company.cloudprinter_user_id = another
        todo.user_id.active = False
        self.send()
        [todo] = self.get_todos()
        self.assertEqual(todo.user_id, another)

    def test_done_by_a_person(self):
        """He has seen it: he is not asked again the next minute, although nothing was sent."""
        self.server.misbehave(status=400)
        self.accept("1")
        self.send()
        self.get_todos().action_done()
        self.send()
        self.assertFalse(self.get_todos())


@tagged("post_install", "-at_install", "cloudprinter")
class TestIncomingTodos(DeliveryCase):
    """Cloudprinter wants an answer to each incoming order: somebody is told which waits, one at a time."""

    get_todos = TestTodos.get_todos

    def receive(self, *names, company=None):
        """Orders come in of which nothing is mapped, and the worker has run."""
        documents = self.env["cloudprinter.order.document"]
        text = (DOCUMENTS / "order_v2.2.json").read_text()
        for name in names:
            content = text.replace("123456780000", name).encode()
            documents._receive(company or self.company, order_document.read(content))
        self.env.cr.flush()
        documents = documents.search([("name", "in", names)], order="id")
        for document in documents:
            document._take_in()
        self.assertEqual(set(documents.mapped("state")), {"waiting"})
        return documents

    def test_the_oldest_of_the_company(self):
        self.company.cloudprinter_user_id = self.manager
        first, second = self.receive("1", "2")
        self.send()
        [todo] = self.get_todos()
        self.assertEqual((todo.res_model, todo.res_id), ("cloudprinter.order.document", first.id))
        self.assertEqual(todo.user_id, self.manager)
        self.assertEqual(todo.summary, "Incoming order 1 waits: Cloudprinter wants an answer within 15 minutes")
        self.send()
        self.assertEqual(self.get_todos(), todo, "not another one at each run")
        reject = self.env["cloudprinter.reject"].with_user(self.manager)
        reject.create({"document_id": first.id, "cause": "CancelMiscError"}).action_reject()
        self.send()
        [todo] = self.get_todos()
        self.assertEqual(todo.res_id, second.id, "the next follows")
        reject.create({"document_id": second.id, "cause": "CancelMiscError"}).action_reject()
        self.send()
        self.assertFalse(self.get_todos(), "it is closed by itself")

    def test_done_by_a_person(self):
        """He may not write the document, and closes his to-do all the same."""
        self.company.cloudprinter_user_id = self.manager
        [document] = self.receive("1")
        self.send()
        self.get_todos().with_user(self.manager).action_feedback(feedback="I am at it")
        self.assertIn("I am at it", document.message_ids[0].body)
        self.send()
        self.assertFalse(self.get_todos())

    def test_one_for_each_company(self):
        manager = self.given_stranger("mrp.group_mrp_manager")
        mine, theirs = self.receive("1"), self.receive("2", company=manager.company_id)
        self.send()
        todos = {todo.res_id: todo.user_id for todo in self.get_todos()}
        self.assertEqual(todos.keys(), {mine.id, theirs.id})
        self.assertEqual(todos[theirs.id], manager)
        self.assertNotEqual(todos[mine.id], manager)

    def test_whoever_may_read_it(self):
        """The responsible of the settings is a packer: he cannot open it."""
        self.company.cloudprinter_user_id = self.packer
        self.receive("1")
        self.send()
        [todo] = self.get_todos()
        self.assertNotEqual(todo.user_id, self.packer)
        self.assertTrue(todo.user_id.has_group("cloudprinter.group_manager"))

    def test_worker_that_does_not_run(self):
        """Nothing is wrong with the order, but after a quarter of an hour somebody has to know."""
        documents = self.env["cloudprinter.order.document"]
        documents._receive(self.company, order_document.read((DOCUMENTS / "order_v2.2.json").read_bytes()))
        self.send()
        self.wait(minutes=5)
        self.send()
        self.assertFalse(self.get_todos())
        self.wait(minutes=15)
        self.send()
        self.assertEqual(self.get_todos().res_id, documents.search([]).id)


@tagged("post_install", "-at_install", "cloudprinter")
class TestSeveralAtFault(DeliveryCase):
    """Orders that fail by their own fault, many of them, beside others that are good."""

    def test_good_orders_are_not_held(self):
        """Thirty older orders get 500 each time. What is new goes out soon, and the thirty are not hammered."""
        bad = self.accept(*(f"bad {number}" for number in range(30))).signal_ids
        self.server.misbehave(status=500, match=lambda body: '"bad' in json.dumps(body))
        self.send()
        good = self.accept(*(f"good {number}" for number in range(60))).signal_ids
        for _minute in range(10):
            self.wait(seconds=75)
            self.send()
        self.assertEqual(set(good.mapped("state")), {"sent"})
        for _minute in range(30):
            self.accept(f"more {_minute}")
            self.wait(seconds=75)
            self.send()
        more = self.env["cloudprinter.order"].search([("name", "like", "more")]).signal_ids
        self.assertLessEqual(len(more.filtered(lambda signal: signal.state != "sent")), 2)
        self.assertLessEqual(max(bad.mapped("attempt_count")), 6, "in 50 minutes")

    def test_trust_grows_with_what_is_accepted(self):
        """After a real outage what had failed is not sent one by one for ever."""
        items = self.break_down(*(str(number) for number in range(16)))
        self.server.behave()
        self.wait(minutes=2)
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"sent"})


@tagged("post_install", "-at_install", "cloudprinter")
class TestWhatAPersonDoesAboutIt(DeliveryCase):
    """Resume, another key, the end of a hold: everything is tried anew, and what was before does not count."""

    def test_wakes_the_sender(self):
        self.env["ir.cron.trigger"].search([]).unlink()
        for vals in (
            {"cloudprinter_hold": True},
            {"cloudprinter_hold": False},
            {"cloudprinter_signal_api_key": KEY},
            {"cloudprinter_signal_url": self.server.url},
        ):
            with self.subTest(vals.keys()):
                self.company.write(vals)
                self.assertTrue(self.env["ir.cron.trigger"].search([]))
                self.env["ir.cron.trigger"].search([]).unlink()

    def test_all_that_failed_is_due(self):
        items = self.break_down("1", "2", "3")
        for hours in (1, 3, 9):
            self.wait(hours=hours)
            self.send()
        self.server.behave()
        with freeze_time(self.moment):
            self.company.action_cloudprinter_resume()
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"sent"})

    def test_time_with_a_wrong_key_does_not_count(self):
        self.server.misbehave(times=1, status=500)
        signal = self.accept("1").signal_ids
        self.send()
        self.server.misbehave(times=1, status=401)
        self.wait(minutes=2)
        self.send()
        self.assertEqual(signal.failure_type, "key")
        self.wait(days=8)
        self.company.action_cloudprinter_resume()
        self.server.misbehave(times=1, status=500)
        self.send()
        self.assertEqual((signal.state, signal.attempt_count), ("outgoing", 3))

    def test_resume_while_it_is_still_silent(self):
        items = self.break_down("1", "2")
        self.wait(days=9)
        self.send()
        self.company.action_cloudprinter_resume()
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"outgoing"})


@tagged("post_install", "-at_install", "cloudprinter")
class TestUpgradedDatabase(DeliveryCase):
    def test_attempts_of_the_version_before(self):
        """They know no date before which nothing is tried again."""
        item = self.break_down("1")
        self.env.cr.execute("UPDATE cloudprinter_request SET retry_date = NULL")
        self.env.invalidate_all()
        self.server.behave()
        self.wait(minutes=2)
        self.send()
        self.assertEqual(item.signal_ids.state, "sent")
