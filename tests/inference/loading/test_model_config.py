"""config.json files become configurations, and one sentence names the field that is not valid."""

import pytest

from inference.loading.config_file import read_config
from inference.loading.model_config import ArchitectureConfig, EndConfig, TextConfig
from inference.models.config import DecoderConfig

from .config_files import DECODER, TEXT, refusal


def decoder(**changes: object) -> DecoderConfig:
    return read_config(TextConfig, TEXT | changes, "tiny").to_decoder_config()


def test_transformers_names_and_defaults_are_read() -> None:
    assert decoder() == DECODER
    assert decoder(unknown=1, torch_dtype="bfloat16") == DECODER
    assert decoder(head_dim=None) == DECODER
    assert decoder(head_dim=32).head_dim == 32


@pytest.mark.parametrize("section", ["rope_parameters", "rope_scaling"])
def test_rotary_fields_are_read_from_either_section_or_beside_it(section: str) -> None:
    rope = {"rope_type": "default", "rope_theta": 5_000.0, "partial_rotary_factor": 0.25}
    expected = decoder(rope_theta=5_000.0, partial_rotary_factor=0.25)
    assert expected.rope_theta == 5_000.0
    assert decoder(**{section: rope}) == expected
    assert decoder(rope_theta=1.0, partial_rotary_factor=1.0, **{section: rope}) == expected
    assert decoder(**{section: None}) == DECODER
    assert decoder(**{section: rope | {"mrope_section": [1, 0, 1]}}).mrope_section == (1, 0, 1)


@pytest.mark.parametrize("value", [None, 0, -1, True, 1.5, "64", [64], {}])
@pytest.mark.parametrize("field", TEXT)
def test_a_size_that_is_no_positive_integer_is_named(field: str, value: object) -> None:
    expected = (
        f"The config.json of the checkpoint tiny has no usable {field}; take it from the model's source."
    )
    assert refusal(TextConfig, TEXT | {field: value}) == expected


@pytest.mark.parametrize("field", TEXT)
def test_a_size_that_is_missing_is_named(field: str) -> None:
    message = refusal(TextConfig, {name: value for name, value in TEXT.items() if name != field})
    assert f"has no usable {field};" in message


@pytest.mark.parametrize("value", [None, 0, -1.0, True, "1", float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["rms_norm_eps", "rope_theta", "partial_rotary_factor"])
def test_a_number_that_is_not_positive_is_named(field: str, value: object) -> None:
    assert f"has no usable {field};" in refusal(TextConfig, TEXT | {field: value})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rope_scaling": {"type": "linear"}}, "scales its rotary positions (linear); only plain ones"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "scales its rotary positions (yarn); only plain ones"),
        ({"hidden_act": "gelu"}, "activates by gelu; only silu is served"),
        (
            {"num_attention_heads": 3, "head_dim": 16},
            "contradicts itself: num_attention_heads is not a multiple",
        ),
        ({"head_dim": 18}, "contradicts itself: the rotary part of head_dim is odd"),
        ({"mrope_section": [1, 1, 1]}, "contradicts itself: mrope_section does not add up"),
        ({"mrope_section": "1"}, "has no usable mrope_section"),
    ],
)
def test_what_is_not_served_is_refused_by_name(changes: dict[str, object], sentence: str) -> None:
    assert sentence in refusal(TextConfig, TEXT | changes)


@pytest.mark.parametrize(
    ("value", "token_ids"),
    [
        (None, set()),
        (5, {5}),
        ([5, 6, 5], {5, 6}),
        ([], set()),
        ([-1], {-1}),
        ([None, 5, True, 5.5, "6"], {5}),
    ],
)
def test_token_ids_are_one_or_a_list(value: object, token_ids: set[int]) -> None:
    assert read_config(EndConfig, {"eos_token_id": value}, "tiny").eos_token_id == token_ids


@pytest.mark.parametrize("value", ["5", True, 5.5, {"a": 5}])
def test_other_token_ids_are_refused(value: object) -> None:
    assert "has no usable eos_token_id;" in refusal(EndConfig, {"eos_token_id": value})


@pytest.mark.parametrize("value", [None, "Glm4ForCausalLM", {}, 4])
def test_architectures_that_are_no_list_are_none(value: object) -> None:
    assert read_config(ArchitectureConfig, {"architectures": value}, "tiny").architectures == ()
