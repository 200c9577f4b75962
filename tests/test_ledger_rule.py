"""The rules of the ledger, without a database: whatever is changed afterwards is found."""

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..ledger import make_entry, number_entries, verify

thoroughly = settings(deadline=None, derandomize=True, database=None, max_examples=200)
COMPANY, DATE = 1, "2026-11-29 10:00:00"
texts = st.text(st.characters(blacklist_characters="\0"), min_size=1, max_size=20)
rows = st.fixed_dictionaries(
    {"id": st.integers(1, 10**9), "company_id": st.just(COMPANY), "order_id": st.just(7), "state": st.just("sent")},
    optional={
        **dict.fromkeys(("answer", "message", "tracking", "source", "discard_reason"), texts),
        "number": st.integers(1, 10**6),
        "decided": st.booleans(),
    },
)


def begin(company_id):
    return make_entry(company_id, "begin", DATE, {"database": "d"})


def make_chain(signals, count=3):
    """Return the entries of a ledger with one fact per signal, and more that say the same again."""
    entries = [
        make_entry(COMPANY, "accepted", DATE, {}, order_id=7, signals=[signal])
        for signal in signals
        for _again in range(count)
    ]
    heads = {}
    chain = number_entries(entries, heads, begin) + entries
    return [{"id": position, "subject": None, **entry} for position, entry in enumerate(chain, 1)], heads[COMPANY]


def check(entries, head, signals, known=()):
    """Return the problems of a ledger."""
    chain = verify.Chain(COMPANY, known)
    compared = verify.Rows(chain)
    for entry in entries:
        chain.add(entry)
        if not entry["order_id"]:
            chain.learn(entry)
        compared.read(entry)
    chain.end(*head)
    for signal in signals:
        compared.compare("signals", signal)
    compared.end()
    return chain.problems


@tagged("cloudprinter")
class TestChain(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.signals = [
            {"id": 1, "company_id": COMPANY, "order_id": 7, "state": "sent", "number": 1, "message": "Späť 印"},
            {"id": 2, "company_id": COMPANY, "order_id": 7, "state": "error", "answer": "unknown item"},
        ]
        cls.entries, cls.head = make_chain(cls.signals)

    def copy(self):  # pylint: disable=method-required-super
        return [dict(entry) for entry in self.entries]

    def assert_found(self, entries, number=None, known=(), head=None, signals=None):
        problems = check(entries, head or self.head, self.signals if signals is None else signals, known)
        self.assertTrue(problems)
        if number:
            self.assertEqual(problems[0].get("number"), number, problems)

    def test_nothing_is_wrong(self):
        self.assertEqual(check(self.entries, self.head, self.signals), [])

    @given(st.lists(rows, min_size=1, max_size=5, unique_by=lambda row: row["id"]))
    @thoroughly
    def test_what_was_written_is_found_right(self, signals):
        entries, head = make_chain(signals)
        self.assertEqual(check(entries, head, signals), [])
        # an export and its import change nothing
        self.assertEqual(check(json.loads(json.dumps(entries)), head, json.loads(json.dumps(signals))), [])

    @given(rows, st.data())
    @thoroughly
    def test_changed_row(self, signal, data):
        entries, head = make_chain([signal])
        column = data.draw(
            st.sampled_from(["answer", "message", "tracking", "source", "number", "state", "http_status"])
        )
        value = data.draw(st.integers(2**20, 2**21) if column in ("number", "http_status") else texts)
        if signal.get(column) != value:
            self.assertTrue(check(entries, head, [{**signal, column: value}]))
        if signal.get(column):
            self.assertTrue(check(entries, head, [{**signal, column: None}]))

    @given(st.data())
    @thoroughly
    def test_changed_entry(self, data):
        """One character of one column."""
        entries = self.copy()
        entry = data.draw(st.sampled_from(entries))
        column = data.draw(st.sampled_from([*verify.HASHED, "hash", "private", "order_id"]))
        if entry[column] is None:
            entry[column] = 7
        elif isinstance(entry[column], int):
            entry[column] += data.draw(st.integers(1, 100))
        else:
            text = entry[column]
            place = data.draw(st.integers(0, len(text) - 1))
            character = data.draw(texts.filter(lambda drawn: drawn != text[place]))
            entry[column] = text[:place] + character + text[place + 1 :]
        self.assert_found(entries)

    def test_deleted_swapped_and_forged(self):
        first, middle, last = 0, 3, len(self.entries) - 1
        for position in (first, middle):
            entries = self.copy()
            del entries[position]
            self.assert_found(entries, position + 1)
        self.assert_found(self.entries[:-1], last)
        swapped = self.copy()
        swapped[2]["content"], swapped[4]["content"] = swapped[4]["content"], swapped[2]["content"]
        self.assert_found(swapped, 3)
        swapped = self.copy()
        swapped[2]["number"], swapped[3]["number"] = 4, 3
        self.assert_found(swapped[:2] + [swapped[3], swapped[2]] + swapped[4:])
        forged = {**self.entries[middle], "number": self.entries[middle]["number"]}
        self.assert_found([*self.entries[:middle], forged, *self.entries[middle:]], forged["number"])
        changed = self.copy()
        changed[middle]["date"] = "2026-11-30 10:00:00"
        changed[middle]["hash"] = verify.get_hash(changed[middle])
        self.assert_found(changed, middle + 2)

    def test_moved_border(self):
        """What is hashed cannot be divided into other values."""
        entries = self.copy()
        entry = entries[2]
        entry.update(date=f"{entry['date']}\n{entry['kind']}", kind=entry["previous_hash"])
        first, _line, rest = entry["content"].partition(",")
        entry.update(previous_hash=first, content=rest)
        entry["hash"] = verify.get_hash(entry)
        self.assertFalse(verify.is_well_formed(entry))
        self.assert_found(entries, 3)

    def test_rows_missing_and_forged(self):
        self.assert_found(self.entries, signals=self.signals[:1])
        self.assert_found(self.entries, signals=[*self.signals, {**self.signals[0], "id": 3}])
        unposted = {"id": 3, "company_id": COMPANY, "order_id": 7, "state": "outgoing", "attempt_count": 1}
        self.assertEqual(check(self.entries, self.head, [*self.signals, unposted]), [], "it is just being posted")

    def test_written_again(self):
        """With all hashes calculated again, only what was printed before shows it."""
        sealed = self.entries[4]
        known = [(sealed["number"], sealed["hash"], "the print")]
        self.assertEqual(check(self.entries, self.head, self.signals, known), [])
        signals = [{**self.signals[0], "message": "Other"}, self.signals[1]]
        entries, head = make_chain(signals)
        self.assertEqual(check(entries, head, signals), [])
        self.assert_found(entries, 5, known, head, signals)
        # a tail cut off, with its rows and the head
        short, head = self.entries[:4], (4, self.entries[3]["hash"])
        self.assertEqual(check(short, head, self.signals[:1]), [])
        self.assert_found(short, 5, known, head, self.signals[:1])
        for wrong in ((5, "0" * 64, "x"), (5, sealed["hash"][:8], "x"), (0, "", "x")):
            self.assert_found(self.entries, known=[wrong])
        [short] = check(self.entries, self.head, self.signals, [(5, sealed["hash"][:15], "the print")])
        self.assertIn("16 digits", short["problem"])

    def test_subject_and_name(self):
        entry = make_entry(COMPANY, "name", DATE, {}, subject="res.users,1", name="Ada")
        heads = {}
        entries = [*number_entries([entry], heads, begin), entry]
        entries = [{"id": position, **each} for position, each in enumerate(entries)]
        self.assertEqual(check(entries, heads[COMPANY], []), [])
        for wrong in (
            {"subject": "res.users,2"},
            {"subject": None},
            {"private": '{"name":"Mallory"}'},
            {"private": '{"name":"Mallory","salt":null}'},
        ):
            with self.subTest(wrong):
                self.assert_found([entries[0], {**entries[1], **wrong}], 2, head=heads[COMPANY], signals=[])
        erased = make_entry(COMPANY, "erased", DATE, {"erased": [2]})
        number_entries([erased], heads, begin)
        for private, right in ((None, True), ('{"name":"Mallory"}', False)):
            problems = check([entries[0], {**entries[1], "private": private}, {"id": 9, **erased}], heads[COMPANY], [])
            self.assertEqual(not problems, right)

    def test_seal_that_cannot_be_read(self):
        for wrong in (
            {"number": "120", "hash": "0"},
            {"number": [1], "hash": "0"},
            {"number": True, "hash": "0"},
            {"number": 1, "hash": 5},
            {"number": 1, "hash": "0", "answer": 5},
            {"deleted": 5},
            {},
        ):
            entry = make_entry(COMPANY, "seal", DATE, wrong)
            chain = verify.Chain(COMPANY)
            chain.learn({"id": 1, "number": 1, **entry})
            self.assertTrue(chain.problems, wrong)
            self.assertFalse(chain.get_seals())

    def test_private_texts(self):
        """Texts can be erased, if an entry says so; then neither they nor similar ones can be found again."""
        erased = self.copy()
        erased[1]["private"] = None
        self.assert_found(erased, 2)
        entry = make_entry(COMPANY, "erased", DATE, {"erased": [2]})
        number_entries([entry], {COMPANY: self.head}, begin)
        erased.append({"id": 99, **entry})
        self.assertEqual(check(erased, (entry["number"], entry["hash"]), self.signals), [])
        one, other = (make_entry(COMPANY, "accepted", DATE, {}, signals=[self.signals[0]]) for _twice in range(2))
        self.assertNotEqual(one["content"], other["content"])
        self.assertNotIn('message":"S', one["content"])

    def test_what_cannot_be_read(self):
        for content in ("", "[]", "{", "\ud800", "x" * 10**5, "[" * 10**5, '{"signals":[1]}', '{"signals":{"id":1}}'):
            entries = self.copy()
            entries[2]["content"] = content
            entries[3]["private"] = content
            self.assert_found(entries, 3)

    def test_not_the_exported_file(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "signals.jsonl").write_text("")
            manifest = {"files": {"signals.jsonl": {"sha256": "0"}}, "companies": []}
            (folder / "manifest.json").write_text(json.dumps(manifest))
            self.assertEqual(len(verify.check(folder)[1]), 1)

    def test_known_that_cannot_be_compared(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "manifest.json").write_text('{"files": {}, "companies": []}')
            for known in ("2:120:0123456789abcdef", "1:120", "x", "1:2:3:4", "1:x:0123456789abcdef", ""):
                self.assertEqual(len(verify.check(folder, [known])[1]), 1, known)
