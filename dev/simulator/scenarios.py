"""Scenarios generated from a seed, and the search for one in which a sentence does not hold."""

import argparse
import random
import time
from collections import Counter

from .checks import check
from .world import DAY, HOUR, MINUTE, Rule, World

BAD = (500, 503, 404, 409, 413, 422, 302, 403, 401, 400, None)
DOWN = (500, 502, 503, 404, 302, None)


class Scenario:
    """A world generated from a seed.

    :ivar troubles: (company or None for all, since, until, kind) of faults of the endpoint, a user or a clock
    :ivar title: description of the scenario
    """

    def __init__(self, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.troubles, self.words = [], []
        choice = self.random.choice
        self.companies = range(1, choice((1, 1, 1, 2, 2, 5)) + 1)
        latency = {company: choice((0.05, 0.05, 0.3, 1, 3, 9)) for company in self.companies}
        self.world = World(seed=seed, connections=choice((8, 8, 8, 2)), latency=latency)
        self.world.clocks = []
        self.say(f"latency {latency}, {self.world.connections} connections")
        self.orders = {company: [] for company in self.companies}
        self.end = 0
        for company in self.companies:
            self.add_traffic(company)
        kinds = self.random.sample(sorted(TROUBLES), self.random.choice((1, 1, 2, 2, 3, 4)))
        for kind in kinds:
            TROUBLES[kind](self)
        # an endpoint that is unavailable is so for all
        self.world.rules.sort(key=lambda rule: rule.is_of_some)
        for day in range(60):
            self.world.at(day * DAY, self.look_after)
        for company in self.companies:
            self.world.at(self.end, self.finish, company)

    @property
    def title(self):
        return f"seed {self.seed}: " + "; ".join(self.words)

    def say(self, words):
        self.words.append(words)

    def run(self):
        self.world.run(self.end + 61 * DAY)
        return check(self)

    # === traffic === #

    def add_traffic(self, company):
        kind = self.random.choice(("daily", "burst", "steady", "steady"))
        number = self.random.randint(3, 12 if kind == "daily" else 120)
        every = {"daily": DAY, "burst": 0, "steady": self.random.choice((2, 10, 30, 60)) * MINUTE}[kind]
        at = self.random.choice((0, HOUR)) if kind == "burst" else 0
        if at:
            self.add_order(company, 0)
        for position in range(number):
            self.add_order(company, at + position * every)
        self.say(f"company {company}: {number} orders {kind} {every / MINUTE:.0f} min")

    def add_order(self, company, at):
        items, each = self.random.choice(((1, 1), (1, 1), (2, 1), (3, 2), (1, 4)))
        gap = self.random.choice((0, 0, 0, 10, HOUR)) if each > 1 else 0
        self.orders[company].append((self.world.order(at, company, items, each, gap), items * each))
        self.end = max(self.end, at + gap * each + HOUR)

    # === trouble === #

    def trouble(self, company, since, until, kind):
        self.troubles.append((company, since, until, kind))
        self.end = max(self.end, until)
        whose = "" if company is None else f" of company {company}"
        self.say(f"{kind}{whose} at {since:.0f} s for {until - since:.0f} s")

    def some_time(self):
        """Return when a trouble begins: usually while signals are queued."""
        return self.random.choice((0, self.random.uniform(0, self.end), self.random.uniform(0, 2 * HOUR)))

    def some_company(self):
        return self.random.choice((None, *self.companies))

    def some_orders(self):
        company = self.random.choice(self.companies)
        orders = self.orders[company]
        number = min(self.random.choice((1, 1, 2, 5)), len(orders))
        return company, self.random.sample(orders, number), self.random.choice(BAD)

    def rule(self, company, *arguments, **values):
        companies = None if company is None else frozenset([company])
        self.world.rules.append(Rule(*arguments, companies=companies, **values))

    def add_outage(self):
        for _number in range(self.random.choice((1, 1, 3))):
            company, since = self.some_company(), self.some_time()
            length = self.random.choice((self.random.uniform(5, 600), 10 ** self.random.uniform(1, 5.89)))
            status, retry_after = self.random.choice(DOWN), self.random.choice((None, None, 1, 120, 3600))
            seconds = self.random.choice((0.05, 0.05, 30)) if status is None else None
            self.rule(company, status, since, since + length, retry_after=retry_after, seconds=seconds)
            self.trouble(company, since, since + length, f"outage ({status}, Retry-After {retry_after})")

    def add_flapping(self):
        company, since, length = self.some_company(), self.some_time(), 10 ** self.random.uniform(2, 5)
        share = self.random.uniform(0.1, 0.9)
        self.rule(company, self.random.choice(DOWN), since, since + length, share=share)
        self.trouble(company, since, since + length, f"flapping ({share:.0%})")

    def add_lost(self):
        company, since, length = self.some_company(), self.some_time(), 10 ** self.random.uniform(2, 5)
        share = self.random.uniform(0.05, 0.8)
        self.rule(company, None, since, since + length, share=share, lost=True, seconds=30)
        self.trouble(company, since, since + length, f"answers lost ({share:.0%})")

    def add_bad_signals(self):
        company, orders, status = self.some_orders()
        signals = frozenset((order_id, self.random.randrange(size)) for order_id, size in orders)
        self.rule(company, status, signals=signals)
        self.say(f"{status} for the signals {sorted(signals)} of company {company}")

    def add_bad_orders(self):
        company, orders, status = self.some_orders()
        order_ids = frozenset(order_id for order_id, _size in orders)
        self.rule(company, status, orders=order_ids)
        self.say(f"{status} for the orders {sorted(order_ids)} of company {company}")

    def add_large_bundles(self):
        company, size = self.some_company(), self.random.choice((2, 3, 5))
        self.rule(company, 413, rows_at_least=size)
        self.say(f"413 for bundles of {size} and more of company {company}")

    def add_rate_limit(self):
        company = self.some_company()
        a_second, retry_after = self.random.choice((1, 3, 10)), self.random.choice((None, 1, 5))
        self.rule(company, 429, a_second=a_second, retry_after=retry_after)
        self.troubles.append((company, 0, float("inf"), "rate"))
        self.say(f"429 beyond {a_second} a second, Retry-After {retry_after}, company {company}")

    def add_wrong_key(self):
        company, since = self.random.choice(self.companies), self.some_time()
        until = since + 10 ** self.random.uniform(3, 6)
        self.rule(company, self.random.choice((401, 403)), since, key=0)
        self.world.at(until, self.world.change_key, company)
        self.trouble(company, since, until, "wrong key")

    def add_new_key(self):
        company, at = self.random.choice(self.companies), self.some_time()
        self.world.at(at, self.world.change_key, company)
        self.say(f"new key of company {company} at {at:.0f} s")

    def add_killers(self):
        company = self.random.choice(self.companies)
        order_id, size = self.random.choice(self.orders[company])
        signals = frozenset([(order_id, self.random.randrange(size))])
        self.rule(company, self.random.choice((200, 500)), signals=signals, kills=True)
        self.say(f"signals {sorted(signals)} of company {company} kill the process")

    def add_crashes(self):
        since, length, share = self.some_time(), 10 ** self.random.uniform(2, 5), self.random.uniform(0.01, 0.3)
        self.rule(None, self.random.choice((200, 500)), since, since + length, share=share, kills=True)
        self.trouble(None, since, since + length, f"crashes ({share:.0%})")

    def add_locks(self):
        for _number in range(self.random.choice((1, 10))):
            company = self.random.choice(self.companies)
            order_id = self.random.choice(self.orders[company])[0]
            at, length = self.some_time(), self.random.choice((5, 45, 600, 4000))
            self.world.at(at, self.world.hold, order_id, length)
            self.trouble(company, at, at + length, f"order {order_id} held")

    def add_users(self):
        for _number in range(self.random.choice((1, 10))):
            company = self.random.choice(self.companies)
            order_id, at = self.random.choice(self.orders[company])[0], self.some_time()
            name, argument = self.random.choice((("discard", order_id), ("send_now", order_id), ("resume", company)))
            self.world.at(at, getattr(self.world, name), argument)
            self.say(f"{name} {argument} at {at:.0f} s")

    def add_clock(self):
        since, length = self.some_time(), 10 ** self.random.uniform(2, 5)
        hours = self.random.choice((0.5, 3, 10, 30, 50))
        self.world.clocks.append((since, since + length, hours))
        self.world.at(since, self.world.set_timer)
        self.world.at(since + length, self.world.set_timer)
        self.trouble(None, since, since + length + hours * HOUR, f"clock {hours} h ahead")

    # === the end === #

    def look_after(self):
        """Have an administrator act each day."""
        for company in self.companies:
            if self.world.circuits[company].stopped:
                self.world.resume(company)

    def finish(self, company):
        """Create orders each hour as long as earlier signals are queued."""
        world = self.world
        if world.t < self.end + 59 * DAY and any(s.created < self.end for s in world.queue[company].values()):
            world.order(world.t, company)
            world.at(world.t + HOUR, self.finish, company)


TROUBLES = {name[4:]: action for name, action in vars(Scenario).items() if name.startswith("add_")}
for name in ("traffic", "order"):
    del TROUBLES[name]


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=1000, help="how many, default 1000")
    parser.add_argument("--seed", type=int, default=1, help="of the first, default 1")
    parser.add_argument("--only", type=int, help="this seed alone, with all its posts")
    options = parser.parse_args(arguments)
    started, found = time.monotonic(), Counter()
    first, number = (options.seed, options.scenarios) if options.only is None else (options.only, 1)
    for seed in range(first, first + number):
        scenario = Scenario(seed)
        problems = scenario.run()
        if problems:
            print(scenario.title)
        for sentence, text in problems.items():
            found[sentence] += 1
            print(f"  {sentence}: {text}", flush=True)
        if options.only is not None:
            print(scenario.title)
            for post in scenario.world.posts:
                rows = ",".join(f"{signal.order_id}.{signal.number}" for signal in post.signals)
                print(f"{post.start:12.2f} company {post.bundle.company_id} {rows:20} {post.status} {post.verdict}")
    print(f"{number} scenarios in {time.monotonic() - started:.0f} s, violations: {dict(found) or 'none'}")
    return 1 if found else 0
