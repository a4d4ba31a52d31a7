"""The parts of a photograph that are looked at: all of a small one, some of a large."""

from typing import NamedTuple

import numpy as np

from .._pixels.device import to_host
from .._pixels.values import grey

_MAX_PIXELS = 2**19  # of an image that is looked at whole
_REGION = 192  # side of the regions that are looked at of a larger one
_REGIONS = 4  # along each axis
_JPEG_BLOCK = 8
CLIPPED = (1.0, 254.0)  # levels; up to the one and from the other, pixels are clipped


class Region(NamedTuple):
    """A part of a photograph in levels of 8 bits.

    Attributes
    ----------
    channels : array of shape (height, width, channels), float32
        From 0 to 255, not rounded.
    luminance : array of shape (height, width), float32
    """

    channels: np.ndarray
    luminance: np.ndarray

    def rounded(self):
        """The same as an image of 8 bits has it."""
        return _region(np.rint(self.channels))


def regions_of(image, data_range):
    """The parts of an image that are looked at.

    Parameters
    ----------
    image : array of shape (height, width, channels)
        May lie on a GPU: no more than these parts is copied.
    data_range : float
        The pixel value that counts as white.

    Returns
    -------
    regions : list of Region
        The image itself, or up to 16 parts spread evenly over a large one. They begin
        where blocks of a JPEG do.
    """
    parts = [to_host(part) for part in _parts(image)]
    return [_in_levels(part, data_range) for part in parts]


def evenly(n, most):
    """Indices of `most` of n things, spread evenly, or of all if there are no more."""
    return np.linspace(0, n - 1, min(n, most)).astype(int)


def _parts(image):
    height, width = image.shape[:2]
    if height * width <= _MAX_PIXELS:
        return [image]
    tops, lefts = (_starts(size) for size in (height, width))
    return [
        image[top : top + _REGION, left : left + _REGION]
        for top in tops
        for left in lefts
    ]


def _starts(size):
    n_starts = _REGIONS if size > _REGION else 1
    starts = np.linspace(0, max(size - _REGION, 0), n_starts).astype(int)
    return np.unique(starts // _JPEG_BLOCK * _JPEG_BLOCK)


def _in_levels(part, data_range):
    with np.errstate(over="ignore"):  # beyond all numbers is white, too
        levels = np.clip(part * np.float32(255 / data_range), 0, 255)
    return _region(levels)


def _region(levels):
    channels = np.ascontiguousarray(levels, np.float32)
    return Region(channels, np.ascontiguousarray(grey(channels), np.float32))
