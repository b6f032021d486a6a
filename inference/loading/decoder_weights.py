"""Loads a checkpoint's decoder, which all architectures share but for the names of its weights."""

from collections.abc import Callable

import torch
from torch import nn

from inference.devices import computing_dtype
from inference.loading.checkpoint import Checkpoint, require_float
from inference.loading.device_copy import DeviceCopy
from inference.loading.weights import Sources, WeightLoader
from inference.models.config import DecoderConfig
from inference.models.decoder import Decoder
from inference.models.on_meta import build_on_meta

FUSED = {"qkv_proj": ("q_proj", "k_proj", "v_proj")}

ShouldQuantize = Callable[[str], bool]  # of the path of one of the decoder's modules


def make_weight_loader(
    checkpoint: Checkpoint, norm: str, device: torch.device, should_quantize: ShouldQuantize
) -> WeightLoader:
    """Computes in 32 bits on the CPU, else in the stored type of the norms, which are never quantised."""
    tensor = checkpoint.read(norm)
    require_float(tensor, norm)
    dtype = computing_dtype(device, tensor.dtype)
    return WeightLoader(checkpoint, device, dtype, should_quantize, DeviceCopy(device))


def load_decoder(loader: WeightLoader, config: DecoderConfig, prefix: str, embedding: str) -> Decoder:
    """`prefix` and `embedding` are the checkpoint's names. Raises `InvalidCheckpoint`."""
    decoder = build_on_meta(lambda: Decoder(config))
    if config.tie_word_embeddings:
        loader.checkpoint.skip("lm_head.weight")
    head = embedding if config.tie_word_embeddings else "lm_head"
    loader.load(decoder, _sources(prefix, embedding, head))
    decoder.frequencies = nn.Buffer(decoder.frequencies.to(loader.device), persistent=False)
    return decoder.eval()


def _sources(prefix: str, embedding: str, head: str) -> Sources:
    """transformers' names: everything is under `prefix`, and q, k and v are separate."""

    def sources(path: str) -> tuple[str, ...]:
        if path == "embed_tokens":
            return (embedding,)
        if path == "lm_head":
            return (head,)
        parent, _, last = path.rpartition(".")
        start = f"{prefix}{parent}." if parent else prefix
        return tuple(start + name for name in FUSED.get(last, (last,)))

    return sources
