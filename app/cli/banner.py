"""What is printed after a start: requests to try, and where everything is."""

import ipaddress
import json
import shlex
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.settings import Settings
from app.shipped_files import shipped_directory

# Addresses kept for documentation: a datagram socket "connects" to them without sending anything.
OUTSIDE: Final = {4: (socket.AF_INET, "192.0.2.1"), 6: (socket.AF_INET6, "2001:db8::1")}
ANY_PORT: Final = 9
DEMO_TOKENS: Final = 100  # a few seconds, without a GPU too


def demo_lines(url: str, access_token: str) -> list[str]:
    """Three requests to paste into a shell: a chat, a screenshot, a voice recording."""
    header = f"-H 'Authorization: Bearer {access_token}'"
    body = shlex.quote(
        json.dumps(
            {"prompt": "What can you do?", "max_tokens": DEMO_TOKENS, "temperature": 0, "stream": True}
        )
    )
    sampling = f"-F max_tokens={DEMO_TOKENS} -F temperature=0"
    samples = shipped_directory("samples")
    screenshot = shlex.quote(f"image=@{_shown(samples / 'screenshot.png')}")
    voice = shlex.quote(f"audio=@{_shown(samples / 'voice.m4a')}")
    return [
        "",
        "Try a chat, a screenshot, a voice recording (their token is valid for a day):",
        "",
        f"curl -N {url}/chat {header} -H 'Content-Type: application/json' -d {body}",
        "",
        f"curl {url}/vision {header} -F {screenshot} -F 'prompt=What is at [500,250]?' {sampling}",
        "",
        f"curl {url}/speech {header} -F {voice} {sampling}",
    ]


def start_lines(
    settings: Settings, urls: Sequence[str], database: str, sign_in_link: str | None
) -> list[str]:
    """`sign_in_link` is for the first visit of the page at /ops."""
    port_option = "" if settings.public_url else f" --port {urlsplit(urls[0]).port}"
    sign_in = f"{_command()} ops link{port_option}"
    page = f"{settings.public_url or urls[0]}/ops   (`{sign_in}` signs you in)"
    lines = [
        *(("serving on", url) for url in urls),
        ("ready when", f"{urls[0]}/readyz"),
        ("ops page", page if sign_in_link is None else f"{sign_in_link}   (once, within 30 minutes)"),
        ("data", str(settings.data_dir.absolute())),
        ("database", database),
        ("signing keys", str(settings.keys_dir.absolute())),
        ("issue a token", f'{_command()} token issue --user NAME --scope "chat vision speech"'),
    ]
    width = max(len(label) for label, _ in lines)
    return ["", *(f"  {label:<{width}}  {value}" for label, value in lines)]


def reachable_urls(host: str, port: int) -> list[str]:
    """URLs for clients on this machine and on others; never the wildcard address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return [f"http://{host}:{port}"]
    if not address.is_unspecified:
        return [_url(str(address), port)]
    loopback = "127.0.0.1" if address.version == 4 else "::1"
    outside = _outside_address(address.version)
    return [_url(loopback, port)] + ([_url(outside, port)] if outside not in (None, loopback) else [])


def _url(address: str | None, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in str(address) else f"http://{address}:{port}"


def _outside_address(version: int) -> str | None:
    family, somewhere = OUTSIDE[version]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((somewhere, ANY_PORT))
            address: str = probe.getsockname()[0]
    except OSError:  # no route: no other machine reaches this one either
        return None
    return address


def _command() -> str:
    """The shortest way to type this program's name from the current directory."""
    called = Path(sys.argv[0])
    if shutil.which(called.name) == str(called.absolute()):
        return called.name
    return _shown(called.absolute())


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
