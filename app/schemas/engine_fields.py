"""Fields that vLLM, SGLang and others take beyond OpenAI's, and that would change a response.

This gateway does not honour them. It refuses them by name, unless their value changes nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

from app.schemas.openai_output import refuse

NOTHING: Final[tuple[Any, ...]] = (None, False, 0, "", [], {})  # what most of them are when they are off

# The values of a field that change nothing.
COMMON: Final[dict[str, tuple[Any, ...]]] = {
    "bad_words": NOTHING,
    "continue_final_message": NOTHING,
    "ebnf": NOTHING,
    "echo": NOTHING,
    "ignore_eos": NOTHING,
    "include_stop_str_in_output": NOTHING,
    "json_schema": NOTHING,
    "length_penalty": (None, 1),
    "logits_processors": NOTHING,
    "min_p": NOTHING,
    "min_tokens": NOTHING,
    "prompt_logprobs": NOTHING,
    "regex": NOTHING,
    "repetition_penalty": (None, 1),
    "stop_token_ids": NOTHING,
    "structural_tag": NOTHING,
    "truncate_prompt_tokens": NOTHING,
    "use_beam_search": NOTHING,
}
OF_CHAT_COMPLETIONS: Final[dict[str, tuple[Any, ...]]] = {**COMMON, "best_of": (None, 1)}
OF_RESPONSES: Final[dict[str, tuple[Any, ...]]] = {  # chat completions have these fields
    **COMMON,
    "frequency_penalty": NOTHING,
    "logit_bias": NOTHING,
    "n": (None, 1),
    "presence_penalty": NOTHING,
    "response_format": NOTHING,
    "seed": (None,),
    "stop": NOTHING,
}


def refuse_engine_fields(
    unknown: Mapping[str, Any] | None, known_here: Mapping[str, tuple[Any, ...]]
) -> None:
    """`unknown`: the fields of a request that its schema does not have. Raises `UnsupportedParameter`."""
    for field, value in (unknown or {}).items():
        if field in known_here and value not in known_here[field]:
            refuse(field)
