"""Who holds which block of the key/value cache, and which blocks can be used again.

Knows block numbers and content hashes; the tensors live in `model_runner.py`. Used by one thread.
"""

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from inference.models.prompt import MediaSpan

HASH_BYTES = 16
SHARED_SALT = b""


class OutOfBlocks(Exception):
    """Fewer blocks are free than were asked for. The scheduler preempts or waits."""


class BlockAllocator:
    """Reference-counted blocks. A released block keeps its content until it is needed elsewhere.

    `_free` is in the order of reuse: blocks without content first, then the least recently used.
    """

    def __init__(self, num_blocks: int) -> None:
        self.num_blocks = num_blocks
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(range(num_blocks))
        self._references = [0] * num_blocks
        self._hashes: list[bytes | None] = [None] * num_blocks
        self._blocks: dict[bytes, int] = {}
        self._allocated: list[int] = []

    @property
    def num_free(self) -> int:
        return len(self._free)

    @property
    def num_used(self) -> int:
        return self.num_blocks - len(self._free)

    def allocate(self, count: int) -> list[int]:
        """Returns `count` blocks for new content. Raises `OutOfBlocks`, then takes none."""
        if count > len(self._free):
            raise OutOfBlocks
        blocks = [self._take_free() for _ in range(count)]
        self._allocated += blocks
        return blocks

    def take_allocated(self) -> list[int]:
        """Returns the blocks allocated since the last call, whose old content is still there."""
        allocated, self._allocated = self._allocated, []
        return allocated

    def acquire_cached(self, hashes: Iterable[bytes]) -> list[int]:
        """Returns blocks holding the longest known beginning of `hashes`, one reference taken on each."""
        blocks = []
        for content_hash in hashes:
            block = self._blocks.get(content_hash)
            if block is None:
                break
            if self._references[block] == 0:
                del self._free[block]
            self._references[block] += 1
            blocks.append(block)
        return blocks

    def publish(self, block: int, content_hash: bytes) -> None:
        """Says that a held block is full and final. The first block with some content is the one found."""
        assert self._references[block] > 0
        if self._hashes[block] is None and content_hash not in self._blocks:
            self._hashes[block] = content_hash
            self._blocks[content_hash] = block

    def release(self, blocks: Sequence[int]) -> None:
        """Gives one reference on each back. The end of a prefix is reused before its beginning."""
        for block in reversed(blocks):
            assert self._references[block] > 0
            self._references[block] -= 1
            if self._references[block] == 0:
                self._free[block] = None
                if self._hashes[block] is None:
                    self._free.move_to_end(block, last=False)

    def forget(self, block: int) -> None:
        """From now on its content is not found."""
        content_hash = self._hashes[block]
        if content_hash is not None:
            del self._blocks[content_hash]
            self._hashes[block] = None

    def _take_free(self) -> int:
        block, _ = self._free.popitem(last=False)
        self.forget(block)
        self._references[block] = 1
        return block


def blocks_for(tokens: int, block_size: int) -> int:
    return -(-tokens // block_size)


def user_salt(fairness_key: str) -> bytes:
    """Blocks of different users never match, so nobody can time what another one asked."""
    return blake2b(fairness_key.encode(), digest_size=HASH_BYTES).digest()


def block_hash(
    parent: bytes, salt: bytes, token_ids: Sequence[int], start: int, media: tuple[MediaSpan, ...]
) -> bytes:
    """Names a block's content: all before it, whose it is, its tokens, and the media that they stand for.

    `start` is the block's first position in the prompt, where `media` positions count from.
    """
    digest = blake2b(parent, digest_size=HASH_BYTES, salt=salt)
    digest.update(array("q", token_ids).tobytes())
    for span in media:
        if span.start < start + len(token_ids) and start < span.start + span.length:
            digest.update((start - span.start).to_bytes(8, "big", signed=True))
            digest.update(blake2b(span.content_hash, digest_size=HASH_BYTES).digest())
    return digest.digest()
