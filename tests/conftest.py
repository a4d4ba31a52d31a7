"""What the tests share: small images, a small model, and why there is no GPU."""

import os
import subprocess
import sys

# scikit-learn's check of array API input asks for it, before SciPy is imported.
os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
import pytest

from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn.backends import DeviceUnavailableError
from pydbcnn.backends._cuda.device import find_runtime
from pydbcnn.datasets import load_sample_images


def pytest_collection_modifyitems(items):
    """Tests of a real GPU say why they do not run."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    missing = why_no_gpu() if marked else None
    if missing:
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=f"needs a GPU: {missing}"))


def why_no_gpu():
    """What keeps the engine from a GPU, or None."""
    try:
        find_runtime()
    except DeviceUnavailableError as error:
        return str(error)
    return None


@pytest.fixture(scope="session")
def sharp():
    """Six sharp 40 x 48 colour images, uint8."""
    return np.stack(
        [
            image[top : top + 40, left : left + 48]
            for image in load_sample_images()
            for top, left in ((100, 100), (200, 300), (250, 200))
        ]
    )


@pytest.fixture(scope="session")
def blurred(sharp):
    """The same, blurred with sigma 1.6."""
    return GaussianBlurTransformer(1.6).transform(sharp)


@pytest.fixture(scope="session")
def fitted(sharp, blurred):
    """A small fitted estimator; tests do not change it."""
    return DBCNNDeblurrer(
        n_filters=(6, 4),
        kernel_sizes=(5, 1, 3),
        patch_size=16,
        batch_size=4,
        learning_rate="cosine",
        max_iter=3,
        random_state=0,
    ).fit(blurred, sharp)


@pytest.fixture
def run_pydbcnn(tmp_path):
    """Run the command line in a process of its own, in tmp_path."""

    def run(*arguments, status=0, **environment):
        result = subprocess.run(
            [sys.executable, "-m", "pydbcnn", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert result.returncode == status, (result.stdout, result.stderr)
        assert "Traceback" not in result.stderr
        return result

    return run
