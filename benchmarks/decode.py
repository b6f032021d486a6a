"""The engine beside transformers, on the same weights: `python -m benchmarks.decode` (about a minute).

A GLM-4 decoder on the CPU, random or the embedded model's, here in floats and in int8: one response
alone; sixteen at once beside a static batch and beside continuous batching; the time that a step of
sixteen spends outside the model. transformers computes in floats, which is faster there than its int8.
All take turns, and medians of the rounds' ratios are given, so that a noisy neighbour hits everybody.
`--avx2` limits torch, oneDNN and the engine to AVX2, for processors that have more. `--processor-time` counts
the process's own time, which a busy machine changes less than the clock.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.continuous_batching import SIZES, ContinuousBatching, continuous_batching
from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.devices import count_cores, threads_for
from inference.engine.engine import Engine
from inference.kernels.cpu.compiler import is_supported
from inference.kernels.int8_linear import has_exact_int8
from testbed.figures import print_figures
from testbed.hardware import hardware_and_versions
from testbed.reference_decoder import ReferenceDecoder, random_prompt, request, to_tokens

BATCH = 16
PROMPT_TOKENS = 32
ALONE_TOKENS = 96
BATCH_TOKENS = 64
CONTINUOUS_ALONE_TOKENS = 16  # it is slow
WARM_UP_TOKENS = 4
PACKAGES = ("torch", "transformers")
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
GOALS = {  # least ratios in one run, and the most percent of a step outside of the model
    "alone_to_generate": 1.2,
    "int8_alone_to_generate": 2.0,
    "int8_alone_to_generate_on_all_cores": 1.5,
    "batch_to_static_batch": 1.4,
    "int8_batch_to_static_batch": 2.0,
    "step_of_16_outside_the_model_percent": 5.0,
}

COLD = (("continuous_alone", 1), ("continuous_batch", BATCH))

Rates = dict[str, list[float]]
Clock = Callable[[], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no round begins after as many")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="of all threads: with one thread of torch, not all cores",
    )
    parser.add_argument("--avx2", action="store_true", help="as on a processor without AVX-512, VNNI and AMX")
    parser.add_argument(
        "--without-continuous-batching", action="store_true", help="of transformers, which takes most time"
    )
    parser.add_argument("--threads", type=int, default=threads_for(count_cores()), help="of torch, for all")
    parser.add_argument(
        "--as-it-comes",
        action="store_true",
        help="continuous batching also as its defaults have it, from a cold start, once: takes most memory",
    )
    parser.add_argument("--embedded", action="store_true", help="the embedded model's decoder, trained")
    arguments = parser.parse_args()
    if arguments.avx2 and not AVX2.items() <= os.environ.items():  # read when torch is imported
        os.execve(sys.executable, [sys.executable, "-m", __spec__.name, *sys.argv[1:]], os.environ | AVX2)
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as directory:
        decoder = ReferenceDecoder.write(Path(directory), arguments.embedded)
        figures: dict[str, Any] = {"parameters": decoder.parameters, "equal_tokens": check(decoder)}
        rates = asyncio.run(measure(decoder, arguments))
        figures |= summarise(rates)
        figures |= outside_the_model(decoder)
    figures |= {f"{name}_goal": goal for name, goal in GOALS.items()}
    print_figures(
        f"The engine beside transformers, {decoder.parameters / 1e6:.1f} M parameters, CPU", figures
    )
    setting = {
        "rounds": len(rates["generate_alone"]),
        "threads": arguments.threads,
        "processor_time": arguments.processor_time,
        "embedded": arguments.embedded,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "int8_sums_integers": has_exact_int8(),
        "has_compiled_kernels": is_supported(),
    }
    print(json.dumps(figures | setting | {"hardware": hardware_and_versions(*PACKAGES)}))


def check(decoder: ReferenceDecoder) -> bool:
    """Whether both say the same in floats; a difference would make the comparison worthless.

    In int8 random weights say something else at once; training.evaluate compares trained ones.
    """
    prompts = [random_prompt(PROMPT_TOKENS, seed) for seed in range(BATCH)]
    expected = generate(decoder, prompts, BATCH_TOKENS)
    engine = Engine(decoder.load(), torch.device("cpu"), EngineConfig(kv_cache_tokens=4096))
    responses: dict[int, str] = dict.fromkeys(range(BATCH), "")
    for key, prompt in enumerate(prompts):
        engine.add(key, request(prompt, BATCH_TOKENS))
    while engine.has_work:
        for key, event in engine.step():
            responses[key] += getattr(event, "text", "")
    return [to_tokens(responses[key]) for key in range(BATCH)] == expected


async def measure(decoder: ReferenceDecoder, arguments: argparse.Namespace) -> Rates:
    rates: Rates = {}
    threads, started = arguments.threads, time.monotonic()
    clock = time.process_time if arguments.processor_time else time.monotonic

    def note(name: str, tokens: int, seconds: float) -> None:
        rates.setdefault(name, []).append(tokens / seconds)

    backends = {"engine": decoder.backend(), "engine_int8": decoder.backend("int8")}
    for backend in backends.values():
        await backend.start()
        await ask_all(backend, BATCH, WARM_UP_TOKENS, seed=10_000)
    torch.set_num_threads(threads)
    try:
        generate(decoder, [random_prompt(PROMPT_TOKENS, 0)] * BATCH, WARM_UP_TOKENS)
        for number in range(arguments.rounds):
            if number and time.monotonic() - started > arguments.seconds:
                break
            seed = number * BATCH
            prompts = [random_prompt(PROMPT_TOKENS, seed + index) for index in range(BATCH)]
            note(
                "generate_alone", ALONE_TOKENS, seconds_to_generate(decoder, prompts[:1], ALONE_TOKENS, clock)
            )
            if not arguments.processor_time:
                torch.set_num_threads(count_cores())  # `generate` has no event loop to leave a core to
                seconds = seconds_to_generate(decoder, prompts[:1], ALONE_TOKENS, clock)
                note("generate_on_all_cores_alone", ALONE_TOKENS, seconds)
                torch.set_num_threads(threads)
            for name, backend in backends.items():
                note(f"{name}_alone", ALONE_TOKENS, await ask_all(backend, 1, ALONE_TOKENS, seed, clock))
            tokens = BATCH * BATCH_TOKENS
            note("static_batch", tokens, seconds_to_generate(decoder, prompts, BATCH_TOKENS, clock))
            for name, backend in backends.items():
                note(f"{name}_batch", tokens, await ask_all(backend, BATCH, BATCH_TOKENS, seed, clock))
            if arguments.without_continuous_batching or arguments.processor_time:
                continue
            with continuous_batching(decoder, **SIZES) as batching:
                await batching.ask(prompts[0], WARM_UP_TOKENS)
                seconds = await seconds_to_ask(batching, prompts[:1], CONTINUOUS_ALONE_TOKENS)
                note("continuous_alone", CONTINUOUS_ALONE_TOKENS, seconds)
                note("continuous_batch", tokens, await seconds_to_ask(batching, prompts, BATCH_TOKENS))
        for name, count in COLD if arguments.as_it_comes else ():
            with continuous_batching(decoder) as batching:
                seconds = await seconds_to_ask(batching, prompts[:count], CONTINUOUS_ALONE_TOKENS)
                note(f"{name}_as_it_comes", count * CONTINUOUS_ALONE_TOKENS, seconds)
    finally:
        for backend in backends.values():
            await backend.aclose(0)
    return rates


def generate(decoder: ReferenceDecoder, prompts: list[list[int]], max_tokens: int) -> list[list[int]]:
    """transformers' `generate`, as a static batch when there are several prompts."""
    rows = torch.tensor(prompts)
    mask = torch.ones_like(rows)
    generated: Tensor = decoder.reference.generate(
        rows, attention_mask=mask, max_new_tokens=max_tokens, do_sample=False
    )
    responses: list[list[int]] = generated[:, rows.shape[1] :].tolist()
    return responses


async def seconds_to_ask(batching: ContinuousBatching, prompts: list[list[int]], max_tokens: int) -> float:
    started = time.monotonic()
    await asyncio.gather(*(batching.ask(prompt, max_tokens) for prompt in prompts))
    return time.monotonic() - started


def seconds_to_generate(
    decoder: ReferenceDecoder, prompts: list[list[int]], max_tokens: int, clock: Clock
) -> float:
    started = clock()
    generate(decoder, prompts, max_tokens)
    return clock() - started


async def ask_all(
    backend: InProcessBackend, count: int, max_tokens: int, seed: int, clock: Clock = time.monotonic
) -> float:
    """Seconds until all have ended, each from a user of its own, so that no prompt is known."""
    started = clock()
    await asyncio.gather(
        *(_ask(backend, random_prompt(PROMPT_TOKENS, seed + index), max_tokens) for index in range(count))
    )
    return clock() - started


async def _ask(backend: InProcessBackend, prompt: list[int], max_tokens: int) -> None:
    user = str(prompt[:4])
    async for delta in backend.generate(request(prompt, max_tokens, user)):
        last = delta
    assert last.usage is not None
    assert last.usage.completion_tokens == max_tokens


def summarise(rates: Rates) -> dict[str, Any]:
    figures: dict[str, Any] = {
        f"{name}_tokens_per_second": round(statistics.median(values), 1) for name, values in rates.items()
    }
    comparisons = {
        f"{prefix}{name}": (f"engine_{prefix}{ours}", theirs)
        for prefix in ("", "int8_")
        for name, ours, theirs in (
            ("alone_to_generate", "alone", "generate_alone"),
            ("alone_to_generate_on_all_cores", "alone", "generate_on_all_cores_alone"),
            ("batch_to_static_batch", "batch", "static_batch"),
            ("batch_to_continuous_batching", "batch", "continuous_batch"),
        )
    }
    for name, (ours, theirs) in comparisons.items():
        if theirs not in rates:
            continue
        ratios = [one / other for one, other in zip(rates[ours], rates[theirs], strict=True)]
        figures[name] = round(statistics.median(ratios), 2)
        figures[f"{name}_least_and_most"] = (round(min(ratios), 2), round(max(ratios), 2))
    if cold := rates.get("continuous_batch_as_it_comes"):
        for prefix in ("", "int8_"):
            figures[f"{prefix}batch_to_continuous_batching_as_it_comes"] = round(
                statistics.median(rates[f"engine_{prefix}batch"]) / cold[0], 2
            )
    return figures


def outside_the_model(decoder: ReferenceDecoder) -> dict[str, Any]:
    """Milliseconds of a step of sixteen that are not the decoder's, in the thread's own time."""
    model = decoder.load("int8")
    inside = 0.0

    def timed(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def call(*arguments: Any) -> Tensor:
            nonlocal inside
            started = time.thread_time()
            result = function(*arguments)
            inside += time.thread_time() - started
            return result

        return call

    model.decoder.embed = timed(model.decoder.embed)  # type: ignore[method-assign]  # measured, not changed
    model.decoder.forward = timed(model.decoder.forward)  # type: ignore[method-assign]  # likewise
    model.decoder.logits = timed(model.decoder.logits)  # type: ignore[method-assign]  # likewise
    engine = Engine(model, torch.device("cpu"), EngineConfig(kv_cache_tokens=4096))
    engine.prepare_grammars()  # as each worker does at its start: it reads the vocabulary
    for key in range(BATCH):
        engine.add(key, request(random_prompt(PROMPT_TOKENS, key), 160))
    whole: list[float] = []
    outside: list[float] = []
    while engine.has_work:
        inside, started = 0.0, time.thread_time()
        engine.step()
        whole.append(time.thread_time() - started)
        outside.append(whole[-1] - inside)
    outside, whole = outside[BATCH:], whole[BATCH:]  # decoding alone
    return {
        "step_of_16_ms": _ms(statistics.median(whole)),
        "step_of_16_outside_the_model_ms": _ms(statistics.median(outside)),
        "step_of_16_outside_the_model_ms_p90": _ms(sorted(outside)[len(outside) * 9 // 10]),
        "step_of_16_outside_the_model_percent": round(
            100 * statistics.median(some / each for some, each in zip(outside, whole, strict=True)), 1
        ),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


if __name__ == "__main__":
    main()
