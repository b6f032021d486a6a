"""Who is calling, and what they may do: what verifying an access token returns."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from inference import Priority

Scope = Literal["chat", "vision", "speech", "admin", "ops"]
SCOPES: Final[frozenset[str]] = frozenset(get_args(Scope))


@dataclass(frozen=True, slots=True)
class Principal:
    """`token_id` is the JWT's `jti`; times are Unix seconds.

    `issued_at` may be ahead of every clock: it is only compared with revocations of the user.
    `requests_per_minute` is the token's own rate; None: the user's counts. `priority` is its requests'.
    """

    user_id: str
    scopes: frozenset[str]
    token_id: str
    issued_at: int
    expires_at: int
    family_id: str | None = None
    not_before: int = 0
    requests_per_minute: int | None = None
    priority: Priority = "interactive"

    def has_scope(self, scope: str) -> bool:
        return scope in self.scopes
