"""The GLM-4 decoder: our own forward over a paged cache, several sequences in one step.

Module names follow transformers' Glm4Model, with q, k and v fused into one projection. It works on rows
and caches, not on requests. It has no state between steps, and any thread may own one.
"""

from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.kernels.attention import AttentionPlan, plan_attention
from inference.kernels.forward_batch import ForwardBatch, KVCache, KVCaches
from inference.kernels.gated import silu_and_multiply
from inference.kernels.int8_linear import rounds_activations
from inference.kernels.linear import pad_rows
from inference.kernels.rotary import rotary_factors
from inference.models.config import DecoderConfig
from inference.models.layers import Embedding, Int8Linear, Linear, PanelLinear, RMSNorm
from inference.models.stages import Stage


class Attention(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.num_key_value_heads = config.num_key_value_heads
        self.head_dim = config.head_dim
        width = self.num_heads * self.head_dim
        fused_width = width + 2 * self.num_key_value_heads * self.head_dim
        self.qkv_proj = Linear(config.hidden_size, fused_width, bias=config.attention_bias)
        self.o_proj = Linear(width, config.hidden_size)

    def forward(self, hidden: Tensor, plan: AttentionPlan, cache: KVCache) -> Tensor:
        """`hidden` may have more rows than the step has tokens."""
        # (tokens, q + k + v, head_dim)
        heads = self.qkv_proj(hidden).view(hidden.shape[0], -1, self.head_dim)[: plan.tokens]
        attended = plan.attend(heads, cache)
        padding = hidden.shape[0] - plan.tokens
        return self.o_proj(functional.pad(attended, (0, 0, 0, padding)) if padding else attended)  # type: ignore[no-any-return]  # Module.__call__ is untyped


class MLP(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.gate_up_proj = Linear(config.hidden_size, 2 * config.intermediate_size)
        self.down_proj = Linear(config.intermediate_size, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.down_proj(silu_and_multiply(self.gate_up_proj(hidden)))  # type: ignore[no-any-return]  # Module.__call__ is untyped


class DecoderLayer(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_self_attn_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MLP(config)
        self.post_mlp_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, hidden: Tensor, plan: AttentionPlan, cache: KVCache) -> Tensor:
        attended = self.self_attn(self.input_layernorm(hidden), plan, cache)
        hidden = self.post_self_attn_layernorm.add(hidden, attended)
        transformed = self.mlp(self.post_attention_layernorm(hidden))
        return self.post_mlp_layernorm.add(hidden, transformed)


class Decoder(nn.Module):
    """Loaded by `inference/loading`, owned by one worker's engine. `stages` is empty if all layers are on one
    device."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.stages: tuple[Stage, ...] = ()
        self.embed_tokens = Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.lm_head = Linear(config.hidden_size, config.vocab_size)
        self.frequencies = nn.Buffer(rotary_frequencies(config), persistent=False)

    @property
    def _first_product(self) -> nn.Module:
        layer = self.layers[0]
        assert isinstance(layer, DecoderLayer)
        return layer.self_attn.qkv_proj

    def embed(self, token_ids: Tensor) -> Tensor:
        """(tokens,) int64 -> (tokens, hidden)."""
        return self.embed_tokens(token_ids)  # type: ignore[no-any-return]  # Module.__call__ is untyped

    def forward(self, hidden: Tensor, batch: ForwardBatch, kv_caches: KVCaches) -> Tensor:
        """(tokens, hidden) -> (tokens, hidden) after the final norm. Writes the tokens' keys and values.

        With stages, `hidden` is on the first device and the result on the last one.
        """
        count = hidden.shape[0]
        hidden = self.pad(hidden)
        if not self.stages:
            hidden = self._run_layers(hidden, batch, kv_caches, 0, self.config.num_layers)
        for stage in self.stages:
            hidden = hidden.to(stage.device, non_blocking=True)
            hidden = self._run_layers(hidden, batch.to(stage.device), kv_caches, stage.first, stage.end)
        return self.norm(hidden)[:count]  # type: ignore[no-any-return]  # Module.__call__ is untyped

    def _run_layers(
        self, hidden: Tensor, batch: ForwardBatch, kv_caches: KVCaches, first: int, end: int
    ) -> Tensor:
        frequencies = self.frequencies.to(hidden.device, non_blocking=True)
        factors = rotary_factors(batch.token_positions, frequencies, self.config.mrope_section)
        plan = plan_attention(batch, kv_caches[first], factors, self.config.num_attention_heads)
        places = zip(islice(self.layers, first, end), islice(kv_caches, first, end), strict=True)
        for layer, cache in places:
            hidden = layer(hidden, plan, cache)
        return hidden

    def pad(self, hidden: Tensor) -> Tensor:
        """Appends the rows of zeros that oneDNN's products of floats need, once for all of them."""
        first = self._first_product
        if isinstance(first, PanelLinear) or (isinstance(first, Int8Linear) and rounds_activations(hidden)):
            return hidden
        return pad_rows(hidden)

    def logits(self, hidden_rows: Tensor) -> Tensor:
        """(rows, hidden) -> (rows, vocab)."""
        return self.lm_head(hidden_rows)  # type: ignore[no-any-return]  # Module.__call__ is untyped


def rotary_frequencies(config: DecoderConfig) -> Tensor:
    """(pairs,) float32, on the CPU even inside `build_on_meta`."""
    width = int(config.head_dim * config.partial_rotary_factor)
    exponents = torch.arange(0, width, 2, dtype=torch.float32, device="cpu") / width
    frequencies: Tensor = 1.0 / (config.rope_theta**exponents)
    return frequencies
