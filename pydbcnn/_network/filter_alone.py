"""A network that is nothing but its filter."""

from functools import cache

import numpy as np

from .network import Network


def filter_alone(kernel, n_channels):
    """The network that correlates every channel of an image with a kernel.

    Its layers add nothing to what they see, and look at one pixel at a time.

    Parameters
    ----------
    kernel : array of shape (side, side)
        Of an odd side of at most 41 pixels.
    n_channels : int

    Returns
    -------
    network : Network
    params : array of shape (network.n_params,), float32
    """
    network = _network(len(kernel), n_channels)
    params = np.zeros(network.n_params, np.float32)
    if len(kernel) > 1:
        network.filter_view(params)[:] = kernel
    return network, params


@cache
def _network(side, n_channels):
    return Network(n_channels, n_channels, (1, 1), (1, 1, 1), filter_size=side)


def square(kernel):
    """A kernel with zeros around it, as far as it takes to make it a square."""
    side = max(kernel.shape)
    height, width = ((side - size) // 2 for size in kernel.shape)
    return np.pad(kernel, ((height, height), (width, width)))
