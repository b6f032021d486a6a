"""The engine's record of a generation: steps, times, cached tokens, preemptions."""

from itertools import count

from inference.timeline import MAX_CHUNKS, Timeline


def test_steps_are_counted_and_their_times_are_in_order(make_engine, make_request, run_all) -> None:
    seconds = count()
    timeline = Timeline()
    engine = make_engine(clock=lambda: float(next(seconds)), chunk_tokens=4)
    events = run_all(engine, [make_request("hello you", timeline=timeline)])[0]
    usage = events[-1].usage
    assert [tokens for _, tokens in timeline.chunks] == [4, 4, 2]
    assert timeline.prefill_steps == 3
    assert timeline.decode_steps == usage.completion_tokens - 1
    ends = [end for end, _ in timeline.chunks]
    times = [timeline.begun_at, *ends, timeline.last_token_at]
    assert times == sorted(times)
    assert ends[-1] == timeline.first_token_at
    assert 0 < timeline.longest_step_seconds <= timeline.last_token_at - timeline.first_token_at


def test_cached_tokens_are_recorded(make_engine, make_request, run_all) -> None:
    engine, prompt = make_engine(), "the same long question " * 4
    cached = []
    for _ in range(2):
        timeline = Timeline()
        run_all(engine, [make_request(prompt, max_tokens=1, timeline=timeline)])
        cached.append(timeline.cached_tokens)
    assert cached[0] == 0
    assert len(prompt) - 8 < cached[1] <= len(prompt)


def test_preemptions_are_counted_and_their_work_is_decoding(make_engine, make_request, run_all) -> None:
    timelines = [Timeline() for _ in range(6)]
    engine = make_engine(kv_cache_tokens=160, chunk_tokens=256)
    requests = [make_request("x" * 30, max_tokens=60, timeline=each) for each in timelines]
    run_all(engine, requests)
    assert sum(timeline.preemptions for timeline in timelines) > 0
    assert all(timeline.prefill_steps == 1 for timeline in timelines)


def test_a_long_prefill_records_a_bounded_number_of_chunks() -> None:
    timeline = Timeline()
    for now in range(MAX_CHUNKS + 10):
        timeline.note_step(float(now), 1, has_token=False)
    assert len(timeline.chunks) == MAX_CHUNKS
    assert timeline.prefill_steps == MAX_CHUNKS + 10
