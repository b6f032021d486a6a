import base64
import tracemalloc

import pytest

from app.errors import BodyTooLarge, InvalidMedia
from app.media.codecs.base64_text import decode_base64


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "data:image/jpeg;base64,",
        "data:audio/mp4;codecs=mp4a.40.2;base64,",
        "data:;base64,",
        "data:image/svg+xml;charset=utf-8;base64,",
        "DATA:IMAGE/PNG;BASE64,",
        'data:audio/webm; codecs="opus";base64,',
        "data:image/jpeg;name=IMG%201.jpg;base64,",
    ],
)
def test_base64_and_data_uris_are_read(prefix: str):
    assert decode_base64(prefix.encode() + b"aGVsbG8=", 5) == b"hello"


def test_line_breaks_are_taken_since_androids_encoder_makes_them():
    assert decode_base64(b"aGVs\r\nbG8=\n", 100) == b"hello"


@pytest.mark.parametrize(
    "text",
    [
        "aGVsb",  # cut off within a byte
        "aGVsb===",
        "aGVsbG8= ",
        "aGVsbG8=aGVsbG8=",
        "====",
        "é" * 8,
        "\ud800" * 4,
    ],
)
def test_everything_that_is_not_strictly_base64_is_refused(text: str):
    with pytest.raises(InvalidMedia) as refusal:
        decode_base64(text.encode("utf-8", "surrogatepass"), 100)
    assert "base64" in refusal.value.detail
    assert text not in refusal.value.detail


@pytest.mark.parametrize("text", ["aGVsbG8=", "aGVsbG8", "aGVs\nbG8"])
def test_padding_may_be_absent(text: str):
    assert decode_base64(text.encode(), 5) == b"hello"


@pytest.mark.parametrize("size", range(8))
@pytest.mark.parametrize("padding", [b"", b"="])
def test_alphabet_for_urls_is_read(size: int, padding: bytes):
    content = b"\xfb\xff\xbf" * 2 + bytes(size)
    text = base64.urlsafe_b64encode(content)
    assert b"-_" in text
    assert decode_base64(text if padding else text.rstrip(b"="), 100) == content


@pytest.mark.parametrize(
    "uri", ["data:image/jpeg,aGVsbG8=", "data:image/gif;base64", "Data:,hello", "data:text/plain;utf8,a"]
)
def test_data_uri_that_is_not_base64_is_refused_as_such(uri: str):
    with pytest.raises(InvalidMedia, match="This data URI does not say that it is base64") as refusal:
        decode_base64(uri.encode(), 100)
    assert uri not in refusal.value.detail


@pytest.mark.parametrize(
    "url",
    [
        *("http://10.0.0.1/cat.jpg", "https://example.com", "HTTPS://x"),
        *("file:///etc/passwd", "content://media/external/images/1", "blob:https://example.com/1"),
    ],
)
def test_addresses_are_refused_with_what_to_send_instead(url: str):
    with pytest.raises(InvalidMedia, match="Addresses are not fetched") as refusal:
        decode_base64(url.encode(), 100)
    assert url not in refusal.value.detail


@pytest.mark.parametrize("size", range(1, 8))
def test_the_bound_on_bytes_is_exact(size: int):
    text = base64.b64encode(b"x" * size)
    assert decode_base64(text, size) == b"x" * size
    with pytest.raises(BodyTooLarge):
        decode_base64(text, size - 1)


def test_a_text_that_is_too_long_costs_no_memory():
    text = b"data:image/png;base64," + b"A" * 8_000_000
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        decode_base64(text, 1_000_000)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 10_000


def test_an_empty_text_is_no_picture():
    assert decode_base64(b"", 100) == b""
