"""The network as data: layers, shapes, and one flat vector of parameters."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

MAX_KERNEL_SIZE = 15
MAX_CHANNELS = 16
MAX_FILTERS = 4096  # far above any sensible network


class Layer(NamedTuple):
    """A convolution of `n_outputs` filters, each kernel x kernel x n_inputs."""

    kernel_size: int
    n_inputs: int
    n_outputs: int

    @property
    def weights_shape(self):
        return (self.kernel_size, self.kernel_size, self.n_inputs, self.n_outputs)

    @property
    def n_weights(self):
        return self.kernel_size**2 * self.n_inputs * self.n_outputs


@dataclass(frozen=True)
class Network:
    """Patch extraction, non-linear mapping and reconstruction.

    With ``x`` the blurred image and ``*`` a "valid" correlation,

    | F1 = relu(W1 * x + b1)
    | F2 = relu(W2 * F1 + b2)
    | F  = W3 * F2 + b3

    and the estimate is F, or x + F when `residual` is true.

    Parameters
    ----------
    n_channels_in, n_channels_out : int
        Channels of the blurred and of the sharp image.
    n_filters : tuple of int
        Filters of the first and of the second layer.
    kernel_sizes : tuple of int
        Odd sides of the kernels of the three layers.
    residual : bool
        Whether the last layer gives the missing detail instead of the image. It
        then needs as many channels out as in.
    """

    n_channels_in: int
    n_channels_out: int
    n_filters: tuple = (64, 32)
    kernel_sizes: tuple = (9, 1, 5)
    residual: bool = True

    def __post_init__(self):
        if self.residual and self.n_channels_in != self.n_channels_out:
            raise ValueError(
                "residual=True adds the input to the output, so both need the same "
                f"channels, but the input has {self.n_channels_in} and the output "
                f"{self.n_channels_out}: pass residual=False."
            )

    @cached_property
    def layers(self):
        """The layers, as a tuple of `Layer`."""
        maps = (self.n_channels_in, *self.n_filters, self.n_channels_out)
        return tuple(
            Layer(size, n_inputs, n_outputs)
            for size, (n_inputs, n_outputs) in zip(
                self.kernel_sizes, pairwise(maps), strict=True
            )
        )

    @cached_property
    def radius(self):
        """Pixels of context that the estimate of a pixel sees on every side."""
        return sum(layer.kernel_size // 2 for layer in self.layers)

    @cached_property
    def n_params(self):
        """Length of the flat vector of parameters."""
        return sum(layer.n_weights + layer.n_outputs for layer in self.layers)

    def views(self, params):
        """Split the flat vector into weights (HWIO) and biases, without a copy.

        Parameters
        ----------
        params : array of shape (n_params,)
            Per layer the weights, then the biases.

        Returns
        -------
        weights, biases : list of array
            Views of `params`, one of each per layer.
        """
        weights, biases, start = [], [], 0
        for layer in self.layers:
            end = start + layer.n_weights
            weights.append(params[start:end].reshape(layer.weights_shape))
            biases.append(params[end : end + layer.n_outputs])
            start = end + layer.n_outputs
        return weights, biases

    def flatten(self, weights, biases, dtype=np.float32):
        """Join weights and biases to one flat vector: the inverse of `views`."""
        parts = [
            np.ravel(part)
            for pair in zip(weights, biases, strict=True)
            for part in pair
        ]
        return np.concatenate(parts).astype(dtype)

    def initial_params(self, random_state, dtype=np.float32):
        """Draw parameters for the start of training.

        Weights are normal with the variance 2 / fan-in that keeps the scale of
        activations through rectified layers (He et al. 2015), biases zero. The last
        layer of a residual network starts a hundred times smaller, so that it starts
        as the identity instead of as noise, and the filters of its first layer start
        with a mean of zero: what is missing does not depend on the brightness.

        Parameters
        ----------
        random_state : numpy.random.RandomState
        dtype : dtype, default=float32

        Returns
        -------
        params : array of shape (n_params,)
        """
        params = np.zeros(self.n_params, dtype=dtype)
        weights, _ = self.views(params)
        for index, (layer, weight) in enumerate(zip(self.layers, weights, strict=True)):
            fan_in = layer.kernel_size**2 * layer.n_inputs
            scale = np.sqrt(2.0 / fan_in)
            if index == len(self.layers) - 1:
                scale *= 0.01 if self.residual else 1.0
            weight[:] = random_state.normal(scale=scale, size=layer.weights_shape)
        if self.residual and self.layers[0].kernel_size > 1:
            weights[0][:] -= weights[0].mean(axis=(0, 1))
        return params
