"""Repeat after me: the answer is the text and nothing else."""

from training.text.copied_text import copied_text
from training.text.frames import phrasings
from training.text.speaker import Speaker, Utterance

REPEAT = phrasings(
    train_en="""
        *repeat [after me|this|it|the following|these words|this text|this sentence|exactly]: {text}
        *repeat (after me|the words|the text|what i say|the following) {text}
        *(say|echo|copy|parrot|reproduce) {text}
        *(say|echo|copy|repeat|parrot|reproduce) (this|exactly this|the following|these words|the text|this sentence|what follows): {text}
        *(say|repeat|echo|copy|reproduce) "{text}"
        *(say|repeat|echo) '{text}'
        *(say|repeat|echo|copy) (the words|the text|the phrase|the sentence) "{text}"
        *say after me: {text}
        *(answer|reply|respond) (with|only with|just with|exactly with) "{text}"
        *(answer|reply|respond) (with|only with|just with): {text}
        *(say|repeat) (word for word|back to me|once more|again|it back): {text}
        *(give|tell|read) me back (this|these words|the text|what i wrote): {text}
        *(speak|say) after me: {text}
        *your answer (is|should be|must be): {text}
        i (want|need|would like) you to (say|repeat|echo|copy) [this|the following|after me]: {text}
        i (want|need) you to say "{text}"
        (can|could|will|would) you (say|repeat|echo|copy) [this|the following|after me]: {text}
        (can|could|will) you (say|repeat) "{text}"?
        let me hear you say: {text}
        let me hear "{text}"
        repeat after me, {text}
        i say {text}, you (say|repeat|say it|repeat it)
        now (you say|repeat|say): {text}
        after me: {text}
        the same words again: {text}
        how does it sound if you repeat "{text}"?
        the (text|sentence|phrase|words) (to repeat|to say|you repeat|you must say|you must repeat|for you to repeat) (is|are): {text}
        what you (should|must) (say|repeat) is: {text}
        *(tell|give) me the (words|text|sentence) "{text}"[ again| back]
        i('d| would) like to hear "{text}"
        *(reply|answer|respond) (exactly |only |just |)with this: {text}
    """,
    held_out_en="""
        *say this text word for word: {text}
        i would like to hear you say "{text}"
        could you say these words after me: {text}
        let me hear these words from you: {text}
        your whole reply shall be: {text}
        *answer me with nothing but "{text}"
    """,
    train_zh="""
        *(跟我说|跟我读|跟我念|跟着我说|跟着我念|重复|复述|照着说|照说|念|念一遍|说一遍|重复一遍|复读)[：|，]{text}
        *(重复|复述|说出|念出)(这句话|下面的话|以下内容|我的话|这些字|下面这句|这段话|这几个字|一下)：{text}
        *(重复|说|念|复述)“{text}”
        *(重复|说|念|复述)「{text}」
        *(把)“{text}”(重复一遍|说一遍|念一遍|复述一遍|再说一次|念出来|说出来)
        *把{text}(重复一遍|说一遍|念一遍|复述一遍|念出来)
        *(只|只要)(回答|回复|说)“{text}”
        *(只|只要)(回答|回复|说)：{text}
        *(原样|原封不动地|一字不差地)(重复|说|复述|输出|回复)：{text}
        *(学我|照着我|模仿我)(说|说话|念)：{text}
        *(照抄|抄写|抄一遍|复制)[这句话|这段文字|下面的文字]：{text}
        我(想|要)你(说|重复|念)：{text}
        我(想|要)你(说|重复|念)“{text}”
        我说{text}，你(也说|跟着说|重复|重复一遍)
        (能|可以)(重复|说|念)“{text}”吗？
        (跟我|跟着我)[一起](说|读|念)[一遍]：{text}
        你的(回答|回复)是：{text}
        (回复|回答)(我|)：{text}
        (现在|来)，跟我(说|念)：{text}
        我想听你(说|念)：{text}
        *(照着|跟着)(念|读)一遍：{text}
        *(说|念)(这几个|下面的|以下的|这些)字：{text}
        你(要|应该)(重复|说|念)的是：{text}
        我想听你说“{text}”
    """,
    held_out_zh="""
        *照着我的话说一遍：{text}
        *一字不差地念出来：{text}
        *跟着我重复一遍：{text}
        *说出下面这几个字：{text}
        *原样复述“{text}”这句话
        你只要跟我说：{text}
    """,
)

THINKING = {"en": "The user wants me to repeat a text.", "zh": "用户想让我重复一段话。"}


def repeat(speaker: Speaker) -> Utterance:
    text = copied_text(speaker)
    return Utterance("repeat", speaker.say(REPEAT, text=text), text, THINKING[speaker.language])
