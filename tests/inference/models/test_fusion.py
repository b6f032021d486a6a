"""Pictures and recordings as rows of the decoder's input: how many, how wide, and what changes them."""

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from inference.models.audio_tower import AUDIO_WIDTH, AudioConfig
from inference.models.fusion import Fusion
from inference.models.vision_tower import VISUAL_WIDTH, VisionConfig
from inference.stepwise import finish
from inference.types import Audio, Image

HIDDEN = 48
VISION = VisionConfig(192, 1, 4, 64, patch_size=8, merge_size=2, max_tokens=40)
AUDIO = AudioConfig(20, 64, 1, 4, 64, stack_size=8)
SECOND = 16_000


@pytest.fixture(scope="module")
def fusion() -> Fusion:
    torch.manual_seed(0)
    return Fusion(HIDDEN, VISION, AUDIO).eval().requires_grad_(False)


def picture(height: int = 60, width: int = 90, seed: int = 0) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def recording(seconds: float = 1.0, seed: int = 0) -> Audio:
    samples = np.random.default_rng(seed).standard_normal(int(seconds * SECOND))
    return Audio((samples * 0.1).astype(np.float32))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (60, 90), (90, 60), (1, 400), (333, 47), (400, 400)])
def test_a_picture_has_as_many_rows_as_were_counted(fusion: Fusion, height: int, width: int) -> None:
    image = picture(height, width)
    assert fusion.encode(image).shape == (fusion.count_tokens(image), HIDDEN)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.32, 0.33, 1.0, 21.0, 45.5])
def test_a_recording_has_as_many_rows_as_were_counted(fusion: Fusion, seconds: float) -> None:
    audio = recording(seconds)
    assert fusion.encode(audio).shape == (fusion.count_tokens(audio), HIDDEN)


@pytest.mark.parametrize(
    ("media", "heard", "pieces"), [(picture(60, 90), 0, 3 + 1), (recording(21.0), 3, 2 + 2)]
)
def test_pieces_of_work_report_their_operations(
    fusion: Fusion, media: Image | Audio, heard: int, pieces: int
) -> None:
    """Convolutions and layers, of 21 seconds in two windows, after three pieces of the spectrogram."""
    told, counted = [], []
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        for operations in fusion.encode_stepwise(media):
            told.append(operations)
            counted.append(counter.get_total_flops())
    assert len(told) == heard + pieces
    np.testing.assert_allclose(told[heard + 1 :], np.diff(counted)[heard:], rtol=0.1)


def test_two_pictures_encoded_in_turns_are_as_each_alone(fusion: Fusion) -> None:
    images = picture(60, 90), picture(90, 60, seed=1)
    work = [fusion.encode_stepwise(image) for image in images]
    for _ in range(2):
        for each in work:
            next(each)
    for image, each in zip(images, work, strict=True):
        assert torch.equal(finish(each), fusion.encode(image))


def test_features_are_768_wide_for_pictures_and_512_for_recordings(fusion: Fusion) -> None:
    widths = {}
    assert fusion.visual_projection
    assert fusion.audio_projection
    for projection in (fusion.visual_projection, fusion.audio_projection):
        handle = projection.register_forward_pre_hook(
            lambda module, arguments: widths.update({module: arguments[0].shape[1]})
        )
        fusion.encode(picture() if projection is fusion.visual_projection else recording())
        handle.remove()
    assert list(widths.values()) == [VISUAL_WIDTH, AUDIO_WIDTH] == [768, 512]


def test_swapped_channels_change_a_picture(fusion: Fusion) -> None:
    image = picture()
    swapped = Image(image.pixels[:, :, ::-1])
    assert not torch.allclose(fusion.encode(image), fusion.encode(swapped), atol=1e-3)


def test_a_mirrored_picture_is_another_picture(fusion: Fusion) -> None:
    image = picture()
    mirrored = Image(image.pixels[:, ::-1])
    ours = fusion.encode(image).sort(dim=0).values  # in any order of rows
    assert not torch.allclose(ours, fusion.encode(mirrored).sort(dim=0).values, atol=1e-3)


def test_equal_patches_differ_by_their_position(fusion: Fusion) -> None:
    rows = fusion.encode(Image(np.full((64, 80, 3), 200, dtype=np.uint8)))
    distances = torch.cdist(rows, rows) + torch.eye(len(rows))
    assert distances.min() > 1e-3


def test_one_changed_corner_changes_the_row_of_that_corner_most(fusion: Fusion) -> None:
    image = picture(64, 80)  # 4 x 5 rows
    changed = image.pixels.copy()
    changed[-16:, -16:] = 255
    difference = (fusion.encode(image) - fusion.encode(Image(changed))).norm(dim=1)
    assert int(difference.argmax()) == len(difference) - 1


def test_another_recording_has_other_features(fusion: Fusion) -> None:
    assert not torch.allclose(fusion.encode(recording()), fusion.encode(recording(seed=1)), atol=1e-3)


def test_the_same_media_have_the_same_features(fusion: Fusion) -> None:
    assert torch.equal(fusion.encode(picture()), fusion.encode(picture()))
    assert torch.equal(fusion.encode(recording()), fusion.encode(recording()))


def test_later_speech_does_not_change_earlier_windows(fusion: Fusion) -> None:
    """Attention of the audio tower is local, so costs are linear in the length of a recording."""
    audio = recording(45.0)
    changed = audio.samples.copy()
    changed[-SECOND:] = 0
    difference = (fusion.encode(audio) - fusion.encode(Audio(changed))).norm(dim=1)
    assert difference[0] == 0
    assert difference[-1] > 0


def test_a_missing_tower_is_a_missing_modality() -> None:
    assert Fusion(HIDDEN, VISION, None).modalities == {"image"}
    assert Fusion(HIDDEN, None, AUDIO).modalities == {"audio"}
