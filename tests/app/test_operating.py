"""The commands of docs/operating.md work: backup, restore, rotation, revocation."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.app.gateway import Gateway, running_gateway
from tests.app.shell import run_shell
from tests.markdown import ROOT, Document

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 5.0
GENEROUS = {"limits": {"requests_per_minute": 1000, "concurrent_requests": 10}}


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """The shell blocks of each section, by its heading."""
    text = Document(ROOT / "docs" / "operating.md").text
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    blocks = {
        heading: "\n".join(re.findall(r"^```sh\n(.*?)^```", body, re.MULTILINE | re.DOTALL))
        for heading, body in zip(parts[::2], parts[1::2], strict=True)
    }
    return {heading: block for heading, block in blocks.items() if block}


@pytest.fixture
def data(tmp_path: Path, empty_database: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    shutil.copy(empty_database, directory / "gateway.db")
    return directory


async def status_of(gateway: Gateway, headers: dict[str, str]) -> int:
    return (await gateway.client.get("/limits", headers=headers)).status_code


async def until_refused(gateway: Gateway, headers: dict[str, str]) -> None:
    """The change of another process takes effect within a second."""
    async with asyncio.timeout(WAIT_SECONDS):
        while await status_of(gateway, headers) != 401:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)


async def test_restore_brings_back_what_was_backed_up(
    tmp_path: Path, data: Path, sections: dict[str, str]
) -> None:
    async with running_gateway(data, **GENEROUS) as gateway:
        headers = await gateway.headers()
        await run_shell(sections["Backup"], tmp_path, data)
        assert await gateway.headers("bob") != headers  # after the backup, so the restore removes it
    (data / "gateway.db").write_bytes(b"broken")
    shutil.rmtree(data / "keys")
    (data / "keys").mkdir(mode=0o700)
    assert "up to date" in await run_shell(sections["Restore"], tmp_path, data)
    async with running_gateway(data, **GENEROUS) as gateway:
        assert await status_of(gateway, headers) == 200
        listed = await run_shell("gateway user list", tmp_path, data)
        assert "alice" in listed
        assert "bob" not in listed
    files = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert len(files) == 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


async def test_rotation_keeps_tokens_valid_and_removing_a_leaked_key_does_not(
    tmp_path: Path, data: Path, sections: dict[str, str]
) -> None:
    quiet, leaked = sections["Rotating keys"].split("NEW=", 1)
    at_once = {"GATEWAY_AUTH__KEY_SIGNING_DELAY": "PT0S"}
    async with running_gateway(data, auth={"key_signing_delay": 0}, **GENEROUS) as gateway:
        headers = await gateway.headers()
        listed = await run_shell(quiet, tmp_path, data, **at_once)
        assert ("signs" in listed, "verifies" in listed) == (True, True)
        assert await status_of(gateway, headers) == 200
        assert "sleep 3 " in leaked
        await run_shell(f"NEW={leaked.replace('sleep 3 ', 'true ')}", tmp_path, data, **at_once)
        await until_refused(gateway, headers)
        renewed = {"Authorization": f"Bearer {await gateway.issue('alice')}"}
        assert await status_of(gateway, renewed) == 200


async def test_stolen_phone_loses_access(tmp_path: Path, data: Path, sections: dict[str, str]) -> None:
    block = sections["A stolen phone, a leaked token"]
    async with running_gateway(data, **GENEROUS) as gateway:
        headers = await gateway.headers()
        shut_out, let_in = block.split("gateway user enable", 1)
        assert "alice" in await run_shell(shut_out, tmp_path, data)
        await until_refused(gateway, headers)
        await run_shell(f"gateway user enable{let_in}", tmp_path, data)
        await gateway.services.account_changes.refresh_now()
        assert await status_of(gateway, headers) == 401  # it was revoked too
