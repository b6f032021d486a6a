"""What happens to rows between two products: norms, SiLU, rounding to int8. One unit is one row."""

from llvmlite import ir

from inference.kernels.cpu.compiler import LANES
from inference.kernels.cpu.emitter import F32, I8, I32, I64, INTEGERS, POINTER, VECTOR, Emitter, Value
from inference.kernels.cpu.parallel import export
from inference.kernels.int8_levels import INT8_MAX, SMALLEST_PEAK

NORM = (
    ("x", POINTER),  # (rows, width)
    ("weight", POINTER),  # (width,)
    ("eps", F32),
    ("residual", POINTER),  # (rows, width); read by `add_norm` alone
    ("out", POINTER),  # (rows, width)
    ("width", I64),
)
SILU = (("gate_up", POINTER), ("out", POINTER), ("width", I64))  # (rows, 2 * width) -> (rows, width)
ROUND = (
    ("x", POINTER),  # (rows, width)
    ("levels", POINTER),  # (rows, width) int8
    ("steps", POINTER),  # (rows,): the size of a level
    ("width", I64),
)
SCALE = (
    ("sums", POINTER),  # (rows, width) int32
    ("steps", POINTER),  # (rows,)
    ("scale", POINTER),  # (width,)
    ("bias", POINTER),  # (width,)
    ("out", POINTER),  # (rows, width)
    ("width", I64),
)


def build(module: ir.Module) -> dict[str, list[type]]:
    return {
        "norm": export(module, "norm", NORM, lambda *arguments: _emit_norm(*arguments, is_added=False)),
        "add_norm": export(
            module, "add_norm", NORM, lambda *arguments: _emit_norm(*arguments, is_added=True)
        ),
        "silu": export(module, "silu", SILU, _emit_silu),
        "round_rows": export(module, "round_rows", ROUND, _emit_round),
        "scale_sums": export(module, "scale_sums", SCALE, _emit_scale),
    }


def _emit_norm(
    emitter: Emitter,
    x: Value,
    weight: Value,
    eps: Value,
    residual: Value,
    out: Value,
    width: Value,
    row: Value,
    *,
    is_added: bool,
) -> None:
    """x / sqrt(mean of x * x + eps) * weight, added to `residual` or not."""
    builder = emitter.builder
    start = emitter.mul(row, width)
    x, out, residual = (emitter.place(each, start) for each in (x, out, residual))
    whole = _whole(emitter, width)
    squares = emitter.variable(emitter.constant(0.0))
    with emitter.loop(0, whole, LANES) as column:
        values = emitter.load_vector(x, column)
        emitter.set(squares, emitter.fma(values, values, emitter.get(squares, VECTOR)))
    total = emitter.variable(emitter.fold(emitter.get(squares, VECTOR), builder.fadd))
    with emitter.loop(whole, width) as column:
        value = emitter.load(x, column)
        emitter.set(total, emitter.fma(value, value, emitter.get(total, F32)))
    mean = builder.fdiv(emitter.get(total, F32), builder.sitofp(width, F32))
    root = emitter.intrinsic("llvm.sqrt", builder.fadd(mean, eps))
    inverse = builder.fdiv(emitter.number(1.0), root)
    inverses = emitter.splat(inverse)
    with emitter.loop(0, whole, LANES) as column:
        values = builder.fmul(emitter.load_vector(x, column), inverses)
        factor = emitter.load_vector(weight, column)
        if is_added:
            values = emitter.fma(values, factor, emitter.load_vector(residual, column))
        else:
            values = builder.fmul(values, factor)
        emitter.store_vector(values, out, column)
    with emitter.loop(whole, width) as column:
        value = builder.fmul(emitter.load(x, column), inverse)
        factor = emitter.load(weight, column)
        if is_added:
            value = emitter.fma(value, factor, emitter.load(residual, column))
        else:
            value = builder.fmul(value, factor)
        emitter.store(value, out, column)


def _emit_silu(emitter: Emitter, gate_up: Value, out: Value, width: Value, row: Value) -> None:
    """gate / (1 + exp(-gate)) * up."""
    builder = emitter.builder
    gate = emitter.place(gate_up, emitter.mul(emitter.mul(row, 2), width))
    up = emitter.place(gate, width)
    out = emitter.place(out, emitter.mul(row, width))
    whole = _whole(emitter, width)

    def activate(gates: Value, ups: Value) -> Value:
        below = builder.fadd(emitter.exp(builder.fneg(gates)), emitter.constant(1.0))
        return builder.fmul(builder.fdiv(gates, below), ups)

    with emitter.loop(0, whole, LANES) as column:
        values = activate(emitter.load_vector(gate, column), emitter.load_vector(up, column))
        emitter.store_vector(values, out, column)
    with emitter.loop(whole, width) as column:
        gates, ups = (emitter.splat(emitter.load(each, column)) for each in (gate, up))
        value = builder.extract_element(activate(gates, ups), ir.Constant(I32, 0))
        emitter.store(value, out, column)


def _emit_round(emitter: Emitter, x: Value, levels: Value, steps: Value, width: Value, row: Value) -> None:
    """127 levels of the row's largest number; of a row with a NaN the step is a NaN."""
    builder = emitter.builder
    start = emitter.mul(row, width)
    x, levels = emitter.place(x, start), emitter.place(levels, start, I8)
    whole = _whole(emitter, width)
    peaks = emitter.variable(emitter.constant(SMALLEST_PEAK))
    with emitter.loop(0, whole, LANES) as column:
        sizes = emitter.intrinsic("llvm.fabs", emitter.load_vector(x, column))
        emitter.set(peaks, emitter.larger_or_nan(emitter.get(peaks, VECTOR), sizes))
    peak = emitter.variable(emitter.fold(emitter.get(peaks, VECTOR), emitter.larger_or_nan))
    with emitter.loop(whole, width) as column:
        size = emitter.intrinsic("llvm.fabs", emitter.load(x, column))
        emitter.set(peak, emitter.larger_or_nan(emitter.get(peak, F32), size))
    step = builder.fmul(emitter.get(peak, F32), emitter.number(1 / INT8_MAX))
    emitter.store(step, steps, row)
    whole_steps = emitter.splat(step)

    def to_levels(values: Value) -> Value:
        rounded = emitter.intrinsic("llvm.rint", builder.fdiv(values, whole_steps))
        is_number = builder.fcmp_ordered("ord", rounded, rounded)
        rounded = builder.select(is_number, rounded, emitter.constant(0.0))
        return builder.trunc(builder.fptosi(rounded, INTEGERS), ir.VectorType(I8, LANES))

    with emitter.loop(0, whole, LANES) as column:
        place = emitter.place(levels, column, I8)
        builder.store(to_levels(emitter.load_vector(x, column)), place, align=1)
    with emitter.loop(whole, width) as column:
        level = to_levels(emitter.splat(emitter.load(x, column)))
        emitter.store(builder.extract_element(level, ir.Constant(I32, 0)), levels, column)


def _emit_scale(
    emitter: Emitter,
    sums: Value,
    steps: Value,
    scale: Value,
    bias: Value,
    out: Value,
    width: Value,
    row: Value,
) -> None:
    """sums * step * scale + bias."""
    builder = emitter.builder
    start = emitter.mul(row, width)
    sums, out = emitter.place(sums, start, I32), emitter.place(out, start)
    step = emitter.load(steps, row)
    whole = _whole(emitter, width)
    with emitter.loop(0, whole, LANES) as column:
        place = emitter.place(sums, column, I32)
        counts = builder.sitofp(builder.load(place, typ=INTEGERS, align=4), VECTOR)
        values = builder.fmul(counts, emitter.splat(step))
        values = emitter.fma(values, emitter.load_vector(scale, column), emitter.load_vector(bias, column))
        emitter.store_vector(values, out, column)
    with emitter.loop(whole, width) as column:
        count = builder.sitofp(emitter.load(sums, column, I32), F32)
        value = builder.fmul(count, step)
        value = emitter.fma(value, emitter.load(scale, column), emitter.load(bias, column))
        emitter.store(value, out, column)


def _whole(emitter: Emitter, width: Value) -> Value:
    """The columns that fill vectors."""
    return emitter.mul(emitter.div(width, LANES), LANES)
