"""Questions about coloured shapes, and their answers, in both languages."""

import random
from collections import Counter
from collections.abc import Iterator

from training.example import LANGUAGES, Language, Split, Turn, asked
from training.vision.questions import act, frame_box, phrase, to_frame
from training.vision.shapes import COLOURS, SHAPES, Group, Placed

COUNTS: dict[Language, tuple[str, ...]] = {
    "en": ("none", "one", "two", "three", "four", "five", "six", "seven"),
    "zh": ("零", "一", "两", "三", "四", "五", "六", "七"),
}
ANY: dict[Language, str] = {"en": "shapes", "zh": "形状"}
THOUGHTS: dict[Language, str] = {"en": "I look at the shapes.", "zh": "我看一下图形。"}


def describe(counts: Counter[Group], language: Language) -> str:
    """Returns e.g. "Two red circles and one blue star.", always in the order of SHAPES and COLOURS."""
    order = [(shape, colour) for shape in SHAPES for colour in COLOURS if (shape, colour) in counts]
    phrases = [counted(group, counts[group], language) for group in order]
    if language == "zh":
        return "和".join(filter(None, ("、".join(phrases[:-1]), phrases[-1]))) + "。"
    text = " and ".join(filter(None, (", ".join(phrases[:-1]), phrases[-1])))
    return text[0].upper() + text[1:] + "."


def counted(group: Group, count: int, language: Language) -> str:
    if language == "zh":
        return f"{COUNTS['zh'][count]}个{named(group, 'zh')}"
    return f"{COUNTS['en'][count]} {named(group, 'en', is_plural=count != 1)}"


def named(group: Group, language: Language, is_plural: bool = False) -> str:
    shape, colour = group
    noun = SHAPES[shape][language][is_plural]
    return COLOURS[colour][language] + (noun if language == "zh" else f" {noun}")


def sentence(words: str, language: Language) -> str:
    return words + "。" if language == "zh" else words[0].upper() + words[1:] + "."


class ShapeQuestioner:
    """Asks about one picture of shapes; `size` is its width and height in units."""

    def __init__(
        self, rng: random.Random, split: Split, placed: list[Placed], size: tuple[float, float]
    ) -> None:
        self._rng, self._split, self._placed, self._size = rng, split, placed, size
        self._counts = Counter(place.group for place in placed)
        self._of_shape = Counter(place.group[0] for place in placed)
        self._of_colour = Counter(place.group[1] for place in placed)

    def turns(self, limit: int) -> tuple[Turn, ...]:
        """The first turns ask what there is, in both languages."""
        first = [self._what(language) for language in LANGUAGES]
        more = [turn for language in LANGUAGES for turn in self._details(language)]
        self._rng.shuffle(more)
        return tuple(first + more)[:limit]

    def _turn(self, kind: str, language: Language, answer: str, **words: str) -> Turn:
        question = phrase(self._rng, kind, language, self._split, **words)
        return Turn(kind, asked(question), answer, THOUGHTS[language])

    def _what(self, language: Language) -> Turn:
        answer = describe(self._counts, language)
        if language == "en" and self._rng.random() < 0.1:  # a picture without a word
            return Turn("shapes.what", asked(""), answer, THOUGHTS[language])
        return self._turn("shapes.what", language, answer)

    def _details(self, language: Language) -> Iterator[Turn]:
        for shape, count in self._of_shape.items():
            yield self._count(SHAPES[shape][language][1], count, language)
        for group, count in self._counts.items():
            yield self._count(named(group, language, is_plural=True), count, language)
        if len(self._counts) > 1:
            yield self._count(ANY[language], len(self._placed), language)
        if self._rng.random() < 0.3:
            absent = self._rng.choice([shape for shape in SHAPES if shape not in self._of_shape])
            yield self._count(SHAPES[absent][language][1], 0, language)
        for place in self._placed:
            yield from self._about(place, language)

    def _count(self, things: str, count: int, language: Language) -> Turn:
        if language == "en":
            answer = sentence(COUNTS["en"][count], "en")
        else:
            answer = f"{COUNTS['zh'][count]}个。" if count else "没有。"
        return self._turn("shapes.count", language, answer, things=things)

    def _about(self, place: Placed, language: Language) -> Iterator[Turn]:
        """What can be asked of a shape that is the only one of its kind."""
        shape, colour = place.group
        noun, hue = SHAPES[shape][language][0], COLOURS[colour][language]
        if self._of_shape[shape] == 1:
            yield self._turn("shapes.colour", language, sentence(hue, language), things=noun)
        if self._of_colour[colour] == 1:
            answer = f"A {noun}." if language == "en" else f"{noun}。"
            yield self._turn("shapes.shape", language, answer, colour=hue)
        if self._counts[place.group] == 1:
            is_known_by_shape = self._of_shape[shape] == 1 and self._rng.random() < 0.4
            yield self._tap(place, noun if is_known_by_shape else named(place.group, language), language)

    def _tap(self, place: Placed, things: str, language: Language) -> Turn:
        x, y, radius = place.x, place.y, place.radius
        question = phrase(self._rng, "shapes.tap", language, self._split, things=things)
        answer = act("Tap", to_frame(x, self._size[0]), to_frame(y, self._size[1]))
        thought = f"I see the {things} and tap it." if language == "en" else f"我看到{things}，点击它。"
        box = frame_box((x - radius, y - radius, x + radius, y + radius), *self._size)
        return Turn("shapes.tap", asked(question), answer, thought, box)
