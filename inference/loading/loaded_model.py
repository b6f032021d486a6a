"""A model in memory, which turns messages into prompts."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from inference.constraints.call_parser import ToolFormat
from inference.errors import GenerationFailed, UnsupportedModality
from inference.loading.chat_template import ChatTemplate, WrittenText
from inference.loading.tokenizer import TextTokenizer
from inference.model_card import ImageFit
from inference.models.config import DecoderConfig
from inference.models.decoder import Decoder
from inference.models.media_encoder import MediaEncoder
from inference.models.prompt import EncodedPrompt, MediaSpan, multimodal_positions
from inference.stepwise import Stepwise, finish
from inference.types import Audio, Image, Message, Task, Text, ToolDefinition

USUAL_CHARACTERS_PER_TOKEN = 6  # most texts have fewer
COUNTED_CHARACTERS = 16_384  # at once
TRANSCRIBE = "Write down what is said in this recording."


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """Made by `load_model`, owned by one worker: only its thread encodes prompts.

    `placeholders` are the token ids that media replace, by modality.
    """

    name: str
    created: int  # Unix seconds
    context_length: int  # tokens
    eos_token_ids: frozenset[int]
    decoder: Decoder
    tokenizer: TextTokenizer
    chat_template: ChatTemplate
    media_encoder: MediaEncoder | None
    placeholders: dict[str, int]

    @property
    def config(self) -> DecoderConfig:
        return self.decoder.config

    @property
    def modalities(self) -> frozenset[str]:
        media = self.media_encoder.modalities if self.media_encoder else frozenset[str]()
        return media | {"text"}

    @property
    def image_fit(self) -> ImageFit | None:
        return self.media_encoder.image_fit if self.media_encoder else None

    @property
    def tool_format(self) -> ToolFormat:
        return self.chat_template.tool_format

    @property
    def has_reasoning(self) -> bool:
        return self.chat_template.has_reasoning

    def encode_prompt(
        self, messages: tuple[Message, ...], enable_thinking: bool, task: Task
    ) -> EncodedPrompt:
        return finish(self.encode_stepwise(messages, enable_thinking, task, lambda prompt_tokens: None))

    def encode_stepwise(
        self,
        messages: tuple[Message, ...],
        enable_thinking: bool,
        task: Task,
        admit: Callable[[int], None],
        tools: tuple[ToolDefinition, ...] = (),
    ) -> Stepwise[EncodedPrompt]:
        """A piece of work is about a layer of a tower; a text is one piece.

        Calls `admit` with the number of prompt tokens before it runs any tower; `admit` may raise. Raises
        `UnsupportedModality`.
        """
        if task == "transcribe":
            messages = _transcript_messages(messages)
        media = [part for message in messages for part in message.parts if not isinstance(part, Text)]
        for part in media:
            if _modality(part) not in self.modalities:
                raise UnsupportedModality(_modality(part))
        # There is one placeholder per picture or recording: only the template can write them.
        rendered = self.chat_template.render(messages, enable_thinking, tools)
        self._refuse_excess(rendered, admit)
        token_ids, starts = self._place_media(self.tokenizer.encode_rendered(rendered), media)
        admit(len(token_ids))
        spans = []
        for part, start in zip(media, starts, strict=True):
            assert self.media_encoder is not None
            features = yield from self.media_encoder.encode_stepwise(part)
            spans.append(MediaSpan(start, features.shape[0], hash_media(part), features))
        positions = self._positions(len(token_ids), media, starts)
        end = rendered[-1] if rendered and isinstance(rendered[-1], str) else ""
        return EncodedPrompt(tuple(token_ids), tuple(spans), positions, end)

    def _refuse_excess(self, rendered: Sequence[str | WrittenText], admit: Callable[[int], None]) -> None:
        """Of a text of many times the context, a part is counted: it takes no longer than one that fits."""
        texts = [piece if isinstance(piece, str) else piece.text for piece in rendered]
        characters = sum(map(len, texts))
        if characters <= USUAL_CHARACTERS_PER_TOKEN * self.context_length:
            return
        counted_characters, tokens = 0, 0
        for text in texts:
            for start in range(0, len(text), COUNTED_CHARACTERS):
                counted = text[start : start + COUNTED_CHARACTERS]
                counted_characters += len(counted)
                tokens += len(self.tokenizer.encode_text(counted))  # a cut adds some to thousands
                if tokens > 1.1 * self.context_length:
                    admit(tokens * characters // counted_characters)
                    return

    def _place_media(self, token_ids: list[int], media: list[Image | Audio]) -> tuple[list[int], list[int]]:
        """Repeats each placeholder once per row of its media; returns the ids and where each media starts."""
        placed: list[int] = []
        starts: list[int] = []
        waiting = iter(media)
        placeholders = frozenset(self.placeholders.values())
        for token_id in token_ids:
            if token_id not in placeholders:
                placed.append(token_id)
                continue
            part = next(waiting, None)
            if part is None or self.media_encoder is None or self.placeholders[_modality(part)] != token_id:
                raise GenerationFailed("the chat template does not place media as the messages have them")
            starts.append(len(placed))
            placed += [token_id] * self.media_encoder.count_tokens(part)
        if len(starts) != len(media):
            raise GenerationFailed("the chat template does not place media as the messages have them")
        return placed, starts

    def _positions(self, length: int, media: list[Image | Audio], starts: list[int]) -> Tensor | None:
        if self.media_encoder is None or not media:
            return None
        placed = zip(starts, map(self.media_encoder.grid, media), strict=True)
        grids = [(start, *grid) for start, grid in placed if grid is not None]
        return multimodal_positions(length, grids) if grids else None


def hash_media(part: Image | Audio) -> bytes:
    """Returns 32 bytes that differ for different pictures or recordings."""
    array = part.pixels if isinstance(part, Image) else part.samples
    digest = hashlib.sha256(f"{_modality(part)} {array.dtype} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).data)  # of a picture, a copy would be as large as itself
    return digest.digest()


def _transcript_messages(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    recordings = [part for message in messages for part in message.parts if isinstance(part, Audio)]
    return (Message("user", (*recordings, Text(TRANSCRIBE))),)


def _modality(part: Image | Audio) -> str:
    return "image" if isinstance(part, Image) else "audio"
