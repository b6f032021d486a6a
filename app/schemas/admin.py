"""Requests and responses of the operators' routes."""

import datetime
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.admin.accounts import NAME_PATTERN
from app.auth.principal import Scope
from app.auth.token_issuer import IssuedTokens, NewTokens
from app.clean_text import CleanText
from app.persistence.tables import NOTE_LENGTH, AccessTokenRow, AuditRow, UserRow
from app.persistence.usage import DailyUsage
from app.schemas.absence import Omittable, OperatorRequestModel
from app.settings import MAX_ACCESS_TOKEN_TTL
from app.user_limits import LimitName, OwnLimits, own_limits
from inference import Priority

LAST_PAGE: Final = "absent on the last page"
MAX_LIFETIME_SECONDS = int(MAX_ACCESS_TOKEN_TTL.total_seconds())  # the settings may allow less

_USER_ID = "usr_Zx3kQ9b2LmW7tR5v"
_TOKEN_ID = "tok_7Hn2pXw0cJq4sVd8yLfKgA"  # noqa: S105  (an example)
_ACCESS_TOKEN = "eyJhbGciOiJFUzI1NiIsImtpZCI6IuKApiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJl"  # noqa: S105  (likewise)
_FAMILY_ID = "fam_Q1b8ZtYk3mN6rWx5oCvHdw"


def _refuse_repeated(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("must not contain an item twice")
    return values


UserId = Annotated[str, Field(pattern=r"^usr_[A-Za-z0-9_-]{1,60}$", max_length=64, examples=[_USER_ID])]
TokenId = Annotated[str, Field(pattern=r"^tok_[A-Za-z0-9_-]{1,60}$", max_length=64, examples=[_TOKEN_ID])]
FamilyId = Annotated[str, Field(pattern=r"^fam_[A-Za-z0-9_-]{1,60}$", max_length=64, examples=[_FAMILY_ID])]
UserName = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        max_length=64,
        description="letters, digits and . _ @ + -",
        examples=["alice"],
    ),
]
Note = Annotated[CleanText, Field(max_length=NOTE_LENGTH, description="for operators", examples=["iOS beta"])]
Timestamp = Annotated[datetime.datetime, Field(examples=["2026-03-14T09:26:53Z"])]
Scopes = Annotated[
    list[Scope],
    AfterValidator(_refuse_repeated),
    Field(min_length=1, max_length=5, json_schema_extra={"uniqueItems": True}, examples=[["chat", "vision"]]),
]

UsageCursor = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\.usr_[A-Za-z0-9_-]{1,60}$", examples=[f"2026-03-14.{_USER_ID}"]
    ),
]
AuditCursor = Annotated[int, Field(ge=1, le=2**63 - 1, examples=[41])]

RequestsPerMinute = Annotated[int, Field(ge=1, le=1_000_000, examples=[60])]
ConcurrentRequests = Annotated[int, Field(ge=1, le=100_000, examples=[4])]
DailyTokens = Annotated[int, Field(ge=1, le=2_000_000_000, description="per UTC day", examples=[100_000])]


class LimitFields(OperatorRequestModel):
    requests_per_minute: Omittable[RequestsPerMinute] = None
    concurrent_requests: Omittable[ConcurrentRequests] = None
    daily_tokens: Omittable[DailyTokens] = None

    def own_limits(self) -> OwnLimits:
        """Those that were sent."""
        return own_limits(self.requests_per_minute, self.concurrent_requests, self.daily_tokens)


class CreateUserRequest(LimitFields):
    """A limit that is absent is the service's default."""

    name: UserName
    note: Omittable[Note] = None


class UpdateUserRequest(LimitFields):
    """Absent fields stay unchanged."""

    is_disabled: Omittable[bool] = Field(
        None, description="whether its tokens are refused; takes effect within a second"
    )
    note: Omittable[Note] = None
    use_defaults_for: Annotated[list[LimitName], AfterValidator(_refuse_repeated)] = Field(
        default_factory=list,
        max_length=3,
        json_schema_extra={"uniqueItems": True},
        description="limits to reset to the service's default",
        examples=[["daily_tokens"]],
    )


class UserResponse(BaseModel):
    """A limit that is absent is the service's default."""

    id: UserId
    name: UserName
    is_disabled: bool
    requests_per_minute: Omittable[int] = None
    concurrent_requests: Omittable[int] = None
    daily_tokens: Omittable[int] = None
    note: str = Field(examples=["iOS beta"])
    created_at: Timestamp
    changed_at: Timestamp

    @classmethod
    def of(cls, row: UserRow) -> Self:
        return cls.model_validate(row, from_attributes=True)


class UserPage(BaseModel):
    users: list[UserResponse]
    next_cursor: Omittable[str] = Field(None, description=LAST_PAGE, examples=["alice"])


class IssueTokenRequest(LimitFields):
    """Limits, if present, become the user's own, as with PATCH /admin/users/{user_id}."""

    user_id: UserId
    scopes: Scopes
    lifetime_seconds: Omittable[Annotated[int, Field(ge=1, le=MAX_LIFETIME_SECONDS)]] = Field(
        None, description="of the access token; the service's default when absent", examples=[900]
    )
    with_refresh: bool = Field(False, description="also issue a refresh token, for POST /auth/token")
    token_requests_per_minute: Omittable[RequestsPerMinute] = Field(
        None,
        description="a rate of this token alone, for agents and tools; its requests do not count in the "
        "user's window. Not with `with_refresh`",
    )
    priority: Priority = Field(
        "interactive",
        description="`batch`: requests with the token go after interactive ones, and get an eighth of the "
        "model while those wait too. It holds for all tokens of a sign-in",
    )
    note: Omittable[Note] = None

    def new_tokens(self) -> NewTokens:
        seconds = self.lifetime_seconds
        lifetime = None if seconds is None else datetime.timedelta(seconds=seconds)
        rate = self.token_requests_per_minute
        return NewTokens(self.scopes, lifetime, self.with_refresh, self.note or "", rate, self.priority)


class IssuedTokensResponse(BaseModel):
    """Shown only once: the gateway stores hashes and ids."""

    access_token: str = Field(examples=[_ACCESS_TOKEN])
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  (a kind of token)
    expires_in: int = Field(ge=1, description="seconds", examples=[900])
    scope: str = Field(description="separated by spaces", examples=["chat vision"])
    token_id: TokenId
    family_id: Omittable[FamilyId] = None
    refresh_token: Omittable[str] = None

    @classmethod
    def of(cls, issued: IssuedTokens) -> Self:
        return cls(
            access_token=issued.access_token,
            expires_in=issued.expires_in,
            scope=" ".join(sorted(issued.scopes)),
            token_id=issued.token_id,
            family_id=issued.family_id,
            refresh_token=issued.refresh_token,
        )


class TokenResponse(BaseModel):
    token_id: TokenId
    user_id: UserId
    scopes: list[Scope]
    family_id: Omittable[FamilyId] = None
    issued_at: Timestamp
    expires_at: Timestamp
    revoked_at: Omittable[Timestamp] = None
    requests_per_minute: Omittable[int] = Field(None, description="a rate of its own; absent: the user's")
    priority: Priority
    note: str = Field(examples=["iOS beta"])

    @classmethod
    def of(cls, row: AccessTokenRow) -> Self:
        return cls.model_validate(
            {
                "token_id": row.jti,
                "user_id": row.user_id,
                "scopes": row.scopes.split(),
                "family_id": row.family_id,
                "issued_at": row.issued_at,
                "expires_at": row.expires_at,
                "revoked_at": row.revoked_at,
                "requests_per_minute": row.requests_per_minute,
                "priority": row.priority,
                "note": row.note,
            }
        )


class TokenPage(BaseModel):
    tokens: list[TokenResponse]
    next_cursor: Omittable[TokenId] = Field(None, description=LAST_PAGE)


class RevokeTokensRequest(OperatorRequestModel):
    """Exactly one of the three."""

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 1,
            "maxProperties": 1,
            "examples": [{"token_id": _TOKEN_ID}, {"family_id": _FAMILY_ID}, {"user_id": _USER_ID}],
        }
    )

    token_id: Omittable[TokenId] = Field(None, description="one access token")
    family_id: Omittable[FamilyId] = Field(None, description="all tokens of one sign-in")
    user_id: Omittable[UserId] = Field(None, description="all tokens that the user was issued so far")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("send exactly one of token_id, family_id and user_id")
        return self


class UsageOfUserAndDay(BaseModel):
    day: datetime.date = Field(description="a UTC day", examples=["2026-03-14"])
    user_id: str = Field(examples=[_USER_ID])
    requests: int = Field(ge=0, description="number of generations", examples=[12])
    failed: int = Field(ge=0, description="of them, those that failed", examples=[1])
    prompt_tokens: int = Field(ge=0, examples=[3400])
    completion_tokens: int = Field(ge=0, examples=[1250])

    @classmethod
    def of(cls, row: DailyUsage) -> Self:
        return cls.model_validate(row, from_attributes=True)


class UsagePage(BaseModel):
    usage: list[UsageOfUserAndDay]
    next_cursor: Omittable[str] = Field(None, description=LAST_PAGE, examples=[f"2026-03-14.{_USER_ID}"])


class AuditEntry(BaseModel):
    id: int = Field(ge=1, examples=[42])
    at: Timestamp
    actor: str = Field(
        description="the user id of an operator, `command line` or `sign-in link`", examples=[_USER_ID]
    )
    action: str = Field(examples=["token.issue"])
    subject: str = Field(description="the id of the changed object", examples=[_TOKEN_ID])
    details: dict[str, Any] = Field(examples=[{"scopes": ["chat"]}])  # Any: JSON, by action

    @classmethod
    def of(cls, row: AuditRow) -> Self:
        return cls(
            id=row.id,
            at=row.at,
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            details=orjson.loads(row.details),
        )


class AuditPage(BaseModel):
    entries: list[AuditEntry]
    next_cursor: Omittable[int] = Field(None, description=LAST_PAGE, examples=[41])
