"""Decides what each step computes: which sequences are admitted or preempted, how prefills share the step.

It works on lengths and blocks, not on tensors or text. Used by the engine's thread alone.
"""

from typing import NamedTuple

from inference.engine.kv_cache import BlockAllocator, blocks_for
from inference.engine.priority_queue import BATCH_SHARE, PriorityQueue
from inference.engine.sequence import Sequence
from inference.types import Priority


class Chunk(NamedTuple):
    """Tokens `start` to `end` of one sequence, computed in one step."""

    sequence: Sequence
    start: int
    end: int

    @property
    def is_sampled(self) -> bool:
        """The step computes the last token, known or in flight, so the next one can be drawn."""
        return self.end >= len(self.sequence.token_ids)


class Scheduler:
    """Continuous batching. A sequence is admitted with all blocks that its tokens need so far.

    So only decoding allocates more, one block at a time. When none is left, a sequence is preempted: it
    releases all of its blocks and is computed again later. The youngest one of batch that does not keep its
    place comes first, then the youngest of all. The oldest of the others is never preempted, so it ends.

    Batch sequences fill what interactive ones leave, and yield to them: an interactive sequence that waits
    preempts them for its place and its blocks. Up to an eighth of the places, at least one, are kept by
    batch sequences whose turn it was while interactive ones waited too. So batch goes on under any load.
    """

    def __init__(
        self,
        allocator: BlockAllocator,
        block_size: int,
        max_running: int,
        chunk_tokens: int,
        idle_chunk_tokens: int = 0,
        min_forced_chunk: int = 1,
    ) -> None:
        """A step prefills `chunk_tokens` at most, or `idle_chunk_tokens`, if more, while none decodes.

        Fewer forced tokens than `min_forced_chunk` are computed one by one, as decodes, and so are any if
        other sequences decode. With 1 they are always computed in one step.
        """
        self._allocator = allocator
        self._block_size = block_size
        self._max_running = max_running
        self._chunk_tokens = chunk_tokens
        self._idle_chunk_tokens = max(chunk_tokens, idle_chunk_tokens)
        self._min_forced_chunk = min_forced_chunk
        self._waiting = PriorityQueue[Sequence]()
        self._places_of_batch = max(1, max_running // BATCH_SHARE)  # that it keeps
        self.running: list[Sequence] = []  # in order of admission
        self._left_waiting = False
        self._may_admit = False  # a sequence was added or removed since the last step was scheduled

    @property
    def has_work(self) -> bool:
        return bool(self.running) or self._has_waiting

    @property
    def waiting_prompt_tokens(self) -> int:
        return self._waiting.prompt_tokens

    def waiting_prompt_tokens_of(self, priority: Priority) -> int:
        return self._waiting.prompt_tokens_of(priority)

    @property
    def has_backlog(self) -> bool:
        """Whether sequences were waiting after the last step was scheduled, and still are."""
        return self._left_waiting and self._has_waiting

    @property
    def _has_waiting(self) -> bool:
        return bool(self._waiting)

    def add(self, sequence: Sequence) -> None:
        self._may_admit = True
        self._waiting.push(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Removes a sequence that ended, running or waiting, and frees its blocks."""
        self._may_admit = True
        if sequence in self.running:
            self.running.remove(sequence)
            self._allocator.release(sequence.take_blocks())
        else:
            self._waiting.remove(sequence)

    def invalidate_blocks(self, sequence: Sequence) -> None:
        """Removes a running sequence's blocks from the prefix cache: their content may be wrong."""
        for block in sequence.block_table.tolist():
            self._allocator.forget(block)

    def schedule(self, spent_tokens: int = 0) -> list[Chunk]:
        """Returns this step's work: one token of every decoding sequence, then chunks of prefills.

        `spent_tokens` of the prefill budget are spent already, on towers. They count while a sequence
        decodes, and up to half of the budget.
        """
        self._preempt_for_decodes()
        self._admit()
        self._may_admit = False
        self._left_waiting = self._has_waiting
        chunks, prefills = [], []
        for sequence in self.running:
            start = sequence.num_computed
            if len(sequence.token_ids) - start == 1 or self._decodes_forced(sequence):
                chunks.append(Chunk(sequence, start, start + 1))
            else:
                prefills.append(sequence)
        if prefills:
            budget = self._idle_chunk_tokens
            if chunks:
                spent = len(chunks) + min(spent_tokens, self._chunk_tokens // 2)
                budget = max(1, self._chunk_tokens - spent)
            chunks += _divide(budget, prefills)
        return chunks

    def schedule_ahead(self) -> list[Chunk]:
        """Returns the step after the one in flight, before the tokens of that one are known.

        Empty unless the step can only decode: no sequence prefills, none can be admitted, and there are
        enough free blocks. If a sequence turns out to have ended, its part of the step is discarded.

        A sequence whose next token depends on the one in flight through a mask does not take part. It takes
        part in the step after, so that the others need not wait for its mask.
        """
        if self._has_waiting and self._may_admit:
            return []
        chunks = []
        for sequence in self.running:
            if not sequence.num_launched:
                if sequence.num_remaining > 1 and not sequence.is_forced:
                    return []
                start = sequence.num_computed
            elif sequence.is_masked or sequence.num_stale or sequence.is_forced:
                continue
            elif sequence.num_in_flight != 1:
                return []
            elif sequence.output_tokens + 1 >= sequence.sampling_params.max_tokens:
                continue
            else:
                start = len(sequence.token_ids)
            chunks.append(Chunk(sequence, start, start + 1))
        size = self._block_size
        short = [chunk.sequence for chunk in chunks if chunk.end > chunk.sequence.num_blocks * size]
        if len(short) > self._allocator.num_free:
            return []
        for sequence, block in zip(short, self._allocator.allocate(len(short)), strict=True):
            sequence.append_blocks([block])
        return chunks

    def advance(self, chunk: Chunk) -> None:
        """Notes that a chunk's keys and values are in the cache, and publishes blocks that became full."""
        sequence = chunk.sequence
        sequence.num_computed = chunk.end
        full = chunk.end // self._block_size
        if full > sequence.num_published:
            hashes = sequence.block_hashes(full)
            blocks = sequence.block_table
            for index in range(sequence.num_published, full):
                self._allocator.publish(int(blocks[index]), hashes[index])
            sequence.num_published = full

    def _decodes_forced(self, sequence: Sequence) -> bool:
        if not sequence.is_forced or self._min_forced_chunk <= 1:
            return False
        is_alone = all(each is sequence or each.is_forced for each in self.running)
        return sequence.num_remaining < self._min_forced_chunk or not is_alone

    def _preempt_for_decodes(self) -> None:
        """Allocates the block that each decoding sequence needs next.

        A sequence that is preempted for it cannot be admitted again in the same step: it needs all the
        blocks that it released.
        """
        for sequence in tuple(self.running):
            while (
                len(sequence.token_ids) > sequence.num_blocks * self._block_size and sequence in self.running
            ):
                if self._allocator.num_free:
                    sequence.append_blocks(self._allocator.allocate(1))
                else:
                    self._preempt(self._victim())

    def _victim(self) -> Sequence:
        return next(reversed(self._yielding), self.running[-1])

    @property
    def _yielding(self) -> list[Sequence]:
        """The running sequences that make room for interactive ones, the oldest first."""
        return [each for each in self.running if each.request.priority == "batch" and not each.keeps_place]

    def _preempt(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self._allocator.release(sequence.take_blocks())
        self._waiting.push_front(sequence, is_due=sequence.keeps_place)
        sequence.keeps_place = False
        if sequence.request.timeline is not None:
            sequence.request.timeline.preemptions += 1

    def _admit(self) -> None:
        while (priority := self._next_priority()) is not None:
            sequence = self._waiting.peek(priority)
            assert sequence is not None
            while len(self.running) == self._max_running or not self._reserve(sequence):
                if priority == "batch" or not self._fits_without_batch(sequence):
                    return
                self._preempt(self._yielding[-1])
            sequence.keeps_place = priority == "batch" and self._waiting.has_interactive
            self.running.append(self._waiting.pop(priority))

    def _next_priority(self) -> Priority | None:
        """Batch that is due keeps one place more: that of a sequence that runs, or else the next one."""
        if not (self._waiting.is_batch_due and self._waiting.has_interactive):
            return self._waiting.next_priority
        if sum(each.keeps_place for each in self.running) < self._places_of_batch:
            yielding = self._yielding
            if not yielding:
                return "batch"
            yielding[0].keeps_place = True
        self._waiting.skip_batch()
        return "interactive"

    def _fits_without_batch(self, sequence: Sequence) -> bool:
        """Whether there is something to preempt for it, and that is enough."""
        yielding = self._yielding
        blocks = blocks_for(len(sequence.token_ids), self._block_size)
        free = self._allocator.num_free + sum(each.num_blocks for each in yielding)
        return bool(yielding) and blocks + len(self.running) - len(yielding) <= free

    def _reserve(self, sequence: Sequence) -> bool:
        """Allocates blocks for all its tokens, cached prefixes first. One stays free per running sequence."""
        tokens = len(sequence.token_ids)
        # The last token is always computed: its logits are needed.
        cached = self._allocator.acquire_cached(sequence.block_hashes((tokens - 1) // self._block_size))
        missing = blocks_for(tokens, self._block_size) - len(cached)
        if missing + len(self.running) > self._allocator.num_free:
            self._allocator.release(cached)
            return False
        sequence.append_blocks(cached + self._allocator.allocate(missing))
        sequence.num_computed = len(cached) * self._block_size
        sequence.num_published = len(cached)
        return True


def _divide(budget: int, prefills: list[Sequence]) -> list[Chunk]:
    """Interactive prefills come first. An eighth of the budget, at least one token, is kept for batch."""
    interactive = [each for each in prefills if each.request.priority == "interactive"]
    batch = [each for each in prefills if each.request.priority == "batch"]
    kept = min(max(1, budget // BATCH_SHARE), budget - 1, sum(each.num_remaining for each in batch))
    chunks = _divide_fairly(budget - kept, interactive) if interactive else []
    budget -= sum(chunk.end - chunk.start for chunk in chunks)
    return chunks + (_divide_fairly(budget, batch) if batch and budget else [])


def _divide_fairly(budget: int, prefills: list[Sequence]) -> list[Chunk]:
    """Half of the budget goes to the oldest prefill, so that none starves; the rest to the shortest first."""
    grants = dict.fromkeys(prefills, 0)
    grants[prefills[0]] = min(prefills[0].num_remaining, -(-budget // 2))
    budget -= grants[prefills[0]]
    for sequence in sorted(prefills, key=lambda prefill: prefill.num_remaining - grants[prefill]):
        more = min(sequence.num_remaining - grants[sequence], budget)
        grants[sequence] += more
        budget -= more
    return [
        Chunk(sequence, sequence.num_computed, sequence.num_computed + grant)
        for sequence, grant in grants.items()
        if grant
    ]
