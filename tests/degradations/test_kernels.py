"""Degradations against formulas, quadrature, SciPy and OpenCV."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate2d
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from pydbcnn import (
    AnisotropicGaussianBlurTransformer,
    DefocusBlurTransformer,
    GaussianBlurTransformer,
    JPEGTransformer,
    MotionBlurTransformer,
    NoiseTransformer,
)
from pydbcnn._degradations.kernels import (
    disk_coverage,
    disk_kernel,
    elliptic_gaussian_kernel,
    line_kernel,
)
from pydbcnn.metrics import peak_signal_noise_ratio

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
DRAWING = {
    "defocus": DefocusBlurTransformer((0.0, 4.0)),
    "motion": MotionBlurTransformer((0.0, 6.0), (0.0, 180.0)),
    "anisotropic": AnisotropicGaussianBlurTransformer((0.5, 3.0), (0.5, 3.0), (0, 180)),
    "noise": NoiseTransformer((0.0, 0.05), (0.0, 0.01)),
    "JPEG": JPEGTransformer((20, 90)),
}


def correlated(image, kernel, border):
    """The image in double precision, by padding and SciPy's correlation."""
    half_y, half_x = (side // 2 for side in kernel.shape)
    padded = np.pad(image, ((half_y, half_y), (half_x, half_x)), mode=BORDERS[border])
    return correlate2d(padded, kernel, mode="valid")


def moments(kernel):
    """Means and covariances of x, to the right, and y, upwards."""
    half_y, half_x = (side // 2 for side in kernel.shape)
    up, right = np.mgrid[half_y : -half_y - 1 : -1, -half_x : half_x + 1]
    mean = (kernel * right).sum(), (kernel * up).sum()
    x, y = right - mean[0], up - mean[1]
    xx, xy, yy = ((kernel * a * b).sum() for a, b in ((x, x), (x, y), (y, y)))
    return mean, np.array([[xx, xy], [xy, yy]])


# ----------------------------------------------------------------------------- kernels


@pytest.mark.parametrize("radius", [0.2, 0.5, 0.6, 1.0, 1.5, 2.0, 2.7, 7.3])
def test_coverage_is_the_area_in_each_pixel(radius):
    """By many strips of each pixel, whose heights inside the disk are known."""
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
    """That of a disk, radius² / 4, and of a pixel, 1/12; sampling adds ripples."""
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
    """By the weights of many points of the line."""
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
    """Bilinear weights keep x y, and add f (1 - f) to x² at a fraction f."""
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


# ------------------------------------------------------------------------------- blurs


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
    """So the wider direction is always that of the angle."""
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
    """A row is mirrored onto itself above and below: only motion along it shows."""
    rows = np.random.RandomState(0).uniform(size=(4, 30))
    across = MotionBlurTransformer(6.0, 90.0).fit_transform(rows)
    np.testing.assert_allclose(across, rows, atol=1e-15)
    slanting = MotionBlurTransformer(6.0, 60.0).fit_transform(rows)
    profile = line_kernel(6.0, 60.0).sum(axis=0, keepdims=True)
    expected = [correlated(row[np.newaxis], profile, "reflect101")[0] for row in rows]
    np.testing.assert_allclose(slanting, expected, atol=1e-14)


# ------------------------------------------------------------------------------- noise


@pytest.mark.parametrize("level", [0.0, 0.02, 0.3, 0.9])
@pytest.mark.parametrize("std", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("gain", [0.0, 0.0005, 0.01])
def test_noise_has_its_mean_and_variance(level, std, gain):
    """Bounds of 5 standard errors: of a mean, and of a sample variance."""
    n = 40000
    flat = np.full((1, 200, 200), level)
    noise = NoiseTransformer(std, gain, random_state=0).transform(flat) - level
    variance = std**2 + gain * level
    assert abs(noise.mean()) <= 5 * np.sqrt(variance / n)
    fourth = 3 * variance**2 + gain**3 * level  # the fourth moment, with Poisson's
    error = np.sqrt((fourth - variance**2) / n)
    assert abs(noise.var() - variance) <= 5 * error + 1e-18


def test_poisson_noise_counts_photons():
    """A skewness of 1 / sqrt(count), and only whole counts."""
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


# -------------------------------------------------------------------------------- JPEG


def opencv_jpeg(image, quality, subsampling="420"):
    """The same with OpenCV, which takes BGR."""
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{subsampling}")
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    encoded = cv2.imencode(".jpg", image[..., ::-1], options)[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize("quality", [1, 30, 75, 90, 100])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4"])
def test_jpeg_is_that_of_opencv(sharp, quality, subsampling):
    """Which has a codec of its own; decoders may differ by rounding."""
    jpeg = JPEGTransformer(quality, chroma_subsampling=subsampling)
    for image, result in zip(sharp, jpeg.transform(sharp), strict=True):
        expected = opencv_jpeg(image, quality, subsampling.replace(":", ""))
        np.testing.assert_allclose(result.astype(int), expected.astype(int), atol=2)


def test_jpeg_of_grey_is_that_of_opencv(sharp):
    grey = sharp[..., 1]
    result = JPEGTransformer(40).transform(grey)
    for image, decoded in zip(grey, result, strict=True):
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
        expected = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
        np.testing.assert_allclose(decoded.astype(int), expected.astype(int), atol=2)
    with_channel = JPEGTransformer(40).transform(grey[..., np.newaxis])
    np.testing.assert_array_equal(with_channel, result[..., np.newaxis])


def test_less_quality_loses_more(sharp):
    psnr = [
        peak_signal_noise_ratio(sharp, JPEGTransformer(quality).transform(sharp))
        for quality in (5, 20, 50, 80, 95, 100)
    ]
    assert (np.diff(psnr) > 1).all()
    full, half, quarter = (
        peak_signal_noise_ratio(
            sharp, JPEGTransformer(98, chroma_subsampling=kind).transform(sharp)
        )
        for kind in ("4:4:4", "4:2:2", "4:2:0")
    )
    assert full > half > quarter
    assert full > 40


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_jpeg_has_8_bits(sharp, dtype):
    """Other types lose what 8 bits cannot hold, and nothing else is different."""
    images = (sharp / 255.0 * HIGHEST[dtype]).astype(dtype)
    expected = JPEGTransformer(85).transform(sharp) / 255.0 * HIGHEST[dtype]
    result = JPEGTransformer(85).transform(images)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert len(np.unique(result)) <= 256


def test_jpeg_in_a_range_of_the_data(sharp):
    expected = JPEGTransformer(85).transform(sharp).astype(float)
    for images in (sharp.astype(np.float64), sharp.astype(np.uint16)):
        result = JPEGTransformer(85, data_range=255).transform(images)
        np.testing.assert_allclose(result, expected, rtol=1e-12)
    beyond = np.array([[[-3.0, 300.0], [3e38, -3e38]]], np.float32).repeat(8, axis=1)
    result = JPEGTransformer(100, data_range=255).transform(beyond)
    assert result.min() >= 0
    assert result.max() <= 255


def test_jpeg_of_dark_bytes(sharp):
    """With another white than 255, bytes are scaled like all other types."""
    dark = sharp // 2
    result = JPEGTransformer(95, data_range=127).transform(dark)
    assert result.dtype == np.uint8
    assert peak_signal_noise_ratio(dark, result, data_range=127) > 28


def test_jpeg_draws_every_quality_of_a_range(sharp):
    image = sharp[0]
    jpeg = JPEGTransformer((60, 62), random_state=0)
    results = jpeg.transform(np.stack([image] * 30))
    expected = [
        JPEGTransformer(quality).transform(image[np.newaxis])[0]
        for quality in (60, 61, 62)
    ]
    found = {
        next(i for i, one in enumerate(expected) if np.array_equal(one, result))
        for result in results
    }
    assert found == {0, 1, 2}


def test_jpeg_of_rows():
    """A smooth row survives good quality; it counts as an image of one row."""
    row = (np.sin(np.linspace(0, 6, 100)) * 100 + 128).astype(np.uint8)
    rows = np.stack([row, row[::-1]])
    result = JPEGTransformer(100).fit_transform(rows)
    np.testing.assert_allclose(result.astype(int), rows.astype(int), atol=3)
    image = JPEGTransformer(100).transform(rows[:1, np.newaxis])
    np.testing.assert_array_equal(image[0], result[:1])


@pytest.mark.parametrize("n_channels", [2, 4, 5])
def test_jpeg_of_other_channels_is_refused(n_channels):
    images = np.zeros((1, 8, 8, n_channels), np.uint8)
    for method in (JPEGTransformer().fit, JPEGTransformer().transform):
        with pytest.raises(ValueError, match=f"{n_channels} channels.*RGB") as error:
            method(images)
    assert ("alpha" in str(error.value)) == (n_channels == 4)


@pytest.mark.parametrize("shape", [(1, 65501), (1, 65501, 1), (1, 1, 65501)])
def test_jpeg_of_a_longer_side_is_refused(shape):
    with pytest.raises(ValueError, match=r"65501.*no side above 65500, so cut"):
        JPEGTransformer().transform(np.zeros(shape, np.uint8))
    assert JPEGTransformer().transform(np.zeros((1, 1, 65500), np.uint8)).max() == 0


# -------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", DRAWING)
def test_an_int_gives_the_same_result_for_every_call(sharp, name):
    degrade = clone(DRAWING[name]).set_params(random_state=3)
    images = np.stack([sharp[0]] * 5)
    result = degrade.transform(images)
    np.testing.assert_array_equal(degrade.transform(images), result)
    np.testing.assert_array_equal(degrade.transform(images[:2]), result[:2])
    assert all(not np.array_equal(result[0], other) for other in result[1:])
    degrade.set_params(random_state=4)
    assert not np.array_equal(degrade.transform(images), result)


@pytest.mark.parametrize("name", DRAWING)
def test_a_range_is_one_draw_for_each_image(sharp, name):
    """A generator that is handed on draws for one image after the other."""
    degrade = clone(DRAWING[name])
    together = degrade.set_params(random_state=np.random.RandomState(5)).transform(
        sharp[:3]
    )
    degrade.set_params(random_state=np.random.RandomState(5))
    for image, expected in zip(sharp[:3], together, strict=True):
        alone = degrade.transform(image[np.newaxis])[0]
        np.testing.assert_array_equal(alone, expected)


@pytest.mark.parametrize("name", DRAWING)
def test_layouts(sharp, name):
    degrade = clone(DRAWING[name]).set_params(random_state=0)
    expected = degrade.fit(sharp).transform(sharp)
    as_list = degrade.transform([sharp[0], sharp[1, :9]])
    np.testing.assert_array_equal(as_list[0], expected[0])
    assert as_list[1].shape == (9, 48, 3)
    grey = degrade.transform(sharp[..., 1])
    assert grey.shape == sharp.shape[:3]
    with_channel = degrade.transform(sharp[..., 1:2])
    np.testing.assert_array_equal(with_channel[..., 0], grey)
    flipped = degrade.transform(np.asfortranarray(sharp)[:, ::-1])
    np.testing.assert_array_equal(flipped, degrade.transform(sharp[:, ::-1].copy()))
    rows = sharp[0, :4, :, 0]
    by_row = degrade.fit_transform(rows)
    assert by_row.dtype == np.uint8
    np.testing.assert_array_equal(by_row, degrade.transform(rows[:, np.newaxis])[:, 0])


def test_pipeline(sharp):
    """Each step changes what the one before has made."""
    steps = [clone(step).set_params(random_state=0) for step in DRAWING.values()]
    expected = sharp
    for step in steps:
        expected = step.transform(expected)
    result = make_pipeline(*steps).fit_transform(sharp)
    np.testing.assert_array_equal(result, expected)


BAD = {
    "negative radius": (DefocusBlurTransformer(-1.0), "'radius'.*-1.0"),
    "huge radius": (DefocusBlurTransformer(501), r"'radius'.*500"),
    "radii the wrong way": (
        DefocusBlurTransformer((3.0, 1.0)),
        r"radius=\(3.0, 1.0\).*range.*0 <= low <= high <= 500, in pixels",
    ),
    "huge radii": (DefocusBlurTransformer((1, 600)), r"radius=\(1, 600\).*<= 500"),
    "radius of truth": (DefocusBlurTransformer(True), "radius=True"),
    "border": (DefocusBlurTransformer(border_mode="wrap"), "'border_mode'.*'wrap'"),
    "negative length": (MotionBlurTransformer(-1.0), "'length'.*-1.0"),
    "lengths": (MotionBlurTransformer((0, np.inf)), r"length=\(0, inf\).*<= 1000"),
    "angle": (MotionBlurTransformer(angle=400.0), "'angle'.*400.0"),
    "no number": (MotionBlurTransformer(angle=np.nan), "'angle'.*nan"),
    "angles": (
        MotionBlurTransformer(angle=(90, -90)),
        r"angle=\(90, -90\).*-360 <= low <= high <= 360, in degrees",
    ),
    "three angles": (MotionBlurTransformer(angle=(0, 1, 2)), r"angle=\(0, 1, 2\)"),
    "thin": (AnisotropicGaussianBlurTransformer(1.0, 0.1), "'sigma_minor'.*0.1"),
    "thin range": (
        AnisotropicGaussianBlurTransformer(1.0, (0.1, 1.0)),
        r"sigma_minor=\(0.1, 1.0\).*0.3 <= low <= high <= 100, in pixels",
    ),
    "ellipse on its side": (
        AnisotropicGaussianBlurTransformer(1.0, (1.5, 2.0)),
        r"sigma_minor=\(1.5, 2.0\) is always above sigma_major=1.0: exchange them",
    ),
    "ellipse angle": (
        AnisotropicGaussianBlurTransformer(angle=("a", "b")),
        r"angle=\('a', 'b'\)",
    ),
    "noise": (NoiseTransformer(-0.1), "'gaussian_std'.*-0.1"),
    "gain": (NoiseTransformer(0.1, (-1, 1)), r"poisson_gain=\(-1, 1\).*shares"),
    "noise range": (NoiseTransformer(0.1, data_range=0), "'data_range'.*0"),
    "tiny range": (NoiseTransformer(0.1, data_range=1e-40), "data_range=1e-40.*1e-30"),
    "tiny gain": (
        NoiseTransformer(poisson_gain=1e-18),
        r"poisson_gain=1e-18.*above 1e\+15.*larger gain.*data_range",
    ),
    "quality": (JPEGTransformer(0), "'quality'.*0"),
    "fraction": (JPEGTransformer(90.5), "'quality'.*90.5"),
    "qualities": (
        JPEGTransformer((50, 101)),
        r"quality=\(50, 101\).*1 <= low <= high <= 100, in whole numbers",
    ),
    "fractions": (JPEGTransformer((50, 90.5)), r"quality=\(50, 90.5\)"),
    "subsampling": (
        JPEGTransformer(chroma_subsampling="4:1:1"),
        "'chroma_subsampling'.*'4:1:1'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters_are_named(name, sharp):
    degrade, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        degrade.transform(sharp)


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters_are_named_in_fit(name, sharp):
    """All but those that only the pixels show to be wrong."""
    degrade, message = BAD[name]
    if name in ("tiny range", "tiny gain"):
        degrade.fit(sharp)
        return
    with pytest.raises(ValueError, match=message):
        degrade.fit(sharp)


@pytest.mark.parametrize("name", DRAWING)
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
def test_bad_images_are_named(name, X, error, message):
    with pytest.raises(error, match=message):
        DRAWING[name].transform(X)
