"""Kernels that users give: an array that is one, or an error that says why not."""

import numpy as np

MAX_KERNEL_SIDE = 1025  # pixels: room for every kernel that the package makes itself
_SUM_TOLERANCE = 1e-3  # a kernel that was stored with three digits passes


def as_kernel(kernel, name="kernel"):
    """The array of a kernel, or of an object with a method ``kernel()``."""
    return check_kernel(kernel.kernel() if hasattr(kernel, "kernel") else kernel, name)


def check_kernel(kernel, name="kernel"):
    """A kernel as an array of float64.

    Raises
    ------
    ValueError
        When it is not two-dimensional, has an even or a very long side, holds numbers
        that are negative or not finite, or does not add up to 1.
    """
    try:
        kernel = np.asarray(kernel, float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} is no array of numbers ({error}): expected weights of shape "
            "(height, width)."
        ) from None
    if kernel.ndim != 2 or not all(side % 2 for side in kernel.shape):
        raise ValueError(
            f"{name} has shape {kernel.shape}: expected two dimensions with odd sides, "
            "so that there is a centre; pad an even side with zeros."
        )
    if max(kernel.shape) > MAX_KERNEL_SIDE:
        raise ValueError(
            f"{name} has shape {kernel.shape}: a side has at most {MAX_KERNEL_SIDE} "
            "pixels, so cut off its margins or make images and kernel smaller."
        )
    if not np.isfinite(kernel).all() or kernel.min() < 0:
        raise ValueError(
            f"{name} has weights from {kernel.min()} to {kernel.max()}: expected "
            "finite numbers, at least 0."
        )
    if abs(kernel.sum() - 1) > _SUM_TOLERANCE:
        raise ValueError(
            f"{name} adds up to {kernel.sum():.6g} instead of 1: divide it by "
            f"{name}.sum()."
        )
    return kernel
