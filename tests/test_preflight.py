"""Preflight without Odoo: what is read of print files, and what follows from it."""

import contextlib
import dataclasses
import json
import re
import shutil
import subprocess
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from odoo.addons.cloudprinter.dev.preflight import print_files
from odoo.addons.cloudprinter.order_document import Option
from odoo.addons.cloudprinter.preflight import (
    CAUSES,
    CHECKS,
    KINDS,
    Expected,
    Facts,
    InfoError,
    add_order,
    check,
    child,
    get_part,
    get_spine,
    kinds,
    read_file,
    read_info,
    reader,
)
from odoo.addons.cloudprinter.preflight.facts import Pages

from ..cloudsignal import CANCEL_CAUSES

BOOK = Expected(**print_files.BOOK)
thoroughly = settings(deadline=None, derandomize=True, database=None, max_examples=100)
lengths = st.floats(20, 2000)
# what a process that was taken over may say
FACTS = ("problem", "limit", "missing", "runs", "fonts", "used_fonts", "blank", "contents_until", "colors", "intent")
PAGE = [1, 216, 303, 0, None, None, 0, 0]
NONSENSE = (
    *(None, True, -1, float("inf"), "", "time", "damaged", "text", {}, {"note": 1}, [], [1], [[1]], [{"note": []}]),
    *([PAGE], [[-3, *PAGE[1:]]], [["many", *PAGE[1:]]], [[1, 1]], [["Arial", 1]], [[1, [2]]], [[[[]]]]),
    [{"note": "width", "value": "9" * 400}],
)


def read_here(content):
    """Return the facts about a file, read in this process, which is faster."""
    found = {}
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        file.seek(0)
        reader.read(file, found.update)
    return Facts.load(found)


def get_codes(findings):
    """Return the codes of the findings that need a user."""
    found = [finding for each in findings.values() for finding in each]
    return {finding.code for finding in found if finding.severity in ("warning", "error")}


def make_page(width, height, trim=None, room=0.0, rotation=0, count=24):
    return Pages(1, count, width, height, rotation, *(trim or (None, None)), room, room)


def judge(page, **expected):
    facts = Facts(pages=(page,), fonts=(), used_fonts=(), colors=(), contents_until=page.count)
    return get_codes(check(facts, dataclasses.replace(BOOK, **expected)))


@tagged("post_install", "-at_install", "cloudprinter")
class TestPrintFiles(BaseCase):
    """The generated files; `make preflight` compares them with other readers."""

    def test_no_false_alarm(self):
        for name, (content, expected) in print_files.make_right().items():
            with self.subTest(name):
                self.assertEqual(get_codes(check(read_here(content), Expected(**expected))), set())

    def test_each_fault_is_found_and_nothing_else(self):
        found = set()
        for name, (content, expected, codes) in print_files.make_wrong().items():
            with self.subTest(name):
                self.assertEqual(get_codes(check(read_here(content), Expected(**expected))), codes)
            found |= codes
        alarms = {code for code, kind in KINDS.items() if kind.severity in ("warning", "error")}
        self.assertEqual(alarms - found, {"fonts_declared", "unequal_product"})

    def test_what_is_read_is_what_poppler_reads(self):
        content, _expected = print_files.make_right()["all boxes"]
        with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
            file.write(content)
            file.flush()
            said = subprocess.run(
                [shutil.which("pdfinfo"), "-box", file.name], capture_output=True, text=True, check=True
            ).stdout
        page = read_here(content).pages[0]
        box = re.search(r"TrimBox: +(.*)", said)[1].split()
        left, bottom, right, top = (float(number) / print_files.POINTS for number in box)
        self.assertIn(f"Pages:           {page.count}\n", said)
        self.assertAlmostEqual(page.trim_width, right - left, delta=0.01)
        self.assertAlmostEqual(page.trim_height, top - bottom, delta=0.01)

    def test_sentences(self):
        content, expected, _codes = print_files.make_wrong()["one page of another size"]
        [finding] = check(read_here(content), Expected(**expected))["size"]
        self.assertEqual(
            " ".join(finding.get_sentences()),
            "The pages are 148 × 210 mm. Ordered are 210 × 297 mm, 216 × 303 mm with bleed. Pages: 5.",
        )
        self.assertEqual(finding.get_cause("book"), "CancelBookSize")
        ranges = tuple((number, number + 1) for number in range(1, 60, 4))
        text = " ".join(finding._replace(ranges=ranges).get_sentences())
        self.assertTrue(text.endswith("33–34, 37–38, …"), "800 pages do not make 800 words")


@tagged("post_install", "-at_install", "cloudprinter")
class TestProcess(BaseCase):
    """A hostile file costs no more than a little time."""

    def read(self, content, **options):  # pylint: disable=method-required-super
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.flush()
            file.seek(0)
            return read_file(file, **options)

    def test_hostile_files(self):
        for name, content in print_files.make_hostile().items():
            with self.subTest(name):
                facts = self.read(content)
                self.assertTrue(facts.problem or facts.limit or facts.page_count)

    def test_time(self):
        """What was read before the time was up is kept; the rest was not checked, and is not called damaged."""
        facts = self.read(print_files.make_pdf(), seconds=0.01)
        self.assertEqual((facts.problem, facts.limit), ("", "time"))
        self.assertEqual(get_codes(check(facts, BOOK)), set())

    def test_process_that_says_too_much_or_nonsense(self):
        for output, code, limit in (
            (b"", 0, "stopped"),
            (b"not JSON\n", 1, "stopped"),
            (b'{"runs": "nonsense"}\n', 0, "stopped"),
            (b'{"runs": [[1, 2]]}\n', 0, "stopped"),
            (b"[" * 100_000, 0, "stopped"),
            (b"[1]\n", 0, "stopped"),
            (b'{"missing": 2}\n{"colors', -24, "time"),
            (b'{"problem": "damaged"}\n', 0, ""),
            (b'{"problem": "other"}\n', 0, "stopped"),
            # these could not be stored
            (b'{"missing": Infinity}\n', 0, "stopped"),
            (b'{"intent": "\\u0000", "is_complete": true}\n', 0, "stopped"),
            (b'{"intent": "\\ud800", "is_complete": true}\n', 0, "stopped"),
        ):
            with self.subTest(output=output[:20]):
                facts = Facts.load(child._collect(output, code))
                self.assertEqual(facts.limit, limit)

    def test_only_what_is_known_is_kept(self):
        self.assertEqual(child._collect(b'{"is_complete": true, "missing": 1, "other": NaN}\n', 0), {"missing": 1})

    @thoroughly
    @given(st.dictionaries(st.sampled_from(FACTS), st.sampled_from(NONSENSE)))
    def test_nothing_is_believed(self, data):
        try:
            facts = Facts.load(data)
        except ValueError:
            return
        json.dumps({name: [[*finding] for finding in found] for name, found in check(facts, BOOK).items()})


@tagged("post_install", "-at_install", "cloudprinter")
class TestGeometry(BaseCase):
    @thoroughly
    @given(
        lengths, lengths, st.floats(0, 10), st.floats(-0.99, 0.99), st.sampled_from((0, 90, 180, 270)), st.booleans()
    )
    def test_right_pages_are_right(self, width, height, bleed, off, rotation, has_trim):
        page = make_page(
            width + 2 * bleed + off, height + 2 * bleed - off, (width, height) if has_trim else None, bleed, rotation
        )
        self.assertEqual(judge(page, width=width, height=height, bleed=bleed), set())

    @thoroughly
    @given(lengths, lengths, st.floats(1, 10), st.floats(1.1, 500), st.booleans())
    def test_wrong_pages_are_wrong(self, width, height, bleed, off, is_wider):
        """A page that differs by more than the tolerance never passes, whatever it is taken for."""
        wide, high = width + 2 * bleed + off * is_wider, height + 2 * bleed + off * (not is_wider)
        self.assertTrue(judge(make_page(wide, high), width=width, height=height, bleed=bleed))

    @thoroughly
    @given(lengths, lengths, st.floats(1, 10), st.floats(0, 1))
    def test_missing_bleed(self, width, height, bleed, part):
        room = bleed * part
        page = make_page(width + 2 * room, height + 2 * room, (width, height), room)
        is_near = 2 * (bleed - room) <= 1 + 1e-6
        expected = set() if is_near or room >= bleed - 0.2 else {"no_bleed"}
        self.assertEqual(judge(page, width=width, height=height, bleed=bleed) - {"marks"}, expected)

    def test_spine(self):
        """The check values of Cloudprinter's formula."""
        for pages, width in ((24, 2.404), (32, 2.872), (50, 3.925)):
            self.assertAlmostEqual(get_spine(130, "mcs", pages, 0.5), width, delta=0.0005001)
            self.assertAlmostEqual(dataclasses.replace(BOOK, option_pages=pages).spine, width, delta=0.0005001)
        self.assertEqual(get_spine(130, "mcs", 23, 0.5), get_spine(130, "mcs", 24, 0.5), "a sheet has two sides")
        for unknown in ({"paper": ""}, {"paper": "pageblock_130xyz"}, {"binding": ""}, {"pages": 0, "option_pages": 0}):
            self.assertIsNone(dataclasses.replace(BOOK, **unknown).spine)
        self.assertEqual(dataclasses.replace(BOOK, binding="saddle").spine, 0)

    @thoroughly
    @given(st.floats(-30, 30))
    def test_cover(self, off):
        spine = dataclasses.replace(BOOK, part="cover").spine
        found = judge(make_page(420 + spine + 6 + off, 303, count=1), part="cover")
        # from 6 mm on, it may be one without bleed
        expected = set() if abs(off) <= 1 else {"spine_near"} if abs(off) <= 2 else {"spine_differs"}
        if abs(off) > 15:
            expected = {"cover_differs"}
        self.assertEqual(found, expected, off)

    def test_some_spreads(self):
        """If all pages but the first and last are spreads, that is the only finding."""
        single, spread = make_page(216, 303, count=1), make_page(426, 303, count=11)
        facts = Facts(pages=(single, spread._replace(first=2), single._replace(first=13)), fonts=(), contents_until=13)
        self.assertEqual(get_codes(check(facts, BOOK)), {"spreads"})
        [finding] = check(facts, BOOK)["size"]
        self.assertEqual(finding.ranges, ((2, 12),))

    def test_what_is_unknown_is_not_checked(self):
        facts = Facts(pages=(make_page(100, 50),), fonts=None)
        found = check(facts, Expected())
        self.assertEqual(get_codes(found), set())
        self.assertEqual(
            {finding.code for finding in found["pages"] + found["size"]}, {"pages_unknown", "size_unknown"}
        )
        limited = dataclasses.replace(facts, limit="pages")
        self.assertEqual(list(check(limited, BOOK)), ["file"], "the pages that were read are not all")


@tagged("post_install", "-at_install", "cloudprinter")
class TestExpected(BaseCase):
    def test_order(self):
        paper = Option(type="type_book_paper", reference="pageblock_130mcs", count="44")
        finish = Option(type="type_book_cover_finish", reference="cover_finish_gloss", count="1")
        expected = add_order(Expected(), 44, (finish, paper))
        self.assertEqual((expected.pages, expected.option_pages, expected.paper), (44, 44, "pageblock_130mcs"))
        poster = Option(type="type_poster_paper", reference="paper_170mcg", count="1")
        self.assertIsNone(add_order(Expected(), 2, (poster,)).option_pages, "these are sheets")

    def test_parts(self):
        for name, part in {
            "cover": "cover",
            "book": "book",
            "product": "",
            "Bookcover": "cover",
            "": "",
            None: "",
        }.items():
            self.assertEqual(get_part(name), part)

    def test_product_information(self):
        specs = {
            "Binding method / technology": "CW - Casewrap",
            "Bleed in mm": "3",
            "Cover overlap in mm": "3",
            "Cover squeeze in mm": "5",
            "Cover wrap in mm": "18",
            "Number of printable sides": "2",
            "The exact height of the book in mm. after trimming": "148",
            "The exact width of the book in mm. after trimming": "105.5 mm",
            "The page safety margin in mm": "10",
            "Width in inch": "4",
        }
        text = json.dumps({"specs": [{"note": note, "value": value} for note, value in specs.items()]})
        self.assertEqual(
            read_info(text),
            {
                "binding": "case",
                "bleed": 3,
                "cover_kind": "spread",
                "height": 148,
                "overlap": 3,
                "squeeze": 5,
                "width": 105.5,
                "wrap": 18,
            },
        )

    @thoroughly
    @given(st.text() | st.dictionaries(st.just("specs"), st.sampled_from(NONSENSE)).map(json.dumps))
    def test_whatever_is_pasted(self, text):
        with contextlib.suppress(InfoError):
            read_info(text)

    def test_tables(self):
        """Each finding can be said, and proposes causes that Cloudprinter knows."""
        for code, kind in KINDS.items():
            self.assertIn(kind.severity, kinds.SEVERITIES, code)
            self.assertIn(kind.cause, ("", *CAUSES), code)
            self.assertEqual(bool(kind.cause), kind.severity in ("warning", "error"), code)
        for causes in CAUSES.values():
            self.assertEqual(set(causes), {"book", "cover", ""})
            self.assertLessEqual(set(causes.values()), set(CANCEL_CAUSES))
        self.assertLessEqual({"file", "pages", "size", "cover", "fonts"}, set(CHECKS))
