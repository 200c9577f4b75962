"""Check the format of XML files: `python -m dev.xml_format FILE…` prints problems as `file:line: text`.

Prettier does more, but needs Node, which may be missing, and would rewrite every file.
"""

import sys
from pathlib import Path

from lxml import etree

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
INDENT = " " * 4
# attributes that Odoo's guidelines put first
FIRST = {"record": ["id", "model"], "field": ["name"], "template": ["id"], "menuitem": ["id"]}


def check(path):
    """Yield (line, what is wrong)."""
    text = path.read_text(encoding="utf-8")
    try:
        root = etree.fromstring(text.encode())
    except etree.XMLSyntaxError as error:
        yield error.lineno or 1, error.msg
        return
    if not text.startswith(DECLARATION):
        yield 1, f"does not begin with {DECLARATION.strip()}"
    lines = text.split("\n")
    if lines[-1] or not lines[-2]:
        yield len(lines), "does not end with one line break"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip() or "\t" in line:
            yield number, "blanks at the end, or a tab"
    for element in root.iter(etree.Element):
        yield from _check_place(element)
        first = [name for name in FIRST.get(element.tag, ()) if name in element.attrib]
        if element.attrib.keys()[: len(first)] != first:
            yield element.sourceline, f"<{element.tag}>: first {', then '.join(first)}"


def _check_place(element):
    """Check that elements on lines of their own, not within text, are indented four spaces more than their parent."""
    children = list(element)
    depth = 1 + sum(1 for _parent in element.iterancestors())
    for child, before in zip(children, [element.text, *(child.tail for child in children)]):
        if _is_misplaced(before, depth):
            yield child.sourceline, f"not indented by {len(INDENT) * depth} spaces"
    if children and _is_misplaced(children[-1].tail, depth - 1):
        yield element.sourceline, f"the end of <{element.tag}> is not indented as its beginning is"


def _is_misplaced(before, depth):
    return before and "\n" in before and not before.strip() and before.rpartition("\n")[2] != INDENT * depth


def main(names):
    problems = [f"{name}:{line}: {text}" for name in names for line, text in check(Path(name))]
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
