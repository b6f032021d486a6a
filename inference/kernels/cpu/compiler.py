"""Compiles functions for this processor with LLVM, which llvmlite's wheel carries: no compiler is needed.

The instruction set is the one that torch uses, so that `ATEN_CPU_CAPABILITY` limits both. llvmlite is loaded
late: a processor without these instructions does not need it. What was compiled is kept on disk for the next
start (`object_files.py`).
"""

import ctypes
import functools
import hashlib
import json
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inference.kernels import int8_levels
from inference.kernels.cpu.object_files import ObjectFiles, default_directory

if TYPE_CHECKING:
    from llvmlite import ir

Kernel = Callable[..., None]
Signatures = dict[str, list[type]]  # the ctypes of each function's arguments
Build = Callable[["ir.Module"], Signatures]

LANES = 16  # float32 of a vector, whatever the processor has
PARALLEL = "GOMP_parallel"  # of the OpenMP library that torch loads: its threads are torch's
OPTIMIZATION = 2
NARROW, WIDE = "x86-64-v3", "x86-64-v4"  # LLVM's names of processors with AVX2 and with AVX-512
_lock = threading.Lock()


@functools.cache
def is_supported() -> bool:
    """Whether the kernels of this package run here. A torch with another OpenMP may lack `PARALLEL`."""
    return (
        find_spec("llvmlite") is not None and _target_cpu() is not None and _address_of(PARALLEL) is not None
    )


@functools.cache
def has_wide_vectors() -> bool:
    """Whether sixteen float32 are one register, of 32."""
    return _target_cpu() == WIDE


def _target_cpu() -> str | None:
    capability = torch.backends.cpu.get_cpu_capability()
    if capability == "AVX2":
        return NARROW
    return WIDE if capability.startswith("AVX512") else None


def _address_of(name: str) -> int | None:
    """Where the process has the function `name`."""
    try:
        return ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value
    except (AttributeError, OSError, TypeError):  # TypeError: on Windows
        return None


def thread_count(work: int, enough: int) -> int:
    """Returns torch's number of threads where each gets `enough` of the work, else fewer."""
    return max(1, min(torch.get_num_threads(), work // enough))


def start_compiling(key: Hashable, build: Build) -> Future[dict[str, Kernel]]:
    """Begins in a thread of its own, or returns what was begun with this key, which names the kernel.

    Takes 0.1 s or more, most of it without the interpreter's lock, unless it was compiled before.
    """
    with _lock:
        known = _compilations.get(key)
        if known is not None:
            return known
        future = _compilations[key] = Future()
    arguments = (future, repr(key), build)
    threading.Thread(target=_compile_into, args=arguments, name="compile-kernels").start()
    return future


def compile_kernels(key: Hashable, build: Build) -> dict[str, Kernel]:
    """Calls `build` with an empty module and returns the functions that it names."""
    return start_compiling(key, build).result()


def wait_for_kernels() -> None:
    """Until everything that was begun is compiled."""
    for future in tuple(_compilations.values()):
        future.result()


def _compile_into(future: Future[dict[str, Kernel]], name: str, build: Build) -> None:
    try:
        cpu = _target_cpu()
        assert cpu is not None
        future.set_result(load(*compile_once(ObjectFiles(default_directory()), name, build, cpu)))
    except Exception as error:
        future.set_exception(error)


def compile_once(files: ObjectFiles, name: str, build: Build, cpu: str) -> tuple[bytes, Signatures]:
    """Returns an object file, and the ctypes of each function's arguments, from `files` or compiled.

    `cpu` is WIDE or NARROW. `name` says what `build` adds to a module.
    """
    file_name = hashlib.sha256(f"{_made_from()} {cpu} {name}".encode()).hexdigest()
    stored = files.read(file_name)
    if stored is not None:
        header, _, code = stored.partition(b"\n")
        names = json.loads(header)
        return code, {each: [getattr(ctypes, kind) for kind in kinds] for each, kinds in names.items()}
    module, signatures = optimise(build, cpu)
    code = machine_for(cpu).emit_object(module)
    kinds = {each: [kind.__name__ for kind in kinds] for each, kinds in signatures.items()}
    files.write(file_name, json.dumps(kinds).encode() + b"\n" + code)
    return code, signatures


@functools.cache
def _made_from() -> str:
    """What decides the code, but for the kernel and the processor: this package, LLVM, and the system."""
    import sysconfig

    import llvmlite
    from llvmlite import binding

    digest = hashlib.sha256()
    for path in (Path(int8_levels.__file__), *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(path.read_bytes())
    system = sysconfig.get_platform()
    return f"{digest.hexdigest()} {llvmlite.__version__} {binding.llvm_version_info} {system}"


def load(code: bytes, signatures: Signatures) -> dict[str, Kernel]:
    """Returns the functions of an object file."""
    from llvmlite import binding

    cpu = _target_cpu()
    assert cpu is not None
    binding.add_symbol(PARALLEL, _address_of(PARALLEL))
    machine = machine_for(cpu)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return {
        name: ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(name))
        for name, kinds in signatures.items()
    }


def optimise(build: Build, cpu: str) -> tuple[Any, Signatures]:
    """Returns LLVM's module, and the ctypes of each function's arguments. `cpu` is WIDE or NARROW."""
    from llvmlite import binding, ir

    module = ir.Module()
    signatures = build(module)
    parsed = binding.parse_assembly(str(module))
    options = binding.create_pipeline_tuning_options(speed_level=OPTIMIZATION)
    options.loop_vectorization = options.slp_vectorization = False  # the kernels have their vectors
    passes = binding.create_pass_builder(machine_for(cpu), options)
    passes.getModulePassManager().run(parsed, passes)
    return parsed, signatures


def machine_for(cpu: str) -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(cpu=cpu, features="-prefer-256-bit", opt=OPTIMIZATION, jit=True)


_engines: list[Any] = []  # they own the compiled code
_compilations: dict[Hashable, Future[dict[str, Kernel]]] = {}
