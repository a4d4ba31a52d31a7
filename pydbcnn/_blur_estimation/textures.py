"""The power spectrum of the most textured parts of a photograph."""

from typing import NamedTuple

import numpy as np

from .frequencies import RADII, SIDE, USED, block_power, hann_window
from .regions import evenly

_STEP = SIDE // 2  # blocks overlap by half
_MAX_BLOCKS = 512
_COARSE = 4  # pixels of a side of the means in which texture is looked for
_SHARE = 0.4  # of the blocks, those with most texture, count
_FEWEST = 6  # that count where there are as many
_LOW = 8 / SIDE  # cycles a pixel up to which the power of a block is its contrast
_NO_POWER = 1e-4  # levels squared: far below what rounding leaves
_WINDOW = hann_window(SIDE)
_COARSE_WINDOW = hann_window(SIDE // _COARSE)


def _coarse_low():
    """The frequencies that count as contrast, in the spectrum of coarse means."""
    n_parts = SIDE // _COARSE
    down, across = np.fft.fftfreq(n_parts), np.fft.rfftfreq(n_parts)
    radii = np.hypot(down[:, np.newaxis], across) / _COARSE
    return (radii > 2.5 / SIDE) & (radii < _LOW)


_COARSE_LOW = _coarse_low()


class Texture(NamedTuple):
    """What textured blocks have in common.

    Attributes
    ----------
    power : array of shape (n_frequencies,), float64
        Mean power of the blocks, levels squared.
    n_blocks : int
        How many blocks count.
    contrast : float
        Median power of the low frequencies, levels squared.
    """

    power: np.ndarray
    n_blocks: int
    contrast: float


def texture_of(planes):
    """The power spectrum of the textured blocks of regions.

    Parameters
    ----------
    planes : list of array of shape (height, width), float32
        Luminance from 0 to 255.

    Returns
    -------
    texture : Texture or None
        None if no region holds a block.
    """
    blocks = _blocks(planes)
    if not len(blocks):
        return None
    chosen = _most_textured(blocks)
    power = block_power(blocks[chosen], _WINDOW)[:, USED].astype(np.float64)
    contrast = np.median(power[:, RADII < _LOW].mean(axis=1))
    # Blocks with more contrast weigh more: there, more is above noise and JPEG's steps.
    mean = np.maximum(power.mean(axis=0), _NO_POWER)
    return Texture(mean, len(chosen), float(contrast))


def _blocks(planes):
    """Blocks of all regions, thinned out evenly where there are many."""
    most = max(1, _MAX_BLOCKS // len(planes))
    found = [_blocks_of(plane, most) for plane in planes if min(plane.shape) >= SIDE]
    return np.concatenate(found) if found else np.empty((0, SIDE, SIDE), np.float32)


def _blocks_of(plane, most):
    tops, lefts = (np.arange(0, size - SIDE + 1, _STEP) for size in plane.shape)
    n_blocks = len(tops) * len(lefts)
    chosen = evenly(n_blocks, most)
    windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))
    return windows[tops[chosen // len(lefts)], lefts[chosen % len(lefts)]]


def _most_textured(blocks):
    """Indices of the blocks with most contrast, judged by coarse means of their pixels.

    They hold the low frequencies, which blur keeps, at a sixteenth of the work.
    """
    n_parts = SIDE // _COARSE
    coarse = blocks.reshape(-1, n_parts, _COARSE, n_parts, _COARSE).mean(axis=(2, 4))
    contrast = block_power(coarse, _COARSE_WINDOW)[:, _COARSE_LOW].sum(axis=1)
    n_chosen = min(len(blocks), max(round(_SHARE * len(blocks)), _FEWEST))
    return np.sort(np.argsort(-contrast, kind="stable")[:n_chosen])
