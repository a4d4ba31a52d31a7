"""BlurEstimator learns from images whose blur is known, and tells that of others."""

import pickle
from itertools import cycle

import numpy as np
import pytest
from image_samples import as_type, blur
from sklearn.base import clone

from pydbcnn import BlurEstimator
from pydbcnn._blur_estimation.regressor import to_sigma
from pydbcnn._blur_estimation.statistics import blur_statistics
from pydbcnn.datasets import load_sample_images


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
    """It begins as a fit, takes batches of any size, and keeps the standardisation."""
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
    from pydbcnn._blur_estimation import estimator as estimator_module

    drawn = []
    crop = estimator_module._crop

    def recorded(image, random_state):
        drawn.append(crop(image, random_state).shape)
        return crop(image, random_state)

    monkeypatch.setattr(estimator_module, "_crop", recorded)
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
