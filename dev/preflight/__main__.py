"""Read print files and compare with other readers; fail if one crashes or hangs the reader, or is judged wrongly."""

import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from .. import environment
from ..environment import say
from ..without_odoo import load
from . import print_files
from .corpus import get_files
from .large import measure
from .oracles import ask

preflight = load("preflight")
AT_ONCE = 2
# real and hostile files: those that agree
LEAST_AGREEMENT = 0.97


def read(path):
    with open(path, "rb") as file:
        return preflight.read_file(file)


def judge_generated():
    """Return how the generated files were misjudged, one line each."""
    problems = []
    for name, (content, expected, *codes) in {**print_files.make_right(), **print_files.make_wrong()}.items():
        with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
            file.write(content)
            file.flush()
            facts = read(file.name)
            said = ask(file.name)
        found = preflight.check(facts, preflight.Expected(**expected))
        alarms = {f.code for each in found.values() for f in each if f.severity in ("warning", "error")}
        if alarms != (codes[0] if codes else set()):
            problems.append(f"{name}: {', '.join(alarms) or 'no finding'}")
        if name not in DIFFERENT:
            problems += [f"{name}: {text}" for _kind, text in compare(facts, said)]
    return problems


# files for which other readers guess what is not there
DIFFERENT = {
    "half of it",
    "no table of objects",
    "more pages promised",
    "more pages promised than can be",
    "a page larger than a country",
    "a page that is not there",
    "a page without a size",
    "a font of a graphics state",
    "only the first line",
    "noise",
}


def compare(facts, said):
    """Yield the differences between what was read and what the oracles say: their kind, and a text."""
    if said.pages != (facts.page_count or None):
        yield "pages", f"pages {facts.page_count or facts.problem}, poppler {said.pages}"
    elif facts.pages:
        yield from compare_boxes(facts, said)
    if facts.fonts is not None and said.has_missing_fonts not in (None, bool(facts.fonts)):
        yield "fonts", f"fonts not embedded {bool(facts.fonts)}, pdffonts {said.has_missing_fonts}"
    is_sound = not (facts.problem or facts.missing or facts.no_box or facts.is_rebuilt or facts.broken)
    if is_sound and said.qpdf == 2:
        yield "structure", "sound, qpdf finds errors"


def compare_boxes(facts, said):
    for run in facts.pages:
        media = said.boxes.get((run.first, "MediaBox"))
        if not media or not run.width:
            continue
        # poppler knows no user unit, so only the shape is compared
        width, height = (run.height, run.width) if run.rotation in (90, 270) else (run.width, run.height)
        if abs(width * media[1] - height * media[0]) > 0.02 * (media[0] + media[1]) * (1 + width / media[0]):
            yield "boxes", f"page {run.first} is {width} × {height} mm, poppler {media[0]} × {media[1]} pt"
            return
        trim = said.boxes.get((run.first, "TrimBox"))
        if run.trim_width is None or not trim:
            continue
        wide, high = (
            (run.trim_height, run.trim_width) if run.rotation in (90, 270) else (run.trim_width, run.trim_height)
        )
        if abs(wide / width - trim[0] / media[0]) > 0.001 or abs(high / height - trim[1] / media[1]) > 0.001:
            yield "boxes", f"trim box of page {run.first} is {wide} × {high} mm, poppler {trim[0]} × {trim[1]} pt"
            return


def read_real():
    """Read the files of other projects; return the problems, one line each."""
    files = get_files()
    say(f"{len(files)} files of other projects")

    def examine(path):
        start = time.monotonic()
        facts = read(path)
        return path, facts, time.monotonic() - start, ask(path)

    problems, agreed, limits, slowest = [], Counter(), Counter(), (0, "")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for path, facts, seconds, said in pool.map(examine, files):
            slowest = max(slowest, (seconds, path.name))
            limits[facts.limit] += 1
            if facts.limit == "stopped" or seconds > preflight.SECONDS + 5:
                problems.append(f"{path.name}: {facts.limit or 'hangs'}")
            differences = dict(compare(facts, said))
            for kind in ("pages", "boxes", "fonts", "structure"):
                agreed[kind] += kind not in differences
            for text in differences.values():
                say(f"  {path.name}: {text}")
    for kind, count in agreed.items():
        say(f"{kind}: {count} of {len(files)} agree")
        if count < LEAST_AGREEMENT * len(files):
            problems.append(f"{kind}: only {count} of {len(files)} agree")
    say(f"limits reached: {dict(limits)}; slowest: {slowest[1]}, {slowest[0]:.1f} s")
    return problems


def main():
    environment.ensure_programs()
    problems = judge_generated()
    say(f"generated files: {len(problems)} problems")
    problems += measure(preflight)
    problems += read_real()
    for problem in problems:
        say(f"PROBLEM {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
