"""Errors in the language of `Accept-Language`, in each of their formats."""

import pytest

from ..conftest import StartGateway

pytestmark = pytest.mark.anyio

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}


async def test_errors_are_in_the_callers_language_and_their_codes_stay(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 1000}, scripted={"reply": "one"})
    refused = await gateway.client.post("/chat", json={"prompt": "hi"}, headers=CHINESE)
    assert (refused.status_code, refused.headers["content-language"]) == (401, "zh-Hans")
    assert "Accept-Language" in refused.headers["vary"]
    assert refused.json()["code"] == "unauthenticated"
    assert refused.json()["title"] == "未授权"
    assert refused.json()["detail"] == "请发送访问令牌：Authorization: Bearer <token>。"

    body = {"prompt": "", "temperature": 3, "top_k": "many", "seed": 1, "other": 1}
    invalid = (await gateway.call("POST", "/chat", json=body, headers=CHINESE)).json()
    assert {error["field"]: error["message"] for error in invalid["errors"]} == {
        "prompt": "至少应有 1 个字符",
        "temperature": "应小于或等于 2",
        "top_k": "应为整数",
        "other": "不允许出现此字段",
    }
    assert invalid["detail"] == "{field}：{message}".format(**invalid["errors"][0])

    body = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}], "max_tokens": "x"}
    openai = await gateway.call("POST", "/v1/chat/completions", json=body, headers=CHINESE)
    assert openai.json()["error"]["message"] == "max_tokens：应为整数"
    assert openai.json()["error"]["param"] == "max_tokens"
    tokens = {"grant_type": "refresh_token", "refresh_token": "rt_x"}
    oauth = await gateway.client.post("/auth/token", json=tokens, headers=CHINESE)
    assert oauth.json()["detail"] == "刷新令牌无效，请重新登录。"
    assert oauth.json()["error_description"] == "The refresh token is not valid. Sign in again."

    english = await gateway.call("POST", "/chat", json={"prompt": 1})
    assert english.headers["content-language"] == "en"
    assert english.json()["detail"] == "prompt: Input should be a valid string"
