import pytest

from app.errors import Overloaded
from app.limits.admission_queue import AdmissionQueue

from .conftest import FakeClock


def refused_wait(queue: AdmissionQueue) -> int:
    with pytest.raises(Overloaded) as refusal:
        queue.reserve()
    assert refusal.value.retry_after_seconds is not None
    return refusal.value.retry_after_seconds


def test_no_more_than_the_capacity_is_in_flight():
    queue = AdmissionQueue(2)
    first, second = queue.reserve(), queue.reserve()
    refused_wait(queue)
    assert queue.in_flight == 2
    first.release()
    third = queue.reserve()
    second.release()
    third.release()
    assert queue.in_flight == 0


def test_batch_requests_leave_a_quarter_of_the_places_to_interactive_ones():
    queue = AdmissionQueue(8)
    batch = [queue.reserve("batch") for _ in range(6)]
    with pytest.raises(Overloaded):
        queue.reserve("batch")
    interactive = [queue.reserve() for _ in range(2)]
    refused_wait(queue)
    for place in batch + interactive:
        place.release()
    assert queue.in_flight == 0
    for place in [queue.reserve() for _ in range(8)]:
        place.release()


def test_a_place_is_released_once():
    queue = AdmissionQueue(2)
    first, second = queue.reserve(), queue.reserve()
    first.release()
    first.release()
    assert queue.in_flight == 1
    second.release()


def test_the_wait_is_the_backlog_at_the_measured_rate(clock: FakeClock):
    queue = AdmissionQueue(10, clock)
    places = [queue.reserve() for _ in range(10)]
    for _ in range(50):
        clock.advance(2)
        places.pop(0).release()
        places.append(queue.reserve())
    assert refused_wait(queue) == 20


def test_the_wait_follows_a_changed_rate(clock: FakeClock):
    queue = AdmissionQueue(10, clock)
    places = [queue.reserve() for _ in range(10)]
    for seconds in [2.0] * 20 + [0.5] * 80:
        clock.advance(seconds)
        places.pop(0).release()
        places.append(queue.reserve())
    assert refused_wait(queue) in (5, 6)


def test_the_wait_is_between_1_and_60_seconds(clock: FakeClock):
    queue = AdmissionQueue(1, clock)
    place = queue.reserve()
    assert refused_wait(queue) == 1
    clock.advance(1000)  # nothing completes: a stall
    assert refused_wait(queue) == 60
    place.release()


def test_idle_time_does_not_count_as_slowness(clock: FakeClock):
    queue = AdmissionQueue(1, clock)
    for _ in range(20):
        clock.advance(500)
        place = queue.reserve()
        clock.advance(3)
        place.release()
    queue.reserve()
    assert refused_wait(queue) == 3
