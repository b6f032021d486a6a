"""Questions about a finished sketch, and their answers."""

import random
from collections.abc import Iterator

from training.example import FRAME, Language, Split, Turn, asked
from training.example import Box as FrameBox
from training.text.phrasings import sayings
from training.text.speaker import ask
from training.vision.icons import ICON_NAMES
from training.vision.labels import pool
from training.vision.screens import NAMES
from training.vision.sketch import Box, Element, Sketch

TAPPED = ("button", "app", "tab", "key", "item", "switch")
READ = ("button", "app", "tab", "item", "switch", "field", "text", "title")
LISTED = (*READ, "number")  # in a description
OFTEN = ("tap.label", "read.at", "read.value")  # kinds of which twice as many are asked
DESCRIBED = 5  # labels in a description
ROW_HEIGHT = 24.0  # units; elements no further apart are read from left to right

ORDINALS: dict[Language, tuple[str, ...]] = {
    "en": ("first", "second", "third", "fourth", "fifth", "sixth"),
    "zh": ("一", "二", "三", "四", "五", "六"),
}
VERBS: dict[str, dict[Language, str]] = {
    "Tap": {"en": "tap", "zh": "点击"},
    "Double Tap": {"en": "double tap", "zh": "双击"},
    "Long Press": {"en": "long press", "zh": "长按"},
}
YES_NO: dict[Language, tuple[str, str]] = {"en": ("No.", "Yes."), "zh": ("没有打开。", "打开了。")}
OTHER_LANGUAGE_SHARE = 0.1  # of questions not asked in the screen's own language


def phrase(rng: random.Random, kind: str, language: Language, split: Split, **words: str) -> str:
    return ask(sayings("pictures")[kind].phrasings, rng, split, language, **words)


def to_frame(value: float, whole: float) -> int:
    return max(0, min(FRAME - 1, round(value / whole * FRAME)))


def frame_box(box: Box, width: float, height: float) -> FrameBox:
    left, top, right, bottom = box
    return to_frame(left, width), to_frame(top, height), to_frame(right, width), to_frame(bottom, height)


def act(action: str, x: int, y: int) -> str:
    return f'do(action="{action}", element=[{x},{y}])'


class Questioner:
    """Asks about one sketch. Created for it and used once."""

    def __init__(self, sketch: Sketch) -> None:
        self._sketch = sketch
        self._rng = sketch.rng

    def turns(self, limit: int) -> tuple[Turn, ...]:
        """Returns at most `limit` turns, of as many kinds as possible, in no order."""
        groups: dict[str, list[Turn]] = {}
        for turn in self._all():
            groups.setdefault(turn.kind, []).append(turn)
        for group in groups.values():
            self._rng.shuffle(group)
        chosen: list[Turn] = []
        kinds = sorted(groups, key=lambda kind: self._rng.random())
        while len(chosen) < limit and groups:
            for kind in kinds:
                share = 2 if kind in OFTEN else 1
                group = groups.get(kind, [])
                chosen += group[:share]
                groups[kind] = group[share:]
            groups = {kind: group for kind, group in groups.items() if group}
        return tuple(chosen[:limit])

    def _language(self) -> Language:
        own = self._sketch.language
        other: Language = "zh" if own == "en" else "en"
        return other if self._rng.random() < OTHER_LANGUAGE_SHARE else own

    def _phrase(self, kind: str, language: Language, **words: str) -> str:
        return phrase(self._rng, kind, language, self._sketch.split, **words)

    def _tap(
        self, kind: str, question: str, element: Element, language: Language, action: str = "Tap"
    ) -> Turn:
        x, y = self._place(*element.target)
        if element.role == "icon":
            name = ICON_NAMES[element.name][language]
            seen = f"the {name} icon" if language == "en" else f"{name}图标"
        else:
            seen = f"“{element.name}”"
        verb = VERBS[action][language]
        thought = f"I see {seen} and {verb} it." if language == "en" else f"我看到{seen}，{verb}它。"
        return Turn(kind, asked(question), act(action, x, y), thought, box=self._frame(element.box))

    def _read(self, kind: str, question: str, answer: str, language: Language, box: Box) -> Turn:
        thought = "I read what is written there." if language == "en" else "我读出那里的文字。"
        return Turn(kind, asked(question), answer, thought, place=self._frame(box))

    def _frame(self, box: Box) -> FrameBox:
        return frame_box(box, self._sketch.width, self._sketch.height)

    def _place(self, x: float, y: float) -> tuple[int, int]:
        return to_frame(x, self._sketch.width), to_frame(y, self._sketch.height)

    def _near_middle(self, box: Box) -> tuple[int, int]:
        """A point near a box's middle, in thousandths."""
        left, top, right, bottom = box
        x = self._rng.uniform(0.35, 0.65) * (right - left) + left
        y = self._rng.uniform(0.35, 0.65) * (bottom - top) + top
        return self._place(x, y)

    def _all(self) -> Iterator[Turn]:
        for element in self._sketch.elements:
            yield from self._about(element)
        items = [element for element in self._sketch.elements if element.role in ("item", "switch")]
        if self._sketch.kind in ("settings", "list"):
            yield from self._about_order(items)
        yield self._description()

    def _about(self, element: Element) -> Iterator[Turn]:
        language, name, role = self._language(), element.name, element.role
        if role in TAPPED:
            kind = "tap.key" if role == "key" else "tap.label"
            names_role = role == "key" or (role in ("button", "tab") and self._rng.random() < 0.25)
            words = self._phrase(f"tap.{role}" if names_role else kind, language, name=name)
            yield self._tap(kind, words, element, language)
        if role in TAPPED and role != "key" and self._rng.random() < 0.08:
            kind, action = self._rng.choice((("tap.long", "Long Press"), ("tap.double", "Double Tap")))
            yield self._tap(kind, self._phrase(kind, language, name=name), element, language, action)
        if role in READ:
            x, y = self._near_middle(element.box)
            words = self._phrase("read.at", language, place=f"[{x},{y}]")
            yield self._read("read.at", words, name, language, element.box)
        if role == "icon":
            shown = ICON_NAMES[name][language]
            yield self._tap("tap.icon", self._phrase("tap.icon", language, name=shown), element, language)
            x, y = self._near_middle(element.box)
            answer = f"The {shown} icon." if language == "en" else f"{shown}图标。"
            words = self._phrase("read.icon", language, place=f"[{x},{y}]")
            yield self._read("read.icon", words, answer, language, element.box)
        if role == "field":
            words = self._phrase(
                "tap.field", language, name=name, words=self._rng.choice(pool("typed", language))
            )
            yield self._tap("tap.field", words, element, language)
        if role == "switch":
            kind = "tap.off" if element.is_on else "tap.on"
            yield self._tap("tap.switch", self._phrase(kind, language, name=name), element, language)
            answer = YES_NO[language][element.is_on]
            words = self._phrase("read.state", language, name=name)
            yield self._read("read.state", words, answer, language, (*element.target, *element.target))
        if role == "title":
            words = self._phrase("read.title", language)
            yield self._read("read.title", words, name, language, element.box)
        if role == "number":
            words = self._phrase("read.number", language)
            yield self._read("read.number", words, name, language, element.box)
        if element.value_box:
            kind = "read.price" if element.value[0] in "$¥" else "read.value"
            words = self._phrase(kind, language, name=name)
            yield self._read("read.value", words, element.value, language, element.value_box)
            x, y = self._near_middle(element.value_box)
            words = self._phrase("read.at", language, place=f"[{x},{y}]")
            yield self._read("read.at", words, element.value, language, element.value_box)

    def _about_order(self, items: list[Element]) -> Iterator[Turn]:
        for index, item in enumerate(items[: len(ORDINALS["en"])]):
            language = self._language()
            ordinal = ORDINALS[language][index]
            yield self._tap("tap.item", self._phrase("tap.item", language, ordinal=ordinal), item, language)
            question = self._phrase("read.item", language, ordinal=ordinal)
            yield self._read("read.item", question, item.name, language, item.box)

    def _description(self) -> Turn:
        """Its answer names the kind of screen and the first labels; a picture without a prompt has it too."""
        language = self._sketch.language
        elements = [element for element in self._sketch.elements if element.role in LISTED]
        labels = [element.name for element in reading_order(elements)[:DESCRIBED]]
        kind = NAMES[self._sketch.kind][language]
        if language == "en":
            answer = f"{kind} with: {', '.join(labels)}."
        else:
            answer = f"{kind}，包含：{'、'.join(labels)}。"
        is_wordless = self._rng.random() < 0.1
        question = "" if is_wordless else self._phrase("describe.screen", language)
        thought = "I look at the screen." if language == "en" else "我看一下屏幕。"
        return Turn("describe.screen", asked(question), answer, thought)


def reading_order(elements: list[Element]) -> list[Element]:
    """From top to bottom, and from left to right where things stand in a row."""
    left_to_right = sorted(elements, key=lambda element: element.box[0])
    rows: list[tuple[float, list[Element]]] = []
    for element in sorted(left_to_right, key=lambda element: _middle(element)):
        if rows and _middle(element) - rows[-1][0] <= ROW_HEIGHT:
            rows[-1][1].append(element)
        else:
            rows.append((_middle(element), [element]))
    return [element for _, row in rows for element in sorted(row, key=lambda element: element.box[0])]


def _middle(element: Element) -> float:
    return (element.box[1] + element.box[3]) / 2
