"""The simulation beside results that queueing theory, or arithmetic, has exactly."""

import statistics

import pytest

from benchmarks.engine_simulation import Job, Speed, interpolate, poisson, simulate

SPEED = Speed({1: 0.01, 2: 0.012}, {100: 0.1}, max_running=2, queued_steps=0)


def test_one_job_takes_its_prompt_and_a_step_for_each_further_token() -> None:
    (outcome,) = simulate([Job(1.0, 100, 5)], SPEED)
    assert outcome.ttft == pytest.approx(0.1)
    assert outcome.total == pytest.approx(0.1 + 4 * 0.01)


def test_queued_step_and_the_way_delay_the_first_token() -> None:
    speed = Speed({1: 0.01}, {100: 0.1}, max_running=1, queued_steps=1, added_seconds=0.002)
    (outcome,) = simulate([Job(0.0, 100, 2)], speed)
    assert outcome.ttft == pytest.approx(0.1 + 0.1 + 0.002)


def test_long_prompt_is_read_in_parts_between_which_others_decode() -> None:
    speed = Speed({1: 0.01}, {512: 0.1}, max_running=2, queued_steps=0)
    short, long = simulate([Job(0.0, 1, 3), Job(0.0, 1023, 1)], speed)
    assert short.total == pytest.approx(0.1 + 2 * 0.11)
    assert long.ttft == pytest.approx(0.1 + 2 * 0.11)


def test_job_waits_for_a_place() -> None:
    speed = Speed({1: 0.01}, {100: 0.1}, max_running=1, queued_steps=0)
    first, second = simulate([Job(0.0, 100, 11), Job(0.0, 100, 1)], speed)
    assert first.total == pytest.approx(0.2)
    assert second.ttft == pytest.approx(0.3)


def test_jobs_are_divided_among_engines() -> None:
    outcomes = simulate([Job(0.0, 100, 1)] * 4, Speed({1: 0.01}, {100: 0.1}, 1, queued_steps=0), engines=4)
    assert [each.ttft for each in outcomes] == [pytest.approx(0.1)] * 4


def test_mean_wait_of_a_queue_with_constant_service_is_that_of_pollaczek_and_khinchine() -> None:
    service, load = 0.1, 0.7
    speed = Speed({1: 0.01}, {100: service}, max_running=1, queued_steps=0)
    outcomes = simulate(poisson(load / service, 4_000.0, 100, 1), speed)
    wait = statistics.fmean(each.ttft for each in outcomes) - service
    assert wait == pytest.approx(load * service / (2 * (1 - load)), rel=0.05)


def test_times_between_two_measured_ones_are_linear() -> None:
    values = {1: 1.0, 3: 2.0, 4: 4.0}
    assert [interpolate(values, at) for at in (0, 1, 2, 3, 3.5, 5)] == [1.0, 1.0, 1.5, 2.0, 3.0, 6.0]
