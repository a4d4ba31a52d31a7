"""The network as data: layers, shapes, and one flat vector of parameters."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from numbers import Integral
from typing import NamedTuple

import numpy as np

from .._pixels.gaussian import gaussian_weights
from .._pixels.images import MAX_CHANNELS

# What all engines can take. The C engine has arrays of such sizes (``engine.h``), and a
# test compares the two.
MAX_KERNEL_SIZE = 15
MAX_FILTERS = 4096  # far above any sensible network
MAX_FILTER_SIZE = 41
MAX_BACK_PROJECTIONS = 4
MAX_BACK_PROJECTION_SIZE = 25


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
    """The three layers of the paper, and the outer layers around them.

    With ``x`` the blurred image and ``*`` a "valid" correlation,

    | w  = Q * x
    | F1 = relu(W1 * w + b1)
    | F2 = relu(W2 * F1 + b2)
    | F  = W3 * F2 + b3

    and the estimate s is F, or w + F when `residual` is true. The filter Q is fixed:
    training does not change it. Each back-projection blurs the estimate again,
    compares with what was seen, and projects the difference back:

    | s <- s + P * (x - K * s)

    If `combine` is true, a last layer weighs the channels of both,

    | s <- x A + s B + b

    The kernels Q, K and P are the same for all channels, and mix none. Without a
    filter w is x. `pydbcnn._network.formula` has these formulas in NumPy.

    Parameters
    ----------
    n_channels_in, n_channels_out : int
        Channels of the blurred and of the sharp image, 1 to 16.
    n_filters : sequence of 2 int
        Filters of the first and of the second layer, 1 to 4096.
    kernel_sizes : sequence of 3 int
        Odd sides of the kernels of the three layers, 1 to 15.
    residual : bool
        Whether the last layer gives the missing detail instead of the image. It
        then needs as many channels out as in.
    filter_size : int
        Odd side of the filter Q, up to 41; 1 means none.
    n_back_projections : int
        Up to 4. They need as many channels out as in.
    back_projection_sizes : tuple of int
        Odd sides, up to 25, of the kernels K and P.
    combine : bool
        Whether a last layer combines the blurred image and the estimate.

    Raises
    ------
    ValueError
        When channels do not go together, or a size is even or larger than the engines
        can take.
    """

    n_channels_in: int
    n_channels_out: int
    n_filters: tuple = (64, 32)
    kernel_sizes: tuple = (9, 1, 5)
    residual: bool = True
    filter_size: int = 1
    n_back_projections: int = 0
    back_projection_sizes: tuple = (17, 9)
    combine: bool = False

    def __post_init__(self):
        object.__setattr__(self, "n_filters", check_n_filters(self.n_filters))
        object.__setattr__(self, "kernel_sizes", check_kernel_sizes(self.kernel_sizes))
        self._check_channels()
        if not 0 <= self.n_back_projections <= MAX_BACK_PROJECTIONS:
            raise ValueError(
                f"n_back_projections={self.n_back_projections}: expected 0 to "
                f"{MAX_BACK_PROJECTIONS}."
            )
        _check_sides("filter_size", (self.filter_size,), MAX_FILTER_SIZE)
        if len(self.back_projection_sizes) != 2:
            raise ValueError(
                f"back_projection_sizes={self.back_projection_sizes}: expected two "
                "sides, of the kernel that blurs again and of that which projects back."
            )
        _check_sides(
            "back_projection_sizes",
            self.back_projection_sizes,
            MAX_BACK_PROJECTION_SIZE,
        )

    def _check_channels(self):
        for name in ("n_channels_in", "n_channels_out"):
            n_channels = getattr(self, name)
            if not 1 <= n_channels <= MAX_CHANNELS:
                raise ValueError(f"{name}={n_channels}: expected 1 to {MAX_CHANNELS}.")
        if self.n_channels_in == self.n_channels_out:
            return
        channels = (
            f"channels, but the input has {self.n_channels_in} and the output "
            f"{self.n_channels_out}"
        )
        if self.residual:
            raise ValueError(
                "residual=True adds the input to the output, so both need the same "
                f"{channels}: pass residual=False."
            )
        if self.n_back_projections:
            raise ValueError(
                "Back-projections compare the output with the input, so both need the "
                f"same {channels}: pass n_back_projections=0."
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
    def layers_radius(self):
        """Pixels of context that the three layers see on every side."""
        return sum(layer.kernel_size // 2 for layer in self.layers)

    @cached_property
    def back_projection_radius(self):
        """Pixels of context that a back-projection sees on every side."""
        return sum(size // 2 for size in self.back_projection_sizes)

    @cached_property
    def tail_radius(self):
        """Pixels on every side that the tail, all back-projections together, sees."""
        return self.n_back_projections * self.back_projection_radius

    @cached_property
    def radius(self):
        """Pixels on every side that the estimate of a pixel depends on."""
        return self.filter_size // 2 + self.layers_radius + self.tail_radius

    @cached_property
    def n_filter_params(self):
        """Number of parameters of the filter."""
        return self.filter_size**2 if self.filter_size > 1 else 0

    @cached_property
    def n_tail_params(self):
        """Number of parameters of the tail: of back-projections and combination."""
        n_out = self.n_channels_out
        of_kernels = sum(size**2 for size in self.back_projection_sizes)
        of_combination = (self.n_channels_in + n_out + 1) * n_out
        return self.n_back_projections * of_kernels + self.combine * of_combination

    @cached_property
    def _n_layer_params(self):
        return sum(layer.n_weights + layer.n_outputs for layer in self.layers)

    @cached_property
    def n_params(self):
        """Length of the flat vector of parameters."""
        return self.n_filter_params + self._n_layer_params + self.n_tail_params

    def views(self, params):
        """The weights (HWIO) and biases of the three layers.

        Parameters
        ----------
        params : array of shape (n_params,)
            The filter, if there is one; per layer the weights, then the biases; per
            back-projection K, then P; and A, B and b of the combination.

        Returns
        -------
        weights, biases : list of array
            Views of `params`, one of each per layer.
        """
        weights, biases, start = [], [], self.n_filter_params
        for layer in self.layers:
            end = start + layer.n_weights
            weights.append(params[start:end].reshape(layer.weights_shape))
            biases.append(params[end : end + layer.n_outputs])
            start = end + layer.n_outputs
        return weights, biases

    def filter_view(self, params):
        """The filter Q.

        Returns
        -------
        filter : array of shape (filter_size, filter_size) or None
            A view of `params`; None if there is no filter.
        """
        if self.filter_size == 1:
            return None
        side = self.filter_size
        return params[: self.n_filter_params].reshape(side, side)

    def back_projection_views(self, params):
        """The kernels of the back-projections.

        Returns
        -------
        kernels : list of (K, P)
            Square arrays with the sides `back_projection_sizes`, views of `params`.
        """
        start, kernels = self.n_filter_params + self._n_layer_params, []
        for _ in range(self.n_back_projections):
            pair = []
            for size in self.back_projection_sizes:
                pair.append(params[start : start + size**2].reshape(size, size))
                start += size**2
            kernels.append(tuple(pair))
        return kernels

    def combination_views(self, params):
        """The weights of the combination.

        Returns
        -------
        A : array of shape (n_channels_in, n_channels_out)
        B : array of shape (n_channels_out, n_channels_out)
        b : array of shape (n_channels_out,)
            Views of `params`. None instead of the three if `combine` is false.
        """
        if not self.combine:
            return None
        n_in, n_out = self.n_channels_in, self.n_channels_out
        end = len(params)
        between, start = end - n_out - n_out**2, end - n_out - n_out**2 - n_in * n_out
        return (
            params[start:between].reshape(n_in, n_out),
            params[between : end - n_out].reshape(n_out, n_out),
            params[end - n_out :],
        )

    def flatten(
        self,
        weights,
        biases,
        dtype=np.float32,
        *,
        filter=None,
        back_projections=(),
        combination=(),
    ):
        """Join all parameters to one flat vector: the inverse of the views.

        Parameters
        ----------
        weights, biases : list of array
            As from `views`.
        dtype : dtype, default=float32
        filter, back_projections, combination
            As from `filter_view`, `back_projection_views` and `combination_views`,
            for networks that have them.

        Returns
        -------
        params : array of shape (n_params,)

        Raises
        ------
        ValueError
            When these are not as many numbers as the network has parameters.
        """
        parts = [] if filter is None else [filter]
        for group in (*zip(weights, biases, strict=True), *back_projections):
            parts += group
        parts += combination or ()
        params = np.concatenate([np.ravel(part) for part in parts]).astype(dtype)
        if params.size != self.n_params:
            raise ValueError(
                f"The parts have {params.size} numbers and the network has "
                f"{self.n_params} parameters: pass the filter, the back-projections "
                "and the combination of a network that has them."
            )
        return params

    def initial_params(self, random_state, dtype=np.float32):
        """Draw parameters for the start of training.

        Weights are normal with the variance 2 / fan-in that keeps the scale of
        activations through rectified layers (He et al. 2015), biases zero. The last
        layer of a residual network starts a hundred times smaller, so that it starts
        as the identity instead of as noise, and the filters of its first layer start
        with a mean of zero: what is missing does not depend on the brightness.

        The outer layers start by doing nothing: the filter as the identity, kernels
        that project back as zeros, and a combination that takes the estimate as it is.
        Kernels that blur again start as a Gaussian, with a sigma of a sixth of their
        side.

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
        self._initialize_outer_layers(params)
        return params

    def _initialize_outer_layers(self, params):
        if self.filter_size > 1:
            middle = self.filter_size // 2
            self.filter_view(params)[middle, middle] = 1
        for blur, _ in self.back_projection_views(params):
            line = gaussian_weights(len(blur) / 6, len(blur) // 2)
            blur[:] = np.outer(line, line)
        if self.combine:
            self.combination_views(params)[1][:] = np.eye(self.n_channels_out)


def _check_sides(name, sides, largest):
    if all(side % 2 == 1 and 1 <= side <= largest for side in sides):
        return
    value = sides if len(sides) > 1 else sides[0]
    raise ValueError(f"{name}={value}: expected odd sides from 1 to {largest}.")


def check_n_filters(n_filters):
    """Filters of the first two layers as a tuple of 2 int, or a ValueError."""
    values = tuple(n_filters)
    if len(values) != 2 or not all(
        _is_int(value) and 1 <= value <= MAX_FILTERS for value in values
    ):
        raise ValueError(
            f"n_filters={n_filters!r}: expected two integers from 1 to {MAX_FILTERS}, "
            "the filters of the first and of the second layer, such as (64, 32)."
        )
    return tuple(int(value) for value in values)


def check_kernel_sizes(kernel_sizes):
    """Sides of the three kernels as a tuple of 3 int, or a ValueError."""
    values = tuple(kernel_sizes)
    if len(values) != 3 or not all(
        _is_int(value) and 1 <= value <= MAX_KERNEL_SIZE and value % 2 == 1
        for value in values
    ):
        raise ValueError(
            f"kernel_sizes={kernel_sizes!r}: expected three odd integers from 1 to "
            f"{MAX_KERNEL_SIZE}, such as (9, 1, 5)."
        )
    return tuple(int(value) for value in values)


def _is_int(value):
    return isinstance(value, Integral) and not isinstance(value, bool)
