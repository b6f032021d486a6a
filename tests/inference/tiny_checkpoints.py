"""Tiny random checkpoints on disk, and a driver that takes a decoder through a schedule of steps."""

import json
import random
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from inference.engine.cache_tensors import allocate_kv_cache
from inference.kernels.forward_batch import ForwardBatch
from inference.models.decoder import Decoder
from inference.torchaudio_shim import import_torchaudio

import_torchaudio()  # before transformers does

from transformers import (  # noqa: E402 - see above
    Glm4Config,
    Glm4ForCausalLM,
    Glm4vConfig,
    Glm4vForConditionalGeneration,
)
from transformers.models.glm4v.image_processing_pil_glm4v import (  # noqa: E402
    Glm4vImageProcessorPil as Glm4vImageProcessorPil,  # tests import it from here, after the shim
)

CONTROL_TOKENS = [f"<|{name}|>" for name in ("endoftext", "system", "user", "assistant", "image", "audio")]
TAGS = ["<think>", "</think>"]
VOCAB_SIZE = 256 + len(CONTROL_TOKENS) + len(TAGS)
EOS = 256
IMAGE_TOKEN_ID = EOS + CONTROL_TOKENS.index("<|image|>")
TEMPLATE = (
    "{%- for m in messages -%}<|{{ m.role }}|>"
    "{%- if m.content is string -%}{{ m.content }}{%- else -%}{%- for p in m.content -%}"
    "{{ p.text if p.type == 'text' else '<|' + p.type + '|>' }}{%- endfor -%}{%- endif -%}"
    "{%- endfor -%}{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}"
    "{{ '' if enable_thinking else '<think></think>' }}"
)
BLOCK_SIZE = 16

Chunk = tuple[int, int, int]  # sequence, start, end
Step = list[Chunk]


def write_tokenizer(directory: Path) -> None:
    """Bytes, control tokens and tags; no merges."""
    vocabulary = {symbol: index for index, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(CONTROL_TOKENS)
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in TAGS])
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "chat_template.jinja").write_text(TEMPLATE)


def write_glm4(directory: Path, **changes: Any) -> Glm4ForCausalLM:
    """Saves a random Glm4ForCausalLM in float32 as transformers does, and returns it."""
    fields: dict[str, Any] = {
        "vocab_size": VOCAB_SIZE,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 1024,
        "pad_token_id": EOS,
        "eos_token_id": [EOS],
        "initializer_range": 0.2,
        "architectures": ["Glm4ForCausalLM"],
    }
    torch.manual_seed(0)
    reference = Glm4ForCausalLM(Glm4Config(**(fields | changes))).eval()
    for name, parameter in reference.named_parameters():
        if name.endswith(("bias", "norm.weight", "layernorm.weight")):
            torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.2)
    reference.save_pretrained(directory)
    write_tokenizer(directory)
    return reference


def write_glm4v(
    directory: Path, dtype: torch.dtype = torch.float32, **text_config: Any
) -> Glm4vForConditionalGeneration:
    """Saves a random Glm4vForConditionalGeneration as transformers does, and returns it."""
    torch.manual_seed(0)
    hidden_size = text_config.get("hidden_size", 64)
    config = Glm4vConfig(
        text_config={
            "vocab_size": VOCAB_SIZE,
            "hidden_size": hidden_size,
            "intermediate_size": 96,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "pad_token_id": EOS,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "partial_rotary_factor": 0.5,
                "mrope_section": [1, 1, 2],
            },
        }
        | text_config,
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "num_heads": 2,
            "image_size": 112,
            "out_hidden_size": hidden_size,
            "intermediate_size": 48,
        },
        image_token_id=IMAGE_TOKEN_ID,
        eos_token_id=[EOS],
        architectures=["Glm4vForConditionalGeneration"],
    )
    reference = Glm4vForConditionalGeneration(config).eval()
    for name, parameter in reference.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.2)
    reference.to(dtype).save_pretrained(directory)
    write_tokenizer(directory)
    return reference


def edit_json(path: Path, **changes: Any) -> None:
    """A value of None removes the key."""
    value = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: each for key, each in value.items() if each is not None}))


def edit_weights(directory: Path, changes: dict[str, Tensor | None]) -> None:
    """A value of None removes the tensor."""
    path = directory / "model.safetensors"
    tensors: dict[str, Tensor | None] = {**load_file(path), **changes}
    save_file({name: each for name, each in tensors.items() if each is not None}, path, {"format": "pt"})


def whole(sequences: list[list[int]]) -> list[Step]:
    """Everything in one step."""
    return [[(index, 0, len(sequence)) for index, sequence in enumerate(sequences)]]


def one_by_one(sequences: list[list[int]]) -> list[Step]:
    """Each sequence alone."""
    return [[(index, 0, len(sequence))] for index, sequence in enumerate(sequences)]


def in_chunks(sequences: list[list[int]], size: int) -> list[Step]:
    """All sequences together, `size` tokens of each per step; with 1, everything is decoded."""
    longest = max(map(len, sequences))
    return [
        [(i, start, min(start + size, len(each))) for i, each in enumerate(sequences) if start < len(each)]
        for start in range(0, longest, size)
    ]


def at_random(sequences: list[list[int]], seed: int) -> list[Step]:
    """Prefills and decodes mixed, as by a busy scheduler."""
    chance = random.Random(seed)
    done = [0] * len(sequences)
    steps: list[Step] = []
    while any(position < len(each) for position, each in zip(done, sequences, strict=True)):
        step: Step = []
        for index, each in enumerate(sequences):
            if done[index] < len(each) and chance.random() < 0.7:
                end = min(done[index] + chance.choice([1, 1, 2, 3, 5, 20, 90]), len(each))
                step.append((index, done[index], end))
                done[index] = end
        steps += [step] if step else []
    return steps


class Driver:
    """Owns a cache on the decoder's device, filled with NaN except for the blocks in use and the zero block.

    So a read of anything that was not written is detected.
    """

    def __init__(self, decoder: Decoder, num_blocks: int = 128) -> None:
        self.decoder = decoder
        self.device = decoder.frequencies.device
        self.kv_caches = allocate_kv_cache(decoder.config, num_blocks, BLOCK_SIZE, self.device, torch.float32)
        self.kv_caches[:, :, :num_blocks] = float("nan")
        self._zeros_block = num_blocks
        self._free = list(range(num_blocks))
        random.Random(0).shuffle(self._free)
        self._tables: dict[int, list[int]] = {}

    @torch.inference_mode()
    def run(self, sequences: list[list[int]], steps: list[Step]) -> list[Tensor]:
        """Returns the logits of every token of every sequence, (tokens, vocab) each, on the CPU."""
        logits = [torch.empty(len(each), self.decoder.config.vocab_size) for each in sequences]
        for step in steps:
            token_ids = [token for index, start, end in step for token in sequences[index][start:end]]
            rows = self.step(torch.tensor(token_ids), step)
            row = 0
            for index, start, end in step:
                logits[index][start:end] = rows[row : row + end - start]
                row += end - start
        return logits

    def step(self, token_ids: Tensor, step: Step) -> Tensor:
        batch = self.batch(step)
        return self.decoder.logits(
            self.decoder(self.decoder.embed(token_ids.to(self.device)), batch, self.kv_caches)
        )

    def batch(self, step: Step, token_positions: Tensor | None = None) -> ForwardBatch:
        """`token_positions` default to each token's place in its sequence."""
        positions = [position for _, start, end in step for position in range(start, end)]
        tables = []
        slots = []
        for index, start, end in step:
            table = self._tables.setdefault(index, [])
            while len(table) * BLOCK_SIZE < end:
                table.append(self._free.pop())
                self.kv_caches[:, :, table[-1]] = 0
            tables.append(list(table))
            slots += [table[at // BLOCK_SIZE] * BLOCK_SIZE + at % BLOCK_SIZE for at in range(start, end)]
        width = max(map(len, tables))
        starts = [0]
        for _, start, end in step:
            starts.append(starts[-1] + end - start)
        if token_positions is None:
            token_positions = torch.tensor(positions)
        return ForwardBatch(
            token_positions=token_positions.to(self.device),
            slot_mapping=torch.tensor(slots, device=self.device),
            query_starts=torch.tensor(starts),
            context_lengths=torch.tensor([end for *_, end in step], device=self.device),
            block_tables=torch.tensor(
                [table + [self._zeros_block] * (width - len(table)) for table in tables], device=self.device
            ),
            is_decode=len(positions) == len(step),
        )


def random_sequences(lengths: tuple[int, ...], seed: int = 0) -> list[list[int]]:
    chance = random.Random(seed)
    return [[chance.randrange(256) for _ in range(length)] for length in lengths]
