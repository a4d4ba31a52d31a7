"""What is measured in an image before its blur is estimated."""

import os
import subprocess
import sys

import numpy as np
import pytest
from image_samples import as_type
from scipy.ndimage import gaussian_filter
from scipy.special import ndtr

from pydbcnn._blur_estimation import statistics
from pydbcnn._blur_estimation.statistics import N_STATISTICS, blur_statistics

# What makes up the statistics, in their order.
MEAN_POWER = slice(0, 16)  # logarithm of the mean power in rings 1 to 16
SLOPES = slice(32, 67)  # 7 pairs of rings, 5 percentiles of each
WIDTHS = slice(71, 101)  # 2 shares of edges, 3 pairs of scales, 5 percentiles of each


@pytest.mark.parametrize("n_channels", [1, 2, 3, 4, 5])
def test_statistics_do_not_depend_on_the_type(photos, n_channels):
    levels = np.concatenate([photos[0]] * 2, axis=2)[..., :n_channels]
    expected = blur_statistics(levels, 255)
    assert expected.shape == (N_STATISTICS,)
    assert expected.dtype == np.float64
    assert np.isfinite(expected).all()
    for dtype in ("uint16", "float32", "float64"):
        statistics = blur_statistics(*as_type(levels, dtype))
        np.testing.assert_array_equal(statistics, expected)
    scaled = blur_statistics(levels * np.float32(3), 3 * 255)
    np.testing.assert_array_equal(scaled, expected)


def test_statistics_do_not_depend_on_the_layout_of_memory(photos):
    expected = blur_statistics(photos[0], 255)
    batch = np.stack(photos)
    np.testing.assert_array_equal(blur_statistics(batch[0], 255), expected)
    stepped = np.asfortranarray(np.repeat(photos[0], 2, axis=1))[:, ::2]
    np.testing.assert_array_equal(blur_statistics(stepped, 255), expected)


@pytest.mark.parametrize(
    "shape", [(1, 1), (31, 5), (1, 200), (200, 1), (32, 32), (33, 40)]
)
@pytest.mark.parametrize("n_channels", [1, 3])
def test_statistics_are_finite(shape, n_channels):
    shape = (*shape, n_channels)
    noise = np.random.RandomState(0).uniform(size=shape)
    for image in (noise, np.zeros(shape), np.ones(shape), np.full(shape, 0.4)):
        assert np.isfinite(blur_statistics(image, 1.0)).all()
    beyond = (noise - 0.5).astype(np.float32) * np.finfo(np.float32).max
    assert np.isfinite(blur_statistics(beyond, 1.0)).all()
    np.testing.assert_array_equal(
        blur_statistics(noise * 2 - 0.5, 1.0),
        blur_statistics(np.clip(noise * 2 - 0.5, 0, 1), 1.0),
    )


def test_large_images_are_seen_in_parts(monkeypatch):
    """Parts of a texture that is the same everywhere tell what the whole does."""
    texture = np.random.RandomState(0).uniform(size=(300, 300))
    texture = np.clip(0.5 + 2 * gaussian_filter(texture - 0.5, 1.5, mode="wrap"), 0, 1)
    large = np.tile(texture, (4, 4))[..., np.newaxis]
    assert large.size > 2**20
    some = blur_statistics(large[:900, :900], 1.0)
    in_parts = blur_statistics(large, 1.0)
    assert np.abs(in_parts - some).max() < 0.2
    between = large.copy()
    between[256:314] = 1  # the regions begin at rows 0, 314, 629 and 944
    np.testing.assert_array_equal(blur_statistics(between, 1.0), in_parts)
    monkeypatch.setattr(statistics, "_MAX_PIXELS", large.size)
    whole = blur_statistics(large, 1.0)
    assert np.abs(in_parts - whole).max() < 0.2
    assert np.abs(in_parts - whole).max() > 0
    long = blur_statistics(np.tile(texture[:40], (1, 100))[..., np.newaxis], 1.0)
    assert np.isfinite(long).all()
    assert np.abs(long - some)[MEAN_POWER].max() < 0.5


@pytest.mark.parametrize("sigma", [0.8, 1.1, 1.4])
def test_power_falls_with_the_transfer_function_of_a_gaussian(sigma):
    """White noise is left with exp(-4 pi² sigma² f²), where f is the ring over 32."""
    noise = np.random.RandomState(0).normal(0.5, 0.15, (400, 400))

    def statistics(sigma):
        image = gaussian_filter(noise, sigma, mode="mirror")
        return blur_statistics(image[..., np.newaxis], 1.0)

    change = statistics(sigma) - statistics(0)

    def expected(ring):
        return -((2 * np.pi * sigma * ring / 32) ** 2)

    rings = np.arange(3, 10)
    np.testing.assert_allclose(
        change[MEAN_POWER][rings - 1], expected(rings), rtol=0.1, atol=0.05
    )
    medians = change[SLOPES].reshape(7, 5)[:, 1]
    for index, (high, low) in ((0, (5, 3)), (1, (7, 4)), (2, (9, 5))):
        assert medians[index] == pytest.approx(
            expected(high) - expected(low), rel=0.1, abs=0.05
        )


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0, 4.0])
def test_edges_lose_what_their_width_says(sigma):
    """A slope falls by sqrt(1 + scale² / sigma²) when it is blurred again.

    This holds for the derivative of a wide edge. The slope of a narrow one is measured
    from two pixels to its left to two to its right, and is the share of its Gaussian
    that lies between these.
    """
    rows, columns = np.mgrid[:120, :100]
    distance = (columns - 45 - 0.07 * rows) / np.hypot(1, 0.07)
    edge = 0.1 + 0.8 * ndtr(distance / sigma)
    widths = blur_statistics(edge[..., np.newaxis], 1.0)[WIDTHS].reshape(2, 3, 5)
    losses = np.cumsum(widths[1, :, 3])
    again = np.hypot(sigma, [0.8, 1.6, 3.2])
    slopes = [2 * ndtr(2 / width) - 1 for width in (sigma, again)]
    np.testing.assert_allclose(
        losses, np.log(slopes[0] / slopes[1]), rtol=0.06, atol=0.012
    )
    if sigma >= 3:
        formula = np.log(np.sqrt(1 + np.square([0.8, 1.6, 3.2]) / sigma**2))
        np.testing.assert_allclose(losses, formula, rtol=0.2)


THREADS = """
import sys
import numpy as np
from pydbcnn._blur_estimation.statistics import blur_statistics
images = np.random.RandomState(0).randint(0, 256, (60, 4000, 3), dtype=np.uint8)
for part in (images, images[:, :90], images[..., :1]):
    sys.stdout.buffer.write(blur_statistics(part, 255).tobytes())
"""


def test_statistics_have_the_same_bits_for_any_number_of_threads():
    results = [
        subprocess.run(
            [sys.executable, "-c", THREADS],
            env={**os.environ, "OMP_NUM_THREADS": n_threads},
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout
        for n_threads in ("1", "2")
    ]
    assert len(results[0]) == 3 * N_STATISTICS * 8
    assert results[0] == results[1]
