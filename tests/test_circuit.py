"""What follows from Cloudprinter's answers, in the database. `test_delivery_machine.py` tests the table itself."""

import json
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..delivery import Circuit, Endpoint, Outage, Queue
from ..delivery.circuit import KEY_ORDERS, REFUSED_CAREFUL, REFUSED_ORDERS
from ..delivery.schedule import FAULTS_AT_MOST, SCHEDULE
from ..models import cloudprinter_sender
from .common import KEY, DeliveryCase


def names(text):
    """Return a match for the stand-in: bodies that contain this name."""
    return lambda body: f'"{text}"' in json.dumps(body)


@tagged("post_install", "-at_install", "cloudprinter")
class TestOutage(DeliveryCase):
    """Cloudprinter does not respond, or responds only with errors."""

    def test_five_orders_show_that_it_is_one(self):
        items = self.accept(*"12345678")
        self.server.misbehave(status=500)
        self.send()
        self.assertEqual(self.get_posted(), list("87654"), "the newest first: what is older may be what fails")
        self.send()
        self.assertEqual(self.get_posted(), [])
        self.assertEqual(items.signal_ids.mapped("fault_count"), [0] * 8)
        self.assertEqual(self.company._cloudprinter_circuit().outage.order_ids, tuple(items[:2:-1].order_id.ids))

    def test_one_probe_a_minute_each_time_another_order(self):
        self.break_down(*"12345")
        self.accept(*"678")
        probes = []
        for _minute in range(4):
            self.wait(seconds=72)
            self.send()
            self.send()
            probes.append(self.get_posted())
        self.assertEqual(probes[:3], [["8"], ["7"], ["6"]], "first what was never posted")
        self.assertEqual(len(probes[3]), 1)

    def test_wakes_for_the_probe(self):
        self.break_down(*"12345")
        self.accept("6")
        self.env["ir.cron.trigger"].search([]).unlink()
        self.send()
        [call] = self.env["ir.cron.trigger"].search([]).mapped("call_at")
        self.assertTrue(timedelta(seconds=60) <= call - self.moment <= timedelta(seconds=72), call)

    def test_all_goes_with_the_first_acceptance(self):
        items = self.break_down(*"12345")
        items |= self.accept(*"678")
        for hours in (0.1, 1, 3, 9):
            self.wait(hours=hours)
            self.send()
        self.server.behave()
        self.wait(minutes=12)
        self.send()
        self.wait(minutes=2)
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"sent"})

    def test_nothing_expires(self):
        """Nothing expires during a month without any answer."""
        items = self.break_down("1", "2")
        for _attempt in range(20):
            self.wait(hours=38)
            self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"outgoing"})
        self.server.behave()
        self.wait(hours=14)
        self.send()
        self.wait(minutes=2)
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"sent"})

    def test_refusal_is_an_answer(self):
        self.break_down("1")
        self.server.behave()
        self.server.misbehave(times=1, status=400)
        two = self.accept("2")
        self.send()
        self.assertEqual(two.signal_ids.state, "error")
        self.wait(minutes=2)
        self.send()
        self.assertEqual(self.get_posted(), ["2", "1"])

    def test_another_process_knows_it(self):
        """Everything known of an endpoint is read back as it was written."""
        endpoint_circuits = (
            Circuit(),
            Circuit(7, 3, None, (), (1, 2)),
            Circuit(7, 0, Outage(self.moment, self.moment + timedelta(minutes=1), (4, 5), True), (4, 4), ()),
        )
        self.accept("1")
        self.send()
        [row] = self.env["cloudprinter.circuit"].search([])
        for circuit in endpoint_circuits:
            endpoint = self.given_endpoint(circuit)
            row._write_circuit(endpoint)
            row.invalidate_recordset()
            self.assertEqual(self.company._cloudprinter_circuit(), circuit)

    def given_endpoint(self, circuit):
        company = self.company
        key = company._cloudprinter_key_fingerprint()
        return Endpoint(company.id, [], "", "", key, company.cloudprinter_resumed_request, circuit)

    def test_companies_are_apart(self):
        other = self.env["res.company"].create(
            {"name": "Other Shop", "cloudprinter_signal_api_key": KEY, "cloudprinter_signal_url": self.server.url}
            | {"cloudprinter_hold": False}
        )
        self.break_down("1")
        self.server.behave()
        order = self.env["cloudprinter.order"].create(
            {"name": "2", "accepted_date": "2026-01-01", "company_id": other.id}
        )
        item = self.env["cloudprinter.item"].create({"name": "2-1", "order_id": order.id})
        self.send()
        self.assertEqual(item.signal_ids.state, "sent")
        self.assertEqual(self.get_posted(), ["2"])


@tagged("post_install", "-at_install", "cloudprinter")
class TestCompaniesTakeTurns(DeliveryCase):
    def test_slow_company_with_many_orders(self):
        """One company has thirty older orders and a slow endpoint: the three orders of another company do not wait."""
        other = self.env["res.company"].create(
            {"name": "Fast", "cloudprinter_signal_api_key": KEY, "cloudprinter_signal_url": self.server.url}
            | {"cloudprinter_hold": False}
        )
        self.env["ir.config_parameter"].set_param("cloudprinter.connections", "2")
        self.accept(*(f"slow {number}" for number in range(30)))
        orders = self.env["cloudprinter.order"].create(
            [{"name": f"fast {n}", "accepted_date": "2026-01-01", "company_id": other.id} for n in range(3)]
        )
        self.env["cloudprinter.item"].create([{"name": "1", "order_id": order.id} for order in orders])
        self.server.misbehave(delay=0.1, match=lambda body: '"slow' in json.dumps(body))
        self.send()
        posted = self.get_posted()
        self.assertEqual(len(posted), 33)
        self.assertLess(max(posted.index(f"fast {number}") for number in range(3)), 12, posted)


@tagged("post_install", "-at_install", "cloudprinter")
class TestToldToWait(DeliveryCase):
    """Cloudprinter answers 429, or another error with Retry-After."""

    def test_the_whole_company_waits(self):
        self.accept("1")
        self.send()
        self.server.misbehave(times=1, status=429, retry_after="600")
        self.accept("2")
        self.send()
        self.get_posted()
        self.accept("3")
        self.wait(minutes=9)
        self.send()
        self.assertEqual(self.get_posted(), [])
        self.wait(minutes=1)
        self.send()
        self.assertCountEqual(self.get_posted(), ["2", "3"])

    def test_as_a_date_and_at_most_an_hour(self):
        date = (self.moment + timedelta(minutes=20)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        for name, wish, seconds in (("1", date, 1200), ("2", "86400", 3600)):
            with self.subTest(wish):
                self.break_down(name, status=429, retry_after=wish)
                retry = self.company._cloudprinter_circuit().outage.retry_date
                self.assertAlmostEqual((retry - self.moment).total_seconds(), seconds, delta=3)
                self.server.behave()
                self.wait(hours=1)
                self.send()
                self.server.requests.clear()

    def test_nothing_to_wait_is_no_hot_loop(self):
        for wish in ("0", "Wed, 21 Oct 2015 07:28:00 GMT"):
            with self.subTest(wish):
                self.accept(wish)
                self.server.misbehave(times=3, status=503, retry_after=wish)
                self.send()
                self.assertEqual(len(self.server.requests), 1)
                self.server.behave()
                self.company.action_cloudprinter_resume()
                self.send()
                self.server.requests.clear()


@tagged("post_install", "-at_install", "cloudprinter")
class TestOwnFault(DeliveryCase):
    """One signal fails each time while others are accepted."""

    def given_good(self):
        """Another order is accepted."""
        self.count = getattr(self, "count", 0) + 1
        item = self.accept(f"good {self.count}")
        self.send()
        self.assertEqual(item.signal_ids.state, "sent")

    def test_each_failure_waits_longer(self):
        """1 min, 5 min, 30 min, 2 h, 6 h, then every 12 h, up to 20 % more; after twenty failures it is an error."""
        self.server.misbehave(status=500, match=names("bad"))
        bad = self.accept("bad").signal_ids
        self.send()
        self.assertEqual((bad.failure_type, bad.fault_count), ("outage", 0), "nothing is known of it yet")
        self.given_good()
        started = self.moment
        for number, seconds in enumerate(SCHEDULE, start=1):
            self.given_good()
            self.moment = bad.next_attempt_date
            self.send()
            self.assertEqual(bad.fault_count, number)
            if number == FAULTS_AT_MOST:
                break
            self.assertEqual((bad.state, bad.failure_type), ("outgoing", "own"))
            wait = (bad.next_attempt_date - self.moment).total_seconds()
            self.assertTrue(seconds <= wait <= 1.2 * seconds, (number, wait))
        self.assertEqual((bad.state, bad.failure_type), ("error", "expired"))
        self.assertGreater(self.moment - started, timedelta(days=7))
        self.assertEqual(bad.item_id.attention, "expired")
        self.assertIn("was not delivered in 7 days", bad.item_id.message_ids[0].preview)
        # a user may send it nevertheless
        self.server.behave()
        with freeze_time(self.moment):
            bad.with_user(self.manager).action_send()
        self.send()
        self.assertEqual(bad.state, "sent")

    def test_its_order_is_taken_apart(self):
        """Every bundle with one certain signal fails: the other signals of the bundle are delivered within minutes."""
        # a failure, and a refused key
        for status in (500, 403):
            with self.subTest(status):
                order = self.env["cloudprinter.order"].create({"name": f"{status}", "accepted_date": "2026-01-01"})
                items = self.env["cloudprinter.item"].create(
                    [{"name": f"{status}-{number}", "order_id": order.id} for number in range(5)]
                )
                self.server.misbehave(status=status, match=names(f"{status}-2"))
                for _minute in range(6):
                    self.send()
                    self.given_good()
                    self.wait(seconds=72)
                states = {item.name: item.signal_ids.state for item in items}
                self.assertEqual(states.pop(f"{status}-2"), "outgoing")
                self.assertEqual(set(states.values()), {"sent"})
                self.server.behave()
                self.company.action_cloudprinter_resume()
                self.send()

    def test_many_hold_no_other(self):
        """Thirty older orders fail each time: new signals are sent, and the thirty are not retried too often."""
        self.given_good()
        bad = self.accept(*(f"bad {number}" for number in range(30))).signal_ids
        self.server.misbehave(status=500, match=lambda body: '"bad' in json.dumps(body))
        self.send()
        good = self.accept(*(f"late {number}" for number in range(30))).signal_ids
        for _minute in range(15):
            self.wait(seconds=75)
            self.send()
        self.assertEqual(set(good.mapped("state")), {"sent"})
        self.assertLessEqual(max(bad.mapped("attempt_count")), 4)

    def test_its_item_waits_and_then_goes_on(self):
        """Later signals of the item do not overtake the failing one."""
        self.given_good()
        bad = self.accept("bad")
        self.server.misbehave(status=500, match=names("ItemRegistered"))
        self.send()
        later = self.env["cloudprinter.signal"]._insert([{"item_id": bad.id, "type": "ItemDelay", "delay": "24"}])
        self.wait(minutes=10)
        self.send()
        self.assertEqual((later.state, later.attempt_count), ("outgoing", 0))
        self.server.behave()
        self.wait(minutes=10)
        self.send()
        self.assertEqual(bad.signal_ids.mapped("state"), ["sent", "sent"])
        self.assert_received(bad, ["ItemRegistered", "ItemDelay"])

    def test_process_that_never_came_back(self):
        """Each of twenty posts ended the process: the signal becomes an error."""
        signal = self.accept("1").signal_ids
        signal._update({"fault_count": FAULTS_AT_MOST, "attempt_count": FAULTS_AT_MOST})
        self.send()
        self.assertEqual((signal.state, signal.failure_type), ("error", "expired"))
        self.assertEqual(self.server.requests, [])


@tagged("post_install", "-at_install", "cloudprinter")
class TestKey(DeliveryCase):
    def test_refused_for_three_orders(self):
        """The company stops until the key changes or an administrator resumes."""
        items = self.accept(*"12345")
        self.server.misbehave(status=401)
        self.send()
        self.assertEqual(len(self.get_posted()), KEY_ORDERS)
        self.assertEqual(set(items.signal_ids.mapped("state")), {"outgoing"})
        self.assertEqual(self.company._cloudprinter_obstacle(), "key_refused")
        self.assertIn("refused the API key", self.company.cloudprinter_status()["reason"])
        self.server.behave()
        self.wait(days=3)
        self.send()
        self.assertEqual(self.get_posted(), [], "nothing more is sent with this key")
        self.company.action_cloudprinter_resume()
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"sent"})
        self.assertFalse(self.company.cloudprinter_status()["reason"])

    def test_another_key_goes_on(self):
        items = self.accept(*"123")
        self.company.cloudprinter_signal_api_key = "0" * 32
        self.send()
        self.assertEqual(self.company._cloudprinter_obstacle(), "key_refused")
        self.company.cloudprinter_signal_api_key = KEY
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"sent"})

    def test_one_order_that_a_firewall_dislikes(self):
        """403 for one order and 200 for all others: the order backs off and the key is not blamed."""
        self.server.misbehave(status=403, match=names("bad"))
        bad = self.accept("bad")
        for number in range(5):
            self.accept(f"good {number}")
            self.send()
            self.wait(minutes=2)
        good = self.env["cloudprinter.order"].search([("name", "like", "good")]).signal_ids
        self.assertEqual(set(good.mapped("state")), {"sent"})
        self.assertFalse(self.company._cloudprinter_obstacle())
        self.assertLessEqual(bad.signal_ids.attempt_count, 4)

    def test_one_order_and_a_refused_key(self):
        """Nothing else is queued: the order is retried once, then waits for a post of another order."""
        self.accept("1")
        self.server.misbehave(status=401)
        for _hour in range(30):
            self.send()
            self.wait(hours=1)
        self.assertEqual(self.get_posted(), ["1", "1"])

    def test_answer_to_a_key_that_was_replaced_meanwhile(self):
        """An answer to the old key changes nothing that is known of the new key."""
        self.accept("1")
        ledger = type(self.env["cloudprinter.ledger"])
        record = ledger._record
        company = self.company

        def replace_first(self, run, attempts):
            company.cloudprinter_signal_api_key = "1" * 32
            self.env.flush_all()
            self.env["cloudprinter.sender"]._update_endpoints(run)
            return record(self, run, attempts)

        self.server.misbehave(times=1, status=401)
        self.patch(ledger, "_record", replace_first)
        self.send()
        self.assertFalse(self.company._cloudprinter_circuit().key_order_ids)


@tagged("post_install", "-at_install", "cloudprinter")
class TestRefusals(DeliveryCase):
    def refuse(self, count, start=0):
        items = self.accept(*(f"{number:03}" for number in range(start, start + count)))
        self.server.misbehave(status=400)
        self.send()
        self.server.behave()
        return items

    def test_twenty_orders_stop_the_company(self):
        """The cause is not a single order: the others stay queued, and Resume queues the refused ones again."""
        items = self.refuse(60)
        self.assertLess(len(self.server.requests), REFUSED_ORDERS + 16)
        self.assertIn("refused the last 20 orders", self.company.cloudprinter_status()["reason"])
        self.server.requests.clear()
        self.wait(days=1)
        self.send()
        self.assertEqual(self.server.requests, [])
        self.company.action_cloudprinter_resume()
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"sent"})
        self.assertFalse(self.company.cloudprinter_status()["reason"])

    def test_one_at_a_time_from_ten_on(self):
        self.accept("good")
        self.send()
        self.refuse(REFUSED_CAREFUL)
        self.accept("1", "2")
        self.assertTrue(self.company._cloudprinter_circuit().is_careful)

    def test_one_acceptance_in_between(self):
        self.refuse(15)
        self.accept("good")
        self.send()
        items = self.refuse(15, start=100)
        self.assertEqual(set(items.signal_ids.mapped("state")), {"error"}, "each is about itself")
        self.assertFalse(self.company.cloudprinter_status()["reason"])

    def test_one_order_with_many_refused_items(self):
        """The items are refused; other orders continue."""
        order = self.env["cloudprinter.order"].create({"name": "1", "accepted_date": "2026-01-01"})
        items = self.env["cloudprinter.item"].create(
            [{"name": f"1-{number}", "order_id": order.id} for number in range(25)]
        )
        self.server.misbehave(status=400, match=lambda body: '"1-' in json.dumps(body))
        self.send()
        good = self.accept("2", "3")
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"error"})
        self.assertEqual(set(good.signal_ids.mapped("state")), {"sent"})
        self.assertFalse(self.company._cloudprinter_obstacle())


@tagged("post_install", "-at_install", "cloudprinter")
class TestUsersRetry(DeliveryCase):
    """Resume, another key, the end of a hold, and Send lead to a new attempt at once."""

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

    def test_resume(self):
        items = self.break_down(*"12345")
        items |= self.accept("6")
        for hours in (1, 3, 9):
            self.wait(hours=hours)
            self.send()
        self.server.behave()
        with freeze_time(self.moment):
            self.company.action_cloudprinter_resume()
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"sent"})

    def test_resume_while_it_is_still_silent(self):
        items = self.break_down("1", "2")
        self.wait(days=9)
        self.send()
        self.company.action_cloudprinter_resume()
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"outgoing"})

    def test_send_now(self):
        """Send makes one post at once, however long the outage; once it is accepted, all signals are sent."""
        items = self.break_down(*"12345")
        self.wait(seconds=5)
        with freeze_time(self.moment):
            items.signal_ids.with_user(self.manager).action_send()
        self.send()
        self.assertEqual(len(self.get_posted()), 1, "one for all that were chosen")
        self.server.behave()
        with freeze_time(self.moment):
            items.signal_ids.with_user(self.manager).action_send()
        self.send()
        self.assertEqual(set(items.signal_ids.mapped("state")), {"sent"})


@tagged("post_install", "-at_install", "cloudprinter")
class TestWrongRows(DeliveryCase):
    """Rows with values that another program wrote, or from a time when the clock was wrong."""

    def test_dates_beyond_all_calendars(self):
        """A row that Odoo cannot read is not sent and does not hold the others."""
        event, attempt, good = self.accept("1", "2", "3").signal_ids.sorted("id")
        self.env.cr.execute("UPDATE cloudprinter_signal SET event_date = '12000-01-01' WHERE id = %s", [event.id])
        self.env.cr.execute(
            "UPDATE cloudprinter_signal SET next_attempt_date = '12000-01-01' WHERE id = %s", [attempt.id]
        )
        self.env.invalidate_all()
        with self.assertLogs(cloudprinter_sender.__name__, "ERROR"):
            self.send()
        self.assertEqual(len(self.server.accepted), 2)
        self.assertEqual((attempt | good).filtered_domain([("state", "=", "sent")]), attempt | good)

    def test_count_beyond_all_numbers(self):
        """A row that cannot be claimed does not hold the others."""
        bad, good = self.accept("1", "2").signal_ids.sorted("id")
        self.env.cr.execute("UPDATE cloudprinter_signal SET attempt_count = 2147483647 WHERE id = %s", [bad.id])
        self.env.invalidate_all()
        with self.assertLogs(cloudprinter_sender.__name__, "ERROR"), mute_logger("odoo.sql_db"):
            self.send()
        self.assertEqual((bad.state, good.state), ("outgoing", "sent"))

    def test_clock_that_was_ahead(self):
        """The clock was thirty hours ahead during one failure."""
        self.wait(hours=30)
        item = self.break_down("1")
        self.server.behave()
        self.wait(hours=-30, minutes=1)
        self.send()
        self.assertEqual(item.signal_ids.state, "sent")


@tagged("post_install", "-at_install", "cloudprinter")
class TestLeftOver(DeliveryCase):
    """The next run completes what a run had to leave, and nothing is posted again."""

    def test_answer_while_others_hold_the_rows(self):
        signal = self.accept("1").signal_ids
        with patch.object(Queue, "lock", lambda self, signal_ids: set()):
            self.send()
            self.assertEqual((signal.state, signal.request_ids.applied), ("outgoing", False))
            signal._update({"next_attempt_date": self.moment})
            self.send()
        self.assertEqual(len(self.server.requests), 1, "it is not claimed while its answer is not applied")
        self.send()
        self.assertEqual((signal.state, signal.number, signal.request_ids.applied), ("sent", 1, True))
        self.assertEqual(len(self.server.requests), 1)

    def test_answer_that_cannot_be_applied(self):
        """A row that the database refuses does not hold the answers of others."""
        one, two = self.accept("1", "2").signal_ids.sorted("id")
        ledger = type(self.env["cloudprinter.ledger"])
        settle = ledger._settle

        def refuse_one(self, requests):
            if one in requests.signal_ids:
                self.env.cr.execute("SELECT 1 / 0")
            return settle(self, requests)

        with patch.object(ledger, "_settle", refuse_one), mute_logger("odoo.sql_db"):
            self.send()
        self.assertEqual((one.state, two.state), ("outgoing", "sent"))
        self.send()
        self.assertEqual((one.state, len(self.server.requests)), ("sent", 2))
