"""Screens that ask for something: forms, dialogs, keypads."""

from training.vision import numbers
from training.vision.labels import pool
from training.vision.palette import mix
from training.vision.sketch import Element, Sketch
from training.vision.widgets import MARGIN, button, sentence, status_bar, text_field, title_bar


def draw_form(sketch: Sketch) -> None:
    sketch.kind = "form"
    rng, palette, language = sketch.rng, sketch.palette, sketch.language
    top = title_bar(sketch, status_bar(sketch)) + rng.uniform(4, 40)
    left, right = MARGIN, sketch.width - MARGIN
    if sketch.width > 500:
        left = (sketch.width - rng.uniform(380, 460)) / 2
        right = sketch.width - left
    height = rng.uniform(44, 56)
    for _ in range(rng.randint(1, 5)):
        if top + height + 70 > sketch.height:
            break
        if label := sketch.choose_label(pool("fields", language), right - left - 40, sketch.em):
            text_field(sketch, (left, top, right, top + height), label)
            top += height + rng.uniform(10, 24)
    if rng.random() < 0.4:
        sketch.write(sentence(sketch), left, top + 6, 13.0, palette.faint)
        top += 24
    for index in range(rng.randint(1, 2)):
        label = sketch.choose_label(pool("actions", language), right - left - 30, sketch.em, bold=True)
        if label and top + 50 < sketch.height:
            button(sketch, (left, top, right, top + rng.uniform(44, 50)), label, is_main=index == 0)
            top += 62


def draw_dialog(sketch: Sketch) -> None:
    """A card over a page that it dims."""
    sketch.kind = "dialog"
    rng, palette, language = sketch.rng, sketch.palette, sketch.language
    _page_below(sketch)
    width = min(sketch.width - 2 * rng.uniform(16, 34), rng.uniform(300, 380))
    left = (sketch.width - width) / 2
    lines, is_stacked = rng.randint(1, 3), rng.random() < 0.3
    count = rng.choice((1, 2, 2, 2, 3)) if is_stacked else rng.choice((1, 2, 2))
    height = 70 + 24 * lines + (56 * count if is_stacked else 64)
    top = rng.uniform(40, max(41, sketch.height - height - 20))
    sketch.fill((left, top, left + width, top + height), palette.surface, rng.choice((6, 14, 22)))
    em = sketch.em * 1.15
    if title := sketch.choose_label(
        pool("settings", language) + pool("actions", language), width - 40, em, bold=True
    ):
        is_central = rng.random() < 0.4
        x = left + width / 2 if is_central else left + 20
        box = sketch.write(
            title, x, top + 32, em, palette.text, sketch.faces.bold, "middle" if is_central else "left"
        )
        sketch.add(Element("title", title, box))
    for line in range(lines):
        sketch.write(sentence(sketch), left + 20, top + 64 + 24 * line, 14.0, palette.faint)
    top += 74 + 24 * lines
    main = rng.randrange(count)
    for index in range(count):
        if is_stacked:
            box = left + 20, top + 56 * index, left + width - 20, top + 56 * index + 46
        else:
            share = (width - 40 - 12 * (count - 1)) / count
            start = left + 20 + (share + 12) * index
            box = start, top, start + share, top + 46
        if label := sketch.choose_label(
            pool("actions", language), box[2] - box[0] - 14, sketch.em, bold=True
        ):
            button(sketch, box, label, is_main=index == main)


def _page_below(sketch: Sketch) -> None:
    palette = sketch.palette
    shade = mix(palette.background, (0, 0, 0), 0.45)
    sketch.fill((0, 0, sketch.width, sketch.height), shade)
    bar = mix(shade, palette.text, 0.2)
    top = sketch.rng.uniform(20, 70)
    while top < sketch.height:
        sketch.fill((MARGIN, top, MARGIN + sketch.rng.uniform(60, sketch.width - 60), top + 12), bar, 6)
        top += sketch.rng.uniform(26, 70)


def draw_keypad(sketch: Sketch) -> None:
    """A number above the keys that wrote it."""
    sketch.kind = "keypad"
    rng, palette = sketch.rng, sketch.palette
    top = status_bar(sketch)
    is_wide = sketch.width > sketch.height
    area = sketch.width * 0.45 if is_wide else 0.0
    number = rng.choice((numbers.plain, numbers.plain, numbers.price))(rng)
    em = rng.uniform(26, 44)
    y = sketch.height / 2 if is_wide else top + rng.uniform(50, 90)
    x = area / 2 if is_wide else sketch.width / 2
    sketch.add(
        Element("number", number, sketch.write(number, x, y, em, palette.text, sketch.faces.bold, "middle"))
    )
    if label := sketch.choose_label(pool("balances", sketch.language), 200, sketch.small_em):
        line = y - em / 2 - sketch.em
        box = sketch.write(label, x, line, sketch.small_em, palette.faint, anchor="middle")
        sketch.add(Element("text", label, box))
    digits = list("123456789") if rng.random() < 0.75 else list("789456123")
    keys = [*digits, rng.choice("*."), "0", "#"]
    first = top + 10 if is_wide else y + em + 14
    room = sketch.height - 14 - first - (0 if is_wide else 62)
    height = min(room / 4, 92.0)
    cell = (sketch.width - area - 2 * MARGIN) / 3
    is_round = rng.random() < 0.5
    for index, key in enumerate(keys):
        x = area + MARGIN + cell * (index % 3 + 0.5)
        middle = first + height * (index // 3 + 0.5)
        half = (min(height, cell) / 2 - 4,) * 2 if is_round else (cell / 2 - 4, height / 2 - 4)
        box = x - half[0], middle - half[1], x + half[0], middle + half[1]
        sketch.fill(box, palette.surface, half[1] if is_round else 6)
        sketch.write(key, x, middle, min(26.0, height * 0.5), palette.text, sketch.faces.bold, "middle")
        if key.isdigit():
            sketch.add(Element("key", key, box))
    bottom = first + 4 * height + 8
    label = sketch.choose_label(pool("actions", sketch.language), 150, sketch.em, bold=True)
    if label and not is_wide and bottom + 50 < sketch.height:
        box = (MARGIN * 3, bottom, sketch.width - MARGIN * 3, bottom + 46)
        button(sketch, box, label, is_main=True)
