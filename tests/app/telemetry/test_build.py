"""What telemetry needs is loaded, and asked for, by those alone who switch it on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SECONDS = 60.0  # until a gateway that starts after all is ended
LOADED = """
import sys
from app.main import create_app
create_app()
late = ("app.telemetry.telemetry", "app.telemetry.encoder", "opentelemetry.proto", "google.protobuf", "httpx")
print(*(name for name in late if name in sys.modules))
"""
WITHOUT_MESSAGES = """
import sys
from app.cli import main


class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name == "opentelemetry.proto":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NotInstalled())
main(["serve", "--port", "0"])
"""


def test_gateway_without_a_collector_loads_nothing_for_one() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_missing_package_is_named_with_what_to_install(tmp_path: Path) -> None:
    settings = {
        "GATEWAY_DATA_DIR": str(tmp_path),
        "GATEWAY_BACKEND": "scripted",
        "GATEWAY_TELEMETRY__ENDPOINT": "http://127.0.0.1:4318",
    }
    command = [sys.executable, "-c", WITHOUT_MESSAGES]
    ended = subprocess.run(
        command, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        "gateway: opentelemetry.proto is not installed; install autoglm-gateway[otel], or unset "
        "GATEWAY_TELEMETRY__ENDPOINT."
    )
