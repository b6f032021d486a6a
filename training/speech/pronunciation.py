"""How names are said that eSpeak NG would read by the rules of English spelling."""

import re

SAID_AS = {
    "airbnb": "air bee en bee",
    "alipay": "alley pay",
    "meituan": "may twan",
    "snapchat": "snap chat",
    "uber": "oober",
    "wechat": "we chat",
    "weibo": "way bo",
}
_NAME = re.compile(rf"\b({'|'.join(SAID_AS)})\b", re.IGNORECASE)


def as_spoken(sentence: str) -> str:
    """The sentence for the synthesiser; what is written down stays as it was."""
    return _NAME.sub(lambda match: SAID_AS[match[0].lower()], sentence)
