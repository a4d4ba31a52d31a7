"""The networks that every engine computes."""

import pytest
from networks import NETWORKS, WITH_OUTER_LAYERS, random_params

from pydbcnn._network.network import Network


@pytest.fixture(params=[*NETWORKS, *WITH_OUTER_LAYERS], name="case")
def make_case(request):
    """A network and parameters that make every layer matter."""
    if request.param in WITH_OUTER_LAYERS:
        network = WITH_OUTER_LAYERS[request.param]
    else:
        n_in, n_out, n_filters, kernel_sizes = NETWORKS[request.param]
        network = Network(n_in, n_out, n_filters, kernel_sizes, residual=n_in == n_out)
    return network, random_params(network)
