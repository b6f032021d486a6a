"""The kinds of screen, how often each is drawn in training, and what each is called."""

from collections.abc import Callable

from training.example import Language
from training.vision.screens.apps import draw_home
from training.vision.screens.forms import draw_dialog, draw_form, draw_keypad
from training.vision.screens.lists import draw_chat, draw_list, draw_settings
from training.vision.screens.pages import draw_number, draw_shop, draw_tools
from training.vision.sketch import Sketch

SCREENS: dict[Callable[[Sketch], None], int] = {
    draw_home: 4,
    draw_settings: 4,
    draw_list: 3,
    draw_dialog: 3,
    draw_form: 3,
    draw_tools: 3,
    draw_keypad: 2,
    draw_number: 2,
    draw_shop: 2,
    draw_chat: 2,
}

NAMES: dict[str, dict[Language, str]] = {
    "home": {"en": "A home screen", "zh": "主屏幕"},
    "settings": {"en": "A settings screen", "zh": "设置页面"},
    "list": {"en": "A list", "zh": "列表页面"},
    "dialog": {"en": "A dialog", "zh": "对话框"},
    "form": {"en": "A form", "zh": "表单页面"},
    "tools": {"en": "A page of tools", "zh": "工具页面"},
    "keypad": {"en": "A keypad", "zh": "数字键盘"},
    "number": {"en": "A page with a number", "zh": "数字页面"},
    "shop": {"en": "A shop", "zh": "商店页面"},
    "chat": {"en": "A chat", "zh": "聊天页面"},
}
