"""Helpers for tests of other add-ons: check which signals a piece of code queues.

This includes signals that wait for user input, such as a tracking code (see `state`).

    with trap_signals(self.env) as trap:
        production.button_mark_done()
    trap.assert_signals([("ItemProduce", "123456780001"), ("ItemProduced", "123456780001")])

Nothing is sent: the scheduled action does that, and does not run automatically in tests.
"""

from contextlib import contextmanager


@contextmanager
def trap_signals(env):
    """Yield a :class:`SignalTrap` that is filled, when the block ends, with what was queued in it."""
    env.cr.flush()
    signals = env["cloudprinter.signal"].sudo()
    last = signals.search([], order="id desc", limit=1)
    trap = SignalTrap(signals)
    yield trap
    # the signals of a transaction are created when it is flushed
    env.cr.flush()
    trap.signals = signals.search([("id", ">", last.id or 0), ("state", "!=", "canceled")], order="id")


class SignalTrap:
    """The queued signals, as a recordset of `cloudprinter.signal`, oldest first."""

    def __init__(self, signals):
        self.signals = signals

    def assert_signals(self, expected):
        """Assert that exactly these signals were queued, in this order.

        :param list expected: of (signal type, item id as Cloudprinter gave it)
        :raises AssertionError: if other signals were queued
        """
        found = [(signal.type, signal.item_id.name) for signal in self.signals]
        assert found == expected, f"expected the signals {expected}, but queued are {found}"

    def assert_signal(self, signal_type, **values):
        """Assert that exactly one signal of this type was queued, with these values.

        :param str signal_type: for example "ItemShipped"
        :param values: expected values of fields of `cloudprinter.signal`, for example `tracking="1A2B3C"`
        :returns: the signal
        :raises AssertionError: if there is none or several, or a value differs
        """
        found = self.signals.filtered(lambda signal: signal.type == signal_type)
        assert len(found) == 1, f"expected one {signal_type}, but queued are {self.signals.mapped('type')}"
        for name, value in values.items():
            assert found[name] == value, f"{signal_type}: {name} is {found[name]!r}, not {value!r}"
        return found
