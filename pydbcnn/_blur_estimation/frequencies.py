"""The frequencies at which power spectra are compared, and how a kernel passes them."""

import numpy as np

SIDE = 64  # pixels of a side of the blocks whose spectra are taken
# Below, blocks hold too few periods; above half a cycle a pixel, only diagonals are.
_LOWEST, _HIGHEST = 2.5 / SIDE, 0.5
# Man-made edges and the blocks of JPEG lie along the axes.
_FROM_AXES = 1.5 / SIDE
# Blocks are seen through a window of Hann's, which spreads each frequency over its two
# neighbours along each axis, with these shares of its power.
_NEIGHBOUR, _ITSELF = 1 / 6, 2 / 3
# The least share of power that a kernel passes: what a zero of it is filled with by the
# sides of the window's spectrum.
_LEAST_GAIN = 1e-5


def _grid():
    """Frequencies in cycles a pixel, down and across, of half a spectrum."""
    down, across = np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE)
    return np.meshgrid(down, across, indexing="ij")


PLANE = _grid()  # all of half a spectrum, of shape (64, 33) each
_DOWN, _ACROSS = PLANE
_RADII = np.hypot(_DOWN, _ACROSS)
USED = (
    (_RADII > _LOWEST)
    & (_RADII < _HIGHEST)
    & (np.abs(_DOWN) >= _FROM_AXES)
    & (_ACROSS >= _FROM_AXES)
)
DOWN, ACROSS = _DOWN[USED], _ACROSS[USED]
RADII = _RADII[USED]  # of the frequencies that are used


def hann_window(side):
    """A window of unit power for blocks of `side` pixels."""
    line = np.hanning(side + 2)[1:-1]
    window = np.outer(line, line)
    return (window / np.sqrt(np.square(window).sum())).astype(np.float32)


def block_power(blocks, window):
    """Power spectra of blocks about their means, seen through a window.

    Parameters
    ----------
    blocks : array of shape (n, side, side), float32
    window : array of shape (side, side), float32

    Returns
    -------
    power : array of shape (n, side, side // 2 + 1)
    """
    centred = blocks - blocks.mean(axis=(1, 2), keepdims=True)
    spectra = np.fft.rfft2(centred * window)
    return spectra.real**2 + spectra.imag**2


def log_gain(kernel):
    """Logarithm of the power that a blur leaves of each frequency that is used.

    Parameters
    ----------
    kernel : array of shape (height, width)
        Of odd sides below 64.

    Returns
    -------
    log_gain : array of shape (n_frequencies,), float64
        As the window shows it, which spreads each frequency a little.
    """
    return np.log(np.maximum(power_gain(kernel)[USED], _LEAST_GAIN))


def power_gain(kernel):
    """The power that a blur leaves, of half a spectrum of shape (64, 33).

    In the first and the last column, which no blur is read from, the window's spread
    across is left out.
    """
    spectrum = np.fft.rfft2(kernel, (SIDE, SIDE))
    power = spectrum.real**2 + spectrum.imag**2
    beside = np.roll(power, 1, axis=0) + np.roll(power, -1, axis=0)
    power = _NEIGHBOUR * beside + _ITSELF * power
    power[:, 1:-1] = (
        _NEIGHBOUR * (power[:, :-2] + power[:, 2:]) + _ITSELF * power[:, 1:-1]
    )
    return power
