"""docker-compose.yml: it is valid, its services are contained, and each gets the settings that it needs."""

import ipaddress
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings, unknown_variables

from .conftest import DEPLOY, ROOT, FindProgram

Services = dict[str, dict[str, Any]]

ONCE = {"migrate", "signing-key"}
GATEWAYS = {"gateway", "gateway-gpu", "gateway-engine"}
PINNED = re.compile(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?")


def seconds(duration: str) -> int:
    minutes, rest = re.fullmatch(r"(?:(\d+)m)?(\d+)s", duration).groups()  # type: ignore[union-attr]
    return int(minutes or 0) * 60 + int(rest)


def test_file_follows_the_specification(program: FindProgram) -> None:
    command = [program("check-jsonschema", "check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(ROOT / "docker-compose.yml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_profiles_add_to_what_starts_without_any(compose_config: Callable[..., dict[str, Any]]) -> None:
    plain = set(compose_config()["services"])
    assert plain == {"nginx", "gateway", "migrate", "signing-key", "postgres", "redis"}
    assert set(compose_config("gpu")["services"]) - plain == {"gateway-gpu"}
    assert set(compose_config("engine")["services"]) - plain == {"gateway-engine", "engine"}
    assert set(compose_config("observability")["services"]) - plain == {"prometheus", "grafana"}


def test_gpus_replace_the_processor_where_that_is_asked_for(
    compose_config: Callable[..., dict[str, Any]],
) -> None:
    services = compose_config("gpu", CPU_GATEWAYS="0")["services"]
    assert services["gateway"]["deploy"]["replicas"] == 0
    (devices,) = services["gateway-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert len(devices["device_ids"]) == 2
    assert services["gateway-gpu"]["environment"]["GATEWAY_DEVICES"] == "cuda:0,cuda:1"
    for name in ("gateway", "gateway-gpu"):
        assert services[name]["networks"]["front"]["aliases"] == ["gateway"]
    assert services["nginx"]["environment"]["NGINX_GATEWAYS"] == "gateway:8000"


def test_vllm_has_both_gpus_and_only_its_gateway_reaches_it(
    compose_config: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = compose_config("engine", CPU_GATEWAYS="0", ENGINE_REQUESTS="32")
    services = document["services"]
    engine, gateway = services["engine"], services["gateway-engine"]
    options = dict(option.removeprefix("--").split("=", 1) for option in engine["command"])
    (devices,) = engine["deploy"]["resources"]["reservations"]["devices"]
    assert int(options["tensor-parallel-size"]) == len(devices["device_ids"]) == 2
    assert Path(options["model"]).parent == Path(engine["volumes"][0]["target"])
    assert "/health" in engine["healthcheck"]["test"][-1]
    assert gateway["depends_on"]["engine"]["condition"] == "service_healthy"
    assert document["networks"]["engine"]["internal"]
    assert engine["networks"].keys() == {"engine"}
    assert {name for name in services if "engine" in services[name]["networks"]} == {
        "engine",
        "gateway-engine",
    }
    assert gateway["networks"]["front"]["aliases"] == ["gateway"]

    for name, value in gateway["environment"].items():
        if name.startswith("GATEWAY_REMOTE") or name == "GATEWAY_BACKEND":
            monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    (endpoint,) = settings.remote.endpoints
    assert settings.backend == ("remote",)
    assert endpoint.url == f"http://engine:{options['port']}"
    assert endpoint.model == options["served-model-name"]
    assert settings.remote.max_outstanding == int(options["max-num-seqs"]) == 32
    assert "tools" not in settings.remote.abilities, "the engine has no parser for calls"
    assert not any(option.startswith("tool") for option in options)


def test_every_container_is_contained(services: Services) -> None:
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert not service.get("cap_add"), name
        if name not in GATEWAYS | ONCE:  # the image says it of these
            assert service["user"].split(":")[0] not in ("", "0", "root"), name


def test_every_container_has_bounds_on_memory_and_processes(services: Services) -> None:
    for name, service in services.items():
        assert 2**30 <= int(service["mem_limit"]) <= 48 * 2**30, name
        assert 512 <= service["pids_limit"] <= 8192, name
    for name in GATEWAYS:
        assert services[name]["memswap_limit"] == services[name]["mem_limit"], "no swap"
        assert services[name]["pids_limit"] >= 2048, "PyTorch has threads for every core, several times"
    settings = Settings(_env_file=None)
    for name in GATEWAYS:
        assert int(services[name]["mem_limit"]) >= 4 * settings.memory_budget_bytes, "and the model beside it"
    kept = re.search(r"^maxmemory (\d+)mb$", (DEPLOY / "redis" / "redis.conf").read_text(), re.MULTILINE)
    assert kept is not None
    assert int(services["redis"]["mem_limit"]) >= 2 * int(kept[1]) * 2**20


def test_memory_of_gateways_can_be_set(compose_config: Callable[..., dict[str, Any]]) -> None:
    services = compose_config("gpu", MEMORY_LIMIT="2g", MEMORY_LIMIT_WITH_GPUS="96g")["services"]
    assert int(services["gateway"]["mem_limit"]) == int(services["gateway"]["memswap_limit"]) == 2 * 2**30
    assert int(services["gateway-gpu"]["mem_limit"]) == 96 * 2**30


def test_every_image_has_an_exact_version(services: Services) -> None:
    for service in services.values():
        assert PINNED.fullmatch(service["image"]), service["image"]


def test_everything_that_stays_says_whether_it_is_well(services: Services) -> None:
    for name in services.keys() - GATEWAYS - ONCE:
        assert services[name]["healthcheck"]["test"], name
    for name in ONCE:
        assert services[name]["healthcheck"]["disable"], name


def test_nobody_outside_reaches_anything_but_nginx(services: Services) -> None:
    for name, service in services.items():
        for port in service.get("ports", ()):
            assert name == "nginx" or port["host_ip"] == "127.0.0.1", name


def test_database_and_redis_meet_the_gateways_alone(
    services: Services, compose_config: Callable[..., dict[str, Any]]
) -> None:
    assert compose_config()["networks"]["back"]["internal"]
    assert services["postgres"]["networks"].keys() == services["redis"]["networks"].keys() == {"back"}
    assert {name for name in services if "back" in services[name]["networks"]} == {
        *GATEWAYS,
        *ONCE,
        "postgres",
        "redis",
    }


def test_secrets_are_files_that_git_does_not_see_and_no_variable_holds_one(
    compose_config: Callable[..., dict[str, Any]], services: Services
) -> None:
    for secret in compose_config("gpu", "engine", "observability")["secrets"].values():
        path = Path(secret["file"])
        assert path.parent == DEPLOY / "secrets"
        subprocess.run(["git", "check-ignore", "--quiet", str(path)], cwd=ROOT, check=True)
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("/run/secrets/"), name


def test_migrations_come_first_and_then_the_key(services: Services) -> None:
    assert services["migrate"]["command"] == ["db", "upgrade"]
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services["signing-key"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    for name in GATEWAYS:
        assert services[name]["depends_on"]["signing-key"]["condition"] == "service_completed_successfully"


def test_nginx_starts_again_after_gateways_that_were_made_anew(services: Services) -> None:
    """It knows their addresses from its start alone."""
    for name in GATEWAYS:
        found = services["nginx"]["depends_on"][name]
        assert (found["condition"], found.get("restart")) == ("service_healthy", True), name


def test_gateways_are_given_settings_that_exist(
    services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in GATEWAYS:
        for variable in [variable for variable in os.environ if variable.startswith("GATEWAY_")]:
            monkeypatch.delenv(variable)
        for variable, value in services[name]["environment"].items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("GATEWAY_SECRETS_DIR", str(tmp_path))
        assert unknown_variables() == []
        assert Settings(_env_file=None).log_level == "info"


def test_nginx_can_be_given_what_its_document_lists(
    compose_config: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (tmp_path / "deploy").mkdir()
    given = {"NGINX_TRUSTED_PROXIES": "192.0.2.0/24", "NGINX_READ_SECONDS": "125", "NGINX_REQUEST_BURST": "9"}
    (tmp_path / "deploy" / "nginx.env").write_text(
        "".join(f"{name}={each}\n" for name, each in given.items())
    )
    environment = compose_config(directory=tmp_path)["services"]["nginx"]["environment"]
    assert environment.items() >= given.items()
    assert "NGINX_TRUSTED_PROXIES" not in compose_config()["services"]["nginx"]["environment"]


def test_addresses_that_are_believed_are_those_of_the_networks(
    compose_config: Callable[..., dict[str, Any]],
) -> None:
    front, watch = "10.1.0.0/24", "10.2.0.0/24"
    document = compose_config(FRONT_SUBNET=front, WATCH_SUBNET=watch)
    for name, subnet in (("front", front), ("watch", watch)):
        assert document["networks"][name]["ipam"]["config"] == [{"subnet": subnet}]
    environment = document["services"]["gateway"]["environment"]
    assert environment["GATEWAY_FORWARDED_ALLOW_IPS"] == front
    assert environment["GATEWAY_METRICS_NETWORKS"].endswith(f",{watch}")
    default = [
        network["ipam"]["config"][0]["subnet"]
        for network in compose_config()["networks"].values()
        if network.get("ipam")
    ]
    first, second = map(ipaddress.ip_network, default)
    assert not first.overlaps(second)


def test_a_stop_leaves_time_for_what_runs(services: Services) -> None:
    settings = Settings(_env_file=None)
    for name in GATEWAYS:
        assert seconds(services[name]["stop_grace_period"]) > settings.drain_seconds
    assert seconds(services["nginx"]["stop_grace_period"]) > settings.request_timeout_seconds


def test_files_that_are_mounted_exist(services: Services) -> None:
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), (name, volume["source"])
                assert volume["read_only"], name
