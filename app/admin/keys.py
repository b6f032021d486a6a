"""Signing keys: rotated by operators, with an entry in the audit log."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.admin.audit import audit
from app.auth.signing_keys import load_signing_keys
from app.settings import Settings


def has_keys(settings: Settings) -> bool:
    return any(settings.keys_dir.glob("[!.]*.json"))


async def rotate_keys(db_session: AsyncSession, actor: str, settings: Settings) -> str:
    """Returns the new key's id. The first key is made where there is none.

    Raises `InvalidSigningKeys`, and OSError when the directory cannot be written.
    """
    await db_session.connection()  # a database that is away leaves the keys alone
    had_keys = has_keys(settings)
    signing_keys = load_signing_keys(settings, create=True)
    key_id = signing_keys.rotate() if had_keys else signing_keys.signer().key_id
    await audit(db_session, actor, "keys.rotate", key_id)
    return key_id
