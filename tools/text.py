"""English texts that can be translated later."""


class Text(str):
    """An English text that keeps its source and values.

    Import it as `_`, so that Odoo's export of terms finds the source.

    :ivar source: with placeholders such as `%(limit)s`
    :ivar values: dict of values for the placeholders
    """

    def __new__(cls, source, **values):
        text = super().__new__(cls, source % values if values else source)
        text.source, text.values = source, values
        return text

    def fill_in(self, **values):
        """Return the same text with other values for its placeholders."""
        return type(self)(self.source, **values)


class TextError(ValueError):
    """An error that is shown to users.

    :ivar place: where the error is, for example `tracking` or `order.items[1].count`; "" if obvious
    :ivar reason: what is wrong there, a `Text`
    """

    def __init__(self, place, reason):
        super().__init__(place, reason)
        self.place = place
        self.reason = reason

    def __str__(self):
        return f"{self.place}: {self.reason}" if self.place else self.reason


def translate(env, words):
    """Return a `Text` or a `TextError` in the language of `env`; any other text is returned as is.

    :rtype: str
    """
    if isinstance(words, TextError):
        return str(TextError(words.place, translate(env, words.reason)))
    if isinstance(words, Text):
        # the source is a literal where the text is created
        values = {name: translate(env, value) for name, value in words.values.items()}
        return env._(words.source, **values)  # pylint: disable=gettext-variable
    return words


def to_json(text):
    """Return what is stored of a text, so that each user reads it in their language: str, or [source, values]."""
    if isinstance(text, Text):
        return [text.source, {name: to_json(value) for name, value in text.values.items()}]
    return str(text)


def from_json(stored):
    """Return the text of which `to_json` stored this."""
    if isinstance(stored, str):
        return stored
    source, values = stored
    return Text(source, **{name: from_json(value) for name, value in values.items()})
