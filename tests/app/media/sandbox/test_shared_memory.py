import os

import pytest

from app.media.sandbox.shared_memory import UnexpectedSize, create_file, take_result


def test_a_result_is_read_and_may_be_written():
    descriptor = create_file()
    os.write(descriptor, b"pixels")
    result = take_result(descriptor, 6)
    os.close(descriptor)
    result[0:1] = b"P"
    assert bytes(result) == b"Pixels"


@pytest.mark.parametrize("size", [0, 5, 7])
def test_a_result_of_another_size_is_refused(size: int):
    descriptor = create_file()
    os.write(descriptor, b"pixels")
    with pytest.raises(UnexpectedSize):
        take_result(descriptor, size)
    os.close(descriptor)


def test_an_empty_result_is_refused():
    descriptor = create_file()
    with pytest.raises(UnexpectedSize):
        take_result(descriptor, 0)
    os.close(descriptor)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="only memfd files can be sealed")
def test_nobody_shrinks_a_result_that_was_taken():
    """A read of pages that are gone would end the gateway with SIGBUS."""
    descriptor = create_file()
    still_open = os.dup(descriptor)
    os.write(descriptor, b"pixels" * 1_000)
    result = take_result(descriptor, 6_000)
    with pytest.raises(PermissionError):
        os.ftruncate(still_open, 0)
    assert bytes(result[-6:]) == b"pixels"
    os.close(descriptor)
    os.close(still_open)
