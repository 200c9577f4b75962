#!/usr/bin/env python3
"""Check an exported ledger of signals to Cloudprinter. Needs Python 3.10 and nothing else.

    python3 verify.py [ZIP OR FOLDER] [--known COMPANY:NUMBER:HASH …] [--ca-file CA.pem]

This file has the rules of the ledger: the add-on writes and checks it with the same code.

Each entry of a chain has a number, a date, a kind, a content, the hash of the entry before it, and the hash of all of
this. If an entry is changed, all later hashes have to be calculated again, and then none of them equals those printed,
sent or stamped before: pass these as `--known`, and the certificate of the time-stamping authority, from the authority
itself, as `--ca-file`. Signals and attempts have to say what the last entry about them says.

Texts that may have to be erased are not in the content of an entry but beside it, in `private`. The content has their
digest, made with a random salt which is erased with them.
"""

# independent of Odoo, so there are no env and no logger: pylint: disable=prefer-env-translation,print-used

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

try:
    from ..tools.text import Text as _
except ImportError:  # alone, as a part of the export

    class _(str):  # noqa: N801
        def fill_in(self, **values):
            return self % values


VERSION = "1"  # of the rule
NOTHING = "0" * 64  # hash before the first entry
# what an entry says of a signal and of an attempt, if it is not empty
COLUMNS = {
    "signals": (
        *("id", "company_id", "order_id", "order", "item_id", "item", "type", "event_date", "state", "failure_type"),
        *("origin", "number", "sent_date", "http_status", "answer", "tracking", "shipping_option", "cause", "message"),
        *("delay", "source", "res_model", "res_id", "user_id", "correction_of_id", "released", "decided"),
        *("discard_reason", "attempt_count", "last_attempt_id", "create_date", "create_uid"),
    ),
    "attempts": (
        *("id", "company_id", "date", "server_date", "url", "body", "outcome", "status_code", "response", "error"),
        *("verdict", "posts", "applied", "duration_ms", "key_fingerprint", "signal_ids", "create_date", "create_uid"),
    ),
}
PRIVATE = frozenset(("answer", "body", "discard_reason", "error", "message", "name", "response"))
# the sender counts an attempt and empties the answer before it posts
CHANGED_IN_QUEUE = ("attempt_count", "answer")
PROBLEMS_AT_MOST = 1000  # the first ones tell enough
HASHED = ("company_id", "number", "date", "kind", "previous_hash", "content")
HEADER = re.compile(r"\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d\n[a-z]+\n[0-9a-f]{64}", re.ASCII)
KNOWN = re.compile(r"[0-9]{1,9}:[0-9]{1,9}:[0-9a-fA-F]+")


# === the rule === #


def to_text(value):
    """Return canonical JSON: the same for the same value, and ASCII."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def get_hash(entry):
    """Return the hash of an entry. Its content is hashed as it is stored."""
    values = [VERSION, *(entry[name] for name in HASHED)]
    return hashlib.sha256("\n".join(map(str, values)).encode("utf-8", "surrogatepass")).hexdigest()


def is_well_formed(entry):
    """Return whether the values can be told apart in what is hashed, and the content is the same in every encoding."""
    header = f"{entry['date']}\n{entry['kind']}\n{entry['previous_hash']}"
    return bool(HEADER.fullmatch(header)) and str(entry["content"]).isascii()


def commit(salt, key, text):
    """Return the digest that stands for a text."""
    return hashlib.sha256(f"{salt}\n{key}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def conceal(table, row, salt):
    """Return what an entry says of a row: everything that is not empty, with digests of private texts.

    :param str table: "signals" or "attempts"
    :rtype: dict
    """
    said = {name: value for name in COLUMNS[table] if (value := row.get(name))}
    for name in PRIVATE.intersection(said):
        said[name] = commit(salt, f"{table}.{row['id']}.{name}", said[name])
    return said


def get_seal(database, company_id, number, entry_hash):
    """Return the text that is stamped, without a line break at its end."""
    return f"Cloudprinter ledger of database {database}, company {company_id}: entry {number} has hash {entry_hash}"


# === checking === #

HIDDEN = _("It is not shown with its order")
CHANGED = _("It was changed")
UNREADABLE = _("It was changed, and cannot be read")
TEXTS_CHANGED = _("Its private texts were changed")


class Chain:
    """Checks the entries of one company, which are added in the order of their numbers.

    :param int company_id: of which the entries are
    :param list known: of (number, hash or its first 16 digits or more, where it is from)
    :ivar confirmed: where those of `known` are from that agree
    :ivar problems: what was found: dicts with `problem` (a text) and `number` or `entry`, `signal` or `attempt` (ids)
    """

    def __init__(self, company_id, known=()):
        self.company_id = company_id
        self.first = self.number = self.count = 0
        self.hash = NOTHING
        self.database = None
        self.confirmed, self.problems, self.seals = [], [], []
        self.deleted, self.erased = set(), set()  # ids of attempts, numbers of entries
        self._known = {}
        for number, entry_hash, origin in known:
            self._known.setdefault(number, []).append((entry_hash, origin))

    def complain(self, problem, **place):
        if len(self.problems) < PROBLEMS_AT_MOST:
            self.problems.append({**place, "problem": problem})

    def add(self, entry):
        """Check one entry.

        :param dict entry: its columns
        """
        number = entry["number"]
        expected = self.number + 1
        if number > expected:
            missing = str(expected) if number == expected + 1 else f"{expected}–{number - 1}"
            self.complain(_("Entries are missing: %(numbers)s").fill_in(numbers=missing), number=expected)
        elif number < expected:
            self.complain(_("There is more than one entry with this number"), number=number)
        elif entry["previous_hash"] != self.hash:
            self.complain(_("It does not follow the entry before it"), number=number)
        if get_hash(entry) != entry["hash"]:
            self.complain(CHANGED, number=number)
        elif not is_well_formed(entry):
            self.complain(UNREADABLE, number=number)
        if entry["company_id"] != self.company_id:
            self.complain(_("It is of another company"), number=number)
        for known, origin in self._known.pop(number, ()):
            self._compare(number, known, entry["hash"], origin)
        self.first = self.first or number
        self.number, self.hash = number, str(entry["hash"])
        self.count += 1

    def _compare(self, number, known, entry_hash, origin):
        if len(known) < 16:
            problem = _("%(origin)s cannot be compared: enter at least the first 16 digits of its hash")
            self.complain(problem.fill_in(origin=origin), number=number)
        elif not str(entry_hash).startswith(known.lower()):
            problem = _("It has another hash than %(origin)s. The ledger was written again")
            self.complain(problem.fill_in(origin=origin), number=number)
        else:
            self.confirmed.append(origin)

    def learn(self, entry):
        """Take notice of an entry that is not about an order."""
        content, place = read_content(self, entry), get_place(entry)
        if content.get("order"):
            self.complain(HIDDEN, **place)
        try:
            self.database = self.database or content.get("database")
            self.deleted.update(content.get("deleted", ()))
            self.erased.update(content.get("erased", ()))
            if entry["kind"] in ("seal", "stamp"):
                number, entry_hash = content["number"], content["hash"]
                if type(number) is not int or not isinstance(entry_hash, str):
                    raise TypeError
                self.seals.append((place, number, entry_hash, base64.b64decode(content.get("answer", ""))))
        except (TypeError, ValueError, KeyError):
            self.complain(UNREADABLE, **place)

    def get_seals(self):
        """Return what the ledger says of its own past: the `known` of another `Chain`."""
        origin = _("No. %(number)s, a seal")
        return [
            (number, entry_hash, origin.fill_in(number=place.get("number")))
            for place, number, entry_hash, _answer in self.seals
        ]

    def get_seal(self, number, entry_hash):
        return get_seal(self.database, self.company_id, number, entry_hash)

    def end(self, number, entry_hash):
        """Compare the end of the chain with the head of the ledger."""
        if (number, entry_hash) != (self.number, self.hash):
            problem = _("The ledger ends here, but its last entry was No. %(last)s")
            if number == self.number:
                problem = _("The last entry has another hash than it had when it was written")
            self.complain(problem.fill_in(last=number), number=self.number)
        for missing, origins in sorted(self._known.items()):
            for _hash, origin in origins:
                self.complain(_("It is missing, but %(origin)s names it").fill_in(origin=origin), number=missing)


def get_place(entry):
    return {"number": entry["number"]} if entry.get("number") else {"entry": entry["id"]}


def read_content(chain, entry):
    """Return the content of an entry; an empty one if it cannot be read, which is a problem of the chain."""
    try:
        content = json.loads(entry["content"])
        if isinstance(content, dict):
            return content
    except (TypeError, ValueError, RecursionError):  # pylint: disable=except-pass
        pass
    chain.complain(UNREADABLE, **get_place(entry))
    return {}


def get_said(content, table):
    """Return what a content says of rows.

    :param str table: "signals" or "attempts"
    :rtype: list[dict]
    :raises TypeError: it cannot be read
    """
    rows = content.get(table, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) and type(row.get("id")) is int for row in rows):
        raise TypeError(table)
    return rows


class Rows:
    """Compares signals and attempts with what the entries say of them.

    First all entries are read, in the order of their numbers, those without a number last. Then all rows are compared.

    :param Chain chain: gets the problems
    :param without: names of columns that are not compared
    :param pack: makes what is kept of a row of an entry, to be undone by `unpack`: by default a text, to save memory
    """

    def __init__(self, chain, without=(), pack=to_text, unpack=json.loads):
        self.chain = chain
        self._pack, self._unpack = pack, unpack
        self._without = frozenset(without)
        self._said = {"signals": {}, "attempts": {}}  # id → (place, salt, what is said, packed)
        self._without_texts = []

    def get_ids(self, table):
        """Return the ids of rows that were not compared yet."""
        return set(self._said[table])

    def forget(self, table, row_id):
        """Leave a row out."""
        self._said[table].pop(row_id, None)

    def read(self, entry):  # pylint: disable=method-required-super
        """Read one entry, and compare its private texts with their digests."""
        chain, place = self.chain, get_place(entry)
        content = read_content(chain, entry)
        try:
            if content.get("order", 0) != (entry.get("order_id") or 0):
                chain.complain(HIDDEN, **place)
            if content.get("subject") != entry.get("subject"):
                chain.complain(_("It is not about what its subject says"), **place)
            private = json.loads(entry["private"]) if entry.get("private") else {}
            salt = private.pop("salt", None)
            digests = {"name": content["name"]} if content.get("name") else {}
            for table, said in self._said.items():
                for row in get_said(content, table):
                    said[row["id"]] = (place, salt, self._pack(row))
                    digests.update({f"{table}.{row['id']}.{name}": row[name] for name in PRIVATE.intersection(row)})
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
            chain.complain(UNREADABLE, **place)
            return
        self._check_private(place, salt, private, digests)

    def _check_private(self, place, salt, private, digests):
        # the texts of attempts are in their own rows only
        wanted = {key for key in digests if not key.startswith("attempts.")}
        if salt is None:
            if private:
                self.chain.complain(TEXTS_CHANGED, **place)
            elif digests:
                self._without_texts.append(place)
        elif private.keys() != wanted or any(commit(salt, key, private[key]) != digests[key] for key in wanted):
            self.chain.complain(TEXTS_CHANGED, **place)

    def compare(self, table, row):
        """Compare one row.

        :param str table: "signals" or "attempts"
        :param dict row: its columns
        """
        row_id = row["id"]
        place, salt, kept = self._said[table].pop(row_id, (None, None, None))
        where = {"signal" if table == "signals" else "attempt": row_id}
        if place is None:
            if is_evidence(table, row):
                self.chain.complain(_("The ledger has no entry about it"), **where)
            return
        said, now = self._unpack(kept), conceal(table, row, salt)
        # or it went to another company, whose chain goes on
        if now == said or said.get("company_id") != self.chain.company_id:
            return
        for name in _find_differences(table, now, said, salt) - self._without:
            problem = _("%(column)s is not what the ledger says").fill_in(column=name)
            self.chain.complain(problem, **where, **place)

    def end(self):
        """Complain about rows and texts that are missing."""
        for place in self._without_texts:
            if place.get("number") not in self.chain.erased:
                self.chain.complain(_("Its private texts are missing"), **place)
        for table, label in (("signals", "signal"), ("attempts", "attempt")):
            for row_id, (place, _salt, kept) in self._said[table].items():
                if table == "attempts" and row_id in self.chain.deleted:
                    continue
                if self._unpack(kept).get("company_id") == self.chain.company_id:
                    self.chain.complain(
                        _("It is missing, but the ledger has an entry about it"), **{label: row_id}, **place
                    )


def is_evidence(table, row):
    """Return whether the ledger must have an entry about a row."""
    if table == "attempts":
        return bool(row.get("applied"))
    names = ("decided", "last_attempt_id", "number", "sent_date", "http_status")
    return row.get("state") in ("sent", "error") or any(row.get(name) for name in names)


def _find_differences(table, row, said, salt):
    # erased
    ignored = PRIVATE.intersection(said) if salt is None else set()
    if table == "signals" and row.get("state") == said.get("state") == "outgoing":
        ignored |= set(CHANGED_IN_QUEUE)
    return {name for name in {*row, *said} - ignored if row.get(name) != said.get(name)}


# === an export === #


def check(folder, known=(), ca_file=None):
    """Check an unpacked export.

    :param Path folder: where its files are
    :param known: texts COMPANY:NUMBER:HASH
    :param ca_file: certificate of the time-stamping authority, None to leave the stamps alone
    :returns: per company a `Chain` with its problems, and texts about what could not be checked
    """
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    remarks = []
    for name, file in manifest["files"].items():
        with (folder / name).open("rb") as content:
            digest = hashlib.sha256()
            while chunk := content.read(2**20):
                digest.update(chunk)
        if digest.hexdigest() != file["sha256"]:
            remarks.append(f"{name} is not the file that was exported")
    companies = {str(company["id"]): [] for company in manifest["companies"]}
    for text in known:
        company_id, number, entry_hash = (*text.split(":"), "", "")[:3]
        if not KNOWN.fullmatch(text):
            remarks.append(f"--known {text} is not COMPANY:NUMBER:HASH")
        elif company_id not in companies:
            remarks.append(f"--known {text} is of a company that is not in this export")
        else:
            companies[company_id].append((int(number), entry_hash, f"--known {text}"))
    chains = []
    for company in manifest["companies"]:
        chain = Chain(company["id"], [*companies[str(company["id"])], *_read_seals(folder, company["id"])])
        rows = Rows(chain)
        for entry in _read(folder, "entries", chain.company_id):
            if entry["number"]:
                chain.add(entry)
            if not entry["order_id"]:
                chain.learn(entry)
            rows.read(entry)
        chain.end(company["last"], company["hash"])
        for table in COLUMNS:
            for row in _read(folder, table, chain.company_id):
                rows.compare(table, row)
        rows.end()
        if ca_file:
            for place, number, entry_hash, answer in chain.seals:
                if answer and not check_stamp(chain.get_seal(number, entry_hash), answer, ca_file):
                    chain.complain(_("Its time stamp is not valid"), **place)
        chains.append(chain)
    return chains, remarks


def _read(folder, name, company_id, pattern=""):
    with (folder / f"{name}.jsonl").open(encoding="utf-8") as file:
        for line in file:
            if re.search(pattern, line):
                row = json.loads(line)
                if row["company_id"] == company_id:
                    yield row


def _read_seals(folder, company_id):
    chain = Chain(company_id)
    for entry in _read(folder, "entries", company_id, '"kind": "(seal|stamp)"'):
        chain.learn(entry)
    return chain.get_seals()


def check_stamp(text, answer, ca_file):
    """Return whether `openssl` accepts the answer of a time-stamping authority for this text.

    :param bytes answer: as the authority sent it
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text").write_bytes(text.encode())
        (folder / "answer").write_bytes(answer)
        files = ["-data", folder / "text", "-in", folder / "answer", "-CAfile", ca_file]
        return subprocess.run(["openssl", "ts", "-verify", *files], capture_output=True, check=False).returncode == 0


@contextmanager
def unpacked(path):
    """Yield the folder of an export, which may be packed."""
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        yield Path(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", default=Path(__file__).parent, type=Path, metavar="ZIP OR FOLDER")
    parser.add_argument("--known", action="append", default=[], metavar="COMPANY:NUMBER:HASH")
    parser.add_argument("--ca-file", metavar="CA.pem", help="of the time-stamping authority, from the authority itself")
    options = parser.parse_args()
    with unpacked(options.path) as folder:
        chains, remarks = check(folder, options.known, options.ca_file)
    for chain in chains:
        stamps = sum(bool(answer) for *_seal, answer in chain.seals)
        print(f"Company {chain.company_id}: {chain.count} entries, {chain.first} to {chain.number}, hash {chain.hash}")
        print(f"  {len(chain.seals)} seals, of which {stamps} time stamps ({'' if options.ca_file else 'not '}checked)")
        for origin in chain.confirmed:
            print(f"  agrees with {origin}")
        for problem in chain.problems:
            place = ", ".join(f"{name} {value}" for name, value in problem.items() if name != "problem")
            print(f"  {place}: {problem['problem']}")
    for remark in remarks:
        print(remark)
    wrong = sum(len(chain.problems) for chain in chains) + len(remarks)
    print(f"{wrong} problems found" if wrong else "Nothing was found to be wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
