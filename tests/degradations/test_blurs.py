"""Blurs by kernels of a disk, a line and an ellipse, against SciPy's correlation."""

import numpy as np
import pytest
from moments import moments
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate2d
from sklearn.base import clone

from pydbcnn import (
    AnisotropicGaussianBlurTransformer,
    DefocusBlurTransformer,
    GaussianBlurTransformer,
    MotionBlurTransformer,
    NoiseTransformer,
)
from pydbcnn._blur.kernels import (
    disk_kernel,
    elliptic_gaussian_kernel,
    line_kernel,
)

HIGHEST = {"uint8": 255, "uint16": 65535, "float32": 1.0, "float64": 1.0}
# NumPy's names of OpenCV's borders.
BORDERS = {
    "reflect101": "reflect",
    "reflect": "symmetric",
    "replicate": "edge",
    "constant": "constant",
}
BLURS = {
    "defocus": (DefocusBlurTransformer(2.3), lambda: disk_kernel(2.3)),
    "motion": (MotionBlurTransformer(6.5, 30.0), lambda: line_kernel(6.5, 30.0)),
    "anisotropic": (
        AnisotropicGaussianBlurTransformer(2.0, 0.8, -20.0),
        lambda: elliptic_gaussian_kernel(2.0, 0.8, -20.0),
    ),
}


def correlated(image, kernel, border):
    """The image in double precision, by padding and SciPy's correlation."""
    half_y, half_x = (side // 2 for side in kernel.shape)
    padded = np.pad(image, ((half_y, half_y), (half_x, half_x)), mode=BORDERS[border])
    return correlate2d(padded, kernel, mode="valid")


@pytest.mark.parametrize("name", BLURS)
@pytest.mark.parametrize("dtype", HIGHEST)
@pytest.mark.parametrize("border", BORDERS)
def test_blur_is_a_correlation_with_its_kernel(sharp, name, dtype, border):
    images = (sharp[:2] / 255.0 * HIGHEST[dtype]).astype(dtype)
    blur, kernel = BLURS[name]
    blurred = clone(blur).set_params(border_mode=border).transform(images)
    assert blurred.dtype == dtype
    atol = {"uint8": 0.51, "uint16": 0.6, "float32": 1e-6, "float64": 1e-13}[dtype]
    for image, result in zip(images.astype(float), blurred.astype(float), strict=True):
        for channel in range(3):
            expected = correlated(image[..., channel], kernel(), border)
            np.testing.assert_allclose(
                result[..., channel], expected, rtol=0, atol=atol
            )


@pytest.mark.parametrize("name", BLURS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_images_smaller_than_the_kernel(name, size):
    image = np.random.RandomState(0).uniform(size=size)
    blur, kernel = BLURS[name]
    expected = correlated(image, kernel(), "reflect101")
    blurred = blur.transform(image[np.newaxis])[0]
    np.testing.assert_allclose(blurred, expected, atol=1e-13)


@pytest.mark.parametrize("name", BLURS)
@pytest.mark.parametrize("n_channels", [1, 2, 4, 5, 16])
def test_any_number_of_channels(name, n_channels):
    image = np.random.RandomState(0).uniform(size=(1, 12, 14, n_channels))
    blur, _ = BLURS[name]
    blurred = blur.transform(image)
    for channel in range(n_channels):
        np.testing.assert_allclose(
            blurred[..., channel], blur.transform(image[..., channel]), atol=1e-15
        )


@pytest.mark.parametrize(
    "blur",
    [
        MotionBlurTransformer(6.0, 45.0),
        AnisotropicGaussianBlurTransformer(2.0, 0.5, 45.0),
    ],
)
def test_angles_are_counter_clockwise_as_seen(blur):
    point = np.zeros((1, 25, 25))
    point[0, 12, 12] = 1
    blurred = blur.transform(point)[0]
    upper_right, lower_right = blurred[10, 14], blurred[14, 14]
    assert upper_right > 0.05
    assert blurred[14, 10] == pytest.approx(upper_right)
    assert lower_right < 1e-6


@pytest.mark.parametrize("sigmas", [(3.0, 1.0), (1.5, 0.6)])
def test_anisotropic_along_the_axes_is_scipys(sharp, sigmas):
    image = sharp[0, ..., 0] / 255.0
    radius = [int(np.ceil(4 * sigma)) for sigma in sigmas]
    for angle, axes in ((0.0, (1, 0)), (90.0, (0, 1)), (-180.0, (1, 0))):
        blur = AnisotropicGaussianBlurTransformer(*sigmas, angle)
        expected = gaussian_filter(
            image, sigmas, axes=axes, mode="mirror", radius=radius
        )
        np.testing.assert_allclose(
            blur.transform(image[np.newaxis])[0], expected, atol=1e-13
        )


@pytest.mark.parametrize("dtype", HIGHEST)
@pytest.mark.parametrize("sigma", [0.5, 1.5, 3.0])
def test_equal_sigmas_agree_with_the_gaussian_blur(sharp, dtype, sigma):
    images = (sharp / 255.0 * HIGHEST[dtype]).astype(dtype)
    blur = AnisotropicGaussianBlurTransformer(sigma, sigma, 40.0)
    expected = GaussianBlurTransformer(sigma).transform(images)
    atol = {"uint8": 3, "uint16": 3, "float32": 1e-6, "float64": 1e-14}[dtype]
    np.testing.assert_allclose(
        blur.transform(images).astype(float), expected.astype(float), rtol=0, atol=atol
    )


def test_a_minor_sigma_that_is_drawn_larger_changes_places():
    """Both are exchanged, so that the wider direction is always that of the angle."""
    points = np.zeros((40, 31, 31))
    points[:, 15, 15] = 1
    blur = AnisotropicGaussianBlurTransformer((0.5, 3.0), (0.5, 3.0), random_state=0)
    spreads = [moments(blurred)[1] for blurred in blur.transform(points)]
    assert all(spread[0, 0] >= spread[1, 1] for spread in spreads)
    random_state = np.random.RandomState(0)
    drawn = [random_state.uniform(0.5, 3.0, 2) for _ in points]
    assert any(major < minor for major, minor in drawn)
    np.testing.assert_allclose(
        [spread[0, 0] for spread in spreads], [max(d) ** 2 for d in drawn], rtol=0.02
    )


@pytest.mark.parametrize(
    "blur",
    [
        DefocusBlurTransformer(0.0),
        MotionBlurTransformer(0),
        NoiseTransformer(),
        NoiseTransformer((0.0, 0.0), (0, 0)),
    ],
)
@pytest.mark.parametrize("dtype", HIGHEST)
def test_nothing_is_a_copy(sharp, blur, dtype):
    images = (sharp / 255.0 * HIGHEST[dtype]).astype(dtype)
    result = blur.transform(images)
    np.testing.assert_array_equal(result, images)
    assert result.dtype == dtype
    assert not np.shares_memory(result, images)


def test_motion_of_rows():
    """A row is mirrored onto itself above and below, so only motion along it shows."""
    rows = np.random.RandomState(0).uniform(size=(4, 30))
    across = MotionBlurTransformer(6.0, 90.0).fit_transform(rows)
    np.testing.assert_allclose(across, rows, atol=1e-15)
    slanting = MotionBlurTransformer(6.0, 60.0).fit_transform(rows)
    profile = line_kernel(6.0, 60.0).sum(axis=0, keepdims=True)
    expected = [correlated(row[np.newaxis], profile, "reflect101")[0] for row in rows]
    np.testing.assert_allclose(slanting, expected, atol=1e-14)
