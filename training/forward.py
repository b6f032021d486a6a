"""The model's forward for training: whole batches of padded rows, no cache.

Uses the modules of `inference/models`, so what is trained is what the engine runs; a test holds the
two forwards to the same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.modalities.image import normalise
from inference.models.audio_tower import AUDIO_WIDTH
from inference.models.decoder import Decoder, DecoderLayer
from inference.models.transformer import TransformerBlock
from inference.models.vision_tower import VISUAL_WIDTH
from training.architecture import SPEECH, TEXT, build
from training.batches import Batch
from training.cells import NOTHING, cells_in_boxes
from training.packing import PADDING, SHARED

BLANK = TEXT.vocab_size  # of the transcriber: no new token; of the reader: an empty cell
READING_SHARE = 0.3  # of the loss of what stands in each cell
EMPTY_CELL_WEIGHT = 0.1
# The layer in which answers about a place attend to it, by a head of each group. Liu et al. 2016, "Neural
# machine translation with supervised attention".
LOOKING_LAYER = 4
LOOKING_SHARE = 0.3
CTC_SHARE = 0.3  # Watanabe et al. 2017, "Hybrid CTC/attention architecture for end-to-end speech recognition"

# A layer, its rows, the rotary cosines and sines, the attention mask -> rows.
ApplyLayer = Callable[[DecoderLayer, Tensor, tuple[Tensor, Tensor], Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """`hidden` (batch, length, hidden) after the last norm, and what LOOKING_LAYER was given."""

    hidden: Tensor
    looking: Tensor  # (batch, length, hidden)
    turn: tuple[Tensor, Tensor]
    mask: Tensor


class TrainingModel(nn.Module):
    """`transcriber` hears tokens in the audio tower's positions and `reader` sees them in a picture's cells.

    Both teach the towers and are not part of the checkpoint.
    """

    def __init__(self) -> None:
        super().__init__()
        self.decoder, self.fusion = build()
        self.transcriber = nn.Linear(SPEECH.hidden_size, TEXT.vocab_size + 1)
        self.reader = nn.Linear(VISUAL_WIDTH, TEXT.vocab_size + 1)
        self._apply_layer: ApplyLayer = apply_layer

    def compile_parts(self) -> None:
        """Compiles one layer of each kind: all layers and all shapes share it, so it takes seconds."""
        for module in self.modules():
            if isinstance(module, TransformerBlock):
                module.compile(dynamic=True)
        self._apply_layer = torch.compile(apply_layer, dynamic=True)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Returns the loss and the tokens predicted, (n,), where `batch.predicted` says."""
        features: Tensor | None
        towers_loss: Tensor | float
        if batch.kind == "recording":
            features, log_probs = self.hear(batch)
            towers_loss = hearing_loss(log_probs, batch)
        else:
            features, towers_loss = self._see(batch)
        loss, predicted = self.answer(batch, features)
        return loss + towers_loss, predicted

    def answer(self, batch: Batch, features: Tensor | None) -> tuple[Tensor, Tensor]:
        """features: the decoder's rows of the media, (rows, media tokens, hidden). Returns as `forward`."""
        rows = functional.embedding(batch.token_ids, self.decoder.embed_tokens.weight)
        if features is not None:
            start, end = batch.media_start, batch.media_start + features.shape[1]
            rows = torch.cat([rows[:, :start], features.to(rows.dtype), rows[:, end:]], dim=1)
        decoded = decode(self.decoder, rows, batch.positions, batch.branches, self._apply_layer)
        rows = decoded.hidden.flatten(0, 1).index_select(0, batch.predicted)
        logits = functional.linear(rows, self.decoder.embed_tokens.weight).float()
        weights = batch.weights.flatten().index_select(0, batch.predicted)
        targets = batch.targets.flatten().index_select(0, batch.predicted)
        losses = functional.cross_entropy(logits, targets, reduction="none")
        loss = (losses * weights).sum() / weights.sum()
        if batch.places is not None:
            loss = loss + LOOKING_SHARE * self._looking_loss(decoded, batch)
        return loss, logits.argmax(dim=-1)

    def _looking_loss(self, decoded: Decoded, batch: Batch) -> Tensor:
        """Cross-entropy of the attention to the cells where an answer is found, while it is given."""
        assert batch.media is not None
        assert batch.places is not None
        layer = self.decoder.layers[LOOKING_LAYER]
        assert isinstance(layer, DecoderLayer)
        is_place = cells_in_boxes(batch.places, *batch.media.shape[-2:])  # (rows, length, cells)
        query, key, _ = attention_inputs(layer, decoded.looking, decoded.turn)
        shared = layer.self_attn.num_heads // layer.self_attn.num_key_value_heads
        scores = (query[:, ::shared] @ key.mT).float() / query.shape[-1] ** 0.5
        scores = scores.masked_fill(~decoded.mask, -torch.inf)
        start, end = batch.media_start, batch.media_start + is_place.shape[-1]
        found = scores[..., start:end].masked_fill(~is_place[:, None], -torch.inf)
        is_known = is_place.any(dim=-1)[:, None]  # (rows, 1, length)
        losses = scores.logsumexp(dim=-1) - found.where(is_known[..., None], 0.0).logsumexp(dim=-1)
        loss: Tensor = losses.where(is_known, 0.0).sum() / (is_known.sum() * scores.shape[1]).clamp(min=1)
        return loss

    def hear(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Returns the decoder's rows of recordings and the transcriber's log probabilities.

        The latter are (positions, rows, vocab + 1).
        """
        fusion = self.fusion
        assert fusion.audio_tower is not None
        assert fusion.audio_projection is not None
        assert batch.media is not None
        heard = fusion.audio_tower.encode_positions(batch.media.float())
        features = fusion.audio_projection(heard.reshape(len(heard), -1, AUDIO_WIDTH))
        return features, self.transcriber(heard).float().log_softmax(dim=-1).transpose(0, 1)

    def _see(self, batch: Batch) -> tuple[Tensor | None, Tensor | float]:
        """Returns the decoder's rows of pictures and the vision tower's own loss."""
        if batch.media is None:
            return None, 0.0
        fusion = self.fusion
        assert fusion.vision_tower is not None
        assert fusion.visual_projection is not None
        assert batch.contents is not None
        # cuDNN's convolutions in 16 bits want the channels last
        pictures = normalise(batch.media).contiguous(memory_format=torch.channels_last)
        seen = fusion.vision_tower(pictures)
        loss = reading_loss(self.reader(seen), batch.contents)
        return fusion.visual_projection(seen), READING_SHARE * loss


def hearing_loss(log_probs: Tensor, batch: Batch) -> Tensor:
    """log_probs as `hear` gives them -> the audio tower's own loss."""
    lengths = batch.transcript_lengths
    assert lengths is not None
    assert batch.contents is not None
    positions, transcripts = torch.full_like(lengths, len(log_probs)), batch.contents.clamp(min=0)
    return CTC_SHARE * functional.ctc_loss(
        log_probs, transcripts, positions, lengths, blank=BLANK, zero_infinity=True
    )


def reading_loss(scores: Tensor, cell_tokens: Tensor) -> Tensor:
    """scores (rows, cells, vocab + 1), cell_tokens (rows, cells, tokens) with NOTHING after them.

    Cross-entropy with all tokens of a cell as equally right answers.
    """
    log_probs = scores.float().log_softmax(dim=-1)
    is_token = cell_tokens != NOTHING
    counts = is_token.sum(dim=-1)  # (rows, cells)
    found = log_probs.gather(-1, cell_tokens.clamp(min=0)).masked_fill(~is_token, 0.0).sum(dim=-1)
    losses = -torch.where(counts > 0, found / counts.clamp(min=1), log_probs[..., BLANK])
    weights = torch.where(counts > 0, 1.0, EMPTY_CELL_WEIGHT)
    return (losses * weights).sum() / weights.sum()


def decode(decoder: Decoder, rows: Tensor, positions: Tensor, branches: Tensor, apply: ApplyLayer) -> Decoded:
    """rows (batch, length, hidden), positions and branches (batch, length)."""
    angles = positions[..., None].float() * decoder.frequencies  # (batch, length, pairs)
    turn = (angles.cos()[:, :, None], angles.sin()[:, :, None])
    mask = visibility(branches)
    looking = rows
    for index, layer in enumerate(decoder.layers):
        assert isinstance(layer, DecoderLayer)
        looking = rows if index == LOOKING_LAYER else looking
        rows = apply(layer, rows, turn, mask)
    norm = decoder.norm
    hidden = functional.rms_norm(rows, norm.weight.shape, norm.weight, norm.eps)
    return Decoded(hidden, looking, turn, mask)


def visibility(branches: Tensor) -> Tensor:
    """branches (batch, length) -> (batch, 1, length, length): True where a row sees another one."""
    query, key = branches[:, :, None], branches[:, None, :]
    length = branches.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=branches.device).tril()
    itself = torch.eye(length, dtype=torch.bool, device=branches.device)
    visible = earlier & ((key == SHARED) | (key == query)) & (query != PADDING)
    return (visible | itself)[:, None]


def attention_inputs(
    layer: DecoderLayer, rows: Tensor, turn: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value: (batch, heads, length, head_dim), the last two with fewer heads."""
    attention = layer.self_attn
    batch, length, _ = rows.shape
    heads, shared = attention.num_heads, attention.num_key_value_heads
    projection = attention.qkv_proj
    fused = functional.linear(_norm(layer.input_layernorm, rows), projection.weight, projection.bias)
    query, key, value = torch.split(
        fused.view(batch, length, -1, attention.head_dim), [heads, shared, shared], dim=2
    )
    query, key = (_turn(each, turn).to(value.dtype) for each in (query, key))
    return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)


def apply_layer(layer: DecoderLayer, rows: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
    attention, mlp = layer.self_attn, layer.mlp
    query, key, value = attention_inputs(layer, rows, turn)
    repeats = attention.num_heads // attention.num_key_value_heads
    key, value = (each.repeat_interleave(repeats, dim=1) for each in (key, value))
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    added = functional.linear(attended.transpose(1, 2).flatten(2), attention.o_proj.weight)
    rows = rows + _norm(layer.post_self_attn_layernorm, added)
    fused = functional.linear(_norm(layer.post_attention_layernorm, rows), mlp.gate_up_proj.weight)
    gate, up = fused.chunk(2, dim=-1)
    added = functional.linear(functional.silu(gate) * up, mlp.down_proj.weight)
    return rows + _norm(layer.post_mlp_layernorm, added)


def _norm(norm: nn.Module, rows: Tensor) -> Tensor:
    weight, eps = norm.weight, norm.eps
    assert isinstance(weight, Tensor)
    assert isinstance(eps, float)
    return functional.rms_norm(rows.float(), weight.shape, weight, eps)


def _turn(heads: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """(batch, length, heads, head_dim): neighbouring pairs of the first dimensions are turned."""
    cos, sin = turn
    width = 2 * cos.shape[-1]
    even, odd = heads[..., 0:width:2].float(), heads[..., 1:width:2].float()
    turned = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)
    return torch.cat([turned.to(heads.dtype), heads[..., width:]], dim=-1)


def make_model(device: torch.device, is_compiled: bool) -> TrainingModel:
    """On the device."""
    torch.set_float32_matmul_precision("high")
    torch._dynamo.config.cache_size_limit = 32  # pictures come in a dozen sizes
    model = TrainingModel().to(device)
    if is_compiled:
        model.compile_parts()
    return model


def precision(device: torch.device) -> torch.autocast:
    """The context of a forward pass: 16 bits on CUDA, else 32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
