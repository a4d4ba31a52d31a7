"""Noise against its formulas."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from pydbcnn import GaussianBlurTransformer, NoiseTransformer

HIGHEST = {"uint8": 255, "uint16": 65535, "float32": 1.0, "float64": 1.0}


@pytest.mark.parametrize("level", [0.0, 0.02, 0.3, 0.9])
@pytest.mark.parametrize("std", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("gain", [0.0, 0.0005, 0.01])
def test_noise_has_its_mean_and_variance(level, std, gain):
    """Both lie within 5 standard errors, of a mean and of a sample variance."""
    n = 40000
    flat = np.full((1, 200, 200), level)
    noise = NoiseTransformer(std, gain, random_state=0).transform(flat) - level
    variance = std**2 + gain * level
    assert abs(noise.mean()) <= 5 * np.sqrt(variance / n)
    fourth = 3 * variance**2 + gain**3 * level  # the fourth moment, with Poisson's
    error = np.sqrt((fourth - variance**2) / n)
    assert abs(noise.var() - variance) <= 5 * error + 1e-18


def test_poisson_noise_counts_photons():
    """Counts are whole, and have a skewness of 1 / sqrt(count)."""
    flat = np.full((1, 300, 300), 0.05)
    noisy = NoiseTransformer(poisson_gain=0.01, random_state=0).transform(flat)
    counts = noisy / 0.01
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-9)
    share_of_none = (np.rint(counts) == 0).mean()
    assert share_of_none == pytest.approx(np.exp(-5), abs=5 * np.sqrt(0.007 / 90000))
    centred = counts - 5
    skewness = (centred**3).mean() / (centred**2).mean() ** 1.5
    assert skewness == pytest.approx(1 / np.sqrt(5), abs=0.06)


@pytest.mark.parametrize("dtype", HIGHEST)
def test_noise_of_each_type(dtype):
    grey = np.full((1, 200, 200), HIGHEST[dtype] * 0.5).astype(dtype)
    noisy = NoiseTransformer(0.03, 0.001, random_state=0).transform(grey)
    assert noisy.dtype == dtype
    deviation = noisy.std(dtype=float) / HIGHEST[dtype]
    assert deviation == pytest.approx(np.sqrt(0.03**2 + 0.001 * 0.5), rel=0.02)


def test_noise_in_a_range_of_the_data():
    grey = np.full((1, 200, 200), 128.0)
    noise = NoiseTransformer(0.03, 0.001, data_range=256.0, random_state=0)
    expected = 256 * np.sqrt(0.03**2 + 0.001 * 0.5)
    assert noise.transform(grey).std() == pytest.approx(expected, rel=0.02)


def test_noise_does_not_wrap_around():
    images = np.zeros((2, 50, 50), np.uint8)
    images[1] = 255
    black, white = NoiseTransformer(0.1, 0.01, random_state=0).transform(images)
    assert black.max() < 150
    assert (black == 0).mean() > 0.4
    assert white.min() > 100
    assert (white == 255).mean() > 0.4


def test_negative_pixels_count_no_photons():
    images = np.full((1, 50, 50), -0.3)
    np.testing.assert_array_equal(
        NoiseTransformer(poisson_gain=0.01, random_state=0).transform(images), images
    )


def test_noise_is_that_of_the_gaussian_blur(sharp):
    blur = GaussianBlurTransformer(1.2, noise_std=0.02, random_state=0)
    apart = make_pipeline(
        GaussianBlurTransformer(1.2), NoiseTransformer(0.02, random_state=0)
    )
    np.testing.assert_array_equal(blur.transform(sharp), apart.transform(sharp))
