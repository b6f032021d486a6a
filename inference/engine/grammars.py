"""Compiles what requests ask of their responses, and makes the guides that hold the responses to it."""

import os
from collections.abc import Mapping
from functools import partial

from inference.constraints.call_parser import ArgumentTypes, CallParser
from inference.constraints.compiler import Compilation, GrammarCompiler, Model
from inference.constraints.request_grammar import callable_tools, order_of
from inference.constraints.token_constraint import TokenConstraint
from inference.engine.detokenizer import TokenBytes
from inference.engine.guide import Guide, MaskThreads
from inference.engine.language_model import LanguageModel
from inference.engine.reasoning import ANSWER, END_OF_THOUGHT, TAGS, THINK
from inference.engine.text_stream import TextStream
from inference.types import GenerationRequest

MOST_MASK_THREADS = 4


class Grammars:
    """Owned by an engine and used by its thread."""

    def __init__(self, model: LanguageModel, token_bytes: TokenBytes, cache_bytes: int) -> None:
        tokenizer = model.tokenizer
        self._tool_format = model.tool_format
        self._vocab_size = model.decoder.config.vocab_size
        self._token_bytes = token_bytes
        tag_ids = {tag: tokenizer.encode_text(tag, is_reply=True) for tag in TAGS}
        self._tag_ids = {tag: tuple(ids) for tag, ids in tag_ids.items() if len(ids) == 1}
        special_ids = [
            *tokenizer.all_special_ids,
            *(token_id for ids in self._tag_ids.values() for token_id in ids),
        ]
        known = Model(
            partial(_all_token_bytes, token_bytes, self._vocab_size),
            special_ids,
            sorted(model.eos_token_ids),
            partial(tokenizer.encode_text, is_reply=True),
            model.tool_format,
        )
        self._compiler = GrammarCompiler(known, cache_bytes)
        self.mask_threads = MaskThreads(min(MOST_MASK_THREADS, max(1, (os.cpu_count() or 1) // 2)))

    @property
    def end_of_thought(self) -> int | None:
        """The token of </think>, if it is one."""
        return next(iter(self._tag_ids.get(END_OF_THOUGHT, ())), None)

    def prepare(self) -> None:
        """Reads the vocabulary: a second or two for a large one, in which no other Python code runs."""
        self._compiler.prepare().exception()

    def begin(self, request: GenerationRequest) -> Compilation | None:
        """Checks and compiles in another thread. Returns None if there is nothing to do.

        The future has None for a response that is free. It raises `InvalidGrammar`.
        """
        if not (request.tools or request.output_format or request.tool_choice == "required"):
            return None
        return self._compiler.compile(request)

    def make_stream(
        self, request: GenerationRequest, types: Mapping[str, ArgumentTypes], *, is_reasoning: bool
    ) -> TextStream:
        """`types` of the tools' arguments are part of what was compiled."""
        order = order_of(request)
        has_tools = bool(callable_tools(request))
        parser: CallParser | None = self._tool_format.make_parser(types) if has_tools else None
        return TextStream(
            self._token_bytes,
            request.sampling_params.stop,
            is_reasoning,
            request.keep_tags,
            is_typed=order is not None and not order.begins_with_call,
            call_parser=parser,
        )

    def make_guide(
        self, request: GenerationRequest, constraint: TokenConstraint, stream: TextStream
    ) -> Guide:
        think_ids = self._tag_ids.get(THINK, ()) if request.enable_thinking else ()
        answer_ids = self._tag_ids.get(ANSWER, ())
        return Guide(constraint, stream, self._vocab_size, think_ids, answer_ids)


def _all_token_bytes(token_bytes: TokenBytes, vocab_size: int) -> list[bytes]:
    return [token_bytes(token_id) for token_id in range(vocab_size)]
