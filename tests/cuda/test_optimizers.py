"""Updates of parameters by kernels, against those of the host."""

import numpy as np
import pytest
from cuda_host import HostRuntime

from pydbcnn.backends._cuda.optimizers import CUDA_OPTIMIZERS
from pydbcnn.backends.optimizers import OPTIMIZERS


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_optimizers_are_those_of_the_host_to_the_last_bit(solver):
    random_state, runtime = np.random.RandomState(0), HostRuntime()
    params = random_state.normal(size=700).astype(np.float32)
    host, device = OPTIMIZERS[solver](700), CUDA_OPTIMIZERS[solver](runtime, 700)
    on_device = runtime.to_device(params)
    for step in range(6):
        gradient = random_state.normal(scale=10.0**-step, size=700).astype(np.float32)
        gradient[::7] = 0
        host.update(params, gradient, 0.01)
        device.update(on_device, runtime.to_device(gradient), 0.01)
        np.testing.assert_array_equal(runtime.to_host(on_device), params)


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_optimizers_go_on_from_a_state_of_either_side(solver):
    runtime, n = HostRuntime(), 5
    gradient = np.arange(n, dtype=np.float32)
    first, host = CUDA_OPTIMIZERS[solver](runtime, n), OPTIMIZERS[solver](n)
    first.update(runtime.xp.zeros(n, np.float32), runtime.to_device(gradient), 0.1)
    state = first.state()
    assert all(type(values) is np.ndarray for values in state.values())
    host.restore(state)
    assert host.state().keys() == state.keys()
    second = CUDA_OPTIMIZERS[solver](runtime, n)
    second.restore(host.state())
    params = np.ones(n, np.float32)
    on_device = runtime.to_device(params)
    host.update(params, gradient, 0.1)
    second.update(on_device, runtime.to_device(gradient), 0.1)
    np.testing.assert_array_equal(runtime.to_host(on_device), params)
    # What was handed out is not changed by what came after.
    for name, values in first.state().items():
        np.testing.assert_array_equal(values, state[name])
