"""How long filters take, beside OpenCV and SciPy, and how long it takes to make one."""

import time
from functools import partial
from statistics import median
from typing import NamedTuple

import numpy as np

from pydbcnn import Blur, Noise
from pydbcnn._network.filter_alone import filter_alone
from pydbcnn._network.inverse_filter import inverse_filter
from pydbcnn._pixels.opencv import import_cv2
from pydbcnn.backends.cpu import CpuBackend

SIDES = 9, 17, 25, 33, 41
IMAGE = 1000, 1000  # a megapixel
OURS, OPENCV, SCIPY = "pydbcnn", "OpenCV", "SciPy"
FIXED_SIDE = 25
NOISE = 1  # level, of which filters are made
BLURS = {
    "Gaussian 1.6": Blur.gaussian(1.6),
    "Gaussian 2.5 x 1 at 30": Blur.gaussian(2.5, 1, 30),
    "disk 2.5": Blur.defocus(2.5),
    "motion 5 at 20": Blur.motion(5, 20),
}


class FilterTime(NamedTuple):
    """Median seconds for a channel of a megapixel, by library."""

    side: int
    is_symmetric: bool
    seconds: dict


class MakingTime(NamedTuple):
    """Median seconds for making a filter of 25 x 25, and one of the side chosen."""

    blur_name: str
    fixed: float
    side: int
    chosen: float


def measure_filters(rounds, shape=IMAGE, sides=SIDES):
    """Times of filters of all sides.

    Parameters
    ----------
    rounds : int
        Calls of each that count. In each round all run in turn, after one round that
        does not count.
    shape : tuple of 2 int
        Of the image.
    sides : tuple of int

    Returns
    -------
    times : list of FilterTime
    """
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    calls = {
        (side, is_symmetric): _calls(image, _kernel(side, is_symmetric))
        for side in sides
        for is_symmetric in (True, False)
    }
    n_megapixels = image.size / 1e6
    seconds = _in_turn(
        {(*case, name): call for case in calls for name, call in calls[case].items()},
        rounds,
    )
    return [
        FilterTime(*case, {n: seconds[*case, n] / n_megapixels for n in calls[case]})
        for case in calls
    ]


def _kernel(side, is_symmetric):
    kernel = np.random.default_rng(side).random((side, side), dtype=np.float32)
    kernel /= kernel.sum()
    return (kernel + kernel[:, ::-1]) / 2 if is_symmetric else kernel


def _calls(image, kernel):
    """Callables that give the seconds that they took, by library."""
    from scipy import signal

    cv2 = import_cv2()
    border = cv2.BORDER_REFLECT_101
    return {
        OURS: partial(_our_seconds, image, kernel),
        OPENCV: partial(
            _seconds_of, cv2.filter2D, image, -1, kernel, borderType=border
        ),
        SCIPY: partial(_seconds_of, signal.fftconvolve, image, kernel, mode="same"),
    }


def _our_seconds(image, kernel):
    network, params = filter_alone(kernel, 1)
    batch = image[np.newaxis, ..., np.newaxis]
    return CpuBackend().layer_seconds(network, params, batch, data_range=1.0)[0]


def _in_turn(calls, rounds):
    """Medians of what calls give, in rounds in which all run in turn."""
    seconds = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            seconds[name].append(call())
    return {name: float(median(values[1:])) for name, values in seconds.items()}


def measure_making(rounds, blurs=BLURS):
    """How long it takes to make filters, as a list of `MakingTime`.

    Parameters
    ----------
    rounds : int
        As in `measure_filters`.
    blurs : dict of Blur
        By name.
    """
    noise = Noise.white(NOISE, rounded=True)
    calls = {
        (name, sides): partial(_making_seconds, blur, noise, **sides_given)
        for name, blur in blurs.items()
        for sides, sides_given in (
            (FIXED_SIDE, {"sides": (FIXED_SIDE,)}),
            (None, {}),
        )
    }
    seconds = _in_turn(calls, rounds)
    return [
        MakingTime(
            name,
            seconds[name, FIXED_SIDE],
            len(inverse_filter(blur, noise)),
            seconds[name, None],
        )
        for name, blur in blurs.items()
    ]


def _making_seconds(blur, noise, **sides):
    inverse_filter.cache_clear()
    return _seconds_of(inverse_filter, blur, noise, **sides)


def _seconds_of(function, *arguments, **options):
    start = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - start
