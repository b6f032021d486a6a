"""Settings that open more than an operator may think of are said at the start."""

import logging
from typing import Any

import pytest

from app.ops.exposure import exposures
from app.settings import Settings

from ..conftest import StartGateway

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({}, []),
        ({"metrics_networks": "10.0.0.0/8,fd00::/8", "forwarded_allow_ips": "172.16.0.0/12"}, []),
        ({"metrics_networks": "", "forwarded_allow_ips": ""}, []),
        ({"metrics_networks": "0.0.0.0/0"}, ["metrics"]),
        ({"metrics_networks": "203.0.113.7"}, ["metrics"]),
        ({"forwarded_allow_ips": "203.0.113.0/24"}, []),
        ({"forwarded_allow_ips": "*"}, ["proxies"]),
        ({"cors_origins": "https://app.example.com,capacitor://localhost"}, []),
        ({"cors_origins": "*"}, ["web pages"]),
        ({"forwarded_allow_ips": "0.0.0.0/0", "metrics_networks": "::/0"}, ["proxies", "metrics"]),
    ],
    ids=str,
)
def test_what_is_open_to_strangers_is_said(given: dict[str, str], parts: list[str]) -> None:
    assert [part for part, _ in exposures(Settings(_env_file=None, **given))] == parts


async def test_start_warns(start_gateway: StartGateway, caplog: pytest.LogCaptureFixture) -> None:
    given: dict[str, Any] = {"metrics_networks": "0.0.0.0/0", "forwarded_allow_ips": "*"}
    with caplog.at_level(logging.WARNING, logger="app.lifespan"):
        gateway = await start_gateway(**given)
    assert [record.getMessage() for record in caplog.records if record.name == "app.lifespan"] == [
        sentence for _, sentence in exposures(gateway.services.settings)
    ]
