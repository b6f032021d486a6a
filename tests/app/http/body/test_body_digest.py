"""Two bodies that say the same have one digest, however they are cut into pieces; others have not."""

import json
import random
import tracemalloc
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from app.errors import InvalidJSON, InvalidMultipart, InvalidRequest
from app.http.body.body_digest import body_digest

JSON = "application/json"
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def digest(body: bytes, content_type: str = JSON, piece_bytes: int = 1 << 20) -> bytes:
    made = body_digest(Headers({"content-type": content_type}))
    for start in range(0, len(body), piece_bytes):
        made.update(body[start : start + piece_bytes])
    return made.digest()


def shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, list):
        return [shuffled(item, rng) for item in value]
    if isinstance(value, dict):
        members = [(name, shuffled(member, rng)) for name, member in value.items()]
        rng.shuffle(members)
        return dict(members)
    return value


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(values, st.integers(0, 99), st.integers(1, 7))
def test_order_of_members_white_space_and_pieces_do_not_matter(
    value: Any, seed: int, piece_bytes: int
) -> None:
    rng = random.Random(seed)
    written = json.dumps(value).encode()
    again = json.dumps(shuffled(value, rng), indent=2, separators=(" ,", "\t:\r\n")).encode()
    assert digest(again, piece_bytes=piece_bytes) == digest(written)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(values, values)
def test_other_values_have_another_digest(one: Any, other: Any) -> None:
    texts = [json.dumps(value, sort_keys=True).encode() for value in (one, other)]
    assert (digest(texts[0]) == digest(texts[1])) == (texts[0] == texts[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"[1,2]", b"[2,1]"),
        (b"[1,2]", b"[12]"),
        (b"[]", b"{}"),
        (b"[]", b"[[]]"),
        (b"{}", b'{"":{}}'),
        (b'"1"', b"1"),
        (b'["a,b"]', b'["a","b"]'),
        (b'{"a":"b"}', b'{"b":"a"}'),
        (b'{"a":1,"b":2}', b'{"a":2,"b":1}'),
        (b'{"a":{"b":1}}', b'{"a":{},"b":1}'),
        (b'["\\\\"]', b'["\\""]'),
        (b"", b"null"),
    ],
)
def test_bodies_that_look_alike_are_told_apart(one: bytes, other: bytes) -> None:
    assert digest(one) != digest(other)


def test_what_no_route_takes_is_refused_before_it_takes_time() -> None:
    with pytest.raises(InvalidJSON):
        digest(b"[" * 100)
    for body in (b"," * 200_000, b"[" + b"1," * 200_000, b"1 " * 200_000):
        with pytest.raises(InvalidRequest):
            digest(body)


def test_largest_body_of_a_route_is_not_refused() -> None:
    members = {f"name{number}": [number, {"x": None}] for number in range(5_000)}
    assert digest(orjson.dumps(members)) == digest(json.dumps(members, indent=1).encode(), piece_bytes=4096)


@pytest.mark.parametrize(
    ("begin", "element", "end"),
    [
        ("{", '"name%d":%d', "}"),
        ("[", "[%d,{}]", "]"),
        ('{"a":[{', '"name%d":["text%d"]', "}]}"),
        ("", '"%d"', ""),
        ("", '"%d":', ""),
    ],
    ids=["object", "list", "nested", "no JSON", "names alone"],
)
def test_digest_takes_no_memory_for_the_number_of_values(begin: str, element: str, end: str) -> None:
    """A body is digested before it is admitted, and all it may hold then is its own bytes."""
    elements = ",".join(element.replace("%d", str(number)) for number in range(4_000))
    body = f"{begin}{elements}{end}".encode()
    made = body_digest(Headers({"content-type": JSON}))
    tracemalloc.start()
    try:
        for start in range(0, len(body), 16_384):
            made.update(body[start : start + 16_384])
        made.digest()
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 64 * 1024


def form(files: list[tuple[str, Any]], fields: dict[str, str]) -> tuple[bytes, str]:
    request = httpx.Request("POST", "http://gateway/vision", files=files, data=fields)
    return request.read(), request.headers["content-type"]


@pytest.mark.parametrize("piece_bytes", [1, 3, 64, 1 << 20])
def test_boundary_and_names_of_files_do_not_matter(piece_bytes: int) -> None:
    """httpx draws a boundary for each request."""
    content = b"--not-a-boundary\r\n" * 20 + bytes(range(256))
    bodies = [
        form([("image", (name, content, kind))], {"prompt": "What?"})
        for name, kind in (("a.jpg", "image/jpeg"), ("IMG_0815.heic", "application/octet-stream"))
    ]
    assert bodies[0][1] != bodies[1][1]
    assert digest(*bodies[0]) == digest(*bodies[1], piece_bytes=piece_bytes)


def test_forms_that_say_something_else_are_told_apart() -> None:
    forms = [
        form([("image", ("a", b"one"))], {"prompt": "What?"}),
        form([("image", ("a", b"two"))], {"prompt": "What?"}),
        form([("image", ("a", b"one"))], {"prompt": "Who?"}),
        form([("image[]", ("a", b"one"))], {"prompt": "What?"}),
        form([("prompt", (None, b"What?")), ("image", (None, b"one"))], {}),
        form([("image", ("a", b"one")), ("image", ("a", b"one"))], {"prompt": "What?"}),
    ]
    assert len({digest(*each) for each in forms}) == len(forms)


def test_malformed_form_is_refused() -> None:
    body, content_type = form([("image", ("a", b"one"))], {})
    with pytest.raises(InvalidMultipart):
        digest(b"no form", content_type)
    with pytest.raises(InvalidMultipart):
        digest(body, "multipart/form-data")


def test_other_bodies_are_compared_byte_by_byte() -> None:
    content_type = "application/x-www-form-urlencoded"
    assert digest(b"a=1&b=2", content_type, 2) == digest(b"a=1&b=2", content_type)
    assert digest(b"b=2&a=1", content_type) != digest(b"a=1&b=2", content_type)
