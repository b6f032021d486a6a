"""One request inside the engine: its tokens so far, its blocks, and how much of them is computed."""

import secrets
from functools import cached_property
from hashlib import blake2b
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from inference.engine.detokenizer import TokenBytes
from inference.engine.guide import Guide
from inference.engine.kv_cache import SHARED_SALT, block_hash, blocks_for, user_salt
from inference.engine.text_stream import TAG_BYTES, Phase, TextStream
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, TokenLogprob, Usage

_table_versions = count()  # of all sequences

UNIFORM_BITS = 23  # bits of a float32's mantissa, so that `uniform * total < total` always holds


class SampledLogprobs(NamedTuple):
    """Of one drawn token: its logarithm of its probability, and the likeliest token ids with theirs."""

    logprob: float
    top: list[tuple[int, float]]


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
        guide: Guide | None = None,
    ) -> None:
        self.key = key
        self.request = request
        self.sampling_params = request.sampling_params
        self.prompt = prompt
        self.text_stream = text_stream
        self.guide = guide  # None: the response is free
        self.has_penalty = self.sampling_params.has_penalty
        self.token_ids = list(prompt.token_ids)
        self.prompt_tokens = len(prompt.token_ids)
        self.next_position = prompt.next_position
        self.num_computed = 0
        self.num_published = 0  # leading blocks that are in the prefix cache
        self.num_blocks = 0
        self.table_version = next(_table_versions)  # another one after every change of the block table
        self.cached_tokens = 0  # of the prompt, found in the cache when the sequence began
        self.num_in_flight = 0  # tokens of launched steps, not known yet
        self.num_launched = 0  # launched steps that compute some of its tokens
        self.num_stale = 0  # tokens in flight that must not be used: they were drawn without their mask
        self.has_begun = False
        self.keeps_place = False  # of batch, and not preempted for an interactive one that waits
        self.token_counts: Tensor | None = None  # (vocab,) float32; None without a penalty
        self.sampled_logprobs: SampledLogprobs | None = None  # of the last token, if they were requested
        self.logprobs: list[TokenLogprob] = []  # of text that is not emitted yet
        self._forced_end = 0  # number of tokens when the last one was forced
        self._block_size = block_size
        self.most_tokens = self.prompt_tokens + self.sampling_params.max_tokens
        self._block_table = np.zeros(blocks_for(self.most_tokens, block_size), dtype=np.int64)
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

    @cached_property
    def takes_likeliest(self) -> bool:
        """Its tokens are the likeliest of the logits as the model computes them, and no more is wanted."""
        params = self.sampling_params
        is_changed = self.has_penalty or params.logit_bias or self.guide is not None
        return params.is_greedy and not is_changed and params.logprobs is None

    @property
    def is_masked(self) -> bool:
        """The next token depends on the last one through a mask."""
        return self.guide is not None and self.guide.is_active

    @property
    def is_forced(self) -> bool:
        """It has tokens to compute that were not drawn, because there was only one way to go on."""
        return self.num_remaining > 1 and self._forced_end == len(self.token_ids)

    @property
    def is_thinking_first(self) -> bool:
        """It writes a thought, after which a constrained answer must come."""
        return self.guide is not None and self.text_stream.phase is Phase.THINKING

    @property
    def num_remaining(self) -> int:
        """Tokens to compute before the next one can be sampled; 1 while decoding."""
        return len(self.token_ids) - self.num_computed

    @property
    def block_table(self) -> NDArray[np.int64]:
        return self._block_table[: self.num_blocks]

    @property
    def usage(self) -> Usage:
        output_tokens = len(self.token_ids) - self.prompt_tokens
        return Usage(self.prompt_tokens, output_tokens, self.text_stream.reasoning_tokens, self.cached_tokens)

    def append_forced(self, token_id: int) -> None:
        self.token_ids.append(token_id)
        self._forced_end = len(self.token_ids)

    def note_logprobs(self, token_bytes: TokenBytes, token_id: int) -> None:
        """Keeps the last token's log probabilities for the next Delta, if it is part of the text."""
        sampled, self.sampled_logprobs = self.sampled_logprobs, None
        if sampled is None or not self.text_stream.is_text or token_bytes(token_id) in TAG_BYTES:
            return
        top = tuple(_token_logprob(token_bytes(each), logprob) for each, logprob in sampled.top)
        self.logprobs.append(_token_logprob(token_bytes(token_id), sampled.logprob, top))

    def take_logprobs(self) -> tuple[TokenLogprob, ...]:
        taken, self.logprobs = self.logprobs, []
        return tuple(taken)

    def append_blocks(self, blocks: list[int]) -> None:
        end = self.num_blocks + len(blocks)
        self._block_table[self.num_blocks : end] = blocks
        self.num_blocks = end
        self.table_version = next(_table_versions)

    def take_blocks(self) -> list[int]:
        """Returns the blocks and removes them from the sequence, which must be computed again."""
        blocks: list[int] = self.block_table.tolist()
        self.num_blocks = self.num_computed = self.num_published = self._forced_end = 0
        self.table_version = next(_table_versions)
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


def _token_logprob(token_bytes: bytes, logprob: float, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
    return TokenLogprob(token_bytes.decode(errors="replace"), token_bytes, logprob, top)
