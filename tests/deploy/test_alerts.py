"""Prometheus' rules, checked and run by its own tool on series made for them."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from app.errors import GatewayError
from app.main import create_app
from app.settings import Settings

from .conftest import DEPLOY, FindProgram
from .queries import RULES, dashboard_queries, read_rules, rule_queries

TESTS = Path(__file__).with_name("alerts.promtool.yml")
ALERTS = [rule for rule in read_rules() if "alert" in rule]

pytestmark = pytest.mark.servers


@pytest.fixture
def promtool(program: FindProgram) -> str:
    return program("promtool", "prometheus")


def test_configuration_and_rules_are_valid(promtool: str) -> None:
    config = DEPLOY / "prometheus" / "prometheus.yml"
    for command in (["check", "config", config], ["check", "rules", "--lint=all", "--lint-fatal", *RULES]):
        done = subprocess.run([promtool, *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_and_shares_are_what_they_should_be_on_made_up_series(promtool: str) -> None:
    done = subprocess.run([promtool, "test", "rules", TESTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_to_fire_in_that_test() -> None:
    cases = yaml.safe_load(TESTS.read_text())["tests"]
    samples = [
        sample["labels"]
        for case in cases
        for expectation in case["promql_expr_test"]
        for sample in expectation["exp_samples"]
    ]
    fired = {match[1] for labels in samples if (match := re.search(r'ALERTS\{alertname="(\w+)"', labels))}
    assert fired == {rule["alert"] for rule in ALERTS}


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]


def test_objectives_cover_every_route_that_generates_and_no_other(tmp_path: Path) -> None:
    app = create_app(Settings(_env_file=None, data_dir=tmp_path, backend="scripted"))
    generating = {
        route.path for route in app.routes if getattr(getattr(route, "access", None), "generates", False)
    }
    queries = [query for query in rule_queries() + dashboard_queries() if query.matched_values("route")]
    assert queries
    for query in queries:
        assert query.matched_values("route") == generating, query.where


def test_codes_that_are_asked_for_exist() -> None:
    known = {error.code for error in every_error(GatewayError)}
    asked = {code for query in rule_queries() + dashboard_queries() for code in query.matched_values("code")}
    assert asked
    assert asked <= known


def every_error(error: type[GatewayError]) -> set[type[GatewayError]]:
    return {error}.union(*(every_error(subclass) for subclass in error.__subclasses__()))
