"""How 300 slow clients affect another user: `python -m benchmarks.slow_clients` (about four minutes).

nginx with the shipped limits, the gateway and a scripted backend on one core; the user and the attackers on
the other, each with its own address. A client that is refused or cut off connects again ten seconds later.
Calm and attack take turns, so that a noisy neighbour hits both.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import ssl
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import Final

from testbed.figures import print_figures
from testbed.gateways import LOAD_CORE, Nginx, gateway, nginx, pin_to
from testbed.hardware import hardware_and_versions

SLOW_CLIENTS: Final = 300
USER_ADDRESS, ATTACKERS_ADDRESS = "127.0.0.2", "127.0.0.3"
REQUESTS_PER_SECOND: Final = 15.0  # under the limit of an address
DRIP_SECONDS: Final = 1.0
# Sooner, or all together, and what is measured is the attackers' own handshakes: they share the user's core.
RETURN_SECONDS: Final = 10.0
BODY: Final = json.dumps({"prompt": "hello there", "max_tokens": 64}).encode()
# As shipped, but for the user's requests a minute.
SETTINGS: Final = {"GATEWAY_LIMITS__CONCURRENT_REQUESTS": "2", "GATEWAY_LIMITS__MAX_IN_FLIGHT": "64"}


@dataclass(frozen=True, slots=True)
class Attack:
    name: str
    beginning: bytes


def attacks(token: str) -> list[Attack]:
    head = "POST /vision HTTP/1.1\r\nHost: localhost\r\n"
    whole = (
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n"
    )
    return [
        Attack("slow_heads", f"{head}X-Slow: ".encode()),
        Attack("slow_bodies", f"{head}{whole}".encode()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=150, help="of the user, a round, calm and attacked")
    arguments = parser.parse_args()
    figures: dict[str, float] = {"slow_clients": SLOW_CLIENTS}
    with gateway(**SETTINGS) as (port, _, token), nginx(port) as proxy:
        pin_to(LOAD_CORE)
        for attack in attacks(token):
            calm: list[float] = []
            attacked: list[float] = []
            for _ in range(arguments.rounds):
                calm += asyncio.run(ask(proxy, token, arguments.requests))
                with under(attack, proxy):
                    attacked += asyncio.run(ask(proxy, token, arguments.requests))
            figures |= _figures(attack.name, calm, attacked)
    print_figures("A user beside slow clients", figures)
    print(json.dumps(figures | {"hardware": hardware_and_versions("fastapi", "uvicorn", "uvloop")}))


async def ask(proxy: Nginx, token: str, requests: int) -> list[float]:
    """Seconds until each response, over one kept connection. Anything but 200 ends the benchmark."""
    context = ssl.create_default_context(cafile=proxy.certificate)
    reader, writer = await asyncio.open_connection(
        "localhost", proxy.port, ssl=context, local_addr=(USER_ADDRESS, 0)
    )
    head = f"POST /chat HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    seconds = []
    for _ in range(requests):
        asked_at = time.perf_counter()
        writer.write(head.encode() + BODY)
        response = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(response.split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        seconds.append(time.perf_counter() - asked_at)
        if not response.startswith(b"http/1.1 200"):
            raise SystemExit(f"the user was refused: {response.decode()}")
        await asyncio.sleep(1 / REQUESTS_PER_SECOND)
    writer.close()
    return seconds


@contextlib.contextmanager
def under(attack: Attack, proxy: Nginx) -> Iterator[None]:
    """The attackers are a process of their own, so that the user does not wait for them."""
    context = multiprocessing.get_context("spawn")
    is_going = context.Event()
    process = context.Process(target=_attack, args=(attack, proxy, is_going), daemon=True)
    process.start()
    is_going.wait(60)
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _attack(attack: Attack, proxy: Nginx, is_going: Event) -> None:
    pin_to(LOAD_CORE)
    asyncio.run(_attack_together(attack, proxy, is_going))


async def _attack_together(attack: Attack, proxy: Nginx, is_going: Event) -> None:
    context = ssl.create_default_context(cafile=proxy.certificate)
    connected = 0

    async def drip_for_ever(number: int) -> None:
        nonlocal connected
        await asyncio.sleep(RETURN_SECONDS * number / SLOW_CLIENTS)
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(
                    "localhost", proxy.port, ssl=context, local_addr=(ATTACKERS_ADDRESS, 0)
                )
                connected += 1
                if connected == SLOW_CLIENTS:
                    is_going.set()
                writer.write(attack.beginning)
                while not reader.at_eof():
                    writer.write(b"x")
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(DRIP_SECONDS):
                            await reader.read(65536)
                writer.close()
            await asyncio.sleep(RETURN_SECONDS)

    await asyncio.gather(*(drip_for_ever(number) for number in range(SLOW_CLIENTS)))


def _figures(name: str, calm: list[float], attacked: list[float]) -> dict[str, float]:
    before, during = _p95_ms(calm), _p95_ms(attacked)
    return {
        f"calm_p50_ms_before_{name}": round(statistics.median(calm) * 1000, 2),
        f"calm_p95_ms_before_{name}": before,
        f"p50_ms_under_{name}": round(statistics.median(attacked) * 1000, 2),
        f"p95_ms_under_{name}": during,
        f"p95_grows_by_under_{name}": round(during / before, 2),
    }


def _p95_ms(seconds: list[float]) -> float:
    return round(sorted(seconds)[int(len(seconds) * 0.95)] * 1000, 2)


if __name__ == "__main__":
    main()
