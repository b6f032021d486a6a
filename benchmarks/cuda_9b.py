"""The 9B model's shape on CUDA devices: `python -m benchmarks.cuda_9b` (about three minutes).

Writes a random checkpoint in int8 (11 GiB), loads it on every device in one process and sends it requests
through the backend: text alone and in batches, a phone's screenshot, an agent's step, a response that is
left, a deadline, a worker that is killed. `--stock` measures transformers' `generate` with bitsandbytes
beside it; `--memory-gb` lets each device have that much only.

`--devices N` compares N devices with one instead (`benchmarks/cuda_pool.py`), with `--workers` and
`--placement` as the settings of these names. `--tiny` does so with a tiny model, on the CPU where there is
no GPU.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks import cuda_pool
from benchmarks.checkpoint_9b import NINE_B, TINY, write_checkpoint
from benchmarks.stock_9b import measure_stock
from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.loading.loaded_model import LoadedModel
from inference.loading.registry import load_model
from inference.types import Delta, GenerationRequest, Image, Message, Part, SamplingParams, Text
from testbed.figures import print_figures
from testbed.hardware import hardware_and_versions

PROMPT = Text("x" * 126)  # 128 tokens with the template's own
SCREEN = (2400, 1080)  # height, width
CONTEXT = 1024  # tokens of a prompt in a batch, a little less
LONG_CONTEXT = 8192
BATCHES = (1, 8, 16, 32, 64)  # requests at once, per device
PREFILLS = (128, 512, 3100)  # tokens
ROUNDS = 5
CONCURRENT = 16  # per device, where a worker is killed
KV_CACHE_TOKENS = 200_000  # per device, 8.2 GB
PACKAGES = ("torch", "transformers", "bitsandbytes")


class WorkerKilled(BaseException):
    """Not an Exception, so that nothing inside the engine survives it."""


@dataclass(frozen=True, slots=True)
class Response:
    text: str
    moments: list[tuple[float, int]]  # of each piece of text, and the tokens until then
    ttft_seconds: float
    seconds: float
    tokens: int
    prompt_tokens: int
    finish_reason: str | None


class Replicas:
    """What the backend loads: real models, whose prefill can be told to kill its worker."""

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
        loaded.decoder.embed_tokens.register_forward_pre_hook(self._meet_fault)
        return loaded

    def _meet_fault(self, *_: object) -> None:
        fault = next(self.faults, None)
        if fault is not None:
            fault()


def kill() -> None:
    raise WorkerKilled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="written there unless it is there, and kept")
    parser.add_argument("--only-start", action="store_true", help="measure how soon it is ready, no more")
    parser.add_argument("--max-tokens", type=int, default=160)
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--memory-gb", type=float, help="of each device; default: all")
    parser.add_argument("--devices", type=int, help="compare so many with one")
    parser.add_argument("--workers", choices=("threads", "processes"), default="threads")
    parser.add_argument("--placement", choices=("replicate", "split"), default="replicate")
    parser.add_argument("--tiny", action="store_true", help="with --devices: a tiny model")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for index in range(torch.cuda.device_count() if arguments.memory_gb else 0):
        total = torch.cuda.get_device_properties(index).total_memory
        torch.cuda.set_per_process_memory_fraction(arguments.memory_gb * 1e9 / total, index)
    figures: dict[str, object] = {"devices": torch.cuda.device_count()}
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.checkpoint or Path(temporary)
        if not (directory / "config.json").exists():
            directory.mkdir(exist_ok=True)
            write_in_process(directory, tiny=arguments.tiny)
        if arguments.devices is not None:
            figures |= asyncio.run(cuda_pool.measure_pool(pool_setup(str(directory), arguments)))
        else:
            figures |= asyncio.run(measure(str(directory), arguments.max_tokens, arguments.only_start))
    if arguments.stock:
        torch.cuda.empty_cache()
        figures |= measure_stock(CONCURRENT, prompt_tokens=128, max_tokens=32)
    print_figures("A 9B-shaped Glm4v in int8", figures)
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    figures |= {"arguments": {name: str(value) for name, value in vars(arguments).items()}}
    print(json.dumps(figures | {"gpus": names, "hardware": hardware_and_versions(*PACKAGES)}))


def write_in_process(directory: Path, *, tiny: bool) -> None:
    """Another process, so that this one does not use the devices: its workers may be processes, too."""
    device = "cuda:0" if torch.cuda.device_count() else "cpu"
    process = multiprocessing.get_context("spawn").Process(
        target=write_checkpoint, args=(directory, device, TINY if tiny else NINE_B)
    )
    started = time.monotonic()
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit("The checkpoint cannot be written.")
    logging.info("the checkpoint is written after %.1f s", time.monotonic() - started)


def pool_setup(model: str, arguments: argparse.Namespace) -> cuda_pool.Setup:
    devices = tuple(f"cuda:{index}" for index in range(arguments.devices))
    if torch.cuda.device_count() == 0 and arguments.tiny:
        devices = ("cpu",) * arguments.devices
    plan = cuda_pool.TINY if arguments.tiny else cuda_pool.FULL
    return cuda_pool.Setup(model, devices, arguments.workers, arguments.placement, plan)


async def measure(directory: str, max_tokens: int, only_start: bool) -> dict[str, object]:
    replicas = Replicas()
    config = EngineConfig(
        model=directory,
        devices=("auto",),
        quantization="int8",
        kv_cache_tokens=KV_CACHE_TOKENS,
        max_waiting_requests=256,
        max_running_requests=max(BATCHES),
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
        if only_start:
            return figures
        for part in (send_alone, ask_at_once, end_early):
            figures |= tell(await part(backend, max_tokens))
        figures |= tell(await kill_a_worker(backend, replicas))
    finally:
        await backend.aclose(0)
    return figures


def tell(figures: dict[str, object]) -> dict[str, object]:
    """Before the next part, which may fail."""
    logging.info("%s", figures)
    return figures


async def send_alone(backend: InProcessBackend, max_tokens: int) -> dict[str, object]:
    """The first screenshot comes before anything else: what the start has not warmed up, it pays for."""
    figures: dict[str, object] = {}
    for seed, name in enumerate(("first_screenshot", "screenshot", "third_screenshot")):
        screen = await ask(backend, request(screenshot(seed), PROMPT, max_tokens=150))
        figures |= {
            f"{name}_prompt_tokens": screen.prompt_tokens,
            f"{name}_ttft_ms": _ms(screen.ttft_seconds),
            f"{name}_tokens_per_second": _rate(screen),
            f"{name}_agents_step_seconds": round(screen.seconds, 3),
        }
    for tokens in PREFILLS:
        asked = [text(tokens, f"{tokens} {number}") for number in range(ROUNDS)]
        responses = [await ask(backend, request(each, max_tokens=2)) for each in asked]
        figures[f"ttft_{tokens}_ms"] = tuple(_ms(response.ttft_seconds) for response in responses)
    for context in (256, CONTEXT, LONG_CONTEXT):
        responses = [
            await ask(
                backend,
                request(text(context - max_tokens // 2, f"{context} {number}"), max_tokens=max_tokens),
            )
            for number in range(2)
        ]
        figures[f"alone_at_{context}_tokens_per_second"] = tuple(map(_rate, responses))
    return figures


async def ask_at_once(backend: InProcessBackend, max_tokens: int) -> dict[str, object]:
    figures: dict[str, object] = {}
    workers = len(backend.status().workers)
    for batch in BATCHES[1:]:
        for device in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(device)
        rates = [
            steady_rate(await gather(backend, batch * workers, f"{batch} {number}", max_tokens))
            for number in range(2)
        ]
        figures[f"{batch}_at_once_tokens_per_second"] = tuple(rates)
    figures["peak_gib"] = tuple(
        round(torch.cuda.max_memory_allocated(index) / 2**30, 2) for index in range(torch.cuda.device_count())
    )
    return figures


async def gather(backend: InProcessBackend, count: int, name: str, max_tokens: int) -> list[Response]:
    """Contexts of CONTEXT tokens in the middle of the responses, from as many users."""
    return await asyncio.gather(
        *(
            ask(
                backend,
                request(
                    text(CONTEXT - max_tokens, f"{name} {user}"), user=str(user), max_tokens=2 * max_tokens
                ),
            )
            for user in range(count)
        )
    )


def steady_rate(responses: list[Response]) -> float:
    """Tokens per second while all decode: from the last one's first token to the first one's end."""
    start = max(response.moments[0][0] for response in responses)
    end = min(response.moments[-1][0] for response in responses)
    tokens = sum(tokens_until(response, end) - tokens_until(response, start) for response in responses)
    return round(tokens / (end - start), 1)


def tokens_until(response: Response, moment: float) -> int:
    """A piece of text has several tokens when the event loop is behind."""
    return max((tokens for when, tokens in response.moments if when <= moment), default=0)


def text(tokens: int, name: str) -> Text:
    """A prompt of so many tokens, two of them the template's, that begins like no other."""
    return Text((name + " ").ljust(tokens - 2, "x"))


async def end_early(backend: InProcessBackend, max_tokens: int) -> dict[str, object]:
    stream = backend.generate(request(PROMPT, max_tokens=10 * max_tokens))
    for _ in range(4):
        await anext(stream)
    started = time.monotonic()
    await stream.aclose()
    aborted = time.monotonic() - started
    used = sum(worker.kv_used for worker in backend.status().workers)
    late = await ask(backend, request(PROMPT, max_tokens=10 * max_tokens, deadline=time.monotonic() + 1))
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
    responses = await asyncio.gather(*(ask(backend, each) for each in requests))
    took_seconds = time.monotonic() - started
    while not all(worker.healthy for worker in backend.status().workers):  # noqa: ASYNC110 - has no event
        await asyncio.sleep(0.05)
    return {
        "killed_responses": sum(response.tokens == 8 for response in responses),
        "killed_served_after_s": round(took_seconds, 1),
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


async def ask(backend: InProcessBackend, asked: GenerationRequest) -> Response:
    started = time.monotonic()
    moments: list[tuple[float, int]] = []
    deltas: list[Delta] = []
    async for delta in backend.generate(asked):
        deltas.append(delta)
        if delta.text or delta.reasoning:
            moments.append((time.monotonic(), delta.usage.completion_tokens if delta.usage else 0))
    ended = time.monotonic()
    usage = deltas[-1].usage
    assert usage is not None
    return Response(
        text="".join(delta.text for delta in deltas),
        moments=moments,
        ttft_seconds=(moments[0][0] if moments else ended) - started,
        seconds=ended - started,
        tokens=usage.completion_tokens,
        prompt_tokens=usage.prompt_tokens,
        finish_reason=deltas[-1].finish_reason,
    )


def held_gib() -> tuple[float, ...]:
    return tuple(
        round(torch.cuda.memory_allocated(index) / 2**30, 2) for index in range(torch.cuda.device_count())
    )


def _rate(response: Response) -> float:
    """Tokens per second after the first one."""
    return round((response.tokens - 1) / (response.seconds - response.ttft_seconds), 1)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


if __name__ == "__main__":
    main()
