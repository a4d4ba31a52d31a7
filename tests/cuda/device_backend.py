"""A backend "on a GPU" for tests of all that is not a kernel.

Its arrays lie on the host, but NumPy does not take them for its own. The CPU engine
computes with them, so results "on both devices" have to be equal to the last bit.
"""

import sys

import numpy as np
from cuda_host import HostXp

import pydbcnn.backends
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.backends.optimizers import OPTIMIZERS


class WatchedXp(HostXp):
    """Notes the shape of each array that is copied to the host."""

    def __init__(self):
        super().__init__()
        self.fetched = []

    def asnumpy(self, array, out=None):
        self.fetched.append(array.shape)
        return super().asnumpy(array, out)


class DeviceBackend:
    """Takes and gives arrays of an `xp`; vectors of parameters are always its own."""

    name = device = "cuda"

    def __init__(self, xp, precision="float32"):
        self.xp, self.precision = xp, precision
        self._engine = CpuBackend()

    def forward(self, network, params, images, *, out=None, **how):
        result = self._engine.forward(network, _peek(params), _peek(images), **how)
        if not isinstance(images, self.xp.ndarray):
            assert out is None or not isinstance(out, self.xp.ndarray)
        else:
            result = self.xp.asarray(result)
        if out is None:
            return result
        out[...] = result
        return out

    def loss_and_gradient(self, network, params, patches, targets):
        assert isinstance(params, self.xp.ndarray)
        arrays = (_peek(array) for array in (params, patches, targets))
        loss, gradient = self._engine.loss_and_gradient(network, *arrays)
        return loss, self.xp.asarray(gradient)

    def gaussian_blur(self, image, sigma, **how):
        assert image.ndim == 3
        assert sigma > 0
        blurred = self._engine.gaussian_blur(_peek(image), sigma, **how)
        is_here = isinstance(image, self.xp.ndarray)
        return self.xp.asarray(blurred) if is_here else blurred

    def vector(self, params):
        return self.xp.array(params)

    def optimizer(self, solver, n_params, dtype):
        return DeviceOptimizer(OPTIMIZERS[solver](n_params, dtype))


class DeviceOptimizer:
    """Updates vectors on the device; its state is of the host."""

    def __init__(self, solver):
        self._solver = solver
        self.state, self.restore = solver.state, solver.restore

    def update(self, params, gradient, learning_rate):
        self._solver.update(params._values, gradient._values, learning_rate)


def _peek(array):
    return getattr(array, "_values", array)


def let_device_be_usable(monkeypatch):
    """Put a stand-in for CuPy and a device of every precision in place; return it."""
    xp = WatchedXp()
    monkeypatch.setitem(sys.modules, "cupy", xp)
    monkeypatch.setattr(
        pydbcnn.backends,
        "_cuda_backend",
        lambda precision: DeviceBackend(xp, precision),
    )
    return xp


def on_device(xp, X):
    return [xp.asarray(image) for image in X] if isinstance(X, list) else xp.asarray(X)


def assert_on_device(xp, X, expected):
    """Arrays on the device, in the layout and with the bits of those of the CPU."""
    assert isinstance(X, list) == isinstance(expected, list)
    if not isinstance(X, list):
        X, expected = [X], [expected]
    for array, other in zip(X, expected, strict=True):
        assert isinstance(array, xp.ndarray)
        assert array.dtype == other.dtype
        np.testing.assert_array_equal(array.get(), other)
