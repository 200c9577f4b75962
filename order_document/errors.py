"""What is wrong with a document. The texts never hold anything that a document says."""

from ..tools.text import TextError


class DocumentError(TextError):
    """A document that cannot be read.

    `place` is the path, for example `order.items[1].count`; "" for the document as a whole. Names that are not known
    are shown as `*`: they could be anything.
    """


class UnknownFormat(DocumentError):
    """Neither JSON nor XML."""


class TooLarge(DocumentError):
    """More bytes than are read at all."""
