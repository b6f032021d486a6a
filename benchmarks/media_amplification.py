"""What hostile media cost, and what the sandbox adds to others: `python -m benchmarks.media_amplification`.

Each file of `testbed/hostile_media.py` goes through the gateway's decoder, as a request's file does, and
through its codec alone, called as an application without checks or limits calls it, in a process that may
take 8 GiB and 60 seconds. Then honest files are decoded in the sandbox and in this process, in turns. About
eight minutes; `--without-codecs` leaves the codecs out and takes one.
"""

import argparse
import asyncio
import io
import json
import os
import resource
import signal
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import av
import numpy as np
import pillow_heif
import psutil
from PIL import Image as PillowImage
from rich.console import Console
from rich.table import Table

from app.errors import GatewayError
from app.media.codecs.image import decode_image
from app.media.decoding import MediaDecoder
from app.media.sandbox.sandbox import JobUsage
from app.settings import MediaSettings
from inference import ImageFit
from testbed.hardware import hardware_and_versions
from testbed.hostile_media import HOSTILE_IMAGES, HOSTILE_RECORDINGS, encoded

MIB: Final = 2**20
CODEC_BYTES: Final = 8 * 2**30
CODEC_SECONDS: Final = 60
MAX_PIXELS: Final = 5_880_000  # that the published 9B takes of a picture
HIGHEST_BYTES: Final = 400 * MIB  # the goal for every file
HIGHEST_CPU_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Cost:
    outcome: str
    peak_mib: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    file_bytes: int
    codec: Cost | None
    sandbox: Cost


def fit_size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, (MAX_PIXELS / (height * width)) ** 0.5)
    return max(1, int(height * scale)), max(1, int(width * scale))


FIT: Final = ImageFit(MAX_PIXELS, fit_size)


async def cost_in_sandbox(data: bytes, is_image: bool) -> Cost:
    usages: asyncio.Queue[JobUsage] = asyncio.Queue()
    decoder = MediaDecoder(MediaSettings(), usages.put_nowait)
    await decoder.start()
    await decoder.wait_until_ready()
    decode = decoder.image if is_image else decoder.audio
    try:
        try:
            await decode(data, decoder.budget("user", FIT))
            outcome = "decoded"
        except GatewayError as error:
            outcome = error.code
        usage = await usages.get()
    finally:
        await decoder.aclose()
    if usage.outcome in ("died", "timed_out"):
        outcome = f"{outcome}, {usage.outcome}"
    return Cost(outcome, usage.peak_bytes // MIB, round(usage.cpu_seconds, 2))


def cost_of_codec(data: bytes, is_image: bool) -> Cost:
    """In a child, so that nothing of it stays; what the child held before is not counted."""
    decode = decode_picture_plainly if is_image else decode_recording_plainly
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_DATA, (CODEC_BYTES, CODEC_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CODEC_SECONDS, CODEC_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(2 * CODEC_SECONDS)
        code = 1
        try:
            decode(data)
            code = 0
        except BaseException:  # whatever a codec raises, it is the end of this process
            code = 1
        finally:
            os._exit(code)
    _, status, usage = os.wait4(pid, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        is_late = number in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL)
        outcome = f"> {CODEC_SECONDS} s" if is_late else signal.Signals(number).name
    else:
        outcome = "refused" if os.WEXITSTATUS(status) else "decoded"
    seconds = round(usage.ru_utime + usage.ru_stime, 2)
    return Cost(outcome, usage.ru_maxrss // 1024, seconds)


def decode_picture_plainly(data: bytes) -> None:
    PillowImage.MAX_IMAGE_PIXELS = None
    pillow_heif.register_heif_opener()
    with PillowImage.open(io.BytesIO(data)) as picture:
        np.asarray(picture.convert("RGB"))


def decode_recording_plainly(data: bytes) -> None:
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(audio=0):
            frame.to_ndarray()


def measure_hostile_files(*, with_codecs: bool) -> list[Row]:
    rows = []
    kinds: tuple[tuple[bool, Mapping[str, Callable[[], bytes]]], ...] = (
        (True, HOSTILE_IMAGES),
        (False, HOSTILE_RECORDINGS),
    )
    for is_image, files in kinds:
        for name, make in files.items():
            data = make()
            codec = cost_of_codec(data, is_image) if with_codecs else None
            rows.append(Row(name, len(data), codec, asyncio.run(cost_in_sandbox(data, is_image))))
    return rows


def honest_files() -> dict[str, bytes]:
    random = np.random.default_rng(1)
    coarse = PillowImage.fromarray(random.integers(0, 255, (300, 400, 3), np.uint8))
    photo = coarse.resize((4_032, 3_024), PillowImage.Resampling.BICUBIC)
    small = photo.resize((1_000, 750))
    return {
        "jpeg of 200 kB": encoded(small, "JPEG", quality=next_quality(small, 200_000)),
        "jpeg of 12 megapixels": encoded(photo, "JPEG", quality=80),
        "heic of 12 megapixels": encoded(photo, "HEIF", quality=60, enc_params={"preset": "ultrafast"}),
    }


def next_quality(picture: PillowImage.Image, size: int) -> int:
    """The JPEG quality whose file is just larger than `size`."""
    return next(
        (quality for quality in range(50, 100) if len(encoded(picture, "JPEG", quality=quality)) > size), 99
    )


async def measure_honest_files(rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of each file, in this process and in the sandbox, in turns."""
    decoder = MediaDecoder(MediaSettings())
    await decoder.start()
    await decoder.wait_until_ready()
    figures = {}
    try:
        for name, data in honest_files().items():
            here, sandboxed = [], []
            for _ in range(rounds):
                begun_at = time.perf_counter()
                picture = await asyncio.to_thread(decode_image, data, 50_000_000, fit_size)
                np.asarray(picture)
                here.append(1000 * (time.perf_counter() - begun_at))
                await asyncio.sleep(0.05)  # the next process is made meanwhile, as between two requests
                begun_at = time.perf_counter()
                await decoder.image(data, decoder.budget("user", FIT))
                sandboxed.append(1000 * (time.perf_counter() - begun_at))
                await asyncio.sleep(0.05)
            medians = statistics.median(here), statistics.median(sandboxed)
            figures[name] = {
                "here_ms": round(medians[0], 1),
                "sandbox_ms": round(medians[1], 1),
                "added_ms": round(medians[1] - medians[0], 1),
                "ratio": round(medians[1] / medians[0], 2),
            }
        figures["memory of idle processes"] = idle_memory()
    finally:
        await decoder.aclose()
    return figures


def idle_memory() -> dict[str, float]:
    """Of the fork server and of the processes that wait, in MiB; `shared` pages are counted once in `own`."""
    (server,) = psutil.Process().children()
    processes = [server, *server.children()]
    return {
        "processes": len(processes),
        "own_mib": round(sum(process.memory_full_info().pss for process in processes) / MIB, 1),
        "resident_mib": round(sum(process.memory_info().rss for process in processes) / MIB, 1),
    }


def print_hostile_files(rows: list[Row]) -> None:
    table = Table(title="Hostile media: peak memory and processor time")
    for column in ("file", "bytes", "codec alone", "MiB", "CPU s", "gateway", "MiB", "CPU s"):
        table.add_column(column, justify="left" if column in ("file", "codec alone", "gateway") else "right")
    for row in rows:
        codec = row.codec or Cost("", 0, 0.0)
        table.add_row(
            row.name,
            f"{row.file_bytes:,}",
            *(codec.outcome, str(codec.peak_mib), f"{codec.cpu_seconds:.2f}"),
            *(row.sandbox.outcome, str(row.sandbox.peak_mib), f"{row.sandbox.cpu_seconds:.2f}"),
        )
    Console(width=150).print(table)


def print_honest_files(figures: dict[str, dict[str, float]]) -> None:
    table = Table(title="Honest media: medians")
    for column in ("what", "figures"):
        table.add_column(column)
    for name, values in figures.items():
        table.add_row(name, ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items()))
    Console(width=150).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--without-codecs", action="store_true")
    arguments = parser.parse_args()
    rows = measure_hostile_files(with_codecs=not arguments.without_codecs)
    print_hostile_files(rows)
    honest = asyncio.run(measure_honest_files(arguments.rounds))
    print_honest_files(honest)
    worst = {
        "peak_mib": max(row.sandbox.peak_mib for row in rows),
        "cpu_seconds": max(row.sandbox.cpu_seconds for row in rows),
    }
    within = worst["peak_mib"] * MIB <= HIGHEST_BYTES and worst["cpu_seconds"] <= HIGHEST_CPU_SECONDS
    print(
        json.dumps(
            {
                "worst": worst,
                "is_within_bounds": within,
                "hostile": [asdict(row) for row in rows],
                "honest": honest,
                **hardware_and_versions("av", "pillow", "pillow-heif"),
            }
        )
    )


if __name__ == "__main__":
    main()
