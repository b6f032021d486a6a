"""Alarms: do(action="Alarm", time="07:30"), our own action, on the 24-hour clock."""

from training.text.frames import phrasings
from training.text.speaker import Speaker, Utterance
from training.text.times import random_time, said_time

ALARM = phrasings(
    train_en="""
        *(set|create|make|add|start|put on|turn on|schedule) (an|the|my|a new) alarm (for|at) {time}
        *(set|create|make) (an|the|my) alarm [clock ](for|at) {time} (tomorrow|today|on monday|on sunday|every day|for work|for school)
        *(set|put|change|move) the alarm [clock ](for|to|at) {time}
        *wake me [up ](at|around|by) {time}
        *wake me [up ]at {time} (tomorrow|today|for work|for school|every day|on friday)
        *wake us [up ]at {time}
        *(give me|get me|arrange) (a wake up call|an alarm|a reminder) (at|for) {time}
        *get me up at {time}
        *get me out of bed (at|by) {time}
        *remind me at {time}
        *remind me at {time} to (call mom|take my medicine|feed the cat|leave|go home|drink water|go to bed|get up|pay the rent)
        *remind me to (call mom|take my medicine|feed the cat|leave|go home|drink water|go to bed|get up|pay the rent) at {time}
        *let the alarm (ring|sound|go off) at {time}
        *have the alarm (ring|sound|go off) at {time}
        *(ring|sound|beep) at {time}
        *make sure (i wake up|i am awake|i'm up|i get up) (at|by) {time}
        *use the clock to wake me at {time}
        *set up an alarm for {time}
        *set one alarm for {time}
        *tell me when it is {time}
        i (want|need|would like) (an|the|my) alarm (for|at|set for) {time}
        i (want|need|have) to (wake up|get up|be up|be awake|stand up) (at|by) {time}
        i (want|need) to be (woken|woken up) at {time}
        i'd like to (wake up|get up|be woken) at {time}
        i have to (leave|be at work|catch a train) at {time}, set an alarm
        (can|could|will) you wake me [up ]at {time}?
        (can|could|will) you set (an|my|the) alarm (for|at) {time}?
        (can|could) i (have|get) an alarm (for|at) {time}?
        let me (sleep until|get up at|sleep till) {time}
        don't let me sleep (past|longer than|after) {time}
        alarm[,| for| at| clock] {time}
        {time} alarm[ please]
        my alarm (should|must|has to) (ring|go off|be set for) [at ]{time}
        an alarm (for|at) {time}[ please]
        alarm clock (for|at) {time}[ please]
        the alarm should be set (for|to) {time}
        new alarm, {time}
        at {time}, (wake me up|ring the alarm|set an alarm)
        tomorrow at {time}, (wake me up|wake me|ring)
        wake up at {time}
        tomorrow i get up at {time}
    """,
    held_out_en="""
        *set up my alarm clock for {time}
        *add an alarm for me at {time}
        *wake me up for school at {time} please
        *remind me to get out of bed at {time}
        i want the alarm to ring at {time}
        i need a wake up call at {time}
        let me sleep until {time} and then wake me
        my alarm for tomorrow is {time}
    """,
    train_zh="""
        *(设|设置|定|设定|建|创建|加|添加|新建|开|订|弄)(一个|个){time}的(闹钟|闹铃)
        *(设置|设定|定|设){time}的(闹钟|闹铃|起床闹钟)
        *把(闹钟|闹铃)(设|定|调|设置|改)(到|在|为|成){time}
        *{time}(叫我|喊我|叫醒我|提醒我|喊醒我|叫我们)(起床|一下|起来|)
        *(明天|今天|后天|周一|周末|每天){time}(叫我|喊我|叫醒我|提醒我)(起床|一下|起来|)
        *(明天|今天|周一|每天){time}(设|定|设置)(一个|个)闹钟
        *{time}提醒我(吃药|开会|喝水|出门|给妈妈打电话|接孩子|睡觉|上班|下班|锻炼)
        *提醒我{time}(吃药|开会|喝水|出门|给妈妈打电话|接孩子|睡觉|上班|下班|锻炼)
        *(定|设|设置)(一个|个)闹钟，{time}
        *(定|设|设置)闹钟(到|，){time}
        *(定|设)(一个|个)(明天|今天|周一|每天){time}的闹钟
        *让闹钟(在|){time}响
        *闹钟(设|定|调)(到|在|成){time}
        *在{time}(响铃|叫我|提醒我|叫醒我|设个闹钟)
        *用闹钟(在|){time}(叫醒|提醒)我
        *确保我{time}(起床|醒来|能醒)
        我(要|想|得|需要|必须)(在|){time}(起床|起来|醒来|起|出门)
        我(明天|今天|后天)(要|想|得)(在|){time}(起床|起来|醒来|起)
        我(要|想要|需要)(一个|个){time}的(闹钟|闹铃)
        (能|可以|能不能)(在|){time}(叫醒我|叫我起床|提醒我)吗？
        (能|可以)(设|定)(一个|个){time}的闹钟吗？
        别让我睡过{time}
        让我睡到{time}
        {time}(的|)闹钟[，谢谢]
        闹钟[，| ]{time}
        (明天|今天){time}的闹钟
        闹钟(应该|要)在{time}响
        我们{time}起床
        明早我{time}起床，设个闹钟
        {time}我要(出门|开会|上课|赶火车)，(设|定)个闹钟
    """,
    held_out_zh="""
        *新建闹钟，时间{time}
        *明天用闹钟在{time}叫醒我
        *让闹铃{time}响一下
        *把明天的闹钟调到{time}
        *每天{time}提醒我喝水
        我明天必须{time}醒来
        我需要闹钟在{time}响
        让我睡到{time}再叫我
        可以设置一个{time}的闹铃吗？
        明天我得{time}出门，叫我起床
    """,
)
THINKING = {"en": "The user wants an alarm at {}.", "zh": "用户想设置{}的闹钟。"}


def alarm(speaker: Speaker) -> Utterance:
    said, time = said_time(speaker, random_time(speaker))
    return Utterance(
        "alarm",
        speaker.say(ALARM, time=said),
        f'do(action="Alarm", time="{time}")',
        THINKING[speaker.language].format(time),
    )
