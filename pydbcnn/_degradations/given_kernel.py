"""Kernels that users give to a transformer: arrays, or objects that have one."""

from .._blur.kernels import check_kernel

MAX_KERNEL_SIDE = 1025  # pixels: room for every kernel that the package makes itself


def as_kernel(kernel, name="kernel"):
    """The array of a kernel, or of an object with a method ``kernel()``.

    Raises
    ------
    ValueError
        When it is no kernel: see `check_kernel`.
    """
    array = kernel.kernel() if hasattr(kernel, "kernel") else kernel
    return check_kernel(array, name, MAX_KERNEL_SIDE)
