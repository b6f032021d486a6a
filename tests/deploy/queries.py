"""Every query that ships, in dashboards and rules, and the names that they read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser
import yaml

from .conftest import DEPLOY

RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
ADAPTER = DEPLOY / "kubernetes" / "monitoring" / "prometheus-adapter.yaml"
ADAPTER_MACROS = {"<<.GroupBy>>": "pod", "<<.LabelMatchers>>": 'namespace="default",pod="gateway-1"'}
# What Grafana puts in before it asks.
MACROS = {"$__rate_interval": "5m", "$__range": "5m", "$top": "10", "$instance": ".*"}


@dataclass(frozen=True)
class Query:
    where: str
    text: str

    @property
    def selectors(self) -> list[promql_parser.VectorSelector]:
        return list(_selectors(promql_parser.parse(self.text)))

    @property
    def names(self) -> set[str]:
        return {str(selector.name) for selector in self.selectors}

    def matched_values(self, label: str) -> set[str]:
        """What the label is compared with."""
        matchers = [matcher for selector in self.selectors for matcher in selector.matchers.matchers]
        return {value for matcher in matchers if matcher.name == label for value in matcher.value.split("|")}


def read_rules() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def read_dashboards() -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in DASHBOARDS}


def rule_queries() -> list[Query]:
    return [Query(rule.get("alert") or rule["record"], rule["expr"]) for rule in read_rules()]


def adapter_queries() -> list[Query]:
    """Those of Kubernetes' autoscaler, as the adapter sends them for one pod."""
    rules = yaml.safe_load(ADAPTER.read_text())["rules"]["custom"]
    queries = []
    for rule in rules:
        text = rule["metricsQuery"]
        for macro, value in ADAPTER_MACROS.items():
            text = text.replace(macro, value)
        queries += [Query(rule["name"]["as"], text), Query(rule["name"]["as"], rule["seriesQuery"])]
    return queries


def dashboard_queries() -> list[Query]:
    found = []
    for name, dashboard in read_dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                text = target["expr"]
                for macro, value in MACROS.items():
                    text = text.replace(macro, value)
                found.append(Query(f"{name}: {panel['title']}", text))
    return found


def _selectors(expression: Any) -> Iterator[promql_parser.VectorSelector]:
    match expression:
        case promql_parser.VectorSelector():
            yield expression
        case promql_parser.MatrixSelector():
            yield expression.vector_selector
        case promql_parser.BinaryExpr():
            yield from _selectors(expression.lhs)
            yield from _selectors(expression.rhs)
        case promql_parser.Call():
            for argument in expression.args:
                yield from _selectors(argument)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            pass
        case _:  # in parentheses, negated, aggregated or a subquery
            yield from _selectors(expression.expr)
