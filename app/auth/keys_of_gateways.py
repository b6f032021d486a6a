"""Notices gateways of the same database that sign with other keys: each refuses the tokens of the other.

Keys are files, which the operator gives to every gateway. Each says in the database with which one it signs,
and looks whether it has those of the others.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.signing_keys import SigningKeys
from app.errors import DatabaseUnavailable
from app.persistence.database import Database
from app.persistence.signing_keys import note_signing_key, signing_keys_in_use

CHECK_SECONDS: Final = 60.0

logger = logging.getLogger(__name__)


class KeysOfGateways:
    """Started and closed by `app/lifespan.py`; used on the event loop's thread."""

    def __init__(
        self,
        database: Database,
        keys: SigningKeys,
        directory: Path,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._keys = keys
        self._directory = directory
        self._sleep = sleep
        self._missing: list[str] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises `DatabaseUnavailable`."""
        await self._check()
        self._task = asyncio.create_task(self._repeat(), name="keys-of-gateways")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _repeat(self) -> None:
        while True:
            await self._sleep(CHECK_SECONDS)
            try:
                await self._check()
            except (DatabaseUnavailable, SQLAlchemyError):
                continue  # what uses the database more often has logged it

    async def _check(self) -> None:
        async with self._database.session() as db_session:
            await note_signing_key(db_session, self._keys.signer().key_id)
            missing = await missing_keys(db_session, self._keys)
        if missing != self._missing and missing:
            logger.error(sentence_of_missing(missing, self._directory))
        self._missing = missing


async def missing_keys(db_session: AsyncSession, keys: SigningKeys) -> list[str]:
    """The ids of keys that other gateways sign with and that are not among `keys`."""
    in_use = await signing_keys_in_use(db_session)
    return [key_id for key_id in in_use if keys.find_at_any_time(key_id) is None]


def sentence_of_missing(key_ids: Sequence[str], directory: Path) -> str:
    """For the operator."""
    return (
        f"Another gateway of this database signs tokens with {', '.join(key_ids)}, which is not in "
        f"{directory}: this gateway refuses its tokens. Give all gateways the same keys: share or copy one "
        "directory, and name it with GATEWAY_AUTH__KEYS_DIR."
    )
