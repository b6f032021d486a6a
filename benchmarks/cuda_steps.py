"""Steps of the 9B's shape on one GPU, without engine or gateway: `python -m benchmarks.cuda_steps`.

Milliseconds of a decode step by bucket and of a prefill by tokens, beside the floor: the bytes of weights
and cache at the rate of a copy. Random weights; CUDA events; medians, twice. `--profile` adds each
kernel's share.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from inference.config import EngineConfig
from inference.engine.cuda_runner import CudaRunner
from inference.engine.kv_cache import blocks_for
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.text_stream import TextStream
from inference.kernels.cuda.tiles import DECODE_BUCKETS
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, SamplingParams
from testbed.hardware import hardware_and_versions
from testbed.random_decoder import NINE_B, random_decoder

LAYERS = 40
CONTEXT = 1024
LONG_CONTEXT = 8192
CACHE_TOKENS = 160_000
PREFILLS = (64, 128, 256, 512, 768, 1024, 2048, 3100, 3354)
REPEATS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    device = torch.device("cuda:0")
    with torch.inference_mode():
        decoder = random_decoder(replace(NINE_B, num_layers=LAYERS), "cuda:0")
        torch.cuda.synchronize()
        started = time.monotonic()
        config = EngineConfig(max_running_requests=64, kv_cache_tokens=CACHE_TOKENS)
        runner = CudaRunner(decoder, device, config, NINE_B.max_position_embeddings)
        figures: dict[str, object] = {"runner_seconds": round(time.monotonic() - started, 1)}
        print(figures, flush=True)
        runner._kv_caches.normal_()
        bandwidth = copy_rate()
        print(f"copy: {bandwidth / 1e12:.2f} TB/s", flush=True)
        weights = sum(each.numel() * each.element_size() for each in decoder.buffers())
        weights -= decoder.embed_tokens.cb.numel()
        token_bytes = 2 * LAYERS * NINE_B.num_key_value_heads * NINE_B.head_dim * 2
        for rows, context in [(rows, CONTEXT) for rows in DECODE_BUCKETS] + [
            (1, LONG_CONTEXT),
            (16, LONG_CONTEXT),
        ]:
            chunks = decode_chunks(rows, context)
            floor = (weights + rows * context * token_bytes) / bandwidth * 1e3
            runner.launch(chunks).wait()
            times = [time_runs(partial(runner.replay_decode, rows), REPEATS) for _ in range(2)]
            whole = wall_ms(partial(finish, runner, chunks))
            figures[f"decode {rows} x {context}"] = {"ms": times, "with_host_ms": whole, "floor_ms": floor}
            print(
                f"decode {rows:2} x {context}: {times[0]:.3f} {times[1]:.3f} ms, with the host {whole:.3f}, "
                f"floor {floor:.3f} ({floor / min(times):.0%}), {rows / min(times) * 1e3:,.0f} tokens/s",
                flush=True,
            )
        for tokens in PREFILLS:
            chunks = [Chunk(sequence(tokens), 0, tokens)]
            runner.launch(chunks).wait()
            times = [time_runs(partial(runner.launch, chunks), 5) for _ in range(2)]
            issue = wall_ms(partial(runner.launch, chunks), after=torch.cuda.synchronize)
            whole = wall_ms(partial(finish, runner, chunks))
            figures[f"prefill {tokens}"] = {"ms": times, "issue_ms": issue, "with_host_ms": whole}
            print(
                f"prefill {tokens:5}: {times[0]:.2f} {times[1]:.2f} ms, issued in {issue:.2f}, "
                f"with the host {whole:.2f}",
                flush=True,
            )
        if arguments.profile:
            for rows in (1, 16, 32, 64):
                chunks = decode_chunks(rows, CONTEXT)
                profile(f"decode {rows}", partial(finish, runner, chunks))
            for tokens in (512, 3100):
                chunks = [Chunk(sequence(tokens), 0, tokens)]
                profile(f"prefill {tokens}", partial(finish, runner, chunks))
    print(json.dumps(figures | {"hardware": hardware_and_versions("torch", "triton")}))


def finish(runner: CudaRunner, chunks: list[Chunk]) -> list[int | None]:
    return runner.launch(chunks).wait()


def sequence(tokens: int, first_block: int = 0) -> Sequence:
    params = SamplingParams(max_tokens=64, temperature=0.0)
    prompt = EncodedPrompt(tuple(torch.randint(0, 100_000, (tokens,)).tolist()))
    stream = TextStream(lambda token_id: b"", (), is_reasoning=False)
    made = Sequence(0, GenerationRequest("", (), params), prompt, stream, 16)
    blocks = blocks_for(tokens + 16, 16)
    order = torch.randperm(blocks) + first_block
    made.append_blocks(order.tolist())
    return made


def decode_chunks(rows: int, context: int) -> list[Chunk]:
    per = blocks_for(context + 16, 16)
    return [Chunk(sequence(context, row * per), context - 1, context) for row in range(rows)]


def time_runs(run: Callable[[], object], repeats: int) -> float:
    """Median ms on the device."""
    for _ in range(3):
        run()
    events = [(torch.cuda.Event(True), torch.cuda.Event(True)) for _ in range(repeats)]
    for start, end in events:
        start.record()
        run()
        end.record()
    torch.cuda.synchronize()
    return statistics.median(start.elapsed_time(end) for start, end in events)


def wall_ms(run: Callable[[], object], repeats: int = 7, after: Callable[[], object] = lambda: None) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1e3)
        after()
    return statistics.median(times)


def copy_rate() -> float:
    """Bytes read and written a second."""
    source = torch.empty(1 << 30, dtype=torch.int8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / time_runs(lambda: target.copy_(source), 20) * 1e3


def profile(name: str, run: Callable[[], object]) -> None:
    """Kernels by their time; with overlapping launches a kernel's time includes its waiting."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        run()
        torch.cuda.synchronize()
    rows = sorted(profiler.key_averages(), key=lambda row: -row.device_time_total)[:14]
    print(
        name,
        {row.key[:40]: (row.count, round(row.device_time_total / row.count, 1)) for row in rows},
        flush=True,
    )


if __name__ == "__main__":
    main()
