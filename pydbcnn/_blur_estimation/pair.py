"""The blur of a pair, found from the pair itself."""

import numpy as np

from .._pixels.device import to_host
from .._pixels.gaussian import MAX_SIGMA, gaussian_blur
from .._pixels.values import grey

_WINDOW = 128  # pixels of a side: enough for a good estimate, and quick


def sigma_of_pair(blurred, sharp):
    """Sigma of the Gaussian that brings a sharp image closest to a blurred one.

    Least squares on the luminance of the part with the most detail. For a blur of
    another kind, this is the Gaussian that is most like it.

    Parameters
    ----------
    blurred, sharp : array of shape (height, width, channels)
        Of one size, type and range. What lies on a GPU is copied to the host.

    Returns
    -------
    sigma : float
        From 0 to 5 pixels.
    """
    from scipy.optimize import minimize_scalar

    blurred, sharp = (
        grey(to_host(image)).astype(np.float32) for image in (blurred, sharp)
    )
    part = _part_with_most_detail(sharp)
    goal = blurred[part]

    def error(sigma):
        # The border of the part sees what lies around it, as when it was blurred.
        difference = _blurred_part(sharp, part, sigma) - goal
        return float(np.mean(np.square(difference, dtype=float)))

    found = minimize_scalar(
        error, bounds=(0, MAX_SIGMA), method="bounded", options={"xatol": 1e-3}
    )
    return 0.0 if error(0.0) <= found.fun else float(found.x)


def _part_with_most_detail(image):
    detail = np.abs(image - gaussian_blur(image, 1.0))
    places = [
        np.linspace(0, max(size - _WINDOW, 0), 3 if size > _WINDOW else 1).astype(int)
        for size in image.shape
    ]
    parts = [
        np.s_[top : top + _WINDOW, left : left + _WINDOW]
        for top in places[0]
        for left in places[1]
    ]
    return max(parts, key=lambda part: detail[part].mean(dtype=float))


def _blurred_part(image, part, sigma):
    margin = int(np.ceil(4 * MAX_SIGMA))
    starts = [max(axis.start - margin, 0) for axis in part]
    around = image[
        tuple(
            slice(start, axis.stop + margin)
            for start, axis in zip(starts, part, strict=True)
        )
    ]
    rows, columns = (
        slice(axis.start - start, axis.stop - start)
        for axis, start in zip(part, starts, strict=True)
    )
    return gaussian_blur(around, sigma)[rows, columns]
