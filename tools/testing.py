"""For the tests of other add-ons: which signals does a piece of code put into the outbox?

Also those that wait for something that a person must add, such as a tracking code (`state` tells).

    with trap_signals(self.env) as trap:
        production.button_mark_done()
    trap.assert_signals([("ItemProduce", "123456780001"), ("ItemProduced", "123456780001")])

Nothing is sent: that is done by the scheduled action, which no test runs by itself.
"""

from contextlib import contextmanager


@contextmanager
def trap_signals(env):
    """Yield a :class:`SignalTrap` that holds what is queued while the block runs; it is filled when the block ends."""
    env.cr.flush()
    signals = env["cloudprinter.signal"].sudo()
    last = signals.search([], order="id desc", limit=1)
    trap = SignalTrap(signals)
    yield trap
    # the signals of a transaction are made when it is flushed
    env.cr.flush()
    trap.signals = signals.search([("id", ">", last.id or 0), ("state", "!=", "canceled")], order="id")


class SignalTrap:
    """What was queued, as a recordset of `cloudprinter.signal`, oldest first."""

    def __init__(self, signals):
        self.signals = signals

    def assert_signals(self, expected):
        """Check what was put into the outbox, in this order.

        :param list expected: of (signal type, item id as Cloudprinter gave it)
        :raises AssertionError: it is something else
        """
        found = [(signal.type, signal.item_id.name) for signal in self.signals]
        assert found == expected, f"expected the signals {expected}, but queued are {found}"

    def assert_signal(self, signal_type, **values):
        """Check that exactly one signal of this type was put into the outbox, and what is in it.

        :param str signal_type: for example "ItemShipped"
        :param values: fields of `cloudprinter.signal` and what they must be, for example `tracking="1A2B3C"`
        :returns: the signal
        :raises AssertionError: there is none, there are several, or it says something else
        """
        found = self.signals.filtered(lambda signal: signal.type == signal_type)
        assert len(found) == 1, f"expected one {signal_type}, but queued are {self.signals.mapped('type')}"
        for name, value in values.items():
            assert found[name] == value, f"{signal_type}: {name} is {found[name]!r}, not {value!r}"
        return found
