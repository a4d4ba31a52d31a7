"""Gaussian blur on the device, as OpenCV makes it."""

from typing import NamedTuple

import numpy as np

from ..._pixels.gaussian import kernel_size_for, opencv_weights
from .arrays import Image, Region
from .bands import BUFFER_BYTES

BORDERS = ("reflect101", "reflect", "replicate", "constant")  # in the order of blur.cuh

# As in blur.cuh.
_TAPS = 80
_ROW_THREADS, _ROW_CHANNELS, _ROW_PIXELS = 128, 64, 5
_COLUMN_THREADS, _COLUMN_WIDTH, _COLUMN_HEIGHT = 256, 32, 64

_LEAST_WIDTH = 256  # values of the rows of a part, where the image has them
_LEAST_HEIGHT = 64  # rows of a part, whatever those around it take


class Arithmetic(NamedTuple):
    """How an image of some type is blurred.

    Parameters
    ----------
    name : str
        Of the types in ``blur.cuh``.
    row, value : str
        Types of the buffer between the passes, and of the weights.
    fraction_bits : int or None
        Of weights that are integers.
    """

    name: str
    row: str
    value: str
    fraction_bits: int | None

    def weights(self, size, sigma):
        """The kernel along an axis."""
        if self.fraction_bits is None:
            return opencv_weights(size, sigma).astype(self.value)
        weights = fixed_point_weights(opencv_weights(size, sigma), self.fraction_bits)
        return weights.astype(self.value)


ARITHMETICS = {
    "uint8": Arithmetic("BlurUint8", "uint16", "uint32", 8),
    "uint16": Arithmetic("BlurUint16", "uint32", "uint32", 16),
    "float32": Arithmetic("BlurFloat32", "float32", "float32", None),
    "float64": Arithmetic("BlurFloat64", "float64", "float64", None),
}


def gaussian_blur(runtime, image, sigma, *, kernel_size=None, border_mode="reflect101"):
    """What `pydbcnn._pixels.gaussian.gaussian_blur` gives, computed on the device.

    Integers are the same to the last bit. Floats are summed in their own type, in
    another order.

    Parameters
    ----------
    runtime : Runtime
    image : device array of shape (height, width) or (height, width, channels)
    sigma, kernel_size, border_mode
        As there.

    Returns
    -------
    blurred : device array like `image`
        A new array.

    Raises
    ------
    ValueError
        When the side of the kernel is even.
    """
    if sigma == 0:
        return image.copy()
    size = kernel_size or kernel_size_for(sigma)
    arithmetic = ARITHMETICS[image.dtype.name]
    weights = runtime.to_device(arithmetic.weights(size, sigma))
    border = BORDERS.index(border_mode)

    blurred = runtime.xp.empty(image.shape, image.dtype)
    source, out = _as_image(runtime, image), _as_image(runtime, blurred)
    height, width, channels = source.array.shape[1:]
    value_bytes = np.dtype(arithmetic.row).itemsize
    for stored, region in parts(height, width, channels, size // 2, value_bytes):
        rows = runtime.xp.empty(stored.n_pixels * channels, arithmetic.row)
        _blur_rows(runtime, arithmetic, source, stored, weights, border, rows)
        _blur_columns(runtime, arithmetic, rows, stored, region, weights, border, out)
    return blurred


def fixed_point_weights(weights, fraction_bits):
    """Weights as OpenCV rounds them for integer images.

    From each end to the centre, what rounding takes from a weight is given to the next;
    the centre gets what is missing to 1. So the sum is exact, and pairs are equal.

    Parameters
    ----------
    weights : array of an odd number of floats
        Symmetric, with the sum 1.
    fraction_bits : int

    Returns
    -------
    integers : array of int64
        In units of 2**-fraction_bits, with the sum 2**fraction_bits.
    """
    one = 1 << fraction_bits
    half = []
    left_over = 0.0
    for weight in weights[: len(weights) // 2].tolist():
        wanted = weight * one + left_over
        half.append(round(wanted))
        left_over = wanted - half[-1]
    return np.array([*half, one - 2 * sum(half), *half[::-1]], np.int64)


def parts(height, width, channels, radius, value_bytes):
    """Parts of an image that are blurred one after the other.

    They are vertical strips, so that nothing is computed twice. Only where strips would
    be too narrow are they cut, and rows around a cut are computed for both sides.

    Parameters
    ----------
    height, width, channels : int
    radius : int
        Of the kernel.
    value_bytes : int
        Of a value in the buffer between the passes.

    Yields
    ------
    stored : Region
        Rows that the buffer holds.
    region : Region
        What comes of them.
    """
    room = BUFFER_BYTES // (value_bytes * channels)
    least = -(-_LEAST_WIDTH // channels)
    columns = min(width, max(least, room // height))
    rows = height
    if columns * height > room:
        rows = min(height, max(_LEAST_HEIGHT, room // columns - 2 * radius))
    for left in range(0, width, columns):
        across = min(columns, width - left)
        for top in range(0, height, rows):
            bottom = min(height, top + rows)
            first, last = max(0, top - radius), min(height, bottom + radius)
            yield (
                Region(1, first, left, last - first, across),
                Region(1, top, left, bottom - top, across),
            )


def _as_image(runtime, array):
    """All of an array, with an axis of channels."""
    array = runtime.xp.ascontiguousarray(array)
    height, width, channels = (*array.shape, 1)[:3]
    return Image(array.reshape(1, height, width, channels))


def _blur_rows(runtime, arithmetic, source, stored, weights, border, rows):
    channels = source.array.shape[3]
    together = min(channels, _ROW_CHANNELS)
    pixels = _ROW_THREADS // together * _ROW_PIXELS
    n_values = (pixels + min(len(weights), _TAPS) - 1) * together
    runtime.launch(
        f"blur_rows<{arithmetic.name}>",
        (stored.height * -(-stored.width // pixels), -(-channels // _ROW_CHANNELS)),
        (_ROW_THREADS,),
        (source, stored, weights, len(weights), border, rows),
        shared_memory=weights.itemsize * (_TAPS + n_values),
    )


def _blur_columns(runtime, arithmetic, rows, stored, region, weights, border, out):
    across = -(-region.width * out.array.shape[3] // _COLUMN_WIDTH)
    n_values = (_COLUMN_HEIGHT + min(len(weights), _TAPS) - 1) * _COLUMN_WIDTH
    runtime.launch(
        f"blur_columns<{arithmetic.name}>",
        (across * -(-region.height // _COLUMN_HEIGHT),),
        (_COLUMN_THREADS,),
        (rows, stored, region, weights, len(weights), border, out),
        shared_memory=weights.itemsize * (_TAPS + n_values),
    )
