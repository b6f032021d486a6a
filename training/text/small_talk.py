"""Greetings, thanks, goodbyes and other politeness."""

from training.example import Language
from training.text.facts import fact, tell
from training.text.frames import phrasings
from training.text.speaker import Speaker, Utterance

GREETING = fact(
    phrasings(
        train_en="""
            (hello|hi|hey|hiya|howdy|greetings|hallo|yo|heya)[ there| again| assistant| autoglm| phone| everyone| you| my friend| dear assistant]
            (good morning|good afternoon|good evening|good day|morning|evening)[ there| to you| assistant| everyone| my friend]
            (hello|hi|hey), (good morning|good afternoon|good evening|good day|nice to meet you|nice to see you)
            (nice|good|great|pleased|happy) to (meet|see) you[ too| again| here]
            (hello|hi|hey) and (welcome|good morning|good day|good evening)
            (hello|hi|hey), (anybody|anyone|somebody) (there|here|home)?
            are you (there|here|awake|online|ready|listening)[ now]?
            is (anybody|anyone|somebody) (there|here|home)?
            can you hear me[ now| well]?
            (hello hello|hi hi|hey hey|hello, hello)
            (what's up|whats up|sup|what's new)?
            welcome[ back]
            (i'm|i am) (back|here|here again|home)
            i (say|just want to say|wanted to say) (hello|hi|good morning)
            (let me say|let's say) (hello|hi)
            (hello|hi) from (me|here|my phone|my desk)
            long time no see
            (hello|hi|hey|good morning|good evening|good afternoon)[,| my| dear| my dear] (dear assistant|assistant|friend|good friend|phone assistant)
            is (someone|somebody|anyone) (listening|awake|online|ready)[ there| here| now]?
            (hello|hi|hey)[ there], is (someone|anybody|anyone) (there|here|listening|awake)?
            assistant, (are you there|are you listening|are you ready|hello|can you hear me|good morning)[ now]?
            (it's|it is) (only |)me[, hello|, good morning]
            (glad|happy|good) that you are (there|around|back|awake)
            a (good|lovely|nice) evening to (you all|everyone|my friend|the assistant)
        """,
        held_out_en="""
            assistant, are you awake and listening?
            a very good evening to you, assistant
            (hello|hi|good morning), (here i am|nice that you are here)
            a very (good|nice) (morning|day|afternoon) to (my phone|my assistant)
            hello you, i am glad to be here
            hey assistant, good to have you around
            hello from a new user
            hello there, this is my new phone
        """,
        train_zh="""
            (你好|您好|嗨|哈喽|你好啊|你好呀|嘿|哈啰|大家好|喂)[，小助手|，助手|，朋友|，手机助手|，AutoGLM|！]
            (早上好|下午好|晚上好|中午好|早安|早|上午好|早啊)[，助手|，小助手|，朋友|，大家|呀|啊]
            (你好|您好|嗨|嘿)，(早上好|下午好|晚上好|很高兴认识你|见到你很高兴)
            很高兴(认识|见到|遇见)你[，你好]
            (在吗|在不在|你在吗|有人吗|有人在吗|你在不在|你还在吗|还在吗|准备好了吗|在线吗)？
            (喂|你好|嗨)，(在吗|有人吗|你在吗|听得到吗)？
            (能|可以)听(到|见)我[说话|的声音]吗？
            我(来了|回来了|又来了|在这里)
            好久不见[，你好|，最近在吗]
            (你好你好|嗨嗨|哈喽哈喽)
            (跟|和|向)你(打个招呼|问个好|问好)
            我想(跟|和)你打(个|声)招呼
            见到你(真好|很高兴|很开心)
            (欢迎|欢迎回来|初次见面)
            (你好|您好|喂|嗨)，(请问有人吗|有人在吗|有没有人|在线吗)？
            (有人|有没有人|谁)(在线|在听|在这里)(吗|)？
        """,
        held_out_zh="""
            嗨，小助手，早安
            您好，我想问问有人在吗？
            助手，我又回来了
            晚上好呀，很高兴见到你
            你好呀，给你问个好
            大家好，下午好
            (哈喽|嗨|你好呀)，(我又来啦|是我|见到你真开心)
            (小助手|手机助手)，(早上好|你好|晚上好)[呀|啊]
        """,
    ),
    en="Hello! How can I help you?",
    zh="你好！有什么可以帮你？",
)

WELLBEING = fact(
    phrasings(
        train_en="""
            how are you[ doing| feeling| today| now| this morning| tonight| doing today| feeling today]?
            (hello|hi|hey), how are you[ doing| today]?
            how (is|are) (it|things|everything) (going|with you)[ today]?
            how (do|are) you (feel|feeling|do)[ today| now]?
            how('s| is) (your day|it going|life|everything|your morning|your evening|your week)[ today| so far]?
            are you (ok|okay|well|fine|alright|good|happy)[ today]?
            (is everything|everything|all) (ok|okay|alright|good|fine|well)[ with you]?
            how have you been[ lately| recently]?
            (did|have) you (have|had) a (good|nice|great) (day|morning|night|week)?
            (i'm|i am) (fine|good|well|great), (and you|how are you|how about you)?
            how was your (day|morning|night|week|weekend)?
            i hope you are (well|fine|doing well|ok)
            (you|u) (ok|okay|alright|good)?
            (is|was) your (day|morning|week|night) (good|nice|ok|fine)[ so far| today]?
            (are|do) (you|things) (doing|going|feel) (well|fine|good|ok)[ today| now| lately]?
            (is|are) (everything|it|things) (well|fine|good) (there|on your side|at your place|over there)[ today]?
            hopefully you (are|feel) (fine|good|well|better)[ today| now]
        """,
        held_out_en="""
            i am well, and how are you today?
            i hope that you feel well today
            have you been ok lately?
            my friend, how (are you|is your day|do you feel)[ this evening| so far]
            is all well where you are[ this morning| today]?
        """,
        train_zh="""
            (你|您)(好吗|还好吗|怎么样|过得怎么样|过得好吗|今天好吗|今天怎么样|最近好吗|最近怎么样|今天过得怎么样|今天还好吗|最近还好吗)？
            (最近|今天|近来)(怎么样|如何|好吗|过得好吗|还好吗|过得如何)？
            你(今天|现在|最近)(心情|感觉|状态|情况)(怎么样|好吗|如何|还好吗)？
            (你好|嗨|嘿|早上好|您好)，(你好吗|最近怎么样|今天怎么样|你怎么样|过得好吗)？
            (一切|都|一切都)(好|顺利|还好|还顺利)吗？
            我(很好|挺好|还不错)，你呢？
            你(开心|高兴|快乐|累|忙)(吗|不)？
            (心情|状态)(怎么样|好吗)？
            (希望|祝)你(一切都好|今天开心|过得好)
            我(今天|最近|)(很好|不错|也很好|还行)，(你|那你)(呢|好吗|怎么样)？
            你(今天|最近|)(累不累|忙不忙|开不开心|辛苦吗)(，还行吗|，一切都好吗|)？
        """,
        held_out_zh="""
            你今天一切都顺利吗？
            嗨，你最近过得怎么样？
            早上好，今天感觉如何？
            (小助手|助手)，你(今天|最近)(过得好吗|怎么样|好不好)？
            (今天|最近)(有没有|)(不开心|累着)吗，你(还好吗|好吗)？
        """,
    ),
    en="I am fine, thank you. How can I help you?",
    zh="我很好，谢谢。有什么可以帮你？",
)

THANKS = fact(
    phrasings(
        train_en="""
            (thanks|thank you|thx|ty|many thanks|cheers|thank u|much appreciated)[ a lot| so much| very much| again| a million| for that| for this| for your help| for everything| for the help| for your answer]
            (thanks|thank you) (assistant|my friend|autoglm|for helping me|for your time|for doing that|for being there|for the quick answer|for the information)
            (ok|okay|great|perfect|good|nice|cool|wonderful|alright|super), (thanks|thank you)[ a lot| so much| very much]
            (that|this|it) (was|is) (very |really |so |)(helpful|useful|kind|nice)[ of you| thank you| thanks]
            (that|this|it) (helped|helps)[ me][ a lot| very much]
            i (appreciate|really appreciate) (it|that|this|your help)
            (i am|i'm) (grateful|very grateful|thankful|so thankful)[ to you| for that| for your help]
            you (helped|have helped) me[ a lot| very much]
            i (want|would like|wanted) to (thank you|say thanks|say thank you)[ for that| for your help]
            (you are|you're) (very |so |really |)(kind|helpful|nice|useful)
            (well|nicely|very well) done
            (good|great|nice|excellent|amazing|perfect) (job|work|answer|one)[ thank you| thanks]
            (awesome|excellent|perfect|wonderful|brilliant|fantastic|amazing|great|nice)
            i (like|love) (it|that|you|your answer|your work)
            you (are|were) (a big|a real|a true|such a) help[, thanks|, thank you| to me]
            what a (good|great|nice|clear|quick) (reply|job|help|idea)[, thanks|, thank you]
        """,
        held_out_en="""
            thank you, you have been so helpful
            thanks for everything you did
            i am very thankful for your time
            that is very kind, thank you so much
            i just wanted to thank you very much
            perfect answer, i appreciate that
            (what a useful answer|you did that so well|you saved my day), (thanks|thank you)[ again| my friend]
            oh (thank you|thanks) for (your nice work|the trouble you took)
            without your help i would be lost, thanks
        """,
        train_zh="""
            (谢谢|多谢|感谢|非常感谢|谢谢你|谢谢您|谢啦|谢了|十分感谢|太感谢了|辛苦了|谢谢啦|感谢你|万分感谢)[，助手|，小助手|，再见面聊|你的帮助|了|，很有用|，辛苦了]
            (好的|好|行|可以|很好|太好了|明白了|知道了|嗯)，(谢谢|谢谢你|多谢|感谢|谢谢您|谢啦)
            (谢谢|感谢|多谢)(你的|您的|)(帮忙|帮助|回答|解答|配合|支持)
            你(真|太|很|真是)(好|棒|厉害|有用|聪明|贴心|热心)[了]
            (做得|干得|回答得|说得)(好|很好|不错|真好|漂亮|太好了)
            (太棒了|真棒|很棒|厉害|完美|非常好|真不错|很不错|好极了|牛)
            (这|这个|你的回答)(很|非常|太|真)(有用|有帮助|好|不错)[了]
            你(帮了我|帮到我了|帮了我很多|帮了我大忙)
            我(很|非常|太|真的)(感谢|感激)(你|)
            (麻烦|辛苦)你了
            我(喜欢|爱)(你|这个回答|你的回答)
            (想|我想)(谢谢|感谢)你
        """,
        held_out_zh="""
            太感谢你的帮助了
            这下帮了我大忙，感激不尽
            你回答得很好，多谢
            我真的很感谢你帮忙
            真是太棒了，谢谢您
            (你真是帮了大忙|这个回答太有用了|你帮得真好)，(谢谢|感谢你|多谢你)
            (哎呀，|)(谢谢你|非常感谢)(做的这些|帮我这么多|这么快回答)
        """,
    ),
    en="You're welcome!",
    zh="不客气！",
)

GOODBYE = fact(
    phrasings(
        train_en="""
            (goodbye|bye|bye bye|good bye|see you|see ya|farewell|so long|cya|take care|ciao)[ assistant| then| now| for now| everyone| my friend| autoglm]
            (see you|talk to you|speak to you|meet you) (later|soon|tomorrow|next time|again|around|on monday|next week)
            (good night|night|nighty night|sleep well|sweet dreams)[ assistant| everyone| to you| my friend]
            (i have|i've got|i need|i want) to (go|leave|run)[ now| soon]
            (i'm|i am) (going|leaving|off|going to bed|going to sleep|out)[ now]
            (until|till) (next time|tomorrow|later|then|we meet again)
            have a (good|nice|great|lovely) (day|evening|night|weekend|one|time)[ goodbye| bye]
            (ok|okay|thanks|alright|well|great|fine), (bye|goodbye|see you|good night|see you later)
            (that's|that is) all, (bye|goodbye|see you)
            (time|it's time|it is time) to (go|say goodbye|leave|sleep)
            i'll (be back|see you|talk to you|come back) (later|tomorrow|soon)
            let's (stop|talk|speak) (talking|again tomorrow|later|another time)
            (i want|i have|i need|it is time|now it is time|i am here) to say (goodbye|bye|good night|see you)
            (goodbye|bye|see you), (until|till) (next time|tomorrow|monday|later|we meet again)
            (goodbye|bye|good night) and (have a nice day|sleep well|thanks|take care|see you soon|have a good evening|a nice weekend)
            (goodbye|bye|see you|good night)[,| my] (assistant|dear assistant|friend)
        """,
        held_out_en="""
            goodbye and have a lovely weekend
            i am leaving now, see you tomorrow
            now it is time for me to say goodbye
            i'm going to bed, sleep well
            (so|ok then), (i will go now|i must leave), (bye|goodbye|see you)[ soon| tomorrow]
            i (will|shall) (talk|speak) to you (again tomorrow|next week|another day), (bye|good night|goodbye)
        """,
        train_zh="""
            (再见|拜拜|拜|回见|再会|下次见|明天见|回头见|改天见|待会见|后会有期|一会儿见|下回见)[，助手|，小助手|了|啦|，朋友|吧]
            (晚安|睡了|我睡了|好梦|做个好梦|早点休息|我要睡觉了|我去睡了|该睡觉了)[，助手|，小助手|，再见|，明天见|啦]
            我(要|得|该|先)(走|离开|下线|下|休息|睡|去忙)了[，再见|，拜拜|，下次见]
            (好的|好|行|那|谢谢|就这样)，(再见|拜拜|晚安|下次见|明天见|回头见)
            (下次|明天|改天|以后|回头)(再聊|再说|见|聊|再来)[吧|，再见]
            (祝|祝你)(今天愉快|周末愉快|晚安|好梦|有个好心情)[，再见]
            (今天|这次)(就|先)(这样|到这里|聊到这里|到这)[了|吧]，(再见|拜拜|晚安)
            (跟你|和你|说)(说|)(再见|拜拜|晚安)
            (谢谢|谢谢你|多谢|感谢)，(我们|)(下次|改天|明天|回头)(再见|见|再聊)
            (明天|改天|有空|以后)(跟|和|找)你(聊|说)[，再见|，先走了|，拜拜]
            (我们|咱们)(明天|晚点|改天|以后)(接着|再|继续)(聊|说)[吧|，拜拜]
        """,
        held_out_zh="""
            我要去忙了，下次再聊
            小助手，今天先到这里，晚安
            我得走啦，改天再聊
            祝你好梦，拜拜
            该休息了，跟你说晚安
            (好啦|那好)，我这就(回家|去休息)啦，(拜拜|再见|晚安)
            我和你(下周|过几天)再聊，(再见|拜拜)
        """,
    ),
    en="Goodbye!",
    zh="再见！",
)

SORRY = fact(
    phrasings(
        train_en="""
            (sorry|i'm sorry|i am sorry|my apologies|i apologize|apologies|pardon|pardon me|excuse me|forgive me|my bad|oops|oops sorry)[ about that| for that| for this| for the mistake| for the trouble| for being late| for the confusion]
            (sorry|i'm sorry), (that was a mistake|my mistake|i was wrong|i made a mistake|that was wrong|i did not mean that|wrong button)
            (that was|it was|this was) (my mistake|my fault|a mistake|an error|an accident)[ sorry]
            i (made|just made) a (mistake|typo|typing error)[ sorry]
            i (did not|didn't) mean (that|it|to do that|to write that)
            i was (rude|wrong|impolite|mistaken)[ sorry]
            (please|can you) (forgive|excuse) me
            (forget|ignore|never mind) (that|it|what i said|my last message)
            never mind[ that| please]
            (my|please accept my|many) (apologies|apology)[, i was wrong|, it was my fault|, i am sorry| for that]
            (please |)forgive me[, i was wrong| for that| for my mistake| i'm sorry]
            it was (all |)(my fault|my mistake)[, sorry| i'm sorry|, please forgive me]
        """,
        held_out_en="""
            i'm sorry, that was my fault
            please forgive the trouble, i'm sorry
            oh no, (what have i done|how stupid of me), (sorry|my apologies|forgive me)
            (so |very )sorry for (the trouble i made|my typing errors)
            please excuse the wrong word i used
            that was not nice of me, i am sorry
        """,
        train_zh="""
            (对不起|抱歉|不好意思|很抱歉|非常抱歉|真对不起|sorry|实在抱歉|请原谅)[，我错了|，是我的错|，打错了|，说错了|，打扰了|，我弄错了|，助手|啊]
            (我|刚才|是我)(说错|打错|弄错|搞错|写错|点错|看错)了[字|，抱歉|，对不起|，不好意思]
            (是|这是|都是)我的(错|问题|失误|不对)[，抱歉]
            (请|你)(原谅我|别介意|别生气|不要介意)[，对不起]
            (打扰|麻烦)(你|您|)了，(抱歉|对不起|不好意思)
            我(不是|没有)(那个|这个)意思
            (算了|当我没说|没事了|忽略刚才的话|忘了吧|不用管了|没什么)
            我(向你|给你)道歉
        """,
        held_out_zh="""
            真抱歉，我刚才打错了字
            对不起，都是我的失误
            我弄错了，请原谅我
            是我不对，向你道歉
            (刚才|上一句)(说错|打错|写错)了，请你原谅
        """,
    ),
    en="No problem.",
    zh="没关系。",
)

FACTS = (GREETING, WELLBEING, THANKS, GOODBYE, SORRY)
WEIGHTS = (4, 2, 3, 2, 1)
THINKING: dict[Language, str] = {"en": "The user is being polite.", "zh": "用户在和我寒暄。"}


def small_talk(speaker: Speaker) -> Utterance:
    return tell("small_talk", speaker, speaker.rng.choices(FACTS, WEIGHTS)[0], THINKING)
