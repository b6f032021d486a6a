"""How a checkpoint's JSON files are read: pydantic models whose errors become one sentence."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError
from pydantic_core import PydanticCustomError

from inference.errors import InvalidCheckpoint
from inference.loading.checkpoint import JSON

CONTRADICTION = "contradiction"
UNSUPPORTED = "unsupported"


class ConfigFile(BaseModel):
    """A file, or a section of one. Fields that are not declared are ignored: transformers saves many."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


C = TypeVar("C", bound=ConfigFile)


def _as_ids(value: object) -> object:
    """In a list, values that are not integers are ignored, such as null."""
    if value is None:
        return []
    if not isinstance(value, list):
        return [value]
    return [each for each in value if isinstance(each, int) and not isinstance(each, bool)]


def _none_if_empty(value: object) -> object:
    return value or None


Size = Annotated[int, Field(strict=True, ge=1)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Flag = Annotated[bool, BeforeValidator(bool)]  # null is false, as for transformers
TokenIds = Annotated[frozenset[StrictInt], BeforeValidator(_as_ids)]  # one id, or a list of them
EmptyIsNone = BeforeValidator(_none_if_empty)  # of a section that may be missing


def as_section(value: object) -> JSON:
    """Returns an empty object for anything that is not a section."""
    return value if isinstance(value, dict) else {}


def contradiction(what: str) -> PydanticCustomError:
    """For validators: two fields do not fit each other."""
    return PydanticCustomError(CONTRADICTION, "{what}", {"what": what})


def unsupported(what: str) -> PydanticCustomError:
    """For validators: the checkpoint `what`, which is not served."""
    return PydanticCustomError(UNSUPPORTED, "{what}", {"what": what})


def read_config(kind: type[C], value: JSON, checkpoint_name: str, file_name: str = "config.json") -> C:
    """Raises `InvalidCheckpoint`, which names the first field that is not valid."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    file = f"The {file_name} of the checkpoint {checkpoint_name}"
    if first["type"] == UNSUPPORTED:
        raise InvalidCheckpoint(f"The checkpoint {checkpoint_name} {first['msg']}.")
    if first["type"] == CONTRADICTION:
        raise InvalidCheckpoint(f"{file} contradicts itself: {first['msg']}.")
    field = ".".join(part for part in first["loc"] if isinstance(part, str))  # without indexes in lists
    raise InvalidCheckpoint(f"{file} has no usable {field}; take it from the model's source.")
