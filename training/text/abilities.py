"""What the model can do and what it cannot."""

from training.example import Language
from training.text.facts import fact, tell
from training.text.frames import phrasings
from training.text.speaker import Speaker, Utterance

CAN = fact(
    phrasings(
        train_en="""
            what can you do[ for me| for us| here| exactly| then| now| on my phone| on this phone]?
            what (else|things|all) can you do[ for me]?
            what (are|is) your (abilities|skills|features|functions|capabilities|purpose|job|talents|tasks)?
            what are you (good at|good for|able to do|capable of|for|made for|useful for)?
            (how|with what) can you help[ me| us]?
            (what|which) (things|tasks|jobs|requests|commands|questions) (can|do) you (do|handle|help with|understand|know|answer)?
            what do you (know|do|understand|know how to do|offer)[ here| all day]?
            *(tell|show) me what you can do[ for me]
            *(list|describe|explain|name) (your abilities|your skills|your features|what you can do|your functions)
            (can|could) you (tell me|list|explain) what you (can do|are able to do|can help with)?
            (can|could) you help[ me| us][ please| with something| a bit| out]?
            i need (help|some help|your help)[ please]
            i don't know what (you can do|to ask you|i can ask)
            what (can|may|should|could) i (ask|ask you|say to you|tell you|do with you|use you for)[ here]?
            how (do|can|should) i use you?
            what (is|was) this (assistant|model|thing) (for|good for|able to do)?
            why (should|would) i use you?
            give me (some examples|an example) of what you can do
            help[ me| please| me please]
            what do you do (for a living|best|well)?
            what were you (made|built|trained|created) (to do|for)?
            is there (something|anything) you can do[ for me]?
            <clause> (what you can do|what you can help with|what your skills are|what you can do for me|which tasks you can do|which things you can do|what i can ask you|what i can use you for|how you can help me|what you are made for|what you are good for|what you are able to do|which commands you understand)
            <about> (your abilities|your skills|your features|the things you can do|your functions|your talents)
            (name|list|show me|give me) (the things|some things|all things|the tasks|a few tasks|all the tasks) you can (do|help with|understand)
            (for|with) what (can|should|may|do) i (use|ask|need) (you|your help)?
            (what|which) (kind of|sort of) (things|tasks|commands|help|questions) (can you do|are possible|do you offer|can i give you|do you understand)?
            what (is|was) (this|the) (assistant|model|program) (good at|made for|useful for)?
            (what|which) (tasks|things) is (this|the) (assistant|model) (good for|made for|useful for)?
            (what|which) skills (do you have|have you got|are yours|does this assistant have)?
            (what|which) would you say (you can do|are your skills|you are good at|you do best)?
            with (what|which) (things|tasks|work) (can|could) you help[ me]?
            for what (are you good|do i need you|can i use you|were you made)?
        """,
        held_out_en="""
            what kind of things can you help with?
            what skills would you say you have?
            which things is this assistant able to do for me?
            with which of my tasks can you help?
            for what could i use this assistant?
            i need your help, what can you do?
            <curious> (what you can do|what you can help with|what you are good at|which tasks you can do)
        """,
        train_zh="""
            你(能|会|可以)(做什么|干什么|干嘛|做些什么|做哪些事|帮我做什么|帮我干什么|干啥|做啥|帮什么忙|帮我什么)[呢|呀|啊]？
            你(都|还|具体|到底)(能|会)(做什么|干什么|做些什么|帮我做什么|做哪些事情)？
            你(有什么|有哪些|的)(功能|能力|本领|技能|用处|用途|作用|特长)[是什么|呢]？
            你(擅长|会|懂)(什么|哪些|些什么)？
            (怎么|如何)(使用|用)你？
            我(能|可以|该|应该)(问你|让你做|跟你说|用你做|请你做|问)(什么|些什么|哪些事)？
            *(介绍|说说|列出|讲讲|告诉我)(一下|)你的(功能|能力|本领|技能|用途)
            *告诉我你(能|会)(做什么|干什么|做哪些事)
            (能|可以)(告诉我|说说)你(会|能)(做什么|干什么)吗？
            (能|可以|能不能)(帮帮我|帮我|帮个忙|帮我一下|帮助我)[吗]？
            我(需要|想要|要)(帮助|帮忙|你的帮助|一点帮助)
            (帮助|帮帮我|救命|帮忙|帮个忙)
            你(有什么|有啥)用？
            你是(用来|)(做什么|干什么|干嘛)的？
            (这个|这)(助手|模型|东西)(能|会|可以)(做什么|干什么)？
            (举|给)(个|几个)例子(说明|，)你能做什么
            有什么(你能|你会|你可以)(做|帮|帮我)的？
            我(不|还不)(知道|清楚)(你能做什么|该问什么|怎么用你)
            <关于>你(能做什么|会做什么|可以做什么|能帮我做什么|有什么功能|有哪些本领|的功能|的本领|能干什么|会些什么|能做哪些事|有什么用)
            <关于>(我能让你做什么|你擅长什么|怎么用你|这个助手能做什么|你可以帮我什么)
            你(能|会|可以)做的(事情|事)(有哪些|是什么|都有什么)？
            (你|这个助手|这个模型)(都|到底|一共)有(哪些|什么)(用途|本领|技能|功能|能力)？
            (介绍|说说|列出)你(会|可以)做的(事|事情)
            (作为|身为)(助手|手机助手|模型)你(会|能)(什么|做什么|做些什么)？
            我(该|要|应该)(怎么|如何)用你[呢]？
        """,
        held_out_zh="""
            你具体可以帮我做哪些事？
            想知道一下你都有什么本领
            你到底有些什么用处？
            作为手机助手，你都会些什么？
            我需要帮助，你会做什么？
            <好奇>你(能做什么|会做什么|有什么功能|可以帮我做什么)
        """,
    ),
    en="I can open apps, tap, swipe and type, set alarms, do small sums, read simple screens "
    "and understand short voice commands.",
    zh="我可以打开应用、点击、滑动、输入文字、设闹钟、做简单的算术、看简单的屏幕，还能听懂简短的语音指令。",
)

CANNOT = fact(
    phrasings(
        train_en="""
            what (can't|cannot) you do[ for me| at all| then]?
            what can you not do[ for me| at all]?
            what are you (not able to do|unable to do|bad at|not good at|not good for|not capable of)?
            what (are|is) your (limits|limitations|weaknesses|weak points|boundaries|weakness)?
            (where|what) (are|is) (the limits|the end|the limit) of (your abilities|what you can do|your skills)?
            (which|what) (things|tasks|questions|requests) (can you not|can't you) (do|handle|answer|help with)?
            what do you not (know|understand|know how to do)?
            what don't you (know|understand|do)?
            *(tell|show) me what you (cannot|can't|can not) do
            *(tell me|list|describe|explain|name) your (limits|limitations|weaknesses)
            is there (something|anything) (you can't|you cannot|you can not) do?
            (can|could) you (tell me|list|explain) what you (cannot|can't) do?
            what (should|can) i not (ask|ask you|expect from you)?
            what is (too hard|too difficult|impossible|out of reach) for you?
            do you (have|know) (limitations|weaknesses|your weaknesses)?
            can you do (everything|anything|all|any task)?
            do you know (everything|anything|it all)?
            are there (things|tasks|questions) (you can't do|you cannot do|too hard for you)?
            how (smart|clever|intelligent|good) are you?
            (can|do) you (make|ever make) (mistakes|errors)?
            are you (always right|perfect|reliable|smart|clever|intelligent)?
            <clause> (what you cannot do|what you can't do|what your limits are|what is too hard for you|what you are bad at|which tasks are too hard for you|what your weaknesses are|what you are not able to do|which things you cannot do|what you do not know)
            <about> (your limits|your weaknesses|your limitations|the things you cannot do|the things you can't do|the tasks that are too hard for you)
            (what|which|what kind of) (limits|weaknesses|limitations|weak points) (do you have|have you got|does this assistant have|should i know about you)?
            (what|which) (things|tasks|jobs|questions) are (too hard|impossible|too much|not possible|too big) for (you|this assistant|a small model)?
            is there (a task|a thing|anything|something) (you are bad at|you are not able to do|too hard for you|that you cannot do)?
            are there (limits|any limits|limitations) (to|in|on) (what you can do|your abilities|your skills)?
            (can|do) you (really |)(do|know|understand|answer) (everything|all things|all questions|every task)?
            what (is|are) (impossible|too difficult|hard|not possible) for (you|this assistant)?
            (in|at) (what|which) (things|tasks|fields) are you (weak|bad|not good)?
            what would be (too hard|too difficult|too much) for you?
            is there (a|any) limit (to|on|in) (your skills|your abilities|you)?
            do you (really |)know how to do (all|anything|all of it|every task)?
            where (are|is|do i find) (your limits|the limits|your limit)?
        """,
        held_out_en="""
            what sort of work is too difficult for an assistant like you?
            what are the things that you can't do?
            is there a limit to what you can do?
            what would be impossible for you?
            <curious> (what you cannot do|what your limits are|what is too hard for you|what your weaknesses are)
        """,
        train_zh="""
            你(不能|不会|不可以|做不了|不擅长|没办法)(做什么|干什么|什么|哪些事|做哪些事)[呢|呀]？
            (什么|哪些|哪些事|什么事)(是你|你)(不能做|不会|做不了|不会做|做不到|不擅长)(的|)？
            你有(什么|哪些)(不会|不能做|做不到|做不了)的[事情|事]？
            你(的|有什么|有哪些|有)(局限|限制|缺点|弱点|短处|不足|局限性)[是什么|吗]？
            *告诉我你(不能|不会)(做什么|干什么)
            *(介绍|说说|列出|讲讲)(一下|)你的(局限|缺点|弱点|不足)
            (什么|哪些)(对你来说|对你)(太难|很难|不可能|做不到)？
            我不(能|该|应该)(问你|让你做)什么？
            你(什么都|是不是什么都|所有事都)(会|能做|知道|懂)[吗]？
            你(聪明|有多聪明|厉害|有多厉害|可靠|靠谱)(吗|)？
            你(会|会不会|有没有可能)(出错|犯错|弄错|说错)[吗]？
            有(什么|哪些)事(情|)你(做不了|不能做|不会)？
            你(能力|本领)的(边界|极限|上限)(是什么|在哪里|在哪)？
            <关于>你(不能做什么|不会什么|不会做什么|的局限|的缺点|的弱点|做不到什么|有什么不会|不擅长什么|有哪些不足|的能力边界)
            <关于>(什么事你做不了|哪些任务太难|你做不到的事|什么对你太难)
            (哪些|什么)(任务|事情|事|问题)(对你|对你来说|)(太难|做不到|不可能|你不会)(了|)？
            你做不到的(事|事情)(有哪些|是什么)？
            你(样样|每件事|什么事)都(会|能做|懂)吗？
            (对|对于)(小模型|你这样的模型|你这个模型)(来说|)(什么|哪些事)(很难|做不到|太难了)？
        """,
        held_out_zh="""
            你有哪些事情做不到？
            能说说你的局限是什么吗？
            你不擅长的是什么？
            对你这个小模型来说什么太难？
            你是不是所有事情都能做？
            想知道哪些事情你不会做
            <好奇>你(不能做什么|不会什么|有哪些局限|做不到什么)
        """,
    ),
    en="I cannot look things up, know the news or the weather, translate, write code or do long sums.",
    zh="我不能查资料，不知道新闻和天气，也不会翻译、写代码或做复杂的计算。",
)

LANGUAGES = fact(
    phrasings(
        train_en="""
            (what|which) (languages|language) (do|can) you (speak|understand|know|use|read|support|talk)?
            do you (speak|understand|know|read|support) (chinese|english|mandarin|another language|other languages|english and chinese|more than one language|two languages|french|german|spanish|japanese)?
            can you (speak|understand|read|write|answer in|talk in|reply in) (chinese|english|mandarin|other languages|another language|french|german|spanish|japanese)?
            how many languages (do|can) you (speak|know|understand|support)?
            (are you|is this) (english|chinese)[ only| or english| or chinese]?
            can (i|we) (speak|talk|write|use) (chinese|english|mandarin)[ to you| with you| here]?
            may i (speak|use|write) (chinese|english|french|german)?
            (tell me|list|name) (your languages|the languages you speak|the languages you know)
            (is|are) (chinese|english|other languages|french) (ok|okay|supported|possible|fine)?
            (what|which) (languages|language) (are|is) (supported|possible|ok)[ here]?
            your languages?
            what's your (language|mother tongue)?
            <clause> (which languages you speak|what languages you understand|if you speak chinese|if you understand english|how many languages you know|if i can speak chinese|if you know french)
            (do|can) (we|i) (talk|speak|write|chat) in (english|chinese|french|spanish) (to you|here|with you|with this model)?
            (which|what) (languages|language) does (this|the) (model|assistant) (speak|know|support|understand)?
            which (language|of the languages) (can you read|do you prefer|should i use|do you understand)?
            do you know (any|an|some) other (language|languages)[ than chinese| besides english]?
        """,
        held_out_en="""
            which of these languages can you read, chinese or english?
            how many languages does this model support?
            do you know another language than english?
            may i write to you in chinese?
            <curious> (which languages you speak|if you speak chinese|if you understand english)
        """,
        train_zh="""
            你(会|能|懂|可以)(说|讲|听|用|写)(什么|哪些|几种|多少种)(语言|话)？
            你(会|懂|能|可以)(说|讲|听|听懂|看懂|用|写|)(中文|英文|英语|汉语|普通话|法语|日语|德语|韩语|西班牙语|外语|别的语言|粤语)吗？
            你(支持|懂|认识|了解)(什么|哪些|几种|多少种)语言？
            你支持(中文|英文|英语|其他语言|多种语言|日语|法语)吗？
            (我|我们)(能|可以)(用|说|讲|写)(中文|英文|英语|普通话|日语|法语)[跟你说|和你聊|问你|交流]吗？
            (告诉我|列出)你(会|支持)的语言
            (支持|可以用|能用)(哪些|什么|几种)语言？
            用(英文|中文|英语)(可以|行|能行)吗？
            你的(语言|母语)(是什么|有哪些)？
            <关于>你(会什么语言|懂哪些语言|支持什么语言|会不会英语|懂不懂中文|会说几种话|能不能说英文)
            (除了|不算)(英文|英语)，你还(会|能说)(什么|哪些)(语言|话)？
            (跟|和)你(说话|交流)(可以|能)(用|说)(英文|英语|中文|日语)吗？
            (这个模型|这个助手|这里)(会|懂|支持)(什么|哪些|几种)语言？
        """,
        held_out_zh="""
            和你聊天可以讲英语吗？
            除了中文，你还懂什么语言？
            这里能用哪些语言？
            你支持用英文问问题吗？
            <好奇>你(会什么语言|懂哪些语言|会不会英语)
        """,
    ),
    en="I understand English and Chinese.",
    zh="我懂中文和英文。",
)

SEES = fact(
    phrasings(
        train_en="""
            can you (see|read|look at|view|understand|recognize|describe|analyse) (pictures|images|photos|a picture|a photo|an image|my screen|screens|the screen|screenshots|a screenshot)?
            do you (see|understand|accept|support|read|take) (pictures|images|photos|a picture|screenshots|screens)?
            (can|may|could) i (send|show|give|upload) (you|to you) (a picture|a photo|an image|my screen|pictures|photos|a screenshot)?
            are you able to (see|read|understand) (pictures|images|photos|a screen|screenshots)?
            do you have (eyes|vision|a camera)?
            can you see[ me| this| something| anything]?
            (what|how much) can you see[ in a picture| in an image| on a screen]?
            (are you|is this model) (multimodal|able to see|blind)?
            (what|which) (pictures|images|photos) do you understand?
            is it possible to (send|show) you (a picture|an image|a photo|a screenshot)?
            <clause> (if you can see pictures|if you can read images|if you understand photos|if you can look at a screen|if you have eyes|if i can send you a photo|if i can show you a picture)
            (is|was) (this|the) (model|assistant) able to (see|understand|look at) (pictures|photos|screens|a screenshot)?
            (can|may|could) (i|we) (show|send|give) you (what is on my screen|a photo of something|my picture|some photos|a screenshot)?
            do you (know|see|recognize) what is (in|on) (a picture|an image|the screen|a screenshot)?
            are you able to (look at|see|describe) (a picture|an image|a screenshot|my photo)?
            how (well|good|clearly) (can|do) you (see|read) (images|photos|a screen|screens)?
        """,
        held_out_en="""
            could i upload a screenshot and show you?
            is this model able to read images?
            do you understand what is in a photo?
            <curious> (if you can see pictures|if you understand photos|if i can show you a picture)
        """,
        train_zh="""
            你(能|会|可以|能不能|会不会)(看|看懂|看见|看到|识别|读|分析|理解)(图片|照片|图|屏幕|截图|我的屏幕|图像|一张图片|画面)[吗]？
            你(支持|接受|认识|认得)(图片|照片|截图|图像)吗？
            我(能|可以)(发|给|传|上传)(图片|照片|截图|一张图片|图)(给你|)(看|)吗？
            你有(眼睛|视觉|摄像头)吗？
            你(看得见|看得到|看得懂|看见)[我|图片|照片|东西]吗？
            你(能|会)看(到|懂)(什么|些什么)？
            你是多模态(的|模型|)吗？
            (可以|能)(发图|发照片|传图片|看图)吗？
            <关于>你(能不能看图|会不会看照片|看不看得懂图片|能看什么|认不认得图|有没有眼睛)
            (图片|照片|屏幕)(你|)(看得懂|看得见|能看|会看|认得出来)(吗|不)？
            (这个模型|这个助手)(能|会|可以)(看图|看图片|看照片|识别图片|看截图)吗？
            (可不可以|能不能)(发|传|给)(一张图|图片|截图|照片)(给你|让你看)？
            你(认得|认识|看得清)(图片|照片|屏幕)(里|上)的(东西|内容|文字)吗？
        """,
        held_out_zh="""
            能不能上传一张照片给你看？
            我的截图你看得懂吗？
            图像识别你会不会？
            你能看见屏幕上的东西吗？
            这个模型支持看图吗？
            <好奇>你(能不能看图|会不会看照片|看不看得懂图片)
        """,
    ),
    en="Yes, I can read simple screens and tell shapes and colours apart.",
    zh="可以，我能看简单的屏幕，分辨形状和颜色。",
)

HEARS = fact(
    phrasings(
        train_en="""
            can you (hear|understand|listen to|transcribe|write down) (speech|voice|voices|recordings|audio|a recording|voice messages|a voice message|spoken words|voice commands|sound)?
            do you (hear|understand|accept|support|take) (speech|voice|audio|recordings|voice messages|voice commands|spoken commands)?
            (can|may|could) i (send|give|upload) (you|to you) (a recording|audio|a voice message|my voice|a sound file|an audio file)?
            (can|may|could) i (talk|speak) to you[ with my voice| aloud| by voice| instead of typing]?
            are you able to (hear|understand) (speech|voices|recordings|spoken commands|audio)?
            do you have (ears|a microphone|hearing)?
            (are you|is this model) (deaf|able to hear|able to listen)?
            (what|which) (recordings|voice commands|audio) do you understand?
            is it possible to (send|give) you (a recording|a voice message|audio)?
            can you (do|use) (speech recognition|voice recognition|dictation)?
            <clause> (if you can hear|if you understand speech|if you can listen to a recording|if you have ears|if i can talk to you|if i can send you a voice message|if you understand my voice)
            (is|was) (this|the) (model|assistant) able to (hear|listen|understand speech|understand recordings)?
            (can|may|could) (i|we) (give|tell) you (commands by voice|voice commands|commands with my voice|orders aloud)?
            do you (do|have|offer) (voice recognition|dictation|speech to text|transcription)?
            are you able to (listen to|hear|write down|transcribe) (a recording|my voice|a voice message|what i say)?
            (how well|what) (can|do) you (hear|understand) (when i speak|of my voice|of speech)?
            (can|could|may) i (upload|send|give you) (a recording|a sound file|my voice) (and you listen|and you write it down|to listen to)?
        """,
        held_out_en="""
            could i upload an audio file and have you listen?
            is this model able to understand voice messages?
            <curious> (if you can hear|if you understand speech|if i can send you a voice message)
            does my voice mean anything to you?
            if i talk into the microphone, do you follow?
        """,
        train_zh="""
            你(能|会|可以|能不能|会不会)(听|听懂|听见|听到|识别|转写|理解)(语音|录音|声音|说话|语音消息|语音指令|音频|一段录音)[吗]？
            你(支持|接受)(语音|录音|音频|语音输入|语音识别|语音指令)吗？
            我(能|可以)(发|给|传|上传)(语音|录音|音频|一段录音|语音消息)(给你|)(听|)吗？
            我(能|可以)(用语音|用声音|直接开口|用嘴)(跟你说话|说话|跟你说|操作|下指令)吗？
            你有(耳朵|听觉|麦克风)吗？
            你(听得见|听得到|听得懂)[录音|语音|声音]吗？
            你(会|能)语音识别吗？
            (可以|能)(发语音|语音输入|语音聊天)吗？
            <关于>你(能不能听|会不会听语音|听不听得懂录音|能听什么|有没有耳朵|懂不懂语音)
            (语音|录音|声音|我说的话)(你|)(听得懂|听得见|能听|会听)(吗|不)？
            (这个模型|这个助手)(能|会|可以)(听|听语音|听录音|识别语音|听声音)吗？
            (可不可以|能不能)(发|传|给)(一段话|语音|录音|音频)(给你|让你听)？
            (能|可以|会)把(录音|语音|我说的)(写成|转成|变成)文字吗？
            你(会|能)把(说话|我的话|录音|语音)(写|转|变)成(字|文字)吗？
        """,
        held_out_zh="""
            能不能上传一段语音给你听？
            我的录音你听得懂吗？
            你会不会把说话转写成文字？
            这个模型支持语音指令吗？
            可以直接用声音跟你说吗？
            <好奇>你(能不能听|会不会听语音|听不听得懂录音)
        """,
    ),
    en="Yes, I understand short voice commands in English and Chinese.",
    zh="可以，我能听懂简短的中文和英文语音指令。",
)

FACTS = (CAN, CANNOT, LANGUAGES, SEES, HEARS)
WEIGHTS = (4, 3, 2, 2, 2)
THINKING: dict[Language, str] = {"en": "The user asks what I can do.", "zh": "用户在问我能做什么。"}


def abilities(speaker: Speaker) -> Utterance:
    return tell("abilities", speaker, speaker.rng.choices(FACTS, WEIGHTS)[0], THINKING)
