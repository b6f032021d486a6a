"""The plain transformer blocks of the towers: attention in all directions, norms before."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class TransformerBlock(nn.Module):
    def __init__(self, hidden_size: int, num_heads: int, intermediate_size: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.qkv_proj = nn.Linear(hidden_size, 3 * hidden_size)
        self.o_proj = nn.Linear(hidden_size, hidden_size)
        self.mlp_norm = nn.LayerNorm(hidden_size)
        self.up_proj = nn.Linear(hidden_size, intermediate_size)
        self.down_proj = nn.Linear(intermediate_size, hidden_size)

    def forward(self, rows: Tensor) -> Tensor:
        """(batch, n, hidden) -> (batch, n, hidden)."""
        heads = self.qkv_proj(self.attention_norm(rows)).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (batch, heads, n, head_dim)
        attended = functional.scaled_dot_product_attention(query, key, value)
        rows = rows + self.o_proj(attended.transpose(1, 2).flatten(2))
        transformed: Tensor = self.down_proj(functional.gelu(self.up_proj(self.mlp_norm(rows))))
        return rows + transformed

    def flops(self, batch: int, count: int) -> float:
        """Floating-point operations of `forward` on (batch, count, hidden)."""
        hidden, intermediate = self.up_proj.in_features, self.up_proj.out_features
        per_row = 4 * hidden * hidden + 2 * hidden * intermediate + 2 * count * hidden
        return 2.0 * batch * count * per_row


def wave_features(places: Tensor, width: int, longest: float) -> Tensor:
    """places (n,) -> (n, width): sines, then cosines, with wavelengths from about 2π up to 2π · longest."""
    pairs = width // 2
    exponents = torch.arange(pairs, dtype=torch.float32, device=places.device) / max(1, pairs - 1)
    angles = places.float()[:, None] / longest**exponents
    return torch.cat([angles.sin(), angles.cos()], dim=1)
