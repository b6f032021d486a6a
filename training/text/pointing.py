"""Touching a place that is given in figures, in thousandths of width and height as the model answers.

do(action="Tap", element=[500,120]); "Long Press" and "Double Tap" likewise.
"""

from training.example import Language
from training.text.frames import Phrasings, phrasings
from training.text.speaker import Speaker, Utterance

TAP = phrasings(
    train_en="""
        *(tap|click|press|touch|hit|push) [at |on |on the point |the point |the spot |at position |at the coordinates |coordinates ]{place}
        *(tap|click|press|touch) (the screen|here|once|one time|right) at {place}
        *(tap|click|press|touch) (the|a) (place|point|spot|position|pixel|location) (at|with the coordinates|with coordinates) {place}
        *(do|make|perform|give me) a (tap|click|touch) (at|on) {place}
        *(put|place) your finger (on|at) {place}
        *(tap|click|touch) (the button|the icon|the thing|the item|whatever is) at {place}
        *(move|go) to {place} and (tap|click|touch)
        *(select|choose) (the point|the place|what is at|the item at) {place}
        *(use|take) the coordinates {place} for a (tap|click|touch)
        *at {place}, (tap|click|touch) [once|the screen|there]
        i (want|need|would like) (to|you to) (tap|click|touch|press) [at |on ]{place}
        (can|could|will) you (tap|click|touch|press) [at |on ]{place}?
        let's (tap|click|touch) [at |on ]{place}
        a (tap|click|touch) (at|on) {place}[ please]
        (tap|click): {place}
        {place}, (tap|click|touch) (it|there|that)
        the (button|icon) is at {place}, (tap|click|touch) it
        next (tap|click|touch) is at {place}
        (tap|click) (coordinates|position): {place}
        *(touch|tap|click) (the thing|the spot|the picture|the field) at {place}
        *(go|move) to (the point|the spot|position) {place} and (tap|touch) [it|there]
        the (thing|place|field) i (want|mean) is at {place}, (tap|click) it
    """,
    held_out_en="""
        *give the screen a tap at {place}
        *click once on the spot {place}
        *use your finger to touch {place}
        move your finger to {place} and click
        the thing i need is at {place}, touch it
        let us tap the screen at {place}
    """,
    train_zh="""
        *(点击|点|点一下|单击|轻点|触摸|按|按一下|戳一下|轻触|点按)[坐标|位置|屏幕上的|屏幕坐标|坐标点|这个位置：|坐标：]{place}
        *(点击|点一下|单击|轻点)[屏幕上|屏幕|坐标为|位于|在]{place}(的位置|的地方|处|这个点|这个位置|那里|的按钮|的图标)
        *在{place}(点击|点|点一下|点击一下|轻点|单击)[一次]
        *在(坐标|位置|屏幕)[上的]{place}(点击|点一下|轻点)
        *(对|往|朝){place}(点击|点一下|点)
        *(手指|用手指)(点|点击|按|按在){place}
        *做一次点击，(坐标|位置)[是]{place}
        *把手指放(在|到){place}[点一下|上]
        *选择{place}(的位置|这个点|处的按钮)
        *{place}(点一下|点击一下|单击|点击)
        *移动到{place}(点击|点一下|并点击|然后点击)
        我(想|要|需要)(点击|点|点一下|按){place}
        (能|可以)(点击|点|点一下){place}吗？
        (按钮|图标|目标)在{place}，(点一下|点击它|点它)
        点击(坐标|位置|点)：{place}
        (现在|然后)(点击|点|点一下){place}
        我们(点击|点){place}
        我(想|要)(点击|点)的(位置|坐标|地方|点)是{place}
        (坐标|图标|输入框)(是|在){place}，(点击|点一下吧|点它一下)
    """,
    held_out_zh="""
        *用手指轻点{place}这个位置
        *在屏幕的{place}处点一下
        *对坐标{place}做一次点击
        *把{place}的按钮点一下
        *移动到{place}单击一下
        我需要点一下的位置是{place}
        目标位置是{place}，点一下
        可以点一下坐标{place}吗？
    """,
)

LONG_PRESS = phrasings(
    train_en="""
        *(long press|long-press|longpress) [at |on |the point |the spot |at position |at the coordinates |the screen at ]{place}
        *(press and hold|tap and hold|touch and hold|hold) [at |on |the point |the spot |the screen at |the coordinates ]{place}
        *(do|make|perform|give me) a long (press|tap|touch) (at|on) {place}
        *(hold|keep) your finger (on|at|down at|down on) {place}
        *press (long|for a long time|longer) (at|on) {place}
        *(long press|press and hold|hold) (the button|the icon|the item|whatever is) at {place}
        *keep (pressing|holding|touching) [at ]{place}
        *(press|touch) {place} (and hold it|and hold|for a long time|and don't let go|long)
        *at {place}, (long press|press and hold|hold down)
        *hold down (at |on |the point |){place}
        i (want|need|would like) (to|you to) (long press|press and hold|hold) [at |on ]{place}
        (can|could|will) you (long press|press and hold|hold) [at |on ]{place}?
        let's (long press|press and hold) [at |on ]{place}
        a long (press|tap) (at|on) {place}[ please]
        long press: {place}
        {place}, (long press|press and hold|hold) (it|there)
        the (button|icon) is at {place}, (long press|hold|press and hold) it
        long press (coordinates|position): {place}
        *(touch|press|tap) (the button|the icon|the picture|the thing|the spot) at {place} and (hold|keep holding|hold it down|don't let go)
        *(keep|leave|put) (your|one) finger (on|at) {place} (and hold|for a while|for long|without moving)
        *(go|move) to {place} and (long press|press and hold|hold|hold it down)
        *(tap|press) (the item|it|what is) at {place} and hold (it|on)
        *keep (your finger|a finger|the finger) (down |pressed |)(on|at) {place} (for long|for some time|down)
    """,
    held_out_en="""
        *give the screen a long press at {place}
        *use your finger to press and hold {place}
        *press the spot {place} for a long time
        let us hold the button at {place}
    """,
    train_zh="""
        *(长按|按住|长时间按|一直按|按住不放|长按一下|久按)[坐标|位置|屏幕上的|屏幕坐标|这个位置：|坐标：]{place}
        *(长按|按住|一直按住)[屏幕上|屏幕|坐标为|位于]{place}(的位置|的地方|处|这个点|这个位置|的按钮|的图标)
        *在{place}(长按|按住|长按一下|一直按|按住不放)
        *在(坐标|位置|屏幕)[上的]{place}(长按|按住|长按一下)
        *(手指|用手指)(长按|按住|一直按){place}
        *把手指(按|放)在{place}(不放|不动|不松开|别松开)
        *做一次长按，(坐标|位置)[是]{place}
        *对{place}(长按|做长按)
        *按(着|住){place}(不放|别松|不动|别松开)
        *{place}(长按|长按一下|按住不放)
        *移动到{place}(长按|并长按|然后长按|按住)
        我(想|要|需要)(长按|按住){place}
        (能|可以)(长按|按住){place}吗？
        (按钮|图标|目标)在{place}，(长按它|按住它|长按一下)
        长按(坐标|位置|点)：{place}
        (现在|然后)(长按|按住){place}
        我们长按{place}
        *(按住|长按)(坐标|位置|屏幕上)[的]{place}(不放|不要松开|一会儿|别动)
        我(想|要)(长按|按住)的(位置|坐标|地方|点)是{place}
        (坐标|按钮|图标)(是|在){place}，(长按|一直按着|按住别放)
    """,
    held_out_zh="""
        *用手指在{place}按住不放
        *在屏幕的{place}处长按一下
        *对坐标{place}做一次长按
        *把{place}的按钮按住
        *一直按住坐标{place}别松开
        目标位置是{place}，按住不放
    """,
)

DOUBLE_TAP = phrasings(
    train_en="""
        *(double tap|double-tap|doubletap|double click|double-click|tap twice|click twice) [at |on |the point |the spot |at position |at the coordinates |the screen at ]{place}
        *(tap|click|touch|press|hit) {place} (twice|two times|twice quickly|two times quickly)
        *(tap|click|touch|press) (twice|two times) (at|on) {place}
        *(do|make|perform|give me) a double (tap|click|touch) (at|on) {place}
        *(double tap|double click) (the button|the icon|the picture|the item|whatever is) at {place}
        *(tap|click|touch) (the button|the icon|the picture) at {place} (twice|two times)
        *(do|make) two (quick|fast) (taps|clicks) (at|on) {place}
        *at {place}, (double tap|double click|tap twice)
        *quickly (tap|click) twice (at|on) {place}
        *tap and tap again (at|on) {place}
        i (want|need|would like) (to|you to) (double tap|double click) [at |on ]{place}
        (can|could|will) you (double tap|double click|tap twice) [at |on ]{place}?
        let's (double tap|double click) [at |on ]{place}
        a double (tap|click) (at|on) {place}[ please]
        double tap: {place}
        {place}, (double tap|double click|tap twice) (it|there)
        the (button|icon|picture) is at {place}, (double tap|double click) it
        two (taps|clicks) (at|on) {place}[ please]
        double tap (coordinates|position): {place}
        *(touch|press|hit) (the button|the icon|the picture|the thing|the spot) at {place} (twice|two times)
        *(go|move) to {place} and (double tap|double click|tap twice|tap two times|press twice)
        *(do|make) (two|a pair of) (touches|taps|clicks) (right |)(at|on) {place}
        *(tap|click|press|hit) (the item|it|what is) at {place} (twice|two times)
        *(put|move) (your|the) finger to {place} and (click|tap) (twice|two times)
    """,
    held_out_en="""
        *give the screen a double tap at {place}
        *click two times on the spot {place}
        *use your finger to double tap {place}
        let us tap two times at {place}
    """,
    train_zh="""
        *(双击|连点两下|连续点两下|点两下|连击两次|点两次|快速点两下|双击一下)[坐标|位置|屏幕上的|屏幕坐标|这个位置：|坐标：]{place}
        *(双击|点两下)[屏幕上|屏幕|坐标为|位于]{place}(的位置|的地方|处|这个点|这个位置|的按钮|的图标|的图片)
        *在{place}(双击|点两下|双击一下|连点两下|点击两次|快速点两下|连续点两下)
        *在(坐标|位置|屏幕)[上的]{place}(双击|点两下|双击一下|连点两次)
        *(手指|用手指)(双击|点两下){place}
        *做一次双击，(坐标|位置)[是]{place}
        *对{place}(双击|做双击|点两下)
        *(点击|点|轻点){place}(两次|两下)
        *{place}(双击|双击一下|点两下|连点两下)
        *移动到{place}(双击|并双击|然后双击)
        我(想|要|需要)(双击|点两下){place}
        (能|可以)(双击|点两下){place}吗？
        (按钮|图标|目标|图片)在{place}，(双击它|点两下|双击一下)
        双击(坐标|位置|点)：{place}
        (现在|然后)(双击|点两下){place}
        我们双击{place}
        我(想|要)(双击|点两下)的(位置|坐标|地方|点)是{place}
        (坐标|按钮|图标)(是|在){place}，(双击|快速点两下|点击两次)
    """,
    held_out_zh="""
        *用手指在{place}连点两下
        *在屏幕的{place}处双击一下
        *对坐标{place}做一次双击
        *把{place}的图标点两下
        目标位置是{place}，连点两下
    """,
)

MIDDLE: dict[Language, tuple[str, ...]] = {
    "en": ("the middle of the screen", "the center of the screen", "the middle", "the screen's centre"),
    "zh": ("屏幕中间", "屏幕中央", "屏幕正中间", "中间"),
}
MIDDLE_SHARE = 0.06
THINKING = {
    "Tap": {"en": "The user wants to tap at {}.", "zh": "用户想点击{}。"},
    "Long Press": {"en": "The user wants a long press at {}.", "zh": "用户想长按{}。"},
    "Double Tap": {"en": "The user wants a double tap at {}.", "zh": "用户想双击{}。"},
}


def tap(speaker: Speaker) -> Utterance:
    return _touch("tap", "Tap", TAP, speaker)


def long_press(speaker: Speaker) -> Utterance:
    return _touch("long_press", "Long Press", LONG_PRESS, speaker)


def double_tap(speaker: Speaker) -> Utterance:
    return _touch("double_tap", "Double Tap", DOUBLE_TAP, speaker)


def _touch(kind: str, action: str, phrasing: Phrasings, speaker: Speaker) -> Utterance:
    x, y, place = _place(speaker)
    thinking = THINKING[action][speaker.language].format(f"[{x},{y}]")
    sentence = speaker.say(phrasing, place=place)
    return Utterance(kind, sentence, f'do(action="{action}", element=[{x},{y}])', thinking)


def _place(speaker: Speaker) -> tuple[int, int, str]:
    """Returns where it is, and how that is said."""
    if speaker.chance(MIDDLE_SHARE):
        return 500, 500, speaker.choose(MIDDLE[speaker.language])
    x, y = _coordinates(speaker)
    return x, y, _written(speaker, x, y)


def _coordinates(speaker: Speaker) -> tuple[int, int]:
    """Both 0 to 999, two thirds of them round."""
    while True:
        step = speaker.choose((1, 10, 50))
        x, y = (step * speaker.between(0, 999 // step) for _ in range(2))
        if speaker.may_say(f"{x},{y}"):
            return x, y


def _written(speaker: Speaker, x: int, y: int) -> str:
    forms = ["{x}, {y}", "({x}, {y})", "[{x},{y}]", "({x},{y})", "[{x}, {y}]", "{x},{y}"]
    if speaker.language == "en":
        forms += ["{x} {y}", "x {x} y {y}", "x={x}, y={y}", "x = {x}, y = {y}", "{x} and {y}", "{x} / {y}"]
    else:
        forms += ["（{x}，{y}）", "{x}，{y}", "x={x}，y={y}", "（{x}, {y}）", "x{x} y{y}", "{x} {y}"]
    return speaker.choose(forms).format(x=x, y=y)
