"""Code on disk is used only if it is what this process's user compiled, from the same source."""

import os
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from inference.kernels.cpu import rows
from inference.kernels.cpu.compiler import NARROW, WIDE, compile_once, has_wide_vectors, load
from inference.kernels.cpu.object_files import MOST_FILES, ObjectFiles, default_directory

CODE = b"code"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "kernels"


def test_a_kernel_that_was_compiled_before_is_loaded_and_computes(directory: Path) -> None:
    cpu = WIDE if has_wide_vectors() else NARROW
    first = compile_once(ObjectFiles(directory), "rows", rows.build, cpu)

    def build(module: object) -> dict[str, list[type]]:
        raise AssertionError("it is compiled again")

    stored = compile_once(ObjectFiles(directory), "rows", build, cpu)
    assert stored == first
    gates = torch.randn(3, 40)
    out = torch.empty(3, 20)
    load(*stored)["silu"](gates.data_ptr(), out.data_ptr(), 20, 3, 1)
    torch.testing.assert_close(out, functional.silu(gates[:, :20]) * gates[:, 20:])
    for name, processor in (("rows of another kind", cpu), ("rows", NARROW if cpu == WIDE else WIDE)):
        with pytest.raises(AssertionError, match="compiled again"):
            compile_once(ObjectFiles(directory), name, build, processor)


def test_what_others_could_have_written_is_not_used(directory: Path) -> None:
    files = ObjectFiles(directory)
    files.write("name", CODE)
    path = directory / "name"
    assert files.read("name") == CODE
    assert files.read("other") is None
    assert [each.stat().st_mode & 0o077 for each in (directory, path)] == [0, 0]

    path.chmod(0o620)
    assert files.read("name") is None
    path.chmod(0o600)
    for mode in (0o770, 0o707):
        directory.chmod(mode)
        assert files.read("name") is None
        files.write("later", CODE)
    directory.chmod(0o700)
    assert files.read("later") is None
    assert files.read("name") == CODE

    path.rename(directory / "moved")
    path.symlink_to(directory / "moved")
    assert files.read("name") is None
    link = directory.parent / "link"
    link.symlink_to(directory)
    assert ObjectFiles(link).read("moved") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_user_are_not_used(directory: Path) -> None:
    files = ObjectFiles(directory)
    files.write("name", CODE)
    os.chown(directory / "name", 65534, -1)
    assert files.read("name") is None
    os.chown(directory / "name", 0, -1)
    os.chown(directory, 65534, -1)
    assert files.read("name") is None


def test_a_damaged_file_is_not_used_and_is_written_again(directory: Path) -> None:
    files = ObjectFiles(directory)
    files.write("name", CODE)
    for content in (b"", (directory / "name").read_bytes()[:-1]):
        (directory / "name").write_bytes(content)
        assert files.read("name") is None
    files.write("name", CODE)
    assert files.read("name") == CODE


def test_a_directory_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory in (None, tmp_path / "file", tmp_path / "file" / "below"):
        files = ObjectFiles(directory)
        files.write("name", CODE)
        assert files.read("name") is None


def test_files_are_in_the_users_directory_of_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value, caches in ((str(tmp_path / "x"), "x"), ("", ".cache"), ("relative", ".cache")):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert default_directory() == tmp_path / caches / "autoglm-gateway" / "kernels"


def test_the_oldest_files_are_removed(directory: Path) -> None:
    files = ObjectFiles(directory)
    for number in range(MOST_FILES + 2):
        files.write(str(number), CODE)
        os.utime(directory / str(number), (number, number))
    files.write("last", CODE)
    assert len([*directory.iterdir()]) == MOST_FILES
    assert [files.read(name) for name in ("0", "2", "last")] == [None, None, CODE]
