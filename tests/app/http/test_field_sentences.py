"""The templates of pydantic's messages give what pydantic writes."""

from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.http.field_sentences import TEMPLATES, pydantic_sentence
from app.sentence import Sentence


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str


CASES: list[tuple[Any, Any, str]] = [  # type, value, kind of error
    (Closed, {}, "missing"),
    (Closed, {"name": "x", "other": 1}, "extra_forbidden"),
    (dict[str, int], {1: 1}, "string_type"),
    (Annotated[float, Field(gt=0.5)], 0, "greater_than"),
    (Annotated[float, Field(ge=1)], 0, "greater_than_equal"),
    (Annotated[float, Field(lt=2)], 3, "less_than"),
    (Annotated[float, Field(le=2)], 3, "less_than_equal"),
    (Annotated[float, Field(allow_inf_nan=False)], float("inf"), "finite_number"),
    (Annotated[list[int], Field(min_length=1)], [], "too_short"),
    (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "too_long"),
    (str, 1, "string_type"),
    (Annotated[str, Field(min_length=1)], "", "string_too_short"),
    (Annotated[str, Field(max_length=2)], "abc", "string_too_long"),
    (Annotated[str, Field(pattern="^a{2}$")], "b", "string_pattern_mismatch"),
    (Literal["a"], "b", "literal_error"),
    (Literal["a", "b", "c"], "d", "literal_error"),
    (dict[str, int], 1, "dict_type"),
    (list[int], 1, "list_type"),
    (bool, [], "bool_type"),
    (bool, "maybe", "bool_parsing"),
    (int, [], "int_type"),
    (int, "x", "int_parsing"),
    (int, "1" * 5000, "int_parsing_size"),
    (int, 1.5, "int_from_float"),
    (float, [], "float_type"),
    (float, "x", "float_parsing"),
    (date, [], "date_type"),
    (date, "x", "date_from_datetime_parsing"),
]


@pytest.mark.parametrize(("expected_type", "value", "kind"), CASES)
def test_sentence_is_pydantics(expected_type: Any, value: Any, kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(expected_type).validate_python(value)
    (detail,) = caught.value.errors()
    assert detail["type"] == kind
    sentence = pydantic_sentence(detail)
    assert isinstance(sentence, Sentence)
    assert (sentence.template, sentence) == (TEMPLATES[kind], detail["msg"])


def test_unknown_message_stays_as_it_is() -> None:
    assert pydantic_sentence({"type": "new", "msg": "Something {new}"}) == "Something {new}"


def test_own_reason_keeps_its_template() -> None:
    own = Sentence("at most {count}", count=3)
    kept = pydantic_sentence(
        {"type": "value_error", "msg": f"Value error, {own}", "ctx": {"error": ValueError(own)}}
    )
    assert kept is own
