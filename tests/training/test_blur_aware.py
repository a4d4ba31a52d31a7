"""Learning weights that depend on the blur: gradients, batches and penalties."""

import numpy as np
import pytest
from blur_forms import FORMS, random_params, weights_of

from pydbcnn._training.loop import Schedule, Training
from pydbcnn._training.sampling import Group, RandomPatches
from pydbcnn.backends.reference import ReferenceBackend


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
    """The loss depends on all parameters, by way of sigma and the network."""
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
            weights.learned.views(part)[0], weights.learned.views(into)[0], strict=True
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
