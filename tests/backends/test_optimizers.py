"""Solvers, against those of scikit-learn."""

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from pydbcnn.backends.optimizers import SGD, Adam


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Adam, lambda params: AdamOptimizer(params, 0.01)),
        (SGD, lambda params: SGDOptimizer(params, 0.01, momentum=0.9, nesterov=True)),
    ],
    ids=["adam", "sgd"],
)
def test_solvers_are_scikit_learns(ours, theirs):
    random_state = np.random.RandomState(0)
    params = random_state.normal(size=50)
    expected = [params.copy()]
    reference = theirs(expected)
    solver = ours(50, float)
    for _ in range(20):
        gradient = random_state.normal(size=50)
        solver.update(params, gradient, 0.01)
        reference.update_params(expected, [gradient])
    np.testing.assert_allclose(params, expected[0], rtol=1e-10)


@pytest.mark.parametrize("solver", [Adam, SGD])
def test_solvers_go_on_from_their_state(solver):
    gradients = np.random.RandomState(0).normal(size=(6, 50))
    first, params = solver(50, float), np.zeros(50)
    for gradient in gradients[:3]:
        first.update(params, gradient, 0.01)
    second, moved = solver(50, float), params.copy()
    second.restore(first.state())
    for gradient in gradients[3:]:
        first.update(params, gradient, 0.01)
        second.update(moved, gradient, 0.01)
    np.testing.assert_array_equal(params, moved)
