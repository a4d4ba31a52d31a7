"""Training steps beside those of PyTorch."""

import peers
import pytest
import timing
from cases import COLOURS, share_of_peak, step_flop, uniform, visible_params
from report import Comparison

from pydbcnn import DBCNNDeblurrer
from pydbcnn._network.network import Network
from pydbcnn.backends import get_backend

N_CHECKED = 3  # losses; from the second on, they depend on the gradient


@pytest.mark.parametrize(
    ("n_channels", "n_patches", "size"), [(1, 128, 33), (3, 64, 48), (3, 16, 64)]
)
def test_step(n_channels, n_patches, size, race, record):
    network = Network(n_channels, n_channels)
    params = visible_params(network)
    wide = size + 2 * network.radius
    patches = uniform(n_patches, wide, wide, n_channels)
    targets = uniform(n_patches, size, size, n_channels, seed=2)
    ours = our_step(network, params, patches, targets)
    makers = peers.torch_ways(peers.torch_step, network, params, patches, targets)
    calls, results, absent = timing.start(makers, N_CHECKED)
    expected = [ours() for _ in range(N_CHECKED)]
    for losses in results.values():
        assert losses == pytest.approx(expected, rel=1e-3)

    seconds = race(ours, calls)
    flop = step_flop(network, n_patches * size**2)
    record(
        "training",
        Comparison(
            f"{n_patches} patches of {size} x {size}, {COLOURS[n_channels]}",
            seconds,
            absent,
            goal={1: 2.5, 3: 2.0}[n_channels],
            share=share_of_peak(get_backend(), flop, seconds[timing.OURS]),
        ),
    )


def our_step(network, params, patches, targets):
    """A call of partial_fit with all patches in one batch; it returns the loss."""
    weights, biases = network.views(params)
    deblurrer = DBCNNDeblurrer.from_weights(
        weights, biases, batch_size=len(patches), random_state=0
    )
    return lambda: deblurrer.partial_fit(patches, targets).loss_curve_[-1]
