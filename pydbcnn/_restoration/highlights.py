"""Clipped highlights: where they are, what they were, and how far they reach.

Where light was brighter than white, a photograph holds white. No blur has made such
pixels, and a filter that takes them for blurred draws dark rings around them. So each
of them is replaced by what the blur would make of the estimate, if that is brighter;
and as far as they reach, the result is blended with the photograph as it is.

S. Cho, J. Wang and S. Lee, "Handling outliers in non-blind image deconvolution", ICCV
2011, alternate between the two as often as it takes; here, two passes have to do.
"""

import math
from dataclasses import dataclass

import numpy as np

from .._blur.noise import Noise
from .._network.filter_alone import filter_alone, square
from .._network.inverse_filter import inverse_filter
from .._pixels.device import namespace

_PASSES = 2
# While highlights are sought, the noise counts for more, so that nothing else is
# amplified much.
_NOISE_FACTOR = 30
_SIDES = 9, 17, 25  # of the filter for that
# What a white pixel must have been above white, as a share of the range, to be lost.
# Around dark text on white paper, guesses are up to 7 levels too bright after an even
# disk; of lamps they are 15 and more.
_MARGIN = 10 / 255
_GROWTH = 4  # pixels by which white ones around a lost one are lost, too
_SUPPORT = 0.02  # weights of a kernel below this share of the largest do not count
_REACHES = 4  # reaches of the blur over which confidence returns
_MOST_PIXELS = 20  # over which it does: as far as a filter of the engines reaches
_TYPICAL = Noise.white(0.5)


@dataclass(frozen=True)
class Highlights:
    """What is to be known to find highlights, for one blur.

    Parameters
    ----------
    backend : Backend
    kernel : array of shape (side, side)
        Of the blur, to be correlated with.
    steady : array of shape (side, side)
        A filter that undoes it with little noise.
    data_range : float
        White.
    """

    backend: object
    kernel: np.ndarray
    steady: np.ndarray
    data_range: float

    @classmethod
    def under(cls, blur, noise, power, backend, data_range):
        """Those under a blur.

        Parameters
        ----------
        blur : Blur
        noise : Noise or None
        power : SharpPower
        backend : Backend
        data_range : float
        """
        noise = noise or _TYPICAL
        strong = Noise(noise.std, _NOISE_FACTOR * noise.spectrum)
        steady = inverse_filter(blur.alone(), strong, power, _SIDES)
        kernel = square(blur.kernel()[::-1, ::-1])
        return cls(backend, kernel, steady, data_range)

    @property
    def margin(self):
        """Pixels around a part of an image that its highlights depend on."""
        seen = len(self.kernel) // 2 + len(self.steady) // 2
        return _PASSES * seen + _GROWTH + self.reach + self.width

    @property
    def reach(self):
        """Pixels that the blur reaches on every side, with weights that count."""
        return _reach(self.kernel)

    @property
    def width(self):
        """Pixels over which confidence returns."""
        return 2 * _half_width(self.reach)

    def found(self, image, clipped):
        """Find what is lost in white, and what it may have been.

        Parameters
        ----------
        image : array of shape (height, width, channels), of floats
        clipped : array of shape (height, width, channels), bool
            Pixels that are white.

        Returns
        -------
        image : array of shape (height, width, channels)
            With lost pixels replaced by brighter ones.
        lost : array of shape (height, width), bool
        """
        xp = namespace(image)
        guess = image
        for _ in range(_PASSES):
            sharp = xp.maximum(self._correlated(guess, self.steady), 0)
            again = self._correlated(sharp, self.kernel)
            guess = xp.where(clipped, xp.maximum(again, image), image)
        lost = clipped & (guess > image + _MARGIN * self.data_range)
        lost = self._grown(lost.any(axis=2)) & clipped.any(axis=2)
        return xp.where(lost[..., np.newaxis], guess, image), lost

    def _grown(self, mask):
        side = 2 * _GROWTH + 1
        return self._touched(mask, np.ones((side, side)))

    def confidence(self, lost):
        """How far a filter can be trusted: 0 where lost pixels are in reach, or 0 to 1.

        Parameters
        ----------
        lost : array of shape (height, width), bool

        Returns
        -------
        confidence : array of shape (height, width), float32
        """
        return confidence_around(lost, self.kernel, self._correlated_mask)

    def blended(self, image, restored, lost):
        """Blend what was restored with the image, as far as highlights reach.

        What is restored may not be darker there than all of the image around it.

        Parameters
        ----------
        image, restored : array of shape (height, width, channels)
        lost : array of shape (height, width), bool

        Returns
        -------
        blended : array of shape (height, width, channels)
        """
        xp = namespace(image)
        confidence = self.confidence(lost)[..., np.newaxis]
        near = confidence < 1
        darkest = _darkest_around(image, self.reach)
        restored = xp.where(near, xp.maximum(restored, darkest), restored)
        return image + confidence * (restored - image)

    def _touched(self, mask, kernel):
        return self._correlated_mask(mask, kernel) > 0

    def _correlated_mask(self, mask, kernel):
        return correlated_mask(self.backend, mask, kernel)

    def _correlated(self, image, kernel):
        return _correlated(self.backend, image, kernel, self.data_range)


def correlated_mask(backend, mask, kernel):
    """A mask correlated with a kernel: float32 of shape (height, width)."""
    values = mask.astype(np.float32)[..., np.newaxis]
    return _correlated(backend, values, kernel, 1.0)[..., 0]


def _correlated(backend, image, kernel, data_range):
    network, params = filter_alone(kernel, image.shape[2])
    return backend.forward(network, params, image[np.newaxis], data_range=data_range)[0]


def confidence_around(lost, kernel, correlated):
    """Confidence in what a filter makes of an image, from its lost pixels.

    Parameters
    ----------
    lost : array of shape (height, width), bool
    kernel : array of shape (side, side)
        Of the blur, to be correlated with.
    correlated : callable
        Correlates an array of shape (height, width) with a kernel.

    Returns
    -------
    confidence : array of shape (height, width), float32
        0 where the kernel reaches a lost pixel, and rising to 1 around.
    """
    xp = namespace(lost)
    disk = _disk(_half_width(_reach(kernel)))
    near = correlated(lost, _support(kernel)) > 0
    # Grown by half of the width, and blurred by as much, what is near ends softly.
    around = correlated(near, disk) > 0
    share = correlated(around, disk)
    return xp.where(near, 0, xp.clip(1 - share, 0, 1)).astype(np.float32)


def _support(kernel):
    return (kernel > _SUPPORT * kernel.max()).astype(float)


def _reach(kernel):
    places = np.argwhere(_support(kernel)) - len(kernel) // 2
    return int(np.abs(places).max())


def _half_width(reach):
    """Half of the pixels over which confidence returns."""
    return min(max(1, math.ceil(_REACHES * reach / 2)), _MOST_PIXELS // 2)


def _disk(radius):
    at = np.arange(-radius, radius + 1)
    disk = (np.hypot(at[:, np.newaxis], at) <= radius).astype(float)
    return disk / disk.sum()


def _darkest_around(image, radius):
    """The least value within a square around each pixel, of each channel."""
    xp = namespace(image)
    for axis in (0, 1):
        size = image.shape[axis]
        result = image
        for by in range(1, min(radius, size - 1) + 1):
            ahead, behind = ([slice(None)] * 3 for _ in range(2))
            ahead[axis], behind[axis] = slice(by, None), slice(None, size - by)
            ahead, behind = tuple(ahead), tuple(behind)
            lower = result.copy()
            lower[behind] = xp.minimum(result[behind], image[ahead])
            lower[ahead] = xp.minimum(lower[ahead], image[behind])
            result = lower
        image = result
    return image
