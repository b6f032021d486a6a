"""What an engine's refusal means. Its own text is searched for what it is about, and never passed on."""

import json
import logging
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from inference.backends.remote.complaint import Complaint, complaint_of
from inference.backends.remote.request_form import NO_TOP_K
from inference.backends.remote.sent_request import SentRequest
from inference.errors import (
    BackendUnavailable,
    EngineFailed,
    InferenceError,
    InvalidParameter,
    QueueFull,
    RequestRefused,
    UnsupportedModality,
    UnsupportedParameter,
)

logger = logging.getLogger(__name__)

MAX_REFUSAL_BYTES = 65_536
MAX_RETRY_AFTER_SECONDS = 3600

BUSY = (429, 498, 503, 529)  # 498 is Groq's, 529 Anthropic's
OF_ACCESS = (401, 402, 403)
OF_REQUESTS = (400, 413, 422)  # others are about the engine, or how it is reached

_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|(context|input|prompt).{0,80}(length|size|long|exceed)"
    r"|maximum.{0,40}(length|tokens)|max_model_len|max_(completion_)?tokens.{0,40}(too large|at most|exceed)"
    r"|inputs?`? .{0,60}must (be <=|have less than)",
    re.IGNORECASE | re.DOTALL,
)
_MISCONFIGURED = re.compile(
    r"api.?key|billing|insufficient.{0,20}(balance|quota|credit)|model_not_found"
    r"|\bmodel\b[^.]{0,200}\bnot (exist|found|a valid|available)|(invalid|unknown|no such|not a valid) model",
    re.IGNORECASE,
)
_NOT_SUPPORTED = re.compile(
    r"unsupported|not support|unknown|unrecognized|unexpected|extra|not (permitted|allowed|implemented)",
    re.IGNORECASE,
)
_TOO_MANY = re.compile(r"at most|too many|more than", re.IGNORECASE)
_MEDIA = {
    "image": re.compile(r"image|vision|multimodal|mmproj", re.IGNORECASE),
    "audio": re.compile(r"audio|multimodal|mmproj", re.IGNORECASE),
}
_NO_AUDIO = re.compile(r"support.{0,80}audio|audio.{0,80}support|mmproj", re.IGNORECASE)
_NAMED_IN_REFUSALS = {  # the request's field, for a member of the body
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel_tool_calls",
    "response_format": "response_format",
    "top_logprobs": "logprobs",
    "logprobs": "logprobs",
    "logit_bias": "logit_bias",
    "top_k": "top_k",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "stop": "stop",
    "temperature": "temperature",
    "top_p": "top_p",
}
_WITH_BOUNDS = ("temperature", "top_p", "response_format", "tools", "tool_choice")  # of most engines' own
_OTHER_WORDS = {
    "tools": r"auto-tool-choice|tool choice",
    "response_format": r"grammar|json.?schema|structured.outputs?",
}
_HINTS = {
    401: ", as if its `key` were wrong or missing",
    402: ", as if nobody paid",
    403: ", as if its `key` were wrong or missing",
    404: ", as if its `model` or its address were wrong",
}
_LEFT_OUT = ("chat_template_kwargs", "include_reasoning", "stream_options", "parallel_tool_calls", "priority")


class LostConnection(Exception):
    """The engine cannot be reached (`is_unreachable`), or ended the connection before the first event."""

    def __init__(self, reason: str, *, is_unreachable: bool = False) -> None:
        super().__init__(reason)
        self.is_unreachable = is_unreachable


class EngineError(Exception):
    """The engine failed, or does not serve this model with this key, before the first event."""


class AccessRefused(EngineError):
    """To this key: every request gets the same until somebody mends it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the engine responded with {status}{_HINTS[status]}")


class MembersRefused(EngineError):
    """The engine does not know members of the body that the gateway added, or wants another name for one."""

    def __init__(self, members: frozenset[str]) -> None:
        super().__init__(f"the engine refuses {', '.join(sorted(members))}")
        self.members = members


def refusal_of(status: int, headers: Mapping[str, str], text: str, sent: SentRequest) -> Exception:
    """The error for a response with this status.

    `EngineError` and `QueueFull` may be answered by another engine; all others would be the same there.
    """
    if status in BUSY:
        return QueueFull(f"the engine responded with {status}", retry_after_seconds(headers))
    complaint = complaint_of(text)
    if status not in OF_REQUESTS:
        medium = _medium_refused(complaint.message, sent.body) if status >= 500 else None
        if medium is not None:
            return UnsupportedModality(medium)
        if status in OF_ACCESS:
            return AccessRefused(status)
        hint = ", as if its address were another one" if 300 <= status < 400 else _HINTS.get(status, "")
        return EngineError(f"the engine responded with {status}{hint}")
    return _refusal_of_request(status, complaint, sent)


def refusal_of_recording(status: int, headers: Mapping[str, str], text: str) -> Exception:
    """Like `refusal_of`, for the route of transcriptions, which most engines do not have."""
    if status in BUSY:
        return QueueFull(f"the engine responded with {status}", retry_after_seconds(headers))
    if status in (404, 405, 501) or _NO_AUDIO.search(text):
        logger.warning("an engine transcribes no recordings: it responded with %s", status)
        return UnsupportedModality("audio")
    return EngineError(f"the engine responded with {status}")


def error_of_event(error: object, sent: SentRequest) -> Exception:
    """The error for an event that contains one: some engines send it after a status of 200."""
    text = json.dumps(error, default=str)[:MAX_REFUSAL_BYTES]
    return refusal_of(_status_of(error), {}, text, sent)


def _status_of(error: object) -> int:
    if not isinstance(error, Mapping):
        return 500
    code = error.get("code")
    if isinstance(code, str) and code.isdecimal() and len(code) == 3:
        code = int(code)
    if isinstance(code, int) and 400 <= code < 600:
        return code
    kind = f"{error.get('type')} {error.get('error_type')}".lower()  # the latter is TGI's
    if "rate_limit" in kind or "overloaded" in kind:
        return 429
    return 400 if re.search("invalid_request|badrequest|validation", kind) else 500


def retry_after_seconds(headers: Mapping[str, str]) -> int | None:
    """Seconds or a date, as RFC 9110 has it; None if there is none that can be read."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - datetime.now(UTC)).total_seconds()
    if not math.isfinite(seconds):
        return None
    return min(max(math.ceil(seconds), 1), MAX_RETRY_AFTER_SECONDS)


def final_error(errors: list[Exception], next_check_seconds: float) -> InferenceError:
    """What the caller gets when no engine took the request."""
    full = [error for error in errors if isinstance(error, QueueFull)]
    if full:
        pauses = [each.retry_after_seconds for each in full if each.retry_after_seconds is not None]
        return QueueFull("no engine takes more requests", min(pauses, default=None))
    if errors and all(isinstance(error, EngineError) for error in errors):
        return EngineFailed("; ".join(dict.fromkeys(map(str, errors))))
    return BackendUnavailable("no engine can be reached", max(1, math.ceil(next_check_seconds)))


def _refusal_of_request(status: int, complaint: Complaint, sent: SentRequest) -> Exception:
    said = f"{complaint.code} {complaint.message}"
    if refused := _added_members(complaint, sent):
        return MembersRefused(refused)
    if _TOO_LONG.search(said):
        return sent.too_long()
    medium = _medium_refused(said, sent.body)
    if medium == "image" and _TOO_MANY.search(said) and "at most 0" not in said.lower():
        return InvalidParameter("messages", "has more images than the model's engine accepts")
    if medium is not None:
        return UnsupportedModality(medium)
    if "model" in complaint.members or _MISCONFIGURED.search(f"{complaint.kind} {said}"):
        return EngineError(f"the engine responded with {status}: about its key, account or model")
    for member, field in _NAMED_IN_REFUSALS.items():
        if member in sent.body and _names(complaint, member):
            if field in _WITH_BOUNDS and not _NOT_SUPPORTED.search(complaint.message):
                return InvalidParameter(field, "has a value that the model's engine does not accept")
            return UnsupportedParameter(field)
    return RequestRefused(status)


def _added_members(complaint: Complaint, sent: SentRequest) -> frozenset[str]:
    body = sent.body
    added = {member for member in _LEFT_OUT if member in body and _names(complaint, member)}
    if body.get("top_k") == NO_TOP_K and _names(complaint, "top_k"):
        added.add("top_k")
    if "temperature" in body and not sent.has_temperature and _names(complaint, "temperature"):
        added.add("temperature")
    if "max_tokens" in body and "max_completion_tokens" in complaint.message:
        added.add("max_tokens")
    return frozenset(added)


def _names(complaint: Complaint, member: str) -> bool:
    if complaint.members:
        return member in complaint.members
    words = rf"\b{member}\b"
    if member in _OTHER_WORDS:
        words += f"|{_OTHER_WORDS[member]}"
    return re.search(words, complaint.message, re.IGNORECASE) is not None


def _medium_refused(text: str, body: Mapping[str, Any]) -> str | None:
    sent = {
        part["type"]
        for message in body.get("messages", ())
        if isinstance(message.get("content"), list)
        for part in message["content"]
    }
    for medium, part in (("image", "image_url"), ("audio", "input_audio")):
        if part in sent and _MEDIA[medium].search(text):
            return medium
    return None
