"""What only a process of its own shows: memory, and the time it takes to start."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report import Absent, Figures
from timing import OURS

from pydbcnn.datasets import load_sample_images

MEMORY_USE = Path(__file__).with_name("memory_use.py")
DEBLUR = ("-m", "pydbcnn", "deblur", "-q", "--overwrite", "photo.jpg", "-o", "out.jpg")
PACKAGE, CLASS = "import pydbcnn", "from pydbcnn import DBCNNDeblurrer"


@pytest.fixture
def python(tmp_path):
    """Run Python in an empty folder, so that it imports what is installed."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    return run


@pytest.mark.parametrize(
    ("call", "what", "goal"),
    [
        ("predict", "predict, a greyscale image of 64 Mpx, float32", 64),
        ("fit", "fit, 16 colour images of 512 x 512, patches of 48 x 48", 128),
    ],
    ids=["predict", "fit"],
)
def test_memory(call, what, goal, python, record):
    extra = int(python(MEMORY_USE, call)) / 2**20
    record(
        "memory", Figures({"": what, "MiB": f"{extra:.0f}", "goal, at most": str(goal)})
    )


@pytest.mark.parametrize(
    ("arguments", "what", "package", "beside", "goal"),
    [
        (DEBLUR, "pydbcnn deblur, 1 Mpx", "torch", "import torch", "-"),
        (("-c", PACKAGE), PACKAGE, "sklearn", "import sklearn.base", "1.1"),
        (("-c", CLASS), CLASS, "sklearn", "import sklearn.base", "1.1"),
    ],
    ids=["deblur", "package", "class"],
)
def test_cold_start(
    arguments, what, package, beside, goal, python, tmp_path, race, record
):
    if importlib.util.find_spec(package) is None:
        record("starts", Absent(what, f"not installed: {package}"))
        return
    write_photo(tmp_path / "photo.jpg")
    others = {beside: lambda: python("-c", beside)}
    seconds = race(lambda: python(*arguments), others)
    cells = {
        "": what,
        "ms": f"{1e3 * seconds[OURS]:.0f}",
        "beside": beside,
        "its ms": f"{1e3 * seconds[beside]:.0f}",
        "times as long": f"{seconds[OURS] / seconds[beside]:.2f}",
        "goal, at most": goal,
    }
    record("starts", Figures(cells))


def write_photo(path):
    """A photograph of 1024 x 1024, from one that comes with scikit-learn."""
    small = load_sample_images()[0]
    margins = [(0, 1024 - side) for side in small.shape[:2]]
    Image.fromarray(np.pad(small, [*margins, (0, 0)], "reflect")).save(path)
