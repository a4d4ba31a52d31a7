"""Networks in NumPy that lead from statistics to a sigma, and their caution."""

import numpy as np
import pytest
from blur_models import regressor_that_says
from image_samples import blur

from pydbcnn._blur_estimation.regressor import BlurRegressor, to_sigma, to_target
from pydbcnn._blur_estimation.statistics import N_STATISTICS


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


@pytest.mark.parametrize("noise", [0, 2])
def test_without_edges_there_is_nothing_to_undo(noise):
    """Plain areas and gentle slopes show no blur, but a step of 24 levels does."""
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
    """The networks' mean loses half the standard deviation of their answers."""
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
    """The subject covers one part in a hundred of the image."""
    random_state = np.random.RandomState(0)
    image = np.full((400, 400, 1), 200, np.uint8)
    detail = blur(random_state.randint(0, 256, (40, 40, 1)).astype(np.uint8), 1.5)
    image[100:140, 200:240] = detail
    assert regressor_that_says(1.5).cautious_sigma(image, 255.0) == 1.5
