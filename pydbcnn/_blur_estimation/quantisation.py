"""How coarsely JPEG has rounded a photograph, read from its pixels.

JPEG rounds each of the 64 cosine coefficients of a block of 8 x 8 pixels to multiples
of a step [1]_. Coefficients of an image that was a JPEG lie near such multiples.

References
----------
.. [1] Z. Fan and R. L. de Queiroz, "Identification of bitmap compression history: JPEG
   detection and quantizer estimation", IEEE Transactions on Image Processing, 2003.
"""

from functools import cache

import numpy as np

from .regions import CLIPPED, evenly

_BLOCK = 8
# Of luminance at quality 50, ITU-T Recommendation T.81, table K.1.
_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    float,
)
_QUALITIES = range(30, 100)
_FINEST = 2  # a step of 1 rounds no more than pixels are rounded
_FREQUENCIES = [(u, v) for u in range(6) for v in range(6) if 0 < u + v <= 5]
_MAX_BLOCKS = 1500
_FEWEST = 30  # coefficients beyond their first step, without which nothing is said
_LEAST_FIT = 0.25  # mean cosine of the distance from multiples of a step


def _cosines():
    """The matrix of an orthonormal cosine transform of 8 values."""
    n = np.arange(_BLOCK)
    matrix = np.cos((2 * n + 1) * n[:, np.newaxis] * np.pi / (2 * _BLOCK)) / 2
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


_COSINES = _cosines()


@cache
def steps_of(quality):
    """Steps of luminance at a quality of libjpeg's scale, of shape (8, 8)."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return np.clip(np.floor((_TABLE * scale + 50) / 100), 1, 255)


def jpeg_quality(planes):
    """The quality of the JPEG that an image was, or None.

    Parameters
    ----------
    planes : list of array of shape (height, width), float32
        Luminance from 0 to 255.

    Returns
    -------
    quality : int or None
        From 30 to 99 on libjpeg's scale, for steps near those of its tables.
    """
    coefficients = _coefficients(planes)
    if coefficients is None:
        return None
    fits = {}
    best, quality = _LEAST_FIT, None
    for candidate in _QUALITIES:
        fit = _fit(coefficients, steps_of(candidate), fits)
        if fit > best:
            best, quality = fit, candidate
    return quality


def _coefficients(planes):
    """Cosine coefficients of blocks of all regions, of shape (n, 8, 8)."""
    most = max(1, _MAX_BLOCKS // len(planes))
    found = [_blocks(plane, most) for plane in planes if min(plane.shape) > 2 * _BLOCK]
    if not found:
        return None
    blocks = np.concatenate(found)
    # Clipped blocks are not what JPEG has made.
    inside = (blocks.min(axis=(1, 2)) > CLIPPED[0]) & (
        blocks.max(axis=(1, 2)) < CLIPPED[1]
    )
    return _COSINES @ blocks[inside] @ _COSINES.T


def _blocks(plane, most):
    """Blocks of the grid whose borders show most, thinned out evenly."""
    top, left = _phase(plane, 0), _phase(plane, 1)
    rows, columns = (
        (size - start) // _BLOCK
        for size, start in zip(plane.shape, (top, left), strict=True)
    )
    inner = plane[top : top + rows * _BLOCK, left : left + columns * _BLOCK]
    blocks = inner.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    blocks = blocks.reshape(-1, _BLOCK, _BLOCK)
    return blocks[evenly(len(blocks), most)]


def _phase(plane, axis):
    """Where blocks begin along an axis: where neighbours differ most from a slope."""
    step = np.diff(plane, axis=axis)
    bend = np.abs(np.diff(step, axis=axis)).mean(axis=1 - axis)
    # A border between pixels i and i + 1 bends the slope at both.
    seen = bend[:-1] + bend[1:]
    return int(
        (np.argmax([seen[start::_BLOCK].mean() for start in range(_BLOCK)]) + 2)
        % _BLOCK
    )


def _fit(coefficients, steps, fits):
    """How near coefficients are to multiples of their steps: 1 at them, 0 anywhere."""
    total, n_values = 0.0, 0
    for u, v in _FREQUENCIES:
        step = steps[u, v]
        if step < _FINEST:
            continue
        key = u, v, step
        if key not in fits:
            values = coefficients[:, u, v]
            values = values[np.abs(values) > 0.6 * step]
            fits[key] = float(np.cos(2 * np.pi * values / step).sum()), len(values)
        total += fits[key][0]
        n_values += fits[key][1]
    return total / n_values if n_values >= _FEWEST else 0.0


def quantisation_noise(quality, down, across):
    """Power of what rounding to steps leaves where there is texture.

    Of a coefficient of several steps, rounding to them leaves step² / 12.

    Parameters
    ----------
    quality : int
        On libjpeg's scale.
    down, across : array
        Frequencies in cycles a pixel, from -0.5 to 0.5.

    Returns
    -------
    power : array like `down`, float64
        Levels squared.
    """
    steps = steps_of(quality)
    row, column = (
        np.clip(np.abs(frequency) * 2 * _BLOCK, 0, _BLOCK - 1)
        for frequency in (down, across)
    )
    top, left = (place.astype(int).clip(max=_BLOCK - 2) for place in (row, column))
    below, right = row - top, column - left
    step = (
        (1 - below) * (1 - right) * steps[top, left]
        + below * (1 - right) * steps[top + 1, left]
        + (1 - below) * right * steps[top, left + 1]
        + below * right * steps[top + 1, left + 1]
    )
    return step**2 / 12
