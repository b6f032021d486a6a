"""Decodes the media of requests: turns between users, files to the sandbox, pixels and samples back."""

import asyncio
import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.errors import AudioTooLong, BodyTooLarge, InvalidAudio, InvalidImage, NoSpeech, ServiceUnavailable
from app.media.codecs.base64_text import is_too_long
from app.media.recording import Recording
from app.media.sandbox.confinement import Limits, Posture
from app.media.sandbox.messages import PPM_HEADER, Job, Kind, Reply
from app.media.sandbox.processes import Launch, launch_fork_server
from app.media.sandbox.sandbox import FitSize, JobUsage, Sandbox
from app.media.sandbox.shared_memory import Result, UnexpectedSize, create_file, take_result, write_all
from app.media.sandbox.turns import Turns
from app.media.speech_finder import SpeechFinder
from app.media.upload import Source
from app.settings import MediaSettings
from inference import AUDIO_SAMPLE_RATE, Audio, Image, ImageFit, SpeechFit

_MAX_PREFIX_CHARACTERS: Final = 200  # of a data URI
_SMALL_BYTES: Final = 262_144  # copied on the event loop: a thread would take longer
_HEADER_BYTES: Final = 64  # a PPM file's, at the most
_ANY_SPEECH: Final = SpeechFit()
_PIXEL_BYTES: Final = 3
_SAMPLE_BYTES: Final = 4


Measure = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class MediaStatistics:
    """Since the start: files by (kind, outcome), and processor time by kind."""

    files: Counter[tuple[str, str]] = field(default_factory=Counter)
    cpu_seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, usage: JobUsage) -> None:
        kind = usage.kind.name.lower()
        self.files[kind, usage.outcome] += 1
        self.cpu_seconds[kind] += usage.cpu_seconds


class MediaDecoder:
    """Created, started and closed by `app/lifespan.py`; its methods are called from the event loop."""

    def __init__(
        self,
        settings: MediaSettings,
        on_job: Callable[[JobUsage], None] = lambda usage: None,
        launch: Launch = launch_fork_server,
    ) -> None:
        self.statistics = MediaStatistics()
        self._settings = settings
        self._on_job = on_job
        self._speech_finder = SpeechFinder()
        self._turns = Turns(settings.decoding_processes, settings.max_waiting_files)
        result_bytes = _HEADER_BYTES + max(
            settings.max_image_pixels * _PIXEL_BYTES,
            settings.max_audio_seconds * AUDIO_SAMPLE_RATE * _SAMPLE_BYTES,
        )
        limits = Limits(settings.decoding_memory_bytes, settings.decoding_cpu_seconds, result_bytes)
        self._sandbox = Sandbox(
            limits, settings.decoding_processes, settings.decoding_seconds, self._note_job, launch
        )

    async def start(self) -> None:
        """Returns before decoding is possible; `wait_until_ready` says when. Raises `SandboxUnavailable`."""
        await self._sandbox.start()

    async def wait_until_ready(self) -> None:
        """Raises `SandboxUnavailable`."""
        await self._sandbox.wait_until_ready()

    async def aclose(self) -> None:
        """Kills what is being decoded."""
        await self._sandbox.aclose()
        self._speech_finder.close()

    def _note_job(self, usage: JobUsage) -> None:
        self.statistics.add(usage)
        self._on_job(usage)

    @property
    def posture(self) -> Posture | None:
        """What holds around the processes that decode; None while there are none."""
        return self._sandbox.posture

    @property
    def running(self) -> int:
        return self._turns.running

    @property
    def waiting(self) -> int:
        return self._turns.waiting

    def bytes_for(self, images: int, recordings: int, image_fit: ImageFit | None) -> int:
        """The most memory that so many decoded media of one request take."""
        settings = self._settings
        pixels = settings.max_image_pixels
        if image_fit is not None:
            pixels = min(pixels, image_fit.max_pixels)
        image_bytes = min(images * pixels, settings.max_request_pixels) * _PIXEL_BYTES
        seconds = settings.max_audio_seconds if recordings else 0
        return image_bytes + seconds * AUDIO_SAMPLE_RATE * _SAMPLE_BYTES

    def budget(
        self,
        user_id: str = "",
        image_fit: ImageFit | None = None,
        speech_fit: SpeechFit = _ANY_SPEECH,
        measure: Measure = lambda _: nullcontext(),
    ) -> "MediaBudget":
        """The bounds of all media of one request; `measure` is called for each step."""
        settings = self._settings
        pixels, seconds = settings.max_request_pixels, settings.max_audio_seconds
        return MediaBudget(user_id, image_fit, speech_fit, pixels, seconds, measure)

    async def image(self, source: Source, budget: "MediaBudget") -> Image:
        """An upright picture, shrunk to what the model takes.

        Raises `InvalidImage`, `ImageTooLarge`, `Overloaded` and `ServiceUnavailable`; also `InvalidMedia` and
        `BodyTooLarge` for a string, and what `Upload.copy_to` raises.
        """
        max_pixels = min(self._settings.max_image_pixels, budget.pixels)
        stored_pixels = most_pixels = 0

        async def fit_size(height: int, width: int) -> tuple[int, int]:
            nonlocal most_pixels, stored_pixels
            stored_pixels = height * width
            if budget.image_fit is not None:
                height, width = budget.image_fit.size(height, width)
            most_pixels = min(stored_pixels, height * width)
            return height, width

        with budget.measure("decode image"):
            reply, result = await self._decode(Kind.IMAGE, source, max_pixels, budget.user_id, fit_size)
        if not 0 < reply.first * reply.second <= most_pixels:
            raise InvalidImage
        budget.pixels -= stored_pixels
        header_bytes = len(PPM_HEADER % (reply.second, reply.first))
        pixels = np.frombuffer(result, np.uint8, offset=header_bytes)
        return Image(pixels.reshape(reply.first, reply.second, 3))

    async def audio(self, source: Source, budget: "MediaBudget") -> tuple[Audio, ...]:
        """All that is spoken, or its phrases for a model that hears one at a time.

        Raises `NoSpeech` and what `recording` raises.
        """
        heard = (await self.recording(source, budget)).heard(budget.speech_fit)
        if not heard:
            raise NoSpeech
        return heard

    async def recording(self, source: Source, budget: "MediaBudget") -> Recording:
        """A recording, mono at the models' sample rate, in which speech has been looked for.

        Raises `InvalidAudio`, `AudioTooLong`, `Overloaded` and `ServiceUnavailable`; also `InvalidMedia` and
        `BodyTooLarge` for a string, and what `Upload.copy_to` raises.
        """
        with budget.measure("decode audio"):
            reply, result = await self._decode(Kind.AUDIO, source, budget.seconds, budget.user_id, _no_size)
        if reply.first > (budget.seconds + 1) * AUDIO_SAMPLE_RATE:
            raise AudioTooLong
        samples = np.frombuffer(result, np.float32)
        bound_samples(samples)
        budget.seconds -= math.ceil(len(samples) / AUDIO_SAMPLE_RATE)
        with budget.measure("find speech"):
            return Recording(samples, await self._speech_finder.find(samples))

    async def _decode(
        self, kind: Kind, source: Source, bound: int, user_id: str, fit_size: FitSize
    ) -> tuple[Reply, Result]:
        if isinstance(source, str) and is_too_long(
            len(source) - _MAX_PREFIX_CHARACTERS, self._settings.max_media_bytes
        ):
            raise BodyTooLarge
        turn = await self._turns.acquire(user_id)
        try:
            with _files() as (file, result):
                size = await _copy(source, file)
                job = Job(kind, isinstance(source, str), size, self._settings.max_media_bytes, bound)
                reply = await self._sandbox.run(job, file, result, fit_size)
                return reply, _take(kind, reply, result)
        finally:
            self._turns.release(turn)


@dataclass(slots=True)
class MediaBudget:
    """How many pixels and seconds the rest of a request may hold: a small file can hold a lot."""

    user_id: str
    image_fit: ImageFit | None
    speech_fit: SpeechFit
    pixels: int
    seconds: int
    measure: Measure


def bound_samples(samples: NDArray[np.float32]) -> None:
    """Makes (T,) samples finite and within [-1, 1], in place, whatever floating point recordings hold."""
    np.nan_to_num(samples, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    np.clip(samples, -1.0, 1.0, out=samples)


@contextmanager
def _files() -> Iterator[tuple[int, int]]:
    """Raises `ServiceUnavailable` when there are no descriptors left."""
    with ExitStack() as stack:
        try:
            file = create_file()
            stack.callback(os.close, file)
            result = create_file()
            stack.callback(os.close, result)
        except OSError:
            raise ServiceUnavailable("Media cannot be decoded now. Try again shortly.") from None
        yield file, result


async def _copy(source: Source, file: int) -> int:
    """Returns how many bytes there are."""
    if not isinstance(source, str | bytes):
        await source.copy_to(file)
    else:
        # Lone surrogates are no base64 either, which the decoding process says.
        data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
        if len(data) <= _SMALL_BYTES:
            write_all(file, data)
        else:
            await _write_in_thread(file, data)
    return os.fstat(file).st_size


async def _write_in_thread(file: int, data: bytes) -> None:
    """A cancelled request closes its descriptor while the thread continues, so the thread has its own."""
    copy = os.dup(file)

    def write() -> None:
        try:
            write_all(copy, data)
        finally:
            os.close(copy)

    await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, write))


def _take(kind: Kind, reply: Reply, result: int) -> Result:
    if kind == Kind.AUDIO:
        size = reply.first * _SAMPLE_BYTES
    else:
        size = len(PPM_HEADER % (reply.second, reply.first)) + reply.first * reply.second * _PIXEL_BYTES
    try:
        return take_result(result, size)
    except UnexpectedSize:
        raise InvalidAudio() if kind == Kind.AUDIO else InvalidImage() from None


async def _no_size(height: int, width: int) -> tuple[int, int]:
    raise AssertionError("a recording has no size in pixels")
