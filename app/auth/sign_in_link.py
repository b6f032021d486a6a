"""The one-time link that signs in to the page at /ops: a file that only its owner can read.

Its secret follows a `#`, and browsers do not send that part: a proxy does not log it, and the preview of
the link in a chat does not use it up. Anyone who can read the file can issue tokens on the command line too.
"""

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from app.errors import InvalidSignInLink

LIFETIME: Final = timedelta(minutes=30)
FRAGMENT: Final = "/ops#link="
FILE_NAME: Final = "ops-link"
MAX_SECRET_CHARACTERS: Final = 64
_SECRET_BYTES: Final = 32
_MAX_FILE_BYTES: Final = 4096


class SignInLink:
    """At most one at a time, in the file `ops-link` of the data directory. Blocking; nothing to close."""

    def __init__(self, data_dir: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = data_dir / FILE_NAME
        self._clock = clock

    def create(self, base_url: str) -> str:
        """Create a link, which replaces the previous one. Raises OSError."""
        expires_at = int(self._clock() + LIFETIME.total_seconds())
        url = f"{base_url.rstrip('/')}{FRAGMENT}{expires_at}.{secrets.token_urlsafe(_SECRET_BYTES)}"
        directory = self.path.parent
        descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=f"{FILE_NAME}.")  # mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                if os.geteuid() == 0:  # the gateway, which is not root, must read and remove it
                    owner = directory.stat()
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                file.write(f"{url}\n")
            os.replace(temporary, self.path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        return url

    def check(self, secret: str) -> None:
        """Raises `InvalidSignInLink`. Does not use up the link, since what follows may still fail."""
        kept = _secret_in(self.path)
        if kept is None or not _are_equal(kept, secret):
            raise InvalidSignInLink
        left = int(kept.partition(".")[0]) - self._clock()
        if not 0 < left <= LIFETIME.total_seconds():  # more: the clock was set back after it was created
            self.path.unlink(missing_ok=True)
            raise InvalidSignInLink

    def use(self, secret: str) -> None:
        """Use up the link: only one of several callers, also in several processes, succeeds.

        Raises `InvalidSignInLink`.
        """
        self.check(secret)
        claimed = self.path.with_name(f"{FILE_NAME}.{secrets.token_hex(8)}")
        try:
            self.path.rename(claimed)
        except FileNotFoundError:
            raise InvalidSignInLink from None
        try:
            if not _are_equal(_secret_in(claimed) or "", secret):  # replaced after it was checked
                with contextlib.suppress(FileExistsError):  # an even newer one
                    os.link(claimed, self.path)
                raise InvalidSignInLink
        finally:
            claimed.unlink()


def _secret_in(path: Path) -> str | None:
    try:
        with path.open() as file:
            text = file.read(_MAX_FILE_BYTES)
    except FileNotFoundError:
        return None
    return text.strip().partition(FRAGMENT)[2] or None


def _are_equal(kept: str, secret: str) -> bool:
    return secrets.compare_digest(kept.encode(), secret.encode())
