"""The networks that every engine computes."""

import pytest
from networks import NETWORKS, SURROUNDED, random_params

from pydbcnn._network.network import Network


@pytest.fixture(params=[*NETWORKS, *SURROUNDED], name="case")
def make_case(request):
    """A network and parameters that make every layer matter."""
    if request.param in SURROUNDED:
        network = SURROUNDED[request.param]
    else:
        n_in, n_out, n_filters, kernel_sizes = NETWORKS[request.param]
        network = Network(n_in, n_out, n_filters, kernel_sizes, residual=n_in == n_out)
    return network, random_params(network)
