"""Text that the model has to copy: for typing and for repeating. Any combination of words is in one split.

Copying is only learned from what cannot be guessed: of a model that had copied words and phrases of the
lists alone, three natural sentences in four came back as a phrase that began alike. So half of what is
copied in training makes no sense, and held-out speakers also say sentences of their own.
"""

from string import ascii_lowercase

from training.text.numbers import in_words
from training.text.speaker import Speaker

WORDS_EN = (
    "apple river window green paper garden morning coffee music yellow train letter table happy cloud silver mountain "
    "friend kitchen winter orange number pencil summer bridge doctor market flower island little bottle hammer basket "
    "purple dragon engine forest guitar honey jacket ladder mirror needle office pepper rabbit salmon ticket tunnel "
    "violin wallet zebra candle circle butter camera castle cherry cotton dinner farmer finger ginger harbor insect "
    "jungle kettle lemon magnet narrow ocean parrot quiet rocket school tiger uncle velvet water yogurt blanket "
    "chicken diamond elephant fountain giraffe hospital journey kingdom library monkey notebook october penguin "
    "quarter rainbow sandwich teacher umbrella village weekend balloon captain dolphin evening football gravity "
    "history invite juice knife lunch money north onion piano queen radio sugar tower under visit wonder young "
    "bread chair dance early fresh glass house jelly kite light mouse night party river stone thunder velvet world "
    "big small red blue fast slow warm cold dog cat bird fish tree sun moon star sea sky road car bus ship bike key box"
).split()
NAMES_EN = "Anna Tom Lisa Peter Mary John Alice Bob Emma David Sarah Mike Julia Paul Kate Ben Lucy Max Nina Sam".split()
PHRASES_EN = (
    "hello world/good morning/see you tomorrow/i am on my way/happy birthday/thank you so much/where are you/"
    "call me later/the meeting is at three/i will be late/have a nice day/let's have lunch/i love this song/"
    "see you soon/good luck/the train is late/can we talk/it is raining/the door is open/meet me at the station/"
    "pizza near me/coffee shop nearby/cheap flights to paris/weather in london/best noodles in town/running shoes/"
    "how are you today/no problem at all/sorry for the delay/please call back/what a nice surprise/the quick brown fox/"
    "on my way home/dinner is ready/wait for me/i miss you/are you free tonight/sounds good/i agree with you/"
    "do not forget the milk/we need more time/the lazy dog sleeps/red roses and white lilies/two tickets please/"
    "let me know/talk to you later/my new phone/a cup of tea/good night mom/look at this/hot chocolate/blue jeans/"
    "he is at home/she likes music/they went to school/we are friends/you are right/it works"
).split("/")
PHRASES_ZH = (
    "你好/早上好/晚安/谢谢你/明天见/我在路上/生日快乐/你在哪里/一会儿给我打电话/会议三点开始/我会晚到/祝你开心/一起吃饭吧/"
    "我喜欢这首歌/回头见/祝你好运/火车晚点了/下雨了/门开着/在车站等我/附近的餐厅/咖啡店/跑步鞋/最近的加油站/北京烤鸭/"
    "今天天气不错/没关系/不好意思来晚了/请回电话/真是个惊喜/我到家了/晚饭好了/等我一下/我想你了/今晚有空吗/听起来不错/"
    "我同意/别忘了买牛奶/时间不够了/两张电影票/红烧牛肉面/奶茶/水果/好的收到/马上就来/恭喜发财/新年快乐/周末去爬山/"
    "我的新手机/一杯热茶/看看这个/他在家/她喜欢音乐/我们是朋友/你说得对/可以了"
).split("/")
WORDS_ZH = (
    "苹果 河流 窗户 绿色 花园 早晨 咖啡 音乐 黄色 火车 信件 桌子 快乐 白云 银色 大山 朋友 厨房 冬天 橙子 铅笔 夏天 大桥 医生 市场 "
    "鲜花 海岛 瓶子 篮子 紫色 森林 吉他 蜂蜜 外套 梯子 镜子 办公室 胡椒 兔子 车票 隧道 蜡烛 圆圈 黄油 相机 城堡 樱桃 晚饭 农民 "
    "手指 生姜 港口 昆虫 水壶 柠檬 海洋 鹦鹉 火箭 学校 老虎 叔叔 酸奶 毯子 小鸡 钻石 大象 喷泉 长颈鹿 医院 旅行 图书馆 猴子 笔记本 "
    "企鹅 彩虹 老师 雨伞 村庄 周末 气球 船长 海豚 足球 历史 果汁 午饭 北方 洋葱 钢琴 收音机 白糖 高塔 面包 椅子 跳舞 玻璃 房子 "
    "风筝 灯光 老鼠 夜晚 石头 世界 红色 蓝色 太阳 月亮 星星 大海 天空 公路 汽车 钥匙 盒子"
).split()
PEOPLE_ZH = "小王 小李 妈妈 爸爸 老张 阿明 小红 老师 同事 姐姐 哥哥 奶奶".split()
# Words that sentences are made of. In training they stand in any order.
COMMON_EN = (
    "the of and to in is it you that he was for on are with as i his they be at one have this from or had by hot but some "
    "what there we can out other were all your when up use word how said an each she which do their time if will way about "
    "many then them would write like so these her long make thing see him two has look more day could go come did my no "
    "most number who over know than call first people may down side been now find any new work part take get place made "
    "live where after back little only round man year came show every good me give our under name very through just form "
    "much great think say help low line before turn cause same mean differ move right boy old too does tell set three want "
    "air well also play small end put home read hand large spell add even land here must high such follow act why ask men "
    "went off need try kind again change point close open seem together next white children begin got walk example ease "
    "paper often always those both mark until mile feet care second group carry took rain eat room began idea stop once "
    "base hear horse cut sure watch color face wood main enough plain girl usual ready above ever red list though feel talk "
    "bird soon body dog family direct leave song measure door product black short class wind question happen complete ship "
    "area half rock order fire south problem piece told knew pass since top whole king space heard best hour better true "
    "during hundred five remember step early hold west ground interest reach fast sing listen six table travel less morning "
    "ten simple several toward war lay against pattern slow center love person money serve appear map rule govern pull cold "
    "notice voice fall power town fine certain fly lead cry dark machine note wait plan figure star box noun field rest "
    "able pound done beauty drive stood contain front teach week final gave green oh quick develop ocean warm free minute "
    "strong special mind behind clear tail produce fact street inch nothing course stay wheel full force blue object decide "
    "surface deep moon foot yet busy test record boat common gold possible plane age dry laugh thousand ago ran check game "
    "shape miss brought heat snow tire bring yes fill east paint language among settings search message phone app screen "
    "token limit model gateway alarm clock camera type tap swipe launch please thanks never buy cheap eggs source flies"
).split()
# GB 2312's first level: the 3,755 usual characters.
COMMON_ZH = tuple(
    bytes((row, cell)).decode("gb2312")
    for row in range(0xB0, 0xD8)
    for cell in range(0xA1, 0xFA if row == 0xD7 else 0xFF)
)
# Held-out speakers' alone.
SENTENCES_EN = (
    "the blue door is open/i like green apples/my dog sleeps all day/we will meet tomorrow at noon/she sells sea shells/"
    "the sun is hot/please bring your own cup/hello my friend/the cat sat on the mat/my garden has a pond/patience is a virtue/"
    "winter arrives soon/it is cold outside/i am very happy today/feed the goldfish twice/a room with a balcony/the last bus leaves at ten/"
    "nobody knows the answer/turn left after the church/his brother plays chess/bring an umbrella tomorrow/"
    "this soup needs salt/two birds on a wire/where did you put my glasses/we ran out of bread/"
    "a stitch in time saves nine/my password is a secret/the museum closes early on monday/congratulations on your new job/"
    "do you want some tea/practice makes perfect/how to tie a tie/our flight was cancelled/the battery is almost empty/"
    "this is only a test/the early worm gets eaten/all that glitters is not gold/he forgot his keys again/"
    "i would rather stay at home/her favourite colour is purple"
).split("/")
SENTENCES_ZH = (
    "我喜欢苹果/今天晚上吃火锅/明天下雨/妈妈做的饭很好吃/小狗在公园里跑/我们去海边玩/会议改到四点/请把门关上/我想喝热咖啡/"
    "他是我的老师/这本书很有意思/月亮很圆/新的电脑到了/早点睡觉/我的猫叫小花/春天来了/你吃饭了吗/人工智能/我爱北京/"
    "路上注意安全/排队的人太多了/衣服洗好了/今年冬天特别冷/钥匙放在桌上/晚上八点的电影/他昨天没来上班/牛奶喝完了/"
    "谢谢你的帮助/坚持就是胜利/怎么做红烧肉/便宜的机票/外面风很大/手机快没电了/别把雨伞忘在车上/周三下午开家长会/"
    "知识就是力量/她的生日是五月/窗外有一棵老树/大家都同意了/这个周末要加班"
).split("/")
# Syllables of words that no one knows: they teach to copy letters instead of guessing words.
SYLLABLES = "ba be ko du fi go ha jo ka li mo nu pe ri so ta vu wi xa zo len tor mar sin dak fel bro pli sta nor".split()
MARKS = ("!", "?", ".", "...")
SENTENCE_SHARE = 0.5  # of what held-out speakers say


def copied_text(speaker: Speaker, most_words: int = 8) -> str:
    """One to `most_words` words, numbers or Chinese words, mostly in the speaker's language; or a sentence."""
    if speaker.split == "held_out" and speaker.chance(SENTENCE_SHARE):
        return speaker.choose(SENTENCES_ZH if speaker.language == "zh" else SENTENCES_EN)
    while True:
        text = _any_text(speaker, most_words)
        if speaker.may_say(text):
            return text


def dictated_text(speaker: Speaker) -> str:
    """A few words that can be said aloud and written down in one way."""
    if speaker.split == "train" and speaker.chance(0.4):
        return speaker.choose(PHRASES_ZH if speaker.language == "zh" else PHRASES_EN)
    while True:
        if speaker.language == "zh":
            text = "".join(speaker.choose(WORDS_ZH) for _ in range(speaker.between(1, 3)))
        else:
            text = " ".join(speaker.choose(WORDS_EN) for _ in range(speaker.between(1, 4)))
        if speaker.may_say(text):
            return text


def _any_text(speaker: Speaker, most_words: int) -> str:
    draw = speaker.rng.random()
    if draw < 0.12:
        return _phrase(speaker)
    if draw < 0.22:
        return _number(speaker)
    if draw < 0.3:
        return " ".join(unknown_word(speaker) for _ in range(speaker.between(1, 3)))
    if draw < 0.35:
        return _mixed(speaker)
    if draw < 0.5:
        return _words(speaker, speaker.between(1, most_words))
    return _senseless(speaker, most_words)


def _senseless(speaker: Speaker, most_words: int) -> str:
    """Nothing in it follows from what is before: usual characters or words, made-up ones, ends of phrases."""
    if speaker.language == "zh":
        pieces = [_senseless_zh(speaker) for _ in range(speaker.between(1, 3))]
        text = ("" if speaker.chance(0.85) else "，").join(pieces)
        return text + speaker.choose("！？。") if speaker.chance(0.1) else text
    words = [_senseless_en(speaker) for _ in range(speaker.between(1, most_words + 1))]
    text = " ".join(words)
    if speaker.chance(0.4):
        text = text[:1].upper() + text[1:]
    return text + speaker.choose(MARKS) if speaker.chance(0.15) else text


def _senseless_zh(speaker: Speaker) -> str:
    draw = speaker.rng.random()
    if draw < 0.55:
        return characters(speaker, speaker.between(1, 4))
    if draw < 0.8:
        phrase = speaker.choose(PHRASES_ZH)
        start = speaker.between(0, len(phrase) - 1)
        return phrase[start : start + speaker.between(1, 4)]
    return speaker.choose(WORDS_ZH)


def _senseless_en(speaker: Speaker) -> str:
    draw = speaker.rng.random()
    if draw < 0.6:
        return speaker.choose(COMMON_EN)
    if draw < 0.75:
        return speaker.choose(WORDS_EN)
    if draw < 0.9:
        return speaker.choose(speaker.choose(PHRASES_EN).split())
    return letters(speaker)


def characters(speaker: Speaker, count: int) -> str:
    """Usual Chinese ones, drawn one by one."""
    return "".join(speaker.choose(COMMON_ZH) for _ in range(count))


def letters(speaker: Speaker) -> str:
    """As rare names are for a model that was never shown them."""
    return "".join(speaker.choose(ascii_lowercase) for _ in range(speaker.between(2, 7)))


def _phrase(speaker: Speaker) -> str:
    if speaker.language == "zh":
        text = speaker.choose(PHRASES_ZH)
        if speaker.chance(0.4):
            text = f"{speaker.choose(PEOPLE_ZH)}，{text}"
        return text + speaker.choose("！？。") if speaker.chance(0.25) else text
    text = speaker.choose(PHRASES_EN)
    if speaker.chance(0.4):
        text = (
            f"{speaker.choose(NAMES_EN)}, {text}"
            if speaker.chance(0.5)
            else f"{text}, {speaker.choose(NAMES_EN)}"
        )
    if speaker.chance(0.4):
        text = text[0].upper() + text[1:]
    return text + speaker.choose(MARKS) if speaker.chance(0.25) else text


def _words(speaker: Speaker, count: int) -> str:
    if speaker.language == "zh":
        between = "" if speaker.chance(0.7) else speaker.choose(" ，")
        return between.join(speaker.choose(WORDS_ZH) for _ in range(min(count, 5)))
    between = " " if speaker.chance(0.85) else ", "
    text = between.join(
        speaker.choose(NAMES_EN) if speaker.chance(0.06) else speaker.choose(WORDS_EN) for _ in range(count)
    )
    return text.title() if speaker.chance(0.05) else text.upper() if speaker.chance(0.03) else text


def _number(speaker: Speaker) -> str:
    digits = "".join(speaker.choose("0123456789") for _ in range(speaker.between(1, 8)))
    if speaker.chance(0.3):
        return " ".join(
            in_words(speaker.between(0, 99), speaker.language) for _ in range(speaker.between(1, 4))
        )
    return digits if speaker.chance(0.7) else " ".join(digits)


def unknown_word(speaker: Speaker) -> str:
    """One that is in no dictionary."""
    word = "".join(speaker.choose(SYLLABLES) for _ in range(speaker.between(2, 4)))
    return word.capitalize() if speaker.chance(0.2) else word


def _mixed(speaker: Speaker) -> str:
    parts = [
        speaker.choose(WORDS_ZH),
        speaker.choose(WORDS_EN),
        str(speaker.between(0, 999)),
        speaker.choose(PHRASES_ZH),
    ]
    speaker.rng.shuffle(parts)
    return speaker.choose(("", " ", " ")).join(parts[: speaker.between(2, 3)])
