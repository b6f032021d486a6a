"""The network of Silero VAD: samples at 16 kHz in, a probability of speech for each 32 ms out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

FRAME: Final = 512  # samples
_CONTEXT: Final = 64  # samples of the frame before
_MIRRORED: Final = 64  # samples
_WINDOW, _HOP, _BANDS = 256, 128, 129
_CONVOLUTIONS: Final = ((0, 1), (1, 2), (2, 2), (3, 1))  # name and stride; each is 3 wide
_HIDDEN: Final = 128
_PIECE: Final = 256  # frames that are computed at once: some 20 ms
_WEIGHTS: Final = Path(__file__).parent / "silero_vad_16k.npz"

Floats = NDArray[np.float32]


class Network:
    """Holds the weights alone, so one may serve several recordings at once."""

    def __init__(self) -> None:
        with np.load(_WEIGHTS, allow_pickle=False) as weights:
            arrays: dict[str, Floats] = dict(weights)
        self._fourier = np.ascontiguousarray(arrays["stft.forward_basis_buffer"][:, 0].T)
        self._encoder = [_convolution(arrays, name, stride) for name, stride in _CONVOLUTIONS]
        # sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, so one tanh serves the gates: input, forget, cell, output.
        self._scale = np.repeat(np.array([0.5, 0.5, 1, 0.5], np.float32), _HIDDEN)
        self._offset = np.repeat(np.array([0.5, 0.5, 0, 0.5], np.float32), _HIDDEN)
        self._input = np.ascontiguousarray(arrays["decoder.rnn.weight_ih"].T * self._scale)
        self._recurrence = np.ascontiguousarray(arrays["decoder.rnn.weight_hh"].T * self._scale)
        self._bias = (arrays["decoder.rnn.bias_ih"] + arrays["decoder.rnn.bias_hh"]) * self._scale
        self._output = arrays["decoder.decoder.2.weight"][0, :, 0]
        self._output_bias = arrays["decoder.decoder.2.bias"]

    def probabilities(self, samples: Floats, offset: float = 0.0, level: float = 1.0) -> Iterator[Floats]:
        """samples (T,) -> ceil(T / FRAME) probabilities, in pieces of eight seconds.

        `offset` is subtracted from the samples, which are then divided by `level` and clipped to [-1, 1].
        """
        count = -(-len(samples) // FRAME)
        hidden, cell = np.zeros(_HIDDEN, np.float32), np.zeros(_HIDDEN, np.float32)
        for first in range(0, count, _PIECE):
            frames = _frames(samples, first, min(_PIECE, count - first), offset, level)
            gates = self._encode(frames) @ self._input + self._bias  # (frames, 4 * hidden)
            states = np.empty((len(frames), _HIDDEN), np.float32)
            for index, gate in enumerate(gates):
                opened = np.tanh(gate + hidden @ self._recurrence) * self._scale + self._offset
                enter, keep, new, emit = opened.reshape(4, _HIDDEN)
                cell = keep * cell + enter * new
                states[index] = hidden = emit * np.tanh(cell)
            scores = np.maximum(states, 0) @ self._output + self._output_bias
            yield 0.5 * np.tanh(0.5 * scores) + 0.5

    def _encode(self, frames: Floats) -> Floats:
        """(frames, FRAME + context) -> (frames, hidden)."""
        mirrored = np.concatenate([frames, frames[:, -2 : -2 - _MIRRORED : -1]], axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(mirrored, _WINDOW, axis=1)[:, ::_HOP]
        spectrum = windows @ self._fourier  # (frames, 4, 2 * bands): real parts, then imaginary ones
        values: Floats = np.hypot(spectrum[..., :_BANDS], spectrum[..., _BANDS:])
        for weight, bias, stride in self._encoder:
            values = _convolve(values, weight, bias, stride)
        return values[:, 0]


def _frames(samples: Floats, first: int, count: int, offset: float, level: float) -> Floats:
    """(count, FRAME + context): each after the end of the one before. Silence surrounds the recording."""
    start, end = first * FRAME - _CONTEXT, (first + count) * FRAME
    piece = (samples[max(0, start) : end] - np.float32(offset)) / np.float32(level)
    padded = np.pad(np.clip(piece, -1, 1), (max(0, -start), end - max(0, start) - len(piece)))
    return np.lib.stride_tricks.sliding_window_view(padded, FRAME + _CONTEXT)[::FRAME]


def _convolution(arrays: dict[str, Floats], name: int, stride: int) -> tuple[Floats, Floats, int]:
    weight = arrays[f"encoder.{name}.reparam_conv.weight"]  # (out, in, 3)
    matrix = np.ascontiguousarray(weight.transpose(2, 1, 0).reshape(-1, len(weight)))
    return matrix, arrays[f"encoder.{name}.reparam_conv.bias"], stride


def _convolve(values: Floats, weight: Floats, bias: Floats, stride: int) -> Floats:
    """(frames, T, in) -> (frames, ceil(T / stride), out), rectified."""
    padded = np.pad(values, ((0, 0), (1, 1), (0, 0)))
    count = (values.shape[1] - 1) // stride + 1
    neighbours = [padded[:, at : at + stride * (count - 1) + 1 : stride] for at in range(3)]
    # A product for each frame is too small for BLAS to start threads, which would delay the model's.
    convolved: Floats = np.maximum(np.concatenate(neighbours, axis=2) @ weight + bias, 0)
    return convolved
