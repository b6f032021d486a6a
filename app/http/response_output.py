"""The output of `POST /v1/responses`: its items grow with the deltas, and each step is an event.

A response that is not streamed is made by the same steps, so both have the same items.
"""

import secrets
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, Final

from app.errors import DeadlineExceeded, GenerationError
from app.http.action_field import action_field
from app.http.call import Call
from app.http.completions import CompletionPlan, logprobs_of
from app.http.error_handlers import gateway_error_of
from app.http.event_stream import named_event
from app.http.generation import Generation
from app.http.openai_call import head_of
from app.localisation import translate
from app.schemas.openai_output import ActionFormat
from app.schemas.response_request import CreateResponseRequest
from inference import Delta, FinishReason, TokenLogprob, ToolCallDelta

Event = tuple[str, dict[str, Any]]  # its type, and its members

CUT_OFF: Final = frozenset({"length", "deadline"})


class ResponseOutput:
    """One response in progress. `document` is the response as it is now."""

    def __init__(self, call: Call, request: CreateResponseRequest, plan: CompletionPlan) -> None:
        self._call = call
        self._plan = plan
        self._settings = _settings_of(request)
        head = head_of(call, "response", "resp")
        self._head = {
            "id": head["id"].replace("-", "_"),  # as OpenAI writes these
            "object": head["object"],
            "created_at": head["created"],
            "model": head["model"],
        }
        self._items: list[dict[str, Any]] = []
        self._open: _Item | None = None
        self._finish_reason: FinishReason | None = None

    @property
    def has_output(self) -> bool:
        return bool(self._items)

    def document(self, status: str, **more: Any) -> dict[str, Any]:
        """A copy that later steps do not change."""
        items = [dict(item) for item in self._items]
        return self._head | {"status": status, "output": items} | self._settings | more

    def begin(self) -> Iterator[Event]:
        for kind in ("response.created", "response.in_progress"):
            yield kind, {"response": self.document("in_progress")}

    def add(self, delta: Delta) -> Iterator[Event]:
        self._finish_reason = delta.finish_reason or self._finish_reason
        if delta.reasoning and self._plan.thoughts != "hidden":
            yield from self._item("reasoning", "rs", summary=[])
            yield from self._add_text(delta.reasoning, ())
        if delta.text or delta.logprobs:
            yield from self._item("message", "msg", role="assistant", content=[])
            yield from self._add_text(delta.text, delta.logprobs)
        for piece in delta.tool_calls:
            yield from self._add_call(piece)

    def end(self) -> Iterator[Event]:
        """The last events. Raises `GenerationError`, and `DeadlineExceeded` for a response without output."""
        reason = self._finish_reason
        if reason not in ("stop", "tool_calls", *CUT_OFF):
            raise GenerationError
        if reason == "deadline" and not self.has_output:
            raise DeadlineExceeded
        status = "incomplete" if reason in CUT_OFF else "completed"
        yield from self._close(status)
        yield f"response.{status}", {"response": self.final_document()}

    def final_document(self) -> dict[str, Any]:
        usage = {"usage": usage_of_response(self._call)}
        if self._finish_reason in CUT_OFF:
            return self.document("incomplete", incomplete_details={"reason": "max_output_tokens"}, **usage)
        return self.document("completed", **usage)

    def _add_call(self, piece: ToolCallDelta) -> Iterator[Event]:
        if piece.id:
            yield from self._close("completed")
            fields = {"call_id": piece.id, "name": piece.name, "arguments": ""}
            yield from self._item("function_call", "fc", **fields)
        if piece.arguments:
            yield from self._add_text(piece.arguments, ())

    def _item(self, kind: str, prefix: str, **fields: Any) -> Iterator[Event]:
        """Opens an item, unless one of that kind is open."""
        if self._open is not None and self._open.item["type"] == kind:
            return
        yield from self._close("completed")
        item = {"id": f"{prefix}_{secrets.token_hex(12)}", "type": kind, "status": "in_progress"} | fields
        self._items.append(item)
        self._open = _KINDS[kind](item, len(self._items) - 1, self._plan)
        yield from self._open.begin()

    def _add_text(self, text: str, tokens: tuple[TokenLogprob, ...]) -> Iterator[Event]:
        assert self._open is not None
        yield from self._open.add_text(text, tokens)

    def _close(self, status: str) -> Iterator[Event]:
        if self._open is not None:
            yield from self._open.end(status)
            self._open = None


class _Item:
    """An item that grows. `item` is what the response has of it."""

    def __init__(self, item: dict[str, Any], index: int, plan: CompletionPlan) -> None:
        self.item = item
        self._index = index
        self._plan = plan

    def begin(self) -> Iterator[Event]:
        yield "response.output_item.added", {"output_index": self._index, "item": dict(self.item)}

    def add_text(self, text: str, tokens: tuple[TokenLogprob, ...]) -> Iterator[Event]:
        raise NotImplementedError

    def end(self, status: str) -> Iterator[Event]:
        self.item["status"] = status
        yield "response.output_item.done", {"output_index": self._index, "item": dict(self.item)}

    def _event(self, kind: str, **members: Any) -> Event:
        return f"response.{kind}", {"item_id": self.item["id"], "output_index": self._index, **members}


class _Reasoning(_Item):
    def begin(self) -> Iterator[Event]:
        yield from super().begin()
        self._text: list[str] = []
        part = {"type": "summary_text", "text": ""}
        yield self._event("reasoning_summary_part.added", summary_index=0, part=part)

    def add_text(self, text: str, tokens: tuple[TokenLogprob, ...]) -> Iterator[Event]:
        self._text.append(text)
        yield self._event("reasoning_summary_text.delta", summary_index=0, delta=text)

    def end(self, status: str) -> Iterator[Event]:
        text = "".join(self._text)
        part = {"type": "summary_text", "text": text}
        yield self._event("reasoning_summary_text.done", summary_index=0, text=text)
        yield self._event("reasoning_summary_part.done", summary_index=0, part=part)
        self.item["summary"] = [part]
        yield from super().end(status)


class _Message(_Item):
    def begin(self) -> Iterator[Event]:
        yield from super().begin()
        self._text: list[str] = []
        self._logprobs: list[dict[str, Any]] = []
        yield self._event("content_part.added", content_index=0, part=self._part(""))

    def add_text(self, text: str, tokens: tuple[TokenLogprob, ...]) -> Iterator[Event]:
        self._text.append(text)
        logprobs = logprobs_of(tokens)
        self._logprobs += logprobs
        yield self._event("output_text.delta", content_index=0, delta=text, logprobs=logprobs)

    def end(self, status: str) -> Iterator[Event]:
        text = "".join(self._text)
        part = self._part(text)
        if self._plan.has_action:
            part |= action_field(text)
        yield self._event("output_text.done", content_index=0, text=text, logprobs=self._logprobs)
        yield self._event("content_part.done", content_index=0, part=part)
        self.item["content"] = [part]
        yield from super().end(status)

    def _part(self, text: str) -> dict[str, Any]:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": self._logprobs}


class _FunctionCall(_Item):
    def add_text(self, text: str, tokens: tuple[TokenLogprob, ...]) -> Iterator[Event]:
        self.item["arguments"] += text
        yield self._event("function_call_arguments.delta", delta=text)

    def end(self, status: str) -> Iterator[Event]:
        name, arguments = self.item["name"], self.item["arguments"]
        yield self._event("function_call_arguments.done", name=name, arguments=arguments)
        yield from super().end(status)


_KINDS: Final[Mapping[str, type[_Item]]] = {
    "reasoning": _Reasoning,
    "message": _Message,
    "function_call": _FunctionCall,
}


async def whole_response(output: ResponseOutput, generation: Generation) -> dict[str, Any]:
    """The members of a `ResponseObject`. Raises `DeadlineExceeded` and `GenerationError`."""
    async for delta in generation:
        for _ in output.add(delta):
            pass
    for _ in output.end():
        pass
    return output.final_document()


async def response_events(
    call: Call, output: ResponseOutput, generation: Generation
) -> AsyncGenerator[bytes, None]:
    """The events of a stream, numbered from 0, to `response.completed`, `.incomplete` or `.failed`."""
    numbers = iter(range(2**31))
    for event in output.begin():
        yield _encode(event, next(numbers))
    try:
        async for delta in generation:
            for event in output.add(delta):
                yield _encode(event, next(numbers))
        for event in output.end():
            yield _encode(event, next(numbers))
    except Exception as error:
        for event in _last_events(call, output, error):
            yield _encode(event, next(numbers))


def failure_events(call: Call, output: ResponseOutput, error: Exception) -> Iterator[bytes]:
    """All events of a stream that was open before the engine refused it."""
    for number, event in enumerate((*output.begin(), *_last_events(call, output, error))):
        yield _encode(event, number)


def _last_events(call: Call, output: ResponseOutput, error: Exception) -> Iterator[Event]:
    gateway_error = gateway_error_of(error)
    call.record.error_code = gateway_error.code
    details = {"code": gateway_error.code, "message": translate(gateway_error.detail, call.language)}
    yield "error", details | {"param": gateway_error.param or ""}
    yield "response.failed", {"response": output.document("failed", error=details)}


def usage_of_response(call: Call) -> dict[str, Any]:
    record = call.record
    return {
        "input_tokens": record.prompt_tokens,
        "input_tokens_details": {"cached_tokens": record.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": record.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": record.reasoning_tokens},
        "total_tokens": record.prompt_tokens + record.completion_tokens,
    }


def _encode(event: Event, number: int) -> bytes:
    kind, members = event
    return named_event(kind, {"type": kind, "sequence_number": number} | members)


def _settings_of(request: CreateResponseRequest) -> dict[str, Any]:
    """What the request said, or the default: clients' types require most of it."""
    choice, tools = request.tool_choice, request.tools or ()
    text = request.text.format if request.text is not None else None
    effort = request.reasoning.effort if request.reasoning is not None else None
    values = {
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "reasoning": {} if effort is None else {"effort": effort},
        "store": False,
        "temperature": request.temperature or 0.0,
        # The type of an action is unknown to strict clients, and an action is a text.
        "text": {"format": {"type": "text"} if isinstance(text, ActionFormat | None) else _sent(text)},
        "tool_choice": choice if isinstance(choice, str) else "auto" if choice is None else _sent(choice),
        "tools": [_sent(tool) for tool in tools],
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": "disabled",
    }
    return {name: value for name, value in values.items() if value is not None}


def _sent(model: Any) -> dict[str, Any]:  # Any: one of our schemas
    fields: dict[str, Any] = model.model_dump(by_alias=True, exclude_none=True)
    return fields
