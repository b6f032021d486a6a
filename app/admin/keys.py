"""Rotates signing keys, with an entry in the audit log."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.admin.audit import audit
from app.auth.signing_keys import load_signing_keys
from app.settings import Settings


def has_keys(settings: Settings) -> bool:
    return any(settings.keys_dir.glob("[!.]*.json"))


async def rotate_keys(db_session: AsyncSession, actor: str, settings: Settings) -> str:
    """Returns the id of the new key. Creates the first key if there is none.

    Raises `InvalidSigningKeys`, and OSError when the directory cannot be written.
    """
    await db_session.connection()  # first: if the database is unavailable, the keys stay unchanged
    had_keys = has_keys(settings)
    signing_keys = load_signing_keys(settings, create=True)
    key_id = signing_keys.rotate() if had_keys else signing_keys.signer().key_id
    await audit(db_session, actor, "keys.rotate", key_id)
    return key_id
