"""Decoders with random int8 weights, made without a checkpoint, and the same weights in float64."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from inference.models.config import DecoderConfig
from inference.models.decoder import Decoder, rotary_frequencies
from inference.models.layers import Embedding, Int8Embedding, Int8Linear, Linear, RMSNorm
from inference.models.on_meta import build_on_meta

NINE_B = DecoderConfig(
    vocab_size=151_552,
    hidden_size=4096,
    intermediate_size=13_696,
    num_layers=1,
    num_attention_heads=32,
    num_key_value_heads=2,
    head_dim=128,
    max_position_embeddings=25_480,
    rms_norm_eps=1e-5,
    rope_theta=10_000.0,
    partial_rotary_factor=0.5,
    attention_bias=True,
    tie_word_embeddings=False,
    mrope_section=(8, 12, 12),
)
EMBEDDED = replace(  # the shape of the model that ships
    NINE_B,
    vocab_size=4096,
    hidden_size=320,
    intermediate_size=832,
    num_layers=2,
    num_attention_heads=10,
    head_dim=32,
    mrope_section=None,
)
SHAPES = {"9B": NINE_B, "embedded": EMBEDDED}
OUTLIERS = 8  # channels
OUTLIER_GAIN = 20.0


def random_decoder(
    config: DecoderConfig,
    device: str,
    dtype: torch.dtype = torch.bfloat16,
    *,
    has_int8_head: bool = True,
    has_outliers: bool = False,
) -> Decoder:
    """On "meta" it has no numbers. `has_outliers`: some channels of what products take are much larger."""
    decoder = build_on_meta(lambda: Decoder(config))
    for path, module in list(decoder.named_modules()):
        is_kept = path in ("lm_head", "embed_tokens") and not has_int8_head
        if isinstance(module, Linear | Embedding):
            made = (_floats if is_kept else _int8)(module, device, dtype)
            decoder.set_submodule(path, made)
        elif isinstance(module, RMSNorm):
            gain = 1 + 0.1 * torch.randn(config.hidden_size, device=device)
            if has_outliers and path.endswith(("input_layernorm", "post_attention_layernorm")):
                gain[torch.randperm(config.hidden_size, device=device)[:OUTLIERS]] *= OUTLIER_GAIN
            module.weight = nn.Parameter(gain.to(dtype), requires_grad=False)
    decoder.frequencies = nn.Buffer(rotary_frequencies(config).to(device), persistent=False)
    return decoder.eval()


def exact_decoder(decoder: Decoder) -> Decoder:
    """The same weights in float64, for reference."""
    exact = build_on_meta(lambda: Decoder(decoder.config))
    for path, module in list(decoder.named_modules()):
        if isinstance(module, Int8Linear):
            weight = module.cb.double() * module.scale.double()[:, None]
            linear = Linear(0, 0)
            linear.weight = nn.Parameter(weight, requires_grad=False)
            linear.bias = None if module.bias is None else nn.Parameter(module.bias.double(), False)
            exact.set_submodule(path, linear)
        elif isinstance(module, Int8Embedding):
            embedding = Embedding(0, 0)
            rows = (module.cb.float() * module.scale[:, None]).to(module.dtype)  # as a residual has them
            embedding.weight = nn.Parameter(rows.double(), requires_grad=False)
            exact.set_submodule(path, embedding)
        elif isinstance(module, RMSNorm | Linear | Embedding):
            for name, parameter in module.named_parameters(recurse=False):
                setattr(exact.get_submodule(path), name, nn.Parameter(parameter.double(), False))
    exact.frequencies = nn.Buffer(decoder.frequencies, persistent=False)
    return exact.eval()


def relative_error(found: Tensor, exact: Tensor) -> float:
    """Of whole tensors; NaN never passes a comparison."""
    return float((found.double() - exact).norm() / exact.norm())


def _int8(module: Linear | Embedding, device: str, dtype: torch.dtype) -> nn.Module:
    shape = module.weight.shape
    cb = torch.empty(shape, dtype=torch.int8, device=device).random_(-127, 128)
    deviation = 1.0 if isinstance(module, Embedding) else shape[1] ** -0.5
    scb = (0.5 + torch.rand(shape[0], device=device)) * deviation * 3**0.5
    if isinstance(module, Embedding):
        return Int8Embedding(cb, scb, dtype)
    bias = None if module.bias is None else torch.randn(shape[0], device=device).to(dtype)
    return Int8Linear(cb, scb, bias)


def _floats(module: Linear | Embedding, device: str, dtype: torch.dtype) -> nn.Module:
    made = type(module)(0, 0)
    deviation = 1.0 if isinstance(module, Embedding) else module.weight.shape[1] ** -0.5
    weight = torch.randn(module.weight.shape, device=device) * deviation
    made.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    return made
