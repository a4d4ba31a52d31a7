"""Small forms of weights that depend on the blur, and random parameters for them."""

from dataclasses import replace

import numpy as np

from pydbcnn._network.blur_aware import BlurAwareNetwork
from pydbcnn._network.network import Network

NETWORK = Network(1, 1, (4, 3), (3, 1, 3))
# The network, the number of basis functions, and whether there is an inverse filter.
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
    """The weights of one of the `FORMS`."""
    network, n_functions, has_filter = FORMS[form]
    return BlurAwareNetwork.around(network, n_functions, has_filter, sigma_range)


def random_params(weights, seed=0):
    """Parameters that make every part of the weights matter."""
    random_state = np.random.RandomState(seed)
    params = weights.initial_params(random_state, np.float64)
    return params + random_state.normal(scale=0.1, size=params.size)
