"""The network as data: its sizes, and its parameters in order."""

from dataclasses import replace

import numpy as np
import pytest
from networks import WITH_OUTER_LAYERS, random_params

from pydbcnn._network.network import Network
from pydbcnn.backends.reference import ReferenceBackend

REFERENCE = ReferenceBackend()


def test_network_needs_equal_channels_for_the_residual_form():
    with pytest.raises(ValueError, match=r"has 4 .* 3: pass residual=False"):
        Network(4, 3, residual=True)
    assert Network(4, 3, residual=False).layers[-1].n_outputs == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(filter_size=4), r"filter_size=4: expected odd sides from 1 to 41"),
        (dict(filter_size=43), r"filter_size=43: expected odd sides from 1 to 41"),
        (dict(n_back_projections=5), r"n_back_projections=5: expected 0 to 4"),
        (dict(n_back_projections=-1), r"n_back_projections=-1: expected 0 to 4"),
        (dict(back_projection_sizes=(17, 27)), r"=\(17, 27\): expected odd .* 1 to 25"),
        (dict(back_projection_sizes=(17,)), r"=\(17,\): expected two sides"),
    ],
    ids=str,
)
def test_sizes_that_the_network_cannot_have(wrong, message):
    with pytest.raises(ValueError, match=message):
        Network(3, 3, **wrong)


def test_back_projections_need_equal_channels():
    with pytest.raises(ValueError, match=r"has 4 .* 3: pass n_back_projections=0"):
        Network(4, 3, residual=False, n_back_projections=1)


def test_outer_layers_start_by_doing_nothing():
    plain = Network(3, 3, (4, 2), (3, 1, 3))
    whole = WITH_OUTER_LAYERS["everything"]
    whole = replace(whole, n_filters=plain.n_filters, kernel_sizes=plain.kernel_sizes)
    images = np.random.RandomState(1).uniform(size=(1, 20, 24, 3))
    outputs = [
        REFERENCE.forward(
            network,
            network.initial_params(np.random.RandomState(0), float),
            images,
            data_range=1.0,
        )
        for network in (plain, whole)
    ]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=0, atol=1e-12)
    params = whole.initial_params(np.random.RandomState(0))
    for blur, _ in whole.back_projection_views(params):
        assert blur.sum() == pytest.approx(1)
        assert blur[3, 0] / blur[3, 3] == pytest.approx(
            np.exp(-(3**2) / 2 / (7 / 6) ** 2)
        )


@pytest.mark.parametrize("name", WITH_OUTER_LAYERS)
def test_the_order_of_all_parameters(name):
    network = WITH_OUTER_LAYERS[name]
    params = np.arange(network.n_params, dtype=float)
    kernel = network.filter_view(params)
    combination = network.combination_views(params)
    parts = [] if kernel is None else [kernel]
    for pair in zip(*network.views(params), strict=True):
        parts += pair
    for pair in network.back_projection_views(params):
        parts += pair
    parts += combination or ()
    np.testing.assert_array_equal(np.concatenate([p.ravel() for p in parts]), params)
    joined = network.flatten(
        *network.views(params),
        float,
        filter=kernel,
        back_projections=network.back_projection_views(params),
        combination=combination,
    )
    np.testing.assert_array_equal(joined, params)
    with pytest.raises(ValueError, match=rf"the network has {network.n_params} param"):
        network.flatten(*network.views(params))


def test_views_and_flatten_are_inverse():
    network = Network(3, 3, (5, 4), (3, 1, 5))
    params = random_params(network)
    weights, biases = network.views(params)
    assert [w.shape for w in weights] == [(3, 3, 3, 5), (1, 1, 5, 4), (5, 5, 4, 3)]
    np.testing.assert_array_equal(network.flatten(weights, biases, float), params)
    assert network.n_params == 3 * 3 * 3 * 5 + 5 + 5 * 4 + 4 + 5 * 5 * 4 * 3 + 3
    assert network.radius == 1 + 0 + 2
