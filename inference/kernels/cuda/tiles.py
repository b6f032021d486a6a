"""The tiles of each product of a decoder, by chip and number of rows, so that no start searches for them.

They come from sweeps in the 9B's shape on an H200 (docs/performance.md). Chips that are not in the table get
tiles that fit the 99 KB of shared memory of an Ada or Ampere card. Imports no Triton.
"""

from dataclasses import dataclass, replace

DECODE_ROWS = 64  # of every buffer of a decode step, and of the largest bucket
DECODE_BUCKETS = (1, 2, 4, 8, 16, 24, 32, 48, 64)
PREFILL_BUCKETS = (64, 128, 256, 384, 512)
MAX_SPLITS = 8
MIN_COLUMNS = 64  # every product's width is a multiple of it
GEMV_ROWS = 2  # at most
MAX_GEMV_READS = 4
HOPPER = 90


@dataclass(frozen=True, slots=True)
class Tile:
    """For `linear`: rows x columns of the result; `depth` columns are summed at a time, in `splits` parts."""

    rows: int
    columns: int
    depth: int
    splits: int = 1
    stages: int = 4
    warps: int = 4
    swap: bool = False
    unroll: int = 1
    prefetch: int = 512  # bytes of each row of W, before the previous kernel has ended


@dataclass(frozen=True, slots=True)
class GemvTile:
    """For `gemv`: `columns` whole rows of W per program, `depth` columns per read."""

    columns: int
    depth: int
    warps: int


@dataclass(frozen=True, slots=True)
class DecodeTiles:
    """For one bucket. `down_digits`: the input of down is digits, else 16 bits.

    Attention reads `attention_keys` at a time, in about `attention_programs` programs.
    """

    qkv: Tile | GemvTile
    o: Tile | GemvTile
    gate_up: Tile | GemvTile
    down: Tile | GemvTile
    head: Tile | GemvTile
    down_digits: bool
    attention_keys: int
    attention_programs: int = 256


@dataclass(frozen=True, slots=True)
class PrefillTiles:
    """For `linear` with many rows; `wide` if its tiles are enough to fill the chip."""

    wide: Tile
    narrow: Tile
    gate_up: Tile
    wide_from: int  # rows times columns of a product
    attention_queries: int  # rows of queries and heads together in a tile
    attention_keys: int
    attention_warps: int
    attention_stages: int


def rows_tile(rows: int) -> int:
    """Returns the height of a tile for `rows` rows in a decode step."""
    return next(height for height in (16, 32, 64) if height >= rows)


def decode_tiles(capability: int, rows: int) -> DecodeTiles:
    """For one of DECODE_BUCKETS; `capability` is 90 for sm_90."""
    height = rows_tile(rows)
    square = Tile(height, 64, 128, splits=4, stages=4, swap=True)
    gate_up = Tile(height, 64, 128, stages=4, swap=True)
    is_large = capability == HOPPER  # shared memory
    if rows <= GEMV_ROWS:
        return DecodeTiles(
            qkv=GemvTile(4, 4096, 8) if rows == 1 else GemvTile(4, 2048, 4),
            o=GemvTile(8, 2048, 4) if rows == 1 else square,
            gate_up=GemvTile(4, 2048, 4),
            down=GemvTile(2, 4096, 4),
            head=GemvTile(8, 2048, 4),
            down_digits=True,
            attention_keys=64,
        )
    if rows <= 16:
        return DecodeTiles(
            qkv=square,
            o=square,
            gate_up=gate_up,
            down=Tile(height, 64, 128, splits=4, stages=6 if is_large else 4),
            head=Tile(height, 64, 256, stages=3, swap=True),
            down_digits=False,
            attention_keys=128 if is_large and rows > 4 else 64,
        )
    if rows <= 32:
        return DecodeTiles(
            qkv=square,
            o=replace(square, stages=3),
            gate_up=replace(gate_up, stages=4 if is_large else 3),
            down=Tile(height, 128, 64, splits=8, stages=3 if is_large else 2, swap=True, unroll=2),
            head=Tile(height, 64, 256, stages=3 if is_large else 2, swap=True),
            down_digits=True,
            attention_keys=128 if is_large else 64,
        )
    return DecodeTiles(
        qkv=Tile(height, 128, 128, splits=4, stages=3 if is_large else 2),
        o=Tile(height, 64, 128, splits=4, stages=4 if is_large else 3),
        gate_up=replace(gate_up, stages=3 if is_large else 2),
        down=Tile(height, 128, 64, splits=8, stages=3 if is_large else 2, unroll=2),
        head=Tile(height, 64, 128, stages=4 if is_large else 3),
        down_digits=True,
        attention_keys=128 if is_large else 64,
    )


def prefill_tiles(capability: int) -> PrefillTiles:
    if capability == HOPPER:
        return PrefillTiles(
            wide=Tile(128, 128, 128, stages=3, warps=8, prefetch=0),
            narrow=Tile(64, 128, 128, stages=4, warps=8, swap=True, prefetch=0),
            gate_up=Tile(64, 64, 128, stages=3, warps=8, prefetch=0),
            wide_from=512 * 4608 + 1,
            attention_queries=128,
            attention_keys=64,
            attention_warps=8,
            attention_stages=2,
        )
    return PrefillTiles(
        wide=Tile(64, 128, 128, stages=2, warps=8, prefetch=0),
        narrow=Tile(64, 64, 128, stages=3, warps=4, prefetch=0),
        gate_up=Tile(64, 64, 128, stages=2, warps=8, prefetch=0),
        wide_from=512 * 4608 + 1,
        attention_queries=64,
        attention_keys=32,
        attention_warps=4,
        attention_stages=2,
    )


def fit(
    tile: Tile | GemvTile,
    out: int,
    width: int,
    group: int,
    *,
    has_silu: bool = False,
    most_splits: int = MAX_SPLITS,
) -> Tile | GemvTile:
    """Returns the tile, or one like it that suits a product of this shape.

    The product has `out` columns (those of the result, with `has_silu`) and sums over `width` columns, of
    which `group` share a step. `most_splits`: the partial sums that the next kernel can add.
    """
    if isinstance(tile, GemvTile):
        if suits_gemv(tile, out, width, group, has_silu=has_silu):
            return tile
        tile = Tile(rows_tile(GEMV_ROWS), MIN_COLUMNS, 128, splits=1 if has_silu else 4, stages=3)
    columns = tile.columns if out % tile.columns == 0 else MIN_COLUMNS
    depth = min(tile.depth, group)
    unroll = tile.unroll if width % (depth * tile.unroll) == 0 else 1
    splits = max(1, min(tile.splits, most_splits, width // (depth * unroll)))
    while splits > 1 and (splits - 1) * -(-width // (splits * depth * unroll)) * depth * unroll >= width:
        splits -= 1  # no split may be empty
    return replace(tile, columns=columns, depth=depth, unroll=unroll, splits=splits)


def suits_gemv(tile: GemvTile, out: int, width: int, group: int, *, has_silu: bool = False) -> bool:
    reads = -(-width // tile.depth)
    is_whole = width % tile.depth == 0
    most_reads = MAX_GEMV_READS // 2 if has_silu else MAX_GEMV_READS
    fits_steps = group == width or group == 4 or tile.depth % group == 0
    return (
        out % tile.columns == 0
        and width >= tile.depth
        and reads <= most_reads
        and (is_whole or not has_silu)
        and fits_steps
    )
