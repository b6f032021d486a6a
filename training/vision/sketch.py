"""A screen while it is drawn: its picture, what is on it, and which words and icons it has used.

Positions are in units of sizes.py; (x, y) of a text is the middle of its line's height.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from PIL import Image, ImageDraw

from training.example import Language, Mark, Split
from training.vision.fonts import ASCENT, Face, Faces, measure, text_mask
from training.vision.icons import ICON_NAMES, choose_icons, icon_mask
from training.vision.labels import pool, unlisted_label
from training.vision.palette import VIVID, Colour, Palette, mix
from training.vision.sizes import Size, units_of

SMALLEST_EM: dict[Language, float] = {"en": 15.0, "zh": 17.0}  # units; smaller cannot be read
LARGEST_EM: dict[Language, float] = {"en": 20.0, "zh": 22.0}  # of running text; titles are larger
UNLISTED_SHARE = 0.2  # of labels; a few of them find no room
CAP_HEIGHT = 0.72  # of the em, of Latin capitals

Role = Literal["button", "icon", "field", "item", "switch", "tab", "app", "key", "title", "number", "text"]
Anchor = Literal["left", "middle", "right"]
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Element:
    """One thing that can be asked about. `name` is its text, or the English name of an icon.

    `value` stands beside the name, in `value_box`; `is_on` is a switch's state; `centre` is where to
    tap if that is not the middle of `box`.
    """

    role: Role
    name: str
    box: Box
    value: str = ""
    value_box: Box | None = None
    is_on: bool = False
    centre: tuple[float, float] | None = None

    @property
    def target(self) -> tuple[float, float]:
        left, top, right, bottom = self.box
        return self.centre or ((left + right) / 2, (top + bottom) / 2)


@dataclass
class Sketch:
    """Created for one picture by examples.py, filled by one of the screens, read by questions.py."""

    rng: random.Random
    split: Split
    language: Language
    palette: Palette
    faces: Faces
    size: Size
    kind: str = ""
    elements: list[Element] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)  # what is not painted over of all that was drawn

    def __post_init__(self) -> None:
        self.width, self.height = units_of(self.size)
        self.pixels = self.size[0] / self.width  # to the unit
        self.image = Image.new("RGB", self.size, self.palette.background)
        self.draw = ImageDraw.Draw(self.image)
        self.em = self.rng.uniform(SMALLEST_EM[self.language], LARGEST_EM[self.language])
        self.small_em = max(SMALLEST_EM[self.language], 0.85 * self.em)
        self.corner = self.rng.choice((4.0, 8.0, 12.0, 24.0))  # radius of buttons and fields
        self.stroke = self.rng.choice((1.7, 2.0, 2.4))
        self.has_filled_icons = self.rng.random() < 0.4
        self._icons = choose_icons(self.rng)
        self._used: set[str] = set()

    # Choosing what to show

    def choose_label(
        self, pool: Sequence[str], max_width: float, em: float, bold: bool = False
    ) -> str | None:
        """Returns an unused label that fits, sometimes of other words, or None."""
        face = self.faces.bold if bold else self.faces.regular
        labels = self.rng.sample(pool, min(len(pool), 12))
        if self.rng.random() < UNLISTED_SHARE:
            labels.insert(0, self._other_label())
        for label in labels:
            if label.lower() not in self._used and measure(label, face) * em <= max_width:
                self._used.add(label.lower())
                return label
        return None

    def _other_label(self) -> str:
        if self.split == "held_out":
            return self.rng.choice(pool("unseen", self.language))
        return unlisted_label(self.rng, self.split, self.language)

    def choose_icon(self) -> str | None:
        """Returns an unused icon whose name no text on this screen is, or None."""
        while self._icons:
            name = self._icons.pop()
            names = set(ICON_NAMES[name].values())
            if not names & self._used:
                self._used |= names
                return name
        return None

    def claim_icon(self, name: str) -> str | None:
        """Returns that icon if nothing on this screen has its name yet, or None."""
        names = set(ICON_NAMES[name].values())
        if name not in self._icons or names & self._used:
            return None
        self._icons.remove(name)
        self._used |= names
        return name

    def choose_glyph(self, label: str) -> str | None:
        """Returns an unused icon to stand beside a label: the one of that name, if there is one, or any."""
        own = [name for name in self._icons if label.lower() in ICON_NAMES[name].values()]
        if not self._icons:
            return None
        name = own[0] if own else self._icons[-1]
        self._icons.remove(name)
        return name

    def vivid(self) -> Colour:
        return self.rng.choice(VIVID[self.split])

    # Drawing

    def _shares(self, box: Box) -> Box:
        left, top, right, bottom = box
        return left / self.width, top / self.height, right / self.width, bottom / self.height

    def _hide(self, box: Box) -> None:
        """Forgets the marks whose middle is painted over."""
        left, top, right, bottom = self._shares(box)

        def is_seen(mark: Mark) -> bool:
            x, y = (mark.box[0] + mark.box[2]) / 2, (mark.box[1] + mark.box[3]) / 2
            return not (left <= x <= right and top <= y <= bottom)

        self.marks = list(filter(is_seen, self.marks))

    def _scaled(self, box: Box) -> tuple[int, int, int, int]:
        left, top, right, bottom = (round(value * self.pixels) for value in box)
        return left, top, max(left, right - 1), max(top, bottom - 1)

    def fill(self, box: Box, colour: Colour, radius: float = 0.0, outline: Colour | None = None) -> None:
        self._hide(box)
        scaled = self._scaled(box)
        width = max(1, round(1.2 * self.pixels))
        if radius:
            radius = min(radius * self.pixels, (scaled[2] - scaled[0]) / 2, (scaled[3] - scaled[1]) / 2)
            self.draw.rounded_rectangle(scaled, radius, colour, outline, width)
        else:
            self.draw.rectangle(scaled, colour, outline, width)

    def circle(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self.draw.ellipse(self._scaled((x - radius, y - radius, x + radius, y + radius)), colour)

    def rule(self, left: float, right: float, y: float) -> None:
        """A thin line between rows."""
        thickness = max(0.7, 1 / self.pixels)
        self.fill((left, y, right, y + thickness), mix(self.palette.background, self.palette.faint, 0.3))

    def write(
        self,
        text: str,
        x: float,
        y: float,
        em: float,
        colour: Colour,
        face: Face | None = None,
        anchor: Anchor = "left",
    ) -> Box:
        """Returns the box of what it wrote."""
        mask = text_mask(text, face or self.faces.regular, em * self.pixels)
        width = mask.width / self.pixels
        left = x - {"left": 0.0, "middle": width / 2, "right": width}[anchor]
        baseline = y + CAP_HEIGHT / 2 * em
        corner = round(left * self.pixels), round((baseline - ASCENT * em) * self.pixels)
        self.image.paste(colour, corner, mask)
        box = left, y - em / 2, left + width, y + em / 2
        self.marks.append(Mark(text, self._shares(box), is_writing=True))
        return box

    def icon(self, name: str, x: float, y: float, side: float, colour: Colour) -> None:
        """Draws an icon around a point."""
        pixels = max(8, round(side * self.pixels))
        mask = icon_mask(name, pixels, self.stroke, self.has_filled_icons)
        corner = round((x - side / 2) * self.pixels), round((y - side / 2) * self.pixels)
        self.image.paste(colour, corner, mask)
        box = x - side / 2, y - side / 2, x + side / 2, y + side / 2
        self.mark(ICON_NAMES[name]["en"], box)

    def mark(self, text: str, box: Box) -> None:
        """Notes what something is that is not writing."""
        self.marks.append(Mark(text, self._shares(box), is_writing=False))

    def picture(self, box: Box) -> None:
        """A stand-in for a photo: a smooth field of colour."""
        self._hide(box)
        left, top, right, bottom = self._scaled(box)
        seeds = Image.new("RGB", (2, 2))
        seeds.putdata([self.vivid() for _ in range(4)])
        size = right - left + 1, bottom - top + 1
        self.image.paste(seeds.resize(size, Image.Resampling.BICUBIC), (left, top))

    def add(self, element: Element) -> None:
        self.elements.append(element)
