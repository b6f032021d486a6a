"""Products of a few int8 rows by int8 weights as a checkpoint has them, row by row: sums of integers.

oneDNN's products of integers pay off for many rows: it arranges the weights anew for each. Both are exact, so
the number of rows decides between them without changing a result.
"""

from llvmlite import ir

from inference.kernels.cpu.emitter import I8, I32, I64, INTEGERS, POINTER, Emitter, Value
from inference.kernels.cpu.parallel import export

OUTS = 4  # outputs of a unit
STEP = 32  # inputs that are multiplied at once
BYTES, SHORTS = ir.VectorType(I8, STEP), ir.VectorType(ir.IntType(16), STEP)
ARGUMENTS = (
    ("x", POINTER),  # (rows, width) int8
    ("weight", POINTER),  # (outs, width) int8
    ("sums", POINTER),  # (rows, outs) int32
    ("rows", I64),
    ("width", I64),
    ("outs", I64),  # at least OUTS
)


def count_units(outs: int) -> int:
    return -(-outs // OUTS)


def build(module: ir.Module, *, is_wide: bool) -> dict[str, list[type]]:
    """Adds x @ weight.T. `is_wide`: a register has 64 bytes, else 32."""

    def emit_unit(
        emitter: Emitter,
        x: Value,
        weight: Value,
        sums: Value,
        rows: Value,
        width: Value,
        outs: Value,
        unit: Value,
    ) -> None:
        # The last unit begins earlier where the outputs do not divide, and computes some of them again.
        first = emitter.least(emitter.mul(unit, OUTS), emitter.sub(outs, OUTS))
        starts = [
            emitter.place(weight, emitter.mul(emitter.add(first, number), width), I8)
            for number in range(OUTS)
        ]
        whole = emitter.mul(emitter.div(width, STEP), STEP)
        with emitter.loop(0, rows) as row:
            start = emitter.place(x, emitter.mul(row, width), I8)
            out = emitter.place(sums, emitter.add(emitter.mul(row, outs), first), I32)
            _emit_row(emitter, start, starts, out, whole, width, is_wide=is_wide)

    return {"sum_products": export(module, "sum_products", ARGUMENTS, emit_unit)}


def _emit_row(
    emitter: Emitter,
    x: Value,
    weights: list[Value],
    out: Value,
    whole: Value,
    width: Value,
    *,
    is_wide: bool,
) -> None:
    """One row by OUTS rows of weights. The inputs from `whole` on fill no register."""
    builder = emitter.builder
    zeros = emitter.integers([0] * INTEGERS.count)
    totals = [emitter.variable(zeros) for _ in weights]
    with emitter.loop(0, whole, STEP) as place:
        values = _load(emitter, x, place)
        for total, weight in zip(totals, weights, strict=True):
            products = _add_pairs(emitter, values, _load(emitter, weight, place), is_wide)
            emitter.set(total, builder.add(emitter.get(total, INTEGERS), products))
    for number, (total, weight) in enumerate(zip(totals, weights, strict=True)):
        folded = emitter.variable(emitter.fold(emitter.get(total, INTEGERS), builder.add))
        with emitter.loop(whole, width) as place:
            first, second = (builder.sext(emitter.load(each, place, I8), I32) for each in (x, weight))
            emitter.set(folded, builder.add(emitter.get(folded, I32), builder.mul(first, second)))
        emitter.store(emitter.get(folded, I32), out, number)


def _load(emitter: Emitter, start: Value, place: Value) -> Value:
    values = emitter.builder.load(emitter.place(start, place, I8), typ=BYTES, align=1)
    return emitter.builder.sext(values, SHORTS)


def _add_pairs(emitter: Emitter, first: Value, second: Value, is_wide: bool) -> Value:
    """Multiplies lane by lane and adds neighbours: no such sum exceeds 32 bits."""
    if is_wide:
        return emitter.processor_intrinsic("llvm.x86.avx512.pmaddw.d.512", INTEGERS, first, second)
    builder = emitter.builder
    half = ir.VectorType(I32, INTEGERS.count // 2)
    sums = []
    for start in (0, STEP // 2):
        lanes = ir.Constant(
            ir.VectorType(I32, STEP // 2), [ir.Constant(I32, start + lane) for lane in range(STEP // 2)]
        )
        parts = [builder.shuffle_vector(each, each, lanes) for each in (first, second)]
        sums.append(emitter.processor_intrinsic("llvm.x86.avx2.pmadd.wd", half, *parts))
    return builder.shuffle_vector(*sums, emitter.integers(range(INTEGERS.count)))
