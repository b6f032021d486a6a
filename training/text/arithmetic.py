"""Small sums: plus and minus up to 20, times up to 10, in figures or words; the answer is in figures."""

from training.example import Language
from training.text.frames import phrasings
from training.text.numbers import in_words
from training.text.speaker import Speaker, Utterance

SUM = phrasings(
    train_en="""
        what is {sum}?
        what's {sum}?
        (whats|what does) {sum} (equal|make|give|come to|get)?
        how much (is|does|would be) {sum}[ make]?
        (can|could) you (calculate|compute|work out|add up|do|solve) {sum}?
        (can|could) you tell me (what|how much) {sum} is?
        do you know (what|how much) {sum} is?
        *(calculate|compute|work out|solve|figure out) {sum}
        *(tell|give) me (the result of|the answer to|the value of) {sum}
        *tell me (what|how much) {sum} (is|makes)
        *do the (math|sum|calculation): {sum}
        *do this (calculation|sum)[ for me]: {sum}
        {sum}
        {sum} =
        {sum} = ?
        {sum} (is|equals|makes) what?
        {sum} (is|equals|makes)
        {sum}, how much is that?
        {sum}, what is (it|that|the result)?
        (the result|the answer) (of|to) {sum}[ please]
        i (need|want) [to know ](the result of|the answer to) {sum}
        i (need|want) to (know|calculate|compute) (what {sum} is|{sum})
        what (do i|do you|do we) get (for|from|with) {sum}?
        what (is|would be) the (result|answer|value) of {sum}?
        a (sum|little math|calculation): {sum}
        math (question|problem): {sum}
        if i (calculate|compute) {sum}, what do i get?
        let's (calculate|compute) {sum}
        quick math: {sum}
        solve this: {sum}
        is {sum} hard? what is it?
        (my|a|one|here is a|the) (question|sum|problem): [what is |how much is ]{sum}?
        (please |)(work it out|solve it|calculate it|help me): {sum}
        (just|only|simply) (the result|the answer|the number) (of|for) {sum}[ please]
    """,
    held_out_en="""
        *give me just the result: {sum}
        *work this out for me: {sum}
        what do we get if we calculate {sum}?
        can you say how much {sum} makes?
        i want to know how much {sum} is
        the sum is {sum}, what is the answer?
    """,
    train_zh="""
        {sum}(等于多少|等于几|是多少|是几|得多少|得几|等于|得|的结果是多少|的结果|的答案是什么)？
        {sum}
        {sum}=
        {sum}=？
        {sum}=多少
        *(算|计算|算一下|计算一下|算算|算出|求|求一下){sum}
        *(算|计算|算一下|求){sum}(等于多少|是多少|的结果|等于几|的值)
        *(告诉我|说说){sum}(等于多少|是多少|等于几|的结果|的答案)
        (我想知道|你知道|我要知道){sum}(等于多少|是多少|等于几|得几)[吗]？
        (能|可以)(算|计算|算一下|帮我算){sum}吗？
        (数学题|算术题|算一道题|一道题|小题目|口算)：{sum}
        {sum}，(结果是多少|答案是什么|是多少|等于几|算一下)？
        (问题|题目)：{sum}(等于多少|等于几|是多少|)？
        {sum}的(和|值|得数)是多少？
        我(想|要)算{sum}
        那{sum}呢？
        (如果|要是)算{sum}，(得|是|等于)多少？
        多少是{sum}的(结果|答案)？
    """,
    held_out_zh="""
        *算一算{sum}是几
        *告诉我答案，{sum}等于几？
        *计算一下{sum}得多少
        我想知道{sum}的答案
        这道题是{sum}，答案是多少？
        你能告诉我{sum}等于多少吗？
        {sum}的结果是几？
    """,
)

SIGNS: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "+": ("+", " + ", " plus ", " plus ", " and ", " added to "),
        "-": ("-", " - ", " minus ", " minus ", " take away "),
        "*": ("*", " * ", " x ", "x", " × ", "×", " times ", " times ", " multiplied by "),
    },
    "zh": {
        "+": ("+", " + ", "加", "加", "加上", "＋"),
        "-": ("-", " - ", "减", "减", "减去"),
        "*": ("*", "×", " × ", "x", "乘", "乘以", "乘以", "乘上"),
    },
}
WORDED: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "+": ("the sum of {0} and {1}", "{0} and {1} together"),
        "-": ("the difference of {0} and {1}", "{1} taken from {0}", "{1} less than {0}"),
        "*": ("the product of {0} and {1}",),
    },
    "zh": {
        "+": ("{0}和{1}相加", "{0}与{1}的和"),
        "-": ("{0}和{1}的差", "从{0}里减去{1}"),
        "*": ("{0}和{1}相乘", "{0}与{1}的积"),
    },
}
SHOWN = {"+": "+", "-": "-", "*": "×"}
LARGEST = {"+": 20, "-": 20, "*": 10}
THINKING = {"en": "The user asks for {}.", "zh": "用户想知道{}。"}


def arithmetic(speaker: Speaker) -> Utterance:
    sign = speaker.choose("+-*")
    first, second = (speaker.between(0, LARGEST[sign]) for _ in range(2))
    result = {"+": first + second, "-": first - second, "*": first * second}[sign]
    thinking = THINKING[speaker.language].format(f"{first} {SHOWN[sign]} {second} = {result}")
    return Utterance(
        "arithmetic",
        speaker.say(SUM, sum=written_sum(speaker, first, sign, second)),
        str(result),
        thinking,
    )


def written_sum(speaker: Speaker, first: int, sign: str, second: int) -> str:
    """Operands up to 999; `sign` is one of "+-*"."""
    in_figures = speaker.chance(0.6)
    operands = [str(n) if in_figures else in_words(n, speaker.language) for n in (first, second)]
    if speaker.chance(0.12):
        return speaker.choose(WORDED[speaker.language][sign]).format(*operands)
    signs = SIGNS[speaker.language][sign]
    if not in_figures:
        signs = tuple(
            words for words in signs if any(letter.isalpha() for letter in words) and "x" not in words
        )
    return speaker.choose(signs).join(operands)
