"""Keep keys, names and addresses out of the log when something fails: Odoo logs the values of a failed statement, and
the text of an exception may quote them.
"""

import sys
import traceback
from contextlib import contextmanager
from functools import partial

import psycopg2


@contextmanager
def discreet(cr):
    """Execute the statements of this cursor without logging those that fail. The exceptions are raised as always.

    What the ORM has not flushed at the end is executed later, and logged.
    """
    execute = cr.execute
    cr.execute = partial(execute, log_exceptions=False)
    try:
        yield
    finally:
        cr.execute = execute


def log_failure(logger, message, *args):
    """Log the exception that is being handled: where it happened and its type, but not its text.

    :param message: says what failed, with placeholders for `args`
    """
    error, lines = sys.exc_info()[1], []
    while error:
        lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
        if isinstance(error, psycopg2.Error):
            names = (error.pgcode, error.diag.table_name, error.diag.column_name, error.diag.constraint_name)
            lines += filter(None, names)
        lines += traceback.format_tb(error.__traceback__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    logger.error(f"{message}\n%s", *args, "\n".join(lines))
