"""Numbers for changes of accounts: a reader that has seen a number has seen every lower one.

A sequence is not enough: on PostgreSQL a transaction that drew a lower number may commit after one that drew
a higher number, and a reader that has seen the higher one would never look for the lower one. Here the
number comes from one row, whose lock is held until the transaction ends. So numbers are assigned in the
order of commits, and a reader needs neither clocks nor an overlap. Account changes are rare and short enough
to wait for each other.

Locks are taken in one order: a user's row, then the counter. See `app.persistence.refresh_tokens.lock_user`.
"""

from sqlalchemy import text
from sqlalchemy.engine.default import DefaultExecutionContext

_NEXT = text(
    "INSERT INTO account_change_counter (id, value) VALUES (1, 1) "
    "ON CONFLICT (id) DO UPDATE SET value = account_change_counter.value + 1 RETURNING value"
)


def next_change_number(context: DefaultExecutionContext) -> int:
    """A column default: the next number, taken in the transaction of the statement that needs it."""
    number: int = context.connection.execute(_NEXT).scalar_one()
    return number
