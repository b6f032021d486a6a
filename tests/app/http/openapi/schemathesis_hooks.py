"""Loaded by the schemathesis command: a token of its own for every case, and the model's real name.

One token for all would be revoked by the first case that revokes it. The keys are the running gateway's.
"""

import secrets
from datetime import timedelta
from typing import Any

import schemathesis

from app.auth.access_tokens import AccessTokens
from app.auth.principal import SCOPES, Principal
from app.auth.signing_keys import load_signing_keys
from app.clean_text import NO_NUL
from app.settings import Settings

SAME_AS_NO_NUL = "^(?:|[^\\x00]+)$"


class NothingRevoked:
    def is_revoked(self, principal: Principal) -> bool:
        return False


NULL_IS_ABSENT = ("/chat", "/vision", "/speech", "/auth/token", "/auth/revoke")
settings = Settings()
access_tokens = AccessTokens(load_signing_keys(settings), NothingRevoked(), settings.auth)


@schemathesis.auth(refresh_interval=None)
class FreshToken:
    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:
        user_id = f"usr_{secrets.token_hex(8)}"
        return access_tokens.mint(user_id, SCOPES, timedelta(minutes=10)).encoded

    def set(self, case: schemathesis.Case, data: str, context: schemathesis.AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """The pattern of texts without NUL in another form, into which the fuzzer does not write their lengths.

    Up to 200,000 repetitions take it tens of milliseconds to seconds for every schema that it makes of ours.
    """
    replace_pattern(raw_schema, NO_NUL, SAME_AS_NO_NUL)


def replace_pattern(node: Any, pattern: str, same: str) -> None:  # Any: what JSON holds
    if isinstance(node, dict):
        if node.get("pattern") == pattern:
            node["pattern"] = same
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            replace_pattern(child, pattern, same)


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """In a request of a user, null counts as absent, which the document does not tell code generators."""
    is_invalid = case.meta is not None and case.meta.generation.mode.is_negative
    return not (is_invalid and case.path in NULL_IS_ABSENT and has_null(case.body))


def has_null(body: Any) -> bool:  # Any: what JSON holds
    if isinstance(body, dict):
        return any(value is None or has_null(value) for value in body.values())
    return isinstance(body, list) and any(map(has_null, body))


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    model = case.body.get("model") if isinstance(case.body, dict) else None
    if case.path.startswith("/v1") and isinstance(model, str) and 0 < len(model) <= 200:
        case.body["model"] = "scripted"
