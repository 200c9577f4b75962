"""English texts that somebody else can say in another language."""


class Text(str):
    """An English text that remembers what it was made of.

    Used under the name `_`, by which Odoo's export of terms finds the source.

    :ivar source: with places such as `%(limit)s`
    :ivar values: what is put there, a dict
    """

    def __new__(cls, source, **values):
        text = super().__new__(cls, source % values if values else source)
        text.source, text.values = source, values
        return text

    def fill_in(self, **values):
        """The same text with other values in its places."""
        return type(self)(self.source, **values)
