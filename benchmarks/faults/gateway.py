"""The gateway under test: `gateway serve` as a process at one port, which faults may kill and start again."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

from benchmarks.faults.load import REPLY
from testbed.gateways import GatewayNotStarted
from testbed.servers import free_port

START_SECONDS: Final = 60.0
TOKEN_SECONDS: Final = 3 * 24 * 3600  # longer than any step of a clock
SCOPES: Final = ["chat", "vision", "speech"]
SETTINGS: Final = {
    "GATEWAY_BACKEND": "scripted",
    "GATEWAY_SCRIPTED__REPLY": REPLY,
    "GATEWAY_SCRIPTED__STEP_SECONDS": "0.02",
    "GATEWAY_LIMITS__REQUESTS_PER_MINUTE": "1000000",
    "GATEWAY_LIMITS__CONCURRENT_REQUESTS": "100",
    "GATEWAY_LIMITS__MAX_IN_FLIGHT": "256",
    "GATEWAY_LIMITS__AUTH_ATTEMPTS_PER_MINUTE": "100000",
    "GATEWAY_DRAIN_SECONDS": "10",
}


class GatewayProcess:
    """`prefix` stands before every command, `command` replaces `gateway`, `serve_only` is the server's
    environment alone. Its log is `log` in `directory`."""

    def __init__(
        self,
        directory: Path,
        settings: dict[str, str] | None = None,
        *,
        prefix: Sequence[str] = (),
        command: Sequence[str] = (),
        serve_only: dict[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.starts = 0
        self.data_dir = directory / "data"
        self._log = directory / "log"
        own = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        self._environment = own | {"GATEWAY_DATA_DIR": str(self.data_dir)} | SETTINGS | (settings or {})
        self._serve_only = serve_only or {}
        self._prefix = list(prefix)
        self._gateway = [str(Path(sys.executable).with_name("gateway"))]
        self._command = list(command) or self._gateway
        self._process: subprocess.Popen[bytes] | None = None
        self._admin = ""

    @property
    def process_id(self) -> int:
        """0 while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    @property
    def log(self) -> str:
        """What its processes wrote, also those before the last start."""
        return self._log.read_text()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Returns when it is ready. Raises `GatewayNotStarted` with the end of its log."""
        self.launch()
        async with httpx.AsyncClient(verify=False) as client:
            for _ in range(int(START_SECONDS / 0.05)):
                if self.process_id == 0:
                    break
                if await self._is_ready(client):
                    return
                await asyncio.sleep(0.05)
        raise GatewayNotStarted(self._log.read_text()[-2_000:])

    def launch(self) -> None:
        self.starts += 1
        command = [*self._prefix, *self._command, "serve", "--port", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=self._environment | self._serve_only,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            return bool((await client.get(f"{self.base_url}/readyz")).json()["status"] != "unavailable")
        except httpx.TransportError:
            return False

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def write_line(self) -> None:
        """To its standard input, for commands that listen there."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    async def wait(self, seconds: float = START_SECONDS) -> int:
        """Until it has ended. Returns its exit code."""
        assert self._process is not None
        assert self._process.stdin is not None
        code = await asyncio.to_thread(self._process.wait, seconds)
        self._process.stdin.close()
        return code

    async def aclose(self) -> None:
        if self.process_id:
            self.send_signal(signal.SIGTERM)
            try:
                await self.wait()
            except subprocess.TimeoutExpired:
                self.send_signal(signal.SIGKILL)
                await self.wait()

    async def run(self, *arguments: str) -> str:
        """`gateway ARGUMENTS…` beside it; returns what it prints."""
        done = await asyncio.to_thread(
            subprocess.run,
            [*self._prefix, *self._gateway, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return str(done.stdout).strip()

    async def issue(self, name: str) -> tuple[str, str]:
        """Makes a user. Returns its id and an access token of every scope of an app."""
        if not self._admin:
            arguments = (
                "token",
                "issue",
                "--user",
                "root",
                "--scope",
                "admin",
                "--lifetime",
                str(TOKEN_SECONDS),
            )
            self._admin = await self.run(*arguments)
        user = await self.post("/admin/users", {"name": name})
        fields = {"user_id": user["id"], "scopes": SCOPES, "lifetime_seconds": TOKEN_SECONDS}
        issued = await self.post("/admin/tokens", fields)
        return user["id"], issued["access_token"]

    async def post(self, path: str, fields: dict[str, object]) -> dict[str, str]:
        """As an administrator."""
        return await self._send("POST", path, fields)

    async def patch(self, path: str, fields: dict[str, object]) -> dict[str, str]:
        """Likewise."""
        return await self._send("PATCH", path, fields)

    async def _send(self, method: str, path: str, fields: dict[str, object]) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._admin}"}
        async with httpx.AsyncClient(base_url=self.base_url, headers=headers, verify=False) as client:
            response = await client.request(method, path, json=fields)
            response.raise_for_status()
            return dict(json.loads(response.content or b"{}"))
