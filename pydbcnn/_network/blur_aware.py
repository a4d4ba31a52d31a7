"""Parameters that depend on the blur: from a sigma to a plain network.

W(sigma) is the sum of T_k(log sigma) W_k: Chebyshev polynomials T_k, the basis
functions, each times parameters W_k of its own. For one sigma, that is one set of
parameters. So an engine runs a plain `Network`, and need not know of sigma.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .._blur.blur import Blur
from .._pixels.device import namespace
from .._pixels.gaussian import MIN_SIGMA, gaussian_weights
from .inverse_filter import (
    TYPICAL_POWER,
    filter_radius,
    inverse_filter,
    typical_filter,
)
from .network import Network


@dataclass(frozen=True)
class BlurAwareNetwork:
    """A network, and how its parameters follow from the sigma of the blur.

    Parameters
    ----------
    network : Network
        Where there is a filter in front, the network with the largest one, that for the
        largest sigma.
    n_basis_functions : int, default=1
        Number of polynomials. With 1, the parameters do not depend on sigma.
    inverse_filter : bool, default=False
        Whether the filter of the network is the regularised inverse of the blur.
    sigma_range : tuple of 2 float, default=(0.3, 3.0)
        The sigmas that the polynomials span. A sigma outside counts as the nearest end.
    """

    network: Network
    n_basis_functions: int = 1
    inverse_filter: bool = False
    sigma_range: tuple = (MIN_SIGMA, 3.0)

    @classmethod
    def around(cls, network, n_basis_functions, inverse_filter, sigma_range):
        """Put the filter in front of a network that `inverse_filter` asks for."""
        if inverse_filter:
            side = 2 * filter_radius(sigma_range[1]) + 1
            network = replace(network, filter_size=side)
        return cls(network, n_basis_functions, inverse_filter, sigma_range)

    @property
    def needs_sigma(self):
        """Whether anything depends on the blur."""
        return self.n_basis_functions > 1 or self.inverse_filter

    @property
    def keeps_channels(self):
        """Whether an estimate has the channels of the image."""
        return self.network.n_channels_in == self.network.n_channels_out

    @property
    def has_tail(self):
        """Whether anything behind the layers reads the image as it was blurred."""
        return self.network.n_back_projections > 0 or self.network.combine

    @property
    def radius(self):
        """Pixels on every side that an estimate depends on, for the largest sigma."""
        return self.network.radius

    @cached_property
    def learned(self):
        """The network without its filter, whose parameters each polynomial has."""
        return replace(self.network, filter_size=1)

    @property
    def n_params(self):
        """Length of the vector of all parameters that are learned."""
        return self.n_basis_functions * self.learned.n_params

    def parts(self, params):
        """The vector as an array of shape (n_basis_functions, learned.n_params)."""
        return params.reshape(self.n_basis_functions, -1)

    def initial_params(self, random_state, dtype=np.float32):
        """Parameters for the start of training: the same ones for every sigma.

        Where sigma is known, the parameters of a kernel K that blurs again are what is
        added to the Gaussian of sigma. They start as zeros.
        """
        params = np.zeros(self.n_params, dtype)
        first = self.parts(params)[0]
        first[:] = self.learned.initial_params(random_state, dtype)
        if self.needs_sigma:
            for kernel, _ in self.learned.back_projection_views(first):
                kernel[:] = 0
        return params

    def clipped(self, sigma):
        """A sigma within the range, rounded to 0.01 pixels."""
        low, high = self.sigma_range
        return round(min(max(float(sigma), low), high), 2)

    def as_blur(self, blur):
        """The blur that `at` undoes.

        Parameters
        ----------
        blur : float or Blur
            A float is the sigma of a round Gaussian; one outside the range counts as
            the nearest end.

        Returns
        -------
        blur : Blur
        """
        return blur if isinstance(blur, Blur) else Blur.gaussian(self.clipped(blur))

    def basis(self, sigma):
        """Chebyshev polynomials of log sigma, which runs from -1 to 1.

        Returns
        -------
        values : array of shape (n_basis_functions,), float64
        """
        low, high = self.sigma_range
        place = 2 * math.log(self.clipped(sigma) / low) / math.log(high / low) - 1
        degrees = np.arange(self.n_basis_functions)
        return np.cos(degrees * math.acos(min(max(place, -1.0), 1.0)))

    def at(self, params, blur=None, noise=None, power=TYPICAL_POWER):
        """The plain network for a blur.

        Parameters
        ----------
        params : array of shape (n_params,)
            On the host or on a GPU, where the result lies then, too.
        blur : float, Blur or None
            A float is the sigma of a round Gaussian; one outside the range counts as
            the nearest end. A `Blur` is undone by the filter as it is, and counts as
            its sigma for all that is learned. None only where nothing depends on it.
        noise : Noise or None, default=None
            Of the photograph, for the filter. None means the little with which models
            have learned.
        power : SharpPower, default=TYPICAL_POWER
            Of the photograph if it was sharp, for the filter.

        Returns
        -------
        network : Network
        params : array of shape (network.n_params,)
        """
        if not self.needs_sigma:
            return self.network, params
        blur = self.as_blur(blur)
        sigma = self.clipped(blur.sigma)
        xp = namespace(params)
        learned = xp.zeros(self.learned.n_params, params.dtype)
        for value, part in zip(self.basis(sigma), self.parts(params), strict=True):
            learned += part * params.dtype.type(value)
        self._add_blur(learned, blur)
        if not self.inverse_filter:
            return self.learned, learned
        kernel = _filter_of(blur, noise, power)
        network = replace(self.network, filter_size=len(kernel))
        if len(kernel) == 1:
            return network, learned
        of_filter = xp.asarray(kernel.ravel().astype(params.dtype))
        return network, xp.concatenate([of_filter, learned])

    def _add_blur(self, learned, blur):
        """Add the blur to the kernels that blur again, as far as they reach."""
        for kernel, _ in self.learned.back_projection_views(learned):
            added = _within(blur, len(kernel)).astype(learned.dtype)
            kernel += namespace(learned).asarray(added)

    def gradient(self, gradient, sigma=None):
        """The gradient of all parameters from that of the plain network for a sigma.

        Parameters
        ----------
        gradient : array of shape (network.n_params,)
            What a backend gives for the network of `at`.
        sigma : float or None
            As in `at`.

        Returns
        -------
        gradient : array of shape (n_params,)
        """
        if not self.needs_sigma:
            return gradient
        learned = gradient[len(gradient) - self.learned.n_params :]
        values = self.basis(sigma).astype(gradient.dtype)
        return namespace(gradient).concatenate([learned * value for value in values])


def _filter_of(blur, noise, power):
    """The inverse filter of a blur, to be correlated with."""
    is_round = blur.kind == "gaussian" and blur.angle is None
    if is_round:
        sigma = round(blur.sigma, 2)
        if noise is None:
            return typical_filter(sigma)
        blur = Blur.gaussian(sigma) if sigma > 0 else Blur.none()
    return inverse_filter(blur.alone(), noise, power)


def _within(blur, side):
    """The kernel of a blur as far as a side reaches, to be correlated with."""
    if blur.kind == "gaussian" and blur.angle is None:
        line = gaussian_weights(blur.sigma, side // 2)
        return np.outer(line, line)
    kernel = blur.kernel()[::-1, ::-1]
    for _ in range(2):
        margin = max(0, side - len(kernel)) // 2
        kernel = np.pad(kernel, ((margin, margin), (0, 0)))
        extra = (len(kernel) - side) // 2
        kernel = kernel[extra : len(kernel) - extra].T
    return kernel / kernel.sum()
