"""What every example promises: the same for the same seed, right answers, targets that are unique."""

import itertools
import math
import random
import re

import numpy as np
import pytest

from training.example import FRAME
from training.vision import examples, sizes
from training.vision.examples import held_out, label_example, screen_example, shapes_example
from training.vision.fonts import choose_faces
from training.vision.labels import all_labels, pool
from training.vision.palette import choose_palette
from training.vision.sketch import Sketch

pytestmark = pytest.mark.slow

KINDS = {"screen": screen_example, "shapes": shapes_example, "label": label_example}
UNLISTED = re.compile(r"[A-Z][a-z]+( [a-z]+)?|[\u4e00-\u9fff]{2,6}")
TAP = re.compile(r'do\(action="(?:Tap|Long Press|Double Tap)", element=\[(\d+),(\d+)\]\)')


def draw(kind, count, fonts, split="train"):
    rng, options = random.Random(7), {} if kind == "shapes" else {"fonts": fonts}
    return [KINDS[kind](rng, split, **options) for _ in range(count)]


@pytest.fixture(scope="module")
def drawn(fonts):
    """Many training examples of each kind."""
    return {kind: draw(kind, 200, fonts) for kind in KINDS}


def question(turn):
    (message,) = turn.messages
    return message.parts[0].text if message.parts else ""


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_example(fonts, kind):
    first, again = draw(kind, 5, fonts), draw(kind, 5, fonts)
    for one, other in zip(first, again, strict=True):
        assert one.turns == other.turns
        assert np.array_equal(one.media.pixels, other.media.pixels)


def test_a_held_out_set_is_the_same_however_many_of_it_are_taken(fonts):
    few = list(held_out(3, "label", 2, fonts))
    many = list(itertools.islice(held_out(3, "label", 50, fonts), 2))
    assert [example.turns for example in few] == [example.turns for example in many]
    assert [example.turns for example in held_out(4, "label", 2, fonts)] != [e.turns for e in few]


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_of_bytes_in_three_channels_and_have_questions(drawn, kind):
    for example in drawn[kind]:
        assert example.media.pixels.dtype == np.uint8
        assert example.media.pixels.shape[2] == 3
        assert example.turns


@pytest.mark.parametrize("kind", ["screen", "shapes"])
def test_every_tap_is_inside_its_box_and_every_box_inside_the_picture(drawn, kind):
    taps = 0
    for example in drawn[kind]:
        for turn in example.turns:
            assert turn.kind.startswith(("tap.", "shapes.tap")) == (turn.box is not None)
            if turn.box is None:
                continue
            x, y = map(int, TAP.fullmatch(turn.answer).groups())
            left, top, right, bottom = turn.box
            assert 0 <= left < x < right <= 999
            assert 0 <= top < y < bottom <= 999
            taps += 1
    assert taps > 100


def test_what_may_be_tapped_on_a_screen_does_not_overlap(drawn):
    for example in drawn["screen"]:
        boxes = {turn.box for turn in example.turns if turn.box}
        for one, other in itertools.combinations(boxes, 2):
            is_beside = one[2] <= other[0] + 1 or other[2] <= one[0] + 1
            is_above = one[3] <= other[1] + 1 or other[3] <= one[1] + 1
            assert is_beside or is_above, (one, other)


def test_shapes_do_not_overlap(drawn):
    """The circles round them, that is; corners of their boxes may."""
    for example in drawn["shapes"]:
        circles = []
        for left, top, right, bottom in (mark.box for mark in example.marks):
            radius, height = (right - left) / 2, (bottom - top) / 2
            circles.append(((left + right) / 2, (top + bottom) / 2 * radius / height, radius))
        for (x, y, radius), (other_x, other_y, other_radius) in itertools.combinations(circles, 2):
            assert math.hypot(x - other_x, y - other_y) > radius + other_radius


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_has_one_answer(drawn, kind):
    for example in drawn[kind]:
        answers = {}
        for turn in example.turns:
            answers.setdefault(question(turn), turn.answer)
            if question(turn):  # media without a word are described in the one language or the other
                assert answers[question(turn)] == turn.answer


def test_nothing_is_always_tapped_in_the_same_place(drawn):
    places = {}
    for example in drawn["screen"]:
        for turn in example.turns:
            if turn.kind in ("tap.icon", "tap.label"):
                seen = re.search("“(.+)”|the (.+ icon)|看到(.+图标)", turn.thinking)[0]
                places.setdefault(seen, []).append(turn.answer)
    often = {seen: answers for seen, answers in places.items() if len(answers) >= 6}
    assert often
    for seen, answers in often.items():
        assert len(set(answers)) > len(answers) / 2, seen


def test_what_is_read_is_a_label_or_a_number_and_seldom_on_no_list(drawn):
    labels, values = {*all_labels("en"), *all_labels("zh")}, {*pool("values", "en"), *pool("values", "zh")}
    listed, unlisted = 0, set()
    for example in drawn["screen"] + drawn["label"]:
        for turn in example.turns:
            is_number = re.fullmatch(r"[$¥A-Z]?\d+(\.\d\d|:\d\d|%)?", turn.answer)
            if turn.kind in ("read.title", "read.item", "read.sign"):
                listed += turn.answer in labels
                if turn.answer not in labels:
                    assert UNLISTED.fullmatch(turn.answer), turn
                    unlisted.add(turn.answer)
            if turn.kind in ("read.number", "read.digits"):
                assert is_number, turn
            if turn.kind == "read.value":
                assert is_number or turn.answer in values, turn
            if turn.kind == "read.at":
                assert is_number or turn.answer in labels | values or UNLISTED.fullmatch(turn.answer), turn
    assert listed > 2 * len(unlisted) > 0


def test_what_is_read_on_a_screen_is_written_in_its_place(drawn):
    kinds = set()
    for example in drawn["screen"]:
        for turn in example.turns:
            if turn.kind.startswith("read.") and turn.kind not in ("read.icon", "read.state"):
                left, top, right, bottom = (value / FRAME for value in turn.place)
                places = [mark.box for mark in example.marks if mark.text == turn.answer]
                assert any(
                    left <= (x0 + x1) / 2 <= right + 0.001 and top <= (y0 + y1) / 2 <= bottom + 0.001
                    for x0, y0, x1, y1 in places
                ), turn
                kinds.add(turn.kind)
    assert kinds == {"read.at", "read.title", "read.item", "read.number", "read.value"}


def test_a_screen_has_many_questions(drawn):
    counts = [len(example.turns) for example in drawn["screen"]]
    assert max(counts) == examples.SCREEN_TURNS
    assert sum(counts) / len(counts) > 8


@pytest.mark.parametrize("table", [sizes.SCREENS, sizes.PHOTOS])
def test_no_held_out_size_is_trained_on(table):
    assert not set(table["train"]) & set(table["held_out"])


def test_held_out_screens_have_the_sizes_of_phones(fonts):
    for example in draw("screen", 4, fonts, "held_out"):
        height, width, _ = example.media.pixels.shape
        assert (width, height) in sizes.SCREENS["held_out"] or (height, width) in sizes.SCREENS["held_out"]


@pytest.mark.parametrize("kind", KINDS)
def test_marks_lie_where_something_is_drawn(drawn, kind):
    """Inside a mark the picture is rougher than a plain field."""
    marks = 0
    for example in drawn[kind]:
        height, width = example.media.pixels.shape[:2]
        for mark in example.marks:
            left, top, right, bottom = mark.box
            columns = slice(max(0, round(left * width)), round(right * width))
            rows = slice(max(0, round(top * height)), round(bottom * height))
            assert np.ptp(example.media.pixels[rows, columns].astype(int), axis=(0, 1)).max() > 25, mark
            marks += 1
    assert marks >= len(drawn[kind])


def test_every_text_that_is_asked_for_at_a_place_is_marked(drawn):
    read = [
        (turn.answer, example)
        for example in drawn["screen"]
        for turn in example.turns
        if turn.kind == "read.at"
    ]
    assert len(read) > 100
    for answer, example in read:
        assert answer in {mark.text for mark in example.marks}


def test_what_is_painted_over_is_not_marked(fonts):
    rng = random.Random(0)
    faces = choose_faces(rng, "train", fonts)
    sketch = Sketch(rng, "train", "en", choose_palette(rng, "train"), faces, (360, 780))
    sketch.write("below", 50, 100, 16, (0, 0, 0))
    sketch.write("beside", 50, 200, 16, (0, 0, 0))
    sketch.fill((40, 80, 200, 120), (255, 255, 255))
    sketch.write("above", 50, 100, 16, (0, 0, 0))
    assert [mark.text for mark in sketch.marks] == ["beside", "above"]
