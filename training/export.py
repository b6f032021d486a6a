"""Makes the checkpoint of what was trained: `python -m training.export weights.safetensors [directory]`.

In int8 unless `--floats` asks for 16 bits.
"""

import argparse
import shutil
from pathlib import Path

from safetensors.torch import load_file

from inference.config import EMBEDDED_MODEL
from training.checkpoint import write_tokenizer_files, write_weights
from training.forward import TrainingModel


def export(weights: Path, directory: Path, *, is_int8: bool) -> None:
    model = TrainingModel()
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items()}, strict=False)
    directory.mkdir(parents=True, exist_ok=True)
    if directory.resolve() != EMBEDDED_MODEL.resolve():
        shutil.copy(EMBEDDED_MODEL / "tokenizer.json", directory / "tokenizer.json")
    write_tokenizer_files(directory)
    write_weights(directory, model.decoder, model.fusion, is_int8=is_int8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("directory", type=Path, nargs="?", default=EMBEDDED_MODEL)
    parser.add_argument("--floats", action="store_true")
    options = parser.parse_args()
    export(options.weights, options.directory, is_int8=not options.floats)


if __name__ == "__main__":
    main()
