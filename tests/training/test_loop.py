"""Epochs of batches, and how long their steps are."""

import math

import numpy as np
import pytest
from quick_aware import quick_aware
from quick_learners import quick

from pydbcnn._network.network import Network
from pydbcnn._pixels.values import MAX_PSNR, psnr_of_error
from pydbcnn._training.loop import Schedule
from pydbcnn._training.sampling import RandomPatches
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.backends.optimizers import Adam

SCHEDULE = Schedule(
    solver="adam",
    learning_rate="cosine",
    learning_rate_init=0.01,
    alpha=0.0,
    max_iter=10,
    tol=0.0,
    n_iter_no_change=10,
    early_stopping=False,
)


def test_cosine_schedule():
    rates = [SCHEDULE.rate_at(progress) for progress in (0.0, 0.5, 1.0)]
    assert rates == pytest.approx([0.01, 0.01 * 0.505, 0.0001])


def test_the_plain_way_is_epochs_of_batches_and_nothing_else(sharp, blurred):
    """The loop that one would write gives the same bits."""
    model = quick_aware(n_basis_functions=1, inverse_filter=False, loss="squared_error")
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


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered")
def test_estimates_held_out_that_are_not_finite_end_a_training(sharp, blurred):
    images = blurred / 255.0, sharp / 255.0
    learner = quick(learning_rate_init=1e20, early_stopping=True)
    with pytest.raises(ValueError, match="Training diverged in epoch"):
        learner.fit(*images)


def test_a_psnr_of_what_is_not_a_number_is_none():
    assert math.isnan(psnr_of_error(math.nan))
    assert psnr_of_error(0.0) == psnr_of_error(1e-12) == MAX_PSNR
    assert psnr_of_error(0.01) == pytest.approx(20.0)
