"""When an engine is healthy, when it is tried again, and which one is chosen."""

import pytest

from inference.backends.remote.endpoint import MAX_PAUSE_SECONDS, Endpoint, choose
from inference.config import RemoteEndpoint
from inference.waitlist import Queued


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_endpoint(clock: Clock):
    def make(name: str = "0") -> Endpoint:
        endpoint = Endpoint(name, RemoteEndpoint("http://engine"), clock)
        endpoint.note_success()
        return endpoint

    return make


def test_pauses_between_checks_double_up_to_a_minute_and_begin_anew(make_endpoint) -> None:
    endpoint = make_endpoint()
    pauses = []
    for _ in range(9):
        endpoint.note_failed_check("it cannot be reached")
        pauses.append(endpoint.pause_seconds)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pauses[-1] == MAX_PAUSE_SECONDS
    endpoint.note_success()
    assert endpoint.is_healthy
    endpoint.note_failed_check("it cannot be reached")
    assert endpoint.pause_seconds == 1


@pytest.mark.parametrize(
    ("url", "api", "check"),
    [
        ("http://engine:8000", "http://engine:8000/v1", "http://engine:8000/health"),
        ("http://engine/v1/", "http://engine/v1", "http://engine/health"),
        ("https://[::1]:9/v1", "https://[::1]:9/v1", "https://[::1]:9/health"),
        ("http://v1/engine-a/", "http://v1/engine-a/v1", "http://v1/engine-a/health"),
        ("https://host/api/paas/v4", "https://host/api/paas/v4", "https://host/api/paas/health"),
        ("https://host/v1beta/openai/", "https://host/v1beta/openai", "https://host/health"),
        ("http://engine/v1/chat/completions", "http://engine/v1", "http://engine/health"),
        ("https://host/openai/deployments/a/chat/completions",) + ("https://host/openai/deployments/a",) * 2,
        ("https://host/deployments/a/audio/transcriptions/",) + ("https://host/deployments/a",) * 2,
    ],
)
@pytest.mark.parametrize("query", ["", "api-version=2024-10-21&a=%20"])
def test_addresses_are_those_that_clients_of_openai_take(url: str, api: str, check: str, query: str) -> None:
    endpoint = Endpoint("0", RemoteEndpoint(url, query=query))
    end = f"?{query}" if query else ""
    assert endpoint.chat_url == f"{api}/chat/completions{end}"
    assert endpoint.transcription_url == f"{api}/audio/transcriptions{end}"
    assert endpoint.models_url == f"{api}/models{end}"
    assert endpoint.health_url == f"{check.removesuffix('/health')}/health{end}"


def test_the_header_of_an_engine_goes_before_the_common_key() -> None:
    endpoint = Endpoint("0", RemoteEndpoint("http://engine", "key", headers={"authorization": "Basic abc"}))
    assert endpoint.headers == {"authorization": "Basic abc"}


def test_an_engine_that_was_never_reached_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint("0", RemoteEndpoint("http://engine", "s3cret"))
    for _ in range(2):
        endpoint.note_failed_check("it cannot be reached")
    (line,) = caplog.messages
    assert line == "engine 0 (http://engine) is not healthy: it cannot be reached"


@pytest.mark.parametrize("listed", ["a", "a:latest", "models/a"])
def test_the_model_is_listed_by_its_name_with_a_tag_or_in_a_folder(listed: str) -> None:
    endpoint = Endpoint("0", RemoteEndpoint("http://engine", model="a"))
    endpoint.note_models(["b", "ab", "a-b"])
    assert not endpoint.lists_its_model
    endpoint.note_models(["b", listed])
    assert endpoint.lists_its_model
    assert endpoint.model == "a"


def test_requests_that_fail_together_do_not_lengthen_the_pause(make_endpoint) -> None:
    endpoint = make_endpoint()
    for _ in range(20):
        endpoint.note_error("the engine responded with 500")
        endpoint.note_lost("it cannot be reached")
    assert not endpoint.is_healthy
    assert endpoint.pause_seconds == 1


def test_requests_have_an_engine_checked_once_until_one_succeeds(make_endpoint) -> None:
    endpoint = make_endpoint()
    assert [endpoint.note_error("500") for _ in range(4)] == [False, False, True, False]
    endpoint.note_trial()
    assert endpoint.is_healthy
    assert [endpoint.note_error("500") for _ in range(3)] == [False, False, False]
    assert not endpoint.is_healthy
    endpoint.note_success()
    assert endpoint.note_lost("it cannot be reached")


def test_three_failures_in_a_row_make_an_engine_unhealthy(make_endpoint) -> None:
    endpoint = make_endpoint()
    for _ in range(2):
        endpoint.note_error("the engine responded with 500")
        endpoint.note_error("the engine responded with 500")
        assert endpoint.is_healthy
        endpoint.note_success()
    for _ in range(3):
        endpoint.note_error("the engine responded with 500")
    assert not endpoint.is_healthy


def test_an_engine_that_is_silent_again_and_again_is_chosen_last_for_longer(make_endpoint, clock) -> None:
    silent = make_endpoint()
    pauses = []
    for _ in range(6):
        silent.note_silence()
        began = clock.now
        silent.note_success()  # of a check
        while silent.is_busy:
            clock.now += 1
        pauses.append(clock.now - began)
    assert pauses == [5, 10, 20, 40, 60, 60]
    silent.note_begun()
    silent.note_silence()
    clock.now += 5
    assert not silent.is_busy


def test_an_engine_that_is_busy_is_chosen_last_until_it_wants_requests(
    make_endpoint, make_request, clock
) -> None:
    busy, idle = make_endpoint("0"), make_endpoint("1")
    busy.note_busy(7)
    idle.requests.add(Queued(make_request()))
    assert choose([busy, idle], (), 0) is idle
    clock.now += 7
    assert choose([busy, idle], (), 0) is busy
    busy.note_lost("it cannot be reached")
    assert choose([busy, idle], (), 0) is idle
    assert choose([busy, idle], (idle,), 0) is None
