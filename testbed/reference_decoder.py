"""One GLM-4 decoder, for transformers and for the engine alike: 15.7 million random parameters, or the
embedded model's 9.7 million.

Prompts and answers are token ids: the engine's texts spell them as Chinese characters, one each, so
that every token that is generated is streamed and can be compared.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from inference.backends.in_process import InProcessBackend
from inference.config import EMBEDDED_MODEL, EngineConfig
from inference.constraints.glm_calls import GlmCalls
from inference.loading.registry import load_model
from inference.models.decoder import Decoder
from inference.models.prompt import EncodedPrompt
from inference.stepwise import Stepwise
from inference.torchaudio_shim import import_torchaudio
from inference.types import GenerationRequest, Message, SamplingParams, Task, Text, ToolDefinition
from testbed.unpack import unpacked_weights

import_torchaudio()  # before transformers does

from transformers import Glm4Config, Glm4ForCausalLM  # noqa: E402 - see above

Quantization = Literal["int8", "none"]

VOCABULARY = 8192
EMBEDDED_VOCABULARY = 4096  # the smaller one: prompts are for both
CONTEXT_LENGTH = 1024
NO_TOKEN = VOCABULARY  # as the end of text: nothing ends by chance
FIRST_CHARACTER = 0x4E00
SEED = 0


class TokenModel:
    """A model whose text is its token ids."""

    name = "glm4"
    created = 0
    context_length = CONTEXT_LENGTH
    modalities = frozenset({"text"})
    has_reasoning = False
    tool_format = GlmCalls()
    all_special_ids: list[int] = []  # noqa: RUF012 - as transformers has it

    def __init__(self, decoder: Decoder, eos_token_id: int = NO_TOKEN) -> None:
        self.decoder = decoder
        self.eos_token_ids = frozenset({eos_token_id})
        self.image_fit = None
        self.tokenizer = self

    def convert_ids_to_tokens(self, ids: int) -> str | None:
        return chr(FIRST_CHARACTER + ids)

    def encode_text(self, text: str, is_reply: bool = False) -> list[int]:
        return to_tokens(text)

    def encode_stepwise(
        self,
        messages: tuple[Message, ...],
        enable_thinking: bool,
        task: Task,
        admit: Callable[[int], None],
        tools: tuple[ToolDefinition, ...] = (),
    ) -> Stepwise[EncodedPrompt]:
        (part,) = messages[0].parts
        assert isinstance(part, Text)
        token_ids = to_tokens(part.text)
        admit(len(token_ids))
        yield from ()
        return EncodedPrompt(tuple(token_ids))


def random_decoder() -> Glm4ForCausalLM:
    torch.manual_seed(SEED)
    config = Glm4Config(
        vocab_size=VOCABULARY,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=8,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=CONTEXT_LENGTH,
        pad_token_id=0,
        eos_token_id=[NO_TOKEN],
        initializer_range=0.2,  # wide enough that no two tokens are nearly equally likely
        tie_word_embeddings=True,
        architectures=["Glm4ForCausalLM"],
    )
    return Glm4ForCausalLM(config)


def embedded_decoder() -> Glm4ForCausalLM:
    """In floats, which become the same int8 again when they are quantised."""
    weights = unpacked_weights(EMBEDDED_MODEL)
    floats = {name: tensor for name, tensor in weights.items() if name.startswith("model.")}
    floats["model.embed_tokens.weight"] = weights["text_embedding.weight"]
    floats["lm_head.weight"] = floats["model.embed_tokens.weight"]
    text_config = json.loads((EMBEDDED_MODEL / "config.json").read_text())["text_config"]
    reference = Glm4ForCausalLM(Glm4Config(**text_config, pad_token_id=0, eos_token_id=[NO_TOKEN]))
    reference.load_state_dict(floats)
    return reference


def to_text(token_ids: list[int]) -> str:
    return "".join(chr(FIRST_CHARACTER + token_id) for token_id in token_ids)


def to_tokens(text: str) -> list[int]:
    return [ord(character) - FIRST_CHARACTER for character in text]


@dataclass(frozen=True, slots=True)
class ReferenceDecoder:
    """The same weights twice: in transformers' module, and on disk for the engine."""

    directory: Path
    reference: Glm4ForCausalLM

    @classmethod
    def write(cls, directory: Path, is_embedded: bool = False) -> "ReferenceDecoder":
        reference = embedded_decoder() if is_embedded else random_decoder()
        reference.train(False).save_pretrained(directory)
        _write_tokenizer(directory)
        return cls(directory, reference)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.reference.parameters())

    def load(self, quantization: Quantization = "none") -> TokenModel:
        return TokenModel(load_model(str(self.directory), "cpu", quantization).decoder)

    def backend(self, quantization: Quantization = "none") -> InProcessBackend:
        """Unstarted."""
        config = EngineConfig(kv_cache_tokens=32_768, max_waiting_requests=4096)
        return InProcessBackend(config, lambda *arguments: self.load(quantization))


def request(prompt: list[int], max_tokens: int, user: str = "") -> GenerationRequest:
    return GenerationRequest(
        request_id="benchmark",
        messages=(Message("user", (Text(to_text(prompt)),)),),
        sampling_params=SamplingParams(max_tokens=max_tokens, temperature=0.0),
        fairness_key=user,
    )


def random_prompt(length: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    tokens: list[int] = torch.randint(EMBEDDED_VOCABULARY, (length,), generator=generator).tolist()
    return tokens


def _write_tokenizer(directory: Path) -> None:
    """Not used, but a checkpoint has one."""
    from tokenizers import Tokenizer, models

    Tokenizer(models.BPE({"x": 0}, [])).save(str(directory / "tokenizer.json"))
    (directory / "chat_template.jinja").write_text("{{ messages }}")
