"""Kernels: a disk, a line and an ellipse against formulas, and what is no kernel."""

import numpy as np
import pytest
from moments import moments

from pydbcnn._blur.kernels import (
    check_kernel,
    disk_coverage,
    disk_kernel,
    elliptic_gaussian_kernel,
    line_kernel,
    second_moments,
)

LOPSIDED = np.array([[0.0, 0.2, 0.1], [0.1, 0.3, 0.0], [0.0, 0.3, 0.0]])


@pytest.mark.parametrize("radius", [0.2, 0.5, 0.6, 1.0, 1.5, 2.0, 2.7, 7.3])
def test_coverage_is_the_area_in_each_pixel(radius):
    """Each pixel is cut into many strips, whose heights inside the disk are known."""
    coverage = disk_coverage(radius)
    half = len(coverage) // 2
    strips = np.arange(-half - 0.5, half + 0.5, 1 / 2048) + 1 / 4096
    reach = np.sqrt(np.maximum(radius**2 - strips**2, 0))
    bottom = np.arange(-half, half + 1)[:, np.newaxis] - 0.5
    height = np.minimum(bottom + 1, reach) - np.maximum(bottom, -reach)
    expected = np.maximum(height, 0).reshape(len(coverage), -1, 2048).mean(axis=2)
    np.testing.assert_allclose(coverage, expected, atol=2e-5)
    assert coverage.min() >= 0
    assert coverage.max() <= 1 + 1e-12


@pytest.mark.parametrize("radius", [0.01, 0.5, 1.0, 3.2, 10.0, 100.7])
def test_coverage_has_the_area_of_the_disk(radius):
    assert disk_coverage(radius).sum() == pytest.approx(np.pi * radius**2, rel=1e-12)


@pytest.mark.parametrize("radius", [1.3, 2.0, 4.6, 20.2])
def test_disk_has_its_second_moment(radius):
    """It is radius² / 4 of the disk and 1/12 of a pixel; sampling adds ripples."""
    mean, covariance = moments(disk_kernel(radius))
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    expected = np.eye(2) * (radius**2 / 4 + 1 / 12)
    np.testing.assert_allclose(covariance, expected, atol=0.05)


def test_disk_within_a_pixel_does_not_blur():
    for radius in (0, 0.2, 0.5):
        np.testing.assert_array_equal(disk_kernel(radius), [[1.0]])
    assert disk_kernel(0.5001).shape == (3, 3)
    assert disk_kernel(0.5001)[1, 1] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, 77.7, 90.0, 135.0, -12.0])
@pytest.mark.parametrize("length", [0.1, 1.0, 2.0, 5.0, 7.3])
def test_line_is_the_integral_of_bilinear_weights(length, angle):
    """The integral is the mean over many points of the line."""
    kernel = line_kernel(length, angle)
    half_y, half_x = (side // 2 for side in kernel.shape)
    t = ((np.arange(20000) + 0.5) / 20000 - 0.5) * length
    x, up = t * np.cos(np.radians(angle)), t * np.sin(np.radians(angle))
    expected = [
        [
            np.mean(np.maximum(0, 1 - abs(x - j)) * np.maximum(0, 1 - abs(up - i)))
            for j in range(-half_x, half_x + 1)
        ]
        for i in range(half_y, -half_y - 1, -1)
    ]
    np.testing.assert_allclose(kernel, expected, atol=1e-8)
    assert kernel.sum() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, 120.0])
@pytest.mark.parametrize("length", [2.0, 7.3, 20.0])
def test_line_has_its_covariance(length, angle):
    """Bilinear weights keep x y, and add f (1 - f) to x² at a fraction f of a pixel."""
    direction = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    t = ((np.arange(100000) + 0.5) / 100000 - 0.5) * length
    fraction = (t[:, np.newaxis] * direction) % 1
    added = np.diag((fraction * (1 - fraction)).mean(axis=0))
    mean, covariance = moments(line_kernel(length, angle))
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    expected = length**2 / 12 * np.outer(direction, direction) + added
    np.testing.assert_allclose(covariance, expected, atol=1e-7)


def test_line_along_an_axis():
    """Whole lengths add 1/6, the mean of f (1 - f), and nothing across."""
    for length in (1.0, 2.0, 5.0, 8.0):
        kernel = line_kernel(length, 0.0)
        assert kernel.shape[0] == 1
        assert moments(kernel)[1][0, 0] == pytest.approx(length**2 / 12 + 1 / 6)
        np.testing.assert_allclose(line_kernel(length, 90.0), kernel.T, atol=1e-15)
    np.testing.assert_allclose(line_kernel(1.0, 0.0), [[1 / 8, 3 / 4, 1 / 8]])


@pytest.mark.parametrize(
    ("make", "geometry"), [(line_kernel, (6.3,)), (elliptic_gaussian_kernel, (2, 0.7))]
)
def test_directions_have_no_sense(make, geometry):
    for angle in (0.0, 17.0, 45.0, 90.0, 100.0):
        kernel = make(*geometry, angle)
        np.testing.assert_allclose(make(*geometry, angle + 180), kernel, atol=1e-13)
        np.testing.assert_allclose(kernel[::-1, ::-1], kernel, atol=1e-15)
        np.testing.assert_allclose(make(*geometry, -angle), kernel[::-1], atol=1e-15)


def test_no_length_is_no_motion():
    for length in (0, 1e-12):
        np.testing.assert_array_equal(line_kernel(length, 33.0), [[1.0]])


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0, 90.0, 150.0])
@pytest.mark.parametrize("sigmas", [(1.0, 1.0), (2.0, 0.7), (3.5, 1.2)])
def test_elliptic_gaussian_has_its_covariance(sigmas, angle):
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    expected = rotation @ np.diag(np.square(sigmas)) @ rotation.T
    mean, covariance = moments(elliptic_gaussian_kernel(*sigmas, angle))
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    # The cut at 4 sigma takes about a thousandth.
    np.testing.assert_allclose(covariance, expected, atol=0.002 * sigmas[0] ** 2)


@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.5, 2.0, 3.1])
@pytest.mark.parametrize("angle", [0.0, 33.0])
def test_equal_sigmas_are_a_separable_gaussian(sigma, angle):
    half = int(np.ceil(4 * sigma))
    weights = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * sigma**2))
    expected = np.outer(weights, weights) / weights.sum() ** 2
    kernel = elliptic_gaussian_kernel(sigma, sigma, angle)
    np.testing.assert_allclose(kernel, expected, atol=1e-15)


@pytest.mark.parametrize(
    "kernel", [LOPSIDED, LOPSIDED.tolist(), LOPSIDED.astype("float32"), [[1]]]
)
def test_a_kernel_is_taken_as_it_is(kernel):
    checked = check_kernel(kernel, "psf")
    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked, kernel)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ([[0.5], [0.5, 0.5]], "psf is no array of numbers"),
        (np.full(3, 1 / 3), r"shape \(3,\) and type float64: expected real numbers"),
        ([["1"]], "expected real numbers"),
        ([[True]], "type bool"),
        (np.ones((0, 3)), "even side"),
        (np.full((2, 3), 1 / 6), r"\(2, 3\) has an even side: .* a row or a column"),
        (np.full((1, 43), 1 / 43), "larger than 41 x 41 pixels: cut off the border"),
        ([[np.nan, 1, 0]], "contains NaN or infinity"),
        ([[-0.1, 1, 0.1]], r"the weight -0.1: .* psf.clip\(0\)"),
        ([[1, 2, 1]], r"adds up to 4, .* divide it by psf.sum\(\)"),
        ([[0.25, 0.502, 0.25]], "adds up to 1.002"),
    ],
)
def test_what_is_no_kernel(kernel, message):
    with pytest.raises(ValueError, match=message):
        check_kernel(kernel, "psf")


def test_second_moments_are_about_the_centroid():
    """Of x to the right and y down; the helper counts y upwards."""
    _, expected = moments(LOPSIDED)
    expected *= [[1, -1], [-1, 1]]
    np.testing.assert_allclose(second_moments(LOPSIDED), expected, atol=1e-15)
    moved = np.pad(LOPSIDED, ((0, 4), (2, 0)))
    np.testing.assert_allclose(second_moments(moved), expected, atol=1e-14)
