"""A disk that is full, which a limit for the size of files stands for."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

# In a process of its own, as the limit holds for all of one. Beyond the limit the
# system writes the part that fits and then refuses the rest, as a full disk does.
RUN = """
import json, os, resource, sys
from pathlib import Path
from pydbcnn.cli import main

arguments = sys.argv[1:]
status = main(["deblur", *arguments, "-o", "free"])
(free,) = Path("free").iterdir()
size = free.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1000, resource.RLIM_INFINITY))
full = [main(["deblur", *arguments, "-o", "new"])]
full.append(main(["deblur", *arguments, "-o", "old", "--overwrite"]))
print(json.dumps([size, status, full]))
"""


def deblur_on_a_full_disk(folder, photo):
    """Return the size of the result, both exit statuses and the complaints."""
    result = subprocess.run(
        [sys.executable, "-P", "-c", RUN, photo, "--quiet"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return *json.loads(result.stdout), result.stderr.splitlines()


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)


# Pillow writes files in parts of 64 KiB.
@pytest.mark.parametrize("side, is_small", [(90, True), (400, False)])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_a_photo_for_which_there_is_no_room_is_named(
    tmp_path, noise, suffix, side, is_small
):
    name = f"photo.{suffix}"
    Image.fromarray(noise[:side, :side]).save(tmp_path / name)
    for folder in ("free", "new", "old"):
        (tmp_path / folder).mkdir()
    (tmp_path / "old" / name).write_bytes(b"precious")
    size, free, full, complaints = deblur_on_a_full_disk(tmp_path, name)
    assert (size < 2**16) == is_small
    assert (free, full) == (0, [1, 1])
    assert len(complaints) == 2
    for folder, complaint in zip(("new", "old"), complaints, strict=True):
        assert f"{folder}/{name}" in complaint
        assert "File too large" in complaint
    assert list((tmp_path / "new").iterdir()) == []
    assert [path.name for path in (tmp_path / "old").iterdir()] == [name]
    assert (tmp_path / "old" / name).read_bytes() == b"precious"


SAVE = """
import resource
from PIL import Image
from pydbcnn._commands.pictures import save_png

picture = Image.effect_noise((100, 100), 50)
save_png("free.png", picture)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
try:
    save_png("full.png", picture)
except OSError as error:
    print(error.filename)
"""


def test_a_picture_for_which_there_is_no_room_is_named(tmp_path):
    result = subprocess.run(
        [sys.executable, "-P", "-c", SAVE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "full.png\n"
    assert [path.name for path in tmp_path.iterdir()] == ["free.png"]
