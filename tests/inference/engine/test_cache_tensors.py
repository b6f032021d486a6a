"""The size of the cache."""

import os
from dataclasses import replace

import pytest
import torch

from inference.engine.cache_tensors import CPU_MEMORY_FRACTION, count_blocks
from inference.errors import InvalidCheckpoint, InvalidConfiguration

from ..fake_model import EchoDecoder


def test_the_cache_has_the_wanted_size_or_the_one_that_was_set() -> None:
    cpu = torch.device("cpu")
    assert count_blocks(EchoDecoder(), cpu, 16, wanted_tokens=1000, given_tokens=None) == 63
    assert count_blocks(EchoDecoder(), cpu, 16, wanted_tokens=1000, given_tokens=100) == 7


def test_a_cache_too_small_for_one_request_is_refused_unless_it_was_set() -> None:
    decoder, cpu = EchoDecoder(), torch.device("cpu")
    decoder.config = replace(decoder.config, num_layers=10**9)  # 16 gigabytes a token
    with pytest.raises(
        InvalidCheckpoint, match="memory of cpu holds a cache of 0 tokens, fewer than the 512"
    ):
        count_blocks(decoder, cpu, 16, wanted_tokens=1000, given_tokens=None)
    decoder.config = replace(decoder.config, num_layers=10**7)  # 160 megabytes a token: 80 gigabytes for 512
    assert count_blocks(decoder, cpu, 16, wanted_tokens=1000, given_tokens=16) == 1


def test_a_cache_that_was_set_larger_than_the_memory_is_refused() -> None:
    with pytest.raises(
        InvalidConfiguration, match=r"A cache of 10+ tokens takes 1490116\.1 GiB, more than the"
    ):
        count_blocks(EchoDecoder(), torch.device("cpu"), 16, wanted_tokens=1000, given_tokens=10**14)


def test_the_cache_takes_a_part_of_free_memory_at_most() -> None:
    """Bytes of a token: key and value, one head of two numbers each, in 32 bits."""
    blocks = count_blocks(EchoDecoder(), torch.device("cpu"), 16, wanted_tokens=10**15, given_tokens=None)
    whole_memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < blocks * 16 * 2 * 2 * 4 < whole_memory * CPU_MEMORY_FRACTION
