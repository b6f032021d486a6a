"""AutoGLM-GUI's agent for AutoGLM's models, whole, on a phone that is not there."""

import base64

from AutoGLM_GUI.agents.glm.async_agent import AsyncGLMAgent
from AutoGLM_GUI.config import AgentConfig, ModelConfig
from AutoGLM_GUI.device_protocol import Screenshot
from gateways import MODEL, check_picture, key, picture, url

WIDTH, HEIGHT = 1080, 2400


class Phone:
    device_id = "none"

    def __init__(self) -> None:
        self.taps: list[tuple[int, int]] = []

    def get_screenshot(self, timeout: int = 10) -> Screenshot:
        return Screenshot(base64.b64encode(picture()).decode(), WIDTH, HEIGHT)

    def get_current_app(self) -> str:
        return "System Home"

    def tap(self, x: int, y: int, delay: float | None = None) -> None:
        self.taps.append((x, y))


def agent_on(phone: Phone, ability: str) -> AsyncGLMAgent:
    model = ModelConfig(base_url=url(ability), api_key=key(), model_name=MODEL)
    return AsyncGLMAgent(model, AgentConfig(verbose=False, system_prompt="You control a phone."), phone)


async def steps_of(agent: AsyncGLMAgent) -> list[dict[str, object]]:
    return [event["data"] async for event in agent.stream("Open WeChat") if event["type"] == "step"]


async def see() -> None:
    """What is no action it takes for a last message."""
    (step,) = await steps_of(agent_on(Phone(), "text"))
    check_picture(step["message"])


async def stream() -> None:
    thoughts = [
        event["data"]["chunk"]
        async for event in agent_on(Phone(), "action").stream("Open WeChat")
        if event["type"] == "thinking"
    ]
    assert "".join(thoughts) == "<think>It is there.</think><answer>", thoughts
    assert len([piece for piece in thoughts if piece]) > 1, thoughts


async def act() -> None:
    phone = Phone()
    steps = await steps_of(agent_on(phone, "action"))
    assert phone.taps == [(540, 600)], phone.taps
    assert [step["finished"] for step in steps] == [False, True], steps
    assert steps[-1]["message"] == "It is open.", steps


CLIENTS = {"AutoGLM-GUI": {"stream": stream, "picture": see, "action": act}}
