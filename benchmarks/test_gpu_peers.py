"""PyTorch as it is used beside the GPU engine computes the same, shown on the CPU."""

import numpy as np
import pytest
import timing
from gpu.cases import N_CHECKED, Forward, Training

from pydbcnn.backends.optimizers import Adam
from pydbcnn.backends.reference import ReferenceBackend

precisions = pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])


@precisions
@pytest.mark.parametrize("n_channels", [1, 3])
def test_forward(precision, n_channels):
    case = Forward(40, 50, n_channels, precision)
    expected = ReferenceBackend().forward(
        case.network, case.params, case.images, data_range=1.0
    )
    check(case, [expected])


@precisions
def test_losses_of_steps(precision):
    case = Training(4, 9, 3, precision)
    params = case.params.astype(np.float64)
    adam = Adam(len(params), np.float64)
    losses = []
    for _ in range(N_CHECKED):
        loss, gradient = ReferenceBackend().loss_and_gradient(
            case.network, params, case.patches, case.targets
        )
        adam.update(params, gradient, 1e-3)
        losses.append(loss)
    assert losses[0] - losses[-1] > case.tolerance * losses[0]  # gradients count
    check(case, losses)


def check(case, expected):
    """All ways to use PyTorch run, and give what is expected."""
    _, results, absent = timing.start(case.others(device="cpu"), len(expected))
    assert not absent
    differences = [case.difference(expected, found) for found in results.values()]
    assert max(differences) < case.tolerance / 2
