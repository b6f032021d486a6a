"""A whole request, its refusal and its failure; afterwards nothing that it held is in the log."""

import logging

import pytest

from app.ops.logging import JSONFormatter

pytestmark = pytest.mark.anyio

SECRETS = ("prompt-secret", "query-secret", "header-secret", "cookie-secret", "field-secret")


async def test_no_log_line_holds_text_tokens_or_query_strings(gateway, caplog):
    caplog.handler.setFormatter(JSONFormatter())
    caplog.set_level(logging.DEBUG)
    headers = {"X-Note": "header-secret", "Cookie": "cookie-secret"}
    bodies = (
        {"prompt": "prompt-secret"},
        {"prompt": "prompt-secret", "stream": True},
        {"prompt": "prompt-secret", "max_tokens": "field-secret"},
    )
    for body in bodies:
        await gateway.call("POST", "/chat?q=query-secret", json=body, headers=headers)
    forged = {"Authorization": "Bearer header-secret.header-secret.header-secret"}
    await gateway.client.post("/chat", json=bodies[0], headers=forged)

    requests = [record for record in caplog.records if record.name == "app.ops.request_end"]
    assert [record.status for record in requests] == [200, 200, 422, 401]
    text = "\n".join(
        JSONFormatter().format(record) for record in caplog.records if not _is_of_the_test_client(record)
    )
    tokens = list(gateway.tokens.values())
    assert tokens
    for secret in (*SECRETS, *tokens):
        assert secret not in text


def _is_of_the_test_client(record: logging.LogRecord) -> bool:
    return record.name.startswith(("httpx", "httpcore"))
