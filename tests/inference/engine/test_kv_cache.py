"""Blocks: counted, reused, and shared only for the same content of the same user."""

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference.engine.kv_cache import (
    SHARED_SALT,
    BlockAllocator,
    OutOfBlocks,
    block_hash,
    user_salt,
)
from inference.models.prompt import MediaSpan

ANN, BOB = user_salt("ann"), user_salt("bob")


def test_more_blocks_than_free_are_refused_and_none_is_taken() -> None:
    allocator = BlockAllocator(3)
    allocator.allocate(2)
    with pytest.raises(OutOfBlocks):
        allocator.allocate(2)
    assert allocator.num_free == 1


def test_a_released_block_is_found_by_its_content() -> None:
    allocator = BlockAllocator(4)
    blocks = allocator.allocate(2)
    allocator.publish(blocks[0], b"first")
    allocator.release(blocks)
    assert allocator.acquire_cached([b"first", b"second"]) == blocks[:1]
    assert allocator.num_used == 1


def test_content_is_found_only_from_its_beginning() -> None:
    allocator = BlockAllocator(4)
    blocks = allocator.allocate(2)
    allocator.publish(blocks[1], b"second")
    assert allocator.acquire_cached([b"first", b"second"]) == []


def test_a_shared_block_is_free_after_its_last_release() -> None:
    allocator = BlockAllocator(2)
    blocks = allocator.allocate(1)
    allocator.publish(blocks[0], b"content")
    assert allocator.acquire_cached([b"content"]) == blocks
    allocator.release(blocks)
    assert allocator.num_used == 1
    allocator.release(blocks)
    assert allocator.num_used == 0


def test_blocks_without_content_are_reused_before_cached_ones() -> None:
    allocator = BlockAllocator(3)
    known, unknown = allocator.allocate(2)
    allocator.publish(known, b"known")
    allocator.release([known])
    allocator.release([unknown])
    allocator.allocate(2)
    assert allocator.acquire_cached([b"known"]) == [known]


def test_the_end_of_a_prefix_is_forgotten_before_its_beginning() -> None:
    allocator = BlockAllocator(2)
    blocks = allocator.allocate(2)
    allocator.publish(blocks[0], b"first")
    allocator.publish(blocks[1], b"second")
    allocator.release(blocks)
    allocator.allocate(1)
    assert allocator.acquire_cached([b"first", b"second"]) == blocks[:1]


def test_the_least_recently_used_content_is_forgotten_first() -> None:
    allocator = BlockAllocator(2)
    old, new = allocator.allocate(2)
    allocator.publish(old, b"old")
    allocator.publish(new, b"new")
    allocator.release([old])
    allocator.release([new])
    allocator.release(allocator.acquire_cached([b"old"]))
    allocator.allocate(1)
    assert allocator.acquire_cached([b"new"]) == []
    assert allocator.acquire_cached([b"old"]) == [old]


def test_the_tokens_before_a_block_are_part_of_its_hash() -> None:
    assert block_hash(b"", ANN, [1, 2], 0, ()) != block_hash(b"x" * 16, ANN, [1, 2], 0, ())


def test_two_users_blocks_never_have_the_same_hash() -> None:
    assert block_hash(b"", ANN, [1, 2], 0, ()) != block_hash(b"", BOB, [1, 2], 0, ())
    assert block_hash(b"", user_salt(""), [1, 2], 0, ()) != block_hash(b"", SHARED_SALT, [1, 2], 0, ())


def test_a_placeholders_picture_is_part_of_a_blocks_hash() -> None:
    def name(content_hash: bytes, start: int, block_start: int) -> bytes:
        span = MediaSpan(start, 4, content_hash, torch.empty(4, 1))
        return block_hash(b"", ANN, [9, 9], block_start, (span,))

    assert name(b"cat", 0, 0) != name(b"dog", 0, 0)
    assert name(b"cat", 0, 0) != name(b"cat", 0, 2)
    assert name(b"cat", 4, 0) == name(b"dog", 4, 0) == block_hash(b"", ANN, [9, 9], 0, ())
    assert name(b"cat", 1, 0) != name(b"dog", 1, 0)


class AllocatorMachine(RuleBasedStateMachine):
    """Compares the allocator with a simple model: the holders and the content of each block."""

    num_blocks = 6

    def __init__(self) -> None:
        super().__init__()
        self.allocator = BlockAllocator(self.num_blocks)
        self.held: list[list[int]] = []
        self.contents: dict[int, bytes] = {}  # of blocks in use, which the allocator must not give out

    @rule(count=st.integers(0, 7))
    def allocate(self, count: int) -> None:
        taken = {block for blocks in self.held for block in blocks}
        if count > self.num_blocks - len(taken):
            with pytest.raises(OutOfBlocks):
                self.allocator.allocate(count)
            return
        blocks = self.allocator.allocate(count)
        assert self.allocator.take_allocated() == blocks
        assert len(set(blocks)) == count
        assert not taken & set(blocks), "a block in use was allocated again"
        for block in blocks:
            self.contents.pop(block, None)
        self.held.append(blocks)

    @precondition(lambda self: any(self.held))
    @rule(data=st.data(), content_hash=st.sampled_from([b"a", b"b", b"c"]))
    def publish(self, data: st.DataObject, content_hash: bytes) -> None:
        block = data.draw(st.sampled_from(sorted({block for blocks in self.held for block in blocks})))
        if block not in self.contents and content_hash not in self.contents.values():
            self.contents[block] = content_hash
        self.allocator.publish(block, content_hash)

    @precondition(lambda self: any(self.held))
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        block = data.draw(st.sampled_from(sorted({block for blocks in self.held for block in blocks})))
        self.contents.pop(block, None)
        self.allocator.forget(block)

    @rule(hashes=st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=3, unique=True))
    def acquire_cached(self, hashes: list[bytes]) -> None:
        known = {content: block for block, content in self.contents.items()}
        expected = []
        for content_hash in hashes:
            if content_hash not in known:
                break
            expected.append(known[content_hash])
        blocks = self.allocator.acquire_cached(hashes)
        assert blocks == expected
        self.held.append(blocks)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.allocator.release(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))))

    @invariant()
    def counts_are_right(self) -> None:
        taken = {block for blocks in self.held for block in blocks}
        assert self.allocator.num_used == len(taken)
        assert self.allocator.num_free == self.num_blocks - len(taken)


AllocatorMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAllocatorMachine = AllocatorMachine.TestCase
