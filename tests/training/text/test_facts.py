import re

from training.text import abilities, gateway_questions, identity, navigation, small_talk

SIGNS = re.compile(r"[^\w\s']")
FACTS = {
    name: fact.phrasing
    for facts in (identity.FACTS.values(), abilities.FACTS, small_talk.FACTS, gateway_questions.KNOWN)
    for fact in facts
    for name in [fact.answers["en"]]
} | {"back": navigation.BACK, "home": navigation.HOME, "finish": navigation.FINISH}


def test_no_sentence_asks_for_two_facts() -> None:
    facts: dict[str, str] = {}
    for name, phrasing in FACTS.items():
        for frames in phrasing.frames.values():
            for frame in frames:
                for sentence in frame.sentences():
                    bare = " ".join(SIGNS.sub(" ", sentence.lower()).split())
                    assert facts.setdefault(bare, name) == name, sentence
