"""What telemetry needs is imported, and required, only when it is enabled."""

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
late = (
    *("app.telemetry.telemetry", "opentelemetry.exporter", "opentelemetry.sdk.trace", "opentelemetry.proto"),
    *("google.protobuf", "httpx", "requests"),
)
print(*(name for name in late if name in sys.modules))
"""
WITHOUT_PACKAGE = """
import sys
from app.cli import main


class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NotInstalled())
main(["serve", "--port", "0"])
"""


def test_gateway_without_a_collector_loads_nothing_for_one() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


@pytest.mark.parametrize("package", ["opentelemetry.exporter", "opentelemetry.sdk"])
def test_missing_package_is_named_with_what_to_install(package: str, tmp_path: Path) -> None:
    settings = {
        "GATEWAY_DATA_DIR": str(tmp_path),
        "GATEWAY_BACKEND": "scripted",
        "GATEWAY_TELEMETRY__ENDPOINT": "http://127.0.0.1:4318",
    }
    command = [sys.executable, "-c", WITHOUT_PACKAGE, package]
    ended = subprocess.run(
        command, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"gateway: {package} is not installed; install autoglm-gateway[otel], or unset "
        "GATEWAY_TELEMETRY__ENDPOINT."
    )
