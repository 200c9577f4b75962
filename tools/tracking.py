"""Tracking codes as users type and paste them."""

import re

ADDRESS = re.compile(r"(?:https?://|www\.)\S*", re.IGNORECASE)
SEPARATOR = re.compile(r"[,;+&|\n\r\t]|\s/\s")
AROUND = " \u00a0'\"“”„‘’‚«»‹›()[]<>"


def get_first_code(text):
    """Return the first tracking code of a text, or "": the API takes one. Web addresses are not codes.

    Several codes are separated by `,`, `;`, `+`, `&`, `|`, a slash between spaces, a tab or a line break.
    """
    codes = (code.strip(AROUND) for code in SEPARATOR.split(ADDRESS.sub("\n", text or "")))
    return next(filter(None, codes), "")
