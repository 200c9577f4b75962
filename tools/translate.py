"""What the parts without Odoo say, for people."""

from ..cloudsignal import SignalError, Text
from ..order_document import DocumentError


def translate(env, words):
    """The words of `cloudsignal`, `order_document` or `download` in the language of `env`.

    :param words: a `Text` or one of their errors; any other text, such as what Cloudprinter has answered, stays
    :rtype: str
    """
    if isinstance(words, (SignalError, DocumentError)):
        place, reason = words.args
        reason = translate(env, reason)
        return f"{place}: {reason}" if place else reason
    if isinstance(words, Text):
        # the texts are where they are made
        return env._(words.source, **words.values)  # pylint: disable=gettext-variable
    return words
