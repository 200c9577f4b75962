"""Make the entries of the ledger. What they mean is in `verify.py`."""

import secrets

from .verify import NOTHING, PRIVATE, commit, conceal, get_hash, to_text


def make_entry(company_id, kind, date, facts, *, order_id=None, signals=(), attempts=(), subject=None, name=None):
    """Return an entry without a number.

    :param str date: UTC, when it happened
    :param dict facts: more that it says
    :param signals: rows as they are from now on; likewise `attempts`
    :param subject: model and id of what it is about, which has this `name`
    :rtype: dict
    """
    salt = secrets.token_hex(16)
    content, private = dict(facts), {}
    for table, rows in (("signals", signals), ("attempts", attempts)):
        if rows:
            content[table] = [conceal(table, row, salt) for row in rows]
    for row in signals:
        private.update({f"signals.{row['id']}.{column}": row[column] for column in PRIVATE if row.get(column)})
    if order_id:
        content["order"] = order_id
    if subject:
        content["subject"] = subject
    if name:
        content["name"] = commit(salt, "name", name)
        private["name"] = name
    return {
        "company_id": company_id,
        "date": date,
        "kind": kind,
        "order_id": order_id,
        "subject": subject,
        "content": to_text({key: value for key, value in content.items() if value}),
        "private": to_text({"salt": salt, **private}) if private or attempts else None,
    }


def number_entries(entries, heads, begin):
    """Give entries their numbers and hashes.

    :param entries: dicts, changed in place
    :param dict heads: company id → (last number, its hash), changed in place
    :param begin: given a company id, returns the entry with which a chain begins
    :rtype: list
    :returns: entries that were added at the beginnings
    """
    added = []
    for entry in entries:
        company_id = entry["company_id"]
        if company_id not in heads:
            heads[company_id] = (0, NOTHING)
            added.append(begin(company_id))
            _number_entry(added[-1], heads)
        _number_entry(entry, heads)
    return added


def _number_entry(entry, heads):
    number, previous_hash = heads[entry["company_id"]]
    entry.update(number=number + 1, previous_hash=previous_hash)
    entry["hash"] = get_hash(entry)
    heads[entry["company_id"]] = (entry["number"], entry["hash"])
