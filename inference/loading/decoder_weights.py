"""Loads a checkpoint's decoder, which all architectures share but for the names of its weights."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from inference.devices import computing_dtype, measure_memory, on_device
from inference.kernels.cpu.compiled_attention import start_compiling_attention, supports
from inference.kernels.cpu.operations import start_compiling_row_operations
from inference.loading.checkpoint import Checkpoint, require_float
from inference.loading.device_copy import DeviceCopy
from inference.loading.int8 import is_int8
from inference.loading.placement import place_layers
from inference.loading.weights import Sources, WeightLoader
from inference.models.config import DecoderConfig
from inference.models.decoder import Decoder
from inference.models.on_meta import build_on_meta
from inference.models.stages import Stage

FUSED = {"qkv_proj": ("q_proj", "k_proj", "v_proj")}

ShouldQuantize = Callable[[str], bool]  # of the path of one of the decoder's modules


def make_weight_loader(
    checkpoint: Checkpoint, norm: str, devices: tuple[torch.device, ...], should_quantize: ShouldQuantize
) -> WeightLoader:
    """Computes in 32 bits on the CPU, else in the stored type of the norms, which are never quantised."""
    tensor = checkpoint.read(norm)
    require_float(tensor, norm)
    dtype = computing_dtype(devices[0], tensor.dtype)
    return WeightLoader(checkpoint, devices, dtype, should_quantize, DeviceCopy(devices[0]))


def load_decoder(loader: WeightLoader, config: DecoderConfig, prefix: str, embedding: str) -> Decoder:
    """`prefix` and `embedding` are the checkpoint's names. Raises `InvalidCheckpoint`."""
    if loader.uses_panels:  # they are compiled while the weights are read
        start_compiling_row_operations()
        if supports(config.head_dim):
            start_compiling_attention(config.head_dim)
    decoder = build_on_meta(lambda: Decoder(config))
    if config.tie_word_embeddings:
        loader.checkpoint.skip("lm_head.weight")
    head = embedding if config.tie_word_embeddings else "lm_head"
    sources = _sources(prefix, embedding, head)
    if len(loader.devices) > 1:
        names = {prefix.removesuffix("."), embedding, head}
        decoder.stages = _place(loader, config, {name for name in names if name})
    for stage in decoder.stages:
        with on_device(stage.device):
            loader.on(stage.device).load(decoder, sources, partial(_is_in, stage, config.num_layers))
    if not decoder.stages:
        loader.load(decoder, sources)
    decoder.frequencies = nn.Buffer(decoder.frequencies.to(loader.device), persistent=False)
    return decoder.eval()


def _place(loader: WeightLoader, config: DecoderConfig, names: set[str]) -> tuple[Stage, ...]:
    """`names` are the beginnings of the names of the decoder's weights. All others are of towers."""
    table_bytes = config.vocab_size * config.hidden_size
    is_small = loader.should_quantize("lm_head") or is_int8(loader.checkpoint, "lm_head")
    table_bytes *= 1 if is_small else loader.dtype.itemsize
    free = [measure_memory(device).free_bytes for device in loader.devices]
    free[0] -= table_bytes + loader.checkpoint.count_bytes(lambda name: not name.startswith(tuple(names)))
    free[-1] -= table_bytes
    return place_layers(config.num_layers, loader.devices, free)


def _is_in(stage: Stage, num_layers: int, path: str) -> bool:
    """Whether a module of the decoder belongs to the stage."""
    if path.startswith("layers."):
        return stage.first <= int(path.split(".")[1]) < stage.end
    return stage.first == 0 if path == "embed_tokens" else stage.end == num_layers


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
