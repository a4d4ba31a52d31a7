"""The linear filter that undoes a blur best, on a few pixels."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .._blur.blur import Blur
from .._pixels.gaussian import NEGLIGIBLE_SIGMA

MAX_RADIUS = 12  # of filters for photographs of which nothing else is known
# The sides of filters for a photograph of which more is known. Engines take no more
# than 41 pixels.
_SIDES = 9, 17, 25, 41
# A side is enough if the expected error is above that of a filter without any limit by
# no more than this factor: 0.05 dB.
_ENOUGH = 10**0.005
# Frequencies along both axes: twice as many as a filter has pixels, so that sums over
# them tell all products of two of its waves apart, and with a quick transform.
_GRID = 96, 96
# Conjugate gradients stop when the last three steps together have lowered the expected
# error by less than this share of the least error that is possible. The first is enough
# for the filter of one photograph, and to choose a side by. Those for all photographs
# are made once for each sigma, and may take longer.
_ROUGHLY, _EXACTLY = 1e-4, 1e-8
_MAX_STEPS = 300
# Kernels whose weights differ by no more count as symmetric.
_SYMMETRIC = 1e-9


class SharpPower(NamedTuple):
    """The power spectrum of a sharp photograph: a power law that levels off.

    Photographs have less power the higher the frequency, in a power law [1]_.

    Parameters
    ----------
    factor : float
        Power at one radian a pixel, in squared levels of 8 bits.
    exponent : float
        By which it falls.
    lowest_frequency : float
        In radians a pixel; below it, the power levels off.

    References
    ----------
    .. [1] D. J. Field, "Relations between the statistics of natural images and the
       response properties of cortical cells", Journal of the Optical Society of
       America A, 1987.
    """

    factor: float
    exponent: float
    lowest_frequency: float

    def at(self, squared_frequency):
        """Power in squared levels at squares of frequencies in radians a pixel."""
        squared = squared_frequency + self.lowest_frequency**2
        return self.factor * squared ** (-self.exponent / 2)


# Of photographs of which nothing is known: an exponent of 2, and white noise of half a
# level. Models that are not told the noise have learned with these. The noise counts
# the less the wider the blur, since a wide blur leaves low frequencies alone, where
# photographs have more power than an exponent of 2 says.
TYPICAL_POWER = SharpPower(2800.0, 2.0, 0.01)
_TYPICAL_NOISE = 0.28  # squared levels
_LEAST_NOISE = 1e-3  # squared levels, far below what rounding to 8 bits adds


def filter_radius(sigma):
    """Radius in pixels of the filter for a round Gaussian and a typical photograph."""
    if sigma < NEGLIGIBLE_SIGMA:
        return 0
    return min(MAX_RADIUS, 2 + math.ceil(4 * sigma))


def typical_filter(sigma):
    """The inverse filter of a round Gaussian for photographs of which nothing is known.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian in pixels.

    Returns
    -------
    kernel : array of shape (2 radius + 1, 2 radius + 1), float64
        Of the `filter_radius`; read-only.
    """
    side = 2 * filter_radius(sigma) + 1
    if side == 1:
        return inverse_filter(Blur.none())
    return inverse_filter(Blur.gaussian(sigma), sides=(side,))


@lru_cache(maxsize=512)
def inverse_filter(blur, noise=None, power=TYPICAL_POWER, sides=_SIDES):
    """Filter of least expected squared error for photographs under a blur.

    Of all filters F of its size, the one that brings K * y + noise closest to y, for
    photographs y with the power spectrum S and noise with the power spectrum N:
    Wiener's filter [1]_, but on a few pixels. In the Fourier domain it minimises the
    integral of S |1 - F K|² + N |F|² over all frequencies; that is least squares in the
    weights of F. What little it changes the mean by is then divided out.

    Parameters
    ----------
    blur : Blur
    noise : Noise or None, default=None
        None means white noise of about half a level.
    power : SharpPower, default=TYPICAL_POWER
        Of photographs, before they were blurred.
    sides : tuple of int, default=(9, 17, 25, 41)
        Odd sides in pixels, from the smallest up. The first one is taken whose expected
        error is within 0.05 dB of that without any limit, or the last.

    Returns
    -------
    kernel : array of shape (side, side), float64
        To be correlated with the photograph; read-only. It is symmetric about its
        centre where the kernel of the blur is.

    References
    ----------
    .. [1] N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time
       Series", 1949.
    """
    kernel = blur.kernel()
    if kernel.size == 1:
        return _read_only(np.ones((1, 1)))
    problem = _problem(kernel, noise_power(noise, blur.sigma, _GRID), power)
    weights = np.zeros((1, 1))
    for side in sides:
        weights = _least_squares(problem, _wider(weights, side), _ROUGHLY)
        if _error(problem, weights) <= _ENOUGH * problem.least_error:
            break
    if power == TYPICAL_POWER:
        weights = _least_squares(problem, weights, _EXACTLY)
    is_white = noise is None or np.ptp(noise.spectrum) == 0
    weights = _symmetric(weights, kernel, is_white)
    # What is convolved with is turned by half a turn where it is correlated with.
    return _read_only((weights / weights.sum())[::-1, ::-1])


def loss_of(kernel, blur, noise=None, power=TYPICAL_POWER):
    """What a filter loses because of its size, in dB.

    Parameters
    ----------
    kernel : array of shape (side, side)
        As `inverse_filter` gives it.
    blur, noise, power
        As in `inverse_filter`.

    Returns
    -------
    loss : float
        Of expected error, against Wiener's filter without any limit.
    """
    noise = noise_power(noise, blur.sigma, _GRID)
    problem = _problem(blur.kernel(), noise, power)
    error = _error(problem, kernel[::-1, ::-1])
    return 10 * math.log10(max(error, problem.least_error) / problem.least_error)


def noise_power(noise, sigma, shape):
    """The power spectrum of noise, or of what is taken for it where it is not known.

    Parameters
    ----------
    noise : Noise or None
    sigma : float
        How wide the blur is, in pixels.
    shape : tuple of 2 int
        Height and width of what is transformed.

    Returns
    -------
    power : array of shape (height, width // 2 + 1)
        In squared levels; not 0, so that what a blur wipes out needs no infinite gain.
    """
    if noise is None:
        half = shape[0], shape[1] // 2 + 1
        return np.full(half, _TYPICAL_NOISE / max(1.0, sigma))
    return np.maximum(noise.power(shape), _LEAST_NOISE)


class _Problem(NamedTuple):
    """What is minimised: the integral of S |1 - F K|² + N |F|².

    Parameters
    ----------
    weight : array of shape (96, 49)
        S |K|² + N, by which the square of F counts.
    slope : array of shape (96, 49), complex
        S times the conjugate of K, by which F itself counts.
    least_error : float
        Of Wiener's filter, which has no limits.
    power_of_sharp : float
        The integral of S: the error of a filter that gives nothing.
    """

    weight: np.ndarray
    slope: np.ndarray
    least_error: float
    power_of_sharp: float


def squared_frequencies(shape):
    """Squares of the frequencies of a real transform, in radians a pixel."""
    down, across = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    return (2 * np.pi) ** 2 * (down[:, np.newaxis] ** 2 + across**2)


def transfer_function(kernel, shape):
    """The real transform of a kernel whose centre is its middle.

    Parameters
    ----------
    kernel : array of shape (odd, odd)
    shape : tuple of 2 int
        Height and width of what is transformed; a kernel that is larger goes around.

    Returns
    -------
    transfer : array of shape (height, width // 2 + 1), complex128
    """
    placed = np.zeros(shape)
    np.add.at(placed, _places(kernel.shape, shape), kernel)
    return np.fft.rfft2(placed)


def _places(sides, shape):
    """Where the pixels of a kernel lie if its middle lies at the first pixel."""
    return np.ix_(
        *(
            (np.arange(side) - side // 2) % size
            for side, size in zip(sides, shape, strict=True)
        )
    )


def _problem(kernel, noise, power):
    sharp = power.at(squared_frequencies(_GRID))
    blur = transfer_function(kernel, _GRID)
    weight = sharp * (blur.real**2 + blur.imag**2) + noise
    least = sharp * noise / weight
    return _Problem(weight, sharp * blur.conj(), _mean(least), _mean(sharp))


def _mean(half):
    """The mean over all frequencies of what is given at half of them."""
    twice = half[:, 1:-1].sum()
    return float(half[:, 0].sum() + half[:, -1].sum() + 2 * twice) / math.prod(_GRID)


def _error(problem, weights):
    """The expected error of a filter."""
    filtered = transfer_function(weights, _GRID)
    square = problem.weight * (filtered.real**2 + filtered.imag**2)
    product = problem.slope.real * filtered.real + problem.slope.imag * filtered.imag
    return _mean(square - 2 * product) + problem.power_of_sharp


def _least_squares(problem, start, tolerance):
    """The best filter of a size, by conjugate gradients from a first one on.

    All sums are over whole arrays and by transforms, which no number of threads
    changes. Wiener's own equations, without a limit of the size, are the
    preconditioner.
    """
    places, placed = _places(start.shape, _GRID), np.zeros(_GRID)

    def times(spectrum, values):
        placed[places] = values
        return np.fft.irfft2(spectrum * np.fft.rfft2(placed), _GRID)[places]

    inverse = 1 / problem.weight
    goal = np.fft.irfft2(problem.slope, _GRID)[places]
    weights = start
    rest = goal - times(problem.weight, weights)
    direction = step = times(inverse, rest)
    product = float((rest * step).sum())
    lowered = []
    for _ in range(_MAX_STEPS):
        image = times(problem.weight, direction)
        length = product / float((direction * image).sum())
        weights = weights + length * direction
        lowered.append(length * product)
        # The first steps from a smaller filter on may be small ones.
        last = lowered[-3:]
        if len(last) == 3 and sum(last) <= tolerance * problem.least_error:
            break
        rest = rest - length * image
        step = times(inverse, rest)
        product, before = float((rest * step).sum()), product
        direction = step + product / before * direction
    return weights


def _wider(weights, side):
    margin = (side - len(weights)) // 2
    return np.pad(weights, margin)


def _symmetric(weights, kernel, is_white):
    """The filter with all symmetries of the kernel, to the bit."""
    turns = [
        lambda values: values[::-1, ::-1],
        lambda values: values[::-1],
        lambda values: values[:, ::-1],
        lambda values: values.T,
    ]
    for turn in turns if is_white else turns[:1]:
        turned = turn(kernel)
        if turned.shape == kernel.shape and np.allclose(
            turned, kernel, rtol=0, atol=_SYMMETRIC
        ):
            weights = (weights + turn(weights)) / 2
    return weights


def _read_only(weights):
    weights = np.ascontiguousarray(weights)
    weights.flags.writeable = False
    return weights
