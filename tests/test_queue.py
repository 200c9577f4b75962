"""The SQL of the queue claims what its rules say, on generated rows; the simulator uses the same rules."""

import random
from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.tests import tagged

from odoo.addons.cloudprinter.dev.simulator.queue import Queued, claim

from ..delivery import FAULTS_AT_MOST, Allowance, Queue
from .common import DeliveryCase

CASES = 75
NOT_DUE, FARTHER_THAN_ANY_WAIT = timedelta(hours=2), timedelta(hours=20)


@tagged("post_install", "-at_install", "cloudprinter")
class TestQueue(DeliveryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = fields.Datetime.now()
        orders = cls.env["cloudprinter.order"].create([{"name": f"{number}"} for number in range(5)])
        items = cls.env["cloudprinter.item"].create(
            [{"name": f"{order.name}-{number}", "order_id": order.id} for order in orders for number in range(2)]
        )
        vals_list = [{"item_id": item.id, "type": "ItemDelay", "delay": "1"} for item in items for _each in range(3)]
        random.Random(1).shuffle(vals_list)
        cls.signals = cls.env["cloudprinter.signal"]._insert(vals_list)
        cls.queue = Queue(cls.env.cr)

    def given_rows(self, dice):
        """Write random states to the signals and return them as the rules see them."""
        rows = [
            Queued(
                signal.id,
                signal.item_id.id,
                signal.order_id.id,
                signal.company_id.id,
                fault_count=dice.choice((0, 0, 0, 1, FAULTS_AT_MOST)),
                alone=dice.random() < 0.15,
                last_attempt_id=dice.choice((0, 0, 5, 6, 7)),
                next_attempt_date=dice.choice(
                    (None, *[self.now] * 6, self.now + NOT_DUE, self.now + FARTHER_THAN_ANY_WAIT)
                ),
                state=dice.choice(("outgoing", "outgoing", "sent", "error")),
            )
            for signal in self.signals
        ]
        for row in rows:
            self.env.cr.execute(
                "UPDATE cloudprinter_signal SET fault_count = %s, alone = %s, last_attempt_id = %s,"
                " next_attempt_date = %s, state = %s, number = CASE %s WHEN 'sent' THEN id END WHERE id = %s",
                [row.fault_count, row.alone, row.last_attempt_id, row.next_attempt_date, row.state, row.state, row.id],
            )
        return rows

    def given_allowance(self, dice):
        order_ids = self.signals.order_id.ids
        single = dice.choice(("", "alone", "any", "asked"))
        some = tuple(dice.sample(order_ids, dice.randint(0, 2))) if single == "any" else ()
        return Allowance(dice.random() < 0.5, single, some), dice.sample(order_ids, dice.randint(0, 2))

    def find_and_claim(self, allowance, busy, bundle_size):
        """Return lists of ids of signals as the sender claims them."""
        company_ids, found, single_ids = self.company.ids, [], []
        busy = list(busy)
        single = allowance.single and self.queue.find_single(company_ids, allowance, busy)
        if single:
            single_ids.append(single[2])
            busy.append(single[1])
        if allowance.bundles:
            found = self.queue.find_orders(company_ids, busy).get(self.company.id, [])
        claims = {}
        for order_id, _company_id, row in self.queue.claim(found, single_ids, bundle_size):
            claims.setdefault(order_id, []).append(row.id)
        return sorted(claims.values())

    def test_claims(self):
        for seed in range(CASES):
            dice = random.Random(seed)
            rows = self.given_rows(dice)
            allowance, busy = self.given_allowance(dice)
            bundle_size = dice.choice((2, 100))
            expected = [[row.id for row in rows] for rows in claim(rows, allowance, busy, self.now, bundle_size)]
            with self.subTest(seed=seed), freeze_time(self.now):
                self.assertEqual(
                    self.queue.get_next_date(self.company.ids, allowance.not_order_ids),
                    min(
                        (
                            row.next_attempt_date
                            for row in rows
                            if row.state == "outgoing"
                            and row.order_id not in allowance.not_order_ids
                            and row.next_attempt_date == self.now + NOT_DUE
                        ),
                        default=None,
                    ),
                )
                self.assertEqual(self.find_and_claim(allowance, busy, bundle_size), sorted(expected))
