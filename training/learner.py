"""Batches to gradients, as fast as the device allows."""

from dataclasses import replace

import torch
from torch import Tensor

from training.batches import Batch
from training.forward import TrainingModel, hearing_loss
from training.replay import Replayed
from training.speech.spec_augment import hide_parts


def make_model(device: torch.device, is_eager: bool) -> TrainingModel:
    """On the device, compiled unless that is a CPU or `is_eager`."""
    torch.set_float32_matmul_precision("high")
    torch._dynamo.config.cache_size_limit = 32  # pictures come in a dozen sizes
    model = TrainingModel().to(device)
    if device.type == "cuda" and not is_eager:
        model.compile_parts()
    return model


class Learner:
    """Adds to the gradients of a model's parameters, which must exist. In 16 bits on CUDA.

    There, batches of one shape are copied to where their shape's first one was, and the kernels replayed.
    """

    def __init__(self, model: TrainingModel) -> None:
        self._model = model
        self._device = next(model.parameters()).device
        self._pool = torch.cuda.graph_pool_handle() if self._device.type == "cuda" else None
        self._known: dict[tuple[object, ...], _Lesson] = {}

    def learn(self, batch: Batch) -> Tensor:
        """Returns the batch's loss."""
        if self._device.type != "cuda":
            return self._lesson(batch).learn(batch.transcript_lengths)
        shape = (batch.kind, *(tuple(tensor.shape) for tensor in batch.tensors().values()))
        if shape not in self._known:
            own = {name: tensor.clone() for name, tensor in batch.tensors().items()}
            self._known[shape] = self._lesson(batch.with_tensors(own))
        lesson, given = self._known[shape], batch.tensors()
        for name, tensor in lesson.batch.tensors().items():
            tensor.copy_(given[name])
        return lesson.learn(batch.transcript_lengths)

    def _lesson(self, batch: Batch) -> "_Lesson":
        kind = _HeardLesson if batch.kind == "recording" else _Lesson
        return kind(self._model, batch, self._pool)


class _Lesson:
    """Learns what is in `batch` at the time."""

    def __init__(self, model: TrainingModel, batch: Batch, pool: object) -> None:
        self.batch = batch
        self._model = model
        self._add_gradients = Replayed(self._forth_and_back, pool)

    def learn(self, lengths: Tensor | None) -> Tensor:
        """lengths: of the batch's transcripts."""
        loss: Tensor = self._add_gradients()
        return loss.clone()  # other graphs write over it

    def _forth_and_back(self) -> Tensor:
        with self._in_16_bits():
            loss, _ = self._model(self.batch)
        loss.backward()
        return loss.detach()  # type: ignore[no-any-return]  # Module.__call__ is untyped

    def _in_16_bits(self) -> torch.autocast:
        device = self.batch.token_ids.device.type
        return torch.autocast(device, torch.bfloat16, enabled=device == "cuda")


class _HeardLesson(_Lesson):
    """In two halves: CTC wants the lengths of transcripts on the CPU, where no graph reads them anew."""

    def __init__(self, model: TrainingModel, batch: Batch, pool: object) -> None:
        super().__init__(model, batch, pool)
        self._hear = Replayed(self._heard, pool)
        self._features = self._log_shares = self._share_gradients = torch.empty(0)

    def learn(self, lengths: Tensor | None) -> Tensor:
        log_shares = self._hear().detach().requires_grad_()
        hearing = hearing_loss(log_shares, replace(self.batch, transcript_lengths=lengths))
        hearing.backward()  # type: ignore[no-untyped-call]
        assert log_shares.grad is not None
        self._share_gradients.copy_(log_shares.grad)
        total: Tensor = super().learn(lengths) + hearing.detach()
        return total

    def _heard(self) -> Tensor:
        assert self.batch.media is not None
        media = hide_parts(self.batch.media)
        with self._in_16_bits():
            self._features, self._log_shares = self._model.hear(replace(self.batch, media=media))
        self._share_gradients = torch.empty_like(self._log_shares)
        return self._log_shares.detach()

    def _forth_and_back(self) -> Tensor:
        with self._in_16_bits():
            loss, _ = self._model.answer(self.batch, self._features)
        torch.autograd.backward([loss, self._log_shares], [None, self._share_gradients])
        return loss.detach()
