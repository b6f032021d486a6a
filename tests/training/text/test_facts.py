import re

from app.settings import AuthSettings, LimitSettings, Settings
from training.text.facts import ABILITIES, GATEWAY, IDENTITY, SMALL_TALK
from training.text.phrasings import sayings

SIGNS = re.compile(r"[^\w\s']")
WEIGHTS = {
    "identity": IDENTITY,
    "abilities": ABILITIES,
    "small_talk": SMALL_TALK,
    "gateway_questions": GATEWAY,
}
FACTS = {fact.answers["en"]: fact.phrasings for subject in WEIGHTS for fact in sayings(subject).values()} | {
    name: sayings("navigation")[name].phrasings for name in ("back", "home", "finish")
}


def test_each_fact_is_drawn() -> None:
    for subject, weights in WEIGHTS.items():
        assert weights.keys() == sayings(subject).keys()
        assert all(weights.values())


def test_no_sentence_asks_for_two_facts() -> None:
    facts: dict[str, str] = {}
    for name, phrasing in FACTS.items():
        for frames in phrasing.frames.values():
            for frame in frames:
                for sentence in frame.sentences():
                    bare = " ".join(SIGNS.sub(" ", sentence.lower()).split())
                    assert facts.setdefault(bare, name) == name, sentence


def numbers(name: str) -> list[set[str]]:
    """Those in the answer about the gateway, in each language."""
    return [
        {word for word in answer.replace(",", " ").split() if word.isdigit()}
        for answer in sayings("gateway_questions")[name].answers.values()
    ]


def test_limits_are_those_of_the_gateway() -> None:
    limits = LimitSettings()
    seconds = int(Settings.model_fields["request_timeout_seconds"].default)
    requests, at_once = str(limits.requests_per_minute), str(limits.concurrent_requests)
    assert numbers("limits") == [{requests, at_once, str(seconds)}] * 2
    assert numbers("rate") == [{requests}] * 2
    assert numbers("concurrent") == [{at_once}] * 2
    assert numbers("deadline") == [{str(seconds)}] * 2


def test_lifetime_is_that_of_access_tokens() -> None:
    minutes = int(AuthSettings().access_token_ttl.total_seconds()) // 60
    assert numbers("lifetime") == [{str(minutes)}] * 2
