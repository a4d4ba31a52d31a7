"""The linear filter that undoes a Gaussian blur best, on a few pixels."""

import math
from functools import lru_cache

import numpy as np

from .._pixels.gaussian import NEGLIGIBLE_SIGMA, TRUNCATE, gaussian_weights

MAX_RADIUS = 12  # beyond it, a filter gains less than 0.1 dB up to a sigma of 3
# Power of the noise, above all that of rounding to 8 bits, relative to the power of
# images at one radian a pixel. This value lost least on photographs for training. It
# falls with the width of the blur, since a wide blur leaves low frequencies alone,
# where images are stronger than the model of them says.
_NOISE = 1e-4
_N_FREQUENCIES = 48  # on each axis, between 0 and half the sampling rate
_LOWEST_FREQUENCY = 0.01  # where the spectrum of images levels off


def filter_radius(sigma):
    """Radius in pixels of the filter for a blur of `sigma`."""
    if sigma < NEGLIGIBLE_SIGMA:
        return 0
    return min(MAX_RADIUS, 2 + math.ceil(4 * sigma))


@lru_cache(maxsize=512)
def inverse_filter(sigma):
    """Filter of least expected squared error for images under a Gaussian blur.

    Of all filters of its size, the one that brings G * y + noise closest to y, for
    images y whose power spectrum falls with the square of the frequency, as that of
    photographs does [1]_: Wiener's filter [2]_, but on a few pixels. In the Fourier
    domain, its transform F minimises the integral of S |1 - F G|² + noise |F|² over
    all frequencies; least squares in the cosines that make up F. What little it changes
    the mean by is then divided out.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian in pixels.

    Returns
    -------
    quadrant : array of shape (radius + 1, radius + 1), float64
        Weights at distances of 0, 1, ... pixels down and across; the other quadrants
        are its mirror images. Read-only.

    References
    ----------
    .. [1] D. J. Field, "Relations between the statistics of natural images and the
       response properties of cortical cells", Journal of the Optical Society of
       America A, 1987.
    .. [2] N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time
       Series", 1949.
    """
    radius = filter_radius(sigma)
    if radius == 0:
        quadrant = np.ones((1, 1))
    else:
        quadrant = _least_squares(radius, *_spectra(sigma), _NOISE / max(1.0, sigma))
        quadrant /= _mirrored_weights(radius).ravel() @ quadrant.ravel()
    quadrant.flags.writeable = False
    return quadrant


def _spectra(sigma):
    """Transform of the blur and power of images at a grid of frequencies."""
    frequency = np.linspace(0, np.pi, _N_FREQUENCIES)
    radius = math.ceil(TRUNCATE * sigma)
    waves = np.cos(np.outer(frequency, np.arange(-radius, radius + 1)))
    blur = waves @ gaussian_weights(sigma, radius)
    squared = frequency[:, np.newaxis] ** 2 + frequency**2
    return np.outer(blur, blur), 1 / (squared + _LOWEST_FREQUENCY**2)


def _mirrored_weights(radius):
    """How many times each weight of the quadrant appears in the filter."""
    times = np.full(radius + 1, 2.0)
    times[0] = 1
    return np.outer(times, times)


def _least_squares(radius, blur, power, noise):
    """The quadrant whose transform is closest to Wiener's filter, where it counts."""
    frequency = np.linspace(0, np.pi, _N_FREQUENCIES)
    cosines = np.cos(np.outer(frequency, np.arange(radius + 1)))
    cosines[:, 1:] *= 2
    share = np.ones(_N_FREQUENCIES)  # trapezoidal rule
    share[[0, -1]] = 0.5
    importance = np.sqrt(np.outer(share, share) * (power * blur**2 + noise))
    goal = power * blur / (power * blur**2 + noise)
    rows, columns = np.triu_indices(radius + 1)  # the filter is its own transpose
    waves = cosines[:, np.newaxis, rows] * cosines[np.newaxis, :, columns]
    waves = (waves + waves.swapaxes(0, 1)) * np.where(rows == columns, 0.5, 1.0)
    waves = (waves * importance[..., np.newaxis]).reshape(-1, len(rows))
    weights = np.linalg.solve(waves.T @ waves, waves.T @ (goal * importance).ravel())
    quadrant = np.empty((radius + 1, radius + 1))
    quadrant[rows, columns] = quadrant[columns, rows] = weights
    return quadrant
