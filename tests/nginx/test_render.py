"""What `nginx/render` writes and refuses; gixy finds nothing in it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.servers import find_program

from .nginx_server import NGINX_DIRECTORY, RenderFailed, render

pytestmark = pytest.mark.servers

DOCUMENT = Path(__file__).parents[2] / "docs" / "nginx.md"
GIXY = Path(sys.executable).with_name("gixy")
NEWER = "nginx version: nginx/1.27.3\nconfigure arguments: --modules-path={modules} --with-http_v2_module"


@pytest.fixture
def newer_nginx(tmp_path: Path) -> Path:
    """A program that claims to be a newer nginx, with HTTP/3 and without brotli."""
    program = tmp_path / "newer-nginx"
    said = NEWER.format(modules=tmp_path) + " --with-http_v3_module"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    program.chmod(0o755)
    return program


def written(config: Path) -> dict[str, str]:
    """Every file, without comments."""
    root = config.parent
    return {
        path.relative_to(root).as_posix(): re.sub(r"(?m)^\s*#.*\n", "", path.read_text())
        for path in root.rglob("*.conf")
    }


def gixy(config: Path) -> list[dict[str, object]]:
    done = subprocess.run([GIXY, "--format", "json", config], capture_output=True, text=True, check=False)
    assert "ERROR" not in done.stderr, done.stderr
    issues: list[dict[str, object]] = json.loads(done.stdout)
    return issues


def test_nginx_accepts_what_is_written(tmp_path: Path, certificate: Path) -> None:
    program = os.environ.get("NGINX_PROGRAM") or find_program("nginx", "nginx")
    tls = {"NGINX_TLS_CERTIFICATE": str(certificate), "NGINX_TLS_KEY": str(certificate.with_name("key.pem"))}
    for number, variables in enumerate(
        (
            {},
            {
                "NGINX_SERVER_NAME": "localhost, other.test",
                "NGINX_GATEWAYS": "localhost:8000,[::1]:8001 10.0.0.1:1",
            },
            {"NGINX_HTTPS_PORT": "8443", "NGINX_HTTP_PORT": "8080", "NGINX_TLS_AUTHORITIES": "/nowhere"},
        )
    ):
        config = render(
            tmp_path / str(number), NGINX_LOG_DIR=str(tmp_path), NGINX_PROGRAM=program, **tls, **variables
        )
        tested = subprocess.run([program, "-t", "-c", config], capture_output=True, text=True, check=False)
        assert tested.returncode == 0, tested.stderr
        complaints = re.findall(r"\[(?:warn|error|emerg)\] \S+ (.*)", tested.stderr)
        assert all("ssl_stapling" in line for line in complaints), "a self-signed one has no responder"


@pytest.mark.parametrize("name", ["_", "api.example.com"])
def test_gixy_finds_nothing(tmp_path: Path, name: str) -> None:
    assert gixy(render(tmp_path, NGINX_SERVER_NAME=name)) == []


def test_gixy_reads_every_included_file(tmp_path: Path) -> None:
    config = render(tmp_path)
    flawed = config.parent / "server" / "locations.conf"
    flawed.write_text(flawed.read_text() + "location /flaw { return 302 https://$http_host/$uri; }\n")
    (found,) = gixy(config)
    assert str(found["file"]).endswith("server/locations.conf")


def test_no_variable_is_left_unset(tmp_path: Path) -> None:
    files = written(render(tmp_path))
    assert len(files) > 12
    assert not [name for name, text in files.items() if "${" in text]
    assert "$remote_addr" in files["http/proxy.conf"], "nginx's own variables stay"


def test_newer_nginx_gets_its_own_directives_for_http2_and_http3(tmp_path: Path, newer_nginx: Path) -> None:
    files = written(render(tmp_path, NGINX_PROGRAM=str(newer_nginx), NGINX_ADDRESSES="0.0.0.0"))
    assert "listen 0.0.0.0:443 ssl;\n" in files["servers.conf"]
    assert "http2 on;" in files["servers.conf"]
    assert "listen 0.0.0.0:443 quic reuseport;" in files["servers.conf"]
    assert """add_header Alt-Svc 'h3=":443"; ma=86400' always;""" in files["server/headers.conf"]


def test_other_names_are_refused_over_http3_too(tmp_path: Path, newer_nginx: Path) -> None:
    settings = {"NGINX_PROGRAM": str(newer_nginx), "NGINX_ADDRESSES": "0.0.0.0"}
    files = written(render(tmp_path, NGINX_SERVER_NAME="api.example.com", **settings))
    strangers, ours = files["servers.conf"].split("ssl_reject_handshake on;")
    assert "listen 0.0.0.0:443 quic default_server;" in strangers
    assert "quic default_server" not in ours


def test_older_nginx_gets_neither(tmp_path: Path, newer_nginx: Path) -> None:
    newer_nginx.write_text(
        newer_nginx.read_text().replace("1.27.3", "1.25.0").replace(" --with-http_v3_module", "")
    )
    files = written(render(tmp_path, NGINX_PROGRAM=str(newer_nginx), NGINX_ADDRESSES="0.0.0.0"))
    assert "listen 0.0.0.0:443 ssl http2;" in files["servers.conf"]
    assert "http2 on" not in files["servers.conf"]
    assert "quic" not in files["servers.conf"]
    assert "Alt-Svc" not in files["server/headers.conf"]


def test_newer_nginx_looks_up_names_of_gateways_again(tmp_path: Path, newer_nginx: Path) -> None:
    """So gateways that are started later are found; addresses are none that can be looked up."""
    variables = {
        "NGINX_PROGRAM": str(newer_nginx),
        "NGINX_GATEWAYS": "gateway:8000 127.0.0.1:8001 [::1]:8002 unix:/run/gateway.sock",
        "NGINX_RESOLVERS": "127.0.0.11",
    }
    upstreams = written(render(tmp_path, **variables))["http/upstream.conf"]
    assert upstreams.count("resolver 127.0.0.11 valid=5s;") == 2
    servers = re.findall(r"server (\S+) max_fails=2 fail_timeout=10s(.*);", upstreams)
    assert servers[:4] == [
        ("gateway:8000", " resolve"),
        ("127.0.0.1:8001", ""),
        ("[::1]:8002", ""),
        ("unix:/run/gateway.sock", ""),
    ]
    newer_nginx.write_text(newer_nginx.read_text().replace("1.27.3", "1.27.2"))
    assert "resolve" not in written(render(tmp_path, **variables))["http/upstream.conf"]


def test_brotli_is_on_if_its_module_is_installed(tmp_path: Path, newer_nginx: Path) -> None:
    files = written(render(tmp_path, NGINX_PROGRAM=str(newer_nginx)))
    assert "http/brotli.conf" not in files
    module = tmp_path / "ngx_http_brotli_filter_module.so"
    module.touch()
    files = written(render(tmp_path, NGINX_PROGRAM=str(newer_nginx)))
    assert "brotli on;" in files["http/brotli.conf"]
    assert f"load_module {module};" in files["nginx.conf"]


def test_brotli_and_gzip_compress_the_same(tmp_path: Path) -> None:
    templates = NGINX_DIRECTORY / "templates" / "http"
    gzip, brotli = ((templates / f"{name}.conf").read_text() for name in ("gzip", "brotli"))
    for directive in ("types", "min_length"):
        assert re.findall(f"gzip_{directive} ([^;]*);", gzip) == re.findall(
            f"brotli_{directive} ([^;]*);", brotli
        )
    assert "event-stream" not in re.findall("gzip_types ([^;]*);", gzip)[0]


def test_lists_become_lines(tmp_path: Path) -> None:
    files = written(
        render(
            tmp_path,
            NGINX_GATEWAYS="10.0.0.1:8000, 10.0.0.2:8000",
            NGINX_OPERATOR_NETWORKS="10.0.0.0/8 fd00::/8",
            NGINX_TRUSTED_PROXIES="192.0.2.1",
            NGINX_RESOLVERS="192.0.2.53 [2001:db8::53]",
        )
    )
    servers = re.findall("server ([0-9.:]+) max_fails=2 fail_timeout=10s;", files["http/upstream.conf"])
    assert servers == ["10.0.0.1:8000", "10.0.0.2:8000"] * 2  # for requests, and for the operators' page
    assert re.findall(r"(?m)^\w.*", files["server/operators.conf"]) == [
        "allow 10.0.0.0/8;",
        "allow fd00::/8;",
        "deny all;",
    ]
    assert "set_real_ip_from 192.0.2.1;" in files["http/addresses.conf"]
    assert "resolver 192.0.2.53 [2001:db8::53];" in files["server/certificate.conf"]


def test_without_networks_of_operators_everybody_is_refused(tmp_path: Path) -> None:
    files = written(render(tmp_path, NGINX_OPERATOR_NETWORKS=" "))
    assert files["server/operators.conf"].split() == ["deny", "all;"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NGINX_SERVER_NAME", "a; return 200"),
        ("NGINX_SERVER_NAME", "$host"),
        ("NGINX_GATEWAYS", "a:1; }"),
        ("NGINX_GATEWAYS", "a:1\nb:1"),
        ("NGINX_GATEWAYS", " , "),
        ("NGINX_OPERATOR_NETWORKS", "all"),
        ("NGINX_TRUSTED_PROXIES", "10.0.0.0/8;"),
        ("NGINX_TLS_KEY", '/key" x'),
        ("NGINX_READ_SECONDS", "65s"),
        ("NGINX_MAX_BODY_BYTES", "25m"),
        ("NGINX_CORS_ORIGINS", 'https://a" "*'),
        ("NGINX_USER", "root;"),
        ("NGINX_PROGRAM", "no-such-nginx"),
    ],
)
def test_value_with_configuration_in_it_is_refused_by_name(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(RenderFailed) as failed:
        render(tmp_path, **{name: value})
    said = str(failed.value)
    assert name in said
    assert said.startswith("nginx/render: ")
    assert said.count("\n") == 1
    assert not (tmp_path / "conf").exists(), "nothing is half written"


def test_document_names_every_variable_with_its_default() -> None:
    defaults = dict(
        re.findall(r'(?m)^: "\$\{(NGINX_\w+):=(.*)\}"$', (NGINX_DIRECTORY / "render").read_text())
    )
    rows = dict(re.findall(r"(?m)^\| `(NGINX_\w+)` \| (.*?) \|", DOCUMENT.read_text()))
    assert rows.keys() == defaults.keys()
    for name, default in defaults.items():
        if default:
            assert rows[name] == f"`{default}`", name
