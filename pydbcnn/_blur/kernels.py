"""Kernels of blurs: as functions of their geometry, and what any kernel has to be.

Those that are made here have odd sides, add up to 1, and do not change when they are
turned by 180 degrees, so that correlation and convolution are the same. Angles are in
degrees, from the x axis and counter-clockwise as the image is seen, with rows that
count downwards.
"""

import math

import numpy as np

from .._pixels.gaussian import TRUNCATE, elliptic_gaussian

# Far beyond mild, and still a moment's work.
MAX_RADIUS, MAX_LENGTH, MAX_SIGMA = 500, 1000, 100
# A thinner ellipse may fall between the centres of pixels, where it is sampled.
MIN_SIGMA = 0.3
# A wider blur is not mild, and the filters that undo it are too large.
MAX_KERNEL_SIDE = 41
_NO_LENGTH = 1e-9  # pixels: of no effect, and its shares of pixels are lost to rounding
_SUM_TOLERANCE = 1e-3


def check_kernel(kernel, name, largest=MAX_KERNEL_SIDE):
    """A kernel that was given, or an error that says why it is none.

    Parameters
    ----------
    kernel : array-like of shape (height, width)
    name : str
        What error messages call it.
    largest : int, default=41
        Pixels that a side may have.

    Returns
    -------
    kernel : ndarray of shape (height, width), float64

    Raises
    ------
    ValueError
        Unless it is two-dimensional, of odd sides of at most `largest` pixels, finite,
        not negative, and adds up to 1, give or take 0.001.
    """
    try:
        array = np.asarray(kernel)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} is no array of numbers: {error}.") from None
    if array.dtype.kind not in "fiu" or array.ndim != 2:
        raise ValueError(
            f"{name} has shape {array.shape} and type {array.dtype}: expected real "
            "numbers of shape (height, width)."
        )
    _check_sides(array.shape, name, largest)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity: expected finite weights.")
    if array.min() < 0:
        raise ValueError(
            f"{name} has the weight {array.min()}: a blur has none below 0; replace "
            f"them, for instance with {name}.clip(0), and divide by the sum."
        )
    array = array.astype(float)
    if abs(array.sum() - 1) > _SUM_TOLERANCE:
        raise ValueError(
            f"{name} adds up to {array.sum():g}, but a blur keeps the mean of an image "
            f"and adds up to 1: divide it by {name}.sum()."
        )
    return array


def _check_sides(shape, name, largest):
    height, width = shape
    if height % 2 == 0 or width % 2 == 0:
        raise ValueError(
            f"{name} of shape {shape} has an even side: a kernel needs a centre, so "
            "add a row or a column of zeros."
        )
    if max(shape) > largest:
        raise ValueError(
            f"{name} of shape {shape} is larger than {largest} x {largest} pixels: cut "
            "off the border where it is next to nothing, or make image and kernel "
            "smaller."
        )


def centroid(kernel):
    """How far down and across the centroid of a kernel lies from its middle.

    Parameters
    ----------
    kernel : ndarray of shape (height, width)
        Its sum is 1.

    Returns
    -------
    down, across : float
        In pixels.
    """
    y, x = (np.arange(side) - side // 2 for side in kernel.shape)
    return float(kernel.sum(axis=1) @ y), float(kernel.sum(axis=0) @ x)


def second_moments(kernel):
    """Second moments of a kernel about its centroid, of x to the right and y down.

    Parameters
    ----------
    kernel : ndarray of shape (height, width)
        Its sum is 1.

    Returns
    -------
    covariance : ndarray of shape (2, 2)
        In squared pixels.
    """
    down, across = centroid(kernel)
    y, x = (np.arange(side) - side // 2 for side in kernel.shape)
    y, x = y - down, x - across
    across, down = kernel.sum(axis=0), kernel.sum(axis=1)
    xy = y @ kernel @ x
    return np.array([[across @ x**2, xy], [xy, down @ y**2]])


def disk_coverage(radius):
    """How much of each pixel a centred disk covers, exactly.

    The area of the disk below and left of each corner of the grid has a closed form;
    differences along both axes leave the areas in the pixels.

    Parameters
    ----------
    radius : float
        In pixels, above 0.

    Returns
    -------
    coverage : ndarray of shape (side, side)
        Shares of pixels between 0 and 1, which add up to pi radius².
    """
    half = max(0, math.ceil(radius - 0.5))
    corners = np.arange(-half, half + 2) - 0.5
    below_left = _signed_quarter(corners[:, np.newaxis], corners, radius)
    coverage = np.diff(np.diff(below_left, axis=0), axis=1)
    return np.maximum(coverage, 0.0)  # differences of equal areas may round below


def _signed_quarter(y, x, radius):
    """Area of the disk between the axes and the lines at x and y, odd in both."""
    far_x = np.minimum(np.abs(x), radius)
    far_y = np.minimum(np.abs(y), radius)
    # The rectangle's top runs inside the disk up to `level`; then comes the arc.
    level = np.minimum(_height(far_y, radius), far_x)
    area = far_y * level + _below_arc(far_x, radius) - _below_arc(level, radius)
    return np.sign(x) * np.sign(y) * area


def _below_arc(x, radius):
    """Integral of sqrt(radius² - u²) over u from 0 to x."""
    return (x * _height(x, radius) + radius**2 * np.arcsin(x / radius)) / 2


def _height(x, radius):
    """Of the disk's border above x, which rounding may take for beyond the disk."""
    return np.sqrt(np.maximum(radius**2 - x**2, 0.0))


def disk_kernel(radius):
    """Kernel of a lens out of focus: an even disk, anti-aliased.

    Parameters
    ----------
    radius : float
        In pixels. Up to 0.5 the disk lies within one pixel, and the kernel is [[1]].

    Returns
    -------
    kernel : ndarray of shape (side, side)
    """
    if radius <= 0.5:
        return np.ones((1, 1))
    coverage = disk_coverage(radius)
    return coverage / coverage.sum()


def line_kernel(length, angle):
    """Kernel of an even motion along a straight line.

    Each point of the line gives its share to the four pixels around it, by bilinear
    weights; the kernel is the integral over the line. Along it, the variance is
    length² / 12 and what the weights add: at most 1/4 along each axis, and none across
    a line that lies along an axis.

    Parameters
    ----------
    length : float
        In pixels; 0 gives [[1]].
    angle : float
        In degrees.

    Returns
    -------
    kernel : ndarray of shape (height, width)
    """
    if length < _NO_LENGTH:
        return np.ones((1, 1))
    cosine, sine = _direction(angle)
    half_x, half_y = (_ceil(length / 2 * abs(side)) for side in (cosine, sine))
    t, weight = _gauss_points(length / 2, (cosine, sine))
    down = _tents(-t * sine, half_y)
    kernel = (down * weight[:, np.newaxis]).T @ _tents(t * cosine, half_x)
    return kernel / kernel.sum()


def _gauss_points(half_length, direction):
    """Points along a line and weights, exact for products of two bilinear weights.

    Between two crossings of the grid each weight is linear, their product quadratic,
    and Gauss' rule with two points exact.
    """
    ends = [-half_length, half_length]
    for side in direction:
        last = math.floor(half_length * abs(side))
        ends.extend(np.arange(-last, last + 1) / (side or 1.0))
    ends = np.clip(np.sort(ends), -half_length, half_length)
    middle, half_step = (ends[1:] + ends[:-1]) / 2, np.diff(ends) / 2
    t = np.concatenate([middle - half_step / 3**0.5, middle + half_step / 3**0.5])
    return t, np.concatenate([half_step, half_step])


def _tents(position, half):
    """Linear weights that positions give to the pixels from -half to half."""
    pixels = np.arange(-half, half + 1)
    return np.maximum(0.0, 1.0 - np.abs(position[:, np.newaxis] - pixels))


def elliptic_gaussian_kernel(sigma_major, sigma_minor, angle):
    """Kernel of a Gaussian with two standard deviations.

    The Gaussian is sampled at the centres of pixels, as OpenCV's is, up to 4 sigma of
    it along each axis of the image. With equal sigmas it is the outer product of the
    kernels along both axes.

    Parameters
    ----------
    sigma_major : float
        Standard deviation in pixels in the direction of `angle`, 0.3 or more.
    sigma_minor : float
        Standard deviation in pixels across it, 0.3 or more.
    angle : float
        In degrees.

    Returns
    -------
    kernel : ndarray of shape (height, width)
    """
    cosine, sine = _direction(angle)
    half_x = _ceil(TRUNCATE * math.hypot(sigma_major * cosine, sigma_minor * sine))
    half_y = _ceil(TRUNCATE * math.hypot(sigma_major * sine, sigma_minor * cosine))
    direction = cosine, sine
    return elliptic_gaussian(sigma_major, sigma_minor, direction, half_y, half_x)


def _direction(angle):
    """Cosine and sine, rounded so that a right angle is one."""
    radians = math.radians(angle)
    return round(math.cos(radians), 15), round(math.sin(radians), 15)


def _ceil(size):
    # A size that rounding has lifted above a whole number needs no other pixel.
    return math.ceil(round(size, 9))
