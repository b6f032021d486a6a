"""The words that stand on screens and signs: mostly of a closed list, which a small model reads best.

Held-out pictures use the same list. Who knows nothing but a list reads one of it wherever something is
written, so some labels of the training are pairs of other words, and some held-out ones are words that no
picture of the training shows. Numbers are not from a list: see numbers.py.
"""

import functools
import random

from training.example import Language, Split
from training.text.apps import CHINESE, ENGLISH
from training.text.copied_text import WORDS_EN, WORDS_ZH, unknown_word
from training.text.speaker import Speaker

UNKNOWN_SHARE = 0.4  # of English labels that are not on the list


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.replace("\n", " ").split(","))


SETTINGS: dict[Language, tuple[str, ...]] = {
    "en": _words("""
        Wi-Fi, Bluetooth, Mobile data, Airplane mode, Hotspot, Display, Brightness, Dark mode, Sound,
        Vibration, Notifications, Battery, Storage, Security, Privacy, Location, Accounts, Accessibility,
        Language, Keyboard, Wallpaper, Font size, About phone, System update, Backup, Do not disturb,
        Screen lock, Fingerprint, Face unlock, Password, Permissions, Auto-rotate, Night light, VPN, NFC,
        Ringtone, Volume, Date and time, Power saving, Automatic updates
    """),
    "zh": _words("""
        无线网络, 蓝牙, 移动数据, 飞行模式, 个人热点, 显示, 亮度, 深色模式, 声音, 振动, 通知, 电池,
        存储空间, 安全, 隐私, 位置信息, 账号, 无障碍, 语言, 输入法, 壁纸, 字体大小, 关于手机, 系统更新,
        备份, 免打扰, 屏幕锁定, 指纹, 人脸识别, 密码, 权限管理, 自动旋转, 护眼模式, 双卡管理, 铃声, 音量,
        日期和时间, 省电模式, 自动更新, 应用管理
    """),
}

# The best known of those that people ask to open.
APPS: dict[Language, tuple[str, ...]] = {"en": tuple(ENGLISH[:44]), "zh": tuple(CHINESE[:44])}

ACTIONS: dict[Language, tuple[str, ...]] = {
    "en": _words("""
        OK, Cancel, Save, Delete, Edit, Send, Share, Copy, Paste, Done, Next, Back, Skip, Continue,
        Confirm, Submit, Apply, Reset, Retry, Allow, Deny, Accept, Decline, Sign in, Sign up, Log out,
        Buy now, Add to cart, Pay, Follow, Subscribe, Download, Upload, Install, Update, Open, Close,
        Start, Stop, Pause, Play, Record, Call, Reply, Forward, Print, Scan, Connect, Later, Learn more,
        Get started, Remind me, Select all, Not now, Remove, Join
    """),
    "zh": _words("""
        确定, 取消, 保存, 删除, 编辑, 发送, 分享, 复制, 粘贴, 完成, 下一步, 返回, 跳过, 继续, 确认, 提交,
        应用, 重置, 重试, 允许, 拒绝, 接受, 不同意, 登录, 注册, 退出登录, 立即购买, 加入购物车, 付款,
        关注, 订阅, 下载, 上传, 安装, 更新, 打开, 关闭, 开始, 停止, 暂停, 播放, 录音, 呼叫, 回复, 转发,
        打印, 扫一扫, 连接, 稍后, 了解更多, 开始使用, 提醒我, 全选, 暂不, 移除, 加入
    """),
}

FIELDS: dict[Language, tuple[str, ...]] = {
    "en": _words("""
        Search, Name, Email, Phone number, Address, City, Username, Verification code, Message, Comment,
        Title, Amount, From, To, Destination, Subject, Company, Nickname
    """),
    "zh": _words("""
        搜索, 姓名, 邮箱, 手机号, 地址, 城市, 用户名, 验证码, 留言, 评论, 标题, 金额, 出发地, 目的地,
        主题, 公司, 昵称, 备注
    """),
}

TABS: dict[Language, tuple[str, ...]] = {
    "en": _words("""
        Home, Explore, Me, Cart, Orders, Friends, Chats, Videos, Live, Favorites, Library, Trending,
        Nearby, Profile, Inbox, Today, Recent, Popular, History, Saved
    """),
    "zh": _words("""
        首页, 发现, 我的, 购物车, 订单, 朋友, 聊天, 视频, 直播, 收藏, 书库, 热门, 附近, 个人中心, 消息,
        今天, 最近, 推荐, 历史记录, 已保存
    """),
}

ITEMS: dict[Language, tuple[str, ...]] = {
    "en": _words("""
        Anna, Tom, Lucy, David, Emma, Jack, Sophie, Peter, Mom, Dad, Coffee, Tea, Bread, Milk, Apples,
        Noodles, Rice, Pizza, Salad, Soup, Burger, Cake, Juice, Shoes, Jacket, Headphones, Charger,
        Backpack, Umbrella, Watch, Beijing, Shanghai, London, Paris, Tokyo, New York, Monday, Friday,
        Meeting, Shopping list, Homework, Birthday, Holiday, Project plan, Travel guide, Morning run,
        Jazz, Piano, Breakfast, Dinner
    """),
    "zh": _words("""
        妈妈, 爸爸, 小王, 李明, 张伟, 王芳, 刘洋, 陈静, 老师, 同事, 咖啡, 绿茶, 面包, 牛奶, 苹果, 面条,
        米饭, 饺子, 沙拉, 鸡汤, 汉堡, 蛋糕, 果汁, 运动鞋, 外套, 耳机, 充电器, 双肩包, 雨伞, 手表, 北京,
        上海, 广州, 深圳, 杭州, 成都, 星期一, 星期五, 会议, 购物清单, 作业, 生日, 假期, 项目计划,
        旅行攻略, 晨跑, 钢琴曲, 故事, 早餐, 晚餐
    """),
}

TITLES: dict[Language, tuple[str, ...]] = {
    "en": _words("""
        Shopping, Products, Schedule, Reminders, Playlist, Menu, Tickets, Hotels, Documents, Bills,
        Network, General, Account, Payment, Delivery, Welcome
    """),
    "zh": _words("""
        商城, 商品, 日程, 提醒事项, 播放列表, 菜单, 车票, 酒店, 文档, 账单, 网络设置, 通用, 我的账户,
        支付, 外卖, 欢迎
    """),
}

BALANCES: dict[Language, tuple[str, ...]] = {
    "en": _words("Balance, Total, Steps, Score, Timer, Distance, Temperature, Points, Room, Order number"),
    "zh": _words("余额, 合计, 步数, 得分, 计时, 距离, 温度, 积分, 房间号, 订单号"),
}

SIGNS: dict[Language, tuple[str, ...]] = {
    "en": _words("Exit, Entrance, Sale, Closed today, Parking, Toilet, Bus stop, Ticket office, Push, Pull"),
    "zh": _words("出口, 入口, 打折, 今日休息, 停车场, 洗手间, 公交站, 售票处, 推, 拉"),
}

# No picture of the training shows these words. The Chinese ones are of characters that labels have.
UNSEEN: dict[Language, tuple[str, ...]] = {
    "en": _words("""
        Checkout, Wishlist, Refund, Itinerary, Lyrics, Recipes, Groceries, Workouts, Calories, Heart rate,
        Mortgage, Invoice, Coupons, Vouchers, Warranty, Appointments, Prescriptions, Pharmacy, Plumber,
        Electrician, Laundry, Furniture, Carpets, Curtains, Cushions, Blender, Toaster, Microwave,
        Dishwasher, Vacuum cleaner, Detergent, Shampoo, Toothbrush, Sunscreen, Lipstick, Perfume, Sneakers,
        Sweater, Trousers, Gloves, Scarf, Sunglasses, Necklace, Bracelet, Earrings, Luggage, Passport,
        Departures, Arrivals, Terminal, Platform, Motorway, Roadworks, Mechanic, Bumper, Gearbox,
        Roundabout, Sculpture, Orchestra, Ballet, Circus, Trampoline, Skateboard, Snorkel, Kayak,
        Volleyball, Badminton, Hockey, Wrestling, Referee, Championship, Glossary, Syllabus, Chemistry,
        Geometry, Astronomy, Biology, Dictionary, Thesaurus, Proverbs, Nutrition, Pancakes, Omelette,
        Lasagna, Broccoli, Cucumber, Spinach, Mushrooms, Raspberries, Blueberry, Pistachio, Cinnamon,
        Mustard, Vinegar
    """),
    "zh": _words("""
        水电, 车库, 花店, 书店, 鞋店, 水果店, 天文, 地理, 生物, 物理, 数学, 语文,
        动物园, 月票, 门票, 机票, 车位, 路线, 打车, 水温, 室温, 体温, 体重, 手册,
        书包, 开水, 红酒, 白酒, 黄酒, 红糖, 鸡蛋, 蛋黄, 水箱, 信箱, 音箱, 船票,
        山路, 林地, 雨天, 夜市, 早市, 中午, 上周, 下周, 本月, 学期, 开学, 放学,
        校长, 同学, 老人, 电视, 电灯, 手电, 显卡, 声卡, 网卡, 主页, 网页, 网站,
        网址, 密钥, 加密, 解密, 登记, 邮票, 信纸, 纸箱, 茶壶, 花茶, 房号, 房卡,
        门卡, 门锁, 车锁, 车门, 学车, 行程, 行李, 过站, 转账, 取款, 存款, 金库,
        球鞋, 球门, 明星, 星空, 太空, 果茶, 白菜, 桃子, 李子, 橙汁, 樱花, 酒瓶,
        水瓶, 牙医, 书房, 电梯, 停电, 停水, 雨鞋, 书桌, 餐桌, 餐椅, 餐馆, 饭馆,
        面馆, 茶馆, 声明, 证明, 证件, 学位, 学分, 题目, 首发, 眼镜, 老花镜, 放大镜,
        钢笔, 直线, 曲线, 点线, 页码, 目录, 商标, 条码, 数字, 号码, 发票, 收据,
        账本, 账期, 会计
    """),
}

GROUPS = (SETTINGS, APPS, ACTIONS, FIELDS, TABS, ITEMS, TITLES, BALANCES, SIGNS)


@functools.cache
def all_labels(language: Language) -> tuple[str, ...]:
    """Returns every label once."""
    return tuple(dict.fromkeys(label for group in GROUPS for label in group[language]))


def unlisted_label(rng: random.Random, split: Split, language: Language) -> str:
    """Returns one or two usual words that are on no list of labels, or a word that nobody knows."""
    speaker = Speaker(rng, split, language)
    while True:
        count = speaker.between(1, 2)
        if language == "zh":
            label = "".join(speaker.choose(WORDS_ZH) for _ in range(count))
        elif speaker.chance(UNKNOWN_SHARE):
            label = unknown_word(speaker).capitalize()
        else:
            label = " ".join(speaker.choose(WORDS_EN) for _ in range(count)).capitalize()
        if speaker.may_say(label) and label not in all_labels(language):
            return label
