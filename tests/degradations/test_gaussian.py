"""GaussianBlurTransformer against OpenCV and the formula."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import correlate1d

from pydbcnn import GaussianBlurTransformer

BORDERS = {
    "reflect101": (cv2.BORDER_REFLECT_101, "mirror"),
    "reflect": (cv2.BORDER_REFLECT, "reflect"),
    "replicate": (cv2.BORDER_REPLICATE, "nearest"),
    "constant": (cv2.BORDER_CONSTANT, "constant"),
}
HIGHEST = {"uint8": 255, "uint16": 65535, "float32": 1.0, "float64": 1.0}


@pytest.mark.parametrize("dtype", HIGHEST)
@pytest.mark.parametrize("border", BORDERS)
def test_same_result_as_opencv(sharp, dtype, border):
    images = (sharp / 255.0 * HIGHEST[dtype]).astype(dtype)
    blurred = GaussianBlurTransformer(1.3, border_mode=border).transform(images)
    assert blurred.dtype == dtype
    for image, result in zip(images, blurred, strict=True):
        expected = cv2.GaussianBlur(image, (13, 13), 1.3, borderType=BORDERS[border][0])
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("sigma", [0.3, 0.8, 1.6, 3.0])
@pytest.mark.parametrize("border", BORDERS)
def test_formula(sharp, sigma, border):
    image = sharp[0, ..., 0] / 255.0
    radius = int(np.ceil(4 * sigma))
    kernel = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    expected = image
    for axis in (0, 1):
        expected = correlate1d(expected, kernel, axis, mode=BORDERS[border][1])
    blur = GaussianBlurTransformer(sigma, border_mode=border)
    np.testing.assert_allclose(
        blur.transform(image[np.newaxis])[0], expected, atol=1e-12
    )


def test_kernel_size_and_truncate(sharp):
    expected = cv2.GaussianBlur(
        sharp[0], (5, 5), 2.0, borderType=cv2.BORDER_REFLECT_101
    )
    for params in ({"kernel_size": 5}, {"truncate": 1.0}):
        blur = GaussianBlurTransformer(2.0, **params)
        np.testing.assert_array_equal(blur.transform(sharp[:1])[0], expected)


def test_sigma_zero_copies(sharp):
    result = GaussianBlurTransformer(0.0).transform(sharp)
    np.testing.assert_array_equal(result, sharp)
    assert not np.shares_memory(result, sharp)


@pytest.mark.parametrize("n_channels", [1, 2, 4, 5, 16])
def test_any_number_of_channels(n_channels):
    image = np.random.RandomState(0).uniform(size=(1, 12, 14, n_channels))
    blurred = GaussianBlurTransformer(1.0).transform(image)
    for channel in range(n_channels):
        expected = cv2.GaussianBlur(
            np.ascontiguousarray(image[0, ..., channel]), (9, 9), 1.0
        )
        np.testing.assert_allclose(blurred[0, ..., channel], expected, atol=1e-15)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_images_smaller_than_the_kernel(size):
    image = np.random.RandomState(0).uniform(size=size)
    radius = 8
    kernel = np.exp(-(np.arange(-radius, radius + 1) ** 2) / 8.0)
    kernel /= kernel.sum()
    expected = np.pad(image, radius, mode="reflect")
    for axis in (0, 1):
        expected = correlate1d(expected, kernel, axis)
    blurred = GaussianBlurTransformer(2.0).transform(image[np.newaxis])[0]
    np.testing.assert_allclose(
        blurred, expected[radius:-radius, radius:-radius], atol=1e-12
    )


def test_range_draws_a_sigma_for_each_image():
    """A point's peak tells the sigma: the square of the central weight."""
    points = np.zeros((200, 41, 41))
    points[:, 20, 20] = 1
    blurred = GaussianBlurTransformer((0.8, 2.0), random_state=0).transform(points)
    sigmas = np.sqrt(1 / (2 * np.pi * blurred[:, 20, 20]))
    assert sigmas.min() >= 0.79
    assert sigmas.max() <= 2.01
    assert sigmas.mean() == pytest.approx(1.4, abs=0.1)
    again = GaussianBlurTransformer((0.8, 2.0), random_state=0).transform(points)
    np.testing.assert_array_equal(blurred, again)
    other = GaussianBlurTransformer((0.8, 2.0), random_state=1).transform(points)
    assert not np.array_equal(blurred, other)


@pytest.mark.parametrize("dtype", HIGHEST)
def test_noise_has_its_standard_deviation(dtype):
    grey = np.full((1, 200, 200), HIGHEST[dtype] / 2).astype(dtype)
    blur = GaussianBlurTransformer(1.0, noise_std=0.02, random_state=0)
    noise = blur.transform(grey).astype(float) - grey
    assert noise.std() / HIGHEST[dtype] == pytest.approx(0.02, rel=0.02)
    assert abs(noise.mean()) / HIGHEST[dtype] < 4 * 0.02 / 200


def test_noise_does_not_wrap_around():
    white = np.full((1, 50, 50), 255, np.uint8)
    noisy = GaussianBlurTransformer(1.0, noise_std=0.1, random_state=0).transform(white)
    assert noisy.min() > 100
    assert (noisy == 255).mean() > 0.4


def test_noise_in_a_range_of_the_data():
    grey = np.full((1, 200, 200), 128.0)
    blur = GaussianBlurTransformer(
        1.0, noise_std=(0.02, 0.02), data_range=255.0, random_state=0
    )
    assert blur.transform(grey).std() == pytest.approx(0.02 * 255, rel=0.02)


def test_layouts(sharp):
    blur = GaussianBlurTransformer()
    expected = blur.fit(sharp).transform(sharp)
    as_list = blur.transform([sharp[0], sharp[1, :9]])
    np.testing.assert_array_equal(as_list[0], expected[0])
    assert as_list[1].shape == (9, 48, 3)
    np.testing.assert_array_equal(blur.transform(sharp[..., 1]), expected[..., 1])
    rows = sharp[0, ..., 0] / 255.0
    by_row = blur.fit_transform(rows)
    np.testing.assert_allclose(
        by_row[3], cv2.GaussianBlur(rows[3:4], (15, 15), 1.6)[0], atol=1e-12
    )
    np.testing.assert_array_equal(
        blur.transform(np.asfortranarray(sharp)[:, ::-1]),
        blur.transform(sharp[:, ::-1]),
    )


BAD = {
    "negative sigma": ({"sigma": -1.0}, "'sigma'.*-1.0"),
    "range the wrong way": ({"sigma": (3.0, 0.5)}, r"sigma=\(3.0, 0.5\).*low <= high"),
    "range of one": ({"sigma": (1.0,)}, r"sigma=\(1.0,\)"),
    "negative range": ({"sigma": (-1.0, 1.0)}, r"sigma=\(-1.0, 1.0\)"),
    "infinite range": ({"sigma": (1.0, np.inf)}, "sigma="),
    "endless": ({"sigma": np.inf}, "'sigma'.*inf"),
    "huge": ({"sigma": 1e300}, "pass a smaller sigma"),
    "truth": ({"sigma": True}, "sigma=True"),
    "huge kernel": ({"kernel_size": 10**10 + 1}, "at most 4095"),
    "word": ({"sigma": "much"}, "'sigma'.*'much'"),
    "even kernel": ({"kernel_size": 4}, "kernel_size=4 is even.*such as 5"),
    "no kernel": ({"kernel_size": 0}, "'kernel_size'.*0"),
    "truncate": ({"truncate": 0.0}, "'truncate'.*0.0"),
    "border": ({"border_mode": "wrap"}, "'border_mode'.*'wrap'"),
    "noise": ({"noise_std": -0.1}, "'noise_std'.*-0.1"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_bad_parameters_are_named(name, method, sharp):
    params, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        getattr(GaussianBlurTransformer(**params), method)(sharp)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((1, 4, 4), int), TypeError, "int64"),
        (np.zeros((1, 4, 4)) + 1j, ValueError, "Complex data"),
        (np.full((1, 4, 4), np.nan), ValueError, "NaN"),
        (np.zeros((0, 4, 4)), ValueError, "empty"),
        (np.zeros((1, 1, 4, 4, 1)), ValueError, "5 dimensions"),
    ],
)
def test_bad_images_are_named(X, error, message):
    with pytest.raises(error, match=message):
        GaussianBlurTransformer().transform(X)
