"""The tone curve of sRGB: from linear light to stored values, and back."""

import numpy as np

_LINEAR_UP_TO = 0.0031308  # in linear light; below, the curve is a straight line
_STORED_UP_TO = 0.04045


def srgb_encode(linear):
    """Linear light as sRGB stores it (IEC 61966-2-1).

    Parameters
    ----------
    linear : array of float32 or float64
        0 for black, 1 for white. The curve goes on above 1, and for negative values as
        an odd function, so that nothing is clipped.

    Returns
    -------
    encoded : array like `linear`
    """
    size = np.abs(linear)
    curve = 1.055 * size ** (1 / 2.4) - 0.055
    return np.copysign(np.where(size <= _LINEAR_UP_TO, 12.92 * size, curve), linear)


def srgb_decode(encoded):
    """The linear light of values as sRGB stores them (IEC 61966-2-1).

    Parameters
    ----------
    encoded : array of float32 or float64
        0 for black, 1 for white; the inverse of `srgb_encode` everywhere.

    Returns
    -------
    linear : array like `encoded`
    """
    size = np.abs(encoded)
    curve = ((size + 0.055) / 1.055) ** 2.4
    return np.copysign(np.where(size <= _STORED_UP_TO, size / 12.92, curve), encoded)
