"""Only a GPU is warmed up."""

import torch

from inference.engine.warm_up import warm_up

from ..fake_model import FakeModel


def test_no_picture_is_encoded_on_the_cpu_before_the_first_request() -> None:
    model = FakeModel()
    warm_up(model, torch.device("cpu"))
    assert model.encoded == 0
