"""One generation as the gateway sees it: its deltas, measured on the way through."""

import time
from dataclasses import dataclass, replace

from app.errors import DeadlineExceeded, GenerationError
from app.http.running_calls import RunningCall
from app.ops.history import History
from app.record.request_record import RequestRecord
from app.record.request_trace import GenerationTrace
from inference import Delta, DeltaStream, FinishReason, TokenLogprob, ToolCall, Usage


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole generation. `finish_reason` is "stop", "length", "tool_calls" or, if allowed, "deadline"."""

    text: str
    reasoning: str
    finish_reason: FinishReason
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


class Generation:
    """Iterates over the deltas after the first. Made and closed by `Call`.

    `is_further_choice`: the same prompt is already counted for another generation.
    """

    def __init__(
        self,
        deltas: DeltaStream,
        call: RunningCall,
        record: RequestRecord,
        history: History,
        trace: GenerationTrace | None = None,
        *,
        is_further_choice: bool = False,
    ) -> None:
        self._deltas = deltas
        self._call = call
        self._record = record
        self._history = history
        self._trace = trace
        self._is_further_choice = is_further_choice
        self._usage = Usage(0, 0)
        self._is_counted = False
        self.backend = ""  # its name, where there are several
        self.worker = ""  # its name, where it is a remote engine
        self.has_output = False
        self._finish_reason: FinishReason | None = None

    async def begin(self) -> None:
        """Waits until the engine has begun the request. Raises what ends the call, as iterating does."""
        requested_at = time.monotonic()
        with self._call:
            begun = await anext(self._deltas)
        self._usage = begun.usage or self._usage
        self.backend = begun.backend
        self.worker = begun.worker
        self._record.queue_seconds += time.monotonic() - requested_at

    def __aiter__(self) -> "Generation":
        return self

    async def __anext__(self) -> Delta:
        with self._call:
            delta = await anext(self._deltas)
        if delta.has_output:
            self.has_output = True
            self._record.note_output()
            if self._trace is not None:
                self._trace.note_output()
        if delta.usage is not None:
            self._history.output_tokens += delta.usage.completion_tokens - self._usage.completion_tokens
            self._usage = delta.usage
        if delta.finish_reason is not None:
            self._record.finish_reason = self._finish_reason = delta.finish_reason
            self._count_usage()
        return delta

    async def collect(self, *, may_be_cut_off: bool = False) -> Completion:
        """The whole text. Raises `DeadlineExceeded` and `GenerationError`.

        With `may_be_cut_off`, the deadline ends the text as a limit of tokens does, if there is any text.
        """
        text: list[str] = []
        reasoning: list[str] = []
        calls: dict[int, ToolCall] = {}
        logprobs: list[TokenLogprob] = []
        finish_reason: FinishReason | None = None
        async for delta in self:
            text.append(delta.text)
            reasoning.append(delta.reasoning)
            logprobs += delta.logprobs
            for piece in delta.tool_calls:
                begun = calls.get(piece.index, ToolCall(piece.id, piece.name, ""))
                calls[piece.index] = replace(begun, arguments=begun.arguments + piece.arguments)
            finish_reason = delta.finish_reason
        has_output = any(text) or any(reasoning) or bool(calls)
        match finish_reason:
            case "stop" | "length" | "tool_calls":
                pass
            case "deadline" if may_be_cut_off and has_output:
                pass
            case "deadline":
                raise DeadlineExceeded
            case _:
                raise GenerationError
        tool_calls = tuple(calls[index] for index in sorted(calls))
        return Completion("".join(text), "".join(reasoning), finish_reason, tool_calls, tuple(logprobs))

    async def aclose(self) -> None:
        """Aborts what still runs; what it used until then is counted."""
        self._count_usage()
        await self._deltas.aclose()

    def _count_usage(self) -> None:
        if not self._is_counted:
            self._is_counted = True
            if not self._is_further_choice:
                self._record.prompt_tokens += self._usage.prompt_tokens
                self._record.cached_tokens += self._usage.cached_tokens
            self._record.completion_tokens += self._usage.completion_tokens
            self._record.reasoning_tokens += self._usage.reasoning_tokens
            self._record.is_usage_estimated |= self._usage.is_estimate
            if self._trace is not None:
                self._trace.end(self._usage, self._finish_reason)
