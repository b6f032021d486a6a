"""A model directory: its JSON files and the tensors of its safetensors files, read one by one.

Everything that is wrong with it becomes an `InvalidCheckpoint` of one sentence. The modules above know
what the files and tensors mean.
"""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from inference.errors import InvalidCheckpoint

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
ITEM_BYTES = {"I8": 1, "U8": 1, "F16": 2, "BF16": 2, "F32": 4}  # by safetensors' names
HUB_FILES = ["*.json", "*.safetensors", "*.jinja"]

JSON = dict[str, object]


class Checkpoint:
    """Opened by `load_model`, and dropped after the last tensor is read. For one thread."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.name = name
        self.config = self.require_json("config.json")
        self._files = [self._open(path) for path in self._weight_files()]
        self._places = {key: file for file in self._files for key in file.keys()}  # type: ignore[no-untyped-call]  # noqa: SIM118 - not a dict
        self._unread = set(self._places)

    @property
    def created(self) -> int:
        """Unix seconds."""
        return int((self.directory / "config.json").stat().st_mtime)

    @property
    def unread(self) -> frozenset[str]:
        return frozenset(self._unread)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def read(self, name: str) -> Tensor:
        """Returns a tensor in CPU memory, in its stored type."""
        if name not in self._places:
            raise InvalidCheckpoint(
                f"The checkpoint {self.name} lacks the weights {name}; get all of its files again."
            )
        self._unread.discard(name)
        try:
            tensor: Tensor = self._places[name].get_tensor(name)  # type: ignore[no-untyped-call]
        except (SafetensorError, OSError, ValueError) as error:
            raise self._damaged(WEIGHTS) from error
        return tensor

    def count_bytes(self, includes: Callable[[str], bool]) -> int:
        """The stored size of the tensors whose names `includes` accepts. Reads no values."""
        slices = [
            file.get_slice(name)  # type: ignore[no-untyped-call]
            for name, file in self._places.items()
            if includes(name)
        ]
        return sum(math.prod(each.get_shape()) * ITEM_BYTES.get(each.get_dtype(), 4) for each in slices)

    def skip(self, name: str) -> None:
        """Marks a tensor as known but not needed."""
        self._unread.discard(name)

    def read_text(self, file_name: str) -> str | None:
        """Returns None if there is no such file."""
        try:
            return (self.directory / file_name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._damaged(file_name) from error

    def read_json(self, file_name: str) -> JSON:
        """Returns an empty object if there is no such file."""
        text = self.read_text(file_name)
        if text is None:
            return {}
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._damaged(file_name) from error
        if not isinstance(value, dict):
            raise self._damaged(file_name)
        return value

    def require_json(self, file_name: str) -> JSON:
        value = self.read_json(file_name)
        if not value:
            raise InvalidCheckpoint(
                f"The checkpoint {self.name} has no {file_name}; point the model setting at a complete one."
            )
        return value

    def _weight_files(self) -> list[Path]:
        if (self.directory / WEIGHTS).exists():
            return [self.directory / WEIGHTS]
        weight_map = self.read_json(INDEX).get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise InvalidCheckpoint(
                f"The checkpoint {self.name} has no {WEIGHTS}; convert its weights to safetensors."
            )
        names = sorted({str(name) for name in weight_map.values()})
        for name in names:
            if Path(name).name != name:
                raise self._damaged(INDEX)
            if not (self.directory / name).exists():
                raise InvalidCheckpoint(
                    f"The checkpoint {self.name} lacks its file {name}; get all of its files again."
                )
        return [self.directory / name for name in names]

    def _open(self, path: Path) -> safe_open:
        try:
            return safe_open(path, framework="pt", device="cpu")
        except (SafetensorError, OSError) as error:
            raise self._damaged(path.name) from error

    def _damaged(self, file_name: str) -> InvalidCheckpoint:
        return InvalidCheckpoint(
            f"The file {file_name} of the checkpoint {self.name} is damaged or cut off; get it again."
        )


def open_checkpoint(path_or_hub_name: str) -> Checkpoint:
    """Opens a directory, or downloads the model of a hub name."""
    if is_on_hub(path_or_hub_name):
        return Checkpoint(_download(path_or_hub_name), path_or_hub_name)
    directory = Path(path_or_hub_name)
    if not directory.is_dir():
        raise InvalidCheckpoint(
            f"There is no model directory {path_or_hub_name}; give one, or a hub name such as owner/model."
        )
    return Checkpoint(directory, directory.resolve().name)


def fetch(path_or_hub_name: str) -> None:
    """Downloads the model of a hub name, so that `open_checkpoint` needs no network later."""
    if is_on_hub(path_or_hub_name):
        _download(path_or_hub_name)


def is_on_hub(path_or_hub_name: str) -> bool:
    """Whether it has the form of a hub name and no file or directory has that name."""
    return not Path(path_or_hub_name).exists() and HUB_NAME.fullmatch(path_or_hub_name) is not None


def _download(hub_name: str) -> Path:
    from huggingface_hub import snapshot_download  # late: takes half a second
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_name, allow_patterns=HUB_FILES))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise InvalidCheckpoint(
            f"The model {hub_name} cannot be downloaded; check its name, the network and your access to it."
        ) from error


def require_float(tensor: Tensor, name: str) -> None:
    """Raises `InvalidCheckpoint` for other types than 16- and 32-bit floats."""
    if tensor.dtype not in (torch.float16, torch.bfloat16, torch.float32):
        raise InvalidCheckpoint(
            f"The weights {name} are stored as {tensor.dtype}; convert them to 16- or 32-bit floats."
        )
