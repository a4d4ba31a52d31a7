"""PolyblurDeblurrer against its formula in the Fourier domain and known blurs."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.stats import multivariate_normal
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from pydbcnn import GaussianBlurTransformer, PolyblurDeblurrer
from pydbcnn._estimators.reblurring import gradient, without_halos
from pydbcnn.datasets import load_sample_images
from pydbcnn.metrics import peak_signal_noise_ratio, psnr_scorer, ssim_scorer

HIGHEST = {"uint8": 255, "uint16": 65535, "float32": 1.0, "float64": 1.0}
# For steps from 0 to 1 between two pixels: these are half a pixel from the step, which
# adds a variance of 1/4, and the derivative of cosines is steeper than the difference
# of two pixels, which takes 1/12 away.
STEPS = {"c": 1 / np.sqrt(2 * np.pi), "b": np.sqrt(1 / 4 - 1 / 12)}


@pytest.fixture(scope="module")
def shapes():
    """Random shapes, black and white, with edges in every direction."""
    noise = np.random.RandomState(0).normal(size=(240, 260))
    smooth = gaussian_filter(noise, 12)
    return (smooth > 0).astype(float)


def covariance(sigma_major, sigma_minor, angle):
    """The covariance of a Gaussian; x goes right and y down, and angles are as seen."""
    turn = np.deg2rad(angle)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return axes.T @ np.diag([sigma_major**2, sigma_minor**2]) @ axes


def gaussian_blur(image, *blur):
    """A periodic image, blurred by the transfer function of a Gaussian."""
    y, x = np.meshgrid(*map(np.fft.fftfreq, image.shape), indexing="ij")
    frequencies = np.stack([x, y], axis=-1)
    squares = np.einsum(
        "...i,ij,...j", frequencies, covariance(*blur), frequencies, optimize=True
    )
    transfer = np.exp(-2 * np.pi**2 * squares)
    return np.fft.ifft2(np.fft.fft2(image) * transfer).real


def angle_between(first, second):
    return abs((first - second + 90) % 180 - 90)


# ------------------------------------------------------------------------- the estimate


@pytest.mark.parametrize("sigma", [0.8, 1.2, 1.6, 2.0, 3.0])
def test_sigma_of_blurred_steps(shapes, sigma):
    """With the slopes of 180 directions, both sigmas are right within 5 %."""
    blurred = gaussian_filter(shapes, sigma)
    estimator = PolyblurDeblurrer(**STEPS, n_angles=180)
    major, minor, _ = estimator.estimate_blur(blurred[np.newaxis])[0]
    assert minor <= major
    assert [major, minor] == pytest.approx([sigma, sigma], rel=0.05)


@pytest.mark.parametrize("angle", [0, 25, 45, 90, 120, 165])
@pytest.mark.parametrize("n_angles", [6, 7, 12])
def test_sigmas_and_angle_of_an_anisotropic_blur(shapes, angle, n_angles):
    """With few directions, sigmas are right within 8 % and angles within 8 degrees."""
    blurred = gaussian_blur(shapes, 2.5, 1.25, angle)
    estimator = PolyblurDeblurrer(**STEPS, n_angles=n_angles)
    major, minor, found = estimator.estimate_blur(blurred[np.newaxis])[0]
    assert [major, minor] == pytest.approx([2.5, 1.25], rel=0.08)
    assert angle_between(found, angle) <= 8


@pytest.mark.parametrize(("axis", "angle"), [(1, 0), (0, 90)])
def test_angle_0_is_along_the_rows(shapes, axis, angle):
    blurred = gaussian_filter1d(shapes, 2.0, axis)
    major, minor, found = PolyblurDeblurrer(**STEPS).estimate_blur([blurred])[0]
    assert major == pytest.approx(2.0, rel=0.05)
    assert minor < 0.5
    assert angle_between(found, angle) <= 1


def test_angle_45_is_to_the_upper_right():
    """The image is a slope that rises towards the upper left."""
    down, right = np.indices((64, 64))
    slope = 1 / (1 + np.exp((down + right - 63) / 2))
    major, minor, angle = PolyblurDeblurrer().estimate_blur(slope[np.newaxis])[0]
    assert major > minor
    assert angle_between(angle, 45) <= 1


def test_photographs_with_more_blur_have_larger_sigmas():
    sharp = [image[:200, :200] for image in load_sample_images()]
    found = [
        PolyblurDeblurrer().estimate_blur(
            GaussianBlurTransformer(sigma).transform(sharp)
        )
        for sigma in (0.0, 0.8, 1.2, 1.6, 2.0)
    ]
    assert (np.diff([blur[:, :2] for blur in found], axis=0) > 0).all()


def test_the_border_is_no_edge():
    """A periodic image, dark on one side and bright on the other, would jump there."""
    ramp = np.tile(np.linspace(0, 1, 64), (16, 1))
    along_rows, along_columns = gradient(ramp)
    assert np.abs(along_rows).max() < 1.5 / 63
    np.testing.assert_allclose(along_columns, 0, atol=1e-15)


def test_gradient_of_cosines():
    """Mirrored at the outer edges of its pixels, such an image stays one cosine."""
    x = np.pi * (np.arange(20) + 0.5) / 20
    y = np.pi * (np.arange(15) + 0.5) / 15
    along_rows, along_columns = gradient(np.cos(2 * y)[:, np.newaxis] * np.cos(3 * x))
    expected = -3 * np.pi / 20 * np.cos(2 * y)[:, np.newaxis] * np.sin(3 * x)
    np.testing.assert_allclose(along_rows, expected, atol=1e-14)
    expected = -2 * np.pi / 15 * np.sin(2 * y)[:, np.newaxis] * np.cos(3 * x)
    np.testing.assert_allclose(along_columns, expected, atol=1e-14)


def test_outliers_do_not_count(shapes):
    """One pixel in ten thousand may be anything: here there are five of 62400."""
    blurred = 0.4 + 0.2 * gaussian_filter(shapes, 2.0)
    spoilt = blurred.copy()
    spoilt[::50, 130] = 0.6 + 0.2 * (np.arange(5) % 2)
    estimator = PolyblurDeblurrer(**STEPS)
    clean, dirty = estimator.estimate_blur([blurred, np.clip(spoilt, 0, 0.6)])
    np.testing.assert_allclose(clean[:2], 2.0, rtol=0.05)
    assert dirty[0] <= clean[0]
    blurred[100, 100] = blurred[101, 100] = 1e6
    sigmas = estimator.estimate_blur([blurred])[0, :2]
    assert (sigmas < 1).all()  # a bright spot is a sharp edge, but of the same contrast


def test_range_does_not_matter(shapes):
    blurred = gaussian_filter(shapes, 1.5)[np.newaxis]
    for deblurrer in (PolyblurDeblurrer(), PolyblurDeblurrer(remove_halos=False)):
        expected, blur = deblurrer.predict(blurred), deblurrer.estimate_blur(blurred)
        other = 1000 * blurred - 300
        np.testing.assert_allclose(deblurrer.estimate_blur(other), blur)
        np.testing.assert_allclose(
            deblurrer.predict(other), 1000 * expected - 300, atol=1e-8
        )


def test_sigmas_end_at_max_sigma(shapes):
    blurred = gaussian_filter(shapes, 3.0)[np.newaxis]
    estimator = PolyblurDeblurrer(max_sigma=1.5)
    np.testing.assert_allclose(estimator.estimate_blur(blurred)[0, :2], 1.5)
    stripes = np.tile(np.arange(64) // 8 % 2, (40, 1)).astype(float)
    blur = PolyblurDeblurrer().estimate_blur(stripes[np.newaxis])
    assert blur[0, 0] == pytest.approx(4.0)
    assert blur[0, 1] < 0.5
    assert blur[0, 2] == 90


def test_colour_images_are_seen_by_their_luminance(blurred):
    images = blurred / 255.0
    weights = np.array([0.299, 0.587, 0.114])
    estimator = PolyblurDeblurrer()
    np.testing.assert_allclose(
        estimator.estimate_blur(images), estimator.estimate_blur(images @ weights)
    )
    for n_channels in (1, 2):
        part = images[..., :n_channels]
        np.testing.assert_allclose(
            estimator.estimate_blur(part), estimator.estimate_blur(part.mean(axis=3))
        )


# ---------------------------------------------------------------------- the restoration


def fourier_polyblur(image, blur, alpha, beta):
    """p(K) of a periodic image; p follows from what is asked of it at 0 and at 1."""
    conditions = [[1, 1, 1, 1], [3, 2, 1, 0], [6, 2, 0, 0], [0, 0, 0, 1]]
    polynomial = np.linalg.solve(conditions, [1, -1, alpha, beta])
    radius = int(np.ceil(4 * blur[0]))
    kernel = np.zeros_like(image)
    offsets = np.arange(-radius, radius + 1)
    x, y = np.meshgrid(offsets, offsets)
    kernel[y, x] = multivariate_normal(cov=covariance(*blur)).pdf(np.dstack([x, y]))
    transfer = np.fft.fft2(kernel / kernel.sum())
    return np.fft.ifft2(np.fft.fft2(image) * np.polyval(polynomial, transfer)).real


@pytest.mark.parametrize("params", [{}, {"alpha": 6.0, "beta": 1.0}, {"n_iter": 2}])
@pytest.mark.parametrize("blur", [(1.6, 1.6, 0), (2.0, 1.0, 30), (1.8, 0.9, 135)])
def test_polynomial_in_the_fourier_domain(shapes, blur, params):
    """The image lies amid grey, where every kind of border is the same."""
    inside = np.full((80, 84), 0.5)
    inside[20:-20, 20:-20] = shapes[:40, :44]
    image = np.pad(gaussian_blur(inside, *blur), 80, constant_values=0.5)
    deblurrer = PolyblurDeblurrer(remove_halos=False, **params)
    expected = image
    for _ in range(deblurrer.n_iter):
        found = deblurrer.estimate_blur(expected[np.newaxis])[0]
        assert found[1] > 0.3  # below, the kernel is not made narrower
        expected = fourier_polyblur(expected, found, deblurrer.alpha, deblurrer.beta)
    result = deblurrer.predict(image[np.newaxis])[0]
    np.testing.assert_allclose(result, expected, atol=1e-10)


@pytest.mark.parametrize("sigma", [1.2, 1.6, 2.0])
def test_photographs_come_closer_to_the_truth(sigma):
    sharp = load_sample_images()
    blurred = GaussianBlurTransformer(sigma).transform(sharp)
    gains = [
        PolyblurDeblurrer().score([image], [truth])
        - peak_signal_noise_ratio([truth], [image])
        for image, truth in zip(blurred, sharp, strict=True)
    ]
    assert min(gains) > 0.8
    assert np.mean(gains) > 1.5


def test_sharp_photographs_are_left_nearly_as_they_are():
    sharp = load_sample_images()
    assert PolyblurDeblurrer().score(sharp, sharp) > 35


def test_n_iter_repeats(blurred):
    images = blurred / 255.0
    once, twice = PolyblurDeblurrer(), PolyblurDeblurrer(n_iter=2)
    np.testing.assert_array_equal(
        twice.predict(images), once.predict(once.predict(images))
    )


def test_halos_are_weakened(shapes):
    """Less goes beyond black and white beside edges, and the edges stay as steep."""
    blurred = gaussian_filter(shapes, 1.5)[np.newaxis]
    with_halos, without = (
        PolyblurDeblurrer(remove_halos=remove).predict(blurred)
        for remove in (False, True)
    )
    beyond = [np.maximum(np.abs(x - 0.5) - 0.5, 0) for x in (with_halos, without)]
    assert beyond[0].sum() > 100
    assert beyond[1].sum() < 0.75 * beyond[0].sum()
    assert beyond[1].max() < beyond[0].max()
    errors = [np.square(x[0] - shapes).mean() for x in (with_halos, without)]
    assert errors[1] < errors[0]


def test_halo_blending_stops_at_a_gradient_of_zero():
    """Waves of opposite slopes cancel; where slopes agree, nothing is changed."""
    x = np.pi * (np.arange(32) + 0.5) / 32
    wave = np.tile(np.cos(2 * x), (8, 1))
    np.testing.assert_allclose(without_halos(wave, -3 * wave), 0, atol=1e-12)
    np.testing.assert_array_equal(without_halos(wave, 2 * wave), 2 * wave)


@pytest.mark.parametrize("remove_halos", [False, True])
@pytest.mark.parametrize(
    "image",
    [
        np.full((20, 30), 0.3),
        np.full((20, 30, 3), [0.1, 0.2, 0.7]),
        np.zeros((5, 7)),
        np.full((1, 1), 0.7),
        np.full((1, 1, 3), 0.7),
    ],
)
def test_images_of_one_value_stay(image, remove_halos):
    deblurrer = PolyblurDeblurrer(remove_halos=remove_halos, n_iter=2)
    np.testing.assert_array_equal(deblurrer.predict(image[np.newaxis])[0], image)
    np.testing.assert_array_equal(deblurrer.estimate_blur([image]), [[0, 0, 0]])


@pytest.mark.parametrize("dtype", HIGHEST)
@pytest.mark.parametrize("size", [(1, 2), (2, 1), (2, 3), (1, 9), (9, 1), (3, 3, 3)])
def test_tiny_images(size, dtype):
    random = np.random.RandomState(0).uniform(size=(4, *size))
    images = (random * HIGHEST[dtype]).astype(dtype)
    deblurrer = PolyblurDeblurrer(n_iter=2)
    restored, blur = deblurrer.predict(images), deblurrer.estimate_blur(images)
    assert restored.shape == images.shape
    assert np.isfinite(restored).all()
    assert ((blur >= 0) & (blur <= [4, 4, 179])).all()


@pytest.mark.parametrize("dtype", HIGHEST)
def test_saturated_images(shapes, dtype):
    """What is black or white stays so, on the whole; integers do not wrap around."""
    blurred = np.clip(1.5 * gaussian_filter(shapes, 2.0) - 0.25, 0, 1)
    for image in (shapes, blurred, np.ones((9, 9)), 1 - np.eye(60)):
        pixels = (image * HIGHEST[dtype]).astype(dtype)
        restored = PolyblurDeblurrer(n_iter=2).predict([pixels])[0]
        assert np.isfinite(restored).all()
        assert (restored[image == 1] > 0.7 * HIGHEST[dtype]).all()
        assert (restored[image == 0] < 0.3 * HIGHEST[dtype]).all()


# -------------------------------------------------------------------- layouts and types


def test_layouts_agree(blurred):
    deblurrer = PolyblurDeblurrer()
    expected = deblurrer.fit(blurred).predict(blurred)
    blur = deblurrer.estimate_blur(blurred)
    assert blur.shape == (6, 3)
    assert blur.dtype == float
    as_list = deblurrer.predict([blurred[0], blurred[1, :20, :30]])
    np.testing.assert_array_equal(as_list[0], expected[0])
    assert as_list[1].shape == (20, 30, 3)
    np.testing.assert_array_equal(deblurrer.estimate_blur(list(blurred)), blur)
    grey = blurred[..., 1]
    stack = deblurrer.predict(grey)
    np.testing.assert_array_equal(deblurrer.predict(grey[..., None])[..., 0], stack)
    np.testing.assert_array_equal(deblurrer.predict(list(grey))[5], stack[5])
    np.testing.assert_array_equal(
        deblurrer.predict(np.asfortranarray(blurred)[:, ::-1]),
        deblurrer.predict(blurred[:, ::-1].copy()),
    )


def test_input_stays_as_it_is(blurred):
    images = blurred / 255.0
    images.flags.writeable = False
    restored = PolyblurDeblurrer().predict(images)
    np.testing.assert_array_equal(images, blurred / 255.0)
    assert not np.shares_memory(images, restored)


@pytest.mark.parametrize("n_channels", [1, 2, 4, 16])
def test_channels_have_one_blur(blurred, n_channels):
    """Copies of a channel are restored like the channel alone."""
    grey = blurred[..., :1] / 255.0
    np.testing.assert_allclose(
        PolyblurDeblurrer().predict(np.repeat(grey, n_channels, axis=3)),
        np.repeat(PolyblurDeblurrer().predict(grey), n_channels, axis=3),
        atol=1e-12,
    )


@pytest.mark.parametrize("dtype", HIGHEST)
def test_types_come_back(blurred, dtype):
    highest = HIGHEST[dtype]
    images = (blurred / 255.0 * highest).astype(dtype)
    restored = PolyblurDeblurrer().predict(images)
    assert restored.dtype == dtype
    expected = PolyblurDeblurrer().predict(images / np.float64(highest)) * highest
    if dtype.startswith("u"):
        expected = np.clip(np.rint(expected), 0, highest)
    tolerance = 1 if dtype.startswith("u") else 1e-6  # halves may round either way
    np.testing.assert_allclose(restored, expected, rtol=0, atol=tolerance)
    assert PolyblurDeblurrer().fit(images).predict(images).dtype == dtype


def test_rows_are_images_of_one_row(blurred):
    rows = blurred[0, ..., 0] / 255.0
    deblurrer = PolyblurDeblurrer().fit(rows)
    assert deblurrer.n_features_in_ == 48
    restored = deblurrer.predict(rows)
    np.testing.assert_array_equal(restored, deblurrer.predict(rows[:, None])[:, 0])
    assert deblurrer.estimate_blur(rows).shape == (40, 3)
    integers = (100 * rows).astype(int)
    np.testing.assert_array_equal(
        PolyblurDeblurrer().predict(integers),
        PolyblurDeblurrer().predict(integers.astype(float)),
    )
    with pytest.raises(ValueError, match="X has 47 features, but PolyblurDeblurrer"):
        deblurrer.predict(rows[:, 1:])


def test_rows_are_deblurred_along_the_row():
    steps = np.repeat(np.random.RandomState(0).randint(2, size=(30, 20)), 12, axis=1)
    blurred = gaussian_filter1d(steps.astype(float), 1.5, axis=1)
    deblurrer = PolyblurDeblurrer(**STEPS)
    np.testing.assert_allclose(deblurrer.estimate_blur(blurred)[:, 1], 1.5, rtol=0.1)
    before = peak_signal_noise_ratio(steps.astype(float), blurred)
    assert deblurrer.score(blurred, steps) > before + 2


# ------------------------------------------------------------------- with scikit-learn


def test_score_is_the_mean_psnr(sharp, blurred):
    deblurrer = PolyblurDeblurrer()
    restored = deblurrer.predict(blurred)
    expected = peak_signal_noise_ratio(sharp, restored)
    assert deblurrer.score(blurred, sharp) == expected
    assert deblurrer.score(list(blurred), list(sharp)) == pytest.approx(expected)
    assert psnr_scorer(deblurrer, blurred, sharp) == expected
    centre = (slice(None), slice(3, -3), slice(5, -5))
    assert deblurrer.score(blurred, sharp[centre]) == pytest.approx(
        peak_signal_noise_ratio(sharp[centre], restored[centre])
    )


def test_score_of_rows_compares_their_centre(sharp, blurred):
    X, y = blurred[0, ..., 0] / 255.0, sharp[0, ..., 0] / 255.0
    restored = PolyblurDeblurrer().predict(X)
    assert PolyblurDeblurrer().score(X, y[:, 4:-4]) == pytest.approx(
        peak_signal_noise_ratio(y[:, 4:-4], restored[:, 4:-4])
    )
    assert PolyblurDeblurrer().score(X, y[:, 23]) == pytest.approx(
        peak_signal_noise_ratio(y[:, 23:24], restored[:, 23:24])
    )


def test_data_range_is_that_of_the_score(sharp, blurred):
    X, y = blurred.astype(np.float32), sharp.astype(np.float32)
    with_range, without = PolyblurDeblurrer(data_range=255.0), PolyblurDeblurrer()
    np.testing.assert_array_equal(with_range.predict(X), without.predict(X))
    assert with_range.score(X, y) == pytest.approx(
        without.score(X / 255, y / 255), abs=1e-3
    )


def test_pipelines_and_searches(sharp, blurred):
    pipeline = make_pipeline(GaussianBlurTransformer(1.6), PolyblurDeblurrer())
    assert pipeline.fit(sharp, sharp).predict(sharp).shape == sharp.shape
    np.testing.assert_array_equal(
        make_pipeline(PolyblurDeblurrer()).fit(blurred).predict(blurred),
        PolyblurDeblurrer().predict(blurred),
    )
    search = GridSearchCV(PolyblurDeblurrer(), {"beta": [1.0, 4.0]}, cv=2)
    assert search.fit(blurred, sharp).best_params_ == {"beta": 4.0}
    for scorer in (None, psnr_scorer, ssim_scorer):
        scores = cross_val_score(
            PolyblurDeblurrer(), list(blurred), list(sharp), scoring=scorer, cv=3
        )
        assert np.isfinite(scores).all()


# ------------------------------------------------------------------------------- errors

BAD_PARAMETERS = {
    "n_iter": [0, 1.5, "many"],
    "alpha": [-1.0, "much", np.nan, np.inf],
    "beta": [-0.1, None],
    "c": [0.0, -0.3, np.inf],
    "b": [-0.4],
    "n_angles": [1, 181, 6.0],
    "remove_halos": ["yes"],
    "max_sigma": [0.0, 64.5, np.inf],
    "data_range": [0.0, -1.0, "auto"],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_PARAMETERS.items() for value in values],
)
@pytest.mark.parametrize("method", ["fit", "predict", "estimate_blur"])
def test_bad_parameters_are_named(name, value, method, sharp):
    message = f"The '{name}' parameter of PolyblurDeblurrer must be .*{value}"
    with pytest.raises(ValueError, match=message):
        getattr(PolyblurDeblurrer(**{name: value}), method)(sharp)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((1, 4, 4), int), TypeError, "int64.*expected one of uint8"),
        (np.zeros((1, 4, 4)) + 1j, ValueError, "Complex data not supported"),
        (np.full((1, 4, 4), np.nan), ValueError, "X contains NaN or infinity"),
        (np.zeros((0, 4, 4)), ValueError, "X is empty"),
        (np.zeros((1, 1, 4, 4, 1)), ValueError, "X has 5 dimensions"),
        (np.zeros((1, 4, 4, 17)), ValueError, "17 channels.*more than 16"),
        ([np.zeros((4, 4)), np.zeros((4, 4, 3))], ValueError, r"X\[1\] has shape"),
        ([np.zeros((4, 4)), np.zeros((4, 4), "f4")], ValueError, r"X\[1\] is float32"),
        (np.zeros(4), ValueError, "Expected 2D array, got 1D array"),
        (np.full((2, 4), np.inf), ValueError, "Input X contains infinity"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "predict", "estimate_blur"])
def test_bad_images_are_named(X, error, message, method):
    with pytest.raises(error, match=message):
        getattr(PolyblurDeblurrer(), method)(X)


def test_images_that_do_not_match_are_named(sharp, blurred):
    deblurrer = PolyblurDeblurrer()
    with pytest.raises(ValueError, match=r"5 image.* against 6"):
        deblurrer.score(blurred, sharp[:5])
    with pytest.raises(ValueError, match="y_true is float64 but y_pred is uint8"):
        deblurrer.score(blurred, sharp / 255.0)
    with pytest.raises(ValueError, match="do not match"):
        deblurrer.score(np.zeros((3, 4)), np.zeros((3, 5)))
    with pytest.raises(ValueError, match=r"5 image.* against 3"):
        deblurrer.score(np.zeros((3, 4)), np.zeros(5))
