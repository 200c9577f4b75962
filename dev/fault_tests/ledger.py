"""Compares the ledger in Odoo with the record of the stand-in server."""

from collections import defaultdict
from typing import NamedTuple

SQL = """
    SELECT orders.name, item.name, signal.type, to_char(signal.event_date, 'YYYY-MM-DD HH24:MI:SS') || ' GMT',
           signal.state, signal.attempt_count, COALESCE(signal.number, 0)
      FROM cloudprinter_signal signal
      JOIN cloudprinter_item item ON item.id = signal.item_id
      JOIN cloudprinter_order orders ON orders.id = signal.order_id
     WHERE signal.state != 'waiting'
  ORDER BY signal.id
"""


class Row(NamedTuple):
    """A signal as Odoo knows it. All are of one company, and an item has one of each type."""

    order: str
    item: str
    type: str
    event_date: str
    state: str
    attempts: int
    number: int

    @property
    def key(self):
        return self.order, self.item, self.type


class Figures(NamedTuple):
    signals: int
    accepted: int = 0  # signals, regardless of repeats
    repeats: int = 0
    lost: int = 0
    out_of_order: int = 0


class LedgerError(AssertionError):
    """Odoo and Cloudprinter disagree; the text lists the differences."""


def read_rows(query):
    """Return the ledger, oldest first.

    :param query: called with SQL, returns rows of texts
    """
    return [Row(*row[:5], *map(int, row[5:])) for row in query(SQL)]


def unwritten(rows, accepted):
    """Return the numbers of POSTs with a signal that Cloudprinter has accepted without Odoo knowing it."""
    known = {row.key for row in rows if row.state == "sent"}
    return {signal["bundle"] for signal in accepted if _key(signal) not in known}


def compare(rows, accepted, lost_answers=(), refused=()):
    """Raise if there are differences, else return the figures.

    :param list rows: from `read_rows`
    :param list accepted: the server's, in order of arrival
    :param lost_answers: numbers of the POSTs whose answer cannot have reached Odoo: only the contents of one of
        them may arrive again
    :param refused: names of the items whose signals the server refuses
    :raises LedgerError: with each difference
    """
    arrivals = defaultdict(list)  # of (position, signal)
    for position, signal in enumerate(accepted):
        arrivals[_key(signal)].append((position, signal))
    by_key = {row.key: row for row in rows}
    wanted = [row for row in rows if row.item not in refused]
    problems = [f"{key}: accepted, but Odoo has no such signal" for key in arrivals.keys() - by_key.keys()]
    problems += [f"{row.key}: twice in Odoo" for row in rows if by_key[row.key] is not row]
    for row in rows:
        problems += _compare_row(row, [signal for _position, signal in arrivals[row.key]], lost_answers, refused)
    overtaking = list(_find_overtaking(wanted, arrivals))
    problems += [f"{row.key}: arrived before an earlier signal of its item" for row in overtaking]
    numbers = sorted(row.number for row in rows if row.state == "sent")
    if numbers != list(range(1, len(numbers) + 1)):
        problems.append(f"the numbers have gaps or doubles: {numbers}")
    if problems:
        more = f"\n… and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise LedgerError("\n".join(["Odoo and the server differ:", *sorted(problems)[:20]]) + more)
    return Figures(
        signals=len(rows),
        accepted=sum(bool(arrivals[row.key]) for row in rows),
        repeats=sum(max(len(arrivals[row.key]) - 1, 0) for row in rows),
        lost=sum(not arrivals[row.key] for row in wanted),
        out_of_order=len(overtaking),
    )


def _compare_row(row, arrived, lost_answers, refused):
    expected = "error" if row.item in refused else "sent"
    if row.state != expected:
        yield f"{row.key}: is {row.state!r} in Odoo, not {expected!r}"
    if expected == "sent" and not arrived:
        yield f"{row.key}: lost, the server never accepted it"
    if expected == "error" and arrived:
        yield f"{row.key}: refused, and accepted nevertheless"
    if row.state != "sent" and row.number:
        yield f"{row.key}: is {row.state!r} and has the number {row.number}"
    for before, after in zip(arrived, arrived[1:]):
        if before["bundle"] not in lost_answers:
            yield f"{row.key}: in POST {after['bundle']} again, although POST {before['bundle']} was answered"
    if len(arrived) > row.attempts:
        yield f"{row.key}: arrived {len(arrived)} times, but {row.attempts} attempts are counted"
    times = {signal["datetime"] for signal in arrived} - {row.event_date}
    if times:
        yield f"{row.key}: happened on {row.event_date}, but arrived with {sorted(times)}"


def _find_overtaking(rows, arrivals):
    """Return the signals that arrived for the first time before an earlier one of the same item.

    :param list rows: in the order in which the signals were made
    """
    latest = {}  # item -> highest position of the first arrivals so far
    for row in rows:
        if not arrivals[row.key]:
            continue
        position = arrivals[row.key][0][0]
        if position < latest.get((row.order, row.item), -1):
            yield row
        latest[row.order, row.item] = max(position, latest.get((row.order, row.item), -1))


def _key(signal):
    return signal["order"], signal["item"], signal["type"]
