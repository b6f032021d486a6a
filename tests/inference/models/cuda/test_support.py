"""The decoders that the kernels support. Needs no GPU."""

from dataclasses import replace

import pytest
import torch

from inference.models.config import DecoderConfig
from inference.models.cuda.support import missing_support, unsupported_shape
from inference.models.decoder import Decoder
from testbed.random_decoder import EMBEDDED, NINE_B, random_decoder

from ...fake_model import EchoDecoder


@pytest.mark.parametrize("config", [NINE_B, EMBEDDED], ids=["9B", "embedded"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("has_int8_head", [True, False])
def test_int8_layers_in_16_bits_are_supported(
    config: DecoderConfig, dtype: torch.dtype, has_int8_head: bool
) -> None:
    assert unsupported_shape(random_decoder(config, "meta", dtype, has_int8_head=has_int8_head)) is None


UNSUPPORTED = {
    "a width of 100": {"intermediate_size": 100},
    "heads of 16 dimensions": {"head_dim": 16},
    "heads of 96 dimensions": {"head_dim": 96},
    "12 rotary pairs": {"partial_rotary_factor": 0.75},
    "more than 2,147,483,647 weights": {"vocab_size": 640_000, "hidden_size": 4096},
}


@pytest.mark.parametrize("changes", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_the_reason_against_it_is_named(changes: dict[str, int]) -> None:
    found = unsupported_shape(random_decoder(replace(EMBEDDED, **changes), "meta"))
    expected = next(reason for reason, each in UNSUPPORTED.items() if each is changes)
    assert found is not None
    assert expected in found


def test_other_weights_and_types_run_the_reference() -> None:
    with torch.device("meta"):
        floats = Decoder(EMBEDDED).bfloat16()
    assert unsupported_shape(floats) == "its weights are not int8"
    in_32_bits = random_decoder(EMBEDDED, "meta", torch.float32)
    assert unsupported_shape(in_32_bits) == "it does not compute in 16 bits"


def test_a_cpu_and_a_decoder_that_is_not_ours_run_the_reference() -> None:
    decoder = random_decoder(EMBEDDED, "meta")
    assert missing_support(decoder, torch.device("cpu")) == "the device is not a GPU"
    assert missing_support(EchoDecoder(), torch.device("cuda")) == "the decoder is not one of ours"
