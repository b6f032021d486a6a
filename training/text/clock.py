"""Times rewritten: "a quarter past nine in the evening" is 21:15, and 21:15 is 9:15 pm (晚上9点15分)."""

from training.text.frames import phrasings
from training.text.speaker import Speaker, Utterance
from training.text.times import Time, random_time, said_time

TO_24_HOURS = phrasings(
    train_en="""
        what is {time} (on|in|by) [the|a] (24-hour|24 hour|twenty four hour) clock?
        what's {time} (on the 24-hour clock|in 24-hour time|in 24 hour format|in 24h format)?
        what (is|would be) {time} in (24-hour time|24-hour format|24 hour notation|military time)?
        how (do i|do you|does one|would you) (write|say) {time} (on a 24-hour clock|in 24-hour time|in 24 hour format|with 24 hours)?
        how is {time} (written|shown) (on a 24-hour clock|in 24-hour time|in the 24 hour format)?
        *(convert|change|translate|turn|rewrite|put) {time} (to|into|in) (24-hour time|24 hour format|the 24-hour clock|24 hours|the 24h format)
        *(write|give|show|give me|show me|tell me) {time} (in 24-hour time|in 24 hour format|on the 24-hour clock|with 24 hours|in 24h format|as 24 hour time)
        {time} (in|to|as) (24-hour time|24 hour format|24h time|24h format)[ please]
        {time} on (a|the) 24-hour clock[ please]
        what does a (24-hour clock|24 hour clock|digital clock with 24 hours) show at {time}?
        what (time|number) does a 24-hour clock show at {time}?
        my clock has 24 hours: what does it show at {time}?
        i (need|want) {time} (in 24-hour time|in 24 hour format|on a 24-hour clock)
        (can|could) you (convert|change) {time} (to|into) (24-hour time|24 hour format|the 24-hour format)?
        24-hour (time|clock|format) for {time}[ please]
        24 hour (time|format) of {time}
        what is the 24-hour (time|form|format) of {time}?
        i say {time}, what does the 24-hour clock (show|say)?
        in 24-hour time, what is {time}?
        on (a|the) 24-hour clock, (what|how much) is {time}?
    """,
    held_out_en="""
        how would i write {time} on the 24-hour clock?
        what would a 24-hour clock say at {time}?
        i need to write {time} in the 24 hour format
        could you show the 24-hour form of {time}?
        if it is {time}, what does the 24-hour clock show?
        what is {time} when you write it with 24 hours?
        *show {time} as it is on a 24-hour clock
    """,
    train_zh="""
        {time}用(24小时制|二十四小时制|24小时|24小时格式)(怎么写|怎么说|怎么表示|是几点|是多少|是什么|写出来是什么)？
        {time}(是|等于|就是)(24小时制|二十四小时制)的(几点|什么时间|多少)？
        {time}(的|)(24小时制|二十四小时制)(是|怎么写|写法|时间是|时间)？
        *把{time}(转换|换|改|转|换算|变|改写)(成|为)(24小时制|二十四小时制|24小时格式)
        *{time}(转换|换|转|换算|改)(成|为)(24小时制|二十四小时制|24小时格式)
        *用(24小时制|二十四小时制)(写|表示|说|显示)[一下]{time}
        *(告诉我|写出|写一下){time}(的|)(24小时制|二十四小时制)[时间|写法]
        24小时制的时钟在{time}显示(什么|多少|几点)？
        24小时的钟{time}(显示|是)(什么|多少|几点)？
        按(24小时制|二十四小时制)，{time}是(几点|多少|什么时间)？
        在(24小时制|二十四小时制)(里|中)，{time}(怎么写|是几点|是多少)？
        我(想|要)把{time}(写成|换成|转成)(24小时制|二十四小时制)
        (能|可以)把{time}(换成|转成|写成|转换成)(24小时制|二十四小时制)吗？
        (24小时制|二十四小时制)：{time}
        {time}，(24小时制|二十四小时制)[怎么写|是多少]
    """,
    held_out_zh="""
        如果是{time}，24小时制怎么写？
        24小时的钟上{time}怎么显示？
        我想知道{time}在24小时制里是几点
        {time}写成24小时制是什么？
        *请用24小时格式写出{time}
        *告诉我{time}换成24小时制是多少
    """,
)

TO_12_HOURS = phrasings(
    train_en="""
        what is {time} (on|in|by) [the|a] (12-hour|12 hour|twelve hour) clock?
        what's {time} (on the 12-hour clock|in 12-hour time|in 12 hour format|with am and pm|with am or pm)?
        what is {time} in (12-hour time|12-hour format|12 hour notation|am and pm)?
        how (do i|do you|would you) (write|say) {time} (on a 12-hour clock|in 12-hour time|with am or pm|in 12 hour format)?
        *(convert|change|turn|rewrite|put) {time} (to|into|in) (12-hour time|12 hour format|the 12-hour clock|am or pm|the 12h format)
        *(write|give|show|give me|show me|tell me) {time} (in 12-hour time|in 12 hour format|on the 12-hour clock|with am or pm|in 12h format)
        {time} (in|to|as) (12-hour time|12 hour format|12h time|12h format)[ please]
        {time} on (a|the) 12-hour clock[ please]
        what does a (12-hour clock|12 hour clock) show at {time}?
        i (need|want) {time} (in 12-hour time|in 12 hour format|with am or pm)
        (can|could) you (convert|change) {time} (to|into) (12-hour time|12 hour format)?
        12-hour (time|clock|format) for {time}[ please]
        what is the 12-hour (time|form|format) of {time}?
        in 12-hour time, what is {time}?
        on (a|the) 12-hour clock, what is {time}?
    """,
    held_out_en="""
        how would i write {time} on the 12-hour clock?
        what would a 12-hour clock say at {time}?
        i need to write {time} in the 12 hour format
        could you show the 12-hour form of {time}?
        if it is {time}, what does the 12-hour clock show?
        *show {time} as it is on a 12-hour clock
    """,
    train_zh="""
        {time}用(12小时制|十二小时制|12小时|12小时格式)(怎么写|怎么说|怎么表示|是几点|是多少|是什么|写出来是什么)？
        {time}(是|等于|就是)(12小时制|十二小时制)的(几点|什么时间|多少)？
        {time}(的|)(12小时制|十二小时制)(是|怎么写|写法|时间是|时间)？
        *把{time}(转换|换|改|转|换算|变|改写)(成|为)(12小时制|十二小时制|12小时格式)
        *{time}(转换|换|转|换算|改)(成|为)(12小时制|十二小时制|12小时格式)
        *用(12小时制|十二小时制)(写|表示|说|显示)[一下]{time}
        *(告诉我|写出|写一下){time}(的|)(12小时制|十二小时制)[时间|写法]
        按(12小时制|十二小时制)，{time}是(几点|多少|什么时间)？
        在(12小时制|十二小时制)(里|中)，{time}(怎么写|是几点|是多少)？
        我(想|要)把{time}(写成|换成|转成)(12小时制|十二小时制)
        (能|可以)把{time}(换成|转成|写成|转换成)(12小时制|十二小时制)吗？
        (12小时制|十二小时制)：{time}
        {time}，(12小时制|十二小时制)[怎么写|是多少]
        {time}(是|算)(上午还是下午|早上还是晚上)几点？
    """,
    held_out_zh="""
        如果是{time}，12小时制怎么写？
        我想知道{time}在12小时制里是几点
        {time}写成12小时制是什么？
        *请用12小时格式写出{time}
        *告诉我{time}换成12小时制是多少
    """,
)

PARTS_ZH = ((6, "凌晨"), (12, "上午"), (13, "中午"), (18, "下午"))  # each until that hour
THINKING = {"en": "The user asks for another form of the time {}.", "zh": "用户想换一种方式表示{}。"}


def clock(speaker: Speaker) -> Utterance:
    time = random_time(speaker)
    thinking = THINKING[speaker.language].format(time)
    if speaker.chance(0.7):
        said, time = said_time(speaker, time, exact=True)
        return Utterance("clock", speaker.say(TO_24_HOURS, time=said), str(time), thinking)
    return Utterance(
        "clock", speaker.say(TO_12_HOURS, time=str(time)), _twelve_hours(speaker, time), thinking
    )


def _twelve_hours(speaker: Speaker, time: Time) -> str:
    hour = (time.hour - 1) % 12 + 1
    if speaker.language == "en":
        return f"{hour}:{time.minute:02} {'am' if time.hour < 12 else 'pm'}"
    part = next((part for until, part in PARTS_ZH if time.hour < until), "晚上")
    hour = 0 if time.hour == 0 else hour
    return f"{part}{hour}点" + (f"{time.minute}分" if time.minute else "")
