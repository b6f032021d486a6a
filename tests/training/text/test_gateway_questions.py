from app.settings import AuthSettings, LimitSettings, Settings
from training.text import gateway_questions as known
from training.text.facts import Fact


def numbers(fact: Fact) -> list[set[str]]:
    return [
        {word for word in answer.replace(",", " ").split() if word.isdigit()}
        for answer in fact.answers.values()
    ]


def test_limits_are_those_of_the_gateway() -> None:
    limits = LimitSettings()
    seconds = int(Settings.model_fields["request_timeout_seconds"].default)
    requests, at_once = str(limits.requests_per_minute), str(limits.concurrent_requests)
    assert numbers(known.LIMITS) == [{requests, at_once, str(seconds)}] * 2
    assert numbers(known.RATE) == [{requests}] * 2
    assert numbers(known.CONCURRENT) == [{at_once}] * 2
    assert numbers(known.DEADLINE) == [{str(seconds)}] * 2


def test_lifetime_is_that_of_access_tokens() -> None:
    minutes = int(AuthSettings().access_token_ttl.total_seconds()) // 60
    assert numbers(known.LIFETIME) == [{str(minutes)}] * 2
