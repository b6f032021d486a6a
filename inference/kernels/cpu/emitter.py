"""Writes functions in LLVM's language: loops, and arithmetic on vectors of sixteen float32.

Every vector has sixteen lanes, whatever the processor has: LLVM splits them. So the order of a sum, and with
it the result, is the same on every processor.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from inference.kernels.cpu.compiler import LANES

F32 = ir.FloatType()
I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER = ir.PointerType()
VECTOR = ir.VectorType(F32, LANES)
INTEGERS = ir.VectorType(I32, LANES)
ELEMENT_BYTES = 4  # of a float32

LEAST_EXPONENT, MOST_EXPONENT = -87.0, 88.0  # of e, in float32
MANTISSA_BITS = 23
ONE_BITS = 127 << MANTISSA_BITS  # of 1.0
ROUNDING = 1.5 * 2**MANTISSA_BITS
LOG_2_HIGH, LOG_2_LOW = 0.693359375, -2.12194440e-4  # few bits, and the rest
EXP_TERMS = [1 / math.factorial(power) for power in range(7, -1, -1)]  # for |x| <= log(2) / 2

Value = Any  # llvmlite has no types


class Emitter:
    """One function, written from its beginning to its end. Indices count elements."""

    def __init__(
        self, module: ir.Module, name: str, *arguments: tuple[str, ir.Type], is_internal: bool = False
    ) -> None:
        self.function = ir.Function(
            module, ir.FunctionType(ir.VoidType(), [kind for _, kind in arguments]), name
        )
        if is_internal:
            self.function.linkage = "internal"
            self.function.attributes.add("noinline")
        for argument, (argument_name, kind) in zip(self.function.args, arguments, strict=True):
            argument.name = argument_name
            if kind is POINTER:
                argument.add_attribute("noalias")
        self.builder = ir.IRBuilder(self.function.append_basic_block())
        self._module = module

    @property
    def arguments(self) -> tuple[Value, ...]:
        return tuple(self.function.args)

    def end(self) -> None:
        self.builder.ret_void()

    # Numbers

    def index(self, value: "int | Value") -> Value:
        return ir.Constant(I64, value) if isinstance(value, int) else value

    def number(self, value: float) -> Value:
        return ir.Constant(F32, value)

    def add(self, first: Value, second: "int | Value") -> Value:
        return self.builder.add(self.index(first), self.index(second))

    def sub(self, first: Value, second: "int | Value") -> Value:
        return self.builder.sub(self.index(first), self.index(second))

    def mul(self, first: Value, second: "int | Value") -> Value:
        return self.builder.mul(self.index(first), self.index(second))

    def div(self, first: Value, second: "int | Value") -> Value:
        return self.builder.udiv(self.index(first), self.index(second))

    def least(self, first: Value, second: "int | Value") -> Value:
        first, second = self.index(first), self.index(second)
        return self.builder.select(self.builder.icmp_unsigned("<", first, second), first, second)

    # Vectors

    def constant(self, value: float) -> Value:
        return ir.Constant(VECTOR, [ir.Constant(F32, value)] * LANES)

    def splat(self, scalar: Value) -> Value:
        kind = ir.VectorType(scalar.type, LANES)
        one = self.builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, LANES), [ir.Constant(I32, 0)] * LANES)
        return self.builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)

    def fma(self, first: Value, second: Value, addend: Value) -> Value:
        return self.intrinsic("llvm.fma", first, second, addend)

    def intrinsic(self, name: str, *operands: Value) -> Value:
        """Of operands of one type, which it also returns."""
        kind = operands[0].type
        full_name = f"{name}.v{LANES}f32" if kind == VECTOR else f"{name}.f32"
        function = self._module.globals.get(full_name) or ir.Function(
            self._module, ir.FunctionType(kind, [kind] * len(operands)), full_name
        )
        return self.builder.call(function, operands)

    def processor_intrinsic(self, name: str, result: ir.Type, *operands: Value) -> Value:
        """Of one kind of processor; `name` is LLVM's."""
        kinds = [operand.type for operand in operands]
        function = self._module.globals.get(name) or ir.Function(
            self._module, ir.FunctionType(result, kinds), name
        )
        return self.builder.call(function, operands)

    def integers(self, values: Iterable[int]) -> Value:
        return ir.Constant(INTEGERS, [ir.Constant(I32, value) for value in values])

    def shuffle(self, vector: Value, order: Iterable[int]) -> Value:
        return self.builder.shuffle_vector(vector, vector, self.integers(order))

    def rotate(self, vector: Value, count: int) -> Value:
        return self.shuffle(vector, [(lane + count) % LANES for lane in range(LANES)])

    def fold(self, vector: Value, combine: Callable[[Value, Value], Value]) -> Value:
        """Combines all lanes into a scalar: the halves, then their halves, and so on."""
        width = LANES // 2
        while width:
            vector = combine(vector, self.rotate(vector, width))
            width //= 2
        return self.builder.extract_element(vector, ir.Constant(I32, 0))

    def larger_or_nan(self, first: Value, second: Value) -> Value:
        """A NaN in either is passed on, unless the other is a NaN too."""
        builder = self.builder
        larger = builder.select(builder.fcmp_ordered(">", first, second), first, second)
        return builder.select(builder.fcmp_unordered("uno", first, first), first, larger)

    def exp(self, vector: Value) -> Value:
        """Accurate to two units in the last place; below e to the -87 it is that; a NaN is passed on."""
        builder = self.builder
        least, most = self.constant(LEAST_EXPONENT), self.constant(MOST_EXPONENT)
        vector = builder.select(builder.fcmp_ordered("<", vector, least), least, vector)
        vector = builder.select(builder.fcmp_ordered(">", vector, most), most, vector)
        # Adding 1.5 * 2 ** 23 leaves the nearest integer in the lowest bits.
        shifted = self.fma(vector, self.constant(1 / math.log(2)), self.constant(ROUNDING))
        whole = builder.fsub(shifted, self.constant(ROUNDING))
        rest = self.fma(whole, self.constant(-LOG_2_HIGH), vector)
        rest = self.fma(whole, self.constant(-LOG_2_LOW), rest)
        total = self.constant(EXP_TERMS[0])
        for term in EXP_TERMS[1:]:
            total = self.fma(total, rest, self.constant(term))
        bits = builder.shl(builder.bitcast(shifted, INTEGERS), self.integers([MANTISSA_BITS] * LANES))
        power = builder.bitcast(builder.add(bits, self.integers([ONE_BITS] * LANES)), VECTOR)
        return builder.fmul(total, power)

    # Memory

    def place(self, pointer: Value, index: "int | Value", kind: ir.Type = F32) -> Value:
        return self.builder.gep(pointer, [self.index(index)], source_etype=kind)

    def load(self, pointer: Value, index: "int | Value", kind: ir.Type = F32) -> Value:
        return self.builder.load(self.place(pointer, index, kind), typ=kind)

    def store(self, value: Value, pointer: Value, index: "int | Value") -> None:
        self.builder.store(value, self.place(pointer, index, value.type))

    def load_vector(self, pointer: Value, index: "int | Value") -> Value:
        return self.builder.load(self.place(pointer, index), typ=VECTOR, align=ELEMENT_BYTES)

    def store_vector(self, value: Value, pointer: Value, index: "int | Value") -> None:
        self.builder.store(value, self.place(pointer, index), align=ELEMENT_BYTES)

    def variable(self, initial: Value) -> Value:
        """A place on the stack, which LLVM turns into a register."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(initial.type)
        self.builder.store(initial, place)
        return place

    def numbers(self, size: int) -> Value:
        """Memory on the stack for `size` float32."""
        with self.builder.goto_entry_block():
            typed = self.builder.alloca(F32, size=size)  # llvmlite allows only its type there
            return self.builder.inttoptr(self.builder.ptrtoint(typed, I64), POINTER)

    def get(self, variable: Value, kind: ir.Type) -> Value:
        return self.builder.load(variable, typ=kind)

    def set(self, variable: Value, value: Value) -> None:
        self.builder.store(value, variable)

    # Control

    @contextmanager
    def loop(self, start: "int | Value", stop: "int | Value", step: int = 1) -> Iterator[Value]:
        """Yields the index, while it is less than `stop`."""
        start, stop = self.index(start), self.index(stop)
        before = self.builder.block
        head = self.function.append_basic_block()
        body = self.function.append_basic_block()
        after = self.function.append_basic_block()
        self.builder.branch(head)
        self.builder.position_at_end(head)
        index = self.builder.phi(I64)
        index.add_incoming(start, before)
        self.builder.cbranch(self.builder.icmp_signed("<", index, stop), body, after)
        self.builder.position_at_end(body)
        yield index
        index.add_incoming(self.builder.add(index, self.index(step)), self.builder.block)
        self.builder.branch(head)
        self.builder.position_at_end(after)
