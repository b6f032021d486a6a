"""The drop-in for Debian's nginx.service, as systemd reads it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from testbed.servers import find_program

from .nginx_server import NGINX_DIRECTORY

pytestmark = pytest.mark.servers

DROP_IN = NGINX_DIRECTORY / "systemd.conf"
DEBIANS = Path("/lib/systemd/system/nginx.service")


def values(key: str) -> list[str]:
    return re.findall(rf"(?m)^{key}=(.+)$", DROP_IN.read_text())


@pytest.mark.skipif(not DEBIANS.exists(), reason="needs the nginx.service of Debian's package")
def test_systemd_accepts_it(tmp_path: Path) -> None:
    unit = tmp_path / "nginx.service"
    shutil.copy(DEBIANS, unit)
    drop_ins = tmp_path / "nginx.service.d"
    drop_ins.mkdir()
    shutil.copy(DROP_IN, drop_ins / "gateway.conf")
    analyze = find_program("systemd-analyze", "systemd")
    done = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (drop_ins / "gateway.conf").write_text(DROP_IN.read_text() + "NoSuchKey=1\n")
    done = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert "NoSuchKey" in done.stderr, "the drop-in was read"


def test_it_names_the_files_of_render_and_stops_after_the_last_response() -> None:
    defaults = dict(re.findall(r'"\$\{(NGINX_\w+):=(.*)\}"', (NGINX_DIRECTORY / "render").read_text()))
    nginx_conf = (NGINX_DIRECTORY / "templates" / "nginx.conf").read_text()
    assert values("PIDFile") == [f"{defaults['NGINX_RUN_DIR']}/nginx.pid"]
    assert values("RuntimeDirectory") == [Path(defaults["NGINX_RUN_DIR"]).name]
    assert "worker_shutdown_timeout ${NGINX_READ_SECONDS}s;" in nginx_conf
    assert int(values("TimeoutStopSec")[0]) > int(defaults["NGINX_READ_SECONDS"])
    assert values("LimitNOFILE") == re.findall(r"worker_rlimit_nofile (\d+);", nginx_conf)
