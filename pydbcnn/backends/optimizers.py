"""Adam and SGD: updates of the flat vector of parameters."""

import numpy as np


class Adam:
    """Adam (Kingma and Ba 2015), with its usual constants.

    Parameters
    ----------
    n_params : int
    dtype : dtype, default=float32
    """

    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-8

    def __init__(self, n_params, dtype=np.float32):
        self.n_updates = 0
        self.mean = np.zeros(n_params, dtype)
        self.square = np.zeros(n_params, dtype)

    def update(self, params, gradient, learning_rate):
        """Change `params` in place."""
        self.n_updates += 1
        self.mean += (1 - self.beta_1) * (gradient - self.mean)
        self.square += (1 - self.beta_2) * (gradient * gradient - self.square)
        correction = np.sqrt(1 - self.beta_2**self.n_updates) / (
            1 - self.beta_1**self.n_updates
        )
        step = params.dtype.type(learning_rate * correction)
        params -= step * self.mean / (np.sqrt(self.square) + self.epsilon)

    def state(self):
        """Everything needed to go on, as a dict of arrays."""
        return {
            "n_updates": np.array([self.n_updates]),
            "mean": self.mean,
            "square": self.square,
        }

    def restore(self, state):
        """Take over what `state` returned."""
        self.n_updates = int(state["n_updates"][0])
        self.mean, self.square = state["mean"].copy(), state["square"].copy()


class SGD:
    """Stochastic gradient descent with Nesterov's momentum of 0.9.

    Parameters
    ----------
    n_params : int
    dtype : dtype, default=float32
    """

    momentum = 0.9

    def __init__(self, n_params, dtype=np.float32):
        self.velocity = np.zeros(n_params, dtype)

    def update(self, params, gradient, learning_rate):
        """Change `params` in place."""
        step = params.dtype.type(learning_rate) * gradient
        self.velocity = self.momentum * self.velocity - step
        params += self.momentum * self.velocity - step

    def state(self):
        """Everything needed to go on, as a dict of arrays."""
        return {"velocity": self.velocity}

    def restore(self, state):
        """Take over what `state` returned."""
        self.velocity = state["velocity"].copy()


OPTIMIZERS = {"adam": Adam, "sgd": SGD}
