"""How the blur of a pair, and that of an image alone, is found."""

import os
import pickle
import subprocess
import sys
from itertools import cycle

import numpy as np
import pytest
from blur_models import regressor_that_says
from scipy.ndimage import gaussian_filter
from scipy.special import ndtr
from sklearn.base import clone

from pydbcnn import BlurEstimator, DefocusBlurTransformer, GaussianBlurTransformer
from pydbcnn._blur_estimation import statistics as _blur_statistics
from pydbcnn._blur_estimation.pair import sigma_of_pair
from pydbcnn._blur_estimation.regressor import BlurRegressor, to_sigma, to_target
from pydbcnn._blur_estimation.statistics import N_STATISTICS, blur_statistics
from pydbcnn.datasets import load_sample_images

# What makes up the statistics, in their order.
MEAN_POWER = slice(0, 16)  # logarithm of the mean power in rings 1 to 16
SLOPES = slice(32, 67)  # 7 pairs of rings, 5 percentiles of each
WIDTHS = slice(71, 101)  # 2 shares of edges, 3 pairs of scales, 5 percentiles of each


def blur(image, sigma):
    return GaussianBlurTransformer(sigma).transform(image[np.newaxis])[0]


@pytest.fixture(scope="module")
def photos():
    return [image[100:260, 200:380] for image in load_sample_images()]


# Pairs


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


# Statistics


def as_type(levels, dtype):
    """8-bit levels in another type, and the white of it."""
    if dtype == "uint8":
        return levels, 255
    if dtype == "uint16":
        return levels.astype(dtype) * np.uint16(257), 65535
    return (levels / 255).astype(dtype), 1.0


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
    monkeypatch.setattr(_blur_statistics, "_MAX_PIXELS", large.size)
    whole = blur_statistics(large, 1.0)
    assert np.abs(in_parts - whole).max() < 0.2
    assert np.abs(in_parts - whole).max() > 0
    long = blur_statistics(np.tile(texture[:40], (1, 100))[..., np.newaxis], 1.0)
    assert np.isfinite(long).all()
    assert np.abs(long - some)[MEAN_POWER].max() < 0.5


@pytest.mark.parametrize("sigma", [0.8, 1.1, 1.4])
def test_power_falls_with_the_transfer_function_of_a_gaussian(sigma):
    """By exp(-4 pi² sigma² f²), with f the ring over 32, as the noise is white."""
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

    That is of the derivative. The slope of a narrow edge between two pixels to the left
    and two to the right is the share of its Gaussian that lies between these.
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


# Networks in NumPy


def random_regressor(n_members=2):
    random_state = np.random.RandomState(0)
    widths = (N_STATISTICS, 6, 4, 1)

    def layer(index):
        shape = widths[index : index + 2]
        weights = random_state.normal(scale=0.3, size=shape)
        return weights.astype(np.float32), np.full(shape[1], 0.2, np.float32)

    return BlurRegressor(
        random_state.normal(size=N_STATISTICS),
        random_state.uniform(0.5, 2, N_STATISTICS),
        tuple(tuple(layer(i) for i in range(3)) for _ in range(n_members)),
    )


def test_targets_and_sigmas():
    sigma = np.array([0.0, 0.5, 3.0])
    np.testing.assert_allclose(to_target(sigma), np.hypot(sigma, 0.3))
    np.testing.assert_allclose(to_sigma(to_target(sigma)), sigma, atol=1e-8)
    np.testing.assert_array_equal(to_sigma([0.3, 0.1]), 0)


def test_a_regressor_is_the_mean_of_networks():
    regressor = random_regressor()
    statistics = np.random.RandomState(1).normal(scale=9, size=N_STATISTICS)
    values = np.clip((statistics - regressor.mean) / regressor.scale, -5, 5)
    answers = []
    for (first, a), (second, b), (third, c) in regressor.members:
        hidden = np.maximum(np.maximum(values @ first + a, 0) @ second + b, 0)
        answers.append((hidden @ third + c).item())
    expected = np.sqrt(max(np.mean(answers) ** 2 - 0.09, 0))
    assert regressor.sigma_of_statistics(statistics) == pytest.approx(
        expected, abs=6e-4
    )
    assert regressor_that_says(1.25).sigma(np.eye(32)[..., np.newaxis], 1.0) == 1.25


def test_a_regressor_survives_as_tensors():
    regressor = random_regressor()
    tensors = regressor.tensors()
    assert len(tensors) == 2 + 2 * 3 * 2
    again = BlurRegressor.from_tensors(tensors)
    assert len(tensors) == 2 + 2 * 3 * 2  # it is not taken to pieces
    statistics = np.random.RandomState(1).normal(size=N_STATISTICS)
    assert again.sigma_of_statistics(statistics) == regressor.sigma_of_statistics(
        statistics
    )
    assert again.tensors().keys() == tensors.keys()


WRONG_VALUES = "not all finite floats of single precision"
NO_WAY = "network 0 .* do not lead from 125 statistics to one number"
DAMAGE = {
    "no mean": ({"mean": None}, "has no 'mean'"),
    "no scale": ({"scale": None}, "has no 'scale'"),
    "no biases": ({"1.intercepts.2": None}, "has no '1.intercepts.2'"),
    "a gap of layers": ({"0.coefs.1": None}, "unexpected arrays.*0.coefs.2"),
    "a gap of networks": ({"0.coefs.0": None}, "unexpected arrays.*1.coefs.0"),
    "more": ({"extra": np.zeros(3)}, r"unexpected arrays \['extra'\]"),
    "short mean": ({"mean": np.zeros(124)}, r"mean .* shape \(124,\).*\(125,\)"),
    "wide scale": ({"scale": np.ones((125, 1))}, r"scale .* shape \(125, 1\)"),
    "scale of zero": ({"scale": np.zeros(125)}, "scale .* not above 0"),
    "integers": ({"mean": np.zeros(125, int)}, f"mean .* int64 .*{WRONG_VALUES}"),
    "NaN": ({"0.coefs.0": np.full((125, 6), np.nan)}, f"0.coefs.0 .*{WRONG_VALUES}"),
    "infinity": ({"1.intercepts.0": np.full(6, np.inf)}, WRONG_VALUES),
    "double": ({"1.intercepts.0": np.full(6, 1e300)}, WRONG_VALUES),
    "fewer inputs": ({"0.coefs.0": np.zeros((124, 6))}, NO_WAY),
    "other inputs": ({"0.coefs.1": np.zeros((5, 4))}, NO_WAY),
    "other biases": ({"0.intercepts.0": np.zeros(5)}, NO_WAY),
    "biases of a table": ({"0.intercepts.1": np.zeros((4, 1))}, NO_WAY),
    "a number": ({"0.coefs.0": np.array(1.0)}, NO_WAY),
    "a bias of a number": ({"0.intercepts.2": np.array(1.0)}, NO_WAY),
    "two answers": (
        {"0.coefs.2": np.zeros((4, 2)), "0.intercepts.2": np.zeros(2)},
        NO_WAY,
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_tensors_are_refused(name):
    changes, message = DAMAGE[name]
    tensors = random_regressor().tensors() | changes
    tensors = {name: array for name, array in tensors.items() if array is not None}
    with pytest.raises(ValueError, match=message):
        BlurRegressor.from_tensors(tensors)


def test_tensors_without_networks_are_refused():
    tensors = {"mean": np.zeros(N_STATISTICS), "scale": np.ones(N_STATISTICS)}
    with pytest.raises(ValueError, match="has no networks"):
        BlurRegressor.from_tensors(tensors)


# BlurEstimator


def patches(random_state, n):
    """Sharp squares of the sample photographs, blurred at random, and the sigmas."""
    sigmas = random_state.uniform(0.3, 3.3, n)
    images = []
    for sigma, photo in zip(sigmas, cycle(load_sample_images()), strict=False):
        top, left = random_state.randint(330), random_state.randint(540)
        images.append(blur(photo[top : top + 96, left : left + 96], sigma))
    return np.stack(images), sigmas


@pytest.fixture(scope="module")
def learned():
    X, y = patches(np.random.RandomState(0), 70)
    return BlurEstimator(n_members=2, n_crops=1, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def few():
    return patches(np.random.RandomState(1), 6)


@pytest.fixture
def quick():
    return BlurEstimator(
        hidden_layer_sizes=(4,), n_members=1, n_crops=1, max_iter=2, random_state=3
    )


def test_it_learns(learned):
    X, y = patches(np.random.RandomState(7), 40)
    error = np.abs(learned.predict(X) - y).mean()
    assert error < 0.4 * np.abs(y.mean() - y).mean()
    assert learned.score(X, y) > 0.7
    assert learned.n_samples_seen_ == 140


def test_the_regressor_is_that_of_scikit_learn(learned, few):
    """NumPy and MLPRegressor.predict agree on what the networks say."""
    statistics = np.stack([blur_statistics(image, 255) for image in few[0]])
    values = learned.regressor_.standardise(statistics)
    target = np.mean([net.predict(values) for net in learned._networks], axis=0)
    np.testing.assert_allclose(learned.predict(few[0]), to_sigma(target), atol=2e-3)


def test_layouts_and_types(learned, few):
    X = few[0]
    expected = learned.predict(X)
    assert expected.shape == (6,)
    np.testing.assert_array_equal(learned.predict(list(X)), expected)
    np.testing.assert_array_equal(learned.predict(X[2:3]), expected[2:3])
    for dtype in ("uint16", "float32", "float64"):
        np.testing.assert_array_equal(learned.predict(as_type(X, dtype)[0]), expected)
    grey = X[..., 1]
    np.testing.assert_array_equal(
        learned.predict(grey), learned.predict(np.repeat(grey[..., None], 2, axis=3))
    )
    mixed = learned.predict([grey[0], grey[1, :50]])
    assert mixed[0] == learned.predict(grey[:1])[0]
    scaled = clone(learned).set_params(data_range=510.0)
    scaled.regressor_ = learned.regressor_
    np.testing.assert_array_equal(scaled.predict(X * np.float32(2)), learned.predict(X))


def test_tiles(learned, few):
    image = few[0][0]
    sigmas = learned.predict([image, image[:40]], tile_size=48)
    assert [tiles.shape for tiles in sigmas] == [(2, 2), (1, 2)]
    assert sigmas[0][1, 0] == learned.predict([image[48:, :48]])[0]


def test_same_random_state_same_networks(quick, few):
    first, second = clone(quick).fit(*few), clone(quick).fit(*few)
    other = clone(quick).set_params(random_state=4).fit(*few)
    for name, array in first.regressor_.tensors().items():
        np.testing.assert_array_equal(array, second.regressor_.tensors()[name])
    assert not np.array_equal(first.predict(few[0]), other.predict(few[0]))
    again = first.fit(*few)
    np.testing.assert_array_equal(again.predict(few[0]), second.predict(few[0]))
    drawn = BlurEstimator(random_state=np.random.RandomState(0), n_members=1)
    assert drawn.set_params(max_iter=1).fit(*few).predict(few[0]).shape == (6,)


def test_epochs_are_those_that_were_asked_for(quick, few):
    for max_iter in (1, 2, 3, 11):
        quick.set_params(max_iter=max_iter).fit(*few)
        assert len(quick._networks[0].loss_curve_) == max_iter


def test_parameters_clone_and_pickle(learned, few):
    params = learned.get_params()
    assert clone(learned).get_params() == params
    assert not hasattr(clone(learned), "regressor_")
    again = pickle.loads(pickle.dumps(learned))
    np.testing.assert_array_equal(again.predict(few[0]), learned.predict(few[0]))
    assert again.partial_fit(*few).n_samples_seen_ == learned.n_samples_seen_ + 12


def test_partial_fit_goes_on(quick, few):
    """From `fit` on, with batches of any size; the standardisation stays."""
    X, y = few
    estimator = quick.partial_fit(X, y)
    np.testing.assert_array_equal(
        estimator.predict(X), clone(quick).fit(X, y).predict(X)
    )
    before = estimator.regressor_
    estimator.partial_fit(X[:2], y[:2])
    estimator.partial_fit(list(X), y)
    assert estimator.n_samples_seen_ == 12 + 4 + 12
    np.testing.assert_array_equal(estimator.regressor_.mean, before.mean)
    weights = [part.members[0][0][0] for part in (before, estimator.regressor_)]
    assert 0 < np.abs(weights[0] - weights[1]).max() < 0.1


def test_partial_fit_draws_other_crops_each_time(quick, few, monkeypatch):
    from pydbcnn._blur_estimation import estimator as _blur_estimator

    drawn = []
    crop = _blur_estimator._crop

    def recorded(image, random_state):
        drawn.append(crop(image, random_state).shape)
        return crop(image, random_state)

    monkeypatch.setattr(_blur_estimator, "_crop", recorded)
    quick.fit(*few).partial_fit(*few)
    assert drawn[:6] != drawn[6:]
    assert min(min(shape[:2]) for shape in drawn) >= 64


def test_around_a_regressor_it_predicts_and_stays(learned, few):
    estimator = BlurEstimator.from_regressor(learned.regressor_)
    expected = learned.predict(few[0])
    np.testing.assert_array_equal(estimator.predict(few[0]), expected)
    assert estimator.get_params()["n_members"] == 2
    assert estimator.partial_fit(*few) is estimator
    np.testing.assert_array_equal(estimator.predict(few[0]), expected)
    assert estimator.n_samples_seen_ == 0
    estimator.set_params(max_iter=1, random_state=0).fit(*few)
    assert estimator.n_samples_seen_ == 18


def test_small_and_plain_images(quick):
    images = [np.zeros((1, 1)), np.ones((5, 3)), np.full((70, 2), 0.5)]
    estimator = quick.fit(images, [0.0, 1.0, 2.0])
    assert np.isfinite(estimator.predict(images)).all()
    alone = clone(quick).set_params(n_crops=0, hidden_layer_sizes=())
    assert np.isfinite(alone.fit(images[:1], [1.0]).predict(images)).all()


BAD_PARAMETERS = {
    "hidden_layer_sizes": (5, "'hidden_layer_sizes'.*5"),
    "n_members": (0, "'n_members'.*0"),
    "n_crops": (-1, "'n_crops'.*-1"),
    "alpha": (-0.1, "'alpha'.*-0.1"),
    "max_iter": (0, "'max_iter'.*0"),
    "data_range": (0.0, "'data_range'.*0.0"),
    "random_state": ("much", "'random_state'.*'much'"),
}


@pytest.mark.parametrize("name", BAD_PARAMETERS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_parameters_are_named(quick, few, method, name):
    value, message = BAD_PARAMETERS[name]
    with pytest.raises(ValueError, match=message):
        getattr(quick.set_params(**{name: value}), method)(*few)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0] * 5, r"X holds 6 image\(s\) but y 5 sigma\(s\)"),
        ([0.0, 1.0, -2.0, 1.0, -1.0, 0.0], r"y\[2\] is -2.0, which is no blur"),
        ([np.nan] * 6, r"y\[0\] is nan"),
        ([1.0] * 5 + [np.inf], r"y\[5\] is inf"),
        ([1e300] * 6, r"y\[0\] is 1e\+300"),
        (np.ones((6, 2)), "1d array"),
        (None, "1d array"),
        (["much"] * 6, "could not convert string"),
    ],
)
def test_bad_sigmas_are_named(quick, few, y, message):
    for method in (quick.fit, quick.partial_fit):
        with pytest.raises(ValueError, match=message):
            method(few[0], y)
    assert not hasattr(quick, "regressor_")


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((1, 4, 4), int), TypeError, "int64"),
        (np.zeros((4, 4)), ValueError, r"X\[np.newaxis\]"),
        (np.full((1, 4, 4), np.nan), ValueError, "NaN"),
        (np.zeros((0, 4, 4)), ValueError, "empty"),
        ([np.zeros((4, 4)), np.zeros((4, 4, 3))], ValueError, "same channels"),
    ],
)
def test_bad_images_are_named(learned, X, error, message):
    with pytest.raises(error, match=message):
        learned.predict(X)
    with pytest.raises(error, match=message):
        clone(learned).fit(X, [1.0])


def test_other_errors(learned, few):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError, match="not fitted"):
        BlurEstimator().predict(few[0])
    with pytest.raises(ValueError, match=r"tile_size=16.*at least 32"):
        learned.predict(few[0], tile_size=16)


def test_a_fit_that_fails_leaves_the_last_one(quick, few):
    expected = quick.fit(*few).predict(few[0])
    with pytest.raises(ValueError, match="hidden_layer_sizes must be > 0"):
        quick.set_params(hidden_layer_sizes=(0,)).fit(*few)
    np.testing.assert_array_equal(quick.predict(few[0]), expected)
    assert quick.partial_fit(*few).n_samples_seen_ == 24


@pytest.mark.parametrize("noise", [0, 2])
def test_without_edges_there_is_nothing_to_undo(noise):
    """Plain areas and gentle slopes; half a step of 24 levels is enough to see."""
    told = regressor_that_says(2.0)
    random_state = np.random.RandomState(0)
    plain = np.full((80, 90, 1), 120.0)
    slope = plain + np.arange(90)[:, np.newaxis]
    step = plain + 24 * (np.arange(90)[:, np.newaxis] > 40)
    for image, expected in ((plain, 0.0), (slope, 0.0), (step, 2.0)):
        noisy = image + random_state.normal(scale=noise, size=image.shape)
        noisy = noisy.round().astype(np.uint8)
        assert told.cautious_sigma(noisy, 255.0) == expected
        assert told.sigma(noisy, 255.0) == 2.0


def test_caution_follows_doubt():
    """Half a standard deviation of what the networks say below their mean."""
    image = np.zeros((40, 40, 1))
    image[10:30] = 1.0
    sigmas = np.array([1.0, 1.5, 1.7])
    members = tuple(regressor_that_says(sigma).members[0] for sigma in sigmas)
    agreed = regressor_that_says(1.5)
    in_doubt = BlurRegressor(agreed.mean, agreed.scale, members)
    targets = np.hypot(sigmas, 0.3)
    low, middle = (
        np.sqrt((targets.mean() - caution * targets.std()) ** 2 - 0.3**2)
        for caution in (0.5, 0.0)
    )
    assert in_doubt.sigma(image, 1.0) == pytest.approx(middle, abs=1e-3)
    assert in_doubt.cautious_sigma(image, 1.0) == pytest.approx(low, abs=1e-3)
    assert agreed.cautious_sigma(image, 1.0) == agreed.sigma(image, 1.0) == 1.5


def test_a_small_subject_is_enough_to_undo_a_blur():
    """One part in a hundred of the image."""
    random_state = np.random.RandomState(0)
    image = np.full((400, 400, 1), 200, np.uint8)
    detail = blur(random_state.randint(0, 256, (40, 40, 1)).astype(np.uint8), 1.5)
    image[100:140, 200:240] = detail
    assert regressor_that_says(1.5).cautious_sigma(image, 255.0) == 1.5
