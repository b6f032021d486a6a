"""What several kinds of screen share: bars, buttons, fields, switches, lines that only distract."""

from training.vision import numbers
from training.vision.labels import pool
from training.vision.palette import mix
from training.vision.sketch import Box, Element, Sketch

STATUS_HEIGHT = 26.0
BAR_HEIGHT = 52.0
ICON_SIDE = 24.0
TOUCH_SIDE = 44.0  # of what an icon's tap may hit
MARGIN = 18.0


def sentence(sketch: Sketch) -> str:
    """Return small print, about which there are no questions."""
    return sketch.rng.choice(pool("small_print", sketch.language))


def status_bar(sketch: Sketch) -> float:
    """Draws the time and the battery on top; returns where the rest may begin."""
    if sketch.rng.random() < 0.08:  # hidden, as in games and videos
        return 6.0
    y, ink = STATUS_HEIGHT / 2 + 1, sketch.palette.text
    sketch.write(numbers.time(sketch.rng), MARGIN, y, 13.0, ink, sketch.faces.bold)
    right = sketch.width - MARGIN
    sketch.fill((right - 22, y - 5, right, y + 5), sketch.palette.background, 2.5, ink)
    sketch.fill((right - 20, y - 3, right - 20 + sketch.rng.uniform(4, 18), y + 3), ink)
    for step in range(4):
        left = right - 44 + 4.5 * step
        sketch.fill((left, y + 5 - 2.6 * (step + 1), left + 3, y + 5), ink)
    return STATUS_HEIGHT


def title_bar(sketch: Sketch, top: float, title: str | None = None) -> float:
    """A title, perhaps between a back arrow and icons; returns where the rest may begin."""
    rng, ink = sketch.rng, sketch.palette.text
    y, left, right = top + BAR_HEIGHT / 2, MARGIN, sketch.width - MARGIN
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
        if right < sketch.width * 0.6:
            break
        icon_button(sketch, right - ICON_SIDE / 2, y)
        right -= TOUCH_SIDE
    if rng.random() < 0.7:
        icon_button(sketch, left + ICON_SIDE / 2, y, rng.choice(("back", "back", "menu", "close")))
        left += ICON_SIDE + 18
    em = sketch.em * rng.uniform(1.1, 1.4)
    titles = pool("titles", sketch.language) + pool("tabs", sketch.language)
    title = title or sketch.choose_label(titles, right - left, em, bold=True)
    if title:
        box = sketch.write(title, left, y, em, ink, sketch.faces.bold)
        sketch.add(Element("title", title, box))
    return top + BAR_HEIGHT


def icon_button(sketch: Sketch, x: float, y: float, name: str | None = None, side: float = ICON_SIDE) -> None:
    """An icon that can be tapped: a certain one if it is unused, or any."""
    name = sketch.claim_icon(name) if name else sketch.choose_icon()
    if name:
        sketch.icon(name, x, y, side, sketch.palette.text)
        half = max(TOUCH_SIDE, side + 12) / 2
        sketch.add(Element("icon", name, (x - half, y - half, x + half, y + half)))


def button(sketch: Sketch, box: Box, label: str, is_main: bool) -> None:
    palette, radius = sketch.palette, sketch.corner
    left, top, right, bottom = box
    ink = palette.on_accent
    if is_main:
        sketch.fill(box, palette.accent, radius)
    elif sketch.rng.random() < 0.6:
        ink = palette.text
        sketch.fill(box, palette.surface, radius, mix(palette.surface, palette.faint, 0.5))
    else:
        ink = palette.text
    sketch.write(
        label, (left + right) / 2, (top + bottom) / 2, sketch.em, ink, sketch.faces.bold, anchor="middle"
    )
    sketch.add(Element("button", label, box))


def text_field(sketch: Sketch, box: Box, label: str, icon: str | None = None) -> None:
    """A box to type into, its label inside it."""
    palette = sketch.palette
    middle, start = (box[1] + box[3]) / 2, box[0] + 14
    sketch.fill(box, palette.surface, sketch.corner, mix(palette.surface, palette.faint, 0.6))
    if icon:
        sketch.icon(icon, start + 10, middle, 20, palette.faint)
        start += 28
    sketch.write(label, start, middle, sketch.em, mix(palette.text, palette.faint, 0.5))
    sketch.add(Element("field", label, box))


def switch(sketch: Sketch, right: float, y: float, is_on: bool) -> tuple[float, float]:
    """Draws a switch that ends at `right`; returns its middle."""
    palette, width, height = sketch.palette, 44.0, 25.0
    left = right - width
    track = palette.accent if is_on else mix(palette.background, palette.faint, 0.5)
    sketch.fill((left, y - height / 2, right, y + height / 2), track, height / 2)
    x = right - height / 2 if is_on else left + height / 2
    sketch.circle(x, y, height / 2 - 3, palette.on_accent if is_on else (250, 250, 250))
    sketch.mark("on" if is_on else "off", (left, y - height / 2, right, y + height / 2))
    return (left + right) / 2, y


def tab_bar(sketch: Sketch) -> float:
    """Icons with labels along the bottom; returns where the bar begins."""
    rng, palette = sketch.rng, sketch.palette
    count, height = rng.randint(3, 4), 60.0
    top, cell = sketch.height - height, sketch.width / count
    sketch.fill((0, top, sketch.width, sketch.height), palette.surface)
    sketch.rule(0, sketch.width, top)
    chosen = rng.randrange(count)
    for index in range(count):
        label = sketch.choose_label(pool("tabs", sketch.language), cell - 8, sketch.small_em)
        if label is None or (icon := sketch.choose_glyph(label)) is None:
            continue
        ink = palette.accent if index == chosen else palette.text
        x = cell * (index + 0.5)
        sketch.icon(icon, x, top + 20, 22, ink)
        sketch.write(label, x, top + 45, sketch.small_em, ink, anchor="middle")
        sketch.add(Element("tab", label, (cell * index, top, cell * (index + 1), sketch.height)))
    return top
