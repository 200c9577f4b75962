"""README and docs say what the product is: its menus, buttons, settings, files, names and limits."""

import re
from functools import partial
from pathlib import Path

import polib
from lxml import etree

from odoo.modules import Manifest
from odoo.tests import TransactionCase, tagged

from ..cloudsignal import CANCEL_CAUSES, SIGNAL_TYPES
from ..delivery import schedule
from ..delivery.bundle import SLOTS
from ..delivery.circuit import KEY_ORDERS, REFUSED_CAREFUL, REFUSED_ORDERS, WITNESSES
from ..delivery.verdict import FIRST_WAIT, KEY_WAIT, LAST_WAIT
from ..models.cloudprinter_closing import KINDS
from ..models.cloudprinter_item_attention import ATTENTION
from ..models.cloudprinter_order_billing import UNREPORTED_AFTER
from ..models.cloudprinter_order_document import ANSWER_WITHIN
from ..models.cloudprinter_order_file import SIZE_LIMIT
from ..models.cloudprinter_overview import ON_TIME_DAYS
from ..models.cloudprinter_sender import BUDGET
from ..models.res_company_status import LATE_AFTER, LONG_OUTAGE, SEVERITIES
from ..order_document import ITEMS_AT_MOST, SIZE_AT_MOST
from ..preflight.child import SECONDS
from ..preflight.reader import LIMITS, MEGABYTE
from ..statement.categories import CATEGORIES, ROUNDING

ROOT = Path(__file__).resolve().parent.parent
PAGES = {path.name: path.read_text() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))}
# a page of versions names what is gone
CURRENT = {name: text for name, text in PAGES.items() if name != "CHANGELOG.md"}

# Modules whose words the pages use, and words of other programs.
ODOO = ("account", "base", "mail", "mrp", "sale", "stock", "web")
FOREIGN = {"Download ZIP", "HTTP agent", "JSONPath"}
# paths that do not begin with a menu
NO_MENUS = ("Settings", "Print", "My Preferences")


def _get_plain(text):
    """Return the text without blocks of code and without bold, so that `*` is always a word of a screen."""
    text = re.sub(r"^```.*?^```|^    .*?$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\*\*+", "", text)


def _get_screen_words(text):
    """Return the words of screens that a page names, each as a list: the parts of a path."""
    plain = re.sub(r"`[^`]*`", "", _get_plain(text))
    found = re.findall(r"(?<![\w*])\*(?=\S)([^*]+)(?<=\S)\*(?![\w*])", plain)
    return [[" ".join(part.split()) for part in words.split("▸")] for words in found]


def _get_table(page, heading):
    """Return the cells of the table below this first line of it."""
    rows = PAGES[page].split(f"{heading}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def _get_names(text):
    return set(re.findall(r"`([^`]+)`", text))


@tagged("post_install", "-at_install", "cloudprinter")
class TestPages(TransactionCase):
    def test_words_of_screens(self):
        words = {*FOREIGN, *self.env["res.groups"].search([]).mapped("full_name")}
        for module in ("cloudprinter", *ODOO):
            path = Path(Manifest.for_addon(module).path) / "i18n" / f"{module}.pot"
            words |= {entry.msgid for entry in polib.pofile(path)}
        for name, text in CURRENT.items():
            said = {part for parts in _get_screen_words(text) for part in parts}
            self.assertEqual(said - words, set(), name)

    def test_paths_of_menus(self):
        menus = {f"/{menu.complete_name}" for menu in self.env["ir.ui.menu"].with_context(active_test=False).search([])}
        names = {menu.rsplit("/", 1)[1] for menu in menus}
        for name, text in CURRENT.items():
            for parts in _get_screen_words(text):
                # a last part that no menu has is a button of the screen
                path = "".join(f"/{part}" for part in (parts if parts[-1] in names else parts[:-1]))
                if len(parts) > 1 and parts[0] not in NO_MENUS:
                    self.assertTrue(any(menu.endswith(path) for menu in menus), f"{name}: {' ▸ '.join(parts)}")

    def test_names_of_the_code(self):
        """What has the form of a file or a name in the page for developers is one."""
        folders = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
        files = {str(path.relative_to(ROOT)) for folder in folders for path in folder.rglob("*") if path.is_file()}
        code = "".join(
            (ROOT / name).read_text() for name in files if name.endswith((".py", ".xml", ".json", ".csv", ".js"))
        )
        known = set(re.findall(r"\w+", code)) | {name.rsplit("/", 1)[-1] for name in files}
        known |= {folder for name in files for folder in re.findall(r"(?:\w+/)+", name)} | files
        named = [name.split("(")[0] for name in _get_names(_get_plain(PAGES["architecture.md"]))]
        like_code = re.compile(r"(?:\w+/)+(?:[\w.]+\.\w+)?|\w{2,}|\w+\.(?:py|xml|json|csv)")
        self.assertEqual([name for name in named if like_code.fullmatch(name) and name not in known], [])

    def test_targets_of_make(self):
        targets = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())
        for name, text in CURRENT.items():
            said = set(re.findall(r"(?:`|^    )make ([a-z][a-z-]*)", text, re.MULTILINE))
            self.assertEqual(said - targets, set(), name)
        commands = CURRENT["CONTRIBUTING.md"].split("## Commands")[1].split("## ")[0]
        self.assertEqual({target for target in targets if target not in commands}, {"help", "setup"})

    def test_settings(self):
        view = etree.fromstring(self.env.ref("cloudprinter.res_config_settings_view_form").arch)
        shown = {
            node.get("string") or self.env["res.config.settings"]._fields[node.find("field").get("name")].string
            for node in view.iter("setting")
        }
        self.assertEqual(
            {cells[0] for cells in _get_table("install.md", "| setting | meaning |")}
            | {cells[0] for cells in _get_table("install.md", "| to receive orders | meaning |")},
            shown | {"Compare with what was ordered"},
        )

    def test_what_the_installation_adds(self):
        said = {name for cells in _get_table("install.md", "| adds | |") for name in _get_names(cells[1])}
        models = {
            name
            for name, model in self.env.items()
            if name.startswith("cloudprinter.") and not model._transient and not model._abstract
        }
        self.env.cr.execute(
            """SELECT replace(table_name, '_', '.') FROM information_schema.columns
                WHERE column_name LIKE 'cloudprinter%' AND table_name NOT LIKE 'cloudprinter%'
                  AND table_schema = current_schema"""
        )
        changed = {name for [name] in self.env.cr.fetchall() if name in self.env and not self.env[name]._transient}
        self.assertEqual(said, models | changed)

    def test_indexes_on_tables_of_odoo(self):
        self.env.cr.execute(
            """SELECT count(*) FROM pg_indexes
                WHERE indexname LIKE '%cloudprinter%' AND tablename NOT LIKE '%cloudprinter%'
                  AND schemaname = current_schema"""
        )
        [[count]] = self.env.cr.fetchall()
        self.assertIn(f"{count} of them on Odoo's tables", PAGES["install.md"])

    def test_tables(self):
        """Each table of a page has the lines of the table in the code."""
        first = partial(map, lambda cells: cells[0])
        self.assertEqual(
            {*_get_names("".join(first(_get_table("README.md", "| signal | sent when |"))))},
            {*SIGNAL_TYPES} - {"ItemError"},
        )
        codes = {
            name: int(cells[0])
            for cells in _get_table("operations.md", "| severity | code, the first that applies |")
            for name in _get_names(cells[1])
        }
        self.assertEqual(codes, SEVERITIES)
        results = " · ".join(first(_get_table("accountants.md", "| result | means |"))).split(" · ")
        self.assertEqual(results, [category.label for category in CATEGORIES])
        steps = [self.env._(each.step) for each in ATTENTION.values()]  # pylint: disable=gettext-variable
        self.assertEqual(
            [tuple(cells) for cells in _get_table("use.md", "| needs attention | next step |")],
            [(f"*{each.label}*", f"*{step}*") for each, step in zip(ATTENTION.values(), steps)],
        )
        month = " ".join(PAGES["accountants.md"].split("## The month's end")[1].split())
        self.assertEqual([label for _kind, label in KINDS if f"*{label}*" not in month], [])
        cases = self.env["cloudprinter.certification"].create({"company_id": self.env.company.id})._find_cases()
        self.assertEqual(
            [*first(_get_table("stand-in.md", "| case | passed when |"))], [name for name, _needs, _found in cases]
        )

    def test_links(self):
        for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
            for link, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", PAGES[page.name]):
                target = (page.parent / link).resolve() if link else page
                self.assertTrue(target.is_file(), f"{page.name}: {link}")
                if anchor:
                    headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
                    self.assertIn(anchor, [re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings])

    def test_glossary(self):
        for number, language in enumerate(("de", "da"), start=1):
            used = {
                (entry.msgid, entry.msgstr)
                for entry in polib.pofile(ROOT / "i18n" / f"{language}.po")
                if not entry.obsolete
            }
            said = {(row[0], row[number]) for row in _get_table("translation.md", "| English | Deutsch | Dansk |")}
            self.assertEqual(said - used, set(), language)

    def test_readme_is_one_page(self):
        lines = PAGES["README.md"].splitlines()
        self.assertLessEqual(len(lines), 120)
        self.assertEqual([line for line in lines if len(line) > 120 and not line.startswith("|")], [])

    def test_figures(self):
        """What is said in figures is what the code has."""
        steps = [f"{s // 60} min" if s < 3600 else f"{s // 3600} h" for s in schedule.SCHEDULE]
        more = f"{schedule.JITTER * 100:.0f} % more"
        minutes = ANSWER_WITHIN.seconds // 60
        probes = f"{FIRST_WAIT // 60} to {LAST_WAIT // 60} minutes"
        cpu, memory = LIMITS["RLIMIT_CPU"], LIMITS["RLIMIT_DATA"] // MEGABYTE
        default = self.env["res.company"].default_get([*self.env["res.company"]._fields])
        said = {
            "operations.md": (
                f"after {', '.join(steps[:5])}, then every {steps[-1]} (up to {more})",
                f"After {len(steps)} failures, at least {sum(schedule.SCHEDULE[:-1]) // 86400} days",
                f"given up after {len(steps)} times",
                f"one signal is tried every {probes}",
                f"Up to {WITNESSES} other orders are tried at once",
                f"{REFUSED_ORDERS} orders in a row are refused",
                f"`refusals` ({REFUSED_ORDERS} orders)",
                f"Refused for {KEY_ORDERS} orders in a row",
                f"bundles in flight ({8 * SLOTS})",
                f"`signals_late` (due for {LATE_AFTER.seconds // 60} minutes)",
                f"`long_outage` ({LONG_OUTAGE.seconds // 3600} h)",
                f"no answer for {minutes} minutes",
                f"(at most {SIZE_AT_MOST >> 20} MB)",
            ),
            "architecture.md": (
                f"{', '.join(steps[:5])}, {len(steps) - 5} × {steps[-1]}, each up to {more}",
                f"Up to {WITNESSES} other orders",
                probes.replace(" minutes", ""),
                f"from {REFUSED_CAREFUL} refused orders in a row",
                f"probe in {KEY_WAIT.seconds // 60} min; order + 1 to `key`; {KEY_ORDERS} stop",
                f"`refused`; {REFUSED_ORDERS} stop",
            ),
            "install.md": (
                f"at most {memory} MB, {cpu} s of CPU and {SECONDS} s",
                f"busy for at most {BUDGET:.0f} s",
                f"waits for a user, {default['cloudprinter_short_tolerance']:.0f} |",
                f"becomes a to-do, {default['cloudprinter_tracking_hours']} |",
                f"are kept, {default['cloudprinter_retention_days']};",
                f"deleted {default['cloudprinter_file_days']} days after shipping",
                f"MB of one print file | {SIZE_LIMIT} |",
            ),
            "use.md": (
                f"wants an answer within {minutes} minutes",
                f"larger than {SIZE_AT_MOST >> 20} MB",
                f"has at most {ITEMS_AT_MOST:,} items",
                f"on time in the last {ON_TIME_DAYS} days",
            ),
            "accountants.md": (
                f"up to {ROUNDING} apart",
                f"more than {UNREPORTED_AFTER.seconds // 3600} hours ago",
            ),
            "stand-in.md": (f"one of the {len(CANCEL_CAUSES)} causes",),
        }
        for name, sentences in said.items():
            text = " ".join(PAGES[name].split())
            self.assertEqual([sentence for sentence in sentences if sentence not in text], [], name)
