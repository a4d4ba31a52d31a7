"""Weights that depend on the blur: from sigma to the parameters of a plain network."""

from dataclasses import replace

import numpy as np
import pytest
from blur_forms import FORMS, NETWORK, random_params, weights_of
from numpy.polynomial import chebyshev

from pydbcnn._network.blur_aware import BlurAwareNetwork
from pydbcnn._network.inverse_filter import filter_radius, typical_filter
from pydbcnn._network.learned_arrays import LearnedArrays
from pydbcnn._pixels.gaussian import gaussian_blur


@pytest.mark.parametrize("sigma", [0.3, 0.42, 1.0, 2.99, 3.0])
def test_basis_is_chebyshevs(sigma):
    weights = BlurAwareNetwork(NETWORK, 6, False, (0.3, 3.0))
    place = np.log10(sigma / 0.3) * 2 - 1
    expected = [chebyshev.Chebyshev.basis(k)(place) for k in range(6)]
    np.testing.assert_allclose(weights.basis(sigma), expected, atol=1e-12)


def test_a_sigma_outside_counts_as_the_nearest_end():
    weights = weights_of("both", (0.5, 1.5))
    np.testing.assert_array_equal(weights.basis(0.1), [1, -1, 1])
    np.testing.assert_array_equal(weights.basis(-2.0), [1, -1, 1])
    np.testing.assert_array_equal(weights.basis(9.0), [1, 1, 1])
    params = random_params(weights)
    for outside, end in ((0.0, 0.5), (7.0, 1.5)):
        network, plain = weights.at(params, outside)
        expected_network, expected = weights.at(params, end)
        assert network == expected_network
        np.testing.assert_array_equal(plain, expected)


def test_ends_that_are_no_hundredths_stay_within_the_polynomials():
    """Sigma counts to 0.01, which may lie beyond the end."""
    weights = BlurAwareNetwork.around(NETWORK, 4, True, (0.4949, 1.7451))
    for sigma in (0.0, 0.4949, 1.7451, 9.0):
        assert np.abs(weights.basis(sigma)).max() <= 1
        network, _ = weights.at(random_params(weights), sigma)
        assert network.radius <= weights.radius


@pytest.mark.parametrize("form", FORMS)
def test_plain_parameters_are_linear_in_all(form):
    """Gaussians and the filter are added to them, and fall out of differences."""
    weights = weights_of(form)
    a, b = random_params(weights, 1), random_params(weights, 2)
    nothing = np.zeros_like(a)

    def at(params):
        return weights.at(params, 0.9)[1] - weights.at(nothing, 0.9)[1]

    np.testing.assert_allclose(at(2 * a - 3 * b), 2 * at(a) - 3 * at(b), atol=1e-12)


@pytest.mark.parametrize("form", ["polynomials", "all", "back-projections"])
def test_plain_parameters_are_the_sum_of_polynomials(form):
    weights = weights_of(form)
    params = random_params(weights)
    place = 2 * np.log(0.9 / 0.5) / np.log(3.0) - 1
    expected = chebyshev.chebval(place, weights.parts(params))
    network, plain = weights.at(params, 0.9)
    for coef, other in zip(
        network.views(plain)[0], weights.learned.views(expected)[0], strict=True
    ):
        np.testing.assert_allclose(coef, other, atol=1e-12)


def test_without_anything_that_depends_it_is_the_plain_network():
    weights = weights_of("plain")
    params = weights.initial_params(np.random.RandomState(0))
    network, plain = weights.at(params)
    assert network is FORMS["plain"][0]
    assert plain is params
    expected = network.initial_params(np.random.RandomState(0))
    assert params.tobytes() == expected.tobytes()
    assert weights.gradient(params) is params


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.4])
def test_kernels_that_blur_again_start_as_the_gaussian(sigma):
    weights = weights_of("all")
    params = weights.initial_params(np.random.RandomState(0), np.float64)
    network, plain = weights.at(params, sigma)
    ((kernel, projection),) = network.back_projection_views(plain)
    impulse = np.zeros((17, 17))
    impulse[8, 8] = 1
    np.testing.assert_allclose(kernel, gaussian_blur(impulse, sigma), atol=1e-6)
    assert not projection.any()
    np.testing.assert_array_equal(network.filter_view(plain), typical_filter(sigma))


def test_training_starts_alike_for_every_sigma():
    weights = weights_of("polynomials")
    params = weights.initial_params(np.random.RandomState(0))
    expected = NETWORK.initial_params(np.random.RandomState(0))
    for sigma in (0.5, 0.8, 1.5):
        np.testing.assert_array_equal(weights.at(params, sigma)[1], expected)


@pytest.mark.parametrize("form", FORMS)
def test_radius_is_that_of_the_widest_filter(form):
    weights = weights_of(form, (0.5, 1.5))
    params = random_params(weights)
    radii = [weights.at(params, sigma)[0].radius for sigma in (0.5, 1.0, 1.5)]
    assert max(radii) == weights.radius
    assert (len(set(radii)) > 1) == weights.inverse_filter
    side = weights.network.filter_size
    assert side == (2 * filter_radius(1.5) + 1 if weights.inverse_filter else 1)


@pytest.mark.parametrize(
    ("n_functions", "n_back_projections", "combine"),
    [(1, 1, False), (1, 0, True), (2, 1, True)],
)
def test_arrays_of_what_is_around_the_layers(n_functions, n_back_projections, combine):
    network = replace(NETWORK, n_back_projections=n_back_projections, combine=combine)
    weights = BlurAwareNetwork(network, n_functions)
    params = random_params(weights)
    arrays = LearnedArrays.of(weights, params)
    first = (n_functions,) if n_functions > 1 else ()
    shapes = [(*first, 17, 17), (*first, 9, 9)]
    assert [[a.shape for a in pair] for pair in arrays.back_projections] == (
        [shapes] * n_back_projections
    )
    assert (arrays.combination is not None) == combine
    np.testing.assert_array_equal(arrays.flatten(weights, float), params)
    assert not any(np.shares_memory(params, array) for array in arrays.coefs)
