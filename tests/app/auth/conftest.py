"""Keys in a fresh directory, a clock that tests move, and databases of both kinds."""

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwk
from jose.backends.base import Key

from app.auth.access_tokens import AccessTokens
from app.auth.account_changes import AccountChanges
from app.auth.principal import Principal
from app.auth.refresh_tokens import RefreshTokens
from app.auth.signing_keys import SigningKeys
from app.auth.token_issuer import IssuedTokens, NewTokens, TokenIssuer
from app.persistence.database import Database
from app.persistence.tables import Base, UserRow
from app.settings import AuthSettings

OVERLAP = timedelta(days=90, seconds=30)


class FakeClock:
    """Unix seconds that only `advance` changes. Starts at the current time, as databases have it."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class KnownRevocations:
    token_ids: set[str] = field(default_factory=set)

    def is_revoked(self, principal: Principal) -> bool:
        return principal.token_id in self.token_ids


class Forge(Protocol):
    def __call__(
        self, header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes, key: Key | None = None
    ) -> str: ...


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def settings() -> AuthSettings:
    return AuthSettings(key_signing_delay=timedelta(0))


@pytest.fixture
def key_directory(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def load_keys(key_directory: Path, clock: FakeClock) -> Callable[..., SigningKeys]:
    def load(directory: Path = key_directory, **arguments: Any) -> SigningKeys:
        given = {"create": True, "overlap": OVERLAP, "signing_delay": timedelta(0)} | arguments
        return SigningKeys.load(directory, clock=clock, **given)

    return load


@pytest.fixture
def keys(load_keys: Callable[..., SigningKeys]) -> SigningKeys:
    return load_keys()


@pytest.fixture
def revocations() -> KnownRevocations:
    return KnownRevocations()


@pytest.fixture
def access_tokens(
    keys: SigningKeys, revocations: KnownRevocations, settings: AuthSettings, clock: FakeClock
) -> AccessTokens:
    return AccessTokens(keys, revocations, settings, clock=clock)


@pytest.fixture
def header(keys: SigningKeys) -> dict[str, Any]:
    """Of an accepted token, for tests to modify."""
    return {"alg": "ES256", "kid": keys.signer().key_id, "typ": "at+jwt"}


@pytest.fixture
def claims(settings: AuthSettings, clock: FakeClock) -> dict[str, Any]:
    """Of an accepted token, for tests to modify."""
    now = int(clock())
    return {
        "iss": settings.issuer,
        "aud": settings.audience,
        "sub": "usr_1",
        "jti": "tok_1",
        "iat": now,
        "nbf": now,
        "exp": now + 900,
        "scope": "chat vision",
        "fam": "fam_1",
    }


@pytest.fixture
def forge(keys: SigningKeys) -> Forge:
    """Signs anything, by default with the right key, so that the signature is not what is refused."""

    def sign(header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes, key: Key | None = None) -> str:
        parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
        signing_input = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        signature = (key or keys.signer().signer).sign(signing_input)
        return (signing_input + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()

    return sign


@pytest.fixture
def write_key(key_directory: Path) -> Callable[..., str]:
    """Changes members of a key file, by default of the only one; None removes a member."""

    def write(key_id: str = "*", **members: Any) -> str:
        (path,) = key_directory.glob(f"{key_id}.json")
        document = json.loads(path.read_bytes()) | members
        path.write_text(json.dumps({name: value for name, value in document.items() if value is not None}))
        return path.stem

    return write


@pytest.fixture
def stranger() -> Key:
    """A key that is not the gateway's."""
    return jwk.construct(ec.generate_private_key(ec.SECP256R1()), "ES256")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def database(
    request: pytest.FixtureRequest, anyio_backend: str, tmp_path: Path
) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'gateway.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    database = Database(url)
    async with database.session() as db_session:
        connection = await db_session.connection()
        await connection.run_sync(Base.metadata.create_all)
    yield database
    await database.aclose()


@dataclass
class Process:
    """One gateway process; several share a database."""

    database: Database
    account_changes: AccountChanges
    access_tokens: AccessTokens
    issuer: TokenIssuer
    refresh_tokens: RefreshTokens

    async def sign_in(self, user: UserRow, *, with_refresh: bool = True, **fields: Any) -> IssuedTokens:
        new = NewTokens(["chat"], with_refresh=with_refresh, **fields)
        async with self.database.session() as db_session:
            return await self.issuer.issue(db_session, user, new)


@pytest.fixture
async def make_process(
    database: Database, keys: SigningKeys, settings: AuthSettings, clock: FakeClock
) -> AsyncIterator[Callable[..., Any]]:
    """Started processes, which never poll unless the test passes `sleep`."""
    made: list[AccountChanges] = []

    async def make(**account_changes_arguments: Any) -> Process:
        arguments = {"poll_seconds": 3600.0, "clock": clock, "monotonic": clock}
        arguments |= account_changes_arguments
        account_changes = AccountChanges(database, keys, **arguments)
        made.append(account_changes)
        await account_changes.start()
        access_tokens = AccessTokens(keys, account_changes, settings, clock=clock)
        issuer = TokenIssuer(access_tokens, settings)
        refresh_tokens = RefreshTokens(issuer, account_changes, settings, clock=clock)
        return Process(database, account_changes, access_tokens, issuer, refresh_tokens)

    yield make
    for account_changes in made:
        await account_changes.aclose()


@pytest.fixture
async def process(make_process: Callable[..., Any]) -> Process:
    made: Process = await make_process()
    return made


@pytest.fixture
async def user(database: Database) -> UserRow:
    user = UserRow(id="usr_1", name="ada")
    async with database.session() as db_session:
        db_session.add(user)
    return user
