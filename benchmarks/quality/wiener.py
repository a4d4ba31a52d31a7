"""A plain Wiener filter, by which names of blurs are judged.

In the Fourier domain, the luminance of a photograph is multiplied by
K* S / (|K|² S + N): K is the transfer function of the blur, N the power spectrum of the
noise, and S that of the sharp photograph, a power of the frequency. S is fitted to the
sharp photograph itself and is the same for every blur and noise, so that nothing but
these two decides which of two results is better.
"""

import math
from typing import NamedTuple

import numpy as np

from pydbcnn import Noise
from pydbcnn._network.inverse_filter import transfer_function

from .methods import MARGIN

_BLOCK = 16  # pixels of a side: the frequencies of the spectrum of a `Noise`
# Far below what rounding to 8 bits leaves; keeps 0 / 0 away.
_LEAST_NOISE = 1e-6


class PowerLaw(NamedTuple):
    """A power spectrum in squared levels: factor times frequency to an exponent."""

    factor: float
    exponent: float

    def power(self, shape):
        """Power at the frequencies of ``np.fft.rfft2`` of an image.

        Parameters
        ----------
        shape : tuple of 2 int

        Returns
        -------
        power : array of shape (height, width // 2 + 1), float64
            At frequency 0, which has no finite one, that of the lowest other.
        """
        frequency = _frequencies(shape)[:, : shape[1] // 2 + 1]
        frequency[0, 0] = 1 / max(shape)
        return self.factor * frequency**self.exponent


def fitted_power_law(levels):
    """The power law that is closest to a photograph, by least squares of logarithms.

    Parameters
    ----------
    levels : array of shape (height, width), float64
        Luminance from 0 to 255.

    Returns
    -------
    law : PowerLaw
    """
    window = np.outer(*(_hann(side) for side in levels.shape))
    power = np.abs(np.fft.fft2((levels - levels.mean()) * window)) ** 2
    frequency = _frequencies(levels.shape)
    # The window blurs the lowest frequencies; digital black has no power at all.
    is_used = (frequency > 2 / min(levels.shape)) & (power > 0)
    x, y = np.log(frequency[is_used]), np.log(power[is_used])
    if not len(x):  # a photograph without anything in it
        return PowerLaw(_LEAST_NOISE, 0.0)
    exponent, log_factor = np.polyfit(x, y, 1)
    # The logarithm of a periodogram lies below that of its mean, by Euler's constant.
    return PowerLaw(float(np.exp(log_factor + np.euler_gamma)), float(exponent))


def wiener(levels, kernel, noise, law):
    """Undo a blur.

    Parameters
    ----------
    levels : array of shape (height, width), float64
        Luminance from 0 to 255.
    kernel : array of shape (odd, odd)
        Of the blur, with a sum of 1.
    noise : pydbcnn.Noise
    law : PowerLaw
        Of the sharp photograph.

    Returns
    -------
    restored : array like `levels`
        Neither clipped nor rounded.
    """
    continued = mirrored(levels)
    shape = continued.shape
    blur, signal = transfer_function(kernel, shape), law.power(shape)
    inside = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    if not np.allclose(kernel, kernel[:, ::-1]):
        # In a mirror, this blur has another direction, which the filter would not
        # undo but amplify. Blurred once more, the margin has what this one leaves.
        continued = _filtered(continued, blur)
        continued[inside] = levels
    power = np.maximum(noise.power(shape), _LEAST_NOISE)
    gain = blur.conj() * signal / (np.abs(blur) ** 2 * signal + power)
    gain[0, 0] = 1  # whatever the noise, brightness stays
    return _filtered(continued, gain)[inside]


def _filtered(image, gain):
    return np.fft.irfft2(gain * np.fft.rfft2(image), image.shape)


def mirrored(image):
    """An image with mirrored pixels around it, without a seam where it repeats.

    Parameters
    ----------
    image : array of shape (height, width)

    Returns
    -------
    mirrored : array of shape (height + 2 MARGIN, width + 2 MARGIN)
        What continues one side goes over into what continues the opposite one.
    """
    share = (np.arange(2 * MARGIN) + 0.5) / (2 * MARGIN)
    share = (share**2 * (3 - 2 * share))[:, np.newaxis]
    for _ in range(2):  # the axes in turn
        wide = np.pad(image, ((2 * MARGIN, 2 * MARGIN), (0, 0)), mode="reflect")
        before, after = wide[: 2 * MARGIN], wide[-2 * MARGIN :]
        seam = (1 - share) * after + share * before
        image = np.concatenate([seam[MARGIN:], image, seam[:MARGIN]]).T
    return image


def true_noise(levels, blurred):
    """The noise of a photograph whose blurred original is known.

    Parameters
    ----------
    levels, blurred : array of shape (height, width), float64
        Luminance from 0 to 255, with noise, rounding and JPEG, and before them.

    Returns
    -------
    noise : pydbcnn.Noise
        Its spectrum is the mean of those of all blocks of 16 x 16 pixels of the
        difference, under a Hann window.
    """
    difference = levels - blurred
    height, width = (side // _BLOCK * _BLOCK for side in difference.shape)
    blocks = (
        difference[:height, :width]
        .reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
        .swapaxes(1, 2)
    )
    window = np.outer(_hann(_BLOCK), _hann(_BLOCK))
    power = np.abs(np.fft.rfft2(blocks * window)) ** 2
    return Noise(float(difference.std()), power.mean(axis=(0, 1)))


def _hann(side):
    """A window under which the power of white noise is its variance."""
    window = np.hanning(side + 2)[1:-1]
    return window / math.sqrt(np.sum(window**2))


def _frequencies(shape):
    """Frequencies of all directions, in cycles a pixel."""
    rows, columns = (np.fft.fftfreq(side) for side in shape)
    return np.hypot(rows[:, np.newaxis], columns)
