"""Screens of other shapes: a shop, a page with one large number, a page of tools."""

from training.vision import numbers
from training.vision.labels import pool
from training.vision.palette import mix
from training.vision.sketch import Element, Sketch
from training.vision.widgets import (
    MARGIN,
    TOUCH_SIDE,
    button,
    icon_button,
    sentence,
    status_bar,
    tab_bar,
    text_field,
    title_bar,
)


def draw_shop(sketch: Sketch) -> None:
    """Cards of things for sale, in columns."""
    sketch.kind = "shop"
    rng, palette = sketch.rng, sketch.palette
    top = status_bar(sketch) + 4
    right = sketch.width - MARGIN
    for _ in range(rng.randint(0, 2)):
        icon_button(sketch, right - 12, top + 22)
        right -= 44
    if label := sketch.choose_label(pool("fields", sketch.language)[:1], 200, sketch.em):
        text_field(sketch, (MARGIN, top, right, top + 44), label, icon="search")
    top += 56
    bottom = tab_bar(sketch) if sketch.height > 450 and rng.random() < 0.9 else sketch.height
    columns = max(2, round(sketch.width / rng.uniform(150, 200)))
    cell, gap = (sketch.width - 24) / columns, 6.0
    height = rng.uniform(130, 210)
    for index in range(columns * int((bottom - top) / height)):
        left, y = 12 + cell * (index % columns), top + height * (index // columns)
        box = left + gap / 2, y, left + cell - gap / 2, y + height - gap
        inner = cell - gap - 20
        label = sketch.choose_label(pool("items", sketch.language), inner, sketch.em)
        if label is None:
            continue
        sketch.fill(box, palette.surface, 8)
        line = y + height - gap - 18
        picture_bottom = line - 2 * sketch.em - 4
        sketch.picture((box[0], y, box[2], picture_bottom))
        sketch.write(label, left + 12, picture_bottom + 0.9 * sketch.em, sketch.em, palette.text)
        price = numbers.price(rng)
        place = sketch.write(price, left + 12, line, sketch.small_em, palette.accent, sketch.faces.bold)
        sketch.add(Element("item", label, box, value=price, value_box=place))


def draw_number(sketch: Sketch) -> None:
    """One large number with its name, and buttons below it."""
    sketch.kind = "number"
    rng, palette = sketch.rng, sketch.palette
    top = title_bar(sketch, status_bar(sketch)) + rng.uniform(10, 50)
    em = rng.uniform(34, 60)
    number, x = numbers.number(rng), sketch.width / 2
    height = em + 3.4 * sketch.em
    if rng.random() < 0.6:
        colour = mix(palette.background, palette.accent, rng.choice((0.08, 0.15, 1.0)))
        sketch.fill((MARGIN, top, sketch.width - MARGIN, top + height), colour, 16)
        ink = palette.on_accent if colour == palette.accent else palette.text
    else:
        ink = palette.text
    if label := sketch.choose_label(pool("balances", sketch.language), sketch.width - 80, sketch.em):
        box = sketch.write(label, x, top + 1.4 * sketch.em, sketch.em, ink, anchor="middle")
        sketch.add(Element("text", label, box))
    y = top + 2.4 * sketch.em + em / 2
    sketch.add(Element("number", number, sketch.write(number, x, y, em, ink, sketch.faces.bold, "middle")))
    top += height + rng.uniform(12, 40)
    for index in range(rng.randint(1, 3)):
        label = sketch.choose_label(
            pool("actions", sketch.language), sketch.width - 120, sketch.em, bold=True
        )
        if label and top + 52 < sketch.height:
            width = rng.uniform(0.6, 0.95) * (min(sketch.width, 480) - 2 * MARGIN)
            box = (x - width / 2, top, x + width / 2, top + 48)
            button(sketch, box, label, is_main=index == 0)
            top += rng.uniform(58, 84)
    if top + 30 < sketch.height and rng.random() < 0.6:
        sketch.write(sentence(sketch), x, top + 16, 13.0, palette.faint, anchor="middle")


def draw_tools(sketch: Sketch) -> None:
    """A grid of icons, with words below them or without."""
    sketch.kind = "tools"
    rng, palette = sketch.rng, sketch.palette
    top = title_bar(sketch, status_bar(sketch)) + rng.uniform(4, 30)
    has_words = rng.random() < 0.4
    columns = max(2, round((sketch.width - 24) / rng.uniform(76, 120)))
    cell = (sketch.width - 24) / columns
    side = rng.uniform(26, min(44, cell * 0.5))
    height = side + (1.8 * sketch.em if has_words else 0) + rng.uniform(18, 40)
    rows = min(rng.randint(1, 4), int((sketch.height - top - 70) / height))
    has_tiles = rng.random() < 0.5
    for index in range(rows * columns):
        x, y = 12 + cell * (index % columns + 0.5), top + height * (index // columns) + side / 2 + 8
        label = None
        if has_words:
            label = sketch.choose_label(pool("settings", sketch.language), cell - 6, sketch.small_em)
            icon = sketch.choose_glyph(label) if label else None
        else:
            icon = sketch.choose_icon()
        if icon is None:
            continue
        half = min(cell / 2 - 1, max(side / 2 + 8, TOUCH_SIDE / 2))
        touch = (x - half, y - side / 2 - 8, x + half, y + side / 2 + 8)
        if has_tiles:
            sketch.fill(
                (x - half, y - side / 2 - 8, x + half, y + side / 2 + 8), palette.surface, sketch.corner
            )
        sketch.icon(icon, x, y, side, palette.accent if rng.random() < 0.3 else palette.text)
        if label:
            line = y + side / 2 + 10 + 0.6 * sketch.small_em
            sketch.write(label, x, line, sketch.small_em, palette.text, anchor="middle")
            box = (x - cell / 2 + 1, y - side / 2 - 8, x + cell / 2 - 1, line + sketch.small_em / 2)
            sketch.add(Element("button", label, box))
        else:
            sketch.add(Element("icon", icon, touch))
    y = top + rows * height + 24
    label = sketch.choose_label(pool("actions", sketch.language), sketch.width - 120, sketch.em, bold=True)
    if label and y + 50 < sketch.height:
        button(sketch, (MARGIN * 2, y, sketch.width - MARGIN * 2, y + 46), label, is_main=True)
