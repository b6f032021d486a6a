"""What a process of ours inherits of the gateway's environment: how libraries are set up, and no secrets."""

import os
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).parents[1]  # where `inference` is imported from
NAMES = frozenset(
    {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "XDG_CACHE_HOME"}
)
PREFIXES = (
    *("LC_", "PYTHON", "MALLOC_"),
    *("CUDA_", "NVIDIA_", "NCCL_", "CUBLAS_", "CUDNN_"),
    *("TORCH_", "TORCHINDUCTOR_", "PYTORCH_", "TRITON_", "TRANSFORMERS_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "ONEDNN_", "DNNL_", "ATEN_", "OPENBLAS_"),
)
CACHES = frozenset({"HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
SECRETS = ("TOKEN", "SECRET", "PASSWORD", "KEY")  # in a name


def process_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """A model of the hub was downloaded before: the process uses no network and needs no token."""
    inherited = {
        name: value
        for name, value in environment.items()
        if (name in NAMES or name in CACHES or name.startswith(PREFIXES))
        and not any(secret in name for secret in SECRETS)
    }
    paths = [str(SOURCE), *filter(None, [inherited.get("PYTHONPATH")])]
    return inherited | {"PYTHONPATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1"}
