"""What is written beside a recording: what was said, or do it. Training and held-out phrasings differ."""

from training.text.frames import phrasings

# As the gateway asks for a transcription: inference.loading.loaded_model.TRANSCRIBE, without its torch.
TRANSCRIBE = "Write down what is said in this recording."

WORDS = phrasings(
    train_en="""
        what did i [just] say?
        what (do|did) you hear[ in (it|this recording|the recording)]?
        what can you hear[ in (it|this recording)]?
        what (was|is) said[ here| in it]?
        what (do|does|did) (my|the|this) (voice message|voice note|message|audio|clip) (say|tell you)?
        what (is|was) (said|spoken) in (my|the|this) (voice message|voice note|message|audio|clip)?
        what did you (hear|understand) in (my|the|this) (message|voice note|audio|clip)?
        what (have i said|was i saying|am i saying|am i telling you)[ there| here]?
        what (does|did) (the recording|this recording|the voice|the speaker|the person) say?
        (which|what) words (did i (use|say|speak)|do you hear|did you hear|were said|are spoken|can you make out)?
        (what is|what's) (the text|the transcript|the wording|the sentence)[ of (this|this recording|the recording)]?
        (what is|what's) (in|on) (this|the) recording?
        how would you (write|spell|put down) (this|what i said|my words)?
        (can|could) you (hear|understand|make out) what i (say|said)?
        (do you|did you) (hear|understand|know) what i (say|said)?
        *(write|note|put|take|jot) down (what i (say|said)|what (is|was) said|my words|every word|each word i said|the words|the sentence|the recording|this|it|what you heard)
        *(write|type|spell) out (what i (say|said)|what you (hear|heard)|what was said|my words|every word|the sentence|the recording|this)
        *(transcribe|type|put in writing) (this|it|the recording|this recording|what i said|what you hear|my words|my voice|the speech|the sentence|everything)
        *(turn|change|convert) (this|my voice|the recording|this recording|the speech|what i said) (to|into) (text|words|writing|written words)
        *(give|show|read|tell|send) me (the words|the text|the transcript|a transcript|the sentence|the exact words)[ of (this|this recording|the recording)]
        *(tell|show) me what (i just said|was said|you heard|you hear|you understood)
        *(repeat|quote|copy|echo) (what i said|what was said|what you hear|what you heard|my words|the words|the sentence)
        *(transcribe|read out|quote|spell out) (my|the|this) (voice message|voice note|message|audio|clip)
        *(turn|change) (my|the|this) (message|voice note|audio|clip) into (words|writing)
        *make (text|a text|a transcript|a sentence) (of|from) (this|the recording|what i said)
        i (want|need|would like) (the text|the transcript|a transcript|the words|the wording)[ of (this|this recording|the recording)]
        i (want|need|would like) to (read|see) (what i said|my words|the text|the words)
        i (want|need|would like) (this|it|the recording|what i said) in (writing|words|text)
        (just|only) the (words|text|transcript)[, please|, do nothing]
        (text|words|transcript|wording)[ of the recording][, please]
    """,
    held_out_en="""
        Write down what I said in the recording.
        I would like to have all of my spoken words as text.
        What did I say in the voice message?
        Please type out the words that I said.
        Could you put my voice message into text?
        Listen to the audio and write down every word.
        Which words do you hear in this recording?
        Tell me what I said, word for word
    """,
    train_zh="""
        我[都|刚刚|到底]说了(什么|些什么|哪些话|什么话|哪些字)？
        我刚才说了(什么|些什么|哪些话)？
        我[刚才|刚刚](说的|讲的)是(什么|什么话|哪句话|哪些字)？
        (录音|这段录音|这条录音|录音里|语音里|这条语音里)(说了什么|讲了什么|说的是什么|讲的是什么|说的是哪句话|说了哪些话|有哪些字)？
        这段语音(讲了什么|说的是什么|讲的是什么)？
        你(听到|听见|听出|听清)了(什么|哪些话|哪些字|哪几个字)？
        你(听见|听清|听懂|听到)我说什么了吗？
        (录音|语音|这段录音|这条语音|这段语音)的(内容|文字|原文|原话|文本)是什么？
        (这句话|我的话|这段话)(怎么写|写出来是什么|是怎么说的|用文字怎么写)？
        *(写下|记下|打出|抄下|写一下|记一下)(录音里的话|我说的话|我的话|这句话|录音的内容|听到的内容|我说的内容|每个字|听到的字)
        *把(我说的话|我的话|录音里的话|这段话|这句话|录音内容|语音|这段语音|我说的|听到的)(写下来|记下来|转成文字|打成文字|变成文字|打出来|写成文字|转为文本|写出来|抄下来|转写出来)
        *(转写|听写|记录|转录)(这段录音|这段语音|这句话|我的话|我说的话|一下|录音内容)
        *(语音|录音|声音|说话)转(文字|文本|成文字|写)
        *(重复|复述|引用)[一遍|一下](我说的话|我的话|录音里的话|我刚才说的|这句话)
        *(告诉我|给我看|给出|显示|发给我)(录音的内容|录音的文字|录音的原文|我说的内容|原话|文字稿|这句话的文字)
        *告诉我(我说了什么|我刚才说了什么|你听到了什么|录音里说了什么)
        我(要|想要|需要)(这段话的文字|录音的文字|文字稿|原文|原话)
        我想(看看|知道|看)(我说了什么|录音的文字|原话是什么|这句话怎么写)
        (只要|我只要)(文字|原话|文字稿|内容)[，不用做|，不要执行]
        (文字|原话|录音文字|文字稿)
    """,
    held_out_zh="""
        把我录音里说的话写下来
        我在录音里说了什么？
        我想要这段录音的文字稿
        听一下录音，写出我说的每个字
        麻烦记下我语音里的原话
        这段语音说的是什么，写给我看
        请将语音中的每句话都变成文字
    """,
)

ORDERS = phrasings(
    train_en="""
        *(do|follow|carry out|execute|perform|obey|act on|complete|fulfil|finish) (what i (say|said|ask|asked for|tell you|want)|what (is said|is asked|is wanted|the recording says|the voice says|the speaker wants|you hear))
        *(do|follow|carry out|execute|act on|complete) what (you hear|you heard|is said|is asked|i say|i said|i tell you|the voice says) (in it|on the recording|in the audio|in this voice message|in my message|there|on it)
        *(do|carry out|perform) (everything|all|the thing|whatever) (you hear|that is said|i say|i ask)[ in it| on the recording| in the audio]
        *(follow|carry out|execute|perform|obey|act on|complete|fulfil) (the|my|this|that) (command|instruction|order|request|voice command|task|recording)
        *do (it|this|that|so|this for me|it for me|as told|as asked|as i ask|what you are told|the task|this task|your task)
        *(listen|listen to me|listen to my voice|listen to this|hear me|hear this)[,] (and|then) (act|do it|do this|do that|act on it|carry it out|follow it|obey|help me|do what i ask|start)
        *(follow|carry out|do) the (instruction|order|command|task) (in|of|from) (the|this) recording
        *(take care of|see to|handle|deal with|go ahead with|start with|get going with) (this|it|that|my request|the request|what i want)
        help me with (this|it|that|my request|what i want)
        *(make it happen|get it done|get this done|act on it|act accordingly|carry it out|act on my words|act)
        *(execute|follow|carry out) the (spoken|recorded) (command|order|instruction|request)
        *(answer|respond to|react to) (what i say|what i said|me|the recording|my request)
        *use the phone (as i say|as i ask|as told|for me)
        what (should|has to|is to|must) be done[ on the phone| now| next]?
        what (should|would|will) you do[ now| next| on the phone| about it]?
        what do i want you to do?
        which action (do i want|is asked for|is needed|is meant|is right|comes next)?
        what is (the|the right|your) (action|next step|next action)?
        i (want|need|would like) you to (do|follow|carry out|perform) (this|it|what i say|what i said|my command)
        (my voice|the recording|this recording) (tells|says|told) you what to do
        (go ahead|go|go on|start|begin|ready)[ now][, do it]
        (just|only) (do it|act|the action)[, no text]
    """,
    held_out_en="""
        Please follow the instruction in my voice message.
        Can you carry out what I asked for in the audio?
        Listen to the recording and do it.
        I told you what to do, please do it now.
        Could you do the thing I asked for in the recording?
        My recording says what I want, please do that.
    """,
    train_zh="""
        *(照|按|按照|依照|根据)(我说的|我的话|录音|录音里说的|我的要求|我的指令|语音|语音里说的|听到的)(做|去做|操作|执行|来做|办|行动)
        *(执行|完成|遵照|听从|落实|办理|照办)(这条|这个|录音里的|语音|我的|语音里的|录音里)(指令|命令|任务|要求|请求)
        帮我(做|完成|执行|办|处理|弄)(这件事|一下|这个|这件事情|这条指令|我要的事|这个任务)
        *(听录音|听我说|听我的话|听这段录音|听完录音|听语音|听我的|听完)(，然后|，再|，|然后|再)(去做|操作|执行|照办|帮我做|行动|操作手机|去办)
        *(做|去做|办)(录音里说的事|我说的事|我要你做的事|我说的|语音里说的事|我要的事)
        *(完成|办好)(我说的事|我要的事|语音里说的事|这件事)
        *听我的话去(做|办|操作)
        *操作手机
        (照办|去做吧|动手吧|开始吧|去办吧|执行吧|马上做|做吧|行动吧)
        (应该|该|要|需要|接下来|下一步)(做什么|怎么操作|做哪个操作|怎么做|干什么)？
        我(要|想|想让|希望)你做什么？
        我(要|希望|想让)你(做这件事|这么做|照我说的做|执行这条指令|帮我做)
        (是哪个操作|用哪个动作|对应什么操作|我要的操作是什么|要执行什么)？
        *(回答|回应)(我说的话|我|录音里的要求|我的要求)
        (录音|语音|我的声音)告诉你(做什么|要做什么|该做什么|怎么做)[了]
        (只要|我只要)(动作|操作|做就行)[，不要文字]
    """,
    held_out_zh="""
        听一下录音，然后照做
        我在语音里说了要做什么，帮我做吧
        能按照我录音里的要求操作吗？
        录音里让你干什么，你就干什么
        我的要求都在录音里，请照办
    """,
)
