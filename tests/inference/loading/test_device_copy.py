"""Copies to a device equal the tensors, of any size."""

import pytest
import torch

from inference.loading.device_copy import PIECE_BYTES, DeviceCopy

from ..conftest import require_cuda


@pytest.mark.parametrize("size", [0, 5, PIECE_BYTES // 2, PIECE_BYTES + 3, 3 * PIECE_BYTES - 1])
@pytest.mark.parametrize("dtype", [torch.int8, torch.bfloat16])
def test_a_copy_is_the_tensor(device: str, size: int, dtype: torch.dtype) -> None:
    copy = DeviceCopy(torch.device(device))
    count = size // dtype.itemsize
    numbers = torch.arange(100, dtype=dtype).repeat(count // 100 + 1)[:count]
    tensors = [numbers, numbers + 1]
    for tensor in tensors:
        found = copy(tensor)
        assert (found.device.type, found.dtype) == (torch.device(device).type, dtype)
        assert torch.equal(found.cpu(), tensor)
    assert torch.equal(copy(torch.tensor(3.5)).cpu(), torch.tensor(3.5))


@pytest.mark.cuda
def test_a_copy_to_another_device_than_the_current_one_is_the_tensor() -> None:
    require_cuda(2)
    copy = DeviceCopy(torch.device("cuda:1"))
    with torch.cuda.device("cuda:0"):
        for number in range(8):
            tensor = torch.full((PIECE_BYTES * 3,), number, dtype=torch.int8)
            found = copy(tensor)
            assert found.device == torch.device("cuda:1")
            assert torch.equal(found.cpu(), tensor)
