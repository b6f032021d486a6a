"""Waiting: do(action="Wait", duration="2 seconds"), always in seconds, which is what phone agents read."""

from training.text.frames import phrasings
from training.text.numbers import in_words
from training.text.speaker import Speaker, Utterance

WAIT = phrasings(
    train_en="""
        *wait {duration}
        *wait for {duration}
        *(wait|pause|hold|sleep|rest|stop) [for ](exactly|about|another|just|only) {duration}
        *(pause|hold|sleep|rest|stop|hold on|stay here|do nothing|stay like this) for {duration}
        *(wait|pause|hold on) {duration} (first|before you go on|before the next step|until the page is ready|and then go on)
        *wait {duration} until (it|everything|the page) has loaded
        *give it {duration}[ to load]
        *give (the|this) (page|app|screen) {duration}[ to load| to finish| more]
        *(take|make) a (break|pause) of {duration}
        *let (it|the page|the app) (load|rest|run) for {duration}
        *(continue|go on) (after|in) {duration}
        i (want|need|would like) you to (wait|pause) [for ]{duration}
        i (want|need) a (pause|break) of {duration}
        (can|could|will) you (wait|pause|hold on) [for ]{duration}?
        let's (wait|pause|rest) [for ]{duration}
        let us wait {duration}
        {duration} (pause|break)[ please]
        {duration}, wait
        we (have|need) to wait [for ]{duration}
        the page is (slow|loading), wait {duration}
        it needs {duration}[, wait| more]
        hold on, {duration}
        hold on for {duration}
        stand by for {duration}
        just wait {duration}
        *(wait|stay|stop) (here|on this page|right here|where you are) [for ]{duration}
        *(stop|wait) {duration}[, then go on| and continue then]
    """,
    held_out_en="""
        *wait another {duration} for the page
        *rest for the next {duration}
        we take a break for {duration}
        the app is loading, give it {duration}
        let's take a break of {duration}
    """,
    train_zh="""
        *(等|等待|等一等|等上|等个|稍等|停|暂停|停顿|休息|停留){duration}
        *(等|等待|暂停)(大约|差不多|正好|至少){duration}
        *(再|先|就|多|原地)(等|等待|停){duration}
        *(等|等待){duration}(再继续|后继续|再说|再操作|再点|，然后继续|让页面加载)
        *(过|隔){duration}(再继续|再操作|再点|再说)
        *{duration}(后|以后|之后|过后)(再)(继续|操作|点)
        *给(它|页面|应用|屏幕){duration}(加载|的时间|时间加载)
        *什么都别做，等{duration}
        我(想|要|需要)(等|你等|你等待|暂停){duration}
        (能|可以)(等|等待|暂停){duration}吗？
        (页面|应用)(还在加载|很慢|没加载完)，(等|等待){duration}
        {duration}，(等一下|等着|等等)
        我们(等|等待|休息){duration}
        让(它|页面|应用)加载{duration}
        (需要|得|要)等{duration}
        保持不动{duration}
        *(停|等|待|留)在(这|这个页面|这一页|原地){duration}
        *{duration}(后|之后|过后)(接着|继续)(来|做|)
        我要你(停|歇|等|停下来){duration}
        *先(歇|停下来|等着){duration}
    """,
    held_out_zh="""
        *在这里停{duration}
        *先暂停{duration}再操作
        我需要你暂停一下，等{duration}
        *停下来等够{duration}
    """,
)
THINKING = {"en": "The user wants to wait {} seconds.", "zh": "用户想等待{}秒。"}


def wait(speaker: Speaker) -> Utterance:
    seconds, duration = _duration(speaker)
    return Utterance(
        "wait",
        speaker.say(WAIT, duration=duration),
        f'do(action="Wait", duration="{seconds} seconds")',
        THINKING[speaker.language].format(seconds),
    )


def _duration(speaker: Speaker) -> tuple[int, str]:
    """Seconds, and the words for them: 1 to 60 seconds, half a minute, 1 to 5 minutes, or a moment of 2 seconds."""
    english = speaker.language == "en"
    if speaker.chance(0.06):
        moments = ("a moment", "a bit", "a little", "a while") if english else ("一下", "一会儿", "片刻")
        return 2, speaker.choose(moments)
    if speaker.chance(0.06):
        return 30, "half a minute" if english else "半分钟"
    in_minutes = speaker.chance(0.2)
    number = speaker.between(1, 5 if in_minutes else 60 if speaker.chance(0.4) else 10)
    if english:
        unit = "minute" if in_minutes else "sec" if not speaker.spoken and speaker.chance(0.2) else "second"
        unit += "s" * (number > 1)
        words = in_words(number, "en")
        if number == 1 and speaker.chance(0.3):
            words = "a"
    else:
        unit = "分钟" if in_minutes else speaker.choose(("秒", "秒", "秒钟"))
        words = "两" if number == 2 else in_words(number, "zh")
    if not speaker.spoken and speaker.chance(0.55):
        words = str(number)
    return number * (60 if in_minutes else 1), f"{words} {unit}" if english else words + unit
