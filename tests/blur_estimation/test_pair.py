"""The sigma of a pair: a blurred image and the sharp one."""

import numpy as np
import pytest
from image_samples import blur

from pydbcnn import DefocusBlurTransformer
from pydbcnn._blur_estimation.pair import sigma_of_pair


@pytest.mark.parametrize("n_channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_sigma_of_a_pair(photos, dtype, n_channels):
    for index, sigma in enumerate((0.3, 0.7, 1.6, 4.0)):
        image = np.concatenate([photos[index % 2]] * 2, axis=2)[..., :n_channels]
        if dtype != "uint8":
            white = 65535 if dtype == "uint16" else 1.0
            image = (image / 255 * white).astype(dtype)
        assert sigma_of_pair(blur(image, sigma), image) == pytest.approx(
            sigma, abs=0.02
        )


def test_sigma_of_equal_images_is_zero(photos):
    for image in (photos[0], np.full((40, 40, 1), 0.3), np.zeros((1, 1, 3), np.uint8)):
        assert sigma_of_pair(image, image) == 0.0


@pytest.mark.parametrize("radius", [1.5, 3.0, 5.0])
def test_a_disk_is_like_a_gaussian_of_half_its_radius(photos, radius):
    """Half the radius is its standard deviation along each axis."""
    disk = DefocusBlurTransformer(radius)
    for image in photos:
        blurred = disk.transform(image[np.newaxis])[0]
        assert sigma_of_pair(blurred, image) == pytest.approx(radius / 2, rel=0.2)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (300, 1), (5, 4)])
def test_sigma_of_tiny_and_of_flat_pairs_is_a_number(shape):
    random_state = np.random.RandomState(0)
    for image in (random_state.uniform(size=(*shape, 1)), np.full((*shape, 1), 0.25)):
        for other in (blur(image, 1.0), image + 0.5):
            assert 0 <= sigma_of_pair(other, image) <= 5


def test_sigma_of_a_pair_of_huge_values(photos):
    image = photos[0].astype(np.float32) * 1e30
    assert sigma_of_pair(blur(image, 1.5), image) == pytest.approx(1.5, abs=0.02)
