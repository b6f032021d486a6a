"""The ES256 keys that sign access tokens: a directory of private JWKs, which is read again when it changes.

Decides when each key may sign or verify, and does not look at claims. A key signs from `signing_delay` after
it was created, and verifies until every token that it can have signed has expired.
"""

import base64
import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JOSEError

from app.clock_steps import STEP_AHEAD
from app.settings import Settings

ALGORITHM: Final = "ES256"
_COORDINATE_BYTES: Final = 32  # P-256
_MAX_KEY_FILE_BYTES: Final = 4096
_WORLD: Final = stat.S_IRWXO

logger = logging.getLogger(__name__)


class InvalidSigningKeys(Exception):
    """The keys cannot be used. The message is a sentence for the operator without key material."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair. `created_at` is in Unix seconds. The Key objects are python-jose's."""

    key_id: str
    created_at: int
    can_sign: bool
    can_verify: bool
    public_jwk: Mapping[str, str]
    verifier: Key = field(repr=False)
    signer: Key = field(repr=False)


_Fingerprint = tuple[tuple[str, int, int, int], ...]  # name, mtime in ns, size, inode of each file


@dataclass(frozen=True, slots=True)
class _Snapshot:
    fingerprint: _Fingerprint
    keys: tuple[SigningKey, ...]  # oldest first


class SigningKeys:
    """Created by `load`; nothing to close. `refresh` may run on another thread than the rest."""

    def __init__(
        self,
        directory: Path,
        snapshot: _Snapshot,
        *,
        overlap: timedelta,
        signing_delay: timedelta,
        clock: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._snapshot = snapshot
        self._overlap_seconds = overlap.total_seconds()
        self._delay_seconds = signing_delay.total_seconds()
        self._clock = clock
        self._unreadable: _Fingerprint | None = None
        self.generation = 0  # grows whenever the files change; tokens must then be verified again

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        create: bool,
        overlap: timedelta,
        signing_delay: timedelta = timedelta(0),
        clock: Callable[[], float] = time.time,
    ) -> "SigningKeys":
        """Read every `<kid>.json` of `directory`; with `create`, create the first key if there is none.

        `overlap` is the longest lifetime of an access token plus the leeway. Raises InvalidSigningKeys.
        """
        try:
            if create:
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not _key_files(directory):
                    _write_new_key(directory, int(clock()))
            snapshot = _read(directory)
        except OSError as error:
            raise InvalidSigningKeys(
                f"The signing keys in {directory} cannot be used: {error.strerror}."
            ) from error
        keys = cls(directory, snapshot, overlap=overlap, signing_delay=signing_delay, clock=clock)
        keys.signer()  # refuses a directory without a key that may sign
        return keys

    def signer(self) -> SigningKey:
        """The newest key whose delay has passed, or else the oldest. Raises InvalidSigningKeys."""
        usable = [key for key in self._snapshot.keys if key.can_sign and key.can_verify]
        if not usable:
            raise InvalidSigningKeys(f"No key in {self._directory} may sign; run `gateway keys rotate`.")
        now = self._clock()
        ready = [key for key in usable if key.created_at + self._delay_seconds <= now]
        return ready[-1] if ready else usable[0]

    def find(self, key_id: str) -> SigningKey | None:
        """The key of that id, if it may verify."""
        return next((key for key in self.verifying() if key.key_id == key_id), None)

    def find_at_any_time(self, key_id: str) -> SigningKey | None:
        """Likewise, even if every token that it signed has expired."""
        return next((key for key in self._snapshot.keys if key.key_id == key_id and key.can_verify), None)

    def verifying(self) -> tuple[SigningKey, ...]:
        """Every key that can have signed a token that is still valid, oldest first."""
        keys, now = self._snapshot.keys, self._clock()
        return tuple(
            key
            for key, verifies_until in zip(keys, self._ends(keys), strict=True)
            if key.can_verify and now < verifies_until
        )

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public document: only public parts, including keys that do not sign yet."""
        return {"keys": [dict(key.public_jwk) for key in self.verifying()]}

    def rotate(self) -> str:
        """Write a new key and delete the files of keys that are no longer needed. Returns the new key's id.

        Those are kept for two more days, since a clock that is ahead may be corrected.

        Raises OSError when the directory cannot be written.
        """
        newest = self._snapshot.keys[-1].created_at
        key_id = _write_new_key(self._directory, max(int(self._clock()), newest + 1))
        self.refresh()
        keys, now = self._snapshot.keys, self._clock()
        for key, verifies_until in zip(keys, self._ends(keys), strict=True):
            if now >= verifies_until + STEP_AHEAD.total_seconds():
                (self._directory / f"{key.key_id}.json").unlink(missing_ok=True)
        self.refresh()
        return key_id

    def refresh(self) -> None:
        """Read the directory again if a file was added, changed or removed. On an error the old keys stay."""
        try:
            found = _fingerprint(self._directory)
            if found in (self._snapshot.fingerprint, self._unreadable):
                return
            self._unreadable = found
            self._snapshot = _read(self._directory)
        except (InvalidSigningKeys, OSError):
            logger.exception("signing keys could not be read again; the previous ones stay in use")
            return
        self._unreadable = None
        self.generation += 1
        logger.info("signing keys were read again", extra={"keys": len(self._snapshot.keys)})

    def _ends(self, keys: tuple[SigningKey, ...]) -> list[float]:
        """Until when each key verifies: `overlap` after the next key that may sign replaced it."""
        ends, successor_signs_from = [], float("inf")
        for key in reversed(keys):
            ends.append(successor_signs_from + self._overlap_seconds)
            if key.can_sign and key.can_verify:
                successor_signs_from = key.created_at + self._delay_seconds
        return ends[::-1]


def load_signing_keys(settings: Settings, *, create: bool = False) -> SigningKeys:
    """The keys that the settings name. In development, or with `create`, the first one is created.

    Raises InvalidSigningKeys.
    """
    auth = settings.auth
    return SigningKeys.load(
        settings.keys_dir,
        create=create or settings.env == "development",
        overlap=auth.max_access_token_ttl + timedelta(seconds=auth.leeway_seconds),
        signing_delay=auth.key_signing_delay,
    )


def thumbprint(public_jwk: Mapping[str, str]) -> str:
    """RFC 7638: SHA-256 of the required members in lexicographic order, base64url."""
    required = {name: public_jwk[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _write_new_key(directory: Path, created_at: int) -> str:
    private_key = ec.generate_private_key(ec.SECP256R1())
    numbers = private_key.private_numbers()
    public = {
        "kty": "EC",
        "crv": "P-256",
        "x": _base64url(numbers.public_numbers.x.to_bytes(_COORDINATE_BYTES)),
        "y": _base64url(numbers.public_numbers.y.to_bytes(_COORDINATE_BYTES)),
    }
    key_id = thumbprint(public)
    document = public | {
        "d": _base64url(numbers.private_value.to_bytes(_COORDINATE_BYTES)),
        "kid": key_id,
        "use": "sig",
        "alg": ALGORITHM,
        "key_ops": ["sign", "verify"],
        "created_at": created_at,
    }
    unfinished = directory / f".{key_id}.new"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(directory / f"{key_id}.json")  # a file of that name is complete
    return key_id


def _key_files(directory: Path) -> list[Path]:
    return sorted(directory.glob("[!.]*.json"))


def _fingerprint(directory: Path) -> _Fingerprint:
    stats = [(path.name, path.stat()) for path in _key_files(directory)]
    return tuple((name, found.st_mtime_ns, found.st_size, found.st_ino) for name, found in stats)


def _read(directory: Path) -> _Snapshot:
    if not directory.is_dir():
        raise InvalidSigningKeys(
            f"There is no directory of signing keys at {directory}; run `gateway keys rotate`."
        )
    if directory.stat().st_mode & stat.S_IWOTH:
        raise InvalidSigningKeys(f"Anyone can put a signing key into {directory}; chmod it to 0700.")
    fingerprint = _fingerprint(directory)  # before reading, so that a change meanwhile is found the next time
    keys = [_read_key(path) for path in _key_files(directory)]
    if not keys:
        raise InvalidSigningKeys(f"There is no signing key in {directory}; run `gateway keys rotate`.")
    return _Snapshot(fingerprint, tuple(sorted(keys, key=lambda key: (key.created_at, key.key_id))))


def _read_key(path: Path) -> SigningKey:
    if path.stat().st_mode & _WORLD:
        raise InvalidSigningKeys(f"Anyone on this machine can read the signing key {path}; chmod it to 0600.")
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_MAX_KEY_FILE_BYTES))
        public = {name: document[name] for name in ("kty", "crv", "x", "y")}
        if public["kty"] != "EC" or public["crv"] != "P-256" or document.get("alg", ALGORITHM) != ALGORITHM:
            raise ValueError("not an ES256 key")
        if thumbprint(public) != document["kid"] or path.stem != document["kid"]:
            raise ValueError("its name is not its thumbprint")
        is_for_signatures = document.get("use", "sig") == "sig"
        operations = document.get("key_ops", ["sign", "verify"])
        public_jwk = public | {"kid": document["kid"], "use": "sig", "alg": ALGORITHM}
        return SigningKey(
            key_id=document["kid"],
            created_at=int(document.get("created_at", 0)),
            can_sign=is_for_signatures and "sign" in operations,
            can_verify=is_for_signatures and "verify" in operations,
            public_jwk=public_jwk,
            verifier=jwk.construct(public_jwk, ALGORITHM),
            signer=jwk.construct(public | {"d": document["d"]}, ALGORITHM),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, JOSEError):
        # not chained: the causes quote the file
        raise InvalidSigningKeys(f"The file {path} does not hold a private ES256 key as a JWK.") from None
