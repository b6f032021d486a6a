"""What every command needs: the settings, the database, and errors as sentences."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import takewhile
from json import JSONDecodeError
from typing import Any, Final, TypeVar, get_origin

from pydantic import ValidationError
from pydantic_settings import NoDecode, SettingsError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.auth.signing_keys import InvalidSigningKeys
from app.cli.command_failed import CALLED_WRONGLY, CommandFailed
from app.cli.unknown_names import UNKNOWN, explain_unknown
from app.errors import DatabaseUnavailable, GatewayError
from app.persistence.database import Database, sqlite_path
from app.settings import Settings

Result = TypeVar("Result")

NAME_OF_SECTION: Final = re.compile(r'for field "(\w+)"')  # SettingsError has it only in its message


def load_settings(**options: Any) -> Settings:
    """`options` of a command take precedence over the environment; None is one that was not given.

    Raises `CommandFailed` that names the wrong setting, never its value.
    """
    try:
        settings = Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        all_errors = error.errors(include_url=False, include_input=False)
        first = next((each for each in all_errors if each["type"] in UNKNOWN), all_errors[0])
        place = list(map(str, first["loc"]))
        names = list(takewhile(_is_name, place))
        name = "__".join(names).upper()
        is_unknown = first["type"] in UNKNOWN
        reason = explain_unknown(first["loc"]) if is_unknown else first["msg"].removeprefix("Value error, ")
        if members := ".".join(filter(_is_name, place[len(names) :])):  # of the item of a list
            reason = f"{members}: {reason}"
        sentence = f"GATEWAY_{name} is not valid: {reason}." if name else f"{reason}."
        raise CommandFailed(sentence, CALLED_WRONGLY) from None
    except SettingsError as error:
        raise CommandFailed(_explain_section(error), CALLED_WRONGLY) from None
    except (OSError, UnicodeDecodeError):
        raise CommandFailed(
            "A file in GATEWAY_SECRETS_DIR, or .env, cannot be read: it must be text that this user may read."
        ) from None
    return settings


def _is_name(part: str) -> bool:
    return not part.isdecimal()


def _explain_section(error: SettingsError) -> str:
    """A section that was set as a whole, or a list in it that is not written in JSON."""
    found, cause = NAME_OF_SECTION.search(str(error)), error.__cause__
    hint = 'a list is written as ["one", "two"]'
    if isinstance(cause, JSONDecodeError) and cause.doc[cause.pos : cause.pos + 1] == "'":
        hint = "JSON needs double quotes"
    if found is None:
        return f"A list in a section of GATEWAY_ variables is not valid: {hint}."
    name = f"GATEWAY_{found[1].upper()}"
    given = set(map(str.upper, os.environ))
    if name in given:
        return f"{name} is not valid: it is a section; set its parts one by one, as {name}__NAME."
    parts = getattr(Settings.model_fields[found[1]].annotation, "model_fields", {})
    lists = [
        f"{name}__{part.upper()}"
        for part, field in parts.items()
        if get_origin(field.annotation) is tuple and NoDecode not in field.metadata
    ]
    candidates = [each for each in lists if each in given] or lists or [name]
    return f"{' or '.join(candidates)} is not valid: {hint}."


def run_command(work: Callable[[Settings], Coroutine[Any, Any, Result]]) -> Result:
    """Runs `work` with the settings. Raises `CommandFailed` for everything that an operator can mend."""
    settings = load_settings()
    try:
        return asyncio.run(work(settings))
    except DatabaseUnavailable:
        raise CommandFailed(
            f"The database {describe_database(settings)} cannot be used; `gateway doctor` has details."
        ) from None
    except GatewayError as error:
        raise CommandFailed(error.detail) from None
    except InvalidSigningKeys as error:
        raise CommandFailed(str(error)) from None
    except SQLAlchemyError:
        raise CommandFailed(
            f"The database {describe_database(settings)} does not fit this version; run `gateway db upgrade`."
        ) from None
    except OSError as error:
        raise CommandFailed(
            f"{error.filename or 'A file'} cannot be used: {error.strerror or error}."
        ) from None


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """In development a database that is not there yet is made; elsewhere `gateway db upgrade` does it."""
    url = settings.effective_database_url
    path = sqlite_path(make_url(url))
    if settings.env == "development" and path is not None and not path.exists():
        from app.persistence.migrations import upgrade_database  # half a second, once

        await upgrade_database(url)
    database = Database(url)
    try:
        yield database
    finally:
        await database.aclose()


def describe_database(settings: Settings) -> str:
    """Its location, without the password."""
    url = make_url(settings.effective_database_url)
    path = sqlite_path(url)
    if path is not None:
        return str(path)
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()} at {url.host}{port}/{url.database}"
