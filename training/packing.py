"""Questions and answers to rows of tokens, as the engine would build the same prompts.

A row holds a shared beginning (the user's mark and the media) followed by several branches: each
sees the beginning and itself, and counts its positions from where the beginning ends. So one picture,
encoded once, teaches the answers to all of its questions.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.loading.chat_template import ChatTemplate
from inference.loading.tokenizer import TextTokenizer
from inference.types import Audio, Image, Message
from training.example import Box, Turn
from training.tokenizer import AUDIO, CHAT_TEMPLATE, IMAGE, USER, read_text_tokenizer

PADDING = -1  # branch of the positions after the last one
SHARED = 0  # branch of the beginning
THINKING_SHARE = 0.3
NOWHERE: Box = (-1, -1, -1, -1)
QUESTION_WEIGHT = 0.1  # of predicting what the user writes, which teaches language


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """Input and what follows each of its tokens, with that prediction's weight in the loss."""

    token_ids: list[int]
    targets: list[int]
    weights: list[float]
    places: list[Box]  # where in the picture each target is found, or NOWHERE
    turn: Turn


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Arrays of equal length. `media_start` is where the features of the media stand."""

    token_ids: NDArray[np.int32]
    targets: NDArray[np.int32]
    positions: NDArray[np.int32]
    branches: NDArray[np.int32]
    weights: NDArray[np.float32]
    places: NDArray[np.int16]  # (length, 4)
    media_start: int
    turns: tuple[Turn, ...]


class Packer:
    """Cheap to call, one per process."""

    def __init__(self) -> None:
        self.tokenizer: TextTokenizer = read_text_tokenizer()
        self._template = ChatTemplate(CHAT_TEMPLATE.read_text("utf-8"), {})
        self._media_ids = {self._id(IMAGE), self._id(AUDIO)}
        self._end_id = self._id(USER)

    def _id(self, token: str) -> int:
        token_id = self.tokenizer.token_id(token)
        assert token_id is not None
        return token_id

    def branch(self, turn: Turn, media: Image | Audio | None, is_thinking: bool) -> tuple[list[int], Branch]:
        """Returns the beginning up to and including the media's placeholder, and what follows it."""
        messages = turn.messages
        if media is not None:
            messages = (*messages[:-1], Message("user", (media, *messages[-1].parts)))
        prompt = self.tokenizer.encode_rendered(self._template.render(messages, is_thinking))
        reply = f"<answer>{turn.answer}</answer>"
        if is_thinking:
            reply = f"<think>{turn.thinking}</think>{reply}"
        reply_ids = [*self.tokenizer.encode_text(reply, is_reply=True), self._end_id]
        start = 0
        if media is not None:
            start = next(index for index, each in enumerate(prompt) if each in self._media_ids) + 1
        token_ids = prompt[start:] + reply_ids
        num_asked = len(prompt) - start - 1
        weight = 0.0 if media is not None else QUESTION_WEIGHT
        weights = [weight] * num_asked + [1.0] * len(reply_ids)
        places = [NOWHERE] * num_asked + [turn.box or turn.place or NOWHERE] * len(reply_ids)
        return prompt[:start], Branch(token_ids[:-1], token_ids[1:], weights, places, turn)

    def row(self, beginning: list[int], media_length: int, branches: Iterable[Branch], length: int) -> Row:
        """Takes branches until the next one does not fit."""
        token_ids = beginning[:-1] + beginning[-1:] * media_length if beginning else []
        media_start = len(beginning) - 1 if beginning else 0
        shared = len(token_ids)
        targets, weights = [0] * shared, [0.0] * shared
        positions, owners, places = list(range(shared)), [SHARED] * shared, [NOWHERE] * shared
        turns: list[Turn] = []
        for branch in branches:
            size = len(branch.token_ids)
            if len(token_ids) + size > length:
                break
            turns.append(branch.turn)
            token_ids += branch.token_ids
            targets += branch.targets
            weights += branch.weights
            places += branch.places
            positions += range(shared, shared + size)
            owners += [len(turns)] * size
        missing = length - len(token_ids)
        return Row(
            np.array(token_ids + [0] * missing, dtype=np.int32),
            np.array(targets + [0] * missing, dtype=np.int32),
            np.array(positions + [0] * missing, dtype=np.int32),
            np.array(owners + [PADDING] * missing, dtype=np.int32),
            np.array(weights + [0.0] * missing, dtype=np.float32),
            np.array(places + [NOWHERE] * missing, dtype=np.int16),
            media_start,
            tuple(turns),
        )


def is_thought_about(turn: Turn, rng: random.Random) -> bool:
    return bool(turn.thinking) and rng.random() < THINKING_SHARE
