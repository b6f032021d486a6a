"""The hour in memory: what is counted, how it moves on, and that it stays bounded."""

import asyncio
import time

import pytest

from app.ops.history import MAX_SAMPLES, MEASURE_SECONDS, SAMPLE_SECONDS, History, steady_clock
from app.ops.users_of_hour import MAX_USERS, SLOT_SECONDS
from app.record.request_record import Outcome, RequestRecord
from inference import BackendConfig, build_backend

NOON = 1_800_000_000.0


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(clock: Clock) -> History:
    return History(build_backend(BackendConfig(("scripted",))), clock=clock)


def generation(user_id: str | None = "usr_1", ttft_seconds: float = 0.5, **known: object) -> RequestRecord:
    """Of five tokens, a tenth of a second each after the first."""
    record = RequestRecord("req_1", user_id=user_id, route_generates=True, status=200, completion_tokens=5)
    record.first_output_at = record.started_at + ttft_seconds
    record.last_output_at = record.first_output_at + 0.4
    for name, value in known.items():
        setattr(record, name, value)
    return record


def refusal(code: str, status: int = 429, user_id: str | None = "usr_1") -> RequestRecord:
    return RequestRecord("req_1", user_id=user_id, route_generates=True, status=status, error_code=code)


def pass_time(history: History, clock: Clock, seconds: float) -> None:
    for _ in range(round(seconds / SAMPLE_SECONDS)):
        clock.now += SAMPLE_SECONDS
        history.take_sample()


def test_a_sample_holds_what_ended_since_the_one_before(history, clock):
    history.observe(generation(), "ok")
    history.observe(generation(), "deadline")
    history.observe(refusal("rate_limit_exceeded"), "refused")
    pass_time(history, clock, SAMPLE_SECONDS)
    history.observe(generation(), "ok")
    pass_time(history, clock, SAMPLE_SECONDS)
    first, second = history.samples_after(0)
    assert (first.traffic.ended["ok"], first.traffic.failed, first.traffic.ended["refused"]) == (1, 1, 1)
    assert first.traffic.refusals == {"rate_limit_exceeded": 1}
    assert first.measures.ttft_median == pytest.approx(0.5, rel=0.03)
    assert first.measures.tokens_per_second_each == pytest.approx(10, rel=0.03)
    assert (second.traffic.requests, second.seconds) == (1, SAMPLE_SECONDS)
    assert [worker.device for worker in second.status.workers] == ["scripted"]


def test_measures_are_of_half_a_minute(history, clock):
    history.observe(generation(ttft_seconds=0.1), "ok")
    pass_time(history, clock, SAMPLE_SECONDS)
    history.observe(generation(ttft_seconds=3.0), "ok")
    pass_time(history, clock, MEASURE_SECONDS)
    medians = [sample.measures.ttft_median for sample in history.samples_after(0)]
    expected = [0.1] * 6 + [3.0]
    assert medians == [pytest.approx(value, rel=0.03) for value in expected]
    pass_time(history, clock, SAMPLE_SECONDS)
    assert history.samples_after(clock.now - 1)[0].measures.ttft_median is None


def test_what_asks_for_no_generation_is_not_counted(history, clock):
    history.observe(generation(route_generates=False), "ok")
    pass_time(history, clock, SAMPLE_SECONDS)
    assert history.last(300).requests == 0


def test_tokens_count_when_they_come_not_when_the_answer_ends(history, clock):
    history.output_tokens += 30
    pass_time(history, clock, SAMPLE_SECONDS)
    history.output_tokens += 12
    pass_time(history, clock, SAMPLE_SECONDS)
    assert [sample.traffic.output_tokens for sample in history.samples_after(0)] == [30, 12]


def test_only_later_samples_are_given(history, clock):
    pass_time(history, clock, 3 * SAMPLE_SECONDS)
    later = history.samples_after(NOON + SAMPLE_SECONDS)
    assert [sample.at for sample in later] == [NOON + 2 * SAMPLE_SECONDS, NOON + 3 * SAMPLE_SECONDS]


def test_an_hour_is_kept_and_no_more(history, clock):
    history.observe(refusal("overloaded", 503), "refused")
    pass_time(history, clock, 3600)
    assert history.refusals() == {"overloaded": 1}
    assert len(history.samples_after(0)) == MAX_SAMPLES
    pass_time(history, clock, SAMPLE_SECONDS)
    assert history.refusals() == {}
    assert len(history.samples_after(0)) == MAX_SAMPLES


def test_the_last_minutes_include_what_is_not_sampled_yet(history, clock):
    history.observe(generation(), "ok")
    pass_time(history, clock, 300 + SAMPLE_SECONDS)
    history.observe(generation(), "ok")
    assert history.last(300).requests == 1
    assert history.last(600).requests == 2


@pytest.mark.parametrize(
    ("outcomes", "rate"),
    [
        ((), None),
        (("ok", "ok", "ok", "failed"), 0.75),
        (("ok", "deadline"), 0.5),
        (("ok", "client_gone"), 1.0),
        (("client_gone",), None),
    ],
)
def test_success_is_judged_without_those_who_left(history, outcomes: tuple[Outcome, ...], rate):
    for outcome in outcomes:
        history.observe(generation(), outcome)
    assert history.last(300).success_rate == rate


def test_refusal_for_capacity_is_a_failure_and_a_wrong_request_is_not(history):
    history.observe(generation(), "ok")
    history.observe(refusal("invalid_request", 422), "refused")
    assert history.last(300).success_rate == 1
    history.observe(refusal("overloaded", 503), "refused")
    assert history.last(300).success_rate == 0.5


def test_the_slowest_users_come_first(history, clock):
    for user_id, ttft_seconds in (("usr_a", 0.2), ("usr_b", 3.0), ("usr_c", 1.0), ("usr_c", 0.1)):
        history.observe(generation(user_id, ttft_seconds), "ok")
    history.observe(refusal("rate_limit_exceeded", user_id="usr_b"), "refused")
    history.observe(refusal("rate_limit_exceeded", user_id="usr_d"), "refused")
    slowest = history.users.slowest(2)
    assert [user_id for user_id, _ in slowest] == ["usr_b", "usr_c"]
    (_, first), (_, second) = slowest
    assert (first.requests, first.ended["refused"], first.output_tokens) == (2, 1, 5)
    assert second.ttft_seconds.quantile(0.5) == pytest.approx(0.1, rel=0.03)


def test_users_are_forgotten_after_an_hour(history, clock):
    history.observe(generation(), "ok")
    clock.now += 3600 - SLOT_SECONDS
    assert len(history.users.slowest(9)) == 1
    clock.now += SLOT_SECONDS
    assert history.users.slowest(9) == []


def test_no_more_users_are_kept_than_fit(history):
    for number in range(MAX_USERS + 5):
        history.observe(generation(f"usr_{number}"), "ok")
    history.observe(generation(None), "ok")
    assert len(history.users.slowest(MAX_USERS * 2)) == MAX_USERS
    assert history.last(300).requests == MAX_USERS + 6


@pytest.mark.anyio
async def test_a_started_history_samples_by_itself_until_it_is_closed():
    woken, asleep = asyncio.Event(), asyncio.Queue[float]()

    async def sleep(seconds: float) -> None:
        asleep.put_nowait(seconds)
        await woken.wait()
        woken.clear()

    history = History(build_backend(BackendConfig(("scripted",))), sleep=sleep)
    await history.start()
    assert await asleep.get() == SAMPLE_SECONDS
    assert history.samples_after(0) == []
    woken.set()
    await asleep.get()
    assert len(history.samples_after(0)) == 1
    await history.aclose()


def test_the_clock_of_samples_is_the_wall_clock_and_never_goes_back():
    clock = steady_clock()
    first = clock()
    assert abs(first - time.time()) < 5
    assert clock() >= first
