"""Requests, and engines over a fake model."""

from collections.abc import Callable

import pytest

from inference.types import GenerationRequest, Message, SamplingParams, Text

MakeRequest = Callable[..., GenerationRequest]


@pytest.fixture
def make_request() -> MakeRequest:
    """A greedy request for one user message; keyword arguments are the request's or the sampling's."""

    def make(text: str = "hello", **fields: object) -> GenerationRequest:
        sampling = {"temperature": 0.0, "max_tokens": 64}
        names = SamplingParams.__dataclass_fields__
        sampling |= {name: fields.pop(name) for name in tuple(fields) if name in names}
        fields.setdefault("messages", (Message("user", (Text(text),)),))
        fields.setdefault("request_id", "request")
        return GenerationRequest(sampling_params=SamplingParams(**sampling), **fields)

    return make
