"""The filter that undoes a Gaussian blur, against Wiener's and by its definition."""

import math

import numpy as np
import pytest
from scipy import integrate

from pydbcnn._network import inverse_filter as filter_module
from pydbcnn._network.inverse_filter import MAX_RADIUS, filter_radius, inverse_filter
from pydbcnn._network.network import unfold
from pydbcnn._pixels.gaussian import gaussian_blur, gaussian_weights
from pydbcnn.datasets import load_sample_images

SIGMAS = (0.4, 1.0, 1.7, 3.0, 5.0)


def transform_of_blur(sigma, frequency):
    """The transform of a sampled Gaussian that is cut at four sigmas."""
    at = np.arange(-math.ceil(4 * sigma), math.ceil(4 * sigma) + 1)
    weights = np.exp(-0.5 * (at / sigma) ** 2)
    return np.cos(np.multiply.outer(frequency, at)) @ (weights / weights.sum())


def spectra(sigma, frequency):
    """The blur and the power of images on a grid, and the power of the noise."""
    line = transform_of_blur(sigma, frequency)
    squared = np.add.outer(frequency**2, frequency**2)
    return np.outer(line, line), 1 / (squared + 0.01**2), 1e-4 / max(1.0, sigma)


def transform_of_filter(kernel, frequency):
    """The transform of a symmetric kernel, by its definition."""
    radius = len(kernel) // 2
    waves = np.exp(-1j * np.outer(frequency, np.arange(-radius, radius + 1)))
    return (waves @ kernel @ waves.T).real


def shifted(radius, *offsets):
    """A kernel with ones at some offsets from its centre."""
    kernel = np.zeros((2 * radius + 1,) * 2)
    for down, across in offsets:
        kernel[radius + down, radius + across] = 1
    return kernel


@pytest.mark.parametrize("sigma", SIGMAS)
def test_filters_are_normalised_symmetric_and_read_only(sigma):
    quadrant = inverse_filter(sigma)
    kernel = unfold(quadrant)
    assert kernel.shape == (2 * filter_radius(sigma) + 1,) * 2
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    for turned in (kernel[::-1], kernel[:, ::-1], kernel.T):
        np.testing.assert_array_equal(turned, kernel)
    with pytest.raises(ValueError, match="read-only"):
        quadrant[0, 0] = 1


def test_radius_grows_with_the_blur_up_to_a_bound():
    radii = [filter_radius(sigma) for sigma in np.arange(0, 6, 0.01)]
    assert radii == sorted(radii)
    assert (radii[0], max(radii)) == (0, MAX_RADIUS)


@pytest.mark.parametrize("sigma", [0.0, 0.05, 0.099])
def test_no_blur_is_undone_by_doing_nothing(sigma):
    np.testing.assert_array_equal(inverse_filter(sigma), [[1.0]])
    np.testing.assert_array_equal(gaussian_weights(sigma, 2), [0, 0, 1, 0, 0])


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.6])
def test_large_filters_come_to_that_of_wiener(sigma, monkeypatch):
    frequency = np.linspace(0, np.pi, 40)
    blur, power, noise = spectra(sigma, frequency)
    wiener = power * blur / (power * blur**2 + noise)
    counts = np.sqrt(power * blur**2 + noise)
    errors = []
    for radius in (4, 8, 16):
        monkeypatch.setattr(filter_module, "filter_radius", lambda _, r=radius: r)
        kernel = unfold(inverse_filter.__wrapped__(sigma))
        difference = (transform_of_filter(kernel, frequency) - wiener) * counts
        errors.append(np.linalg.norm(difference) / np.linalg.norm(wiener * counts))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 1e-3


@pytest.mark.parametrize("sigma", SIGMAS)
def test_no_change_that_keeps_the_sum_makes_the_filter_better(sigma):
    """The slope of the expected error, integrated by Simpson's rule, is zero.

    It is compared with the slope at the identity, which is far from the best filter.
    The spectrum of images has a peak of 0.01 radians at 0, which no change that keeps
    the sum sees.
    """
    frequency = np.linspace(0, np.pi, 241)
    blur, power, noise = spectra(sigma, frequency)
    radius = filter_radius(sigma)

    def slope(kernel, change):
        ours = transform_of_filter(kernel, frequency)
        error = power * blur * (ours * blur - 1) + noise * ours
        values = 2 * error * transform_of_filter(change, frequency)
        return integrate.simpson(integrate.simpson(values, x=frequency), x=frequency)

    best, identity = unfold(inverse_filter(sigma)), shifted(radius, (0, 0))
    for down, across in ((0, 1), (1, 1), (0, 2), (2, 1)):
        around = [
            (sign * row, other * column)
            for row, column in ((down, across), (across, down))
            for sign in (1, -1)
            for other in (1, -1)
        ]
        change = identity - sum(shifted(radius, place) for place in around) / 8
        assert abs(slope(best, change)) < 0.02 * abs(slope(identity, change))


@pytest.mark.parametrize("sigma", [0.8, 1.6, 2.4])
def test_filters_restore_what_was_blurred(sigma):
    """They do better than nothing, and better than filters for a blur 20 % off."""
    from scipy.ndimage import correlate

    sharp = load_sample_images()[0][100:260, 200:360, 1].astype(float)
    blurred = np.rint(gaussian_blur(sharp, sigma))

    def error(estimate):
        return np.mean((estimate - sharp)[16:-16, 16:-16] ** 2)

    errors = [
        error(correlate(blurred, unfold(inverse_filter(factor * sigma)), mode="mirror"))
        for factor in (0.8, 1.0, 1.2)
    ]
    assert errors[1] == min(errors)
    assert errors[1] < 0.7 * error(blurred)
