"""Updates of the parameters on the device; see ``pydbcnn.backends.optimizers``."""

import math

import numpy as np

from ..optimizers import SGD, Adam

_THREADS = 256


def _launch(runtime, name, params, args):
    n_blocks = -(-params.size // _THREADS)
    runtime.launch(name, (n_blocks,), (_THREADS,), (params, *args))


class CudaAdam:
    """`Adam` on the device.

    Parameters
    ----------
    runtime : Runtime
    n_params : int
    """

    def __init__(self, runtime, n_params):
        self._runtime = runtime
        self.n_updates = 0
        self.mean = runtime.xp.zeros(n_params, np.float32)
        self.square = runtime.xp.zeros(n_params, np.float32)

    def update(self, params, gradient, learning_rate):
        """Change `params`, a float32 device array, in place."""
        self.n_updates += 1
        correction = math.sqrt(1 - Adam.beta_2**self.n_updates) / (
            1 - Adam.beta_1**self.n_updates
        )
        _launch(
            self._runtime,
            "adam",
            params,
            (
                self.mean,
                self.square,
                gradient,
                params.size,
                1 - Adam.beta_1,
                1 - Adam.beta_2,
                learning_rate * correction,
                Adam.epsilon,
            ),
        )

    def state(self):
        """Everything needed to go on, as a dict of NumPy arrays: that of `Adam`."""
        return {
            "n_updates": np.array([self.n_updates]),
            "mean": self._runtime.to_host(self.mean),
            "square": self._runtime.to_host(self.square),
        }

    def restore(self, state):
        """Take over what `state` returned, here or for `Adam`."""
        self.n_updates = int(state["n_updates"][0])
        self.mean = _taken_over(self._runtime, state["mean"])
        self.square = _taken_over(self._runtime, state["square"])


class CudaSGD:
    """`SGD` on the device.

    Parameters
    ----------
    runtime : Runtime
    n_params : int
    """

    def __init__(self, runtime, n_params):
        self._runtime = runtime
        self.velocity = runtime.xp.zeros(n_params, np.float32)

    def update(self, params, gradient, learning_rate):
        """Change `params`, a float32 device array, in place."""
        _launch(
            self._runtime,
            "sgd",
            params,
            (self.velocity, gradient, params.size, SGD.momentum, learning_rate),
        )

    def state(self):
        """Everything needed to go on, as a dict of NumPy arrays: that of `SGD`."""
        return {"velocity": self._runtime.to_host(self.velocity)}

    def restore(self, state):
        """Take over what `state` returned, here or for `SGD`."""
        self.velocity = _taken_over(self._runtime, state["velocity"])


def _taken_over(runtime, array):
    return runtime.to_device(np.asarray(array, np.float32))


CUDA_OPTIMIZERS = {"adam": CudaAdam, "sgd": CudaSGD}
