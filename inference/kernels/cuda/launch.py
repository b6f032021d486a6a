"""One launch of a Triton kernel, with all its arguments. A step of the decoder is a list of launches.

The buffers of a step are fixed, so a list is made once. It runs during a capture into a CUDA graph, and it
can be compiled for chips that this machine does not have. This module is the adapter to Triton's inside;
`tests/inference/kernels/cuda/test_compile.py` fails where another version changes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

POINTER_TYPES = {
    torch.int8: "*i8",
    torch.int32: "*i32",
    torch.int64: "*i64",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.float32: "*fp32",
}
ALIGNED = [["tt.divisibility", 16]]
ALIGNMENT = 16


@dataclass(frozen=True, slots=True, eq=False)
class KernelLaunch:
    """`kernel` is a `triton.jit` function; its parameters are `arguments`, in order, and `constants`.

    `overlaps`: the kernel may start before the previous one has ended (programmatic dependent launch, from
    sm_90 on); it must have a constant OVERLAPS.
    """

    kernel: Any  # triton.runtime.JITFunction, which is untyped
    grid: tuple[int, int, int]
    arguments: tuple[Tensor | int | float, ...]
    constants: Mapping[str, int | bool]
    num_warps: int = 4
    num_stages: int = 1
    overlaps: bool = False

    @property
    def name(self) -> str:
        return str(self.kernel.fn.__name__)

    def __call__(self) -> None:
        """Launches on the current stream."""
        self.kernel[self.grid](
            *self.arguments,
            **self.constants,
            num_warps=self.num_warps,
            num_stages=self.num_stages,
            launch_pdl=self.overlaps,
        )

    def load(self) -> None:
        """Loads the compiled kernel onto the current device, with its launcher for Python."""
        self.compile_here().run  # noqa: B018 - the property loads it

    def compile_here(self) -> Any:
        """Compiles for the current device without a launch. Returns Triton's CompiledKernel, or a future."""
        return self.kernel.warmup(
            *self.arguments,
            grid=self.grid,
            **self.constants,
            num_warps=self.num_warps,
            num_stages=self.num_stages,
            launch_pdl=self.overlaps,
        )

    def key(self) -> tuple[object, ...]:
        """Returns equal keys for launches that need the same compiled kernel."""
        kinds = tuple(self._kind(argument) for argument in self.arguments)
        return self.name, kinds, tuple(self.constants.items()), self.num_warps, self.num_stages, self.overlaps

    def compile(self, capability: int) -> Any:
        """Compiles for any chip, as 90 for sm_90, without a device. Returns Triton's CompiledKernel."""
        names = self.kernel.arg_names
        signature = dict.fromkeys(names, "constexpr")
        constants: dict[str, object] = dict(self.constants)
        attributes: dict[tuple[int, ...], object] = {}
        for index, (name, argument) in enumerate(zip(names, self.arguments, strict=False)):
            kind = self._kind(argument)
            if kind == "constexpr":
                constants[name] = argument
                continue
            signature[name] = kind
            if isinstance(argument, Tensor) or (isinstance(argument, int) and argument % ALIGNMENT == 0):
                attributes[(index,)] = ALIGNED
        source = ASTSource(self.kernel, signature, constants, attributes)
        options = {
            "num_warps": self.num_warps,
            "num_stages": self.num_stages,
            "launch_pdl": self.overlaps,
        }
        return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)

    @staticmethod
    def _kind(argument: Tensor | int | float) -> str:
        """Returns the type in a signature, as Triton specialises it at a launch."""
        if isinstance(argument, Tensor):
            return POINTER_TYPES[argument.dtype]
        if isinstance(argument, float):
            return "fp32"
        if argument == 1:
            return "constexpr"
        return "i32" if -(2**31) <= argument < 2**31 else "i64"
