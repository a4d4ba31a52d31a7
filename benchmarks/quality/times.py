"""How long each method takes for a megapixel, called as a user would call it."""

import time
from functools import partial
from statistics import median
from typing import NamedTuple

import numpy as np

from pydbcnn.datasets import load_sample_images

from . import methods
from .protocol import blurred, plane

SIGMA = 1.6
BALANCE = 1e-4
# A tenth of what is run for the best quality; time grows with them.
ITERATIONS = 30


class Time(NamedTuple):
    """Median seconds of a method for a megapixel."""

    method: str
    restores: str
    seconds: float


def megapixel():
    """A blurred colour photograph of 1.1 megapixels: one of 0.27 with its mirrors."""
    sharp = load_sample_images()[0]
    height, width = sharp.shape[:2]
    large = np.pad(sharp, ((0, height), (0, width), (0, 0)), mode="symmetric")
    return blurred(large, SIGMA, seed=0)


def calls(pixels, models):
    """What is timed, by name: what it restores, and the call.

    Parameters
    ----------
    pixels : array of shape (height, width, 3), uint8
    models : list of str

    Returns
    -------
    calls : dict of (str, callable)
    """
    values = plane(pixels)
    lucy = f"{methods.RICHARDSON_LUCY}, {ITERATIONS} iterations"
    found = {
        methods.UNSHARP: ("luminance", partial(methods.unsharp_mask, values)),
        methods.POLYBLUR: ("colour", partial(methods.polyblurs, pixels, SIGMA)),
        methods.WIENER: ("luminance", partial(methods.wiener, values, SIGMA, BALANCE)),
        lucy: ("luminance", partial(richardson_lucy, values.astype(np.float32))),
    }
    for name in models:
        blind = partial(methods.restored, name, pixels, SIGMA)
        told = partial(methods.restored_with_sigma, name, pixels, SIGMA)
        found |= {name: ("colour", blind), methods.given(name): ("colour", told)}
    return found


def richardson_lucy(values):
    """Richardson-Lucy as scikit-image has it."""
    from skimage import restoration

    kernel = methods.kernel(SIGMA).astype(np.float32)
    return restoration.richardson_lucy(values, kernel, ITERATIONS)


def measure_times(models, rounds):
    """Times of all methods.

    Parameters
    ----------
    models : list of str
    rounds : int
        Calls of each that count. In each round all run in turn, after one round that
        does not count.

    Returns
    -------
    times : list of Time
    """
    pixels = megapixel()
    n_megapixels = pixels.shape[0] * pixels.shape[1] / 1e6
    found = calls(pixels, models)
    seconds = {name: [] for name in found}
    for _ in range(rounds + 1):
        for name, (_, call) in found.items():
            seconds[name].append(_seconds_of(call))
    return [
        Time(name, restores, median(seconds[name][1:]) / n_megapixels)
        for name, (restores, _) in found.items()
    ]


def _seconds_of(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
