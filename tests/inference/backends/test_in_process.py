"""How the in-process backend is built."""

import pytest
import torch

from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.errors import (
    BackendUnavailable,
    InvalidCheckpoint,
    UnsupportedModality,
)
from inference.types import Audio, Message

pytestmark = pytest.mark.anyio


@pytest.fixture
def backend_of(make_model):
    """A backend that is not started. The list collects the loader's arguments."""
    asked: list[tuple[str, str, str, bool]] = []

    def load(*arguments):
        asked.append(arguments)
        return make_model()

    return lambda **config: (InProcessBackend(EngineConfig(kv_cache_tokens=1024, **config), load), asked)


async def test_every_device_loads_the_configured_model_once(backend_of) -> None:
    backend, asked = backend_of(
        model="some/model", devices=("cpu", "cpu"), quantization="int8", quantize_head=False
    )
    await backend.start()
    assert asked == [("some/model", "cpu", "int8", False)] * 2
    assert [worker.device for worker in backend.status().workers] == ["cpu", "cpu"]
    assert all(worker.kv_total == 64 for worker in backend.status().workers)
    assert backend.device_loads() == ()  # a CPU is not an accelerator
    await backend.aclose(0)


async def test_the_context_is_no_longer_than_the_cache(backend_of) -> None:
    backend, _ = backend_of(block_size=16)
    await backend.start()
    assert backend.model_card.context_length == 512
    await backend.aclose(0)


async def test_a_modality_without_a_tower_is_refused_before_the_first_delta(backend_of, make_request) -> None:
    backend, _ = backend_of()
    await backend.start()
    recording = Message("user", (Audio(samples=None),))
    with pytest.raises(UnsupportedModality):
        await anext(backend.generate(make_request(messages=(recording,))))
    await backend.aclose(0)


async def test_an_unstarted_backend_has_no_model_and_serves_nothing(backend_of, make_request) -> None:
    backend, _ = backend_of()
    with pytest.raises(BackendUnavailable):
        _ = backend.model_card
    with pytest.raises(BackendUnavailable):
        await anext(backend.generate(make_request()))
    assert not backend.status().is_ready
    await backend.aclose(0)


async def test_a_model_that_does_not_fit_is_refused_in_a_sentence(no_log_records) -> None:
    def load(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    backend = InProcessBackend(EngineConfig(), load)
    with pytest.raises(InvalidCheckpoint, match="do not fit the memory of cpu: quantise it to int8"):
        await backend.start()
