"""Which typefaces pictures are written in, and text as antialiased masks of any size.

The Debian packages that hold them are listed in training/fonts.txt. No held-out family is trained on,
so that reading is not remembering.
"""

import random
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from training.example import Language, Split

SYSTEM_FONTS = Path("/usr/share/fonts")
MASTER_SIZES = (64, 160)  # pixels to the em; a mask is drawn at one of them and shrunk
ASCENT, LINE = 0.95, 1.25  # of the em: where the baseline lies in a mask, and its height

FIRST_HAN = "\u2e80"  # the first of the Chinese characters and their punctuation


@dataclass(frozen=True, slots=True)
class Family:
    """`usual`: phones show such type. The others stand on signs alone."""

    split: Split
    language: Language
    regular: str
    bold: str
    usual: bool = True


FAMILIES = (
    Family("train", "en", "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    Family("train", "en", "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    Family("train", "en", "Roboto-Regular.ttf", "Roboto-Medium.ttf"),
    Family("train", "en", "Roboto-Regular.ttf", "Roboto-Bold.ttf"),
    Family("train", "en", "OpenSans-Regular.ttf", "OpenSans-Semibold.ttf"),
    Family("train", "en", "Karla-Regular.otf", "Karla-Bold.otf"),
    Family("train", "en", "Oxygen-Sans.ttf", "Oxygen-Sans-Bold.ttf"),
    Family("train", "en", "B612-Regular.otf", "B612-Bold.otf"),
    Family("train", "en", "Quicksand-Medium.ttf", "Quicksand-Bold.ttf"),
    Family("train", "en", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", usual=False),
    Family("train", "en", "LiberationSerif-Regular.ttf", "LiberationSerif-Bold.ttf", usual=False),
    Family("train", "zh", "wqy-microhei.ttc", "wqy-microhei.ttc"),
    Family("train", "zh", "DroidSansFallbackFull.ttf", "DroidSansFallbackFull.ttf"),
    Family("train", "zh", "gbsn00lp.ttf", "gbsn00lp.ttf"),
    Family("train", "zh", "gkai00mp.ttf", "gkai00mp.ttf", usual=False),
    Family("held_out", "en", "Inter-Regular.otf", "Inter-SemiBold.otf"),
    Family("held_out", "en", "Cantarell-Regular.otf", "Cantarell-Bold.otf"),
    Family("held_out", "zh", "wqy-zenhei.ttc", "wqy-zenhei.ttc"),
)


class FontsMissing(Exception):
    """A font file is not where it was looked for; says which packages to install."""


@dataclass(frozen=True, slots=True)
class Face:
    """One weight at no size yet: font files for Chinese, and for lines without a Chinese character."""

    han: str
    latin: str

    def path(self, text: str) -> str:
        return self.han if any(character >= FIRST_HAN for character in text) else self.latin


@dataclass(frozen=True, slots=True)
class Faces:
    """The two weights in which one picture is written."""

    regular: Face
    bold: Face


@cache
def find_fonts(directory: Path) -> dict[str, str]:
    """Returns where each file of FAMILIES lies in a directory or below; raises FontsMissing."""
    wanted = {name for family in FAMILIES for name in (family.regular, family.bold)}
    found = {path.name: str(path) for path in sorted(directory.rglob("*")) if path.name in wanted}
    if missing := sorted(wanted - found.keys()):
        raise FontsMissing(f"{directory} lacks {', '.join(missing)}: install what training/fonts.txt lists")
    return found


def choose_faces(rng: random.Random, split: Split, directory: Path, any_type: bool = False) -> Faces:
    """Draws a family for each script; `any_type`: not only such as phones use."""
    files = find_fonts(directory)

    def draw(language: Language) -> Family:
        return rng.choice(
            [
                family
                for family in FAMILIES
                if family.split == split and family.language == language and (family.usual or any_type)
            ]
        )

    han, latin = draw("zh"), draw("en")
    return Faces(Face(files[han.regular], files[latin.regular]), Face(files[han.bold], files[latin.bold]))


@cache
def _open(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=20_000)
def measure(text: str, face: Face) -> float:
    """Returns the width of a line in ems."""
    return _open(face.path(text), MASTER_SIZES[0]).getlength(text) / MASTER_SIZES[0]


@lru_cache(maxsize=1_000)
def _master(text: str, face: Face, size: int) -> Image.Image:
    mask = Image.new("L", (max(1, round(measure(text, face) * size)), round(LINE * size)))
    ImageDraw.Draw(mask).text((0, ASCENT * size), text, 255, _open(face.path(text), size), "ls")
    return mask


def text_mask(text: str, face: Face, em: float) -> Image.Image:
    """Returns a line's mask, `em` pixels to the em, its baseline at ASCENT ems from the top.

    Drawn large and shrunk, so that hinting does not make small type look unlike a shrunk screenshot's.
    """
    size = next((size for size in MASTER_SIZES if size >= 1.5 * em), MASTER_SIZES[-1])
    master = _master(text, face, size)
    if em >= size:
        master = _master(text, face, round(em))
    width, height = max(1, round(measure(text, face) * em)), max(1, round(LINE * em))
    return master.resize((width, height), Image.Resampling.BILINEAR)
