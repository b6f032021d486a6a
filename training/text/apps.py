"""Names of apps. Known ones are answered in their proper spelling, others as they were written."""

from training.text.copied_text import COMMON_EN, WORDS_EN, WORDS_ZH, characters, letters, unknown_word
from training.text.speaker import Speaker

ENGLISH = (
    "WeChat, Taobao, Meituan, Alipay, TikTok, Weibo, Settings, Camera, Photos, Maps, Calendar, Clock, Weather, Music, "
    "Messages, Phone, Contacts, Notes, Browser, Mail, Calculator, Files, Gallery, App Store, Wallet, Health, "
    "YouTube, Gmail, Chrome, WhatsApp, Instagram, Facebook, Twitter, Spotify, Netflix, Telegram, Uber, Amazon, "
    "Google Maps, Outlook, Slack, Zoom, Skype, Reddit, Pinterest, LinkedIn, Snapchat, Discord, Safari, Podcasts, "
    "Books, Stocks, Translate, Voice Recorder, Compass, Reminders, Flashlight, Airbnb, Duolingo, Dropbox, Drive, Teams, "
    "Paypal, Keep, Recorder"
).split(", ")
CHINESE = (
    "微信, 淘宝, 美团, 支付宝, 抖音, 小红书, 高德地图, 百度地图, 饿了么, 京东, 拼多多, 微博, 知乎, 哔哩哔哩, 滴滴出行, 携程, "
    "网易云音乐, 设置, 相机, 相册, 地图, 日历, 时钟, 天气, 音乐, 短信, 电话, 联系人, 备忘录, 浏览器, 邮件, 计算器, "
    "文件管理, 应用商店, 钱包, 健康, 快手, 今日头条, 腾讯视频, 爱奇艺, 优酷, 钉钉, 飞书, 大众点评, 闲鱼, 豆瓣, 喜马拉雅, "
    "酷狗音乐, 美图秀秀, 番茄小说, 西瓜视频, 铁路, 录音机, 指南针, 手电筒, 腾讯会议, 得物, 盒马, 瑞幸咖啡, 肯德基, 麦当劳, "
    "QQ, QQ音乐, 美颜相机, 剪映"
).split(", ")
SPOKEN_CHINESE = tuple(name for name in CHINESE if "Q" not in name)

# Names of apps that nobody knows, of two words: the answer has to copy them.
FIRST_EN = (
    "Blue, Happy, Quick, Smart, Green, Tiny, Magic, Super, Cloud, Star, Moon, Bright, Simple, Pocket, Daily, Golden, "
    "Silver, Red, Open, City, Sun, Deep, Fast, Wild, Sky, Night, Home, Fresh"
).split(", ")
SECOND_EN = (
    "Panda, Notes, Bank, Chat, Runner, Garden, Chess, Kitchen, Reader, Fit, Travel, Puzzle, Farm, Paint, Piano, Taxi, "
    "Market, Studio, Diary, Planner, Coffee, Pizza, Radio, Scanner, Tunes, Racer, Cards, Bird, Fox, Shop"
).split(", ")
FIRST_ZH = "快乐, 小蓝, 天天, 智慧, 金色, 星空, 口袋, 云上, 每日, 超级, 彩虹, 绿色, 东方, 阳光, 飞鸟, 简单, 大象, 小熊".split(
    ", "
)
SECOND_ZH = (
    "银行, 阅读, 跑步, 象棋, 厨房, 记账, 旅行, 画板, 钢琴, 打车, 超市, 日记, 咖啡, 收音机, 词典, 农场, 相册, 电台, 课堂, 医院, "
    "商城, 公交"
).split(", ")
# Real ones that only held-out speakers name.
OTHERS_EN = (
    "Signal, Shazam, Notion, Trello, Figma, Waze, Kindle, Twitch, Tinder, Strava, Evernote, Vimeo, Steam, Yelp, Headspace, "
    "Foobar, Opera, Firefox, Threads, Bumble, Deezer, Citymapper"
).split(", ")
OTHERS_ZH = (
    "原神, 王者荣耀, 豆包, 百度网盘, 虎牙直播, 猫眼, 唯品会, 墨迹天气, 全民歌, 同花顺, 懂车帝, 铁路一二三, 学习强国, 菜鸟, 美柚, "
    "印象笔记, 百词斩, 讯飞输入法, 火山小视频, 交管"
).split(", ")
ANY_WORD_EN = COMMON_EN + WORDS_EN

UNKNOWN = 0.3
FOREIGN = 0.06
# A bare noun where English puts an article: "open the camera" as well as "open Camera".
LOWER_CASE = 0.35


def random_app(speaker: Speaker) -> tuple[str, str]:
    """The name as it is said, and as it is answered."""
    english = speaker.language == "en"
    if speaker.spoken:
        name = speaker.choose(ENGLISH if english else SPOKEN_CHINESE)
        return name, name
    if speaker.chance(UNKNOWN):
        name = _unknown(speaker, english)
        return name, name
    if speaker.chance(FOREIGN):
        english = not english
    name = speaker.choose(ENGLISH if english else CHINESE)
    return (name.lower() if english and speaker.chance(LOWER_CASE) else name), name


def _unknown(speaker: Speaker, english: bool) -> str:
    is_other = speaker.chance(0.6)
    if is_other and speaker.split == "held_out":
        return speaker.choose(OTHERS_EN if english else OTHERS_ZH)
    while True:
        name = _any_name(speaker, english) if is_other else _two_words(speaker, english)
        if speaker.may_say(name):
            return name


def _two_words(speaker: Speaker, english: bool) -> str:
    if english:
        return f"{speaker.choose(FIRST_EN)} {speaker.choose(SECOND_EN)}"
    return speaker.choose(FIRST_ZH) + speaker.choose(SECOND_ZH)


def _any_name(speaker: Speaker, english: bool) -> str:
    if not english:
        name = characters(speaker, speaker.between(2, 4))
        return name if speaker.chance(0.7) else speaker.choose(WORDS_ZH) + name[:2]
    draw = speaker.rng.random()
    if draw < 0.4:
        return speaker.choose(ANY_WORD_EN).capitalize()
    return (unknown_word(speaker) if draw < 0.7 else letters(speaker)).capitalize()
