"""Photographs whose blur is to be found."""

import pytest

from pydbcnn.datasets import load_sample_images


@pytest.fixture(scope="module")
def photos():
    return [image[100:260, 200:380] for image in load_sample_images()]
