"""What people ask about that the model knows nothing of. Compositions of words are in one split each."""

from training.text.copied_text import NAMES_EN, PEOPLE_ZH, WORDS_EN, WORDS_ZH
from training.text.speaker import Speaker

THINGS_EN = (
    "the moon, gravity, black holes, dinosaurs, photosynthesis, democracy, inflation, the stock market, bitcoin, chess, "
    "football, basketball, the olympic games, jazz, opera, the violin, oil painting, the roman empire, the french revolution, "
    "world war two, the cold war, the great wall, the pyramids, the eiffel tower, whales, penguins, bees, spiders, cats, dogs, "
    "volcanoes, earthquakes, climate change, solar energy, nuclear power, electric cars, airplanes, submarines, the internet, "
    "computers, quantum physics, relativity, evolution, dna, vaccines, antibiotics, the heart, the brain, sleep, dreams, "
    "vitamins, protein, coffee, tea, wine, beer, cheese, sushi, pizza, rice, bread, chocolate, pasta, soup, apple pie, "
    "philosophy, buddhism, religion, ethics, happiness, love, money, taxes, mortgages, insurance, marriage, divorce, "
    "the law, passports, visas, driving licenses, universities, exams, homework, grammar, poetry, shakespeare, harry potter, "
    "star wars, movies, video games, anime, fashion, shoes, diamonds, gold, silver, oil, plastic, water, oxygen, carbon, iron, "
    "electricity, magnets, lasers, robots, satellites, mars, jupiter, the sun, stars, galaxies, time travel, aliens, ghosts, "
    "python, java, javascript, docker, linux, databases, algorithms, machine learning, neural networks, blockchain, encryption, "
    "geometry, algebra, calculus, prime numbers, pi, statistics, probability, chemistry, biology, medicine, headaches, fever, "
    "back pain, allergies, diets, yoga, running, swimming, hiking, fishing, gardening, roses, tomatoes, potatoes, trees, "
    "rainbows, thunder, snow, clouds, rivers, deserts, islands, mountains, oceans, the amazon, coral reefs, elephants, tigers, "
    "pandas, horses, sharks, snakes, birds, butterflies, ants, the euro, the dollar, interest rates, unemployment, elections, "
    "the president, the parliament, the united nations, wars, peace, history, art, music, dance, theatre, architecture, bridges, "
    "trains, bicycles, cooking, baking, knitting, photography, meditation, magic, cards, poker, lotteries, stamps, antiques"
).split(", ")
PLACES_EN = (
    "paris, london, berlin, rome, madrid, tokyo, beijing, shanghai, new york, chicago, boston, sydney, moscow, cairo, delhi, "
    "seoul, bangkok, singapore, vienna, prague, oslo, lisbon, athens, dublin, toronto, mexico city, rio, lima, nairobi, "
    "france, germany, italy, spain, japan, china, india, brazil, canada, australia, russia, egypt, kenya, norway, sweden, "
    "poland, greece, turkey, korea, thailand, vietnam, mexico, argentina, chile, peru, portugal, ireland, scotland, "
    "california, texas, hong kong, taiwan, europe, africa, asia, america"
).split(", ")
PEOPLE_EN = (
    "einstein, newton, napoleon, mozart, beethoven, picasso, shakespeare, cleopatra, caesar, gandhi, lincoln, obama, "
    "elon musk, bill gates, steve jobs, taylor swift, michael jackson, messi, ronaldo, darwin, galileo, marie curie, "
    "leonardo da vinci, columbus, aristotle, plato, confucius, mao, lenin, the pope, the king, the queen, the prime minister, "
    "the president, the mayor"
).split(", ")
TONGUES_EN = (
    "french, german, spanish, italian, japanese, korean, russian, arabic, latin, greek, portuguese, chinese, english, dutch, "
    "swedish, turkish, hindi, thai"
).split(", ")
DAYS_EN = "today, tomorrow, tonight, this week, this weekend, next week, on monday, on sunday, yesterday, now, this morning".split(
    ", "
)
ADJECTIVES_EN = "big, small, old, new, best, famous, cheap, modern, ancient, hidden, red, wild, beautiful, strange, dark".split(
    ", "
)
FIELDS_EN = "history, future, meaning, origin, price, theory, science, size, colour, rules, effects, dangers, cause, art".split(
    ", "
)

THINGS_ZH = (
    "月亮, 万有引力, 黑洞, 恐龙, 光合作用, 民主, 通货膨胀, 股票, 比特币, 象棋, 足球, 篮球, 奥运会, 爵士乐, 京剧, 小提琴, 油画, 罗马帝国, "
    "法国大革命, 第二次世界大战, 冷战, 长城, 金字塔, 埃菲尔铁塔, 鲸鱼, 企鹅, 蜜蜂, 蜘蛛, 猫, 狗, 火山, 地震, 气候变化, 太阳能, 核能, "
    "电动汽车, 飞机, 潜艇, 互联网, 电脑, 量子力学, 相对论, 进化论, 基因, 疫苗, 抗生素, 心脏, 大脑, 睡眠, 梦, 维生素, 蛋白质, 咖啡, 茶, "
    "葡萄酒, 啤酒, 奶酪, 寿司, 披萨, 米饭, 面包, 巧克力, 面条, 火锅, 饺子, 红烧肉, 哲学, 佛教, 宗教, 道德, 幸福, 爱情, 金钱, 税收, 房贷, "
    "保险, 婚姻, 离婚, 法律, 护照, 签证, 驾照, 大学, 高考, 作业, 语法, 唐诗, 宋词, 红楼梦, 西游记, 三国演义, 哈利波特, 星球大战, 电影, "
    "电子游戏, 动漫, 时尚, 鞋子, 钻石, 黄金, 白银, 石油, 塑料, 水, 氧气, 碳, 铁, 电, 磁铁, 激光, 机器人, 卫星, 火星, 木星, 太阳, 星星, "
    "银河系, 时间旅行, 外星人, 鬼, 编程, 数据库, 算法, 机器学习, 神经网络, 区块链, 密码学, 几何, 代数, 微积分, 质数, 圆周率, 统计学, "
    "概率, 化学, 生物, 医学, 头疼, 发烧, 腰疼, 过敏, 减肥, 瑜伽, 跑步, 游泳, 爬山, 钓鱼, 园艺, 玫瑰, 西红柿, 土豆, 树, 彩虹, 打雷, 雪, 云, "
    "河流, 沙漠, 岛屿, 高山, 海洋, 长江, 黄河, 大象, 老虎, 熊猫, 马, 鲨鱼, 蛇, 鸟, 蝴蝶, 蚂蚁, 欧元, 美元, 利率, 失业, 选举, 总统, 联合国, "
    "战争, 和平, 历史, 艺术, 音乐, 舞蹈, 戏剧, 建筑, 桥梁, 高铁, 自行车, 做饭, 烘焙, 摄影, 冥想, 魔术, 扑克, 彩票, 邮票, 古董, 春节, 中秋节"
).split(", ")
PLACES_ZH = (
    "巴黎, 伦敦, 柏林, 罗马, 东京, 北京, 上海, 广州, 深圳, 杭州, 成都, 西安, 武汉, 南京, 重庆, 天津, 苏州, 纽约, 芝加哥, 悉尼, 莫斯科, 开罗, "
    "首尔, 曼谷, 新加坡, 维也纳, 法国, 德国, 意大利, 西班牙, 日本, 中国, 印度, 巴西, 加拿大, 澳大利亚, 俄罗斯, 埃及, 挪威, 瑞典, 波兰, 希腊, "
    "土耳其, 韩国, 泰国, 越南, 墨西哥, 英国, 美国, 香港, 台湾, 海南, 云南, 四川, 欧洲, 非洲, 亚洲"
).split(", ")
PEOPLE_NAMED_ZH = (
    "爱因斯坦, 牛顿, 拿破仑, 莫扎特, 贝多芬, 毕加索, 莎士比亚, 秦始皇, 曹操, 诸葛亮, 李白, 杜甫, 苏轼, 孔子, 老子, 鲁迅, 姚明, 刘翔, 马云, "
    "马斯克, 比尔盖茨, 乔布斯, 周杰伦, 刘德华, 梅西, 达尔文, 伽利略, 居里夫人, 达芬奇, 哥伦布, 武则天, 康熙, 国王, 总理, 市长"
).split(", ")
TONGUES_ZH = "英语, 法语, 德语, 西班牙语, 意大利语, 日语, 韩语, 俄语, 阿拉伯语, 拉丁语, 中文, 英文, 日文, 粤语, 葡萄牙语, 泰语".split(
    ", "
)
DAYS_ZH = "今天, 明天, 今晚, 这周, 这个周末, 下周, 星期一, 周日, 昨天, 现在, 今天早上, 后天, 下个月".split(
    ", "
)
ADJECTIVES_ZH = (
    "大的, 小的, 古老的, 新的, 最好的, 有名的, 便宜的, 现代的, 神秘的, 红色的, 野生的, 美丽的, 奇怪的".split(
        ", "
    )
)
FIELDS_ZH = "历史, 未来, 意义, 起源, 价格, 原理, 科学, 大小, 颜色, 规则, 影响, 危害, 原因, 故事".split(", ")


def random_topics(speaker: Speaker) -> dict[str, str]:
    """Something for each place of the phrasings of `out_of_depth`."""
    choose = speaker.choose
    if speaker.language == "en":
        return {
            "thing": _thing(speaker),
            "place": choose(PLACES_EN),
            "person": choose(PEOPLE_EN) if speaker.chance(0.75) else choose(NAMES_EN),
            "tongue": choose(TONGUES_EN),
            "day": choose(DAYS_EN),
            "number": str(speaker.between(21, 9999)),
            "other": str(speaker.between(21, 999)),
        }
    return {
        "thing": _thing(speaker),
        "place": choose(PLACES_ZH),
        "person": choose(PEOPLE_NAMED_ZH) if speaker.chance(0.75) else choose(PEOPLE_ZH),
        "tongue": choose(TONGUES_ZH),
        "day": choose(DAYS_ZH),
        "number": str(speaker.between(21, 9999)),
        "other": str(speaker.between(21, 999)),
    }


def _thing(speaker: Speaker) -> str:
    english = speaker.language == "en"
    if speaker.chance(0.6):
        return speaker.choose(THINGS_EN if english else THINGS_ZH)
    while True:
        composed = _composed(speaker, english)
        if speaker.may_say(composed):
            return composed


def _composed(speaker: Speaker, english: bool) -> str:
    choose, draw = speaker.choose, speaker.rng.random()
    if english:
        noun = choose(WORDS_EN) if draw < 0.5 else choose(THINGS_EN)
        if speaker.chance(0.35):
            return f"the {choose(FIELDS_EN)} of {noun}"
        if speaker.chance(0.3):
            return f"{noun} in {choose(PLACES_EN)}"
        if speaker.chance(0.3):
            return f"{noun} and {choose(THINGS_EN)}"
        return f"the {choose(ADJECTIVES_EN)} {choose(WORDS_EN)}"
    noun = choose(WORDS_ZH) if draw < 0.5 else choose(THINGS_ZH)
    if speaker.chance(0.35):
        return f"{noun}的{choose(FIELDS_ZH)}"
    if speaker.chance(0.3):
        return f"{choose(PLACES_ZH)}的{noun}"
    if speaker.chance(0.3):
        return f"{noun}和{choose(THINGS_ZH)}"
    return choose(ADJECTIVES_ZH) + choose(WORDS_ZH)
