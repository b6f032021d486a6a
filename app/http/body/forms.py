"""Multipart bodies: files counted and named, every other field validated by a schema."""

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar, get_args, get_origin

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from app.errors import InvalidRequest, TooManyImages
from app.http.body.multipart import read_multipart
from app.http.body.request_body import body_of
from app.http.body.spooled_file import SpooledFile
from app.http.field_errors import field_name
from app.record.request_record import record_of
from app.schemas.json_text import JSONTexts
from app.sentence import Sentence, of_field

MAX_ERRORS: Final = 1000
NUMBERS_AND_BOOLEANS: Final = frozenset({int, float, bool})

Fields = TypeVar("Fields", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Form(Generic[Fields]):
    """The files stay open until the request is over."""

    fields: Fields
    files: dict[str, list[SpooledFile]]


async def read_form(
    request: Request, fields_model: type[Fields], max_files: Mapping[str, int]
) -> Form[Fields]:
    """`max_files` names the file fields and how many each may have.

    Raises `InvalidMultipart`, `InvalidRequest`, `RequestValidationError`, `Overloaded`, `StorageFull`.
    """
    body = body_of(request.scope)
    with record_of(request.scope).phase("read body"):
        async with aclosing(request.stream()) as chunks:
            parts = await read_multipart(request.headers.get("content-type", ""), chunks, body)
    fields: dict[str, Any] = {}
    files: dict[str, list[SpooledFile]] = {name: [] for name in max_files}
    for sent_name, value in parts:
        base_name = sent_name.removesuffix("[]")  # so do many clients name a field that may be repeated
        is_repeatable = base_name in files or _is_list(fields_model, base_name)
        name = base_name if is_repeatable else sent_name
        if isinstance(value, SpooledFile):
            _add_file(files, name, value, max_files)
        elif name in files:
            raise InvalidRequest(of_field(name, "send it as a file, with a filename"), param=name)
        else:
            _add_field(fields, fields_model, name, value)
    return Form(validate(fields_model, fields), files)


async def read_json(request: Request, model: type[Fields]) -> Fields:
    """Raises `InvalidJSON` and `RequestValidationError`."""
    return validate(model, await request.json())


def required_file(files: Mapping[str, list[SpooledFile]], name: str) -> SpooledFile:
    """The one file of that name. Raises `InvalidRequest`."""
    if not files[name]:
        raise InvalidRequest(of_field(name, "send at least one file"), param=name)
    return files[name][0]


def validate(model: type[Fields], values: Any) -> Fields:
    """Raises `RequestValidationError`, as for a refused JSON body."""
    try:
        return model.model_validate(values, context=JSONTexts())
    except ValidationError as error:
        if error.error_count() > MAX_ERRORS:  # each takes a kilobyte and two microseconds
            raise InvalidRequest(
                Sentence("More than {count} fields are not valid.", count=MAX_ERRORS)
            ) from None
        details = error.errors(include_url=False)
        located = [detail | {"loc": ("body", *detail["loc"])} for detail in details]
        raise RequestValidationError(located, body=values) from None


def _add_field(fields: dict[str, Any], model: type[BaseModel], name: str, text: str) -> None:
    """A form has text alone: what is declared as a number or a boolean is read as JSON has it."""
    declared = model.model_fields.get(name)
    if declared is None and model.model_config.get("extra") == "allow":
        return
    if _is_list(model, name):
        fields.setdefault(name, []).append(text)
        return
    if name in fields:
        name = field_name(name)
        raise InvalidRequest(of_field(name, "sent more than once"), param=name)
    is_json = declared is not None and not NUMBERS_AND_BOOLEANS.isdisjoint(_types_of(declared.annotation))
    fields[name] = _from_text(text) if is_json else text


def _is_list(model: type[BaseModel], name: str) -> bool:
    declared = model.model_fields.get(name)
    return declared is not None and get_origin(declared.annotation) is list


def _types_of(annotation: Any) -> Iterator[Any]:  # Any: what may stand in an annotation
    """Those that it joins and annotates: `int` and None of `Annotated[int, …] | None`."""
    parts = get_args(annotation)
    if not parts:
        yield annotation
    for part in parts[:1] if get_origin(annotation) is Annotated else parts:
        yield from _types_of(part)


def _from_text(text: str) -> Any:  # Any: what JSON holds
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _add_file(
    files: dict[str, list[SpooledFile]], name: str, value: SpooledFile, max_files: Mapping[str, int]
) -> None:
    if name not in files:
        name = field_name(name)
        raise InvalidRequest(of_field(name, "there is no such file field on this route"), param=name)
    if len(files[name]) == max_files[name]:
        if name == "image":
            raise TooManyImages
        raise InvalidRequest(
            of_field(name, Sentence("at most {count} of them", count=max_files[name])), param=name
        )
    files[name].append(value)
