"""One request inside the engine: its tokens so far, its blocks, and how much of them is computed."""

import secrets
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from inference.engine.kv_cache import SHARED_SALT, block_hash, blocks_for, user_salt
from inference.engine.text_stream import TextStream
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, Usage

UNIFORM_BITS = 23  # bits of a float32's mantissa, so that `uniform * total < total` always holds


class Sequence:
    """Created by the engine when the prompt is encoded; used by the engine's thread alone.

    `token_ids` are the prompt's, then the sampled ones. The cache holds the keys and values of the first
    `num_computed`. Preemption resets `num_computed` and keeps the tokens.
    """

    def __init__(
        self,
        key: int,
        request: GenerationRequest,
        prompt: EncodedPrompt,
        text_stream: TextStream,
        block_size: int,
        shared_tokens: int = 0,
    ) -> None:
        self.key = key
        self.request = request
        self.sampling_params = request.sampling_params
        self.prompt = prompt
        self.text_stream = text_stream
        self.token_ids = list(prompt.token_ids)
        self.prompt_tokens = len(prompt.token_ids)
        self.next_position = prompt.next_position
        self.num_computed = 0
        self.num_published = 0  # leading blocks that are in the prefix cache
        self.num_blocks = 0
        self.cached_tokens = 0  # of the prompt, found in the cache when the sequence began
        self.num_in_flight = 0  # tokens of launched steps, not known yet
        self.has_begun = False
        self.token_counts: Tensor | None = None  # (vocab,) float32; None without a frequency penalty
        self._block_size = block_size
        max_tokens = self.prompt_tokens + request.sampling_params.max_tokens
        self._block_table = np.zeros(blocks_for(max_tokens, block_size), dtype=np.int64)
        self._block_hashes: list[bytes] = []
        self._salt = user_salt(request.fairness_key)
        self._shared_tokens = shared_tokens
        seed = request.sampling_params.seed
        self._seed = secrets.token_bytes(16) if seed is None else str(seed).encode()

    @property
    def block_size(self) -> int:
        return self._block_size

    @property
    def output_tokens(self) -> int:
        return len(self.token_ids) - self.prompt_tokens

    @property
    def num_remaining(self) -> int:
        """Tokens to compute before the next one can be sampled; 1 while decoding."""
        return len(self.token_ids) - self.num_computed

    @property
    def block_table(self) -> NDArray[np.int64]:
        return self._block_table[: self.num_blocks]

    @property
    def usage(self) -> Usage:
        return Usage(
            self.prompt_tokens, self.output_tokens, self.text_stream.reasoning_tokens, self.cached_tokens
        )

    def append_blocks(self, blocks: list[int]) -> None:
        end = self.num_blocks + len(blocks)
        self._block_table[self.num_blocks : end] = blocks
        self.num_blocks = end

    def take_blocks(self) -> list[int]:
        """Returns the blocks and removes them from the sequence, which must be computed again."""
        blocks: list[int] = self.block_table.tolist()
        self.num_blocks = self.num_computed = self.num_published = 0
        return blocks

    def block_hashes(self, count: int) -> list[bytes]:
        """Returns the content hashes of the first `count` blocks, which must be full of tokens."""
        size = self._block_size
        assert count * size <= len(self.token_ids)
        for index in range(len(self._block_hashes), count):
            start = index * size
            salt = SHARED_SALT if start + size <= self._shared_tokens else self._salt
            parent = self._block_hashes[-1] if self._block_hashes else b""
            tokens = self.token_ids[start : start + size]
            self._block_hashes.append(block_hash(parent, salt, tokens, start, self.prompt.media))
        return self._block_hashes[:count]

    def draw_uniform(self) -> float:
        """Returns the number in [0, 1) that decides the next token.

        It depends on the seed and on the number of tokens alone. A preemption or a repeated step does not
        change it.
        """
        count = (self.output_tokens + self.num_in_flight).to_bytes(8, "big")
        digest = blake2b(self._seed + b":" + count, digest_size=4).digest()
        return float((int.from_bytes(digest, "big") >> (32 - UNIFORM_BITS)) / (1 << UNIFORM_BITS))
