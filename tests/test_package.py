"""The package as a whole: import, files that appear whole, versions."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import pydbcnn
from pydbcnn._files import whole_file


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
