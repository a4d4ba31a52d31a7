"""The package as a whole: import, files that appear whole, versions."""

import errno
import os
import re
import stat
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pydbcnn
from pydbcnn._files import whole_file, write_whole

ROOT = Path(__file__).resolve().parents[1]


def run_python(code):
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_importing_is_light():
    """No heavy package is imported and no thread started until one is asked for."""
    code = """
import sys, threading
import pydbcnn
heavy = {"sklearn", "scipy", "cv2", "skimage", "numpy", "PIL"} & set(sys.modules)
print(sorted(heavy), threading.active_count())
"""
    assert run_python(code).strip() == "[] 1"


def test_the_words_of_the_command_import_little():
    """The parser of all commands is made at every start."""
    code = """
import sys
import pydbcnn.cli
pydbcnn.cli.build_parser()
heavy = {"importlib.metadata", "email", "dataclasses", "numpy"}
print(sorted(heavy & set(sys.modules)))
"""
    assert run_python(code).strip() == "[]"


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_deblurring_from_the_command_line_imports_only_what_it_needs(tmp_path, suffix):
    """What takes longer to import than a small photograph to restore stays out."""
    photo = tmp_path / f"photo.{suffix}"
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(photo)
    code = f"""
import sys
from pydbcnn.cli import main
assert main(["deblur", {str(photo)!r}]) == 0
# OpenCV is needed: it blurs and dilates where the blur is estimated.
unneeded = {{"sklearn", "scipy", "skimage", "joblib", "asyncio"}}
if {suffix!r} != "tif":
    unneeded.add("tifffile")
print(sorted(unneeded & set(sys.modules)))
"""
    assert run_python(code).splitlines() == ["1 restored", "[]"]


def test_public_names():
    assert set(pydbcnn.__all__) <= set(dir(pydbcnn))
    for name in pydbcnn.__all__:
        assert getattr(pydbcnn, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Deblurer'"):
        pydbcnn.Deblurer  # noqa: B018


def test_missing_extension_is_explained():
    code = """
import sys
sys.modules["pydbcnn.backends._cpu.bindings"] = None
try:
    import pydbcnn.backends.cpu
except ImportError as error:
    print(error)
"""
    assert "pip install ." in run_python(code)


def asked_for():
    """The lower bounds of all that a user and a tester need, by package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    pattern = r"([\w-]+)(?:\[.*\])?>=([\d.]+)(?:;.*)?"
    return dict(re.fullmatch(pattern, line).groups() for line in named)


def versions_at_the_bounds():
    """The versions that the tests of the lower bounds take, by package."""
    lines = (ROOT / "tests/minimum.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_the_lower_bounds_are_those_that_are_tested():
    """A version of minimum.txt is the bound, or the first of it that can be had."""
    asked, tested = asked_for(), versions_at_the_bounds()
    assert set(asked) <= set(tested)
    for name, bound in asked.items():
        assert f"{tested[name]}.".startswith(f"{bound}."), name


def test_all_of_the_package_is_installed():
    """Modules, kernels, weights and cards are; the sources of the extension are not."""
    source, installed = ROOT / "pydbcnn", Path(pydbcnn.__file__).parent
    kinds = {".py", ".cu", ".cuh", ".safetensors", ".md"}
    expected = {
        path.relative_to(source) for path in source.rglob("*") if path.suffix in kinds
    }
    assert len(expected) > 100
    missing = {path for path in expected if not (installed / path).is_file()}
    assert not missing
    if installed != source:  # not where the source itself is imported
        there = [path for path in installed.rglob("*") if path.is_file()]
        unwanted = [path for path in there if path.suffix in {".c", ".h", ".pyx"}]
        assert not unwanted
        known = {path.relative_to(installed) for path in there if path.suffix in kinds}
        assert known == expected


def test_show_versions(capsys):
    pydbcnn.show_versions()
    shown = capsys.readouterr().out
    for word in ("pydbcnn", "numpy", "instruction set", "threads", "GPU", "mild"):
        assert word in shown


def test_whole_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "result.txt"
    with pytest.raises(RuntimeError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with whole_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert path.stat().st_mode & 0o777 == 0o644


def test_whole_file_does_not_replace_what_appeared_meanwhile(tmp_path):
    path = tmp_path / "result.txt"
    with pytest.raises(FileExistsError), whole_file(path) as temporary:
        temporary.write_text("ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["result.txt"]


def test_whole_file_keeps_the_old_one_when_writing_fails(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="disk"), whole_file(path, overwrite=True) as part:
        part.write_text("ne")
        raise OSError("disk full")
    assert path.read_text() == "old"


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What the system is asked for, in order: the call, the file, its size, names."""
    calls = []

    def watch(name):
        real = getattr(os, name)

        def call(file, *arguments, **keywords):
            state = os.stat(file)
            size = None if stat.S_ISDIR(state.st_mode) else state.st_size
            calls.append((name, state.st_ino, size, len(os.listdir(tmp_path))))
            return real(file, *arguments, **keywords)

        monkeypatch.setattr(os, name, call)

    for name in ("fsync", "link", "replace"):
        watch(name)
    return calls


@pytest.mark.parametrize("overwrite, move", [(False, "link"), (True, "replace")])
def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, calls, overwrite, move):
    """Else a power cut leaves an empty file, of that name or in place of a good one."""
    path = tmp_path / "result.txt"
    write_whole(path, b"whole", overwrite=overwrite)
    file, folder = path.stat().st_ino, tmp_path.stat().st_ino
    assert calls == [
        ("fsync", file, 5, 1),
        (move, file, 5, 1),
        ("fsync", folder, None, 1),
    ]
    assert path.read_bytes() == b"whole"


def refuse_to_sync(monkeypatch, number, is_what):
    real = os.fsync

    def fsync(handle):
        if is_what(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("is_what", [stat.S_ISDIR, stat.S_ISREG])
def test_a_file_system_that_cannot_sync_is_written_to(tmp_path, monkeypatch, is_what):
    refuse_to_sync(monkeypatch, errno.EINVAL, is_what)
    write_whole(tmp_path / "result.txt", b"whole")
    assert (tmp_path / "result.txt").read_bytes() == b"whole"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_file_that_cannot_reach_the_disk_is_not_moved(tmp_path, monkeypatch, number):
    """File systems of a network tell only then that there is no room."""
    refuse_to_sync(monkeypatch, number, stat.S_ISREG)
    path = tmp_path / "result.txt"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match=r"result\.txt") as caught:
        write_whole(path, b"whole", overwrite=True)
    assert caught.value.errno == number
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.txt"]
    assert path.read_bytes() == b"old"


def test_a_folder_that_cannot_reach_the_disk_is_an_error(tmp_path, monkeypatch):
    refuse_to_sync(monkeypatch, errno.EIO, stat.S_ISDIR)
    with pytest.raises(OSError, match=r"result\.txt") as caught:
        write_whole(tmp_path / "result.txt", b"whole")
    assert caught.value.errno == errno.EIO


def test_a_folder_that_may_be_written_but_not_read_is_written_to():
    """Such a folder cannot be opened, and so it cannot be synced."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o333)
        code = f"""
import os, sys
from pydbcnn._files import write_whole
if os.geteuid() == 0:  # who may read everything
    os.setuid(65534)
try:
    os.listdir({folder!r})
except PermissionError:
    write_whole({folder + "/result.txt"!r}, b"whole")
"""
        run_python(code)
        os.chmod(folder, 0o700)
        with open(f"{folder}/result.txt", "rb") as file:
            assert file.read() == b"whole"
