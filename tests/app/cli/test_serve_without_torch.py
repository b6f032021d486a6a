"""A gateway that is installed without an extra, and so without PyTorch, in front of another one."""

import asyncio
import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from testbed.servers import MissingServer, free_port

from ...conftest import leave_out
from ..gateway import running_gateway

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.servers]

ENVIRONMENT = Path(__file__).parents[3] / ".clients" / "plain"  # made by scripts/install-test-clients
SECONDS = 60.0


async def test_a_gateway_without_torch_serves_a_remote_engine(tmp_path: Path) -> None:
    if not (ENVIRONMENT / ".installed").is_file():
        leave_out(MissingServer("a gateway without PyTorch: scripts/install-test-clients installs it"))
    (tmp_path / "engine").mkdir()
    programs = ENVIRONMENT / "bin"
    has_torch = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is not None)"
    python = await asyncio.create_subprocess_exec(programs / "python", "-c", has_torch)
    assert await python.wait() == 0
    async with running_gateway(tmp_path / "engine", scripted={"reply": "{prompt}"}) as engine:
        endpoint = {
            "url": f"http://127.0.0.1:{engine.port}",
            "key": (await engine.headers())["Authorization"].removeprefix("Bearer "),
        }
        settings = os.environ | {
            "GATEWAY_DATA_DIR": str(tmp_path / "data"),
            "GATEWAY_BACKEND": "remote",
            "GATEWAY_REMOTE__ENDPOINTS": json.dumps([endpoint]),
        }
        issue = await asyncio.create_subprocess_exec(
            *(programs / "gateway", "token", "issue", "--user", "alice", "--scope", "chat"),
            cwd=tmp_path,
            env=settings,
            stdout=subprocess.PIPE,
        )
        token = (await issue.communicate())[0].decode().split()[-1]
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            *(programs / "gateway", "serve", "--port", str(port)),
            cwd=tmp_path,
            env=settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            response = await ask(f"http://127.0.0.1:{port}/chat", token)
        finally:
            process.terminate()
            await process.wait()
    assert response.status_code == 200
    assert response.json()["content"] == "chat user: hello"


async def ask(url: str, token: str) -> httpx.Response:
    """Once something listens there. Raises TimeoutError."""
    headers = {"Authorization": f"Bearer {token}"}
    async with asyncio.timeout(SECONDS), httpx.AsyncClient(verify=False, timeout=SECONDS) as client:
        while True:
            try:
                return await client.post(url, json={"prompt": "hello"}, headers=headers)
            except httpx.ConnectError:
                await asyncio.sleep(0.1)
