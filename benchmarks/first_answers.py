"""How soon the embedded model answers: `python -m benchmarks.first_answers` (about a minute).

A gateway on all cores of the processor, started a few times in an empty data directory: seconds until it
is ready, then in turns the first token of `/chat` and whole answers of `/vision` and `/speech`, medians,
beside the goals for two cores. Each question, picture and recording is one it has not met, so that nothing
is known beforehand. What is asked first of each kind after a start counts apart.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from testbed.figures import print_figures
from testbed.gateways import started_gateway
from testbed.hardware import hardware_and_versions
from training.speech.audio_files import decode, encode
from training.speech.codecs import Codec

SAMPLES = Path(__file__).parents[1] / "samples"
GOALS = {
    "ready_seconds": 4.0,
    "chat_first_token_ms": 60.0,
    "screenshot_answer_ms": 400.0,
    "photo_answer_ms": 400.0,
    "speech_answer_ms": 300.0,
}
AAC = Codec("aac", 48_000)
PROMPTS = (
    "Who are you?",
    "打开微信",
    "Set an alarm for 6:45",
    "你能做什么？",
    "swipe up",
    "Open the camera app",
    "早上好",
    "Go back",
)
PACKAGES = ("torch", "transformers", "uvicorn", "av", "pillow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--starts", type=int, default=3)
    rounds = range(1, len(PROMPTS))
    parser.add_argument("--rounds", type=int, default=7, choices=rounds, help="of questions after each start")
    options = parser.parse_args()
    measured: dict[str, list[float]] = defaultdict(list)
    for _ in range(options.starts):
        scope, settings = "chat vision speech", {"GATEWAY_BACKEND": "in_process"}
        with started_gateway(scope, None, **settings) as gateway:
            measured["ready_seconds"].append(gateway.ready_seconds)
            headers = {"Authorization": f"Bearer {gateway.token}"}
            url = f"http://127.0.0.1:{gateway.port}"
            with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
                for number in range(1 + options.rounds):
                    for name, seconds in answers(client, number):
                        measured[name if number else f"first_{name}"].append(seconds * 1000)
    figures: dict[str, Any] = {}
    for name, values in measured.items():
        figures[name] = round(statistics.median(values), 2 if name == "ready_seconds" else 0)
        if goal := GOALS.get(name.removeprefix("first_")):
            figures[f"{name}_goal"] = goal
    print_figures("The embedded model's first answers, CPU", figures)
    setting = {"starts": options.starts, "rounds": options.rounds}
    print(json.dumps(figures | setting | {"hardware": hardware_and_versions(*PACKAGES)}))


def answers(client: httpx.Client, number: int) -> Iterator[tuple[str, float]]:
    """Yields the name of each figure and its seconds."""
    yield "chat_first_token_ms", first_token(client, PROMPTS[number])
    screenshot, photo = picture("screenshot.png", "PNG", number), picture("photo.jpg", "JPEG", number)
    yield "screenshot_answer_ms", answer(client, "/vision", {"image": screenshot}, "Tap Sound")
    yield "photo_answer_ms", answer(client, "/vision", {"image": photo}, "What do you see?")
    yield "speech_answer_ms", answer(client, "/speech", {"audio": recording(number)}, "")


def first_token(client: httpx.Client, prompt: str) -> float:
    body = {"prompt": prompt, "temperature": 0, "stream": True}
    started = time.monotonic()
    with client.stream("POST", "/chat", json=body) as response:
        response.raise_for_status()
        lines = response.iter_lines()
        next(line for line in lines if line == "event: delta")
        seconds = time.monotonic() - started
        for _ in lines:  # the next question is to find nothing running
            pass
    return seconds


def answer(client: httpx.Client, path: str, files: dict[str, bytes], prompt: str) -> float:
    fields = {"temperature": "0", **({"prompt": prompt} if prompt else {})}
    started = time.monotonic()
    client.post(path, files=files, data=fields).raise_for_status()
    return time.monotonic() - started


def picture(name: str, form: str, number: int) -> bytes:
    """A sample file, with another grey in one corner for each number."""
    with Image.open(SAMPLES / name) as image:
        image.load()
        changed = image.convert("RGB")
        changed.paste((9 * number,) * 3, (0, 0, 16, 16))
        file = BytesIO()
        changed.save(file, form, exif=image.getexif())
    return file.getvalue()


def recording(number: int) -> bytes:
    """The sample voice of three seconds as m4a, quieter for each number."""
    samples = decode((SAMPLES / "voice.m4a").read_bytes())
    return encode(samples * (1 - number / 100), AAC)


if __name__ == "__main__":
    main()
