"""Runs the clients of docs/quickstart, each in a process of its own. Compiles the Kotlin one."""

import asyncio
import contextlib
import hashlib
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from testbed.servers import MissingServer, find_program

from .web_page import run_in_page

ROOT: Final = Path(__file__).parents[3]
CLIENTS: Final = ROOT / "docs" / "quickstart"
PROGRAMS: Final = Path(__file__).with_name("programs")
KOTLIN: Final = ROOT / ".clients" / "kotlin"  # made by scripts/install-test-clients
COMPILER: Final = KOTLIN / "node_modules" / "kotlin-compiler" / "lib"
OKHTTP: Final = KOTLIN / "node_modules" / "allure-commandline" / "dist" / "plugins" / "jira-plugin" / "lib"
MAIN: Final = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
RUNTIME: Final = ("kotlin-stdlib.jar", "kotlinx-coroutines-core-jvm.jar")
JSON_JAR: Final = Path("/usr/share/java/com.android.json.jar")
SECONDS: Final = 100
QUICK_JVM: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


@dataclass(frozen=True)
class Plan:
    """What one client does: all `requests` at once."""

    url: str
    refresh_token: str
    requests: list[dict[str, Any]]
    access_token: str | None = None
    patience_seconds: float = 60.0
    silence_seconds: int = 25


@dataclass(frozen=True)
class Outcome:
    """A result is a reply, or `error` and `status`. `saved` are the refresh tokens."""

    results: list[dict[str, Any]]
    saved: list[str] = field(default_factory=list)


async def run_client(name: str, *plans: Plan) -> list[Outcome]:
    """All at once, a client for each plan. Raises `MissingServer`."""
    given = [vars(plan) for plan in plans]
    match name:
        case "python":
            command = [sys.executable, str(PROGRAMS / "run.py")]
        case "javascript":
            client = str(CLIENTS / "gateway-client.js")
            command = [find_program("node", "nodejs"), "--no-warnings", str(PROGRAMS / "run.mjs"), client]
        case "web page":
            return [Outcome(**outcome) for outcome in await run_in_page(given)]
        case _:
            command = await kotlin_command()
    environment = {"PYTHONPATH": str(CLIENTS), "PYTHONDONTWRITEBYTECODE": "1"}
    output = await _output(command, json.dumps(given).encode(), **environment)
    return [Outcome(**outcome) for outcome in json.loads(output)]


async def kotlin_command() -> list[str]:
    """Compiles the client if it has changed, which takes about ten seconds."""
    java = find_program("java", "default-jdk-headless")
    if not (KOTLIN / ".installed").is_file():
        raise MissingServer("the compiler of Kotlin: scripts/install-test-clients installs it")
    if not JSON_JAR.exists():
        raise MissingServer("Android's org.json is not installed (Debian package: libandroid-json-java)")
    sources = [CLIENTS / "GatewayClient.kt", PROGRAMS / "Run.kt"]
    class_path = ":".join(
        map(str, [*(COMPILER / name for name in RUNTIME), *OKHTTP.glob("ok*.jar"), JSON_JAR])
    )
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    classes = KOTLIN / f"classes-{digest[:16]}"
    if not classes.exists():
        made = classes.with_suffix(f".{os.getpid()}")
        options = ("-no-stdlib", "-no-reflect", "-Werror", "-cp", class_path, "-d", str(made))
        await _output([java, *QUICK_JVM, "-cp", f"{COMPILER}/*", MAIN, *options, *map(str, sources)])
        with contextlib.suppress(OSError):  # another process of the tests was first
            made.rename(classes)
    return [java, *QUICK_JVM, "-cp", f"{classes}:{class_path}", "RunKt"]


async def _output(command: list[str], given: bytes = b"", **environment: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, (out + err).decode()
    return out
