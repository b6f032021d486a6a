"""A GLM-4 whose weights are a table: each token has one successor. So every engine must write the same.

It computes attention and the feed-forward layers like any other, and adds nothing of them. After a prompt
without thinking it writes REPLY, after one with thinking THOUGHT first. If a grammar does not let it end, it
begins a call of a tool, and then writes what the grammar leaves it.
"""

import json
from itertools import pairwise
from pathlib import Path

import torch

from ....tiny_checkpoints import CONTROL_TOKENS, EOS, TAGS, VOCAB_SIZE, edit_json, write_glm4

REPLY = "one two three four five six seven eight"
THOUGHT = "let us count"
BEGIN_CALL = "<tool_call>"
CONTEXT_LENGTH = 1024
HIDDEN_SIZE = 64
LOGIT_SCALE = 4.0  # times the root of HIDDEN_SIZE: nothing else is ever drawn

_IF_IT_MUST_NOT = "{%- if enable_thinking is defined and not enable_thinking -%}"
# As GLM-4.5 has it: thinks unless it must not. llama.cpp finds out from it how thoughts are marked.
TEMPLATE = (
    "{%- if tools -%}<|system|>{%- for tool in tools -%}{{ tool | tojson }}{%- endfor -%}{%- endif -%}"
    "{%- for m in messages -%}<|{{ m.role }}|>"
    "{%- if m.role == 'assistant' -%}<think>{{ m.reasoning_content or '' }}</think>{%- endif -%}"
    "{%- if m.content is string -%}{{ m.content }}{%- else -%}"
    "{%- for p in m.content -%}{{ p.text }}{%- endfor -%}{%- endif -%}"
    "{%- for call in m.tool_calls or [] -%}"
    f"{BEGIN_CALL}"
    """{{ {"name": call.function.name, "arguments": call.function.arguments} | tojson }}"""
    "</tool_call>{%- endfor -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|assistant|>"
    f"{_IF_IT_MUST_NOT}<think></think>{{%- endif -%}}{{%- endif -%}}"
)

_ASSISTANT = EOS + CONTROL_TOKENS.index("<|assistant|>")
_THINK, _END_OF_THOUGHT = (EOS + len(CONTROL_TOKENS) + index for index in range(len(TAGS)))


def write_canned_glm4(directory: Path, *, can_think: bool = True) -> None:
    """`can_think=False` is for engines that cannot be told not to.

    The words of both texts are tokens, which no prompt contains, since nothing merges to them.
    """
    words = [*_words(THOUGHT), *_words(REPLY), BEGIN_CALL]
    ids = [VOCAB_SIZE + index for index in range(len(words))]
    thought, reply = ids[: len(_words(THOUGHT))], ids[len(_words(THOUGHT)) : -1]
    model = write_glm4(
        directory,
        vocab_size=VOCAB_SIZE + len(words),
        hidden_size=HIDDEN_SIZE,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        num_hidden_layers=1,
        max_position_embeddings=CONTEXT_LENGTH,
    )
    successors = dict(pairwise([_ASSISTANT, _THINK, *thought, _END_OF_THOUGHT, *reply, EOS]))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter.zero_()
            elif name.endswith("norm.weight"):
                parameter.fill_(1.0)
        embedding, head = model.model.embed_tokens.weight, model.lm_head.weight
        embedding.zero_()
        embedding[:, -1] = (
            1.0  # the state of all other tokens: after them the end, or else anything but space
        )
        head.zero_()
        head[_not_space(directory), -1] = LOGIT_SCALE
        head[EOS, -1] = LOGIT_SCALE * 2
        for state, (token_id, successor) in enumerate(successors.items()):
            embedding[token_id] = 0.0
            embedding[token_id, state] = 1.0
            head[successor, state] = LOGIT_SCALE
            if successor == EOS:
                head[ids[-1], state] = LOGIT_SCALE / 2
    model.save_pretrained(directory)
    template = TEMPLATE if can_think else TEMPLATE.replace(_IF_IT_MUST_NOT, "{%- if true -%}")
    (directory / "chat_template.jinja").write_text(template)
    _add_words(directory, dict(zip(words, ids, strict=True)))


def _not_space(directory: Path) -> list[int]:
    vocabulary = json.loads((directory / "tokenizer.json").read_text())["model"]["vocab"]
    return [vocabulary[chr(code)] for code in range(ord("!"), ord("~") + 1)]


def _words(text: str) -> list[str]:
    """With the space before them, in the alphabet of byte-level tokenizers."""
    first, *others = text.split()
    return [first, *(f"Ġ{word}" for word in others)]


def _add_words(directory: Path, words: dict[str, int]) -> None:
    """Added tokens that the vocabulary does not have would get ids after its last one."""
    path = directory / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    added = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    vocabulary = tokenizer["model"]["vocab"] | added | words
    edit_json(path, model=tokenizer["model"] | {"vocab": vocabulary})
    (directory / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": CONTROL_TOKENS[0]})
    )
