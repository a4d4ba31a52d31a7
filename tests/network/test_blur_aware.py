"""Weights that depend on the blur: the filter, the polynomials, and learning them."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial import chebyshev
from scipy import integrate
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from pydbcnn import BlurEstimator, DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn._network import inverse_filter as _inverse_filter
from pydbcnn._network.blur_aware import BlurAwareNetwork
from pydbcnn._network.inverse_filter import (
    MAX_RADIUS,
    filter_radius,
    gaussian_weights,
    inverse_filter,
)
from pydbcnn._network.learned_arrays import LearnedArrays
from pydbcnn._network.network import Network, unfold
from pydbcnn._pixels.gaussian import gaussian_blur
from pydbcnn._restoration.model import SHARP_BELOW
from pydbcnn._training.checkpoint import Checkpoint
from pydbcnn._training.loop import Schedule, Training
from pydbcnn._training.sampling import Group, RandomPatches
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.backends.optimizers import Adam
from pydbcnn.backends.reference import ReferenceBackend
from pydbcnn.datasets import load_sample_images
from pydbcnn.metrics import peak_signal_noise_ratio

SIGMAS = (0.4, 1.0, 1.7, 3.0, 5.0)
NETWORK = Network(1, 1, (4, 3), (3, 1, 3))

# ------------------------------------------------------------------ the inverse filter


def transform_of_blur(sigma, frequency):
    """Of a sampled Gaussian, cut at four sigmas."""
    at = np.arange(-math.ceil(4 * sigma), math.ceil(4 * sigma) + 1)
    weights = np.exp(-0.5 * (at / sigma) ** 2)
    return np.cos(np.multiply.outer(frequency, at)) @ (weights / weights.sum())


def spectra(sigma, frequency):
    """The blur and the power of images on a grid, and the power of the noise."""
    line = transform_of_blur(sigma, frequency)
    squared = np.add.outer(frequency**2, frequency**2)
    return np.outer(line, line), 1 / (squared + 0.01**2), 1e-4 / max(1.0, sigma)


def transform_of_filter(kernel, frequency):
    """Of a symmetric kernel, by the definition."""
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
        monkeypatch.setattr(_inverse_filter, "filter_radius", lambda _, r=radius: r)
        kernel = unfold(inverse_filter.__wrapped__(sigma))
        difference = (transform_of_filter(kernel, frequency) - wiener) * counts
        errors.append(np.linalg.norm(difference) / np.linalg.norm(wiener * counts))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 1e-3


@pytest.mark.parametrize("sigma", SIGMAS)
def test_no_change_that_keeps_the_sum_makes_the_filter_better(sigma):
    """The slope of the expected error, integrated by Simpson's rule, is zero.

    Compared with the slope at the identity, where the filter is far from the best. The
    spectrum of images has a peak of 0.01 radians at 0, which no change that keeps the
    sum sees.
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
    """Better than nothing, and better than filters for a blur 20 % off."""
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


# ------------------------------------------------------- from sigma to a plain network

FORMS = {
    "polynomials": (NETWORK, 3, False),
    "filter": (NETWORK, 1, True),
    "both": (NETWORK, 3, True),
    "back-projections": (replace(NETWORK, n_back_projections=2), 2, False),
    "all": (replace(NETWORK, n_back_projections=1, combine=True), 3, True),
    "combine": (replace(NETWORK, combine=True, residual=False), 2, False),
    "plain": (replace(NETWORK, n_back_projections=1, combine=True), 1, False),
}


def weights_of(form, sigma_range=(0.5, 1.5)):
    network, n_functions, has_filter = FORMS[form]
    return BlurAwareNetwork.around(network, n_functions, has_filter, sigma_range)


def random_params(weights, seed=0):
    random_state = np.random.RandomState(seed)
    params = weights.initial_params(random_state, np.float64)
    return params + random_state.normal(scale=0.1, size=params.size)


@pytest.mark.parametrize("sigma", [0.3, 0.42, 1.0, 2.99, 3.0])
def test_basis_is_chebyshevs(sigma):
    weights = BlurAwareNetwork(NETWORK, 6, False, (0.3, 3.0))
    place = np.log10(sigma / 0.3) * 2 - 1
    expected = [chebyshev.Chebyshev.basis(k)(place) for k in range(6)]
    np.testing.assert_allclose(weights.basis(sigma), expected, atol=1e-12)


def test_a_sigma_outside_counts_as_the_nearest_end():
    weights = weights_of("both", (0.5, 1.5))
    np.testing.assert_array_equal(weights.basis(0.1), [1, -1, 1])
    np.testing.assert_array_equal(weights.basis(-2.0), [1, -1, 1])
    np.testing.assert_array_equal(weights.basis(9.0), [1, 1, 1])
    params = random_params(weights)
    for outside, end in ((0.0, 0.5), (7.0, 1.5)):
        network, plain = weights.at(params, outside)
        expected_network, expected = weights.at(params, end)
        assert network == expected_network
        np.testing.assert_array_equal(plain, expected)


def test_ends_that_are_no_hundredths_stay_within_the_polynomials():
    """Sigma counts to 0.01, which may lie beyond the end."""
    weights = BlurAwareNetwork.around(NETWORK, 4, True, (0.4949, 1.7451))
    for sigma in (0.0, 0.4949, 1.7451, 9.0):
        assert np.abs(weights.basis(sigma)).max() <= 1
        network, _ = weights.at(random_params(weights), sigma)
        assert network.radius <= weights.radius


@pytest.mark.parametrize("form", FORMS)
def test_plain_parameters_are_linear_in_all(form):
    """But for Gaussians and filter, which are added: differences are linear."""
    weights = weights_of(form)
    a, b = random_params(weights, 1), random_params(weights, 2)
    nothing = np.zeros_like(a)

    def at(params):
        return weights.at(params, 0.9)[1] - weights.at(nothing, 0.9)[1]

    np.testing.assert_allclose(at(2 * a - 3 * b), 2 * at(a) - 3 * at(b), atol=1e-12)


@pytest.mark.parametrize("form", ["polynomials", "all", "back-projections"])
def test_plain_parameters_are_the_sum_of_polynomials(form):
    weights = weights_of(form)
    params = random_params(weights)
    place = 2 * np.log(0.9 / 0.5) / np.log(3.0) - 1
    expected = chebyshev.chebval(place, weights.parts(params))
    network, plain = weights.at(params, 0.9)
    for coef, other in zip(
        network.views(plain)[0], weights.bare.views(expected)[0], strict=True
    ):
        np.testing.assert_allclose(coef, other, atol=1e-12)


def test_without_anything_that_depends_it_is_the_plain_network():
    weights = weights_of("plain")
    params = weights.initial_params(np.random.RandomState(0))
    network, plain = weights.at(params)
    assert network is FORMS["plain"][0]
    assert plain is params
    expected = network.initial_params(np.random.RandomState(0))
    assert params.tobytes() == expected.tobytes()
    assert weights.gradient(params) is params


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.4])
def test_kernels_that_blur_again_start_as_the_gaussian(sigma):
    weights = weights_of("all")
    params = weights.initial_params(np.random.RandomState(0), np.float64)
    network, plain = weights.at(params, sigma)
    ((kernel, projection),) = network.back_projection_views(plain)
    impulse = shifted(8, (0, 0))
    np.testing.assert_allclose(kernel, gaussian_blur(impulse, sigma), atol=1e-6)
    assert not projection.any()
    np.testing.assert_array_equal(network.filter_view(plain), inverse_filter(sigma))


def test_training_starts_alike_for_every_sigma():
    weights = weights_of("polynomials")
    params = weights.initial_params(np.random.RandomState(0))
    expected = NETWORK.initial_params(np.random.RandomState(0))
    for sigma in (0.5, 0.8, 1.5):
        np.testing.assert_array_equal(weights.at(params, sigma)[1], expected)


@pytest.mark.parametrize("form", FORMS)
def test_radius_is_that_of_the_widest_filter(form):
    weights = weights_of(form, (0.5, 1.5))
    params = random_params(weights)
    radii = [weights.at(params, sigma)[0].radius for sigma in (0.5, 1.0, 1.5)]
    assert max(radii) == weights.radius
    assert (len(set(radii)) > 1) == weights.inverse_filter
    side = weights.network.filter_size
    assert side == (2 * filter_radius(1.5) + 1 if weights.inverse_filter else 1)


def group_for(weights, sigma, seed=3, n=2, size=5):
    random_state = np.random.RandomState(seed)
    side = size + 2 * weights.radius
    patches = random_state.uniform(size=(n, side, side, 1))
    targets = random_state.uniform(size=(n, size, size, 1))
    return Group(patches, targets, sigma)


def training_of(weights, params, **schedule):
    defaults = dict(
        solver="sgd",
        learning_rate="constant",
        learning_rate_init=0.01,
        alpha=0.0,
        max_iter=1,
        tol=0.0,
        n_iter_no_change=10,
        early_stopping=False,
    )
    training = Training(weights, params, None, np.random.RandomState(0))
    training.start_run(Schedule(**defaults | schedule))
    return training


@pytest.mark.parametrize("loss", ["squared_error", "log_squared_error"])
@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_slopes_of_the_loss(form, loss):
    """From all parameters, through sigma and the network, to the loss."""
    weights = weights_of(form)
    group = group_for(weights, 0.9 if weights.needs_sigma else None)
    backend = ReferenceBackend()

    def at(params):
        training = training_of(weights, params, loss=loss)
        return training._loss_and_gradient(backend, group)

    params = random_params(weights)
    direction = np.random.RandomState(5).normal(size=params.size)
    step = 1e-7 * direction  # short: the rectifiers have kinks
    slope = (at(params + step)[0] - at(params - step)[0]) / 2e-7
    assert at(params)[1] @ direction == pytest.approx(slope, rel=1e-5)


# ---------------------------------------------------------------------------- training


class Recorder:
    """A solver that keeps the gradients it was given."""

    def __init__(self):
        self.gradients = []

    def update(self, params, gradient, learning_rate):
        self.gradients.append(gradient.copy())


def step_of(weights, params, groups, **schedule):
    """Loss and gradient of a batch."""
    training = training_of(weights, params, **schedule)
    training.optimizer = Recorder()
    loss = training._step(ReferenceBackend(), groups, 0.01)
    return loss, training.optimizer.gradients[0]


def test_logarithm_of_the_error():
    weights = weights_of("plain")
    params, group = random_params(weights), group_for(weights_of("plain"), None)
    half, gradient = ReferenceBackend().loss_and_gradient(
        weights.network, params, group.patches, group.targets
    )
    loss, shortened = step_of(weights, params, [group], loss="log_squared_error")
    assert loss == pytest.approx(np.log(2 * half + 1e-6) / 2)
    expected = gradient / (2 * half + 1e-6)
    expected /= max(1.0, np.linalg.norm(expected))
    np.testing.assert_allclose(shortened, expected, rtol=1e-9)


@pytest.mark.parametrize("loss", ["squared_error", "log_squared_error"])
def test_groups_of_a_batch_count_by_their_patches(loss):
    weights = weights_of("polynomials")
    params = 0.01 * random_params(weights)  # short gradients, which are not cut
    groups = [group_for(weights, 0.6, 1, n=3), group_for(weights, 1.4, 2, n=1)]
    parts = [step_of(weights, params, [group], loss=loss) for group in groups]
    assert max(np.linalg.norm(gradient) for _, gradient in parts) < 1
    value, gradient = step_of(weights, params, groups, loss=loss)
    assert value == pytest.approx(0.75 * parts[0][0] + 0.25 * parts[1][0])
    np.testing.assert_allclose(
        gradient, 0.75 * parts[0][1] + 0.25 * parts[1][1], atol=1e-12
    )


def test_gradients_of_the_logarithm_are_cut_to_a_length_of_one():
    weights = weights_of("plain")
    params = 3 * random_params(weights)
    group = group_for(weights, None)
    _, gradient = step_of(weights, params, [group], loss="log_squared_error")
    assert np.linalg.norm(gradient) == pytest.approx(1)
    _, long = step_of(weights, params, [group])
    assert np.linalg.norm(long) > 1
    np.testing.assert_allclose(gradient, long / np.linalg.norm(long), rtol=1e-9)


def test_penalty_is_of_the_layers_of_every_polynomial():
    weights = weights_of("all")
    params, group = random_params(weights), group_for(weights_of("all"), 0.9)
    loss, gradient = step_of(weights, params, [group])
    penalised, slope = step_of(weights, params, [group], alpha=0.5)
    expected, total = np.zeros_like(params), 0.0
    for part, into in zip(weights.parts(params), weights.parts(expected), strict=True):
        for values, places in zip(
            weights.bare.views(part)[0], weights.bare.views(into)[0], strict=True
        ):
            places[:] = 0.5 / 2 * values  # divided by two patches
            total += (values**2).sum()
    np.testing.assert_allclose(slope - gradient, expected, atol=1e-12)
    assert penalised - loss == pytest.approx(0.5 / 2 * total / 2)


def sampler_of(sigmas, **params):
    """Images whose pixels tell which they are."""
    images = [np.full((40, 40, 1), index, np.float32) for index in range(len(sigmas))]
    defaults = dict(scale=1.0, radius=2, patch_size=8, batch_size=32, shuffle=True)
    return RandomPatches(images, images, sigmas=sigmas, **defaults | params)


def test_batches_see_few_images_each_with_its_sigma():
    sigmas = np.linspace(0.5, 3, 6)
    seen = set()
    for groups in sampler_of(sigmas).batches(np.random.RandomState(0)):
        assert sum(len(group.patches) for group in groups) == 32
        for group in groups:
            (index,) = np.unique(group.targets)
            assert np.unique(group.patches) == index
            assert group.sigma == sigmas[int(index)]
            assert len(group.patches) % 8 == 0
            seen.add(index)
    assert len(seen) > 3


def test_grids_group_by_image_too():
    sampler = sampler_of(np.array([1.0, 2.0]), shuffle=False, batch_size=20)
    sizes = [
        [(group.sigma, len(group.patches)) for group in groups]
        for groups in sampler.batches(np.random.RandomState(0))
    ]
    assert sizes == [[(1.0, 20)], [(1.0, 5), (2.0, 15)], [(2.0, 10)]]


def test_noise_of_sigma_is_drawn_anew_each_time():
    sampler = sampler_of(np.full(3, 2.0), sigma_noise=0.1)
    random_state = np.random.RandomState(0)
    drawn = [
        group.sigma
        for _ in range(60)
        for groups in sampler.batches(random_state)
        for group in groups
    ]
    assert len(set(drawn)) == len(drawn) > 300
    assert np.mean(drawn) == pytest.approx(2.0, abs=0.02)
    assert np.std(drawn) == pytest.approx(0.1, rel=0.1)


def test_the_plain_way_is_epochs_of_batches_and_nothing_else(sharp, blurred):
    """Bit for bit the loop that one would write."""
    model = quick(n_basis_functions=1, inverse_filter=False, loss="squared_error")
    model.fit(blurred, sharp)
    random_state = np.random.RandomState(0)
    network = Network(3, 3, (4, 3), (3, 1, 3))
    params = network.initial_params(random_state)
    sampler = RandomPatches(
        list(blurred),
        list(sharp),
        scale=255,
        radius=2,
        patch_size=16,
        batch_size=16,
        shuffle=True,
    )
    solver, backend, done = Adam(params.size), CpuBackend(), 0
    for _ in range(2):
        for (group,) in sampler.batches(random_state):
            _, gradient = backend.loss_and_gradient(
                network, params, group.patches, group.targets
            )
            wave = (1 + math.cos(math.pi * done / (2 * sampler.n_batches))) / 2
            solver.update(params, gradient, 0.001 * (0.01 + 0.99 * wave))
            done += 1
    for coef, expected in zip(model.coefs_, network.views(params)[0], strict=True):
        np.testing.assert_array_equal(coef, expected)


# ----------------------------------------------------------------------- the estimator


def quick(**params):
    defaults = dict(
        n_filters=(4, 3),
        kernel_sizes=(3, 1, 3),
        n_basis_functions=2,
        inverse_filter=True,
        loss="log_squared_error",
        blur_estimator=BlurEstimator(
            hidden_layer_sizes=(4,), n_members=1, n_crops=0, max_iter=2
        ),
        patch_size=16,
        batch_size=16,
        learning_rate="cosine",
        max_iter=2,
        random_state=0,
    )
    return DBCNNDeblurrer(**defaults | params)


@pytest.fixture(scope="module")
def soft(sharp):
    """The six sharp images, each with a blur of its own, from 0.6 to 1.6."""
    return np.stack(
        [
            GaussianBlurTransformer(sigma).transform(image[np.newaxis])[0]
            for sigma, image in zip(np.linspace(0.6, 1.6, 6), sharp, strict=True)
        ]
    )


@pytest.fixture(scope="module")
def aware(soft, sharp):
    """A fitted estimator that depends on the blur; tests do not change it."""
    return quick(sigma_noise=0.05).fit(soft, sharp)


def bits(model):
    """All that a model has learned."""
    arrays = model._params().tobytes()
    estimator = model.blur_estimator_
    if estimator is None:
        return arrays
    tensors = estimator.regressor_.tensors()
    return arrays + b"".join(tensors[name].tobytes() for name in sorted(tensors))


def test_attributes(aware):
    assert [coef.shape for coef in aware.coefs_] == [
        (2, 3, 3, 3, 4),
        (2, 1, 1, 4, 3),
        (2, 3, 3, 3, 3),
    ]
    assert [bias.shape for bias in aware.intercepts_] == [(2, 4), (2, 3), (2, 3)]
    assert aware.back_projection_coefs_ == []
    assert aware.combination_coefs_ is None
    assert aware.sigma_range_ == pytest.approx((0.6, 1.6), abs=0.03)
    assert aware.radius_ == filter_radius(aware.sigma_range_[1]) + 2
    assert isinstance(aware.blur_estimator_, BlurEstimator)
    assert any(coef[1].any() for coef in aware.coefs_)


@pytest.mark.parametrize(
    ("n_functions", "n_back_projections", "combine"),
    [(1, 1, False), (1, 0, True), (2, 1, True)],
)
def test_arrays_of_what_is_around_the_layers(n_functions, n_back_projections, combine):
    network = replace(NETWORK, n_back_projections=n_back_projections, combine=combine)
    weights = BlurAwareNetwork(network, n_functions)
    params = random_params(weights)
    arrays = LearnedArrays.of(weights, params)
    first = (n_functions,) if n_functions > 1 else ()
    shapes = [(*first, 17, 17), (*first, 9, 9)]
    assert [[a.shape for a in pair] for pair in arrays.back_projections] == (
        [shapes] * n_back_projections
    )
    assert (arrays.combination is not None) == combine
    np.testing.assert_array_equal(arrays.flatten(weights, float), params)
    assert not any(np.shares_memory(params, array) for array in arrays.coefs)


def test_the_filter_alone_is_worth_something(soft, sharp):
    """Before anything is learned: the layers start near zero."""
    model = quick(n_basis_functions=1, learning_rate_init=1e-9).fit(soft, sharp)
    before = peak_signal_noise_ratio(sharp, soft)
    sigmas = np.linspace(0.6, 1.6, 6)
    assert model.score(soft, sharp, sigmas) > before + 2
    assert model.score(soft, sharp, sigmas) > model.score(soft, sharp, 1.3 * sigmas)


def test_weights_learn_what_each_blur_needs(soft, sharp):
    """Without filter: with polynomials, the known blur is worth something."""
    del soft
    sigmas = np.array([0.5, 2.0] * 3)
    soft = np.concatenate(
        [
            GaussianBlurTransformer(sigma).transform(image[np.newaxis])
            for sigma, image in zip(sigmas, sharp, strict=True)
        ]
    )
    params = dict(inverse_filter=False, max_iter=60, learning_rate_init=0.003)
    one = quick(n_basis_functions=1, **params).fit(soft, sharp)
    two = quick(n_basis_functions=2, **params).fit(soft, sharp)
    assert two.loss_curve_[-1] < two.loss_curve_[0] - 0.1
    assert two.score(soft, sharp, sigmas) > one.score(soft, sharp) + 0.3
    assert two.score(soft, sharp, sigmas) > two.score(soft, sharp, sigmas[::-1]) + 1


@pytest.mark.parametrize("form", [{"n_back_projections": 1}, {"combine": True}])
def test_what_is_around_the_layers_learns(soft, sharp, form):
    model = quick(
        n_basis_functions=1,
        inverse_filter=False,
        loss="squared_error",
        learning_rate_init=0.003,
        max_iter=15,
        **form,
    ).fit(soft, sharp)
    assert model.blur_estimator_ is None
    assert model.sigma_range_ is None
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]
    assert model.score(soft, sharp) > peak_signal_noise_ratio(sharp, soft)
    if model.n_back_projections:
        assert model.back_projection_coefs_[0][1].any()  # it began as zeros
    else:
        assert model.combination_coefs_[0].any()


def test_same_seed_same_bits_whatever_the_threads(soft, sharp, aware, monkeypatch):
    expected = bits(aware)
    for n_threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", n_threads)
        assert bits(quick(sigma_noise=0.05).fit(soft, sharp)) == expected
    other = quick(sigma_noise=0.05, random_state=1).fit(soft, sharp)
    assert bits(other) != expected


def test_stacks_and_lists_learn_the_same(soft, sharp, aware):
    model = quick(sigma_noise=0.05).fit(list(soft), list(sharp))
    assert bits(model) == bits(aware)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_an_interrupted_run_ends_with_the_same_bits(
    soft, sharp, tmp_path, monkeypatch, solver
):
    params = dict(max_iter=4, early_stopping=True, sigma_noise=0.05, solver=solver)
    expected = quick(**params).fit(soft, sharp)
    epoch = Training.epoch

    def interrupted(self, backend, sampler, on_batch=None):
        if self.n_iter == 2:
            raise KeyboardInterrupt
        return epoch(self, backend, sampler, on_batch)

    checkpoint = Checkpoint(tmp_path / "state.safetensors", {})
    monkeypatch.setattr(Training, "epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quick(**params)._fit(soft, sharp, checkpoint=checkpoint)
    monkeypatch.setattr(Training, "epoch", epoch)
    model = quick(**params)._fit(soft, sharp, checkpoint=checkpoint)
    assert bits(model) == bits(expected)
    assert model.loss_curve_ == expected.loss_curve_
    assert model.validation_scores_ == expected.validation_scores_


def test_early_stopping_judges_by_the_known_blur(soft, sharp):
    model = quick(early_stopping=True, max_iter=3, validation_fraction=0.4)
    model.fit(soft, sharp)
    assert len(model.validation_scores_) == 3
    assert model.best_validation_score_ == max(model.validation_scores_)
    random_state = np.random.RandomState(0)
    model._weights.initial_params(random_state)
    held_out = np.sort(random_state.permutation(6)[:2])
    # The blur is that which was found by comparing the images, close to the true one.
    score = model.score(
        soft[held_out], sharp[held_out], np.linspace(0.6, 1.6, 6)[held_out]
    )
    assert score == pytest.approx(model.best_validation_score_, abs=0.1)


def test_partial_fit_goes_on_with_weights_and_estimator(soft, sharp):
    model = quick().partial_fit(soft, sharp)
    first, estimator = bits(model), model.blur_estimator_
    twin = pickle.loads(pickle.dumps(model))
    for each in (model, twin):
        each.partial_fit(soft[::-1], sharp[::-1])
    assert estimator.n_samples_seen_ < model.blur_estimator_.n_samples_seen_
    assert bits(model) == bits(twin) != first
    assert model.sigma_range_ == pytest.approx((0.6, 1.6), abs=0.03)


def test_warm_start_keeps_the_range_and_the_form(soft, sharp):
    model = quick(warm_start=True).fit(soft, sharp)
    first, sigma_range = bits(model), model.sigma_range_
    model.fit(soft[2:4], sharp[2:4])
    assert bits(model) != first
    assert model.sigma_range_ == sigma_range
    for change in (
        {"n_basis_functions": 3},
        {"inverse_filter": False},
        {"n_back_projections": 1},
        {"combine": True},
    ):
        other = pickle.loads(pickle.dumps(model)).set_params(**change)
        with pytest.raises(ValueError, match=r"belong to .*warm_start=False"):
            other.fit(soft, sharp)


def test_a_failed_fit_leaves_the_model_as_it_was(soft, sharp, aware):
    model = pickle.loads(pickle.dumps(aware))
    model.set_params(n_basis_functions=1, inverse_filter=False, solver="sgd")
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(learning_rate_init=1e9).fit(soft, sharp)
    assert bits(model) == bits(aware)
    np.testing.assert_array_equal(model.predict(soft), aware.predict(soft))


def test_frozen_estimators_are_left_alone(soft, sharp, aware):
    inner = pickle.loads(pickle.dumps(aware.blur_estimator_))
    frozen = FrozenEstimator(inner)
    before = inner.regressor_.tensors()["mean"].copy()
    model = quick(blur_estimator=frozen).fit(soft, sharp).partial_fit(soft, sharp)
    assert model.blur_estimator_ is frozen
    np.testing.assert_array_equal(inner.regressor_.tensors()["mean"], before)
    np.testing.assert_array_equal(model.estimate_blur(soft), inner.predict(soft))
    with pytest.raises(NotFittedError, match="not fitted"):
        quick(blur_estimator=FrozenEstimator(BlurEstimator())).fit(soft, sharp)


def test_what_was_passed_in_is_not_changed(soft, sharp, aware):
    given = quick().blur_estimator
    quick(blur_estimator=given).fit(soft, sharp)
    assert not hasattr(given, "regressor_")
    assert given.random_state is None
    fitted = pickle.loads(pickle.dumps(aware.blur_estimator_))
    model = from_weights(aware, blur_estimator=fitted)
    before = fitted.n_samples_seen_
    model.partial_fit(soft, sharp)
    assert fitted.n_samples_seen_ == before < model.blur_estimator_.n_samples_seen_
    with pytest.raises(NotFittedError, match="not fitted"):
        from_weights(aware, blur_estimator=BlurEstimator())


def test_estimators_share_the_range_of_the_network(soft, sharp, aware):
    floats = [images.astype(np.float32) for images in (soft, sharp)]
    model = quick(sigma_noise=0.05, data_range=255.0).fit(*floats)
    assert model.blur_estimator_.data_range == 255.0
    np.testing.assert_array_equal(
        model.estimate_blur(floats[0]), aware.estimate_blur(soft)
    )


def test_another_estimator_is_refused(soft, sharp):
    from sklearn.linear_model import Ridge

    with pytest.raises(ValueError, match=r"'blur_estimator' .*BlurEstimator.*Ridge"):
        quick(blur_estimator=Ridge()).fit(soft, sharp)


def test_composition(soft, sharp, aware):
    copy = clone(aware)
    assert not hasattr(copy, "coefs_")
    assert copy.blur_estimator is not aware.blur_estimator
    assert copy.get_params(deep=False).keys() == aware.get_params(deep=False).keys()
    assert copy.get_params()["blur_estimator__n_members"] == 1
    again = pickle.loads(pickle.dumps(aware))
    np.testing.assert_array_equal(again.predict(soft), aware.predict(soft))
    search = GridSearchCV(
        quick(max_iter=1), {"n_basis_functions": [1, 2]}, cv=2, n_jobs=2
    ).fit(soft, sharp)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    alone = quick(max_iter=1, **search.best_params_).fit(soft, sharp)
    assert bits(search.best_estimator_) == bits(alone)


def test_predict_with_a_known_blur_is_the_plain_network_for_it(soft, aware):
    """Through the reference: w + F with the filter and the polynomials of sigma."""
    sigmas = [0.7, 1.0, 1.3]
    images = soft[:3] / 255.0
    expected = np.concatenate(
        [
            ReferenceBackend().forward(
                *aware._weights.at(aware._params().astype(float), sigma),
                image[np.newaxis],
                data_range=1.0,
            )
            for sigma, image in zip(sigmas, images, strict=True)
        ]
    )
    for given in (sigmas, tuple(sigmas), np.array(sigmas)):
        np.testing.assert_allclose(aware.predict(images, given), expected, atol=1e-5)
    for given in (1.0, np.float32(1.0), np.array(1.0), [1.0] * 3):
        np.testing.assert_allclose(
            aware.predict(images, given)[1], expected[1], atol=1e-5
        )
    as_list = aware.predict([images[0], images[1, :20, :30]], sigmas[:2])
    np.testing.assert_allclose(as_list[0], expected[0], atol=1e-5)
    assert as_list[1].shape == (20, 30, 3)
    tiles = [np.full((2, 3), sigma) for sigma in sigmas]
    varying = aware.predict(images, sigma=tiles)
    # Between levels of sigma, estimates are interpolated.
    np.testing.assert_allclose(varying, expected, atol=0.05)
    np.testing.assert_array_equal(aware.predict(images, 0.0), images)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_types_come_back(soft, aware, dtype):
    factor = {"uint8": 1, "uint16": 257}.get(dtype, 1 / 255)
    images = (soft[:2] * np.float64(factor)).astype(dtype)
    output = aware.predict(images, 1.0)
    assert output.dtype == dtype
    expected = aware.predict(soft[:2] / 255.0, 1.0) * 255 * factor
    if dtype.startswith("u"):
        expected = np.clip(np.rint(expected), 0, np.iinfo(dtype).max)
    np.testing.assert_allclose(output, expected, atol=1.0 if factor >= 1 else 1e-5)


def test_blind_prediction_is_that_for_the_estimate(soft, aware):
    regressor = aware.blur_estimator_.regressor_
    cautious = np.array([regressor.cautious_sigma(image, 255.0) for image in soft])
    assert (cautious <= aware.estimate_blur(soft)).all()
    undone = np.where(cautious < SHARP_BELOW, 0.0, cautious)
    np.testing.assert_array_equal(aware.predict(soft), aware.predict(soft, undone))
    expected = peak_signal_noise_ratio(soft, aware.predict(soft, 1.0))
    assert aware.score(soft, soft, 1.0) == pytest.approx(expected)


def test_grey_images_learn_and_predict(soft, sharp):
    flat, deep = (
        quick().fit(*(images[..., 1:2].reshape(shape) for images in (soft, sharp)))
        for shape in (soft.shape[:3], (*soft.shape[:3], 1))
    )
    assert bits(flat) == bits(deep)
    np.testing.assert_array_equal(
        flat.predict(soft[..., 1], 1.0),
        deep.predict(soft[..., 1:2], 1.0)[..., 0],
    )


def from_weights(model, **params):
    keep = dict(sigma_range=model.sigma_range_, inverse_filter=model.inverse_filter)
    return DBCNNDeblurrer.from_weights(model.coefs_, model.intercepts_, **keep | params)


def test_from_weights(soft, aware):
    model = from_weights(aware)
    assert model.n_basis_functions == 2
    assert model.blur_estimator_ is None
    np.testing.assert_array_equal(model.predict(soft, 1.0), aware.predict(soft, 1.0))
    with pytest.raises(ValueError, match=r"does not estimate the blur: pass sigma"):
        model.predict(soft)
    with pytest.raises(ValueError, match=r"does not estimate the blur: pass sigma"):
        model.predict(soft, tile_size=32)
    with pytest.raises(ValueError, match=r"does not estimate the blur"):
        model.estimate_blur(soft)
    blind = from_weights(aware, blur_estimator=aware.blur_estimator_)
    np.testing.assert_array_equal(blind.predict(soft), aware.predict(soft))


BAD_WEIGHTS = {
    "no range": (dict(sigma_range=None), r"sigma_range=None.*two sigmas, 0\.3 <= low"),
    "reversed": (dict(sigma_range=(2.0, 1.0)), r"sigma_range=\(2\.0, 1\.0\)"),
    "too low": (dict(sigma_range=(0.1, 1.0)), r"sigma_range=\(0\.1, 1\.0\)"),
    "too high": (dict(sigma_range=(0.5, 11.0)), r"sigma_range=.*high <= 10, in pixels"),
    "NaN": (dict(sigma_range=(0.5, float("nan"))), r"sigma_range=\(0\.5, nan\)"),
    "text": (dict(sigma_range=("0.5", "1")), r"sigma_range=\('0\.5', '1'\)"),
    "kernels": (
        dict(back_projection_coefs=[(np.zeros((2, 17, 17)), np.zeros((2, 8, 8)))]),
        r"kernel of back-projection 1 has shape \(8, 8\): expected \(9, 9\)",
    ),
    "one kernel": (
        dict(back_projection_coefs=[(np.zeros((2, 17, 17)),)]),
        r"back-projection 1 has 1 arrays: expected two",
    ),
    "too many": (
        dict(back_projection_coefs=[(np.zeros((2, 17, 17)), np.zeros((2, 9, 9)))] * 5),
        "n_back_projections=5: expected 0 to 4",
    ),
    "axes": (
        dict(back_projection_coefs=[(np.zeros((17, 17)), np.zeros((9, 9)))]),
        r"reblurs\.0 has shape \(17, 17\): expected 3 axes, the first of 2 basis",
    ),
    "two arrays": (
        dict(combination_coefs=(np.zeros((2, 3, 3)), np.zeros((2, 3, 3)))),
        "combination has 2 arrays: expected three",
    ),
    "combination": (
        dict(combination_coefs=(*np.zeros((2, 2, 3, 4)), np.zeros((2, 3)))),
        r"combination has an array of shape \(3, 4\): expected \(3, 3\)",
    ),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_weights(aware, name):
    change, message = BAD_WEIGHTS[name]
    with pytest.raises(ValueError, match=message):
        from_weights(aware, **change)


def test_every_polynomial_must_be_finite(aware):
    coefs = [coef.copy() for coef in aware.coefs_]
    coefs[1][1, 0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"coefs\.1 holds float32 values that are not"):
        DBCNNDeblurrer.from_weights(
            coefs, aware.intercepts_, sigma_range=aware.sigma_range_
        )


def test_rows_and_patches_are_refused(soft, sharp):
    message = "learned from whole images, X and y of one size"
    with pytest.raises(ValueError, match=message):
        quick().fit(np.zeros((9, 20)), np.zeros((9, 20)))
    with pytest.raises(ValueError, match=message):
        quick().fit(soft, sharp[:, 2:-2, 2:-2])


def test_plain_models_take_no_blur(fitted, blurred):
    for given in ({"sigma": 1.0}, {"tile_size": 64}):
        with pytest.raises(ValueError, match=r"same for every blur.*leave them out"):
            fitted.predict(blurred, **given)
    with pytest.raises(ValueError, match="same for every blur"):
        fitted.score(blurred, blurred, sigma=1.0)
    with pytest.raises(ValueError, match=r"does not estimate.*nothing in it depends"):
        fitted.estimate_blur(blurred)


def test_bad_blurs(soft, aware):
    with pytest.raises(ValueError, match=r"tile_size=64 .*but sigma is given"):
        aware.predict(soft, 1.0, tile_size=64)
    with pytest.raises(ValueError, match=r"sigma holds 2 value\(s\) for 6 image\(s\)"):
        aware.predict(soft, [1.0, 2.0])
    for sigma in (-1.0, float("nan"), [[1.0]] * 6):
        with pytest.raises(ValueError, match="expected the standard deviation"):
            aware.predict(soft, sigma)
    for tile_size in (0, 31, 64.0):
        with pytest.raises(ValueError, match=f"tile_size={tile_size}: expected"):
            aware.predict(soft, tile_size=tile_size)


@pytest.mark.parametrize(
    "bad",
    [
        {"n_basis_functions": 0},
        {"n_basis_functions": 17},
        {"n_back_projections": 5},
        {"sigma_noise": -0.1},
        {"loss": "absolute_error"},
        {"combine": "yes"},
        {"inverse_filter": 1},
    ],
)
def test_bad_parameters_are_named(soft, sharp, bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"'{name}' .*{value!r}"):
        quick(**bad).fit(soft, sharp)


def test_channels_in_and_out_may_differ(soft, sharp):
    model = quick(residual=False).fit(soft, sharp[..., :1])
    assert model.predict(soft).shape == (6, 40, 48, 1)
    for sigma in (0.0, 1.0, np.full((2, 2), 1.0)):
        assert model.predict(soft[:1], [sigma]).shape == (1, 40, 48, 1)
    assert model.blur_estimator_.n_samples_seen_ == 6  # of which none is sharp


@pytest.mark.parametrize("size", [(40, 48), (5, 7), (1, 1)])
def test_sharp_and_small_images_are_no_trouble(sharp, size):
    """The polynomials get a range where all blurs are alike."""
    images = sharp[:, : size[0], : size[1]]
    model = quick().fit(images, images)
    assert model.sigma_range_ == pytest.approx((0.3, 0.33))
    assert model.predict(images).shape == images.shape
    np.testing.assert_array_equal(model.predict(images, 0.0), images)


def test_channels_that_differ_exclude_back_projections(soft, sharp):
    model = quick(n_back_projections=1, residual=False)
    with pytest.raises(ValueError, match="pass n_back_projections=0"):
        model.fit(soft, sharp[..., 0])


def test_an_estimator_from_a_file_is_kept(soft, sharp, tmp_path):
    """By warm_start and partial_fit; with the range of values of the model."""
    model = quick(data_range=255.0).fit(soft, sharp)
    model.save(tmp_path / "m.safetensors")
    loaded = DBCNNDeblurrer.load(tmp_path / "m.safetensors")
    assert loaded.blur_estimator_.data_range == 255.0
    floats = soft.astype(np.float32)
    expected = loaded.estimate_blur(floats)
    np.testing.assert_array_equal(loaded.blur_estimator_.predict(floats), expected)
    for go_on in (loaded.set_params(warm_start=True).fit, loaded.partial_fit):
        go_on(soft, sharp)
        np.testing.assert_array_equal(loaded.estimate_blur(floats), expected)


def test_a_frozen_estimator_replaces_that_of_a_fitted_model(soft, sharp):
    model = quick().fit(soft, sharp)
    frozen = FrozenEstimator(quick(random_state=1).fit(soft, sharp).blur_estimator_)
    model.set_params(warm_start=True, blur_estimator=frozen).fit(soft, sharp)
    assert model.blur_estimator_ is frozen


def test_a_fit_that_fails_leaves_the_model_as_it_was(soft, sharp):
    model = quick(warm_start=True).fit(soft, sharp)
    before = model.estimate_blur(soft)
    model.set_params(learning_rate_init=1e30)
    with pytest.raises(ValueError, match="diverged"):
        model.fit(soft[:3], sharp[:3])
    np.testing.assert_array_equal(model.estimate_blur(soft), before)
