"""Products of rows by a matrix in panels: sixteen outputs side by side, one input after the other.

Each output is one sum over the inputs in their order, by fused multiply-add, however many rows there are: a
row's result does not depend on the others. A tile of rows and panels keeps its sums in registers.
"""

from llvmlite import ir

from inference.kernels.cpu.compiler import LANES
from inference.kernels.cpu.emitter import F32, I8, I64, POINTER, VECTOR, Emitter, Value
from inference.kernels.cpu.parallel import export

ROWS = 6  # of the largest tile
ROW_BLOCK = 16 * ROWS  # rows that stay in the cache while a group of panels passes
GROUP = 4  # panels
UNROLLED = 4  # inputs
PANELS = {1: 4, 2: 2, 3: 2, 4: 1, 5: 1, 6: 1}  # rows of a tile -> panels: at most 12 sums in 16 registers
WIDE_PANELS = {1: 4, 2: 4, 3: 4, 4: 2, 5: 2, 6: 2}  # at most 12 sums in 32 registers
ARGUMENTS = (
    ("x", POINTER),  # (rows, width) float32
    ("weight", POINTER),  # (panels, width, LANES) float32 or int8
    ("scale", POINTER),  # (panels * LANES,) float32; only read for int8
    ("bias", POINTER),  # the same
    ("out", POINTER),  # (rows, outs) float32
    ("rows", I64),
    ("width", I64),
    ("outs", I64),
)


def count_units(rows: int, outs: int) -> int:
    groups = -(-outs // (GROUP * LANES))
    return groups * -(-rows // ROW_BLOCK)


def build(module: ir.Module, name: str, *, is_int8: bool, is_wide: bool) -> dict[str, list[type]]:
    """Adds x @ weight.T * scale + bias, with a scale for int8 alone. `is_wide`: a vector is one register."""
    panels = WIDE_PANELS if is_wide else PANELS
    shapes = {(rows, count) for rows, most in panels.items() for count in (1, most)}
    tiles = {shape: _emit_tile(module, f"{name}_{shape[0]}_{shape[1]}", *shape, is_int8) for shape in shapes}

    def emit_unit(emitter: Emitter, *arguments: Value) -> None:
        *_, rows, _, outs, unit = arguments
        num_panels = emitter.div(emitter.add(outs, LANES - 1), LANES)
        groups = emitter.div(emitter.add(num_panels, GROUP - 1), GROUP)
        first_row = emitter.mul(emitter.div(unit, groups), ROW_BLOCK)
        first_panel = emitter.mul(emitter.builder.urem(unit, groups), GROUP)
        last_row = emitter.least(emitter.add(first_row, ROW_BLOCK), rows)
        last_panel = emitter.least(emitter.add(first_panel, GROUP), num_panels)
        is_whole = emitter.builder.icmp_signed(
            "==", emitter.sub(last_panel, first_panel), emitter.index(GROUP)
        )
        count = emitter.sub(last_row, first_row)
        whole_rows = emitter.add(first_row, emitter.mul(emitter.div(count, ROWS), ROWS))
        left = emitter.sub(last_row, whole_rows)

        def emit_panels(start: Value, end: Value, size: int) -> None:
            """Rows `start` to `end`, `size` at a time."""
            for is_group, most in ((True, panels[size]), (False, 1)):
                condition = is_whole if is_group else emitter.builder.not_(is_whole)
                with (
                    emitter.builder.if_then(condition),
                    emitter.loop(first_panel, last_panel, most) as panel,
                    emitter.loop(start, end, size) as row,
                ):
                    _call_tile(emitter, tiles[size, most], arguments, row, panel)

        emit_panels(first_row, whole_rows, ROWS)
        for size in range(1, ROWS):
            with emitter.builder.if_then(emitter.builder.icmp_signed("==", left, emitter.index(size))):
                emit_panels(whole_rows, last_row, size)

    return {name: export(module, name, ARGUMENTS, emit_unit)}


def _call_tile(emitter: Emitter, tile: Value, arguments: tuple[Value, ...], row: Value, panel: Value) -> None:
    x, weight, scale, bias, out, _, width, outs, _ = arguments
    x = emitter.place(x, emitter.mul(row, width))
    out = emitter.place(out, emitter.mul(row, outs))
    emitter.builder.call(tile, [x, weight, scale, bias, out, width, outs, panel])


def _emit_tile(module: ir.Module, name: str, rows: int, panels: int, is_int8: bool) -> Value:
    """`rows` rows from `x` on by `panels` panels from `panel` on."""
    arguments = [argument for argument in ARGUMENTS if argument[0] != "rows"]
    emitter = Emitter(module, name, *arguments, ("panel", I64), is_internal=True)
    x, weight, scale, bias, out, width, outs, panel = emitter.arguments
    sums = [[emitter.variable(emitter.constant(0.0)) for _ in range(panels)] for _ in range(rows)]
    size = emitter.mul(width, LANES)
    kind = I8 if is_int8 else F32
    starts = [
        emitter.place(weight, emitter.mul(emitter.add(panel, number), size), kind) for number in range(panels)
    ]

    def emit_input(position: Value) -> None:
        place = emitter.mul(position, LANES)
        weights = [_load_weights(emitter, start, place, is_int8) for start in starts]
        for row in range(rows):
            value = emitter.splat(emitter.load(x, emitter.add(emitter.mul(width, row), position)))
            for number in range(panels):
                total = sums[row][number]
                emitter.set(total, emitter.fma(value, weights[number], emitter.get(total, VECTOR)))

    unrolled = emitter.mul(emitter.div(width, UNROLLED), UNROLLED) if panels > 1 or rows > 3 else 0
    if unrolled:
        with emitter.loop(0, unrolled, UNROLLED) as position:
            for number in range(UNROLLED):
                emit_input(emitter.add(position, number))
    with emitter.loop(unrolled, width) as position:
        emit_input(position)
    for number in range(panels):
        column = emitter.mul(emitter.add(panel, number), LANES)
        added = emitter.load_vector(bias, column)
        factor = emitter.load_vector(scale, column) if is_int8 else None
        for row in range(rows):
            total = emitter.get(sums[row][number], VECTOR)
            total = emitter.fma(total, factor, added) if is_int8 else emitter.builder.fadd(total, added)
            place = emitter.add(emitter.mul(outs, row), column)
            _store_some(emitter, total, out, place, emitter.sub(outs, column))
    emitter.end()
    return emitter.function


def _load_weights(emitter: Emitter, start: Value, place: Value, is_int8: bool) -> Value:
    if not is_int8:
        return emitter.load_vector(start, place)
    levels = emitter.builder.load(emitter.place(start, place, I8), typ=ir.VectorType(I8, LANES), align=1)
    return emitter.builder.sitofp(levels, VECTOR)


def _store_some(emitter: Emitter, vector: Value, out: Value, place: Value, count: Value) -> None:
    """The first `count` lanes, or all."""
    is_whole = emitter.builder.icmp_signed(">=", count, emitter.index(LANES))
    with emitter.builder.if_else(is_whole) as (whole, part):
        with whole:
            emitter.store_vector(vector, out, place)
        with part:
            lanes = emitter.variable(vector)
            with emitter.loop(0, count) as lane:
                emitter.store(emitter.load(lanes, lane), out, emitter.add(place, lane))
