"""Thirty-two icons, drawn from lines and shapes on a square of 24 units, with their names."""

import math
import random
from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageDraw

from training.example import Language

GRID = 24  # units to the side
OVERSAMPLING = 3

Point = tuple[float, float]


class Pen:
    """Draws one icon into a mask. Lines have round ends; `filled` icons are solid where that makes sense."""

    def __init__(self, pixels: int, stroke: float, filled: bool) -> None:
        self.mask = Image.new("L", (pixels, pixels))
        self._draw = ImageDraw.Draw(self.mask)
        self._unit = pixels / GRID
        self.stroke = stroke
        self.filled = filled

    def _points(self, points: tuple[Point, ...]) -> list[Point]:
        return [(x * self._unit, y * self._unit) for x, y in points]

    def line(self, *points: Point, ink: int = 255) -> None:
        scaled = self._points(points)
        width = max(1, round(self.stroke * self._unit))
        self._draw.line(scaled, ink, width, joint="curve")
        for x, y in scaled:
            self._draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), ink)

    def shape(self, *points: Point, solid: bool | None = None) -> None:
        """A closed outline, filled if the icon is, or if told so."""
        if self.filled if solid is None else solid:
            self._draw.polygon(self._points(points), 255)
        self.line(*points, points[0])

    def circle(self, x: float, y: float, radius: float, solid: bool | None = None, ink: int = 255) -> None:
        box = [value * self._unit for value in (x - radius, y - radius, x + radius, y + radius)]
        if self.filled if solid is None else solid:
            self._draw.ellipse(box, ink)
        else:
            self._draw.ellipse(box, None, ink, max(1, round(self.stroke * self._unit)))

    def arc(self, x: float, y: float, radius: float, start: float, end: float) -> None:
        box = [value * self._unit for value in (x - radius, y - radius, x + radius, y + radius)]
        self._draw.arc(box, start, end, 255, max(1, round(self.stroke * self._unit)))

    def box(self, left: float, top: float, right: float, bottom: float, radius: float = 1.5) -> None:
        corners = [value * self._unit for value in (left, top, right, bottom)]
        width = max(1, round(self.stroke * self._unit))
        fill = 255 if self.filled else None
        self._draw.rounded_rectangle(corners, radius * self._unit, fill, 255, width)

    @property
    def inner(self) -> int:
        """The ink of details that lie on what may be filled."""
        return 0 if self.filled else 255


def _search(pen: Pen) -> None:
    pen.circle(10, 10, 7, solid=False)
    pen.line((15, 15), (21, 21))


def _settings(pen: Pen) -> None:
    for step in range(8):
        angle = step * math.pi / 4
        x, y = math.cos(angle), math.sin(angle)
        pen.line((12 + 6 * x, 12 + 6 * y), (12 + 9.5 * x, 12 + 9.5 * y))
    pen.circle(12, 12, 7)
    pen.circle(12, 12, 3, solid=pen.filled, ink=pen.inner)


def _back(pen: Pen) -> None:
    pen.line((20, 12), (4, 12))
    pen.line((11, 5), (4, 12), (11, 19))


def _heart(pen: Pen) -> None:
    points = []
    for step in range(40):
        angle = step * math.pi / 20
        x = 16 * math.sin(angle) ** 3
        y = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
        points.append((12 + x * 0.56, 11.5 - y * 0.56))
    pen.shape(*points)


def _home(pen: Pen) -> None:
    pen.shape((3, 12), (12, 3), (21, 12), (18, 12), (18, 20), (6, 20), (6, 12))
    pen.line((12, 20), (12, 15), ink=pen.inner)


def _camera(pen: Pen) -> None:
    pen.box(2, 7, 22, 20, 2)
    pen.shape((8, 7), (9.5, 4), (14.5, 4), (16, 7), solid=True)
    pen.circle(12, 13.5, 4, solid=pen.filled, ink=pen.inner)


def _play(pen: Pen) -> None:
    pen.shape((6, 4), (20, 12), (6, 20))


def _pause(pen: Pen) -> None:
    pen.box(5, 4, 9.5, 20, 1)
    pen.box(14.5, 4, 19, 20, 1)


def _trash(pen: Pen) -> None:
    pen.shape((6, 7), (18, 7), (17, 21), (7, 21))
    pen.line((3, 6), (21, 6))
    pen.line((9, 6), (9, 3), (15, 3), (15, 6))
    pen.line((10, 11), (10, 17), ink=pen.inner)
    pen.line((14, 11), (14, 17), ink=pen.inner)


def _mail(pen: Pen) -> None:
    pen.box(2, 5, 22, 19)
    pen.line((3, 7), (12, 14), (21, 7), ink=pen.inner)


def _phone(pen: Pen) -> None:
    pen.shape(
        *((5, 3), (9, 3), (10.5, 8), (8, 10), (14, 16), (16, 13.5), (21, 15), (21, 19)),
        *((19, 21), (12, 19), (5, 12), (3, 5)),
        solid=True,
    )


def _plus(pen: Pen) -> None:
    pen.line((12, 4), (12, 20))
    pen.line((4, 12), (20, 12))


def _menu(pen: Pen) -> None:
    for y in (6, 12, 18):
        pen.line((3, y), (21, y))


def _share(pen: Pen) -> None:
    pen.line((6, 12), (18, 5))
    pen.line((6, 12), (18, 19))
    for x, y in ((6, 12), (18, 5), (18, 19)):
        pen.circle(x, y, 3, solid=True)


def _bell(pen: Pen) -> None:
    pen.shape((4, 17), (6, 14), (6, 10), (8, 6), (12, 4), (16, 6), (18, 10), (18, 14), (20, 17))
    pen.arc(12, 18, 3, 0, 180)
    pen.line((12, 2.5), (12, 4))


def _lock(pen: Pen) -> None:
    pen.box(4, 10, 20, 21, 2)
    pen.arc(12, 9, 5, 180, 360)
    pen.line((7.4, 8), (7.4, 10))
    pen.line((16.6, 8), (16.6, 10))
    pen.line((12, 14), (12, 17), ink=pen.inner)


def _star(pen: Pen) -> None:
    points = []
    for step in range(10):
        angle, radius = step * math.pi / 5 - math.pi / 2, (10, 4.2)[step % 2]
        points.append((12 + radius * math.cos(angle), 12.5 + radius * math.sin(angle)))
    pen.shape(*points)


def _user(pen: Pen) -> None:
    pen.circle(12, 8, 4.5)
    pen.shape((3.5, 21), (5, 17), (9, 15), (15, 15), (19, 17), (20.5, 21))


def _cart(pen: Pen) -> None:
    pen.shape((6, 7), (21, 7), (19, 15), (8, 15))
    pen.line((2, 4), (5, 4), (8, 15))
    pen.circle(9, 19, 2, solid=True)
    pen.circle(17, 19, 2, solid=True)


def _microphone(pen: Pen) -> None:
    pen.box(8.5, 2, 15.5, 14, 3.5)
    pen.arc(12, 11, 7, 0, 180)
    pen.line((12, 18), (12, 22))
    pen.line((8, 22), (16, 22))


def _download(pen: Pen) -> None:
    pen.line((12, 3), (12, 15))
    pen.line((6.5, 10), (12, 15.5), (17.5, 10))
    pen.line((3, 17), (3, 21), (21, 21), (21, 17))


def _close(pen: Pen) -> None:
    pen.line((5, 5), (19, 19))
    pen.line((19, 5), (5, 19))


def _check(pen: Pen) -> None:
    pen.line((3, 13), (9, 19), (21, 6))


def _pencil(pen: Pen) -> None:
    pen.shape((3, 21), (4, 16), (16, 4), (20, 8), (8, 20))


def _clock(pen: Pen) -> None:
    pen.circle(12, 12, 9.5)
    pen.line((12, 6.5), (12, 12), (16, 14.5), ink=pen.inner)


def _location(pen: Pen) -> None:
    pen.shape((12, 22), (6.5, 14), (5, 10), (6, 6), (9, 3), (15, 3), (18, 6), (19, 10), (17.5, 14))
    pen.circle(12, 9.5, 2.6, solid=pen.filled, ink=pen.inner)


def _music(pen: Pen) -> None:
    pen.line((9, 18), (9, 5), (20, 3), (20, 16))
    pen.line((9, 6.5), (20, 4.5))
    pen.circle(6.5, 18, 3, solid=True)
    pen.circle(17.5, 16, 3, solid=True)


def _picture(pen: Pen) -> None:
    pen.box(2, 4, 22, 20, 2)
    pen.line((4, 18), (9, 11), (13, 15), (16, 12), (20, 17), ink=pen.inner)
    pen.circle(16, 8.5, 1.7, solid=True, ink=pen.inner)


def _folder(pen: Pen) -> None:
    pen.shape((2, 5), (9, 5), (11, 8), (22, 8), (22, 20), (2, 20))


def _calendar(pen: Pen) -> None:
    pen.box(3, 5, 21, 21)
    pen.line((3, 10), (21, 10), ink=pen.inner)
    pen.line((8, 2.5), (8, 6))
    pen.line((16, 2.5), (16, 6))
    for x in (8, 12, 16):
        pen.circle(x, 15, 1.4, solid=True, ink=pen.inner)


def _chat(pen: Pen) -> None:
    pen.shape((3, 4), (21, 4), (21, 17), (11, 17), (6, 21), (6, 17), (3, 17))
    for x in (8, 12, 16):
        pen.circle(x, 10.5, 1.4, solid=True, ink=pen.inner)


def _bookmark(pen: Pen) -> None:
    pen.shape((6, 3), (18, 3), (18, 21), (12, 16), (6, 21))


_ICONS: tuple[tuple[str, str, Callable[[Pen], None]], ...] = (
    ("search", "搜索", _search),
    ("settings", "设置", _settings),
    ("back", "返回", _back),
    ("heart", "爱心", _heart),
    ("home", "主页", _home),
    ("camera", "相机", _camera),
    ("play", "播放", _play),
    ("pause", "暂停", _pause),
    ("trash", "垃圾桶", _trash),
    ("mail", "邮件", _mail),
    ("phone", "电话", _phone),
    ("plus", "加号", _plus),
    ("menu", "菜单", _menu),
    ("share", "分享", _share),
    ("bell", "铃铛", _bell),
    ("lock", "锁", _lock),
    ("star", "星星", _star),
    ("user", "用户", _user),
    ("cart", "购物车", _cart),
    ("microphone", "麦克风", _microphone),
    ("download", "下载", _download),
    ("close", "关闭", _close),
    ("check", "对勾", _check),
    ("pencil", "铅笔", _pencil),
    ("clock", "时钟", _clock),
    ("location", "定位", _location),
    ("music", "音乐", _music),
    ("picture", "图片", _picture),
    ("folder", "文件夹", _folder),
    ("calendar", "日历", _calendar),
    ("chat", "聊天", _chat),
    ("bookmark", "书签", _bookmark),
)
ICON_NAMES: dict[str, dict[Language, str]] = {en: {"en": en, "zh": zh} for en, zh, _ in _ICONS}
_DRAWING = {name: draw for name, _, draw in _ICONS}


def choose_icons(rng: random.Random) -> list[str]:
    """Returns every icon's English name, shuffled."""
    return rng.sample(list(ICON_NAMES), len(ICON_NAMES))


@lru_cache(maxsize=1_000)
def icon_mask(name: str, pixels: int, stroke: float, filled: bool) -> Image.Image:
    """Returns a square mask. `stroke` is in units of the grid."""
    pen = Pen(pixels * OVERSAMPLING, stroke, filled)
    _DRAWING[name](pen)
    return pen.mask.reduce(OVERSAMPLING)
