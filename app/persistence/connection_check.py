"""Checks a pooled connection to PostgreSQL before its use, so that a dead one is not waited for.

A firewall that forgot the connection, or a machine that lost its power, sends no end of it: a query would
wait for its time-out of many seconds, and revocations would not be read meanwhile. The pool's own check has
no time-out of its own and takes three round trips; this one takes one.
"""

import time
from typing import Any, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

SHORTEST_SECONDS: Final = 0.3  # with the poll of revocations (0.5 s) and a new connection below a second
LONGEST_SECONDS: Final = 5.0
GROWTH: Final = 3
_CONNECTED_AT: Final = "gateway_connected_at"
_IS_NEW: Final = "gateway_is_new"


class ConnectionCheck:
    """Installed on an engine once. Runs where the pool does.

    After a connection that did not respond, all that are as old are replaced. The time that a response may
    take grows with each of them, since the database may only be slow, and shrinks again with quick ones.
    """

    def __init__(self, engine: Engine) -> None:
        self.seconds = SHORTEST_SECONDS
        self._distrusted_at = float("-inf")  # monotonic; older connections are not worth a farewell
        event.listen(engine, "connect", self._on_connect)
        event.listen(engine, "checkout", self._on_checkout)
        event.listen(engine, "close", self._on_close)

    def _on_connect(self, connection: Any, entry: ConnectionPoolEntry) -> None:  # Any: SQLAlchemy's adapter
        entry.info[_CONNECTED_AT] = time.monotonic()
        entry.info[_IS_NEW] = True

    def _on_checkout(self, connection: Any, entry: ConnectionPoolEntry, proxy: object) -> None:
        """Raises `InvalidatePoolError`, after which the pool connects anew."""
        if entry.info.pop(_IS_NEW, False):
            return
        if not connection.run_async(self._responds):
            connection.driver_connection.terminate()
            self._distrusted_at = time.monotonic()
            raise InvalidatePoolError

    def _on_close(self, connection: Any, entry: ConnectionPoolEntry) -> None:
        if entry.info.get(_CONNECTED_AT, 0.0) <= self._distrusted_at:
            connection.driver_connection.terminate()  # a polite end would wait two seconds for the server

    async def _responds(self, connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
        began = time.monotonic()
        try:
            await connection.execute("SELECT 1", timeout=self.seconds)
        except (
            OSError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
        ) as error:  # a TimeoutError is an OSError
            if isinstance(error, TimeoutError):
                self.seconds = min(GROWTH * self.seconds, LONGEST_SECONDS)
            return False
        if time.monotonic() - began < self.seconds / (GROWTH * GROWTH):
            self.seconds = max(self.seconds / GROWTH, SHORTEST_SECONDS)
        return True
