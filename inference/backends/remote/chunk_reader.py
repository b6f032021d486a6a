"""Turns the chunks of an engine's stream into deltas. Every member of a chunk may be anything."""

from collections.abc import Mapping
from typing import Any, Final

from inference.engine.reasoning import END_OF_THOUGHT, THINK, ReasoningSplitter
from inference.errors import GenerationFailed
from inference.types import Delta, FinishReason, GenerationRequest, TokenLogprob, ToolCallDelta, Usage

MAX_SILENT_CHUNKS: Final = 4096  # in a row
MAX_TEXT_CHARACTERS: Final = 16 << 20
MAX_CALLS: Final = 128
MAX_TOKENS: Final = 1 << 31

_FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "content_filter": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "abort": "aborted",
}


class ChunkReader:
    """One per generation. Until the engine reports its usage, `usage` is an estimate: one token per chunk."""

    def __init__(self, request: GenerationRequest, prompt_tokens: int) -> None:
        self.usage = Usage(prompt_tokens, 0, is_estimate=True)
        self.finish_reason: FinishReason | None = None
        self.has_engines_usage = False
        self._request = request
        self._splitter = ReasoningSplitter(keep_tags=request.keep_tags)
        self._is_inside_field = False  # of thoughts
        self._calls: set[int] = set()
        self._silent_chunks = 0
        self._characters = 0

    def read(self, chunk: Mapping[str, Any]) -> Delta | None:
        """None if the chunk has nothing for the caller. Raises `GenerationFailed`."""
        if (usage := chunk.get("usage")) is not None:
            self._read_usage(usage)
        choice = _first(chunk.get("choices"))
        piece = choice.get("delta")
        piece = piece if isinstance(piece, dict) else {}
        text, reasoning, is_output = self._read_text(piece)
        calls: tuple[ToolCallDelta, ...] = ()
        if (pieces := piece.get("tool_calls")) is not None:
            calls = self._read_calls(pieces)
        logprobs: tuple[TokenLogprob, ...] = ()
        if (of_tokens := choice.get("logprobs")) is not None:
            logprobs = self._read_logprobs(of_tokens)
        reason = choice.get("finish_reason")
        if isinstance(reason, str):
            self.finish_reason = _FINISH_REASONS.get(reason, "error")
        self._count(text, reasoning, calls, is_output=is_output or bool(calls))
        delta = Delta(text, reasoning, usage=self.usage, tool_calls=calls, logprobs=logprobs)
        return delta if delta.has_output else None

    def end(self) -> Delta:
        """The last delta. Raises `GenerationFailed` if the engine did not say why the text ends."""
        if self.finish_reason is None:
            raise GenerationFailed("the engine's stream was cut off")
        text, reasoning = self._splitter.flush(self.finish_reason == "length")
        if self._is_inside_field and self._request.keep_tags:
            reasoning += END_OF_THOUGHT
        reason = self.finish_reason
        if self._calls and reason == "stop":
            reason = "tool_calls"
        return Delta(text, reasoning, finish_reason=reason, usage=self.usage)

    def cut(self, reason: FinishReason) -> Delta:
        """The last delta of a generation that the gateway ends."""
        text, reasoning = self._splitter.flush(is_cut_off=True)
        return Delta(text, reasoning, finish_reason=reason, usage=self.usage)

    def _read_text(self, piece: Mapping[str, Any]) -> tuple[str, str, bool]:
        """The text, the thoughts, and whether the piece has either: its beginning of a tag is held back.

        Thoughts are in a field of their own, by one of two names, or between tags in the content.
        """
        field = _text_of(piece, "reasoning_content") or _text_of(piece, "reasoning")
        content = _text_of(piece, "content")
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

    def _read_calls(self, pieces: object) -> tuple[ToolCallDelta, ...]:
        if not isinstance(pieces, list):
            return ()
        calls = []
        for position, piece in enumerate(pieces):
            if not isinstance(piece, dict):
                continue
            index = piece.get("index", position)
            if not isinstance(index, int) or not 0 <= index < MAX_CALLS:
                raise GenerationFailed("the engine sent a tool call with a bad index")
            if index and not self._request.parallel_tool_calls:
                continue
            function = piece.get("function")
            function = function if isinstance(function, dict) else {}
            name, arguments = _text_of(function, "name"), _text_of(function, "arguments")
            if index in self._calls:
                calls.append(ToolCallDelta(index, arguments=arguments))
                continue
            if not name:
                raise GenerationFailed("the engine sent a tool call without a name")
            self._calls.add(index)
            call_id = _text_of(piece, "id") or f"call_{self._request.request_id}_{index}"
            calls.append(ToolCallDelta(index, call_id, name, arguments))
        return tuple(calls)

    def _read_logprobs(self, logprobs: object) -> tuple[TokenLogprob, ...]:
        count = self._request.sampling_params.logprobs
        if count is None or not isinstance(logprobs, dict) or not isinstance(logprobs.get("content"), list):
            return ()
        return tuple(_logprob(each, count) for each in logprobs["content"] if isinstance(each, dict))

    def _read_usage(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        prompt, completion = _count_of(usage, "prompt_tokens"), _count_of(usage, "completion_tokens")
        if prompt is None or completion is None:
            return
        self.has_engines_usage = True
        self.usage = Usage(
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
        if is_output and not self.has_engines_usage:
            self.usage = Usage(
                self.usage.prompt_tokens,
                self.usage.completion_tokens + 1,
                self.usage.reasoning_tokens + bool(reasoning),
                is_estimate=True,
            )


def _first(choices: object) -> Mapping[str, Any]:
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    return {}


def _text_of(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _count_of(values: object, name: str) -> int | None:
    value = values.get(name) if isinstance(values, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKENS
    return value if is_count else None


def _logprob(values: Mapping[str, Any], count: int) -> TokenLogprob:
    token, logprob, raw = _text_of(values, "token"), values.get("logprob"), values.get("bytes")
    if not isinstance(logprob, int | float):
        raise GenerationFailed("the engine sent a bad log probability")
    is_bytes = isinstance(raw, list) and all(isinstance(each, int) and 0 <= each < 256 for each in raw)
    top = values.get("top_logprobs")
    return TokenLogprob(
        token,
        bytes(raw) if is_bytes and raw is not None else token.encode(errors="surrogatepass"),
        float(logprob),
        tuple(_logprob(each, 0) for each in top[:count] if isinstance(each, dict))
        if isinstance(top, list)
        else (),
    )
