"""Runs the JavaScript client in Chromium, in a page of another origin than the gateway's, like a WebView."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from ..ops.page.browser import running_browser

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = "samples/screenshot.png"  # any: scripts have its origin
SCRIPT: Final = """async ([plans, root]) => {
  const client = await import("/docs/quickstart/gateway-client.js");
  const { runPlans } = await import("/tests/app/quickstart/programs/plans.mjs");
  return await runPlans(client, plans, async (path) => (await fetch(path.replace(root, ""))).blob());
}"""


async def run_in_page(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Raises `MissingServer`."""
    async with running_browser() as browser:
        with _serving_files() as origin:
            page = await browser.new_page()
            await page.goto(f"{origin}/{PAGE}")
            outcomes: list[dict[str, Any]] = await page.evaluate(SCRIPT, [plans, str(ROOT)])
            return outcomes


@contextmanager
def _serving_files() -> Iterator[str]:
    """Those of the project, on the loopback address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(ROOT)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
