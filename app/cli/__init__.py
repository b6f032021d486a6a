"""The command line: `gateway serve`, `user`, `token`, `ops`, `keys`, `tls`, `db`, `docs`, `doctor`.

Commands import what they need when they run, so that each starts as fast as it can.
"""

from app.cli.application import main

__all__ = ["main"]
