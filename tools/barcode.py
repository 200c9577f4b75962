"""Codes for papers, as pictures that need no drawing library: PNG would need one that few machines have."""

import base64

from reportlab.graphics.barcode import createBarcodeDrawing

# Odoo prints about three quarters of what is asked for, so the narrowest bar becomes 0.3 mm: 28 mm for twelve digits.
BAR = 0.4
WIDEST = 80


def draw_qr(text):
    """Return the QR code of a text as a data URI."""
    return _as_uri(createBarcodeDrawing("QR", value=text, barWidth=34, barHeight=34, barLevel="M"))


def draw_bars(text):
    """Return the Code 128 of a text, for old scanners: a data URI and its width in mm, or none if it does not fit."""
    if not text.isascii():
        return "", 0
    drawing = createBarcodeDrawing("Code128", value=text, barWidth=1, barHeight=25, quiet=True, humanReadable=False)
    width = drawing.width * BAR
    return (_as_uri(drawing), width) if width <= WIDEST else ("", 0)


def _as_uri(drawing):
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.asString("svg").encode()).decode()
