"""Every Gaussian of the package: its weights, its limits, and the blur of OpenCV."""

import math
from numbers import Integral

import numpy as np

from .opencv import border_type, import_cv2

# The blurs that models are made for, as sigmas in pixels.
MIN_SIGMA = 0.3  # a weaker one hardly changes an 8-bit image
MAX_SIGMA = 5.0  # a stronger one is not mild

MAX_KERNEL_SIZE = 4095  # the kernel of a sigma of 511 pixels: nothing mild
TRUNCATE = 4.0  # sigmas at which the kernel is cut: beyond lies 0.006 % of its weight
NEGLIGIBLE_SIGMA = 0.1  # below it, a Gaussian on whole pixels is no blur at all


def kernel_size_for(sigma, truncate=TRUNCATE):
    """Side of the kernel that reaches `truncate` sigmas on every side.

    Raises
    ------
    ValueError
        When the side would be above 4095 pixels.
    """
    if not truncate * sigma <= MAX_KERNEL_SIZE // 2:
        raise ValueError(
            f"sigma={sigma} with truncate={truncate} needs a kernel of more than "
            f"{MAX_KERNEL_SIZE} pixels: pass a smaller sigma."
        )
    return 2 * math.ceil(truncate * sigma) + 1


def check_kernel_size(kernel_size):
    """Raise a ValueError unless a kernel can have this side: odd, up to 4095."""
    is_integer = isinstance(kernel_size, Integral)
    if not is_integer or not 1 <= kernel_size <= MAX_KERNEL_SIZE:
        raise ValueError(
            f"kernel_size={kernel_size!r}: expected an odd integer, at least 1 and at "
            f"most {MAX_KERNEL_SIZE}, or None."
        )
    if kernel_size % 2 == 0:
        raise ValueError(
            f"kernel_size={kernel_size} is even: a kernel needs a centre, so pass an "
            f"odd side, such as {kernel_size + 1}, or None."
        )


def gaussian_weights(sigma, radius):
    """Weights of a Gaussian at distances of -radius to radius pixels, summing to 1."""
    distance = np.arange(-radius, radius + 1)
    if sigma < NEGLIGIBLE_SIGMA:
        return (distance == 0).astype(float)
    weights = np.exp(-(distance**2) / (2 * sigma**2))
    return weights / weights.sum()


def elliptic_gaussian(sigma_major, sigma_minor, direction, half_height, half_width):
    """A Gaussian with two standard deviations, sampled at the centres of pixels.

    Parameters
    ----------
    sigma_major, sigma_minor : float
        Standard deviations in pixels, along the direction and across it.
    direction : tuple of 2 float
        Cosine and sine of its angle, counter-clockwise as the image is seen.
    half_height, half_width : int
        Pixels that the kernel reaches up and down, and to the left and to the right.

    Returns
    -------
    kernel : ndarray of shape (2 half_height + 1, 2 half_width + 1)
        Its sum is 1.
    """
    cosine, sine = direction
    x = np.arange(-half_width, half_width + 1)
    up = np.arange(half_height, -half_height - 1, -1)[:, np.newaxis]
    along = (cosine * x + sine * up) / sigma_major
    across = (cosine * up - sine * x) / sigma_minor
    kernel = np.exp(-(along**2 + across**2) / 2)
    return kernel / kernel.sum()


def opencv_weights(kernel_size, sigma):
    """The weights that ``cv2.GaussianBlur`` takes along an axis, to the last bit.

    Raises
    ------
    ValueError
        When the side is even, or above 4095.
    """
    check_kernel_size(kernel_size)
    cv2 = import_cv2()
    return cv2.getGaussianKernel(int(kernel_size), float(sigma), cv2.CV_64F)[:, 0]


def gaussian_blur(image, sigma, *, kernel_size=None, border_mode="reflect101"):
    """Blur an image with ``cv2.GaussianBlur``.

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, channels)
        uint8, uint16, float32 or float64.
    sigma : float
        Standard deviation of the Gaussian in pixels; 0 leaves the image as it is.
    kernel_size : int or None, default=None
        Odd side of the kernel; None reaches 4 sigma on every side.
    border_mode : {"reflect101", "reflect", "replicate", "constant"}
        What lies beyond the border, as OpenCV names it.

    Returns
    -------
    blurred : array like `image`
        A new array.
    """
    if sigma == 0:
        return np.array(image)
    size = kernel_size or kernel_size_for(sigma)
    # OpenCV reads no stepped arrays, and drops an axis of one channel.
    blurred = import_cv2().GaussianBlur(
        np.ascontiguousarray(image),
        (size, size),
        sigma,
        borderType=border_type(border_mode),
    )
    return blurred.reshape(image.shape)
