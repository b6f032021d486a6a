"""Endless batches of generated examples, made by worker processes while the device computes.

Examples are never stored: a batch may be learned from a few times while it waits in memory.
"""

import math
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event, Thread
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from inference.loading.tokenizer import TextTokenizer
from inference.modalities.audio import HOP_SIZE, log_mel
from inference.modalities.image import resize
from inference.types import AUDIO_SAMPLE_RATE, Audio, Image
from training.architecture import SPEECH, VISION
from training.cells import NOTHING, tokens_in_cells
from training.example import Example, Split, Turn
from training.packing import Branch, Packer, Row, is_thought_about
from training.speech.examples import speech_example
from training.text.examples import text_turn
from training.vision.examples import label_example, screen_example, shapes_example

Kind = Literal["picture", "sign", "recording", "text"]

ROW_LENGTHS: dict[Kind, int] = {"picture": 768, "sign": 64, "recording": 192, "text": 512}
ROW_COUNTS: dict[Kind, int] = {"picture": 48, "sign": 64, "recording": 64, "text": 32}
AUDIO_LENGTHS = (1.6, 2.08, 2.56, 3.2, 4.0, 5.12)  # seconds; recordings wait in silence for the next one
MAX_TRANSCRIPT = 48  # tokens
# Most tokens that are predicted in a batch; a batch with fewer predicts others for nothing.
MAX_PREDICTED: dict[Kind, int] = {"picture": 13_824, "sign": 1_408, "recording": 4_608, "text": 16_384}
MAX_AHEAD = 32  # batches of a kind that wait on the device
# Pictures of one size make a batch. Cameras' and screens' fill the model's grid; thumbnails do not.
FULL_GRIDS = (
    (24, 10),
    (23, 11),
    (21, 12),
    (19, 13),
    (18, 14),
    (16, 16),
    (14, 18),
    (13, 19),
    (12, 21),
    (11, 23),
    (10, 24),
    (9, 28),
)
SMALL_GRIDS = ((8, 8), (7, 9), (9, 7), (10, 13), (13, 10), (6, 16), (4, 10))
SMALL_SHARE = 0.12  # of shapes and labels
SCREEN_TURNS = 16  # questions of one screen
PHOTO_SCALE = (0.5, 1.4)  # pixels of a training photo to one of the model's
SCREENS, SHAPES = 0.55, 0.37  # shares of pictures; the rest are labels
# Close-ups of labels of a dozen cells: what letters look like is learned from these, cheaply.
SIGN_GRIDS = ((2, 7), (3, 6), (4, 5), (5, 4))
SIGN_SCALE = (0.2, 0.45)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows of equal length.

    `media` are pictures (rows, 3, height, width) uint8 or spectrograms (rows, mels, frames) float16,
    `predicted` where in the flattened rows something is to be predicted, always as many of a kind.
    `places` (rows, length, 4) int16 are where in a picture each target is found, in thousandths, or -1.
    `contents` are the tokens in each cell of a picture (rows, cells, MOST_TOKENS), or of a transcript
    (rows, MAX_TRANSCRIPT), with NOTHING after them.
    """

    kind: Kind
    token_ids: Tensor  # (rows, length) int64, as all of these
    targets: Tensor
    positions: Tensor
    branches: Tensor
    weights: Tensor  # (rows, length) float32
    predicted: Tensor  # (n,) int64
    media: Tensor | None = None
    media_start: int = 0
    places: Tensor | None = None
    contents: Tensor | None = None
    transcript_lengths: Tensor | None = None  # on the CPU, where they are asked for
    turns: tuple[tuple[Turn, ...], ...] = ()  # of each row; kept for evaluation alone

    def tensors(self) -> dict[str, Tensor]:
        """Those that are on the device."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "transcript_lengths"}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def clone(self) -> "Batch":
        cloned: dict[str, Any] = {name: tensor.clone() for name, tensor in self.tensors().items()}
        return replace(self, **cloned)

    def copy_(self, batch: "Batch") -> None:
        """Takes over the tensors of a batch of the same shape, where these lie."""
        given = batch.tensors()
        for name, tensor in self.tensors().items():
            tensor.copy_(given[name])

    def to(self, device: torch.device) -> "Batch":
        moved: dict[str, Any] = {}
        for name, value in self.tensors().items():
            moved[name] = value.clone() if device.type == "cpu" else value.to(device)
        for name in ("token_ids", "targets", "positions", "branches", "contents"):
            if name in moved:
                moved[name] = moved[name].long()
        return replace(self, **moved)


class Batches(IterableDataset[Batch]):
    """Batches of one kind. Each worker process draws from a seed of its own."""

    def __init__(self, kind: Kind, split: Split, seed: int, keeps_turns: bool = False) -> None:
        self._kind = kind
        self._split: Split = split
        self._seed = seed
        self._keeps_turns = keeps_turns

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        worker = get_worker_info()
        rng = random.Random(f"{self._kind} {self._split} {self._seed} {worker.id if worker else 0}")
        packer = Packer()
        match self._kind:
            case "text":
                return self._texts(rng, packer)
            case "picture":
                return self._media(rng, packer, self._picture)
            case "sign":
                return self._media(rng, packer, self._sign)
            case "recording":
                return self._media(rng, packer, self._recording)

    def _texts(self, rng: random.Random, packer: Packer) -> Iterator[Batch]:
        def branches() -> Iterator[Branch]:
            while True:
                turn = text_turn(rng, self._split)
                yield packer.branch(turn, None, is_thought_about(turn, rng))[1]

        while True:
            rows = [packer.row([], 0, branches(), ROW_LENGTHS["text"]) for _ in range(ROW_COUNTS["text"])]
            yield self._batch(rows)

    def _media(
        self,
        rng: random.Random,
        packer: Packer,
        prepare: Callable[[random.Random], tuple[Example, Tensor, int]],
    ) -> Iterator[Batch]:
        waiting: dict[torch.Size, list[tuple[Row, Tensor, NDArray[np.int16]]]] = defaultdict(list)
        while True:
            example, media, media_length = prepare(rng)
            turns = rng.sample(example.turns, len(example.turns))
            packed = [packer.branch(turn, example.media, is_thought_about(turn, rng)) for turn in turns]
            row = packer.row(
                packed[0][0], media_length, [each[1] for each in packed], ROW_LENGTHS[self._kind]
            )
            group = waiting[media.shape]
            group.append((row, media, self._contents(example, media, packer.tokenizer)))
            if len(group) == ROW_COUNTS[self._kind]:
                rows, all_media, contents = zip(*waiting.pop(media.shape), strict=True)
                yield self._batch(list(rows), torch.stack(all_media), torch.from_numpy(np.stack(contents)))

    def _picture(self, rng: random.Random) -> tuple[Example, Tensor, int]:
        draw = rng.random()
        if draw < SCREENS:
            example = screen_example(rng, self._split, most_turns=SCREEN_TURNS)
        else:
            make = shapes_example if draw < SCREENS + SHAPES else label_example
            example = make(rng, self._split, PHOTO_SCALE)
        is_small = draw >= SCREENS and rng.random() < SMALL_SHARE
        return _fitted(example, SMALL_GRIDS if is_small else FULL_GRIDS)

    def _sign(self, rng: random.Random) -> tuple[Example, Tensor, int]:
        return _fitted(label_example(rng, self._split, SIGN_SCALE), SIGN_GRIDS)

    def _recording(self, rng: random.Random) -> tuple[Example, Tensor, int]:
        while True:
            example = speech_example(rng, self._split)
            assert isinstance(example.media, Audio)
            fitting = [
                each for each in AUDIO_LENGTHS if each * AUDIO_SAMPLE_RATE >= len(example.media.samples)
            ]
            if fitting:
                break
        missing = int(fitting[0] * AUDIO_SAMPLE_RATE) - len(example.media.samples)
        samples = np.pad(example.media.samples, (0, missing))
        spectrogram = log_mel(samples, SPEECH.num_mels, SPEECH.frames_per_token)
        return example, spectrogram.half(), len(samples) // (HOP_SIZE * SPEECH.frames_per_token)

    def _contents(self, example: Example, media: Tensor, tokenizer: TextTokenizer) -> NDArray[np.int16]:
        """The tokens in each cell of a picture, or those of a recording's transcript."""
        if self._kind != "recording":
            _, height, width = media.shape
            cell = VISION.cell_size
            return tokens_in_cells(example.marks, height // cell, width // cell, tokenizer)
        transcript = np.full(MAX_TRANSCRIPT, NOTHING, dtype=np.int16)
        token_ids = tokenizer.encode_text(example.transcript)[:MAX_TRANSCRIPT]
        transcript[: len(token_ids)] = token_ids
        return transcript

    def _batch(self, rows: list[Row], media: Tensor | None = None, contents: Tensor | None = None) -> Batch:
        def stacked(name: str) -> Tensor:
            return torch.from_numpy(np.stack([getattr(row, name) for row in rows]))

        lengths = None
        if self._kind == "recording" and contents is not None:
            lengths = (contents != NOTHING).sum(dim=1)
        return Batch(
            kind=self._kind,
            token_ids=stacked("token_ids"),
            targets=stacked("targets"),
            positions=stacked("positions"),
            branches=stacked("branches"),
            weights=(weights := stacked("weights")),
            predicted=_predicted_positions(weights, MAX_PREDICTED[self._kind]),
            media=media,
            media_start=rows[0].media_start,
            places=stacked("places") if self._kind == "picture" else None,
            contents=contents,
            transcript_lengths=lengths,
            turns=tuple(row.turns for row in rows) if self._keeps_turns else (),
        )


def _predicted_positions(weights: Tensor, count: int) -> Tensor:
    """`count` places in the flattened weights: all that weigh something, then others."""
    is_weightless = weights.flatten() == 0
    assert int((~is_weightless).sum()) <= count
    return torch.argsort(is_weightless, stable=True)[:count]


def _fitted(example: Example, grids: Sequence[tuple[int, int]]) -> tuple[Example, Tensor, int]:
    """Resized to the grid whose shape is nearest the picture's; returns its number of cells, too."""
    assert isinstance(example.media, Image)
    height, width = example.media.pixels.shape[:2]
    rows, columns = min(grids, key=lambda grid: abs(math.log(grid[0] / grid[1] * width / height)))
    cell = VISION.cell_size
    return example, resize(example.media.pixels, rows * cell, columns * cell), rows * columns


class Stream:
    """Batches of one kind on the device, as they are made; when the makers are behind, a recent one again.

    Created by the trainer and closed by it.
    """

    def __init__(self, kind: Kind, num_workers: int, seed: int, max_kept: int, device: torch.device) -> None:
        loader = DataLoader(
            Batches(kind, "train", seed),
            batch_size=None,
            num_workers=num_workers,
            prefetch_factor=2,
            in_order=False,
            multiprocessing_context="forkserver",  # the trainer has threads and a device
        )
        self._device = device
        self._fresh: deque[Batch] = deque()
        self._kept: deque[Batch] = deque(maxlen=max_kept)
        self._rng = random.Random(seed)
        self._is_closing = Event()
        self._has_some = Event()
        self._thread = Thread(target=self._collect, args=(loader,), name=f"batches-{kind}", daemon=True)
        self.num_made = 0
        self._thread.start()

    def next(self) -> Batch:
        self._has_some.wait()
        if self._fresh:
            batch = self._fresh.popleft()
            self._kept.append(batch)
        else:
            batch = self._rng.choice(self._kept)
        if self._device.type == "cuda":
            stream = torch.cuda.current_stream(self._device)
            for tensor in batch.tensors().values():
                tensor.record_stream(stream)  # may still be read when it is kept no longer
        return batch

    def close(self) -> None:
        self._is_closing.set()
        self._thread.join()

    def _collect(self, loader: "DataLoader[Batch]") -> None:
        for batch in loader:
            moved = batch.to(self._device)
            if self._device.type == "cuda":
                torch.cuda.current_stream(self._device).synchronize()  # this thread's, not the reader's
            self._fresh.append(moved)
            self.num_made += 1
            self._has_some.set()
            while len(self._fresh) > MAX_AHEAD and not self._is_closing.wait(0.02):
                pass
            if self._is_closing.is_set():
                return
