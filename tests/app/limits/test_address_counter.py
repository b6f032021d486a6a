"""What the counter needs of slowapi and `limits`: fails when a new version of them changes it."""

from collections.abc import Iterator

import pytest
import redis

from app.limits.address_counter import AddressCounter

KEY = "203.0.113.7"


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
def counter(request: pytest.FixtureRequest) -> Iterator[AddressCounter]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    counter = AddressCounter(3, url)
    yield counter
    counter.close()


def test_events_are_counted_down_and_then_refused(counter: AddressCounter):
    counts = [counter.count("calls", KEY) for _ in range(4)]
    assert [count.is_allowed for count in counts] == [True, True, True, False]
    assert [count.remaining for count in counts] == [2, 1, 0, 0]
    assert all(58 <= count.reset_seconds <= 61 for count in counts)


def test_each_event_and_address_is_counted_separately(counter: AddressCounter):
    for _ in range(3):
        counter.count("calls", KEY)
    assert counter.count("failures", KEY).remaining == 2
    assert counter.count("calls", "203.0.113.8").remaining == 2


@pytest.mark.servers
def test_connections_are_closed(redis_url: str):
    counter = AddressCounter(3, redis_url)
    with redis.Redis.from_url(redis_url) as client:
        before = len(client.client_list())
        counter.count("calls", KEY)
        assert len(client.client_list()) == before + 1
        counter.close()
        assert len(client.client_list()) == before
