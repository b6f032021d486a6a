"""Grafana's dashboards: every field is one that Grafana has, and nothing overlaps or goes unexplained."""

import json
from itertools import combinations
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from .conftest import DEPLOY
from .queries import dashboard_queries, read_dashboards

COLUMNS = 24
PROVISIONING = DEPLOY / "grafana" / "provisioning"
NAMES = list(read_dashboards())

dashboards = pytest.mark.parametrize("name", NAMES)


def lost_fields(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """What Grafana's own schema did not keep, or changed."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            lost
            for key in ours
            for lost in lost_fields(ours[key], theirs.get(key, "nothing"), f"{path}.{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = zip(ours, theirs, strict=True)
        return [lost for number, pair in enumerate(pairs) for lost in lost_fields(*pair, f"{path}[{number}]")]
    return [] if ours == theirs else [path]


@dashboards
def test_every_field_is_one_that_grafana_has(name: str) -> None:
    register_default_plugins()
    ours = read_dashboards()[name]
    theirs = json.loads(JSONEncoder(sort_keys=True, indent=0).encode(Dashboard.from_json(ours)))
    assert lost_fields(ours, theirs) == []


@dashboards
def test_panels_fit_and_do_not_overlap(name: str) -> None:
    places = [panel["gridPos"] for panel in read_dashboards()[name]["panels"]]
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, (a, b)


@dashboards
def test_every_panel_is_explained_and_asks_something(name: str) -> None:
    panels = read_dashboards()[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"], panel["title"]
        assert (
            panel["type"] == "table"
            or "unit" in panel["fieldConfig"]["defaults"]
            or panel["type"] == "state-timeline"
        )


@dashboards
def test_data_come_from_the_provisioned_source(name: str) -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    expected = {"type": source["type"], "uid": source["uid"]}
    for panel in read_dashboards()[name]["panels"]:
        assert {
            tuple(each.items())
            for each in (panel["datasource"], *(t["datasource"] for t in panel["targets"]))
        } == {tuple(expected.items())}


def test_dashboards_have_different_ids_and_the_first_one_is_home(services: dict[str, dict[str, Any]]) -> None:
    documents = read_dashboards()
    for key in ("uid", "title"):
        assert len({document[key] for document in documents.values()}) == len(documents)
    grafana = services["grafana"]
    (mount,) = [m for m in grafana["volumes"] if m["source"] == str(DEPLOY / "grafana" / "dashboards")]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.removeprefix(f"{mount['target']}/") in documents
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "gateway.yml").read_text())["providers"]
    assert provider["options"]["path"] == mount["target"]


def test_every_query_can_be_parsed() -> None:
    assert all(query.names for query in dashboard_queries())
