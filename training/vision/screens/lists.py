"""Screens made of rows: settings, and lists of people or things."""

from training.vision import numbers
from training.vision.labels import pool
from training.vision.palette import mix
from training.vision.sketch import Element, Sketch
from training.vision.widgets import (
    MARGIN,
    icon_button,
    sentence,
    status_bar,
    switch,
    tab_bar,
    text_field,
    title_bar,
)


def draw_settings(sketch: Sketch) -> None:
    """Rows with icons, each with a switch, a value or a chevron on its right."""
    sketch.kind = "settings"
    rng, palette = sketch.rng, sketch.palette
    top = title_bar(sketch, status_bar(sketch)) + rng.uniform(0, 14)
    height = rng.uniform(max(46.0, 2.6 * sketch.em), 72.0)
    bottom = tab_bar(sketch) if rng.random() < 0.25 and sketch.height > 450 else sketch.height - 8
    cards, has_icons = rng.random() < 0.5, rng.random() < 0.6
    left, right = (MARGIN + 12, sketch.width - MARGIN - 12) if cards else (MARGIN, sketch.width - MARGIN)
    start = left + (36 if has_icons else 0)
    for _ in range(rng.randint(3, 10)):
        if top + height > bottom:
            break
        label = sketch.choose_label(pool("settings", sketch.language), right - start - 70, sketch.em)
        if label is None:
            continue
        y, box = top + height / 2, (0.0, top, sketch.width, top + height)
        if cards:
            card = (left - 16, top + 2, right + 16, top + height - 2)
            sketch.fill(card, palette.surface, 8)
        else:
            sketch.rule(start, sketch.width, top + height)
        if has_icons and (icon := sketch.choose_glyph(label)):
            sketch.icon(icon, left + 11, y, 22, palette.accent)
        written = sketch.write(label, start, y, sketch.em, palette.text)
        kind, room = rng.random(), right - written[2] - 24
        if kind < 0.45:
            is_on = rng.random() < 0.5
            sketch.add(Element("switch", label, box, is_on=is_on, centre=switch(sketch, right, y, is_on)))
        else:
            value = rng.choice((*pool("values", sketch.language), numbers.percentage(rng)))
            if kind < 0.75 and room > 5 * sketch.em:
                place = sketch.write(value, right, y, sketch.small_em, palette.faint, anchor="right")
                sketch.add(Element("item", label, box, value=value, value_box=place))
            else:
                chevron(sketch, right, y)
                sketch.add(Element("item", label, box))
        top += height
        if rng.random() < 0.1:
            top += 16


def chevron(sketch: Sketch, right: float, y: float) -> None:
    points = [(right - 7, y - 6), (right - 1, y), (right - 7, y + 6)]
    scaled = [(x * sketch.pixels, y * sketch.pixels) for x, y in points]
    sketch.draw.line(scaled, sketch.palette.faint, max(1, round(1.8 * sketch.pixels)))


def draw_list(sketch: Sketch) -> None:
    """Rows of a picture, a name and small print; perhaps a search field above and tabs below."""
    sketch.kind = "list"
    rng, palette = sketch.rng, sketch.palette
    top = title_bar(sketch, status_bar(sketch))
    if rng.random() < 0.35:
        label = sketch.choose_label(pool("fields", sketch.language)[:1], sketch.width, sketch.em)
        if label:
            text_field(sketch, (MARGIN, top, sketch.width - MARGIN, top + 42), label, icon="search")
            top += 50
    bottom = tab_bar(sketch) if rng.random() < 0.6 and sketch.height > 450 else sketch.height - 8
    has_print, has_pictures = rng.random() < 0.6, rng.random() < 0.7
    has_prices, is_round = rng.random() < 0.4, rng.random() < 0.5
    height = rng.uniform(64.0, 88.0) if has_print else rng.uniform(52.0, 72.0)
    start, right = MARGIN + (height - 4 if has_pictures else 0), sketch.width - MARGIN
    for _ in range(rng.randint(3, 9)):
        if top + height > bottom:
            break
        label = sketch.choose_label(pool("items", sketch.language), sketch.width - start - 100, sketch.em)
        if label is None:
            continue
        y = top + height / 2
        if has_pictures:
            side = height / 2 - 8
            x = MARGIN + side
            if is_round:
                sketch.circle(x, y, side, sketch.vivid())
            else:
                sketch.picture((x - side, y - side, x + side, y + side))
        line = y - 11 if has_print else y
        sketch.write(label, start, line, sketch.em, palette.text, sketch.faces.bold)
        if has_print:
            sketch.write(sentence(sketch), start, y + 13, 13.0, palette.faint)
        value, place = "", None
        if has_prices:
            value, bold = numbers.price(rng), sketch.faces.bold
            place = sketch.write(value, right, line, sketch.small_em, palette.accent, bold, "right")
        elif rng.random() < 0.5:
            sketch.write(numbers.time(rng), right, line, 13.0, palette.faint, anchor="right")
        sketch.rule(start, sketch.width, top + height)
        box = (0.0, top, sketch.width, top + height)
        sketch.add(Element("item", label, box, value=value, value_box=place))
        top += height
    if rng.random() < 0.3 and top < bottom - 80:
        floating_button(sketch, bottom)


def floating_button(sketch: Sketch, bottom: float) -> None:
    name = sketch.claim_icon(sketch.rng.choice(("plus", "pencil", "chat", "camera")))
    if name:
        x, y = sketch.width - MARGIN - 28, bottom - 44
        sketch.circle(x, y + 1.5, 29, mix(sketch.palette.background, (0, 0, 0), 0.2))
        sketch.circle(x, y, 28, sketch.palette.accent)
        sketch.icon(name, x, y, 24, sketch.palette.on_accent)
        sketch.add(Element("icon", name, (x - 28, y - 28, x + 28, y + 28)))


def draw_chat(sketch: Sketch) -> None:
    """Speech bubbles with a line to write on below."""
    sketch.kind = "chat"
    rng, palette, language = sketch.rng, sketch.palette, sketch.language
    title = sketch.choose_label(pool("items", language)[:10], sketch.width / 2, sketch.em, bold=True)
    top = title_bar(sketch, status_bar(sketch), title) + 8
    bar = sketch.height - 60
    while top + 46 < bar and rng.random() < 0.93:
        words = sketch.choose_label(
            pool("items", language) + pool("actions", language), sketch.width * 0.55, sketch.em
        )
        if words is None:
            continue
        is_mine, height = rng.random() < 0.5, 2.3 * sketch.em
        colour = mix(palette.accent, palette.background, 0.15) if is_mine else palette.surface
        ink = palette.on_accent if is_mine else palette.text
        sketch.circle(sketch.width - MARGIN - 14 if is_mine else MARGIN + 14, top + 18, 16, sketch.vivid())
        width = sketch.write(words, 0, -100, sketch.em, ink)[2] + 26
        left = sketch.width - MARGIN - 38 - width if is_mine else MARGIN + 38
        sketch.fill((left, top, left + width, top + height), colour, 10)
        sketch.write(words, left + 13, top + height / 2, sketch.em, ink)
        sketch.add(Element("text", words, (left, top, left + width, top + height)))
        top += height + rng.uniform(12, 34)
    sketch.fill((0, bar, sketch.width, sketch.height), palette.surface)
    sketch.rule(0, sketch.width, bar)
    left, right = MARGIN, sketch.width - MARGIN
    if rng.random() < 0.6:
        icon_button(sketch, left + 12, bar + 30, "microphone")
        left += 40
    for name in rng.sample(("plus", "camera", "picture", "heart"), rng.randint(1, 2)):
        icon_button(sketch, right - 12, bar + 30, name)
        right -= 45
    label = sketch.choose_label(("Message",) if language == "en" else ("留言",), right - left - 30, sketch.em)
    if label:
        text_field(sketch, (left, bar + 9, right, bar + 51), label)
