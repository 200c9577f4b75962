"""c. Cost of a click: without the add-on, with it on unlinked documents, and on linked ones."""

import statistics

from ..environment import say
from .endpoint import KEY
from .measure import interval, spread

CLICKS = ("button_start", "button_mark_done", "button_validate")
MANUFACTURING = ("button_start", "button_mark_done")
REPETITIONS = {1: 30, 50: 20}  # of documents with this many moves
KINDS = ("without", "unlinked", "linked")
LINKED_QUERIES = 14
LINKED_MS = 8
NOISE = 0.03  # share of a click that two cores cannot resolve


def measure_clicks(bench):
    """c. Clicks on documents: time, paired and interleaved, and queries."""
    without = bench.make_database("bench_without", bench.template)
    with_addon = bench.make_database("bench_clicks", bench.installed())
    # a process for each kind, so that none benefits from the caches of another
    with bench.in_odoo(without) as first, bench.in_odoo(with_addon) as second, bench.in_odoo(with_addon) as third:
        processes = dict(zip(KINDS, (first, second, third)))
        second.run("configure", bench.endpoint.url, KEY)
        verdict = _Verdict()
        for moves, repetitions in REPETITIONS.items():
            say(f"  c. documents with {moves} moves")
            # the first count fills the caches of the process
            queries = {
                kind: [process.run("count_queries", moves, kind == "linked") for _number in range(2)][-1]
                for kind, process in processes.items()
            }
            times = _time(processes, moves, 2 if bench.quick else repetitions)
            for click in CLICKS:
                _report(bench, click, moves, times, queries, verdict)
    verdict.report(bench)


def _time(processes, moves, repetitions):
    """Return {kind: list of {click: [ms until written, ms of the commit]}}; the kinds take turns in being first."""
    boms = {kind: process.run("make_bom", moves) for kind, process in processes.items()}

    def run(kind):
        return processes[kind].run("time_clicks", boms[kind], kind == "linked")

    for kind in KINDS:
        run(kind)  # the first one is slower
        processes[kind].run("forget_the_past")
    times = {kind: [] for kind in KINDS}
    for repetition in range(repetitions):
        first = repetition % len(KINDS)
        for kind in KINDS[first:] + KINDS[:first]:
            times[kind].append(run(kind))
    return times


def _report(bench, click, moves, times, queries, verdict):
    written = {kind: [ms[click][0] for ms in times[kind]] for kind in KINDS}
    whole = {kind: [sum(ms[click]) for ms in times[kind]] for kind in KINDS}
    name = f"{click}, {moves} move{'s' * (moves > 1)}"
    count = queries["without"][click]
    bench.table.add("c", f"{name}: without the add-on", f"{spread(written['without'], 1)} ms", "", f"{count} queries")
    for kind, other in (("unlinked", "without"), ("linked", "unlinked")):
        differences = [ms - before for ms, before in zip(written[kind], written[other])]
        difference = statistics.median(differences)
        low, high = interval(differences)
        share = difference / statistics.median(written[other])
        with_commit = statistics.median(ms - before for ms, before in zip(whole[kind], whole[other]))
        more = queries[kind][click] - queries[other][click]
        bench.table.add(
            "c",
            f"{name}: {kind}, more than {other}",
            f"{difference:+.2f} ms [{low:+.2f}..{high:+.2f}]",
            f"{1 + share:.3f}",
            f"{more:+} queries; commit included {with_commit:+.2f} ms",
        )
        if kind == "unlinked":
            verdict.add_unlinked(click, more, difference, low <= 0 <= high or share < NOISE, name)
        else:
            verdict.add_linked(more, difference)


class _Verdict:
    """The worst value of all clicks and sizes."""

    def __init__(self):
        self.transfers, self.manufacturing, self.linked, self.milliseconds = [], [], [], []
        self.slower = []

    def add_unlinked(self, click, queries, difference, in_noise, name):
        (self.manufacturing if click in MANUFACTURING else self.transfers).append(queries)
        if not in_noise:
            self.slower.append(f"{name} {difference:+.2f} ms")

    def add_linked(self, queries, difference):
        self.linked.append(queries)
        self.milliseconds.append(difference)

    def report(self, bench):
        expect = bench.table.expect
        worst = max(self.transfers)
        expect("c", "not linked: transfers +0 queries", f"{worst:+}", worst <= 0)
        worst = max(self.manufacturing)
        expect("c", "not linked: manufacturing at most +1 query", f"{worst:+}", worst <= 1)
        expect(
            "c",
            f"not linked: time in the noise (the interval contains 0, or below {NOISE:.0%})",
            f"slower: {'; '.join(self.slower)}" if self.slower else "in the noise",
            not self.slower,
        )
        worst = max(self.linked)
        expect("c", f"linked: at most {LINKED_QUERIES} queries more", f"{worst:+}", worst <= LINKED_QUERIES)
        worst = max(self.milliseconds)
        expect("c", f"linked: at most {LINKED_MS} ms more", f"{worst:+.2f} ms", worst <= LINKED_MS)
