"""What is wrong with a document, in words for those who made it. They never hold anything that a document says."""


class DocumentError(ValueError):
    """A document that cannot be read.

    :ivar path: where, for example `order.items[1].count`; "" for the document as a whole. Names that are not known
        are shown as `*`, they could be anything.
    :ivar reason: what is wrong there
    """

    def __init__(self, path, reason):
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self):
        return f"{self.path}: {self.reason}" if self.path else self.reason


class UnknownFormat(DocumentError):
    """Neither JSON nor XML."""


class TooLarge(DocumentError):
    """More bytes than are read at all."""
