"""The arithmetic of streams, with times that are given."""

import random

import pytest

from benchmarks.stream_load import (
    Load,
    Stream,
    arrivals,
    closed_loop_rates,
    percentile_ms,
    prompt,
    run_load,
    tokens_per_second,
)


def stream(start: float, pieces: int, gap: float = 1.0, tokens: int = 0, characters: int = 3) -> Stream:
    """`pieces` pieces of text, the first at `start`."""
    moments = [start + gap * index for index in range(pieces)]
    sizes = [characters * (index + 1) for index in range(pieces)]
    return Stream(start - 0.5, moments, sizes, tokens or pieces, moments[-1])


def test_tokens_are_counted_while_all_streams_decode() -> None:
    streams = [stream(0.0, 20), stream(5.0, 10)]  # together from 5 to 14
    assert tokens_per_second(streams) == 2.0


def test_a_piece_of_several_tokens_counts_as_several() -> None:
    assert tokens_per_second([stream(0.0, 11, tokens=33)]) == 3.0


def test_streams_that_wait_for_each_other_are_counted_from_first_to_last() -> None:
    assert tokens_per_second([stream(0.0, 10), stream(20.0, 11)]) == round(20 / 30, 1)


def test_a_closed_loop_counts_when_it_is_warm() -> None:
    load = Load("closed", 1, 8, 4, 0, seconds=8.0)
    streams = [stream(0.5 + 4 * index, 4) for index in range(3)]  # starts at 0; counts from 2 to 8
    assert closed_loop_rates(load, streams) == (1.0, 0.25)


def test_a_stream_that_never_spoke_is_no_part_of_a_rate() -> None:
    assert tokens_per_second([Stream(0.0, ended=3.0)]) == 0.0
    assert tokens_per_second([Stream(0.0, ended=3.0), stream(0.0, 11)]) == 1.0


def test_percentiles_are_of_the_values() -> None:
    values = [number / 1000 for number in range(1, 101)]
    random.Random(0).shuffle(values)
    assert percentile_ms(values, 50) == 51.0
    assert percentile_ms(values, 99) == 100.0


def test_arrivals_have_their_rate_and_are_the_same_again() -> None:
    load = Load("poisson", 1, 8, 4, 7, seconds=100.0, rate=20.0)
    times = arrivals(load, 50.0)
    assert times == arrivals(load, 50.0) == sorted(times)
    assert times[0] > 50
    assert times[-1] < 150
    assert 1800 < len(times) < 2200


def test_prompts_have_their_length_and_differ_from_the_beginning() -> None:
    prompts = [prompt(64, number) for number in range(100)]
    assert {len(text) for text in prompts} == {62}
    assert len({text[:6] for text in prompts}) == 100


@pytest.mark.anyio
async def test_an_error_is_part_of_its_stream() -> None:
    async def ask(text: str, max_tokens: int, stream: Stream) -> None:
        stream.note(3)
        if text.startswith("000001"):
            raise ConnectionError("cut off")
        stream.tokens = max_tokens

    streams = await run_load(Load("at_once", 2, 16, 5, 0), ask)
    assert [(each.error, each.tokens, each.sizes) for each in streams] == [
        ("", 5, [3]),
        ("ConnectionError", 0, [3]),
    ]
