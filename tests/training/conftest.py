"""What tests of the trainer share with those of the engine."""

from ..inference.conftest import device

__all__ = ["device"]
