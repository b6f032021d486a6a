"""Small sums: plus and minus up to 20, times up to 10, in figures or words; the answer is in figures."""

from training.text.numbers import in_words
from training.text.phrasings import sayings, words
from training.text.speaker import Speaker, Utterance

NAMES = {"+": "plus", "-": "minus", "*": "times"}  # of the lists in `phrasings/arithmetic.toml`
SHOWN = {"+": "+", "-": "-", "*": "×"}
LARGEST = {"+": 20, "-": 20, "*": 10}


def arithmetic(speaker: Speaker) -> Utterance:
    asking, sign = sayings("arithmetic")["sum"], speaker.choose("+-*")
    first, second = (speaker.between(0, LARGEST[sign]) for _ in range(2))
    result = {"+": first + second, "-": first - second, "*": first * second}[sign]
    thinking = asking.thoughts[speaker.language].format(f"{first} {SHOWN[sign]} {second} = {result}")
    return Utterance(
        "arithmetic",
        speaker.say(asking.phrasings, sum=written_sum(speaker, first, sign, second)),
        str(result),
        thinking,
    )


def written_sum(speaker: Speaker, first: int, sign: str, second: int) -> str:
    """Operands up to 999; `sign` is one of "+-*"."""
    in_figures = speaker.chance(0.6)
    operands = [str(n) if in_figures else in_words(n, speaker.language) for n in (first, second)]
    if speaker.chance(0.12):
        worded = words("arithmetic")[f"{NAMES[sign]}_in_words"][speaker.language]
        return speaker.choose(worded).format(*operands)
    signs = words("arithmetic")[NAMES[sign]][speaker.language]
    if not in_figures:
        signs = tuple(each for each in signs if any(map(str.isalpha, each)) and "x" not in each)
    return speaker.choose(signs).join(operands)
