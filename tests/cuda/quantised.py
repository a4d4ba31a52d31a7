"""The layers in double precision with factors rounded as tensor cores take them.

This is what a kernel of reduced precision is to compute: it multiplies rounded factors,
and does not round their sums.
"""

import numpy as np

from pydbcnn._network import formula


def to_tf32(values):
    """Round to 10 bits behind the leading one; ties go away from zero."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def to_bfloat16(values):
    """Round to 7 bits behind the leading one; ties go to the even one."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    even = bits >> 16 & 1
    return ((bits + 0x7FFF + even) & np.uint32(0xFFFF0000)).view(np.float32)


ROUNDINGS = {
    "float32": lambda values: values,
    "tf32": to_tf32,
    "bfloat16": to_bfloat16,
}
# The largest difference to double precision that each may make, over the largest value.
TOLERANCES = {"float32": 5e-6, "tf32": 3e-3, "bfloat16": 2e-2}


class Layers:
    """Forward and backward passes of the three layers.

    Parameters
    ----------
    network : Network
    params : array of shape (n_params,)
    inputs : array of shape (n, height, width, channels)
        What the first layer sees.
    precision : {"float32", "tf32", "bfloat16"}
    """

    def __init__(self, network, params, inputs, precision):
        def rounded(values):
            return ROUNDINGS[precision](values).astype(float)

        self._rounded, self._network = rounded, network
        weights, self._biases = network.views(np.asarray(params, float))
        self._weights = [rounded(weight) for weight in weights]
        self.maps = [np.asarray(inputs, float)]
        for weight, bias in zip(self._weights, self._biases, strict=True):
            sums = formula.correlate(rounded(self.maps[-1]), weight) + bias
            self.maps.append(np.maximum(sums, 0))
        self.estimate = sums
        if network.residual:
            self.estimate = sums + formula.centre(self.maps[0], sums)

    def gradient(self, delta):
        """Gradients of all weights and biases, as `Network.views` has them."""
        weights, biases = [], []
        for layer in (2, 1, 0):
            delta = self._rounded(delta)
            seen = self._rounded(self.maps[layer])
            weights.insert(0, formula.correlate_with_delta(seen, delta))
            biases.insert(0, delta.sum(axis=(0, 1, 2)))
            delta = formula.transposed_correlate(delta, self._weights[layer])
            delta = delta * (self.maps[layer] > 0)
        return weights, biases


def largest_error(values, expected):
    """The largest difference, over the largest expected value."""
    return np.abs(values - expected).max() / np.abs(expected).max()
