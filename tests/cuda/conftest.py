"""What stands in for a GPU, and images to compute on it."""

import numpy as np
import pytest

from pydbcnn import GaussianBlurTransformer


@pytest.fixture
def xp(monkeypatch):
    """What stands in for CuPy, with a device that can be used."""
    # Where there is no g++, this import skips the test.
    from device_backend import let_device_be_usable

    return let_device_be_usable(monkeypatch)


@pytest.fixture(scope="module")
def pairs():
    """Six blurred and sharp colour images, 24 x 28 pixels."""
    sharp = np.random.RandomState(0).uniform(size=(6, 24, 28, 3)).astype(np.float32)
    sharp = GaussianBlurTransformer(0.7).transform(sharp)
    blurred = [
        GaussianBlurTransformer(sigma).transform(image[np.newaxis])[0]
        for sigma, image in zip(np.linspace(0.6, 1.8, 6), sharp, strict=True)
    ]
    return np.stack(blurred), sharp
