"""Wiener's filter in the Fourier domain, for blurs that a few pixels cannot undo.

A blur that wipes out whole frequencies, as a disk or a motion does, leaves beside them
what only long waves tell apart. Where the noise is weak enough for that, a filter of
41 x 41 pixels loses a dB or two; this one has no limit.
"""

import numpy as np

from .._network.inverse_filter import (
    noise_power,
    squared_frequencies,
    transfer_function,
)
from .._pixels.device import namespace

# A transform sees its input repeated. Over at least so many pixels at its ends, a tile
# fades over into itself.
_FADE = 64
# Pixels around a part of an image that the filter sees, in which it fades, too.
MARGIN = 144


class FourierFilter:
    """Undoes a blur in parts of a photograph.

    Parameters
    ----------
    blur : Blur
    noise : Noise or None
    power : SharpPower
        Of the photograph, before it was blurred.
    """

    def __init__(self, blur, noise, power):
        self._blur, self._noise, self._power = blur, noise, power
        self._kernel = blur.kernel()
        self._responses = {}

    def filtered(self, tile, outside):
        """Undo the blur of a tile.

        Parameters
        ----------
        tile : array of shape (height, width, channels), of floats
            With `MARGIN` pixels around what counts.
        outside : array of shape (height, width), bool, or None
            Pixels beyond the border of the image, where the tile is its mirror image.

        Returns
        -------
        filtered : array like `tile`
            Of use within the margin.
        """
        xp = namespace(tile)
        blur, gain = self._response(tile.shape, xp)
        if outside is not None and not self._is_mirrored():
            # In a mirror, this blur has another direction, which the filter would not
            # undo but amplify. Blurred once more, there is little left of it.
            again = _through(tile, blur, xp)
            tile = xp.where(xp.asarray(outside)[..., np.newaxis], again, tile)
        return _through(tile, gain, xp)

    def _is_mirrored(self):
        kernel = self._kernel
        return np.allclose(kernel, kernel[::-1]) and np.allclose(
            kernel, kernel[:, ::-1]
        )

    def _response(self, shape, xp):
        """Of the blur and of the filter, for tiles of a shape."""
        shape = tuple(map(_length, shape[:2]))
        if shape not in self._responses:
            blur = transfer_function(self._kernel, shape)
            sharp = self._power.at(squared_frequencies(shape))
            noise = noise_power(self._noise, self._blur.sigma, shape)
            gain = sharp * blur.conj() / (sharp * np.abs(blur) ** 2 + noise)
            gain[0, 0] = 1  # whatever the noise, brightness stays
            self._responses[shape] = tuple(
                xp.asarray(response[..., np.newaxis].astype(np.complex64))
                for response in (blur, gain)
            )
        return self._responses[shape]


def _through(tile, response, xp):
    """A tile through a filter, given by its response."""
    height, width = (_length(side) for side in tile.shape[:2])
    faded = tile
    for axis, size in enumerate((height, width)):
        faded = _cross_faded(faded, size, axis, xp)
    spectrum = xp.fft.rfft2(faded, axes=(0, 1)) * response
    filtered = xp.fft.irfft2(spectrum, (height, width), axes=(0, 1))
    # What is beyond the end is the beginning again.
    lacking = ((0, tile.shape[0] - height), (0, tile.shape[1] - width), (0, 0))
    filtered = xp.pad(filtered, lacking, mode="wrap")
    return filtered.astype(tile.dtype)


def _cross_faded(tile, size, axis, xp):
    """The tile with its beginning faded in from its end, so that it repeats itself.

    Where two blurred images go over into each other softly, both look blurred; where an
    image is folded back, it does not.
    """
    tile = xp.moveaxis(tile, axis, 0)
    n = len(tile) - size
    share = ((np.arange(n) + 0.5) / n).astype(tile.dtype)
    share = xp.asarray((share**2 * (3 - 2 * share)).reshape(-1, 1, 1))
    start = (1 - share) * tile[size:] + share * tile[:n]
    return xp.moveaxis(xp.concatenate([start, tile[n:size]]), 0, axis)


def _length(size):
    """The largest size that leaves room to fade and has a quick transform."""
    size -= _FADE
    while _without_small_primes(size) > 1:
        size -= 1
    return size


def _without_small_primes(number):
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number
