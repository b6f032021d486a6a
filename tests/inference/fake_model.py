"""A model without weights for tests of the engine: exact in integers, and only through its cache.

It reads every earlier token from the cache tensors, so a wrong slot, block or position changes the
response. Bytes are tokens.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.constraints.glm_calls import GlmCalls
from inference.engine.detokenizer import byte_alphabet
from inference.errors import UnsupportedModality
from inference.kernels.forward_batch import ForwardBatch
from inference.models.config import DecoderConfig
from inference.models.prompt import EncodedPrompt, MediaSpan
from inference.stepwise import Stepwise
from inference.types import Audio, Image, Message, Task, Text, ToolDefinition

EOS, SEPARATOR, PLACEHOLDER, THINK, END_THINK = range(256, 261)
VOCAB_SIZE = 261

Integers = NDArray[np.int64]
TOKENS_PER_IMAGE = 5
CONTEXT_LENGTH = 512
PRIME = 4093  # products stay far below 2**24, where float32 stops counting exactly

CONFIG = DecoderConfig(
    vocab_size=VOCAB_SIZE,
    hidden_size=2,
    intermediate_size=1,
    num_layers=1,
    num_attention_heads=1,
    num_key_value_heads=1,
    head_dim=2,
    max_position_embeddings=CONTEXT_LENGTH,
    rms_norm_eps=0.0,
    rope_theta=1.0,
    partial_rotary_factor=1.0,
    attention_bias=False,
    tie_word_embeddings=False,
)


class FakeTokenizer:
    all_special_ids = [EOS, SEPARATOR, PLACEHOLDER]  # noqa: RUF012 - as transformers has it

    def __init__(self) -> None:
        self._tokens: dict[int, str] = {byte: character for character, byte in byte_alphabet().items()}
        self._tokens |= {EOS: "<|eos|>", SEPARATOR: "<|sep|>", PLACEHOLDER: "<|image|>"}
        self._tokens |= {THINK: "<think>", END_THINK: "</think>"}

    def convert_ids_to_tokens(self, ids: int) -> str | None:
        return self._tokens.get(ids)

    def encode_text(self, text: str, is_reply: bool = False) -> list[int]:
        tags = {"<think>": [THINK], "</think>": [END_THINK]}
        return tags.get(text) or list(text.encode())


class FakeDecoder:
    """Hidden rows are [token value, 0]; Tests interfere in `before_forward` and `before_logits`."""

    def __init__(self) -> None:
        self.config = CONFIG
        self.stages = ()
        self.before_forward: Callable[[Tensor, ForwardBatch], None] = lambda hidden, batch: None
        self.before_logits: Callable[[Tensor], None] = lambda hidden: None
        self.steps = 0
        self.computed_tokens = 0

    def embed(self, token_ids: Tensor) -> Tensor:
        values = token_ids.float()
        return torch.stack([values, torch.zeros_like(values)], dim=1)

    def __call__(self, hidden: Tensor, batch: ForwardBatch, kv_caches: Tensor) -> Tensor:
        self.before_forward(hidden, batch)
        self.steps += 1
        self.computed_tokens += hidden.shape[0]
        keys, values = (cache.view(-1, 2) for cache in kv_caches[0])
        keys[batch.slot_mapping] = hidden
        values[batch.slot_mapping, 0] = batch.token_positions.float()
        tokens, positions = keys[:, 0].cpu().numpy(), values[:, 0].cpu().numpy()
        block_tables = batch.block_tables.cpu().numpy()
        block_size = kv_caches.shape[3]
        next_values: list[int] = []
        starts = batch.query_starts.tolist()
        for index, length in enumerate(batch.context_lengths.tolist()):
            places = np.arange(length)
            slots = block_tables[index][places // block_size] * block_size + places % block_size
            assert (positions[slots] == places).all(), "a position is in the wrong slot"
            context = tokens[slots].astype(np.int64)
            next_values += self.next_values(context, starts[index + 1] - starts[index])
        return torch.tensor([[float(value), 0.0] for value in next_values], device=hidden.device)

    def next_values(self, context: Integers, count: int) -> list[int]:
        """Returns what follows each of the last `count` positions of a context."""
        raise NotImplementedError

    def logits(self, hidden_rows: Tensor) -> Tensor:
        raise NotImplementedError


class EchoDecoder(FakeDecoder):
    """Repeats the tokens before the separator, then ends."""

    def next_values(self, context: Integers, count: int) -> list[int]:
        tokens = context.tolist()
        if SEPARATOR not in tokens:
            return [EOS] * count
        separator = tokens.index(SEPARATOR)
        places = range(len(tokens) - count - separator, len(tokens) - separator)
        return [tokens[place] if 0 <= place < separator else EOS for place in places]

    def logits(self, hidden_rows: Tensor) -> Tensor:
        self.before_logits(hidden_rows)
        return torch.nn.functional.one_hot(hidden_rows[:, 0].long(), VOCAB_SIZE).float() * 50


class DigestDecoder(FakeDecoder):
    """Wide distributions that depend on every token before; hardly ever ends."""

    def next_values(self, context: Integers, count: int) -> list[int]:
        places = np.arange(1, len(context) + 1)
        digests = ((context + 1) * (places * places % PRIME)).cumsum() % PRIME
        return digests[-count:].tolist()

    def logits(self, hidden_rows: Tensor) -> Tensor:
        self.before_logits(hidden_rows)
        spread = (
            hidden_rows[:, :1].long() * torch.arange(1, VOCAB_SIZE + 1, device=hidden_rows.device) % PRIME
        )
        return spread.float() / PRIME * 6


class FakeModel:
    name = "fake"
    created = 1_700_000_000
    context_length = CONTEXT_LENGTH
    modalities = frozenset({"text", "image"})
    eos_token_ids = frozenset({EOS})
    image_fit = None
    has_reasoning = True
    tool_format = GlmCalls()

    def __init__(self, decoder: FakeDecoder | None = None) -> None:
        self.decoder = decoder or EchoDecoder()
        self.tokenizer = FakeTokenizer()
        self.encoded = 0
        self.separators = 1  # after the texts
        self.tower_pieces: tuple[float, ...] = ()  # operations of each piece of a picture; < 0: an error
        self.before_tower: Callable[[], None] = lambda: None  # for tests to interfere
        self.towers_at_work = 0

    def _tower(self) -> Iterator[float]:
        self.towers_at_work += 1
        try:
            self.before_tower()
            for operations in self.tower_pieces:
                if operations < 0:
                    raise ZeroDivisionError
                yield operations
        finally:
            self.towers_at_work -= 1

    def encode_stepwise(
        self,
        messages: tuple[Message, ...],
        enable_thinking: bool,
        task: Task,
        admit: Callable[[int], None],
        tools: tuple[ToolDefinition, ...] = (),
    ) -> Stepwise[EncodedPrompt]:
        """All texts in order, then the separator, then with thinking an opened <think>."""
        self.encoded += 1
        token_ids: list[int] = []
        pictures: list[tuple[int, NDArray[np.uint8]]] = []
        for message in messages:
            for part in message.parts:
                match part:
                    case Text(text):
                        if text == "unencodable":
                            raise ZeroDivisionError
                        token_ids += text.encode()
                    case Image(pixels):
                        pictures.append((len(token_ids), pixels))
                        token_ids += [PLACEHOLDER] * TOKENS_PER_IMAGE
                    case Audio():
                        raise UnsupportedModality("audio")
        token_ids += [SEPARATOR] * self.separators
        if enable_thinking:
            token_ids.append(THINK)
        admit(len(token_ids))
        media: list[MediaSpan] = []
        for start, pixels in pictures:
            yield from self._tower()
            features = torch.full((TOKENS_PER_IMAGE, 2), float(pixels.sum() % 200))
            features[:, 1] = 0
            media.append(MediaSpan(start, TOKENS_PER_IMAGE, pixels.tobytes(), features))
        return EncodedPrompt(tuple(token_ids), tuple(media), None, "<think>" if enable_thinking else "")


def load_fake(*arguments: object) -> FakeModel:
    """What loads the model of a backend. A worker's process imports this module for it, and no test."""
    return FakeModel()
