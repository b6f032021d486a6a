"""Divides a kernel's work among threads: each takes the next unit until none is left.

So a thread that loses its core delays the others by one unit. A unit's result does not depend on which thread
computes it.
"""

import ctypes
from collections.abc import Callable

from llvmlite import ir

from inference.kernels.cpu.compiler import PARALLEL
from inference.kernels.cpu.emitter import F32, I32, I64, POINTER, Emitter, Value

Arguments = tuple[tuple[str, ir.Type], ...]
CTYPES: dict[ir.Type, type] = {POINTER: ctypes.c_void_p, F32: ctypes.c_float, I64: ctypes.c_int64}


def signature(arguments: Arguments) -> list[type]:
    """The ctypes of an exported function, with its two last arguments: units and threads."""
    return [CTYPES[kind] for _, kind in arguments] + [ctypes.c_int64, ctypes.c_int64]


def export(module: ir.Module, name: str, arguments: Arguments, emit_unit: Callable[..., None]) -> list[type]:
    """Adds the function `name`(*arguments, units, threads), and returns its ctypes.

    `emit_unit`(emitter, *arguments, unit) writes the code of one unit.
    """
    inner = Emitter(module, f"{name}_unit", *arguments, ("unit", I64), is_internal=True)
    emit_unit(inner, *inner.arguments)
    inner.end()
    worker = _emit_worker(module, name, arguments, inner.function)
    outer = Emitter(module, name, *arguments, ("units", I64), ("threads", I64))
    *values, units, threads = outer.arguments
    builder = outer.builder
    is_single = builder.icmp_signed("<=", threads, outer.index(1))
    with builder.if_else(is_single) as (single, several):
        with single, outer.loop(0, units) as unit:
            builder.call(inner.function, [*values, unit])
        with several:
            frame = builder.alloca(I64, size=len(values) + 2)
            numbers = [outer.index(0), units, *(to_integer(builder, value) for value in values)]
            for position, number in enumerate(numbers):
                outer.store(number, frame, position)
            start = _declare_parallel(module)
            count = builder.trunc(threads, I32)
            builder.call(start, [worker, frame, count, ir.Constant(I32, 0)])
    outer.end()
    return signature(arguments)


def _emit_worker(module: ir.Module, name: str, arguments: Arguments, unit_function: ir.Function) -> Value:
    """What each thread runs: it reads the frame, then takes units."""
    emitter = Emitter(module, f"{name}_worker", ("frame", POINTER), is_internal=True)
    (frame,) = emitter.arguments
    builder = emitter.builder
    units = emitter.load(frame, 1, I64)
    values = [
        from_integer(builder, emitter.load(frame, position + 2, I64), kind)
        for position, (_, kind) in enumerate(arguments)
    ]
    take, compute, done = (emitter.function.append_basic_block() for _ in range(3))
    builder.branch(take)
    builder.position_at_end(take)
    unit = builder.atomic_rmw("add", frame, emitter.index(1), "monotonic")
    builder.cbranch(builder.icmp_signed("<", unit, units), compute, done)
    builder.position_at_end(compute)
    builder.call(unit_function, [*values, unit])
    builder.branch(take)
    builder.position_at_end(done)
    emitter.end()
    return emitter.function


def _declare_parallel(module: ir.Module) -> Value:
    kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I32, I32])
    return module.globals.get(PARALLEL) or ir.Function(module, kind, PARALLEL)


def to_integer(builder: ir.IRBuilder, value: Value) -> Value:
    if value.type == POINTER:
        return builder.ptrtoint(value, I64)
    return builder.zext(builder.bitcast(value, I32), I64) if value.type == F32 else value


def from_integer(builder: ir.IRBuilder, number: Value, kind: ir.Type) -> Value:
    if kind == POINTER:
        return builder.inttoptr(number, POINTER)
    return builder.bitcast(builder.trunc(number, I32), F32) if kind == F32 else number
