"""Where a figure was measured: without this it cannot be compared with another."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def hardware_and_versions(*packages: str) -> dict[str, object]:
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "versions": {package: version(package) for package in packages},
    }
