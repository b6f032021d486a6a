"""Earlier grammars are kept within a number of bytes, refusals for a minute."""

import pytest

from inference.constraints.grammar_cache import (
    MAX_REFUSALS,
    REFUSAL_SECONDS,
    GrammarCache,
    KeptGrammar,
    Refused,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def grammar(num_bytes: int) -> KeptGrammar:
    return KeptGrammar(lambda: pytest.fail("not used"), {}, num_bytes)


REFUSED = Refused("tools", "is too complex")


def test_the_grammars_used_least_recently_are_dropped_until_the_bytes_fit() -> None:
    cache = GrammarCache(100)
    for key in (b"a", b"b", b"c"):
        cache.keep(key, grammar(30))
    cache.get(b"a")
    cache.keep(b"d", grammar(60))
    assert cache.num_bytes == 90
    assert [key for key in (b"a", b"b", b"c", b"d") if cache.get(key)] == [b"a", b"d"]


def test_a_grammar_that_is_larger_than_the_cache_is_not_kept() -> None:
    cache = GrammarCache(100)
    cache.keep(b"a", grammar(30))
    cache.keep(b"b", grammar(101))
    assert cache.get(b"b") is None
    assert cache.get(b"a") is not None


def test_a_grammar_that_two_requests_compiled_counts_once() -> None:
    cache = GrammarCache(100)
    cache.keep(b"a", grammar(30))
    cache.keep(b"a", grammar(30))
    assert cache.num_bytes == 30


def test_refusals_are_remembered_for_a_minute() -> None:
    clock = Clock()
    cache = GrammarCache(100, clock)
    cache.refuse(b"a", REFUSED)
    clock.now = REFUSAL_SECONDS - 1
    assert cache.get(b"a") == REFUSED
    clock.now = REFUSAL_SECONDS
    assert cache.get(b"a") is None


def test_refusals_are_bounded_in_number() -> None:
    cache = GrammarCache(100, Clock())
    for number in range(MAX_REFUSALS + 1):
        cache.refuse(str(number).encode(), REFUSED)
    assert cache.get(b"0") is None
    assert cache.get(b"1") == REFUSED
