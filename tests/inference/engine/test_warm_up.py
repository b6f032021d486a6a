"""Only a GPU is warmed up."""

import torch

from inference.engine.warm_up import warm_up

from ..fake_model import FakeModel


def test_a_processor_encodes_nothing_before_it_is_asked() -> None:
    model = FakeModel()
    warm_up(model, torch.device("cpu"))
    assert model.encoded == 0
