"""What a CUDA runner has on one device: buffers, inputs, cache and graphs of consecutive layers."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.devices import compute_capability, on_device
from inference.engine.counter_rows import CounterRows
from inference.kernels.cuda.tiles import DECODE_BUCKETS, DECODE_ROWS, PREFILL_BUCKETS
from inference.models.cuda.buffers import DecodeBuffers, PrefillBuffers
from inference.models.cuda.decode_step import DecodeStep
from inference.models.cuda.graphs import capture, compile_kernels, run
from inference.models.cuda.head import Launch, picked_head_launches
from inference.models.cuda.inputs import InputLayout, StepInputs
from inference.models.cuda.prefill_step import PrefillStep
from inference.models.cuda.stage_part import part_of
from inference.models.cuda.transfer import transfer_decode, transfer_prefill
from inference.models.decoder import Decoder
from inference.models.stages import Stage

logger = logging.getLogger(__name__)

GraphsByBucket = dict[int, torch.cuda.CUDAGraph]


@dataclass(slots=True)
class _Graphs:
    decode: GraphsByBucket
    prefill: GraphsByBucket
    head: GraphsByBucket  # after a short prefill; only the last stage has a head
    long_head: GraphsByBucket


class CudaStage:
    """Created and used by `CudaRunner`, in the engine's thread.

    `prepare` compiles the kernels and captures the graphs, after `caches` is set.
    """

    caches: Tensor  # (layers, *KVCache), of these layers

    def __init__(self, decoder: Decoder, stage: Stage, layout: InputLayout, counters: int) -> None:
        self.device = stage.device
        self.capability = compute_capability(stage.device)
        self.buffers = DecodeBuffers(decoder, stage.device, counters)
        self.short = PrefillBuffers(decoder, stage.device, PREFILL_BUCKETS[-1], has_digits=True)
        self.long = PrefillBuffers(decoder, stage.device, layout.rows, has_digits=False)
        self.inputs = StepInputs(layout, stage.device)
        self._decoder = decoder
        self._part = part_of(decoder, stage)
        self._graphs: _Graphs | None = None

    @property
    def graphs(self) -> _Graphs:
        assert self._graphs is not None
        return self._graphs

    def counter_rows(self) -> CounterRows:
        return CounterRows(self.buffers.counts)

    def decode(self, rows: int, previous: "CudaStage | None") -> None:
        """Replays a bucket of `rows` after `previous`, the stage before this one."""
        if previous is not None:
            transfer_decode(previous.buffers, self.buffers, rows)
        self.graphs.decode[rows].replay()

    def prefill(self, rows: int, tiles: int, previous: "CudaStage | None", *, is_short: bool) -> None:
        if previous is not None:
            source, target = (previous.short, self.short) if is_short else (previous.long, self.long)
            transfer_prefill(source, target, rows, has_digits=is_short)
        if is_short:
            self.graphs.prefill[rows].replay()
            return
        with on_device(self.device):
            run(self._prefill_launches(rows, tiles, is_short=False))

    def draw(self, rows: int, *, is_short: bool) -> None:
        """Of the last stage: the head and the draw for the picked rows of a prefill."""
        (self.graphs.head if is_short else self.graphs.long_head)[rows].replay()

    def prepare(self, largest_bucket: int, tiles: dict[int, int]) -> None:
        """`tiles`: of each short prefill's bucket.

        Block tables and lengths are zeros here, so these runs write nothing into the cache.
        """
        with on_device(self.device):
            self._graphs = self._capture(largest_bucket, tiles)

    def _capture(self, largest_bucket: int, tiles: dict[int, int]) -> _Graphs:
        self.inputs.part("slots").fill_(-1)
        buckets = [rows for rows in DECODE_BUCKETS if rows <= largest_bucket]
        heads = buckets if self._part.is_last else []
        steps = {
            "decode": {rows: self._decode_launches(rows) for rows in buckets},
            "prefill": {
                rows: self._prefill_launches(rows, count, is_short=True) for rows, count in tiles.items()
            },
            "head": {rows: self._head_launches(rows, self.short.residual) for rows in heads},
            "long_head": {rows: self._head_launches(rows, self.long.residual) for rows in heads},
        }
        started = time.monotonic()
        longest = self._prefill_launches(self.long.rows, 1, is_short=False)
        count = compile_kernels([*_flatten(steps.values()), *longest])
        compiled = time.monotonic()
        for rows in (PREFILL_BUCKETS[-1] + 1, self.long.rows):  # cuBLAS chooses by the number of rows
            run(self._prefill_launches(rows, 1, is_short=False))
        stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]  # torch's own
        graphs = {
            kind: {rows: capture(launches, stream) for rows, launches in step.items()}
            for kind, step in steps.items()
        }
        logger.info(
            "%s: %d kernels compiled in %.1f s, %d CUDA graphs captured in %.1f s",
            self.device,
            count,
            compiled - started,
            sum(map(len, graphs.values())),
            time.monotonic() - compiled,
        )
        return _Graphs(**graphs)

    def _decode_launches(self, rows: int) -> list[Launch]:
        step = DecodeStep(
            self._decoder, self.buffers, self.inputs, self.caches, rows, self.capability, self._part
        )
        return step.launches()

    def _prefill_launches(self, rows: int, tiles: int, *, is_short: bool) -> list[Launch]:
        step = PrefillStep(
            self._decoder,
            self.short if is_short else self.long,
            self.buffers.axes,
            self.inputs,
            self.caches,
            rows,
            tiles,
            self.capability,
            has_digits=is_short,
            part=self._part,
        )
        return step.launches()

    def _head_launches(self, rows: int, residual: Tensor) -> list[Launch]:
        return picked_head_launches(self._decoder, self.buffers, self.inputs, residual, rows, self.capability)


def largest_bucket(sequences: int) -> int:
    """The decode bucket that holds so many sequences, or as many as a graph can."""
    return next(rows for rows in DECODE_BUCKETS if rows >= min(sequences, DECODE_ROWS))


def _flatten(steps: Iterable[dict[int, list[Launch]]]) -> list[Launch]:
    return [launch for step in steps for launches in step.values() for launch in launches]
