"""Loads a checkpoint's tensors into modules that were built without storage.

It reads, converts and places one layer at a time, so loading needs the memory of the model and one layer
more. The decoder's own layers may become int8 or CPU-packed; all other modules keep floats.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from inference.errors import InvalidCheckpoint
from inference.kernels.cpu.compiler import is_supported
from inference.kernels.int8_levels import INT8_MAX
from inference.kernels.int8_linear import dequantize, has_exact_int8
from inference.kernels.onednn import has_onednn
from inference.loading.checkpoint import Checkpoint, require_float
from inference.loading.device_copy import DeviceCopy
from inference.loading.int8 import Int8Weight, is_int8, quantize, read_int8
from inference.models.layers import Embedding, Int8Embedding, Int8Linear, Linear, PackedLinear, PanelLinear

# A module's path -> its names in the checkpoint; several are fused row by row.
Sources = Callable[[str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class WeightLoader:
    """`dtype` is the type in which floats are computed. `should_quantize` takes a module's path.

    Loads onto the first device. A decoder's layers may be shared by all of them.
    """

    checkpoint: Checkpoint
    devices: tuple[torch.device, ...]
    dtype: torch.dtype
    should_quantize: Callable[[str], bool]
    to_device: DeviceCopy

    @property
    def device(self) -> torch.device:
        return self.devices[0]

    def on(self, device: torch.device) -> "WeightLoader":
        """Returns a loader of the same checkpoint for another device."""
        if device == self.device:
            return self
        return replace(self, devices=(device,), to_device=DeviceCopy(device))

    def load(
        self, root: nn.Module, sources: Sources, includes: Callable[[str], bool] = lambda path: True
    ) -> None:
        """Replaces every parameter of `root`, or of its modules whose paths `includes` accepts.

        Raises `InvalidCheckpoint` at the first that does not fit.
        """
        for path, module in list(root.named_modules()):
            if not includes(path):
                continue
            names = sources(path)
            if isinstance(module, Linear):
                root.set_submodule(path, self._linear(names, module, self.should_quantize(path)))
            elif isinstance(module, Embedding):
                root.set_submodule(path, self._embedding(names[0], module, self.should_quantize(path)))
            else:
                self._load_floats(names[0], module)

    def _linear(self, names: tuple[str, ...], module: Linear, should_quantize: bool) -> nn.Module:
        shape = tuple(module.weight.shape)
        bias = None
        if module.bias is not None:
            bias = torch.cat([self._read_float(f"{name}.bias") for name in names])
            self._check(f"{names[0]}.bias", tuple(bias.shape), shape[:1])
        if should_quantize or self._stays_int8(names):
            parts = [self._read_quantized(name) for name in names]
            cb, scb = (torch.cat(rows) for rows in zip(*((part.cb, part.scb) for part in parts), strict=True))
            self._check(f"{names[0]}.weight", tuple(cb.shape), shape)
            if self.uses_panels and not has_exact_int8():
                return PanelLinear(cb, bias, scb / INT8_MAX)
            return Int8Linear(cb, scb, bias)
        weight = torch.cat([self._read_float(f"{name}.weight") for name in names])
        self._check(f"{names[0]}.weight", tuple(weight.shape), shape)
        if self.uses_panels:
            return PanelLinear(weight, bias)
        if weight.device.type == "cpu" and weight.dtype == torch.float32 and has_onednn():
            return PackedLinear(weight, bias)
        linear = Linear(0, 0)
        linear.weight = nn.Parameter(weight, requires_grad=False)
        linear.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        return linear

    @property
    def uses_panels(self) -> bool:
        """The decoder runs on the compiled kernels of the CPU."""
        return self.device.type == "cpu" and self.dtype == torch.float32 and is_supported()

    def _stays_int8(self, names: tuple[str, ...]) -> bool:
        """CPUs without a fast product by int8 weights are many times faster with packed floats."""
        is_fast = self.device.type != "cpu" or has_exact_int8() or self.uses_panels
        return is_fast and any(is_int8(self.checkpoint, name) for name in names)

    def _embedding(self, name: str, module: Embedding, should_quantize: bool) -> nn.Module:
        shape = tuple(module.weight.shape)
        if should_quantize or is_int8(self.checkpoint, name):
            quantized = self._read_quantized(name)
            self._check(f"{name}.weight", tuple(quantized.cb.shape), shape)
            return Int8Embedding(quantized.cb, quantized.scb, self.dtype)
        weight = self._read_float(f"{name}.weight")
        self._check(f"{name}.weight", tuple(weight.shape), shape)
        embedding = Embedding(0, 0)
        embedding.weight = nn.Parameter(weight, requires_grad=False)
        return embedding

    def _load_floats(self, name: str, module: nn.Module) -> None:
        for parameter_name, parameter in list(module.named_parameters(recurse=False)):
            full_name = f"{name}.{parameter_name}"
            tensor = self._read_float(full_name)
            self._check(full_name, tuple(tensor.shape), tuple(parameter.shape))
            setattr(module, parameter_name, nn.Parameter(tensor, requires_grad=False))

    def _read_float(self, name: str) -> Tensor:
        module_name = name.removesuffix(".weight")
        if is_int8(self.checkpoint, module_name):  # of a tower that was quantised together with the decoder
            quantized = self._read_quantized(module_name)
            return dequantize(quantized.cb, quantized.scb, self.dtype)
        tensor = self.checkpoint.read(name)
        require_float(tensor, name)
        return self.to_device(tensor).to(self.dtype)

    def _read_quantized(self, name: str) -> Int8Weight:
        if is_int8(self.checkpoint, name):
            saved = read_int8(self.checkpoint, name)
            return Int8Weight(self.to_device(saved.cb), self.to_device(saved.scb))
        weight = self.checkpoint.read(f"{name}.weight")
        require_float(weight, name)
        return quantize(self.to_device(weight))

    def _check(self, name: str, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if found != expected:
            raise InvalidCheckpoint(
                f"The weights {name} have the shape {found} and config.json says {expected}; "
                "take both from the same model."
            )


def refuse_foreign_weights(checkpoint: Checkpoint) -> None:
    """Raises `InvalidCheckpoint` if tensors are left over after loading: parts of another model."""
    if checkpoint.unread:
        example = min(checkpoint.unread)
        raise InvalidCheckpoint(
            f"The checkpoint {checkpoint.name} has {len(checkpoint.unread)} weights that its architecture "
            f"does not have, such as {example}; take config.json and weights from the same model."
        )
