"""Errors in a document. Their texts never contain anything from the document."""

from ..tools.text import TextError


class DocumentError(TextError):
    """The document cannot be read.

    `place` is the path, for example `order.items[1].count`; "" for the document as a whole. Unknown names
    are shown as `*`, since they could be anything.
    """


class UnknownFormat(DocumentError):
    """The document is neither JSON nor XML."""


class TooLarge(DocumentError):
    """The document has more bytes than allowed."""
