"""The options of `deploy/ray/deploy`, and the settings of the engine. Does not import Ray."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.settings import Settings

MIN_KEY_CHARACTERS: Final = 32
# What replicas take of the settings. Gateways in front of them decide who may use them, and how much.
ENGINE_SETTINGS: Final = {
    *("backend", "scripted", "model", "model_name", "devices", "placement", "workers", "quantization"),
    *("speech_recognition_model", "engine", "media", "request_timeout_seconds", "drain_seconds"),
    *("memory_budget_bytes", "spool_bytes", "log_level"),
}
CPU_ONLY: Final = ("cpu",)


@dataclass(frozen=True, slots=True)
class Options:
    """Where proxies listen, how many replicas there are, and what each has.

    `queue` is the number of running and waiting requests of each above which one is added.
    """

    key: str
    address: str
    host: str
    port: int
    min_replicas: int
    max_replicas: int
    cpus: float
    gpus: float
    queue: float
    upscale_seconds: float
    downscale_seconds: float
    look_back_seconds: float


def read_options(arguments: Sequence[str], settings: Settings) -> Options:
    """Raises ValueError with a sentence, and OSError."""
    given = vars(_parser().parse_args(arguments))
    least, most = _range(given.pop("replicas"))
    key = _key(given.pop("key_file"))
    queue = given.pop("queue") or float(settings.engine.max_running_requests)
    return Options(key=key, min_replicas=least, max_replicas=most, queue=queue, **given)


def settings_for_replicas(settings: Settings, gpus: float) -> dict[str, Any]:
    """As `deploy/ray/replica.py` takes them: what was set, and no secrets."""
    given = settings.model_dump(include=ENGINE_SETTINGS, exclude_unset=True)
    given["limits"] = {"max_in_flight": settings.limits.max_in_flight}
    if not gpus:
        given.setdefault("devices", CPU_ONLY)  # not GPUs that were given to nobody
    return given


def _key(file: Path) -> str:
    key = file.read_text().strip()
    if len(key) < MIN_KEY_CHARACTERS:
        raise ValueError(f"The key in {file} is too short; write one with `openssl rand -hex 32`.")
    return key


def _range(text: str) -> tuple[int, int]:
    """`2` is 2 to 2, `1:8` is 1 to 8."""
    least, _, most = text.partition(":")
    if not least.isdecimal() or not (most or least).isdecimal() or not 1 <= int(least) <= int(most or least):
        raise ValueError("Write --replicas as a number, or as the least and the most: 1:8.")
    return int(least), int(most or least)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy/ray/deploy",
        description="Deploys the engine on a cluster that deploy/ray/node started, or changes what is "
        "deployed. Settings of the engine, GATEWAY_…, are read here and sent to all replicas.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--key-file", type=Path, required=True, help="the key that gateways send; only its hash is sent")
    add("--address", default="auto", help="of the first node; auto: of the node on this machine")
    add("--host", default="127.0.0.1", help="where each node listens; 0.0.0.0: at all of its addresses")
    add("--port", type=int, default=8000, help="likewise")
    add("--replicas", default="1", help="how many, or the least and the most: 1:8")
    add("--gpus", type=float, default=0, help="of each replica, which uses all of them (GATEWAY_PLACEMENT)")
    add("--cpus", type=float, default=1, help="of each replica")
    add("--queue", type=float, help="requests of each above which one is added; None: what it runs at once")
    add("--upscale-seconds", type=float, default=10.0, help="how long the queue must be longer")
    add("--downscale-seconds", type=float, default=300.0, help="how long it must be shorter")
    add("--look-back-seconds", type=float, default=15.0, help="over which the length of the queue is a mean")
    return parser
