"""Turns the chunks of an engine's stream into deltas. Every member of a chunk may be anything."""

import math
from collections.abc import Mapping
from typing import Any, Final

from inference.backends.remote.json_values import text_of
from inference.backends.remote.request_form import takes_one_call
from inference.backends.remote.tool_call_reader import ToolCallReader
from inference.engine.reasoning import END_OF_THOUGHT, THINK, ReasoningSplitter
from inference.errors import GenerationFailed
from inference.types import Delta, FinishReason, GenerationRequest, TokenLogprob, ToolCallDelta, Usage

MAX_SILENT_CHUNKS: Final = 4096  # in a row
MAX_TEXT_CHARACTERS: Final = 16 << 20
MAX_TOKENS: Final = 1 << 31
LEAST_LOGPROB: Final = -9999.0  # for what is not a number, such as the logarithm of 0

# In small letters. All other words, such as those of filters, end a text that is whole.
_FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "max_length": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "abort": "aborted",
    "aborted": "aborted",
    "cancelled": "aborted",
    "error": "error",
    "insufficient_system_resource": "error",
}
_NO_REASONS: Final = ("", "null")  # which some engines send until the end


class ChunkReader:
    """One per generation. Until the engine reports its usage, `usage` is an estimate: one token per chunk."""

    def __init__(
        self, request: GenerationRequest, prompt_tokens: int, *, starts_in_thought: bool = False
    ) -> None:
        self._reported = Usage(prompt_tokens, 0, is_estimate=True)  # by the engine, if ever
        self._counted = self._counted_thoughts = 0  # chunks with output since then
        self.finish_reason: FinishReason | None = None
        self.has_final_usage = False  # the engine's, from the chunk with the finish reason or a later one
        self._request = request
        self._splitter = ReasoningSplitter(starts_in_thought, request.keep_tags)
        self._is_inside_field = False  # of thoughts
        self._calls = ToolCallReader(request.request_id, only_first=takes_one_call(request))
        self._silent_chunks = 0
        self._characters = 0
        self._least_completion_tokens = 0  # that can be true: some engines report none for a text

    @property
    def has_only_end_of_thought(self) -> bool:
        """`</think>` without `<think>`: thoughts were text."""
        return self._splitter.has_only_end

    @property
    def usage(self) -> Usage:
        reported = self._reported
        if not self._counted:
            return reported
        return reported._replace(
            completion_tokens=reported.completion_tokens + self._counted,
            reasoning_tokens=reported.reasoning_tokens + self._counted_thoughts,
            is_estimate=True,
        )

    def read(self, chunk: Mapping[str, Any]) -> Delta | None:
        """Without usage. None if the chunk has nothing for the caller. Raises `GenerationFailed`."""
        choice = _first(chunk.get("choices"))
        piece = choice.get("delta")
        if not isinstance(piece, dict):
            piece = self._instead_of_delta(choice)
        text, reasoning, is_output = self._read_text(piece)
        calls: tuple[ToolCallDelta, ...] = ()
        if not self._request.tools:
            pass  # a caller that offered none cannot read calls of them
        elif (pieces := piece.get("tool_calls")) is not None:
            calls = self._calls.read(pieces)
        elif (function := piece.get("function_call")) is not None:
            calls = self._calls.read_legacy(function)
        logprobs: tuple[TokenLogprob, ...] = ()
        if (of_tokens := choice.get("logprobs")) is not None:
            logprobs = self._read_logprobs(of_tokens)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason not in _NO_REASONS:
            self.finish_reason = _FINISH_REASONS.get(reason.lower(), "stop")
        self._count(text, reasoning, calls, is_output=is_output or bool(calls))
        if (usage := chunk.get("usage")) is not None:
            self._read_usage(usage)
        if not (text or reasoning or calls or logprobs):
            return None
        return Delta(text, reasoning, tool_calls=calls, logprobs=logprobs)

    def end(self, *, is_done: bool) -> Delta:
        """The last delta. `is_done`: the engine said that nothing follows, which is enough after a text.

        Raises `GenerationFailed` if the engine did not say that the text ends.
        """
        reason = self.finish_reason
        if reason is None:
            if not (is_done and (self._characters or self._calls)):
                raise GenerationFailed("the engine's stream was cut off")
            reason = "stop"
        text, reasoning = self._splitter.flush(reason == "length")
        if self._is_inside_field and self._request.keep_tags:
            reasoning += END_OF_THOUGHT
        if reason in ("stop", "tool_calls"):
            reason = "tool_calls" if self._calls else "stop"
        calls = () if reason == "length" else self._calls.end()
        return Delta(text, reasoning, finish_reason=reason, usage=self.usage, tool_calls=calls)

    def cut(self, reason: FinishReason) -> Delta:
        """The last delta of a generation that the gateway ends."""
        text, reasoning = self._splitter.flush(is_cut_off=True)
        return Delta(text, reasoning, finish_reason=reason, usage=self.usage)

    def _instead_of_delta(self, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """What engines send that do not stream, and some at the end of a stream once more."""
        message = choice.get("message")
        if isinstance(message, dict):
            return {} if self._characters or self._calls else message
        return {"content": choice.get("text")}

    def _read_text(self, piece: Mapping[str, Any]) -> tuple[str, str, bool]:
        """The text, the thoughts, and whether the piece has either: its beginning of a tag is held back.

        Thoughts are in a field of their own, by one of two names, in parts, or between tags in the content.
        """
        field = text_of(piece.get("reasoning_content") or piece.get("reasoning"))
        content = piece.get("content") or piece.get("refusal")
        if not content and not field:
            return "", "", False
        if not isinstance(content, str):
            content, thoughts = _texts_of_parts(content)
            field = field or thoughts
        text, reasoning = self._splitter.push(content) if content else ("", "")
        if field:
            reasoning = field + reasoning
        if self._request.keep_tags:
            if field and not self._is_inside_field:
                self._is_inside_field = True
                reasoning = THINK + reasoning
            elif content and self._is_inside_field and not field:
                self._is_inside_field = False
                reasoning = END_OF_THOUGHT + reasoning
        return text, reasoning, bool(content or field)

    def _read_logprobs(self, logprobs: object) -> tuple[TokenLogprob, ...]:
        count = self._request.sampling_params.logprobs
        if count is None or not isinstance(logprobs, dict) or not isinstance(logprobs.get("content"), list):
            return ()
        return tuple(_logprob(each, count) for each in logprobs["content"] if isinstance(each, dict))

    def _read_usage(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        prompt, completion = _count_of(usage, "prompt_tokens"), _count_of(usage, "completion_tokens")
        if prompt is None or completion is None or completion < self._least_completion_tokens:
            return
        self.has_final_usage = self.finish_reason is not None
        self._counted = self._counted_thoughts = 0
        self._reported = Usage(
            prompt,
            completion,
            _count_of(usage.get("completion_tokens_details"), "reasoning_tokens") or 0,
            _count_of(usage.get("prompt_tokens_details"), "cached_tokens") or 0,
        )

    def _count(self, text: str, reasoning: str, calls: tuple[ToolCallDelta, ...], *, is_output: bool) -> None:
        self._characters += len(text) + len(reasoning)
        if calls:
            self._characters += sum(len(call.arguments) for call in calls)
        if self._characters > MAX_TEXT_CHARACTERS:
            raise GenerationFailed("the engine sent too much text")
        self._silent_chunks = 0 if is_output else self._silent_chunks + 1
        if self._silent_chunks > MAX_SILENT_CHUNKS:
            raise GenerationFailed("the engine sends events without text")
        if is_output:
            self._least_completion_tokens = 1
            self._counted += 1
            self._counted_thoughts += bool(reasoning)


def _first(choices: object) -> Mapping[str, Any]:
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    return {}


def _texts_of_parts(content: object) -> tuple[str, str]:
    """The text and the thoughts in a list of parts, as Mistral's models that think have them."""
    text = thoughts = ""
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("thinking"), list):
            thoughts += _texts_of_parts(part["thinking"])[0]
        else:
            thoughts += text_of(part.get("thinking"))
            text += text_of(part.get("text")) or text_of(part.get("refusal"))
    return text, thoughts


def _count_of(values: object, name: str) -> int | None:
    value = values.get(name) if isinstance(values, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKENS
    return value if is_count else None


def _logprob(values: Mapping[str, Any], count: int) -> TokenLogprob:
    token, logprob, raw = text_of(values.get("token")), values.get("logprob"), values.get("bytes")
    if logprob is None:
        logprob = LEAST_LOGPROB
    if not isinstance(logprob, int | float):
        raise GenerationFailed("the engine sent a bad log probability")
    is_bytes = isinstance(raw, list) and all(isinstance(each, int) and 0 <= each < 256 for each in raw)
    top = values.get("top_logprobs")
    return TokenLogprob(
        token,
        bytes(raw) if is_bytes and raw is not None else token.encode(errors="surrogatepass"),
        float(logprob) if math.isfinite(logprob) else LEAST_LOGPROB,
        tuple(_logprob(each, 0) for each in top[:count] if isinstance(each, dict))
        if isinstance(top, list)
        else (),
    )
