"""Early fusion: pictures and recordings become rows of the decoder's input.

It owns the towers and the two projections; text enters through the decoder's embedding. It works on arrays
and rows, not on messages or placeholders.
"""

from functools import partial

from torch import Tensor, nn

from inference.modalities.audio import HOP_SIZE, log_mel_stepwise
from inference.modalities.image import fit_grid, fit_size, normalise, resize
from inference.model_card import ImageFit
from inference.models.audio_tower import AUDIO_WIDTH, AudioConfig, AudioTower
from inference.models.vision_tower import VISUAL_WIDTH, VisionConfig, VisionTower
from inference.stepwise import Stepwise, finish
from inference.types import Audio, Image


class Fusion(nn.Module):
    """A `MediaEncoder`. A tower that the checkpoint lacks is None, and its modality is not served."""

    def __init__(self, hidden_size: int, vision: VisionConfig | None, audio: AudioConfig | None) -> None:
        super().__init__()
        self.vision_tower = VisionTower(vision) if vision else None
        self.visual_projection = nn.Linear(VISUAL_WIDTH, hidden_size) if vision else None
        self.audio_tower = AudioTower(audio) if audio else None
        self.audio_projection = nn.Linear(AUDIO_WIDTH, hidden_size) if audio else None

    @property
    def modalities(self) -> frozenset[str]:
        towers = {"image": self.vision_tower, "audio": self.audio_tower}
        return frozenset(modality for modality, tower in towers.items() if tower is not None)

    @property
    def image_fit(self) -> ImageFit | None:
        if self.vision_tower is None:
            return None
        config = self.vision_tower.config
        size = partial(fit_size, cell_size=config.cell_size, max_cells=config.max_tokens)
        return ImageFit(config.max_tokens * config.cell_size**2, size)

    def count_tokens(self, media: Image | Audio) -> int:
        """Computes nothing but sizes."""
        match media:
            case Image(pixels):
                rows, columns = self._image_cells(pixels.shape[0], pixels.shape[1])
                return rows * columns
            case Audio(samples):
                assert self.audio_tower is not None
                samples_per_token = HOP_SIZE * self.audio_tower.config.frames_per_token
                return max(1, -(-len(samples) // samples_per_token))

    def grid(self, media: Image | Audio) -> tuple[int, int] | None:
        return None

    def encode(self, media: Image | Audio) -> Tensor:
        """Returns (count_tokens, hidden)."""
        return finish(self.encode_stepwise(media))

    def encode_stepwise(self, media: Image | Audio) -> Stepwise[Tensor]:
        match media:
            case Image(pixels):
                assert self.vision_tower is not None
                assert self.visual_projection is not None
                config = self.vision_tower.config
                height, width = fit_size(
                    pixels.shape[0], pixels.shape[1], config.cell_size, config.max_tokens
                )
                picture = normalise(resize(pixels, height, width))
                pictures = self._to_device(picture, self.visual_projection)[None]
                features = yield from self.vision_tower.encode_stepwise(pictures)
                return self.visual_projection(features[0])  # type: ignore[no-any-return]  # Module.__call__ is untyped
            case Audio(samples):
                assert self.audio_tower is not None
                assert self.audio_projection is not None
                audio = self.audio_tower.config
                spectrogram = yield from log_mel_stepwise(samples, audio.num_mels, audio.frames_per_token)
                spectrograms = self._to_device(spectrogram, self.audio_projection)[None]
                features = yield from self.audio_tower.encode_stepwise(spectrograms)
                return self.audio_projection(features[0])  # type: ignore[no-any-return]  # Module.__call__ is untyped

    def _image_cells(self, height: int, width: int) -> tuple[int, int]:
        assert self.vision_tower is not None
        config = self.vision_tower.config
        return fit_grid(height, width, config.cell_size, config.max_tokens)

    @staticmethod
    def _to_device(array: Tensor, projection: nn.Linear) -> Tensor:
        return array.to(projection.weight.device, projection.weight.dtype, non_blocking=True)
