"""The real engine's part of a trace: what it did in which step, of the embedded model."""

from pathlib import Path

import pytest

from .conftest import CollectorServer, StartTraced, attributes_of, flush

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(400)]

PHOTO = Path(__file__).parents[3] / "samples" / "photo.jpg"


async def test_steps_of_the_engine_are_in_the_trace(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced(backend="in_process", devices=("cpu",), request_timeout_seconds=300)
    for _ in range(2):
        response = await gateway.call(
            "POST",
            "/vision",
            files={"image": PHOTO.read_bytes()},
            data={"prompt": "What?", "max_tokens": "6"},
        )
        assert response.status_code == 200
    await flush(gateway)
    usage = response.json()["usage"]
    spans = {
        name: [span for span in collector.spans if span.name == name]
        for name in ("chat autoglm-phone-tiny", "queue", "prefill", "decode")
    }
    first, again = spans["prefill"]
    assert (
        sum(attributes_of(event.attributes)["gateway.engine.tokens"] for event in first.events)
        == (usage["prompt_tokens"])
    )
    assert len(first.events) == attributes_of(first.attributes)["gateway.engine.steps"]
    cached = attributes_of(again.attributes)["gateway.engine.cached_tokens"]
    assert 0 < cached < usage["prompt_tokens"]  # the same user asked the same before
    generation = attributes_of(spans["chat autoglm-phone-tiny"][1].attributes)
    assert generation["gen_ai.usage.cache_read.input_tokens"] == cached
    assert generation["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
    for decode in spans["decode"]:
        steps = attributes_of(decode.attributes)["gateway.engine.steps"]
        assert steps == usage["completion_tokens"] - 1
    for queue, prefill, decode in zip(spans["queue"], spans["prefill"], spans["decode"], strict=True):
        assert queue.end_time_unix_nano == prefill.start_time_unix_nano
        assert prefill.end_time_unix_nano == decode.start_time_unix_nano
