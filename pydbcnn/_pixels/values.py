"""Values of pixels: their range, rounding and luminance, and mirroring at borders."""

import numbers

import numpy as np

from .device import namespace

MAX_PSNR = 100.0  # dB: so that a mean stays finite where an estimate is perfect


def resolve_data_range(data_range, dtype):
    """The pixel value that counts as 1.

    Parameters
    ----------
    data_range : float or None
        None stands for the largest value of an integer type, and 1.0 for floats.
    dtype : dtype

    Returns
    -------
    data_range : float

    Raises
    ------
    ValueError
        When it is not a positive, finite number.
    """
    if data_range is None:
        return float(np.iinfo(dtype).max) if np.dtype(dtype).kind == "u" else 1.0
    if (
        not isinstance(data_range, numbers.Real)
        or isinstance(data_range, bool)
        or not 1e-30 < data_range < 1e30
    ):
        raise ValueError(
            f"data_range={data_range!r}: expected a positive number, 1e-30 to 1e30, "
            "the pixel value that counts as 1, or None for the range of the type."
        )
    return float(data_range)


def as_pixels(values, dtype):
    """Values as pixels of a type: rounded and clipped to it if it is of integers."""
    if np.dtype(dtype).kind == "u":
        xp = namespace(values)
        values = xp.clip(xp.rint(values), 0, np.iinfo(dtype).max)
    return values.astype(dtype)


def write_pixels(values, out):
    """Write pixel values into `out`; integers are rounded and clipped."""
    out[...] = as_pixels(values, out.dtype)


LUMINANCE_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue


def luminance(images):
    """Luminance of RGB pixels, full range (ITU-R BT.601).

    Parameters
    ----------
    images : array of shape (..., 3)

    Returns
    -------
    luminance : array of shape (...), float64
        0.299 R + 0.587 G + 0.114 B.
    """
    return np.asarray(images, float) @ np.array(LUMINANCE_WEIGHTS)


def grey(image):
    """One value for each pixel: luminance of three channels, the mean of others.

    Parameters
    ----------
    image : array of shape (height, width, channels)
        Three channels are taken for RGB.

    Returns
    -------
    grey : array of shape (height, width), float64
    """
    return luminance(image) if image.shape[2] == 3 else image.mean(axis=2, dtype=float)


def mean_squared_error(true, pred, data_range):
    """Mean squared difference of two images, in units of the data range."""
    error = namespace(true).subtract(true, pred, dtype=float) / data_range
    return float((error * error).mean())


def psnr_of_error(mean_square):
    """Peak signal-to-noise ratio in dB of a mean squared error, at most `MAX_PSNR`."""
    least = 10 ** (-MAX_PSNR / 10)
    return -10 * np.log10(mean_square) if not mean_square <= least else MAX_PSNR


def central_part(images, shape):
    """The middle of images of shape (n, height, width, ...), as large as a shape."""
    for axis in (1, 2):
        extra = images.shape[axis] - shape[axis]
        if extra > 0:
            part = slice(extra // 2, extra // 2 + shape[axis])
            images = images[(slice(None),) * axis + (part,)]
    return images


def mirror(positions, size):
    """Positions outside an axis mirrored into it, edges not repeated (reflect-101).

    `size` is that of the axis, or an array of sizes to go with the positions.
    """
    period = 2 * (size - 1)
    positions = np.abs(positions) % np.maximum(
        period, 1
    )  # a lone pixel is all there is
    return np.minimum(positions, period - positions)


def mirrored_tile(image, part, margin):
    """A tile of an image with `margin` pixels of context, mirrored at the border."""
    rows, columns = (
        mirror(np.arange(axis.start - margin, min(axis.stop, size) + margin), size)
        for axis, size in zip(part, image.shape[:2], strict=True)
    )
    xp = namespace(image)
    return image[xp.asarray(rows)[:, np.newaxis], xp.asarray(columns)]
