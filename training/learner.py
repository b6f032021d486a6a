"""Batches to gradients, as fast as the device allows."""

from dataclasses import replace

import torch
from torch import Tensor

from training.batches import Batch
from training.cuda_graph import GraphedFunction
from training.forward import TrainingModel, hearing_loss, precision
from training.speech.spec_augment import mask_spectrograms


class Learner:
    """Adds to the gradients of a model's parameters, which must exist. In 16 bits on CUDA.

    A batch is copied to where the first one of its shape lay, for which, if `is_captured`, there are
    CUDA graphs.
    """

    def __init__(self, model: TrainingModel, is_captured: bool) -> None:
        self._model = model
        self._is_captured = is_captured
        self._pool = torch.cuda.graph_pool_handle() if is_captured else None
        self._graphs: dict[tuple[object, ...], _TrainingGraph] = {}

    def learn(self, batch: Batch) -> Tensor:
        """Returns the batch's loss."""
        sizes = (tuple(tensor.shape) for tensor in batch.tensors().values())
        shape = (batch.kind, batch.media_start, *sizes)
        if shape not in self._graphs:
            kind = _RecordingGraph if batch.kind == "recording" else _TrainingGraph
            self._graphs[shape] = kind(self._model, batch.clone(), self._is_captured, self._pool)
        graph = self._graphs[shape]
        graph.batch.copy_(batch)
        return graph.learn(batch.transcript_lengths)


class _TrainingGraph:
    """Learns what is in `batch` at the time."""

    def __init__(self, model: TrainingModel, batch: Batch, is_captured: bool, pool: object) -> None:
        self.batch = batch
        self._model = model
        self._add_gradients = GraphedFunction(self._forward_backward, is_captured, pool)

    def learn(self, transcript_lengths: Tensor | None) -> Tensor:
        loss: Tensor = self._add_gradients()
        return loss.clone()  # other graphs write over it

    def _forward_backward(self) -> Tensor:
        with precision(self.batch.token_ids.device):
            loss, _ = self._model(self.batch)
        loss.backward()
        return loss.detach()  # type: ignore[no-any-return]  # Module.__call__ is untyped


class _RecordingGraph(_TrainingGraph):
    """In two halves, since CTC wants the lengths of transcripts on the CPU, where no graph reads them anew.

    The second half reads what the first has left; nothing else runs or is captured between them.
    """

    _features: Tensor
    _log_probs: Tensor
    _log_prob_gradients: Tensor

    def __init__(self, model: TrainingModel, batch: Batch, is_captured: bool, pool: object) -> None:
        super().__init__(model, batch, is_captured, pool)
        self._hear = GraphedFunction(self._hear_masked, is_captured, pool)

    def learn(self, transcript_lengths: Tensor | None) -> Tensor:
        log_probs = self._hear().requires_grad_()
        hearing = hearing_loss(log_probs, replace(self.batch, transcript_lengths=transcript_lengths))
        (gradients,) = torch.autograd.grad(hearing, log_probs)
        self._log_prob_gradients.copy_(gradients)
        loss: Tensor = super().learn(None) + hearing.detach()
        return loss

    def _hear_masked(self) -> Tensor:
        assert self.batch.media is not None
        masked = replace(self.batch, media=mask_spectrograms(self.batch.media))
        with precision(self.batch.token_ids.device):
            self._features, self._log_probs = self._model.hear(masked)
        self._log_prob_gradients = torch.empty_like(self._log_probs)
        return self._log_probs.detach()

    def _forward_backward(self) -> Tensor:
        with precision(self.batch.token_ids.device):
            loss, _ = self._model.answer(self.batch, self._features)
        torch.autograd.backward([loss, self._log_probs], [None, self._log_prob_gradients])
        return loss.detach()
