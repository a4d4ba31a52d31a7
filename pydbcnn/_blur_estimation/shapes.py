"""The kinds of blur that a photograph is compared with, and kernels of each."""

import math
from typing import NamedTuple

import numpy as np

from .._blur.kernels import disk_kernel, line_kernel
from .._pixels.gaussian import elliptic_gaussian
from .frequencies import log_gain


class Shape(NamedTuple):
    """A family of kernels.

    Attributes
    ----------
    lowest, highest : tuple of float
        Range of each parameter; angles, in degrees, may be any.
    step : tuple of float
        Over which differences are taken.
    longest_move : tuple of float
        How far a parameter moves in one step of the search.
    """

    lowest: tuple
    highest: tuple
    step: tuple
    longest_move: tuple


ANY = math.inf
SHAPES = {
    "none": Shape((), (), (), ()),
    "round": Shape((0.2,), (5.5,), (0.01,), (0.5,)),
    "oblong": Shape((0.3, 0.2, -ANY), (5.5, 5.5, ANY), (0.01, 0.01, 1), (0.5, 0.5, 15)),
    "defocus": Shape((0.6,), (9.0,), (0.01,), (0.5,)),
    "motion": Shape((1.0, -ANY), (18.0, ANY), (0.02, 1), (1.0, 15)),
}
KINDS = tuple(SHAPES)
_SIGMAS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.35, 1.5, 1.65, 1.8, 2, 2.2)
_SIGMAS += (2.4, 2.7, 3, 3.4, 4, 4.8)
_MAJORS, _RATIOS = (0.8, 1.05, 1.3, 1.6, 1.95, 2.4, 2.9, 3.4, 4.2), (0.33, 0.55)
_LENGTHS = (2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.7, 7.4, 8.2, 9, 10, 11.5, 13)


def kernel_of(kind, parameters):
    """The kernel of a blur.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    parameters : sequence of float
        Sigma; the major and the minor sigma and the angle; the radius; the length and
        the angle. Pixels and degrees.

    Returns
    -------
    kernel : array of shape (height, width)
    """
    if kind == "none":
        return np.ones((1, 1))
    if kind == "defocus":
        return disk_kernel(*parameters)
    if kind == "motion":
        return line_kernel(*parameters)
    major, minor, angle = (*parameters, *parameters, 0)[:3]
    return _gaussian(major, minor, math.radians(angle))


def _gaussian(major, minor, radians):
    half = max(2, math.ceil(4 * max(major, minor)))
    direction = math.cos(radians), math.sin(radians)
    return elliptic_gaussian(major, minor, direction, half, half)


def log_gain_of(kind, parameters):
    """Logarithm of the power that such a blur leaves of each frequency."""
    return log_gain(kernel_of(kind, parameters))


def within_range(kind, parameters):
    """Parameters moved to the nearest that the kind has."""
    shape = SHAPES[kind]
    return tuple(
        float(min(max(value, low), high))
        for value, low, high in zip(
            parameters, shape.lowest, shape.highest, strict=True
        )
    )


def bank():
    """Blurs of all kinds, close enough for a search to start from.

    Yields
    ------
    kind : str
    parameters : tuple of float
    """
    yield "none", ()
    yield from (("round", (sigma,)) for sigma in _SIGMAS)
    for major in _MAJORS:
        for ratio in _RATIOS:
            for angle in range(0, 180, 20):
                yield "oblong", (major, max(major * ratio, 0.3), float(angle))
    yield from (("defocus", (radius,)) for radius in np.geomspace(0.9, 7.5, 32))
    for length in _LENGTHS:
        for angle in range(0, 180, 15 if length < 5 else 10):
            yield "motion", (length, float(angle))
