"""The simulation beside results that queueing theory, or arithmetic, has exactly."""

import statistics

import pytest

from benchmarks.engine_simulation import Job, Speed, interpolate, poisson, simulate

NO_HOST = {0: 0.0}
AT_ONCE = {1: 0.0}
SPEED = Speed({1: 0.01, 2: 0.012}, {100: 0.1}, NO_HOST, AT_ONCE, max_running=2)


def test_one_job_takes_its_prompt_and_a_step_for_each_further_token() -> None:
    (outcome,) = simulate([Job(1.0, 100, 5)], SPEED)
    assert outcome.ttft == pytest.approx(0.1)
    assert outcome.total == pytest.approx(0.1 + 4 * 0.01)


def test_prompt_that_comes_in_a_step_waits_for_the_one_launched_ahead_and_for_the_host() -> None:
    speed = Speed({1: 0.01}, {100: 0.1}, {0: 0.002, 2: 0.006}, AT_ONCE, max_running=2, launches_ahead=True)
    second, first = simulate([Job(0.0, 100, 9), Job(0.115, 100, 2)], speed)
    # 0.002 + 0.1 to the first token, then steps until 0.112, 0.122 (the second one comes) and 0.132.
    assert second.ttft == pytest.approx(0.132 + 0.004 + 0.1 - 0.115)
    assert first.ttft == pytest.approx(0.102)
    assert first.total == pytest.approx(0.236 + 4 * 0.01)


def test_first_token_comes_after_those_of_requests_that_decode() -> None:
    speed = Speed({1: 0.01}, {100: 0.1}, NO_HOST, {1: 0.0, 2: 0.003}, max_running=2)
    first, second = simulate([Job(0.0, 100, 2), Job(0.05, 100, 2)], speed)
    assert first.total == pytest.approx(0.2)
    assert second.ttft == pytest.approx(0.2 + 0.003 - 0.05)


def test_step_takes_as_long_as_the_next_bucket() -> None:
    speed = Speed(
        {1: 0.01, 4: 0.02}, {100: 0.1, 200: 0.15}, NO_HOST, AT_ONCE, max_running=4, has_buckets=True
    )
    *_, last = simulate([Job(0.0, 50, 3)] * 3, speed)
    # The first one's prompt is read alone, those of the others beside a token of the first.
    assert last.ttft == pytest.approx(0.1 + 0.15)
    assert last.total == pytest.approx(0.1 + 0.15 + 2 * 0.02)


def test_idle_engine_reads_a_long_prompt_at_once() -> None:
    speed = Speed({1: 0.01}, {512: 0.1, 1024: 0.2}, NO_HOST, AT_ONCE, max_running=1, idle_chunk_tokens=4096)
    (outcome,) = simulate([Job(0.0, 1024, 1)], speed)
    assert outcome.ttft == pytest.approx(0.2)


def test_long_prompt_is_read_in_parts_between_which_others_decode() -> None:
    speed = Speed({1: 0.01}, {512: 0.1}, NO_HOST, AT_ONCE, max_running=2)
    long, short = simulate([Job(0.0, 1, 4), Job(0.0, 1022, 1)], speed)
    assert long.ttft == pytest.approx(0.1 + 0.2)
    assert short.total == pytest.approx(0.3 + 0.01)


def test_job_waits_for_a_place() -> None:
    speed = Speed({1: 0.01}, {100: 0.1}, NO_HOST, AT_ONCE, max_running=1)
    first, second = simulate([Job(0.0, 100, 11), Job(0.0, 100, 1)], speed)
    assert first.total == pytest.approx(0.2)
    assert second.ttft == pytest.approx(0.3)


def test_jobs_are_divided_among_engines() -> None:
    outcomes = simulate([Job(0.0, 100, 1)] * 4, Speed({1: 0.01}, {100: 0.1}, NO_HOST, AT_ONCE, 1), engines=4)
    assert [each.ttft for each in outcomes] == [pytest.approx(0.1)] * 4


def test_mean_wait_of_a_queue_with_constant_service_is_that_of_pollaczek_and_khinchine() -> None:
    service, load = 0.1, 0.7
    speed = Speed({1: 0.01}, {100: service}, NO_HOST, AT_ONCE, max_running=1)
    outcomes = simulate(poisson(load / service, 4_000.0, 100, 1), speed)
    wait = statistics.fmean(each.ttft for each in outcomes) - service
    assert wait == pytest.approx(load * service / (2 * (1 - load)), rel=0.05)


def test_times_between_two_measured_ones_are_linear() -> None:
    values = {1: 1.0, 3: 2.0, 4: 4.0}
    assert [interpolate(values, at) for at in (0, 1, 2, 3, 3.5, 5)] == [1.0, 1.0, 1.5, 2.0, 3.0, 6.0]
