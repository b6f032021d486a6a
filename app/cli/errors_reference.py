"""`docs/errors.md`, made from `app/errors.py`: every stable code, its status and its sentence."""

from collections.abc import Iterator
from typing import Final

from app.cli.markdown import table
from app.errors import GatewayError
from app.schemas.problems import openai_error_of

HEAD: Final = """# Errors of the API

Decide by `code`; it does not change. The sentence may be more precise than the one here: it can name the
field or the bound. It is in English or, if `Accept-Language` prefers it, in simplified Chinese, as is the
`title`; `Content-Language` says which.

The native routes return an RFC 9457 problem document:

```json
{"type": "urn:autoglm-gateway:problem:rate_limit_exceeded", "title": "Too Many Requests", "status": 429,
 "detail": "Too many requests in the last minute. Wait for Retry-After seconds.",
 "code": "rate_limit_exceeded", "request_id": "req_5f0c9a8b7d6e4f3a"}
```

Under `/v1` the same error is `{"error": {"message", "type", "param", "code"}}`, with the type below. In the
middle of a stream it is an event: `event: error` with the same document, under `/v1` a `data:` line with the
same object.

`/auth/token` and `/auth/revoke` add OAuth 2.0's `error` and `error_description` to the document. There,
`invalid_request` has the status 400.

- **429**, **503** and 409 `idempotency_key_in_use` have `Retry-After` in seconds. Wait, then try again. A
  request that gets 503 does not count in the user's limits.
- **500 and 504** may be tried again once. **408** says that the upload was too slow.
- **401** `token_expired`: refresh, then repeat. Every other 401 needs a new sign-in.
- Every other 4xx fails again until the request is changed.

This page is made by `make docs`.
"""


def errors_reference() -> str:
    rows = sorted(
        (error.status_code, error.code, _openai_type_of(error), error.detail) for error in concrete_errors()
    )
    cells = [
        (str(status), f"`{code}`", f"`{openai_type}`", detail) for status, code, openai_type, detail in rows
    ]
    return f"{HEAD}\n{table(('status', 'code', 'type under /v1', 'sentence'), cells)}"


def concrete_errors(error: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    """Those that have a sentence of their own; the others only group."""
    if "detail" in vars(error):
        yield error
    for subclass in error.__subclasses__():
        yield from concrete_errors(subclass)


def _openai_type_of(error: type[GatewayError]) -> str:
    return str(openai_error_of(error())["error"]["type"])
