"""A tiny random Whisper checkpoint on disk: windows of a second, bytes as tokens."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from inference.torchaudio_shim import import_torchaudio

from .tiny_checkpoints import edit_json

import_torchaudio()  # before transformers does

from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration  # noqa: E402 - see above

NAMES = ("endoftext", "startoftranscript", "en", "zh", "transcribe", "translate", "notimestamps", "0.00")
CONTROL_TOKENS = [f"<|{name}|>" for name in NAMES]
END, START, ENGLISH, CHINESE, TRANSCRIBE, TRANSLATE, NO_TIMESTAMPS, TIME = range(256, 264)
LANGUAGES = {"<|en|>": ENGLISH, "<|zh|>": CHINESE} | {f"<|{token}|>": token for token in range(100, 140)}
VOCAB_SIZE = 256 + len(CONTROL_TOKENS)
SECOND = 16_000  # samples
MAX_TOKENS = 24  # of a window, four of them its prefix


def write_whisper(directory: Path, **changes: Any) -> WhisperForConditionalGeneration:
    """Saves a random Whisper in float32 as transformers does, and returns it. `changes` are generation's."""
    torch.manual_seed(1)
    config = WhisperConfig(
        vocab_size=VOCAB_SIZE,
        num_mel_bins=20,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        max_source_positions=50,
        max_target_positions=MAX_TOKENS,
        pad_token_id=END,
        bos_token_id=END,
        eos_token_id=END,
        decoder_start_token_id=START,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    reference = WhisperForConditionalGeneration(config).eval()
    for name, parameter in reference.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm.weight" in name), std=0.4)
    reference.generation_config = GenerationConfig(
        decoder_start_token_id=START,
        eos_token_id=END,
        pad_token_id=END,
        bos_token_id=END,
        no_timestamps_token_id=NO_TIMESTAMPS,
        is_multilingual=True,
        lang_to_id=LANGUAGES,
        task_to_id={"transcribe": TRANSCRIBE, "translate": TRANSLATE},
        suppress_tokens=[65, 66, TRANSLATE, NO_TIMESTAMPS, TIME],
        begin_suppress_tokens=[32, END],
        max_length=MAX_TOKENS,
        return_timestamps=False,
    )
    directory.mkdir(exist_ok=True)
    reference.save_pretrained(directory)
    edit_json(directory / "generation_config.json", **changes)
    write_tokenizer(directory)
    return reference


def write_tokenizer(directory: Path) -> None:
    vocabulary = {symbol: index for index, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(CONTROL_TOKENS)
    tokenizer.save(str(directory / "tokenizer.json"))


def tone(seconds: float, hertz: float = 440.0) -> NDArray[np.float32]:
    at = np.arange(int(seconds * SECOND)) / SECOND
    wave: NDArray[np.float32] = (0.3 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)
    return wave
