"""The end of one JSON value in text that arrives in pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.constraints.json_scanner import JsonScanner

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=9,
)


@given(values, st.booleans(), st.sampled_from(["</arg_value>", "}\n", " ", ",", "\n"]))
def test_the_value_ends_where_json_ends(value: object, is_ascii: bool, following: str) -> None:
    written = json.dumps(value, ensure_ascii=is_ascii)
    for size in (1, 4, 1000):
        scanner, taken, text = JsonScanner(), "", written + following
        for start in range(0, len(text), size):
            piece = text[start : start + size]
            count = scanner.push(piece)
            taken += piece[:count]
            if scanner.is_done:
                break
            assert count == len(piece)
        assert taken == written
        assert scanner.is_done


@pytest.mark.parametrize("text", ["12", "tru", '"abc\\"', "[1, [2]", '{"a": "}"'])
def test_a_value_that_may_go_on_is_not_done(text: str) -> None:
    scanner = JsonScanner()
    assert scanner.push(text) == len(text)
    assert not scanner.is_done
