"""The references that are made from the code: complete and readable."""

import os

import pytest

from app import errors
from app.settings import Settings
from tests.app.cli.conftest import Run


def test_every_setting_says_what_it_does(run: Run) -> None:
    rows = [line for line in run("docs", "settings").out.splitlines() if line.startswith("| `GATEWAY_")]
    assert len(rows) > len(Settings.model_fields)
    silent = [row for row in rows if row.endswith("|  |")]
    assert not silent, "give these a description in app/settings.py"


def test_settings_are_shown_as_they_are_written(run: Run) -> None:
    lines = run("docs", "settings").out.splitlines()
    starts = (
        "| `GATEWAY_AUTH__ACCESS_TOKEN_TTL` | duration, more than PT0S, at most P1D | `PT15M` |",
        "| `GATEWAY_DEVICES` | list of text | `auto` |",
        "| `GATEWAY_LIMITS__DAILY_TOKENS` | integer, at least 1 |  |",
        "| `GATEWAY_REQUEST_TIMEOUT_SECONDS` | number, 1 to 600 | `60` |",
    )
    for start in starts:
        assert any(line.startswith(start) for line in lines), start


def test_settings_read_back_what_the_reference_gives_as_defaults(
    run: Run, own_settings: pytest.MonkeyPatch
) -> None:
    """A default that cannot be written as it is shown would be a lie."""
    given = {}
    for line in run("docs", "settings").out.splitlines():
        name, _, default, *_ = [cell.strip().strip("`") for cell in line.split("|")[1:]] + [""] * 3
        if name.startswith("GATEWAY_") and default:
            given[name] = default
    assert len(given) > len(Settings.model_fields)
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        own_settings.delenv(name)
    defaults = Settings(_env_file=None)
    for name, default in given.items():
        own_settings.setenv(name, default)
    assert Settings(_env_file=None) == defaults


def test_every_error_is_listed_with_its_status(run: Run) -> None:
    made = run("docs", "errors").out
    assert "| 429 | `rate_limit_exceeded` | `rate_limit_error` |" in made
    assert "Bearer &lt;token&gt;" in made  # or a browser would take it for an element
    assert f"`{errors.LimitExceeded.code}`" not in made  # it only groups
