"""The allocator of the key/value cache's blocks, with a prefix cache of blocks that can be used again.

It works on block numbers and content hashes; `model_runner.py` owns the tensors. Used by one thread.
"""

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from inference.models.prompt import MediaSpan

HASH_BYTES = 16
SHARED_SALT = b""


class OutOfBlocks(Exception):
    """Fewer blocks are free than requested. The scheduler preempts or waits."""


class BlockAllocator:
    """Reference-counted blocks. A released block keeps its content until it is allocated again.

    `_free` is in the order of reuse: blocks without published content first, then the least recently used.
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
        """Returns `count` blocks for new content, or raises `OutOfBlocks` and takes none."""
        if count > len(self._free):
            raise OutOfBlocks
        blocks = [self._take_free() for _ in range(count)]
        self._allocated += blocks
        return blocks

    def take_allocated(self) -> list[int]:
        """Returns the blocks allocated since the last call. Their old content is still in them."""
        allocated, self._allocated = self._allocated, []
        return allocated

    def acquire_cached(self, hashes: Iterable[bytes]) -> list[int]:
        """Returns the blocks of the longest cached prefix of `hashes`, and takes a reference on each."""
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
        """Makes a full block available to others. Of blocks with the same content the first one is found."""
        assert self._references[block] > 0
        if self._hashes[block] is None and content_hash not in self._blocks:
            self._hashes[block] = content_hash
            self._blocks[content_hash] = block

    def release(self, blocks: Sequence[int]) -> None:
        """Releases one reference on each. The end of a prefix is reused before its beginning."""
        for block in reversed(blocks):
            assert self._references[block] > 0
            self._references[block] -= 1
            if self._references[block] == 0:
                self._free[block] = None
                if self._hashes[block] is None:
                    self._free.move_to_end(block, last=False)

    def forget(self, block: int) -> None:
        """Removes the block from the prefix cache."""
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
    """Blocks of different users never match, so that no user can find out by timing what another one sent."""
    return blake2b(fairness_key.encode(), digest_size=HASH_BYTES).digest()


def block_hash(
    parent: bytes, salt: bytes, token_ids: Sequence[int], start: int, media: tuple[MediaSpan, ...]
) -> bytes:
    """Identifies a block's content: all blocks before it, its user, its tokens and their media.

    `start` is the block's first position in the prompt. `media` have positions in the prompt, too.
    """
    digest = blake2b(parent, digest_size=HASH_BYTES, salt=salt)
    digest.update(array("q", token_ids).tobytes())
    for span in media:
        if span.start < start + len(token_ids) and start < span.start + span.length:
            digest.update((start - span.start).to_bytes(8, "big", signed=True))
            digest.update(blake2b(span.content_hash, digest_size=HASH_BYTES).digest())
    return digest.digest()
