"""Moments of kernels, for comparison with formulas."""

import numpy as np


def moments(kernel):
    """Mean and covariance of the place, with x to the right and y upwards."""
    half_y, half_x = (side // 2 for side in kernel.shape)
    up, right = np.mgrid[half_y : -half_y - 1 : -1, -half_x : half_x + 1]
    mean = (kernel * right).sum(), (kernel * up).sum()
    x, y = right - mean[0], up - mean[1]
    xx, xy, yy = ((kernel * a * b).sum() for a, b in ((x, x), (x, y), (y, y)))
    return mean, np.array([[xx, xy], [xy, yy]])
