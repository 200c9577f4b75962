"""Check the ledger in the database, with the rules of `verify.py`."""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ..tools.text import Text as _
from .store import TABLES
from .verify import CHANGED, NOTHING, Chain, Rows, get_hash, get_place, get_said, read_content

WAITS_TOO_LONG = _("It has waited for its number for more than ten minutes. The scheduled action that sends numbers it")


def find_missing(store, chain):
    """Complain about columns that someone has dropped, and leave those of signals and attempts out from now on.

    :returns: whether the rest can be checked
    """
    missing = store.find_missing()
    for table, column in missing:
        chain.complain(_("The column is missing in the database"), column=f"{table}.{column}")
    store.missing = frozenset(missing)
    return {table for table, _column in missing} <= {*TABLES.values()}


def check_company(store, company_id, late, known=()):
    """Check the whole ledger of a company.

    :param Store store: where it is
    :param str late: UTC; what was written before then must have a number
    :param known: see `Chain`
    :rtype: Chain
    """
    past = Chain(company_id)
    if not find_missing(store, past):
        return past
    for entry in store.read_others(company_id, ("seal", "stamp")):
        past.learn(entry)
    chain = Chain(company_id, [*known, *past.get_seals()])
    chain.problems += past.problems
    others, found = Rows(chain, _get_missing(store)), set()
    for entry in (entry for entries in read_ahead(store.read_chain(company_id)) for entry in entries):
        chain.add(entry)
        if not entry["order_id"]:
            chain.learn(entry)
            others.read(entry)
            if entry["kind"] == "found":
                found |= _get_ids(entry, "attempts")
    chain.end(*store.get_heads([company_id]).get(company_id, (0, NOTHING)))
    for entry in store.read_waiting(company_id):
        if str(entry["date"]) < late:
            chain.complain(WAITS_TOO_LONG, **get_place(entry))
        if not entry["order_id"]:
            chain.learn(entry)
            others.read(entry)
    for row in store.read_rows("attempts", others.get_ids("attempts")):
        others.compare("attempts", row)
    others.end()
    for attempt_id in store.get_old_unapplied(company_id, late):
        chain.complain(_("Its answer is not applied to its signals"), attempt=attempt_id)
    for attempt_id in sorted(set(store.get_unlinked_attempt_ids(company_id)) - found):
        chain.complain(_("No signal has it"), attempt=attempt_id)
    for given in read_ahead(_read_orders(store, company_id, store.get_order_ids())):
        _compare(store, chain, *given)
    return chain


def check_order(store, company_id, order_id):
    """Check one order, and that its entries are linked with those before and after.

    :rtype: Chain
    """
    chain = Chain(company_id)
    if not find_missing(store, chain):
        return chain
    for entry in store.read_others(company_id, ("begin", "retention", "erased")):
        chain.learn(entry)
    for entry in store.read_entries_of(company_id, [order_id]):
        if entry["number"] and get_hash(entry) != entry["hash"]:
            chain.complain(CHANGED, **get_place(entry))
    for number in store.find_loose(company_id, order_id):
        chain.complain(_("It is not linked with the entries before and after it"), number=number)
    for given in _read_orders(store, company_id, [[order_id]]):
        _compare(store, chain, *given)
    return chain


def read_ahead(steps):
    """Yield from a generator that reads the next step in a thread: PostgreSQL and Python work at the same time."""
    end = object()
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, steps, end)
        while (step := coming.result()) is not end:
            coming = reader.submit(next, steps, end)
            yield step


def _get_missing(store):
    return {name for _table, name in store.missing}


def _read_orders(store, company_id, lists):
    """Yield lists of orders with their entries, signals, and the attempts at signals of the company."""
    for order_ids in lists:
        entries, signals = store.read_entries_of(company_id, order_ids), store.read_signals_of(order_ids)
        attempt_ids = store.get_attempt_ids({row["id"] for row in signals if row["company_id"] == company_id})
        yield order_ids, entries, signals, store.read_rows("attempts", attempt_ids)


def _compare(store, chain, order_ids, entries, signals, attempts):
    """Compare the signals and attempts of some orders with the entries about these."""
    rows = Rows(chain, _get_missing(store), pack=_as_it_is, unpack=_as_it_is)
    for entry in entries:
        rows.read(entry)
    left = set()  # the company, but it still has entries about them
    for row in signals:
        if row["company_id"] != chain.company_id:
            if row["id"] not in rows.get_ids("signals"):
                continue
            left.add(row["id"])
        rows.compare("signals", row)
    moved = store.read_rows("signals", rows.get_ids("signals"))
    compared_there = _find_moved(store, chain.company_id, order_ids, moved)
    for row in moved:
        if row["id"] in compared_there:
            rows.forget("signals", row["id"])
        else:
            rows.compare("signals", row)
    said, read = rows.get_ids("attempts"), {row["id"] for row in attempts}
    for row in attempts + store.read_rows("attempts", (said | store.get_attempt_ids(left)) - read):
        # the others were made by the company to which a signal went, or from which it came
        if row["company_id"] == chain.company_id or row["id"] in said:
            rows.compare("attempts", row)
    rows.end()


def _find_moved(store, company_id, order_ids, moved):
    """Return the ids of signals whose last entry is about the order to which they went.

    :param order_ids: from which they went
    :param list moved: their rows
    """
    mine = [row for row in moved if row["company_id"] == company_id]
    if not mine:
        return set()
    last = {}
    for entry in store.read_entries_of(company_id, [*order_ids, *{row["order_id"] for row in mine}]):
        last.update(dict.fromkeys(_get_ids(entry, "signals"), entry["order_id"]))
    return {row["id"] for row in mine if last.get(row["id"]) == row["order_id"]}


def _get_ids(entry, table):
    """Return of which rows an entry says something; nothing if it cannot be read, which is found by `Rows.read`."""
    with suppress(TypeError):
        return {row["id"] for row in get_said(read_content(Chain(entry["company_id"]), entry), table)}
    return set()


def _as_it_is(row):
    return row
