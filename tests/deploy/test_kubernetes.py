"""deploy/kubernetes: the API's schemas accept it, its parts fit together, its settings are the gateway's."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.auth.signing_keys import SigningKeys
from app.settings import Settings, unknown_variables
from testbed.servers import MissingServer

from ..conftest import leave_out
from .conftest import DEPLOY, ROOT
from .dockerfile import Stage

MANIFESTS = DEPLOY / "kubernetes"
FILES = sorted(MANIFESTS.glob("*.yaml"))
CHECKER = ROOT / ".clients" / "kubernetes"  # made by scripts/install-test-clients
VERSIONS = ("1.30", "1.37")  # the oldest that has all fields, and the newest that the checker knows
STRONG = "postgresql://gateway:wtJ3kq9Zp7vN2xR8cL5m@postgresql/gateway"
SECRETS = {
    "gateway_database_url": STRONG,
    "gateway_redis_url": "redis://:wtJ3kq9Zp7vN2xR8cL5m@redis:6379/0",
    "gateway_remote__key": "an-engines-key",
}

Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    return [each for path in FILES for each in yaml.safe_load_all(path.read_text())]


def manifest(kind: str, name: str = "gateway") -> Manifest:
    (found,) = [each for each in manifests() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pods() -> list[Manifest]:
    """The templates of pods, of the Deployment and of the Job."""
    return [each["spec"]["template"] for each in manifests() if "template" in each.get("spec", {})]


def pod() -> Manifest:
    template: Manifest = manifest("Deployment")["spec"]["template"]
    return template


def container(template: Manifest) -> Manifest:
    (only,) = template["spec"]["containers"]
    found: Manifest = only
    return found


def secret_volume(place: Path, values: dict[str, str]) -> Path:
    """A directory as the kubelet mounts a Secret: files are links through `..data`, readable by the group."""
    real = place / "..2026_01_01_00_00_00.1"
    real.mkdir(parents=True)
    (place / "..data").symlink_to(real.name)
    for name, value in values.items():
        (real / name).write_text(value)
        (real / name).chmod(0o440)
        (place / name).symlink_to(f"..data/{name}")
    return place


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """What the gateway's container is started with, its secrets in a directory of this machine."""
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    found = dict(manifest("ConfigMap", "gateway-settings")["data"])
    found |= {each["name"]: each["value"] for each in container(pod())["env"]}
    found |= {"GATEWAY_ENV": "production"}  # of the image
    found["GATEWAY_SECRETS_DIR"] = str(secret_volume(tmp_path / "secrets", SECRETS))
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def test_schemas_of_the_oldest_and_the_newest_version_accept_every_manifest(tmp_path: Path) -> None:
    if not (CHECKER / ".installed").is_file():
        leave_out(MissingServer("kubernetes-validate: scripts/install-test-clients installs it"))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        (MANIFESTS / "autoscaling.yaml")
        .read_text()
        .replace("  minReplicas:", "  leastReplicas: 2\n  minReplicas:")
    )
    command = [sys.executable, "-m", "kubernetes_validate", "--strict"]
    for version in VERSIONS:
        command += ["-k", version]
    done, refused = (
        subprocess.run(
            [*command, *files],
            env=os.environ | {"PYTHONPATH": str(CHECKER)},
            capture_output=True,
            text=True,
        )
        for files in (FILES, [wrong])
    )
    # A kind that it does not know would be a warning.
    assert done.returncode == 0, done.stdout
    assert len(re.findall("^INFO .* passed ", done.stdout, re.MULTILINE)) == len(VERSIONS) * len(manifests())
    assert refused.returncode == 1
    assert "leastReplicas" in refused.stdout


def test_kinds_are_those_that_a_deployment_needs() -> None:
    kinds = {each["kind"] for each in manifests()}
    assert kinds == {
        *("ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"),
        *("NetworkPolicy", "Job"),
    }, "no Secret: its values do not belong in a repository"


def test_settings_are_the_gateways_and_secrets_are_read_from_the_volume(environment: dict[str, str]) -> None:
    assert unknown_variables() == []
    settings = Settings()
    assert settings.env == "production"
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == STRONG
    assert settings.remote.key is not None
    assert settings.remote.key.get_secret_value() == SECRETS["gateway_remote__key"]
    given = manifest("ConfigMap", "gateway-settings")["data"]
    assert not {name.lower() for name in given} & SECRETS.keys()


def test_signing_keys_are_read_from_the_volume(environment: dict[str, str], tmp_path: Path) -> None:
    made = SigningKeys.load(tmp_path / "made", create=True, overlap=timedelta(days=1))
    files = {path.name: path.read_text() for path in (tmp_path / "made").glob("*.json")}
    mounted = secret_volume(tmp_path / "mounted", files)
    read = SigningKeys.load(mounted, create=False, overlap=timedelta(days=1))
    assert read.signer().key_id == made.signer().key_id
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", name) for name in files), "a Secret takes no other names"


def test_pods_end_after_their_requests(environment: dict[str, str]) -> None:
    spec = pod()["spec"]
    pause = container(pod())["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] >= pause + Settings().drain_seconds + 10


def test_autoscaler_adds_gateways_before_their_places_are_taken(environment: dict[str, str]) -> None:
    spec = manifest("HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"]["name"] == manifest("Deployment")["metadata"]["name"]
    (metric,) = [each["pods"] for each in spec["metrics"] if each["type"] == "Pods"]
    assert int(metric["target"]["averageValue"]) <= Settings().limits.max_in_flight * 0.75
    (rule,) = yaml.safe_load((MANIFESTS / "monitoring" / "prometheus-adapter.yaml").read_text())["rules"][
        "custom"
    ]
    assert rule["name"]["as"] == metric["metric"]["name"]
    assert spec["minReplicas"] >= 2, "one may go at a time"
    assert "replicas" not in manifest("Deployment")["spec"], "each `apply` would undo the autoscaler"


def test_whatever_selects_gateways_selects_these() -> None:
    labels = pod()["metadata"]["labels"].items()
    assert manifest("Deployment")["spec"]["selector"]["matchLabels"].items() <= labels
    assert manifest("Service")["spec"]["selector"].items() <= labels
    assert manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels
    assert manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= labels
    migration = manifest("Job", "gateway-migration-0.1.0")["spec"]["template"]["metadata"]["labels"].items()
    assert not manifest("Service")["spec"]["selector"].items() <= migration, "it serves nobody"
    assert manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= migration
    ports = {each["name"] for each in container(pod())["ports"]}
    assert {each["targetPort"] for each in manifest("Service")["spec"]["ports"]} == ports


def test_policies_admit_engines_of_the_settings_alone(environment: dict[str, str]) -> None:
    (engine,) = [each["to"][0]["podSelector"] for each in _egress(8000)]
    assert engine["matchLabels"] == manifest("NetworkPolicy", "engine")["spec"]["podSelector"]["matchLabels"]
    for endpoint in Settings().remote.endpoints:
        assert endpoint.url.endswith(":8000")
    policy = manifest("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    every = [*policy["ingress"], *policy["egress"], *manifest("NetworkPolicy", "engine")["spec"]["ingress"]]
    assert all(rule.get("from") or rule.get("to") for rule in every), "an empty rule admits everyone"


def _egress(port: int) -> Iterator[Manifest]:
    for rule in manifest("NetworkPolicy")["spec"]["egress"]:
        if port in [each["port"] for each in rule["ports"]]:
            yield rule


@pytest.mark.parametrize("template", pods(), ids=["deployment", "job"])
def test_pods_are_contained(template: Manifest, stages: dict[str, Stage]) -> None:
    spec, only = template["spec"], container(template)
    user, _, group = stages["runtime"].last("USER").partition(":")
    assert (str(spec["securityContext"]["runAsUser"]), str(spec["securityContext"]["runAsGroup"])) == (
        user,
        group,
    )
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec["automountServiceAccountToken"]
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= only["resources"]["requests"].keys() & only["resources"]["limits"].keys()
    assert {each["name"] for each in only["volumeMounts"]} == {each["name"] for each in spec["volumes"]}
    data = stages["runtime"].environment["GATEWAY_DATA_DIR"]
    assert data in {each["mountPath"] for each in only["volumeMounts"]}
    for volume in spec["volumes"]:
        assert volume.get("secret", {"defaultMode": 0o440})["defaultMode"] == 0o440, "others must not read it"
    images = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["x-gateway"]["image"]
    assert only["image"] == images


def test_probes_are_of_routes_that_say_what_they_ask() -> None:
    only = container(pod())
    assert only["readinessProbe"]["httpGet"]["path"] == "/readyz"
    for name in ("startupProbe", "livenessProbe"):  # an engine that is down must not restart gateways
        assert only[name]["httpGet"]["path"] == "/healthz"
