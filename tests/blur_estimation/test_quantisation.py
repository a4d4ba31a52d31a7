"""How coarsely JPEG has rounded, beside the tables that Pillow writes."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from pydbcnn import GaussianBlurTransformer, NoiseTransformer
from pydbcnn._blur_estimation import quantisation
from pydbcnn._blur_estimation.frequencies import ACROSS, DOWN
from pydbcnn._blur_estimation.quantisation import (
    jpeg_quality,
    quantisation_noise,
    steps_of,
)
from pydbcnn._pixels.values import luminance
from pydbcnn.datasets import load_sample_images

QUALITIES = (40, 60, 75, 85, 90, 95)


def as_jpeg(pixels, quality):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2)
    return Image.open(file)


def plane(pixels):
    return luminance(pixels).astype(np.float32)


@pytest.fixture(scope="module")
def clean():
    """Photographs that are no JPEG any more."""
    sharp = [image / np.float32(255) for image in load_sample_images()]
    blurred = GaussianBlurTransformer(1.0).transform(sharp)
    noisy = NoiseTransformer(1 / 255, random_state=0).transform(blurred)
    return [np.clip(np.rint(255 * image), 0, 255).astype(np.uint8) for image in noisy]


@pytest.mark.parametrize("quality", [1, 20, *QUALITIES, 99, 100])
def test_steps_are_those_of_libjpeg(quality):
    picture = as_jpeg(np.zeros((8, 8, 3), np.uint8), quality)
    expected = np.reshape(picture.quantization[0], (8, 8))
    np.testing.assert_array_equal(steps_of(quality), expected)


@pytest.mark.parametrize("quality", QUALITIES)
def test_the_quality_is_found(clean, quality):
    for pixels in clean:
        decoded = np.asarray(as_jpeg(pixels, quality))
        assert jpeg_quality([plane(decoded)]) == quality


def test_the_grid_of_blocks_is_found(clean):
    decoded = plane(np.asarray(as_jpeg(clean[0], 85)))
    for top, left in ((3, 0), (0, 5), (7, 1)):
        assert jpeg_quality([decoded[top:, left:]]) == 85


def test_parts_of_a_large_image_are_enough(clean):
    decoded = plane(np.asarray(as_jpeg(clean[0], 85)))
    parts = [decoded[:192, :192], decoded[200:392, 64:256]]
    assert jpeg_quality(parts) == 85


def test_what_was_no_jpeg_has_none(clean):
    assert [jpeg_quality([plane(pixels)]) for pixels in clean] == [None, None]
    assert jpeg_quality([np.zeros((5, 300), np.float32)]) is None
    assert jpeg_quality([np.full((64, 64), 255, np.float32)]) is None


def test_cosines_are_those_of_scipy():
    block = np.random.default_rng(0).normal(size=(8, 8))
    found = quantisation._COSINES @ block @ quantisation._COSINES.T
    np.testing.assert_allclose(found, dctn(block, norm="ortho"), atol=1e-5)


def test_rounding_to_steps_leaves_their_square_over_twelve():
    """At the frequencies of the cosines themselves, which are those of a block."""
    quality = 60
    steps = steps_of(quality)
    noise = quantisation_noise(quality, DOWN, ACROSS)
    for u, v in ((2, 3), (4, 4)):
        near = np.argmin(np.hypot(DOWN - u / 16, ACROSS - v / 16))
        assert noise[near] == pytest.approx(steps[u, v] ** 2 / 12, rel=0.2)
    values = np.random.default_rng(0).uniform(-500, 500, 100_000)
    error = values - 7 * np.rint(values / 7)
    assert error.var() == pytest.approx(7**2 / 12, rel=0.01)
