"""The 9B model's shape on CUDA devices: `python -m benchmarks.cuda_9b` (about four minutes).

Writes a random checkpoint in int8 (11 GiB), loads it on every device in one process and asks it through
the backend: text, a phone's screenshot, sixteen at once on each device, an answer that is left, a
deadline, a worker that is killed. `--stock` measures transformers' `generate` with bitsandbytes beside it.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.checkpoint_9b import write_checkpoint
from benchmarks.figures import print_figures
from benchmarks.hardware import hardware_and_versions
from benchmarks.stock_9b import measure_stock
from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.loading.loaded_model import LoadedModel
from inference.loading.registry import load_model
from inference.types import Delta, GenerationRequest, Image, Message, Part, SamplingParams, Text

PROMPT = Text("x" * 126)  # 128 tokens with the template's own
SCREEN = (2400, 1080)  # height, width
CONCURRENT = 16  # per device
KV_CACHE_TOKENS = 65_536  # per device, 2.5 GiB
PACKAGES = ("torch", "transformers", "bitsandbytes")


class WorkerKilled(BaseException):
    """Not an Exception, so that nothing inside the engine survives it."""


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    ttft_seconds: float
    itl_seconds: float  # median
    seconds: float
    tokens: int
    prompt_tokens: int
    finish_reason: str | None


class Replicas:
    """What the backend loads: real models, whose forward pass can be told to kill its worker."""

    def __init__(self) -> None:
        self.faults: Iterator[Callable[[], None]] = iter(())
        self.load_seconds: list[float] = []
        self.weight_gib: list[float] = []

    def load(self, model: str, device: str, quantization: str, quantize_head: bool) -> LoadedModel:
        started = time.monotonic()
        loaded = load_model(model, device, quantization, quantize_head)
        torch.cuda.synchronize(device)
        self.load_seconds.append(round(time.monotonic() - started, 1))
        self.weight_gib.append(round(torch.cuda.memory_allocated(device) / 2**30, 2))
        loaded.decoder.register_forward_pre_hook(self._meet_fault)
        return loaded

    def _meet_fault(self, *_: object) -> None:
        fault = next(self.faults, None)
        if fault is not None:
            fault()


def kill() -> None:
    raise WorkerKilled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, help="where the checkpoint goes; default: a temporary one")
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--stock", action="store_true")
    arguments = parser.parse_args()
    figures: dict[str, object] = {"devices": torch.cuda.device_count()}
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        started = time.monotonic()
        write_checkpoint(Path(directory), "cuda:0")
        figures["write_seconds"] = round(time.monotonic() - started, 1)
        torch.cuda.empty_cache()
        figures |= asyncio.run(measure(directory, arguments.max_tokens))
    if arguments.stock:
        torch.cuda.empty_cache()
        figures |= measure_stock(CONCURRENT, prompt_tokens=128, max_tokens=32)
    print_figures("A 9B-shaped Glm4v in int8", figures)
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    print(json.dumps(figures | {"gpus": names, "hardware": hardware_and_versions(*PACKAGES)}))


async def measure(directory: str, max_tokens: int) -> dict[str, object]:
    replicas = Replicas()
    config = EngineConfig(
        model=directory,
        devices=("auto",),
        quantization="int8",
        kv_cache_tokens=KV_CACHE_TOKENS,
        max_waiting_requests=256,
    )
    backend = InProcessBackend(config, replicas.load)
    started = time.monotonic()
    await backend.start()
    figures: dict[str, object] = {
        "start_seconds": round(time.monotonic() - started, 1),
        "load_seconds": tuple(replicas.load_seconds),
        "weights_gib": tuple(replicas.weight_gib),
        "weights_and_cache_gib": held_gib(),
    }
    try:
        figures |= await ask_alone(backend, max_tokens)
        figures |= await ask_at_once(backend, max_tokens)
        figures |= await end_early(backend)
        figures |= await kill_a_worker(backend, replicas)
    finally:
        await backend.aclose(0)
    return figures


async def ask_alone(backend: InProcessBackend, max_tokens: int) -> dict[str, object]:
    await ask(backend, request(PROMPT, max_tokens=4))
    text = await ask(backend, request(PROMPT, Text("?"), max_tokens=max_tokens))
    figures: dict[str, object] = {
        "alone_tokens_per_second": _rate(text),
        "alone_ttft_ms": _ms(text.ttft_seconds),
        "alone_itl_p50_ms": _ms(text.itl_seconds),
    }
    for name in ("first_screenshot", "screenshot"):
        screen = await ask(backend, request(screenshot(len(name)), PROMPT, max_tokens=32))
        figures |= {
            f"{name}_prompt_tokens": screen.prompt_tokens,
            f"{name}_ttft_ms": _ms(screen.ttft_seconds),
            f"{name}_tokens_per_second": _rate(screen),
        }
    return figures


async def ask_at_once(backend: InProcessBackend, max_tokens: int) -> dict[str, object]:
    workers = len(backend.status().workers)
    count = CONCURRENT * workers
    requests = [
        request(Text(f"{number:04}"), PROMPT, user=str(number), max_tokens=max_tokens)
        for number in range(count)
    ]
    for device in range(torch.cuda.device_count()):
        torch.cuda.reset_peak_memory_stats(device)
    started = time.monotonic()
    tasks = [asyncio.create_task(ask(backend, each)) for each in requests]
    busiest = [0] * workers
    while not all(task.done() for task in tasks):
        running = [worker.running for worker in backend.status().workers]
        busiest = list(map(max, busiest, running))
        await asyncio.sleep(0.05)
    answers = [task.result() for task in tasks]
    seconds = time.monotonic() - started
    return {
        "concurrent": count,
        "concurrent_tokens_per_second": round(sum(answer.tokens for answer in answers) / seconds, 1),
        "concurrent_ttft_p50_ms": _ms(statistics.median(answer.ttft_seconds for answer in answers)),
        "concurrent_itl_p50_ms": _ms(statistics.median(answer.itl_seconds for answer in answers)),
        "most_running_per_worker": tuple(busiest),
        "peak_gib": tuple(
            round(torch.cuda.max_memory_allocated(index) / 2**30, 2)
            for index in range(torch.cuda.device_count())
        ),
    }


async def end_early(backend: InProcessBackend) -> dict[str, object]:
    stream = backend.generate(request(PROMPT, max_tokens=1000))
    for _ in range(4):
        await anext(stream)
    started = time.monotonic()
    await stream.aclose()
    aborted = time.monotonic() - started
    used = sum(worker.kv_used for worker in backend.status().workers)
    late = await ask(backend, request(PROMPT, max_tokens=1000, deadline=time.monotonic() + 1))
    return {
        "abort_ms": _ms(aborted),
        "blocks_after_abort": used,
        "deadline_of_1_s_ended_after_s": round(late.seconds, 2),
        "deadline_reason": late.finish_reason,
    }


async def kill_a_worker(backend: InProcessBackend, replicas: Replicas) -> dict[str, object]:
    """With sixteen requests in flight that have said nothing yet."""
    requests = [request(Text(f"{number:04}"), user=str(number), max_tokens=8) for number in range(CONCURRENT)]
    blocks = [worker.kv_total for worker in backend.status().workers]
    replicas.faults = iter([kill])
    started = time.monotonic()
    answers = await asyncio.gather(*(ask(backend, each) for each in requests))
    answered = time.monotonic() - started
    while not all(worker.healthy for worker in backend.status().workers):  # noqa: ASYNC110 - has no event
        await asyncio.sleep(0.05)
    return {
        "killed_answers": sum(answer.tokens == 8 for answer in answers),
        "killed_answered_after_s": round(answered, 1),
        "killed_healthy_after_s": round(time.monotonic() - started, 1),
        "killed_same_cache": blocks == [worker.kv_total for worker in backend.status().workers],
        "killed_weights_and_cache_gib": held_gib(),
    }


def request(
    *parts: Part, max_tokens: int, user: str = "", deadline: float = float("inf")
) -> GenerationRequest:
    return GenerationRequest(
        request_id="benchmark",
        messages=(Message("user", parts),),
        sampling_params=SamplingParams(max_tokens=max_tokens, temperature=0.0),
        fairness_key=user,
        deadline=deadline,
    )


def screenshot(seed: int) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (*SCREEN, 3), dtype=np.uint8))


async def ask(backend: InProcessBackend, asked: GenerationRequest) -> Answer:
    started = time.monotonic()
    moments: list[float] = []
    deltas: list[Delta] = []
    async for delta in backend.generate(asked):
        deltas.append(delta)
        if delta.text or delta.reasoning:
            moments.append(time.monotonic())
    ended = time.monotonic()
    usage = deltas[-1].usage
    assert usage is not None
    gaps = np.diff(moments) if len(moments) > 1 else [0.0]
    return Answer(
        text="".join(delta.text for delta in deltas),
        ttft_seconds=(moments[0] if moments else ended) - started,
        itl_seconds=float(np.median(gaps)),
        seconds=ended - started,
        tokens=usage.completion_tokens,
        prompt_tokens=usage.prompt_tokens,
        finish_reason=deltas[-1].finish_reason,
    )


def held_gib() -> tuple[float, ...]:
    return tuple(
        round(torch.cuda.memory_allocated(index) / 2**30, 2) for index in range(torch.cuda.device_count())
    )


def _rate(answer: Answer) -> float:
    """Tokens per second after the first one."""
    return round((answer.tokens - 1) / (answer.seconds - answer.ttft_seconds), 1)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


if __name__ == "__main__":
    main()
