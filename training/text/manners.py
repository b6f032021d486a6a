"""The words round what is meant: polite ones round requests, and those that say nothing before anything."""

from dataclasses import dataclass

from training.example import Language, Split


@dataclass(frozen=True, slots=True)
class Manners:
    before: tuple[str, ...]
    after: tuple[str, ...]
    fillers: tuple[str, ...]
    before_questions: tuple[str, ...]


def _manners(*, before: str, after: str, fillers: str, before_questions: str, blank: str) -> Manners:
    return Manners(
        tuple(words + blank for words in before.split("/")),
        tuple(words if words[0] in ",，" else blank + words for words in after.split("/")),
        tuple(words + blank for words in fillers.split("/")),
        tuple(words + blank for words in before_questions.split("/")),
    )


MANNERS: dict[tuple[Split, Language], Manners] = {
    ("train", "en"): _manners(
        before="please/can you/could you/could you please/can you please/would you/will you/now/just/go ahead and/"
        "i want you to/i'd like you to/i need you to/hey, please/hey, can you/phone, please/quickly/kindly/"
        "would you be so kind to/it would be great if you could/now please/then/i would like you to/"
        "you should/help me/try to/be so kind and/first/next/hey phone,/assistant,/ok now/hi, please/hi, could you/hello,",
        after="please/now/for me/right now/for me please/if you can/when you can/, thanks/, thank you/, will you/"
        ", ok/at once/quickly/immediately/, would you/if possible/again please/, can you/, please/, thank you very much",
        fillers="um,/uh,/hey,/ok,/okay,/well,/so,/hi,/hello,/right,/alright,/hey there,/listen,/hm,/now,/yes,/oh,/"
        "so um,/good,/all right,/hi there,",
        before_questions="excuse me,/tell me,/quick question:/by the way,/um,/hey,/so,/hi,/please tell me,/"
        "one question:/i wonder,/ok,/hello,/sorry,/question:/i have a question:/just asking,/well,/tell me this:/"
        "a question for you:/please answer this:/here is my question:/can i ask you this:/could you tell me:/answer me:",
        blank=" ",
    ),
    ("held_out", "en"): _manners(
        before="hello, would you please/would you please/i want you to please/hey, could you/ok, now/please just/"
        "hi, can you/i need you to quickly/hi there, please/will you please",
        after=", if you please/, thank you very much/now please/, thanks for that/right now please/, if you would",
        fillers="hi there, um,/ok so,/well then,/oh hello,/hey hey,/right then,",
        before_questions="sorry, quick question:/hi, tell me,/oh, by the way,/hello, one question:/"
        "please, can you tell me:",
        blank=" ",
    ),
    ("train", "zh"): _manners(
        before="请/请你/帮我/请帮我/麻烦/麻烦你/麻烦帮我/你帮我/帮忙/给我/现在/快/快点/我想让你/我要你/可以帮我/能帮我/"
        "能不能帮我/你好，请/请问能/劳驾/你给我/马上/立刻/现在请/先/再/然后/那就/能不能/可不可以/我想/我要/我需要你/手机，/您好，请/麻烦您",
        after="吧/好吗/，谢谢/可以吗/行吗/，谢谢你/，好吗/，麻烦了/，快点/，可以吗/呗/，好不好/，行不行/啊/哦",
        fillers="嗯，/那个，/你好，/喂，/呃，/好的，/好，/嘿，/那，/哎，/对了，/然后，/您好，/啊，/这个，/行，/来，",
        before_questions="请问，/请问/我想问一下，/问一下，/对了，/你好，/那个，/嗯，/顺便问一下，/我想知道，/告诉我，/"
        "请告诉我，/您好，请问/想请问一下，/哎，/不好意思，/再问一句：/这个你知道吗：",
        blank="",
    ),
    ("held_out", "zh"): _manners(
        before="你好，帮我/您好，请/麻烦你现在/好的，请/请你马上/可以请你/请快点/那请你",
        after="，麻烦你了/，谢谢了/，现在就要/，谢谢您/，行吗",
        fillers="嗯，那个，/好的，那/喂，你好，/嘿，你好，",
        before_questions="不好意思，请问/你好，我想问一下，/对了，请问/嗯，我想知道，/您好，问一下，",
        blank="",
    ),
}
