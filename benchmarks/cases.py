"""What is computed: networks, weights and images, and how much arithmetic they are."""

from statistics import median

import numpy as np
import timing
from report import Comparison

from pydbcnn._network.network import Network

COLOURS = {1: "grey", 3: "colour"}


class ForwardCase:
    """One square image through a network.

    Parameters
    ----------
    size, n_channels : int
        Of the image.
    **shape
        `n_filters` and `kernel_sizes` of the network.
    """

    def __init__(self, size, n_channels, **shape):
        self.network = Network(n_channels, n_channels, **shape)
        self.params = visible_params(self.network)
        self.images = uniform(1, size, size, n_channels)
        self.what = f"{size} x {size} {COLOURS[n_channels]}"
        self.flop = forward_flop(self.network, size**2)

    def compare(self, backend, makers, race, *, tolerance=1e-4, goal=None):
        """Check that peers agree with a backend, and time them beside it.

        Parameters
        ----------
        backend : CpuBackend
        makers : dict
            Peers, as `timing.start` takes them.
        race : callable
            The fixture.
        tolerance : float, default=1e-4
            Largest difference, as a share of the range of the estimates.
        goal : float, optional

        Returns
        -------
        row : report.Comparison
        """
        calls, results, absent = timing.start(makers)
        expected = self.inner(self.forward(backend))
        for (result,) in results.values():
            np.testing.assert_allclose(
                self.inner(result), expected, rtol=0, atol=tolerance * np.ptp(expected)
            )
        seconds = race(lambda: self.forward(backend), calls)
        share = share_of_peak(backend, self.flop, seconds[timing.OURS])
        return Comparison(self.what, seconds, absent, goal, share)

    def forward(self, backend):
        """Our estimate."""
        return backend.forward(self.network, self.params, self.images, data_range=1.0)

    def inner(self, estimate):
        """The part that is the same for mirrored borders, ours, and zeros, theirs."""
        inner = slice(self.network.radius, -self.network.radius)
        return estimate[:, inner, inner]


def visible_params(network):
    """Weights with which an estimate differs visibly from its input.

    The initial ones change it so little that a wrong result would be overlooked.
    """
    params = network.initial_params(np.random.RandomState(0))
    weights, biases = network.views(params)
    weights[-1][:] *= 100
    for index, bias in enumerate(biases):
        bias[:] = 0.1 * np.cos(np.arange(len(bias)) + index)
    return params


def uniform(*shape, seed=1):
    """Images of random pixels."""
    return np.random.default_rng(seed).random(shape, np.float32)


def forward_flop(network, n_pixels):
    """Operations of the direct algorithm, two a multiplication and addition."""
    return 2 * n_pixels * sum(layer.n_weights for layer in network.layers)


def step_flop(network, n_pixels):
    """The same of a gradient: of all weights, and of all maps but the input."""
    first = network.layers[0].n_weights
    return 3 * forward_flop(network, n_pixels) - 2 * n_pixels * first


def share_of_peak(backend, flop, seconds):
    """Of the rate of a bare loop in the backend's instruction set and precision."""
    return flop / seconds / median(backend.peak_rate() for _ in range(3))
