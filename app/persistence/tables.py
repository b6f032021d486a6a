"""Every table, as typed rows: columns and constraints, not what they are used for.

Changes here need a migration under `alembic/versions`; `alembic check` compares the two.
"""

from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.persistence.change_number import next_change_number
from app.persistence.columns import UtcDateTime, database_now
from inference import Priority

ID_LENGTH = 64
NAME_LENGTH = 64
NOTE_LENGTH = 500
SCOPES_LENGTH = 128
ROUTE_LENGTH = 64
MODEL_NAME_LENGTH = 128
SHA256_HEX_LENGTH = 64
PRIORITY_LENGTH = 16


# SQLite numbers rows only if the type is exactly INTEGER, which has 64 bits there.
RowNumber = BigInteger().with_variant(Integer, "sqlite")

# Of the last change of a row; 0 for rows from before migration 0004.
ChangeNumber = Annotated[
    int,
    mapped_column(
        BigInteger, default=next_change_number, onupdate=next_change_number, server_default="0", index=True
    ),
]

# Of the requests with a token; `interactive` for tokens from before migration 0006.
TokenPriority = Annotated[
    Priority, mapped_column(String(PRIORITY_LENGTH), default="interactive", server_default="interactive")
]


class Base(DeclarativeBase):
    # Named constraints: SQLite can only drop what has a name.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime}  # noqa: RUF012 - SQLAlchemy's own declaration


class UserRow(Base):
    """An account. Operators use its `name`; a limit that is null follows the settings."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)  # "usr_" + random
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), unique=True)
    is_disabled: Mapped[bool] = mapped_column(default=False)
    requests_per_minute: Mapped[int | None]
    concurrent_requests: Mapped[int | None]
    daily_tokens: Mapped[int | None]
    note: Mapped[str] = mapped_column(String(NOTE_LENGTH), default="")
    created_at: Mapped[datetime] = mapped_column(default=database_now())
    changed_at: Mapped[datetime] = mapped_column(default=database_now(), onupdate=database_now())
    change_number: Mapped[ChangeNumber]


class AccessTokenRow(Base):
    """An issued token, without the token itself. `jti` is its id claim.

    A request rate that is null follows the user's.
    """

    __tablename__ = "access_tokens"

    jti: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    scopes: Mapped[str] = mapped_column(String(SCOPES_LENGTH))  # separated by spaces
    family_id: Mapped[str | None] = mapped_column(String(ID_LENGTH), index=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    note: Mapped[str] = mapped_column(String(NOTE_LENGTH), default="")
    revoked_at: Mapped[datetime | None]
    requests_per_minute: Mapped[int | None]
    priority: Mapped[TokenPriority]


class RefreshTokenRow(Base):
    """One token of a family. `successor_nonce` is random and secret.

    The successor is derived from the token and the nonce, so that a retry gets the same one although only
    hashes are stored, and an old token alone is not enough to compute the next.
    """

    __tablename__ = "refresh_tokens"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(SHA256_HEX_LENGTH), unique=True)
    family_id: Mapped[str] = mapped_column(String(ID_LENGTH), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    scopes: Mapped[str] = mapped_column(String(SCOPES_LENGTH))
    priority: Mapped[TokenPriority]  # of the family
    successor_nonce: Mapped[str] = mapped_column(String(ID_LENGTH))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    successor_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    revoked_at: Mapped[datetime | None]


class RevocationRow(Base):
    """Revokes one token, one family, or the tokens of a user that were issued until `not_after`.

    After `expires_at` all of them have expired, and the row can be deleted.
    """

    __tablename__ = "revocations"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(16))  # "token" | "family" | "user"
    subject: Mapped[str] = mapped_column(String(ID_LENGTH))
    not_after: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=database_now())
    expires_at: Mapped[datetime] = mapped_column(index=True)
    change_number: Mapped[ChangeNumber]


class AccountChangeCounterRow(Base):
    """One row: the last number that `next_change_number` returned; 0 or no row before the first."""

    __tablename__ = "account_change_counter"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int] = mapped_column(BigInteger)


class UsageRow(Base):
    """One generation. Without a foreign key: rows arrive late and in groups, and one must not block others.

    `id` is assigned by the process that served it, so that writing a row twice stores it once.
    """

    __tablename__ = "usage"
    __table_args__ = (Index("ix_usage_user_id_at", "user_id", "at"), Index("ix_usage_at", "at"))

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    request_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    at: Mapped[datetime]
    user_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    route: Mapped[str] = mapped_column(String(ROUTE_LENGTH))
    model: Mapped[str] = mapped_column(String(MODEL_NAME_LENGTH))
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    queue_ms: Mapped[int]
    ttft_ms: Mapped[int | None]
    total_ms: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(32))


class AuditRow(Base):
    """Who changed what. Rows are only inserted; `id` is the cursor of the list."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(default=database_now())
    actor: Mapped[str] = mapped_column(String(ID_LENGTH))
    action: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(ID_LENGTH))
    details: Mapped[str] = mapped_column(Text, default="{}")  # a JSON object


class IdempotencyKeyRow(Base):
    """One Idempotency-Key of one user, which `key_hash` identifies; the key itself is not stored.

    While the request runs, `owner` is the process that runs it, and `expires_at` the end of its lease.
    Afterwards `owner` is null, and `response` is encrypted, or null if it is not stored.
    """

    __tablename__ = "idempotency_keys"

    key_hash: Mapped[str] = mapped_column(String(SHA256_HEX_LENGTH), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(SHA256_HEX_LENGTH))  # of the request
    run_id: Mapped[str] = mapped_column(String(ID_LENGTH))  # of this run: a later run has another
    owner: Mapped[str | None] = mapped_column(String(ID_LENGTH), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    response: Mapped[bytes | None] = mapped_column(LargeBinary)
    response_bytes: Mapped[int] = mapped_column(default=0)  # of `response`, as it is stored


class SigningKeyRow(Base):
    """The id of a key that a gateway signed with at `seen_at`; the key itself is not stored."""

    __tablename__ = "signing_keys_in_use"

    key_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    seen_at: Mapped[datetime]
