"""`make translations`: write i18n/cloudprinter.pot from the code, and update i18n/*.po to match it.

The terms come from Odoo's export. Its dates and version numbers are removed, so that the file differs only
when a term does.
"""

import difflib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .environment import ADDONS, DEV, ROOT, SetupError, run, say

DATABASE = "translations"
FOLDER = ROOT / "i18n"
TEMPLATE = FOLDER / "cloudprinter.pot"
EXPORTED = DEV / "i18n" / "cloudprinter.pot"
# Odoo looks for texts in the whole folder of the add-on: it must contain only what users get.
SHIPPED = DEV / "i18n" / "addons"
NOT_SHIPPED = (".*", "dev", "tests", "__pycache__")
# How similar two source texts must be for the translation of one to be proposed for the other.
SIMILAR = 0.75
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z%]|\{\w*\}")
TAG = re.compile(r"<[^>]+>")
SHOWN_ATTRIBUTE = re.compile(r'\b(aria-label|title|alt|placeholder)="[^"]*"')
METADATA = {
    "Project-Id-Version": "cloudprinter",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
}


def run_translations(server, template):
    """Write the template of terms and update the translations; return the exit code."""
    server.postgres.create(DATABASE, template)
    # demo data are loaded only where the modules below have them; the add-on's need none of those
    server.postgres.query(DATABASE, "UPDATE ir_module_module SET demo = TRUE WHERE state = 'installed'")
    server.run(DATABASE, "--init=cloudprinter", "--with-demo", what="installing cloudprinter with demo data")
    _export(server, DATABASE)
    server.postgres.drop(DATABASE)
    return subprocess.run([server.python, "-m", "dev.translations", "update"], cwd=ROOT, check=False).returncode


def check(server, database):
    """Return what is wrong with the template of terms and with the translations.

    :param OdooServer server:
    :param str database: with the add-on and its demo data
    :returns: list of lines, each naming a file, a term and what is wrong with it; empty if all is well
    """
    _export(server, database)
    result = subprocess.run(
        [server.python, "-m", "dev.translations", "check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise SetupError(result.stderr)
    return result.stdout.splitlines()


def _export(server, database):
    """Have Odoo export the terms of the add-on, with those of its demo data, to EXPORTED."""
    shutil.rmtree(SHIPPED.parent, ignore_errors=True)
    shutil.copytree(ROOT, SHIPPED / "cloudprinter", ignore=shutil.ignore_patterns(*NOT_SHIPPED))
    # this command reads its options only from a file
    options = (option.removeprefix("--").split("=", 1) for option in server.bare_options)
    lines = [f"{name.replace('-', '_')} = {value.replace(str(ADDONS), str(SHIPPED))}" for name, value in options]
    config = EXPORTED.with_name("odoo.conf")
    config.write_text("\n".join(["[options]", *lines, ""]))
    run(
        [server.python, "-m", "odoo", "i18n", "export", "-c", config, "-d", database, "-o", EXPORTED, "cloudprinter"],
        "exporting the terms",
        log=DEV / "log" / "translations-export.log",
        env=server.environment,
    )


# === in the virtual environment, which has polib === #


def _read_template():
    import polib

    template = polib.pofile(str(EXPORTED))
    template.header = "Translation template of cloudprinter."
    template.metadata = dict(METADATA)
    return template


def _read_translations():
    import polib

    return [polib.pofile(str(path), wrapwidth=0) for path in sorted(FOLDER.glob("*.po"))]


def update():
    template = _read_template()
    FOLDER.mkdir(exist_ok=True)
    template.save(str(TEMPLATE))
    say(f"{TEMPLATE.relative_to(ROOT)}: {len(template)} terms")
    for translation in _read_translations():
        _merge(translation, template)
        translation.save()
        say(
            f"{Path(translation.fpath).relative_to(ROOT)}: {len(translation.translated_entries())} translated,"
            f" {len(translation.fuzzy_entries())} fuzzy, {len(translation.untranslated_entries())} missing"
        )


def _merge(translation, template):
    """Give a translation the terms of the template in its order; propose earlier texts as fuzzy."""
    known = {entry.msgid: entry for entry in translation if entry.msgstr and not entry.obsolete}
    dropped = known.keys() - {entry.msgid for entry in template}
    entries = []
    for entry in template:
        found = known.get(entry.msgid)
        if not found:
            for similar in difflib.get_close_matches(entry.msgid, sorted(dropped), 1, SIMILAR):
                found = known[similar]
                found.flags = ["fuzzy"]
                found.previous_msgid = similar
        new = type(entry)(
            msgid=entry.msgid, comment=entry.comment, occurrences=entry.occurrences, flags=list(entry.flags)
        )
        if found:
            new.msgstr, new.tcomment, new.previous_msgid = found.msgstr, found.tcomment, found.previous_msgid
            new.flags += [flag for flag in found.flags if flag not in new.flags]
        entries.append(new)
    translation[:] = entries
    translation.metadata = {**METADATA, "Language": Path(translation.fpath).stem, **translation.metadata}


def list_problems():
    import polib

    template = _read_template()
    terms = {entry.msgid: entry for entry in template}
    recorded = polib.pofile(str(TEMPLATE)) if TEMPLATE.exists() else []
    yield from _compare(TEMPLATE.name, terms, recorded)
    if recorded and str(recorded) != str(template) and {entry.msgid for entry in recorded} == terms.keys():
        yield f"{TEMPLATE.name}: out of date in where the terms are used; run `make translations`"
    for translation in _read_translations():
        name = Path(translation.fpath).name
        yield from _compare(name, terms, translation)
        for entry in translation:
            if entry.obsolete:
                yield f"{name}: obsolete: {entry.msgid!r}"
            elif entry.fuzzy:
                yield f"{name}: fuzzy: {entry.msgid!r}"
            elif not entry.msgstr:
                yield f"{name}: not translated: {entry.msgid!r}"
            elif _parts(entry.msgid) != _parts(entry.msgstr):
                yield f"{name}: placeholders or tags differ: {entry.msgid!r} and {entry.msgstr!r}"


def _compare(name, terms, entries):
    found = {entry.msgid for entry in entries if not entry.obsolete}
    for term in sorted(terms.keys() - found):
        yield f"{name}: term is missing: {term!r}; run `make translations`"
    for term in sorted(found - terms.keys()):
        yield f"{name}: term is no longer used: {term!r}; run `make translations`"


def _parts(text):
    """Return the parts that a translation must keep, in any order."""
    return sorted(PLACEHOLDER.findall(text)), sorted(TAG.findall(SHOWN_ATTRIBUTE.sub(r"\1", text)))


if __name__ == "__main__":
    if sys.argv[1] == "update":
        update()
    else:
        print(*list_problems(), sep="\n")
