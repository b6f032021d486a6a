"""What the embedded model's tokenizer is trained on: written for this project, English and Chinese.

Half of it is what people say to a phone's assistant, half is small talk. Frames are filled with every
one of their words, which gives pairs of bytes the frequencies that merging needs.
"""

from collections.abc import Iterator
from itertools import product


def _words(text: str) -> list[str]:
    return text.split(", ")


APPS = _words(
    "WeChat, Taobao, Meituan, Settings, Camera, Photos, Maps, Calendar, Clock, Weather, Music, Messages, "
    "Phone, Contacts, Notes, Browser, Mail, Calculator, Files, Gallery, Store, Wallet, Health, 微信, "
    "淘宝, 美团, 设置, 相机, 相册, 地图, 日历, 时钟, 天气, 音乐, 短信, 电话, 联系人, 备忘录, 浏览器, "
    "邮件, 计算器, 文件, 商店, 钱包, 健康, 支付宝, 抖音, 小红书, 高德地图, 饿了么, 京东, 拼多多, 微博, "
    "知乎, 哔哩哔哩, 滴滴出行, 携程, 网易云音乐"
)

COLOURS = _words(
    "red, orange, yellow, green, blue, purple, pink, brown, black, white, grey, 红色, 橙色, 黄色, 绿色, "
    "蓝色, 紫色, 粉色, 棕色, 黑色, 白色, 灰色"
)

THINGS = _words(
    "button, icon, screen, picture, photo, circle, square, triangle, line, text, word, number, menu, "
    "list, keyboard, message, page, window, box, 按钮, 图标, 屏幕, 图片, 照片, 圆形, 正方形, 三角形, "
    "线条, 文字, 数字, 菜单, 列表, 键盘, 消息, 页面, 窗口, 输入框"
)

NUMBERS = _words(
    "zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, twenty, thirty, "
    "forty, fifty, hundred, thousand, 零, 一, 二, 三, 四, 五, 六, 七, 八, 九, 十, 百, 千, 万"
)

APP_FRAMES = (
    "Open {}.",
    "Please open {} and search for the nearest restaurant.",
    'do(action="Launch", app="{}")',
    "I should open {} first.",
    "The {} application is not installed on this phone.",
    "打开{}。",
    "请打开{}，然后搜索附近的餐厅。",
    "我需要先打开{}。",
    "这台手机上没有安装{}。",
)

COLOUR_FRAMES = (
    "The {} {} is in the middle of the screen.",
    "Tap the {} {}.",
    "There is a {} {} on the left and nothing on the right.",
    "What is the colour of the {1}? It is {0}.",
    "点击{}的{}。",
    "屏幕中间有一个{}的{}。",
    "左边是{}的{}，右边什么也没有。",
)

NUMBER_FRAMES = (
    "Say the number {}.",
    "The answer is {}.",
    "请说出数字{}。",
    "答案是{}。",
)

ACTIONS = (
    'do(action="Tap", element=[500,120])',
    'do(action="Type", text="hello")',
    'do(action="Swipe", start=[500,800], end=[500,200])',
    'do(action="Long Press", element=[250,640])',
    'do(action="Double Tap", element=[730,410])',
    'do(action="Wait", duration="2 seconds")',
    'do(action="Back")',
    'do(action="Home")',
    'finish(message="The task is done.")',
    'finish(message="任务已经完成。")',
)

SENTENCES = """
Hello! How can I help you today?
Thank you very much, that is all I wanted to know.
I am a small language model that runs inside the gateway.
What can you see in this picture?
Describe this picture in one sentence.
Write down what is said in this recording.
The recording says: good morning, everyone.
I do not know the answer to that question.
Could you please repeat that more slowly?
What is the weather like in Beijing tomorrow?
It will be sunny in the morning and rainy in the afternoon.
Set an alarm for seven thirty in the morning.
Remind me to call my mother at eight o'clock.
Send a message to Anna: I will be ten minutes late.
Turn on the light in the kitchen and turn off the one in the bedroom.
How do I get from the station to the museum?
Take the second street on the left and walk for about five minutes.
The battery is almost empty; please connect the charger.
Scroll down until you find the word privacy, then tap on it.
The page has not finished loading, so I will wait a moment.
The keyboard is covering the button, so I have to close it first.
To go back to the home screen, swipe up from the bottom.
First I look at the screen, then I decide where to tap.
The user wants to buy a cup of coffee, so I need to open the right application.
The search box is at the top of the screen.
Please translate the following sentence into Chinese.
How many people are there in the photo?
There are three people, two of them are smiling.
My favourite season is autumn because the leaves change colour.
She said that the meeting had been moved from Monday to Thursday.
If it rains, we will stay at home and watch a film together.
They have been living in this city for more than twenty years.
Which of these two books would you recommend to a child?
The quick brown fox jumps over the lazy dog.
Cooking rice takes about fifteen minutes and twice as much water as rice.
The train leaves from platform four at a quarter past nine.
Where did you put the keys that were on the table?
Nothing is as practical as a good explanation with a simple example.
Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday are the days of the week.
January, February, March, April, May, June, July, August, September, October, November, December.
An error occurred while the request was being processed; please try again later.
The password must have at least twelve characters, letters as well as digits.
你好！今天我能帮你做什么？
非常感谢，我想知道的就是这些。
我是一个运行在网关里的小型语言模型。
你在这张图片里看到了什么？
请用一句话描述这张图片。
请写下这段录音里说的话。
录音里说的是：大家早上好。
我不知道这个问题的答案。
你能再说一遍吗？请说慢一点。
明天北京的天气怎么样？
上午晴天，下午有雨。
请帮我设置一个早上七点半的闹钟。
请提醒我八点钟给妈妈打电话。
给小王发一条消息：我会晚到十分钟。
打开厨房的灯，关掉卧室的灯。
从火车站到博物馆怎么走？
在第二个路口左转，然后走大约五分钟。
手机快没电了，请连接充电器。
向下滑动，直到找到隐私这个词，然后点击它。
页面还没有加载完成，我需要等一下。
键盘挡住了按钮，所以我要先把它收起来。
要回到主屏幕，请从底部向上滑动。
我先看屏幕，然后决定点击哪里。
用户想买一杯咖啡，所以我需要打开合适的应用。
搜索框在屏幕的最上方。
请把下面的句子翻译成英文。
照片里有几个人？
照片里有三个人，其中两个人在笑。
我最喜欢的季节是秋天，因为树叶会变颜色。
她说会议从星期一改到了星期四。
如果下雨，我们就待在家里一起看电影。
他们在这个城市已经住了二十多年。
这两本书你会推荐哪一本给孩子？
煮米饭大约需要十五分钟，水是米的两倍。
火车九点一刻从四号站台出发。
你把桌子上的钥匙放到哪里去了？
星期一、星期二、星期三、星期四、星期五、星期六、星期日。
处理请求的时候出现了错误，请稍后再试。
密码至少要有十二个字符，既要有字母也要有数字。
当前屏幕显示的是主页，我看到了需要的图标。
下一步是在输入框里输入文字，然后点击发送。
任务已经完成，没有别的事情要做了。
""".strip().splitlines()


def training_sentences() -> Iterator[str]:
    yield from SENTENCES
    yield from ACTIONS
    yield from (frame.format(app) for frame, app in product(APP_FRAMES, APPS))
    yield from (frame.format(*pair) for frame, *pair in product(COLOUR_FRAMES, COLOURS, THINGS))
    yield from (frame.format(number) for frame, number in product(NUMBER_FRAMES, NUMBERS))
