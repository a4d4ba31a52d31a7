"""The reference in NumPy against SciPy's correlation and differences of its loss."""

import numpy as np
import pytest
from formula import scipy_forward
from networks import patches_for, random_params

from pydbcnn._network.network import Network
from pydbcnn.backends.reference import ReferenceBackend, mirror

REFERENCE = ReferenceBackend()


def test_reference_forward_is_the_papers_formula(case):
    network, params = case
    image = np.random.RandomState(1).uniform(size=(37, 41, network.n_channels_in))
    output = REFERENCE.forward(network, params, image[np.newaxis], data_range=1.0)[0]
    np.testing.assert_allclose(
        output, scipy_forward(network, params, image), rtol=0, atol=1e-12
    )


def test_reference_gradient_is_the_slope_of_its_loss(case):
    """The slope is measured along random directions, by central differences."""
    network, params = case
    patches, targets = patches_for(network, n=2, height=4, width=5)
    loss, gradient = REFERENCE.loss_and_gradient(network, params, patches, targets)
    assert loss > 0
    step = 1e-6
    for seed in range(3):
        direction = np.random.RandomState(seed).normal(size=params.size)
        direction[: network.n_filter_params] = 0  # the filter is fixed
        direction /= np.linalg.norm(direction)
        ahead, behind = (
            REFERENCE.loss_and_gradient(
                network, params + s * direction, patches, targets
            )[0]
            for s in (step, -step)
        )
        slope = (ahead - behind) / (2 * step)
        assert slope == pytest.approx(gradient @ direction, rel=1e-5, abs=1e-9)
    assert not gradient[: network.n_filter_params].any()


def test_reference_gradient_of_each_parameter():
    network = Network(2, 2, (3, 2), (3, 1, 3))
    params = random_params(network)
    patches, targets = patches_for(network, n=2, height=3, width=4)
    _, gradient = REFERENCE.loss_and_gradient(network, params, patches, targets)
    step = 1e-6
    for index in range(params.size):
        losses = []
        for sign in (1, -1):
            moved = params.copy()
            moved[index] += sign * step
            losses.append(
                REFERENCE.loss_and_gradient(network, moved, patches, targets)[0]
            )
        slope = (losses[0] - losses[1]) / (2 * step)
        assert gradient[index] == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("size", range(1, 6))
def test_mirror_is_numpys_reflect(size):
    positions = np.arange(-13, size + 13)
    expected = np.pad(np.arange(size), 13, mode="reflect")
    np.testing.assert_array_equal(mirror(positions, size), expected)


def test_reference_tiles_leave_no_trace(monkeypatch):
    network = Network(3, 3, (6, 4), (5, 1, 3))
    params = random_params(network)
    images = np.random.RandomState(1).uniform(size=(1, 33, 47, 3))
    whole = REFERENCE.forward(network, params, images, data_range=1.0)
    monkeypatch.setattr("pydbcnn.backends.reference._TILE", 10)
    tiled = REFERENCE.forward(network, params, images, data_range=1.0)
    assert whole.tobytes() == tiled.tobytes()
