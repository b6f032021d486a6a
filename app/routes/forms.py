"""Multipart bodies: files counted and named, every other field validated by a schema."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from app.error_handlers import field_name
from app.errors import InvalidJSON, InvalidMultipart, InvalidRequest, TooManyImages

MAX_FIELDS: Final = 64
MAX_FIELD_BYTES: Final = 1_048_576
MAX_FILES: Final = 64  # parsed, so that one too many gets an answer of its own
BOUNDARY: Final = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
CHARSET: Final = re.compile(r'charset="?([^";,]+)"?', re.IGNORECASE)

Fields = TypeVar("Fields", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Form(Generic[Fields]):
    fields: Fields
    files: dict[str, list[bytes]]


async def read_form(
    request: Request, fields_model: type[Fields], max_files: Mapping[str, int]
) -> Form[Fields]:
    """`max_files` names the file fields and how many each may have.

    Raises `InvalidMultipart`, `InvalidRequest`, `RequestValidationError`.
    """
    await _check_is_whole(request)
    fields: dict[str, Any] = {}
    files: dict[str, list[bytes]] = {name: [] for name in max_files}
    async with _parse(request) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                await _add_file(files, name, value, max_files)
            elif name in files:
                raise InvalidRequest(f"{name}: send it as a file, with a filename", param=name)
            else:
                _add_field(fields, fields_model, name, value)
    return Form(validate(fields_model, fields), files)


@asynccontextmanager
async def _parse(request: Request) -> AsyncIterator[FormData]:
    try:
        form = await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    except UnicodeError:
        raise InvalidMultipart from None
    try:
        yield form
    finally:
        await form.close()


async def read_json(request: Request, model: type[Fields]) -> Fields:
    """Raises `InvalidJSON` and `RequestValidationError`."""
    try:
        values = await request.json()
    except ValueError:
        raise InvalidJSON from None
    return validate(model, values)


def required_file(files: Mapping[str, list[bytes]], name: str) -> bytes:
    """The one file of that name. Raises `InvalidRequest`."""
    if not files[name]:
        raise InvalidRequest(f"{name}: send at least one file", param=name)
    return files[name][0]


def validate(model: type[Fields], values: Any) -> Fields:
    """Raises `RequestValidationError`, which is answered like a refused JSON body."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_input=False)) from None


def _add_field(fields: dict[str, Any], model: type[BaseModel], name: str, text: str) -> None:
    """A form has text alone: what is declared as a number or a boolean is read as JSON has it."""
    declared = model.model_fields.get(name)
    if declared is None and model.model_config.get("extra") == "allow":
        return
    if name in fields:
        name = field_name(name)
        raise InvalidRequest(f"{name}: sent more than once", param=name)
    is_number_or_boolean = declared is not None and declared.annotation in (int, float, bool)
    fields[name] = _from_text(text) if is_number_or_boolean else text


def _from_text(text: str) -> Any:  # Any: what JSON holds
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


async def _add_file(
    files: dict[str, list[bytes]], name: str, value: UploadFile, max_files: Mapping[str, int]
) -> None:
    if name not in files:
        name = field_name(name)
        raise InvalidRequest(f"{name}: there is no such file field on this route", param=name)
    if len(files[name]) == max_files[name]:
        if name == "image":
            raise TooManyImages
        raise InvalidRequest(f"{name}: at most {max_files[name]} of them", param=name)
    files[name].append(await value.read())


async def _check_is_whole(request: Request) -> None:
    """python-multipart takes a body that was cut off between two parts; the closing boundary tells."""
    content_type = request.headers.get("content-type", "")
    charset = CHARSET.search(content_type)
    if charset is not None and charset[1].lower() not in ("utf-8", "utf8"):
        raise InvalidMultipart("The multipart body must be in UTF-8.")
    boundary = BOUNDARY.search(content_type)
    if boundary is None:
        raise InvalidMultipart("The multipart Content-Type names no boundary.")
    closing = b"--" + boundary[1].encode("latin-1") + b"--"
    if not (await request.body()).rstrip(b"\r\n \t").endswith(closing):
        raise InvalidMultipart()
