"""An invalid speech-recognition model is reported in one sentence that names it and says what to do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from inference.errors import InvalidCheckpoint
from inference.loading.recogniser import check_recogniser, load_recogniser

from ..tiny_checkpoints import edit_json, edit_weights, write_glm4
from ..tiny_whisper import VOCAB_SIZE, write_whisper


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("whisper")
    write_whisper(directory)
    return directory


@pytest.fixture
def copy(whisper: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whisper, tmp_path / "speech"))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a chat model": (
        lambda it: edit_json(it / "config.json", architectures=["Glm4ForCausalLM"]),
        "speech is not a Whisper model; name one",
    ),
    "no architecture": (
        lambda it: edit_json(it / "config.json", architectures=None),
        "is not a Whisper model",
    ),
    "an empty directory": (lambda it: (it / "config.json").unlink(), "has no config.json"),
    "no weights": (lambda it: (it / "model.safetensors").unlink(), "has no model.safetensors"),
    "weights cut off": (
        lambda it: (it / "model.safetensors").write_bytes((it / "model.safetensors").read_bytes()[:-100]),
        "model.safetensors of the checkpoint speech is damaged or cut off",
    ),
    "a missing weight": (
        lambda it: edit_weights(it, {"model.encoder.conv1.weight": None}),
        "lacks the weights model.encoder.conv1.weight",
    ),
    "a foreign weight": (
        lambda it: edit_weights(it, {"model.decoder.more": torch.zeros(1)}),
        "1 weights that its architecture does not have, such as model.decoder.more",
    ),
    "another shape": (
        lambda it: edit_json(it / "config.json", encoder_ffn_dim=40),
        "config.json says",
    ),
    "a nonsensical shape": (
        lambda it: edit_json(it / "config.json", encoder_attention_heads=5),
        "is not one of Whisper",
    ),
    "no special tokens": (
        lambda it: (it / "generation_config.json").unlink(),
        "does not name its decoder_start_token_id",
    ),
    "no tokenizer": (lambda it: (it / "tokenizer.json").unlink(), "has no tokenizer.json"),
}


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_one_sentence(copy: Path, damage: Callable[[Path], object], sentence: str) -> None:
    damage(copy)
    with pytest.raises(InvalidCheckpoint, match=sentence) as caught:
        load_recogniser(str(copy), "cpu")
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert ". " not in message


def test_a_sound_model_passes_the_check(whisper: Path) -> None:
    check_recogniser(str(whisper))


@pytest.mark.parametrize(
    "name", ["a chat model", "no weights", "weights cut off", "no special tokens", "no tokenizer"]
)
def test_the_check_finds_damage_without_loading(copy: Path, name: str) -> None:
    damage, sentence = DAMAGES[name]
    damage(copy)
    with pytest.raises(InvalidCheckpoint, match=sentence):
        check_recogniser(str(copy))


def test_a_real_chat_model_is_refused(tmp_path: Path) -> None:
    write_glm4(tmp_path)
    with pytest.raises(InvalidCheckpoint, match="is not a Whisper model"):
        load_recogniser(str(tmp_path), "cpu")


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidCheckpoint, match="no model directory"):
        load_recogniser(str(tmp_path / "nothing"), "cpu")


def test_an_output_head_of_its_own_is_loaded(copy: Path) -> None:
    tied = load_recogniser(str(copy), "cpu").model
    edit_weights(copy, {"proj_out.weight": torch.zeros(VOCAB_SIZE, 32)})
    separate = load_recogniser(str(copy), "cpu").model
    silence = torch.zeros(100).numpy()
    assert tied.next_token(tied.encode_window(silence)) != 0
    assert separate.next_token(separate.encode_window(silence)) == 0
