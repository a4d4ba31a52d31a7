"""Gaussian blur of one image, as OpenCV makes it."""

import math

import numpy as np

MAX_KERNEL_SIZE = 4095  # the kernel of a sigma of 511 pixels: nothing mild
TRUNCATE = 4.0  # sigmas at which the kernel is cut: beyond lies 0.006 % of its weight

BORDER_MODES = {"reflect101", "reflect", "replicate", "constant"}  # OpenCV's names


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
    cv2 = import_cv2()
    size = kernel_size or kernel_size_for(sigma)
    # OpenCV reads no stepped arrays, and drops an axis of one channel.
    blurred = cv2.GaussianBlur(
        np.ascontiguousarray(image),
        (size, size),
        sigma,
        borderType=border_type(border_mode),
    )
    return blurred.reshape(image.shape)


def border_type(border_mode):
    """OpenCV's number for one of `BORDER_MODES`."""
    return getattr(import_cv2(), f"BORDER_{border_mode.upper()}")


def import_cv2():
    """OpenCV, or an error that says what to install."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            f"OpenCV cannot be imported: {error}. On a machine without a screen, "
            "'pip uninstall opencv-python' and 'pip install opencv-python-headless' "
            "gives the same functions without the libraries for windows."
        ) from error
    return cv2
