"""Find differences between two dataclasses."""

from dataclasses import asdict


def find_changes(old, new):
    """Return the leaf values in which two dataclasses differ.

    :returns: list of (path, old, new), with values as texts, "" if there is none; items are matched by their ids
    """
    before, after = dict(_leaves(asdict(old))), dict(_leaves(asdict(new)))
    return [
        (path, before.get(path, ""), after.get(path, ""))
        for path in [*before, *(path for path in after if path not in before)]
        if before.get(path, "") != after.get(path, "")
    ]


def _leaves(value, path=""):
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _leaves(child, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for number, child in enumerate(value):
            name = child.get("id") if isinstance(child, dict) else None
            yield from _leaves(child, f"{path}[{name or number}]")
    else:
        yield path, "" if value is None else str(value)
