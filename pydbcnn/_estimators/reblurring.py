"""Polyblur: a blur told from the steepest edges, and undone by blurring again.

Images are float64 here; what a pixel value counts as does not matter.
"""

import numpy as np
from scipy.fft import dct, idst
from scipy.interpolate import CubicSpline

from .._pixels.gaussian import import_cv2, kernel_size_for

_OUTLIERS = 1e-4  # share of the pixels that count as too dark, or as too bright
_ROUNDING = 1e-12  # relative contrast of an image that is flat but for rounding
_NARROWEST = 0.3  # sigma of a Gaussian that leaves 99 % in one pixel: no blur
NO_BLUR = (0.0, 0.0, 0.0)


def gradient(image):
    """Derivatives of an image along its rows and along its columns.

    The image is mirrored at its borders, where the jump of a periodic image would
    count as an edge; between the pixels it is a sum of cosines.

    Parameters
    ----------
    image : array of shape (height, width), float64

    Returns
    -------
    along_rows, along_columns : array of shape (height, width)
        Per pixel, to the right and downwards.
    """
    return _slope(image), _slope(image.T).T


def _slope(rows):
    n = rows.shape[1]
    cosines = dct(rows, axis=1)
    sines = np.zeros_like(cosines)
    sines[:, :-1] = cosines[:, 1:] * (-np.pi / n * np.arange(1, n))
    return idst(sines, axis=1)


def estimate_gaussian(image, *, n_angles, c, b, max_sigma):
    """The Gaussian that an image was probably blurred with.

    A sharp photograph has steps from black to white in every direction. The slope of
    a blurred step falls with the sigma across it, so the steepest slope in a
    direction tells the sigma in that direction.

    Parameters
    ----------
    image : array of shape (height, width), float64
    n_angles : int
        Directions in which slopes are measured.
    c, b : float
        A steepest slope f stands for the variance c² / f² - b².
    max_sigma : float
        Limit of what is returned, in pixels.

    Returns
    -------
    sigma_major, sigma_minor, angle : float
        Standard deviations in pixels along the axis with the most blur and across it,
        and the direction of the former in degrees, from 0 to 179, counter-clockwise
        from the rows.
    """
    image = _full_contrast(image)
    if image is None:
        return NO_BLUR
    slopes = _steepest_slopes(image, n_angles)
    angle = int(np.argmin(slopes))
    across = (angle + 90) % 180
    # Slopes below this one, or none at all, stand for the largest sigma.
    least = c / np.hypot(max_sigma, b)
    variances = (c / np.maximum(slopes[[angle, across]], least)) ** 2 - b**2
    sigmas = np.sqrt(np.clip(variances, 0, max_sigma**2))
    return float(sigmas[0]), float(sigmas[1]), float(angle)


def _full_contrast(image):
    """The image from 0 to 1 without outliers, or None when it is flat."""
    low, high = np.quantile(image, [_OUTLIERS, 1 - _OUTLIERS], method="nearest")
    if low == high:
        low, high = image.min(), image.max()
    if high - low <= _ROUNDING * max(abs(low), abs(high)):
        return None
    return np.clip((image - low) / (high - low), 0, 1)


def _steepest_slopes(image, n_angles):
    """The largest slope in each of 180 directions, one a degree."""
    right, down = gradient(image)
    measured = np.linspace(0, 180, n_angles + 1)
    slopes = [
        np.abs(np.cos(radians) * right - np.sin(radians) * down).max()
        for radians in np.deg2rad(measured[:-1])
    ]
    between = CubicSpline(measured, [*slopes, slopes[0]], bc_type="periodic")
    return between(np.arange(180))


def gaussian_kernel(sigma_major, sigma_minor, angle):
    """A Gaussian with two sigmas, sampled at the pixels.

    Parameters
    ----------
    sigma_major, sigma_minor : float
        Standard deviations in pixels; the second is taken as 0.3 at least, since the
        ridge of a narrower Gaussian would pass between the pixels.
    angle : float
        Direction of the first, in degrees counter-clockwise from the rows.

    Returns
    -------
    kernel : array of shape (size, size), float64
        It adds up to 1 and reaches 4 `sigma_major` on every side.
    """
    radius = kernel_size_for(sigma_major) // 2
    down, right = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    along = (cosine * right - sine * down) / sigma_major
    across = (sine * right + cosine * down) / max(sigma_minor, _NARROWEST)
    kernel = np.exp(-(along**2 + across**2) / 2)
    return kernel / kernel.sum()


def remove_gaussian(image, blur, *, alpha, beta, remove_halos):
    """Undo a Gaussian blur approximately.

    Parameters
    ----------
    image : array of shape (height, width), float64
    blur : tuple of 3 float
        As `estimate_gaussian` returns it.
    alpha, beta : float
        See `coefficients`.
    remove_halos : bool
        Whether to take back what turns the gradient round.

    Returns
    -------
    restored : array of shape (height, width), float64
    """
    if blur[0] < _NARROWEST:
        return image
    restored = reblur(image, gaussian_kernel(*blur), coefficients(alpha, beta))
    return without_halos(image, restored) if remove_halos else restored


def coefficients(alpha, beta):
    """The polynomial p that stands in for 1 / k, highest power first.

    It has p(1) = 1 and p'(1) = -1, as 1 / k has them. p''(1) is `alpha`, which is 2
    for 1 / k, and p(0), the gain of what the blur has wiped out, is `beta`.
    """
    return (
        alpha / 2 - beta + 2,
        3 * beta - alpha - 6,
        5 - 3 * beta + alpha / 2,
        beta,
    )


def reblur(image, kernel, polynomial):
    """Apply a polynomial of a blur to an image, by Horner's rule."""
    cv2 = import_cv2()
    highest, *others = polynomial
    result = highest * image
    for coefficient in others:
        result = cv2.filter2D(result, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        result = result.reshape(image.shape) + coefficient * image
    return result


def without_halos(blurred, restored):
    """Blend with the blurred image where gradients have opposite directions.

    With g the gradient of the blurred image and r that of the restored one, a share z
    of the blurred image brings the gradient along g to z |g|² + (1 - z) r·g. Where
    r·g is negative, z is chosen to make it zero.
    """
    slopes, against = np.zeros_like(blurred), np.zeros_like(blurred)
    for before, after in zip(gradient(blurred), gradient(restored), strict=True):
        slopes += before * before
        against -= before * after
    against = np.maximum(against, 0)
    share = against / np.maximum(slopes + against, np.finfo(float).tiny)
    return restored + share * (blurred - restored)
