"""The network computes what its package computes."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference.voice_activity.network import FRAME, Network
from testbed.noises import make_noise

from ...app.spoken import said


@pytest.fixture(scope="module")
def published() -> torch.jit.ScriptModule:
    """Loaded without importing the package, which would set torch's number of threads."""
    package = find_spec("silero_vad")
    assert package is not None
    assert package.submodule_search_locations is not None
    return torch.jit.load(f"{package.submodule_search_locations[0]}/data/silero_vad.jit").eval()


@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", ["speech", "noise", "long speech", "short"])
def test_it_computes_what_the_published_network_computes(
    published: torch.jit.ScriptModule, kind: str
) -> None:
    samples = {
        "speech": said("open the door please"),
        "noise": make_noise("melody", 1.0) * np.float32(0.3),
        "long speech": np.resize(said("open the door please"), 16_000 * 20),  # more than a piece
        "short": said("yes")[:300],
    }[kind]
    count = -(-len(samples) // FRAME)
    padded = np.pad(samples, (0, count * FRAME - len(samples)))
    published.reset_states()
    with torch.inference_mode():
        expected = published.audio_forward(torch.from_numpy(padded)[None], 16_000)[0].numpy()
    computed = np.concatenate(list(Network().probabilities(samples)))
    assert computed.shape == expected.shape == (count,)
    np.testing.assert_allclose(computed, expected, atol=1e-3)
    assert (computed.max() > 0.9) == ("speech" in kind)


def test_level_and_offset_are_taken_from_the_samples() -> None:
    samples = said("open the door please")
    network = Network()
    expected = np.concatenate(list(network.probabilities(samples, 0.0, 0.5)))
    shifted: NDArray[np.float32] = samples * np.float32(0.01) + np.float32(0.2)
    computed = np.concatenate(list(network.probabilities(shifted, 0.2, 0.005)))
    np.testing.assert_allclose(computed[1:], expected[1:], atol=1e-2)


def test_no_samples_have_no_frames() -> None:
    assert list(Network().probabilities(np.zeros(0, np.float32))) == []
