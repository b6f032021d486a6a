"""`gateway` as it is, also where parts that text does not need are not installed. Run as a script.

Without PyAV no media are decoded. Without an installed distribution, one is described in a directory of its
own, which says the version.
"""

import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

DISTRIBUTION = "autoglm-gateway"
VERSION = "0.1.0"


def describe_distribution(directory: Path) -> None:
    try:
        version(DISTRIBUTION)
    except PackageNotFoundError:
        info = directory / f"autoglm_gateway-{VERSION}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {VERSION}\n")
        sys.path.append(str(directory))


def decode_no_media() -> None:
    from app import lifespan
    from app.media.decoding import MediaDecoder

    class TextOnly(MediaDecoder):
        async def start(self) -> None:
            pass

        async def wait_until_ready(self) -> None:
            pass

    lifespan.MediaDecoder = TextOnly  # type: ignore[misc]


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        describe_distribution(Path(directory))
        if find_spec("av") is None:
            decode_no_media()
        from app.cli import main as gateway

        sys.argv[0] = "gateway"
        gateway()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
