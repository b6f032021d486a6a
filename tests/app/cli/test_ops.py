"""`gateway ops link`: what it prints, and what it leaves on the disk."""

import re
import stat
from pathlib import Path

import pytest

from app.auth.sign_in_link import FRAGMENT, SignInLink
from app.errors import InvalidSignInLink
from tests.app.cli.conftest import Run

PRINTED = re.compile(r"http://127\.0\.0\.1:8000/ops#link=[0-9]+\.[A-Za-z0-9_-]{43}\n")


def test_a_link_is_printed_alone_and_kept_for_its_owner(run: Run, tmp_path: Path) -> None:
    result = run("ops", "link")
    assert (result.code, result.err) == (0, "")
    assert PRINTED.fullmatch(result.out)
    file = tmp_path / "data" / "ops-link"
    assert file.read_text() == result.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_link_leads_to_the_public_address(run: Run) -> None:
    result = run("ops", "link", GATEWAY_PUBLIC_URL="https://gateway.example.com")
    assert result.out.startswith("https://gateway.example.com/ops#link=")


@pytest.mark.parametrize("settings", [{}, {"GATEWAY_PUBLIC_URL": "https://gateway.example.com"}])
def test_the_link_leads_to_the_port_that_is_named(run: Run, settings: dict[str, str]) -> None:
    result = run("ops", "link", "--port", "8101", **settings)
    assert result.out.startswith("http://127.0.0.1:8101/ops#link=")


@pytest.mark.parametrize("address", ["gateway.example.com", "https://x/path", "javascript:alert(1)"])
def test_what_is_no_address_is_refused(run: Run, address: str) -> None:
    result = run("ops", "link", GATEWAY_PUBLIC_URL=address)
    assert result.code == 2
    assert "GATEWAY_PUBLIC_URL is not valid" in result.err


def test_a_second_link_ends_the_first(run: Run, tmp_path: Path) -> None:
    first, second = (run("ops", "link").out.strip().partition(FRAGMENT)[2] for _ in range(2))
    link = SignInLink(tmp_path / "data")
    with pytest.raises(InvalidSignInLink):
        link.check(first)
    link.check(second)
