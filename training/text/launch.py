"""Opening apps: do(action="Launch", app="WeChat")."""

from training.text.apps import random_app
from training.text.frames import phrasings
from training.text.speaker import Speaker, Utterance

LAUNCH = phrasings(
    train_en="""
        *(open|launch|start|run) {app}
        *(open|launch|start|run) the {app} (app|application)
        *(open|launch|start|run) {app} (on my phone|on this phone|on the phone)
        *(open up|start up|bring up|fire up|load|load up|pull up|show|show me) [the ]{app}[ app]
        *(go|switch|jump|move|change|head) [over ]to [the ]{app}[ app]
        *(go|get|jump) into {app}
        *(take|bring|get) me (to|into) [the ]{app}[ app]
        *(give|get) me [the ]{app} app
        *(find|look for) [the ]{app} app and (open|start|launch) it
        *(find|locate|get) {app} and (open|start|launch|run) it
        *put {app} on [the|my] screen
        *make {app} (open|start|run)
        *(have|get) {app} (open|running|up and running|going)
        *open an app (named|with the name) {app}
        *(start by|begin by|try) (opening|using) {app}
        *(start|begin) with {app}
        *use [the ]{app}[ app]
        *tap on the {app} icon to open it
        *(open|start) {app} (again|first|next|so i can use it|so that i can look something up)
        i (want|need|would like|have|wish) to (use|open|see|check|start|look at|go to|get into|run) [the ]{app}[ app]
        i'd like to (use|open|see|check|start) [the ]{app}[ app]
        i wanna (use|open|see|check) {app}
        i (want|need) [the ]{app} app[ now| open| started]
        i (want|need) {app} (open|started|running|on the screen)
        i have to (check|look at) something in {app}
        i'm going to use {app}[ now], open it
        i am looking for the {app} app
        can i (use|open|see|start|get) [the ]{app}[ app]?
        may i (use|open|see) {app}?
        (could|can) we (open|start|use|see) {app}?
        (could|can|will) you (open|start|launch|run) [the ]{app}[ app]?
        let me (use|see|into|check|look at|get into|open) [the ]{app}[ app]
        let's (open|use|go to|start|go into|see) {app}
        {app}
        {app}, please
        {app} app[ please| now]
        the {app} (app|application), (open|start|launch) it
        {app}, (open|start|launch) it
        next app: {app}
        my next app is {app}
        it is time to open {app}
        would it be possible to (start|launch|open) {app}?
        do you see {app}? (open|start) it
        how about opening {app}?
        why don't you open {app}?
        i (want|need|would like) {app} (opened|to start|to run|to open)
        *(get|have) {app} (started up|opened|launched)
        *(take|have) a (quick look|short look) at {app}
        i (have|need) to (look at|check|use) {app}
        *(open|start) (my|our|this) {app}
        the app i (need|would like|want to open|want to see|mean) is {app}
        let's (open|use|start|go to|see) {app} (now|right away|first|next)
        we (want|have|need) to (use|see|check) {app}[ now]
        (could|can) (we|i) (open|use|see) {app} (now|first|next)?
    """,
    held_out_en="""
        *show me {app} on the screen
        i want to have {app} running
        i would love to see {app} on the screen
        get my phone into {app}
        i need to look something up in {app}
        could we go to {app} now?
        is it possible to open {app}?
        it is {app} that i need now
    """,
    train_zh="""
        *(打开|启动|开启|运行|开一下|打开一下|启动一下){app}
        *(打开|启动|运行){app}(应用|软件|程序|这个应用|这个软件)
        *(打开|启动)(手机上的|手机里的|我的|我手机里的){app}
        *把{app}(打开|启动|开起来|打开一下|点开|调出来)
        *(进入|进|切换到|切到|跳转到|跳到|转到|去|回到){app}[应用|软件]
        *(点开|点击打开|调出|找到并打开|找一下并打开){app}
        *找到{app}(，|然后|并且|，然后)(打开它|打开|启动它)
        *用一下{app}
        *使用{app}
        *看(看|一下){app}
        *(开|开个){app}
        *打开名(字叫|叫|为){app}的(应用|软件)
        *让{app}(启动|运行|打开)
        *打开{app}(让我看看|我要用|我看一下)
        *(先|首先|接着|下一步)打开{app}
        *重新打开{app}
        *带我(去|进入|到){app}
        *(直接|赶紧|快速)(打开|进入|启动){app}
        我(想|要|想要|得|需要)(用|打开|看|看看|进|启动|使用|上|去|用一下){app}
        我(想|要)(打开|启动){app}(应用|软件)
        我(想|要)在{app}里(看|找|查)(东西|点东西|一下)
        (能|可以|能不能|可不可以)(打开|启动|进入){app}吗？
        你(能|可以)(打开|启动){app}吗？
        (能不能|可不可以)(把{app}打开|打开{app}|启动{app})
        {app}
        {app}打开[一下]
        {app}，(打开|启动)[一下]
        {app}这个(应用|软件)(打开|启动)一下
        现在(打开|启动|用|进){app}
        (该|轮到)(打开|用){app}了
        下一个应用是{app}
        接下来(用|打开|进入){app}
        我们(打开|用|去|启动){app}
        让我(用|看看|进入|打开){app}
        *把{app}(开|打开|启动)一(下|次)
        我(接下来|现在|马上|等会)要(用|看|进){app}
        我需要(用|使用|打开一下|看){app}
        *(启动|运行|点开|进入)(应用程序|软件|手机应用){app}
        *(打开|开启)(软件|手机软件|程序){app}
        我们(现在|马上|先)(打开|用|进|看){app}
    """,
    held_out_zh="""
        *把{app}给打开来
        *把{app}这个软件打开
        *打开应用{app}
        *找一下{app}然后打开
        *让我进{app}看看
        *启动手机里的{app}软件
        我现在要打开{app}
        我想进{app}看一下
        我需要{app}，打开一下
        可以帮忙打开{app}吗？
        我接下来要用{app}这个应用
        能把{app}打开吗？
        *替我把{app}点开
    """,
)

THINKING = {"en": "The user wants to open {}.", "zh": "用户想打开{}。"}


def launch(speaker: Speaker) -> Utterance:
    said, name = random_app(speaker)
    return Utterance(
        "launch",
        speaker.say(LAUNCH, app=said),
        f'do(action="Launch", app="{name}")',
        THINKING[speaker.language].format(name),
    )
