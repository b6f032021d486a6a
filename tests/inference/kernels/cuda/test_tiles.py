"""The tables of tiles, which need neither Triton nor a GPU."""

import pytest

from inference.kernels.cuda.tiles import (
    DECODE_BUCKETS,
    GemvTile,
    Tile,
    decode_tiles,
    fit,
    prefill_tiles,
    rows_tile,
)

SHAPES = [
    (4608, 4096, 4096),
    (4096, 4096, 128),
    (320, 320, 32),
    (448, 320, 320),
    (4096, 13_696, 64),
    (64, 64, 64),
]


@pytest.mark.parametrize("capability", [80, 89, 90, 120])
@pytest.mark.parametrize("rows", DECODE_BUCKETS)
@pytest.mark.parametrize(("out", "width", "group"), SHAPES)
def test_a_tile_suits_every_shape(capability: int, rows: int, out: int, width: int, group: int) -> None:
    tiles = decode_tiles(capability, rows)
    for wanted in (tiles.qkv, tiles.o, tiles.down, tiles.head, prefill_tiles(capability).wide):
        tile = fit(wanted, out, width, group)
        assert out % tile.columns == 0
        if isinstance(tile, GemvTile):
            continue
        assert tile.depth <= group
        turn = tile.depth * tile.unroll
        part = -(-width // (tile.splits * turn)) * turn
        assert (tile.splits - 1) * part < width, "a split is empty"
        assert group == width or group % tile.depth == 0, "a tile of the sum has several steps"


@pytest.mark.parametrize("rows", DECODE_BUCKETS)
def test_a_tile_holds_the_rows_of_its_bucket(rows: int) -> None:
    assert rows_tile(rows) >= rows
    tiles = decode_tiles(90, rows)
    assert all(tile.rows >= rows for tile in (tiles.qkv, tiles.gate_up) if isinstance(tile, Tile))


def test_one_row_of_a_large_model_uses_cuda_cores() -> None:
    tiles = decode_tiles(90, 1)
    assert isinstance(fit(tiles.qkv, 4608, 4096, 4096), GemvTile)
    assert isinstance(fit(tiles.gate_up, 13_696, 4096, 4096, has_silu=True), GemvTile)
    assert isinstance(fit(tiles.down, 4096, 13_696, 4), GemvTile)
    assert isinstance(fit(tiles.qkv, 448, 320, 320), Tile), "a row shorter than one read"
