"""The power spectrum that a photograph had before it was blurred, from its own."""

from collections import Counter

import numpy as np

from .._network.inverse_filter import (
    SharpPower,
    squared_frequencies,
    transfer_function,
)
from .._pixels.device import to_host
from .._pixels.values import grey, mirrored_tile
from .frequencies import SIDE, block_power, hann_window

# Blocks along each axis, at most: they overlap by half in small photographs, and are
# spread evenly over large ones.
_MOST_BLOCKS = 16
# Clipped blocks count only where others are fewer than this share.
_LEAST_SHARE = 0.25
# Where power levels off, in radians a pixel. Of photographs for training, values from
# 0.3 to 0.6 served inverse filters alike, and better than lower ones.
_LOWEST_FREQUENCY = 0.5
# Below, blocks hold too few periods.
_LEAST_PERIODS = 1.5
_EXPONENTS = 1.0, 6.0
_LOG_FACTORS = np.log(1e-3), np.log(1e7)
_MAX_STEPS = 50
# Roundings of the logarithm of the factor and of the exponent, far below what changes a
# filter: photographs that are alike then share one.
_ROUNDING = 0.02


def sharp_power(image, data_range, blurs, noise):
    """The power law of a photograph before it was blurred.

    The mean spectrum of its blocks is expected to be S |K|² + N, of the sharp
    photograph S, a power law, the blur K and the noise N. The law is the one that is
    most likely, by Whittle's likelihood [1]_, found by Newton's method with the
    expected second derivatives.

    Parameters
    ----------
    image : array of shape (height, width, channels)
        May lie on a GPU: only the blocks that are looked at are copied.
    data_range : float
        The pixel value that counts as white.
    blurs : list of Blur
        That of the photograph, or those of its tiles.
    noise : Noise

    Returns
    -------
    power : SharpPower

    References
    ----------
    .. [1] P. Whittle, "Estimation and information in stationary time series", Arkiv
       för Matematik, 1953.
    """
    power = _mean_power(image, data_range)
    shape = SIDE, SIDE
    gain = sum(
        n * np.abs(transfer_function(blur.kernel(), shape)) ** 2
        for blur, n in Counter(blurs).items()
    ) / len(blurs)
    squared = squared_frequencies(shape)
    used = squared > (2 * np.pi * _LEAST_PERIODS / SIDE) ** 2
    fitted = _most_likely(
        power[used], gain[used], noise.power(shape)[used], squared[used]
    )
    log_factor, exponent = np.round(np.array(fitted) / _ROUNDING) * _ROUNDING
    return SharpPower(float(np.exp(log_factor)), float(exponent), _LOWEST_FREQUENCY)


def _mean_power(image, data_range):
    window = hann_window(SIDE)
    blocks = list(_blocks(image))
    # The blur has not made what is clipped; its edges look like noise.
    unclipped = [block for block in blocks if block.max() < data_range]
    if len(unclipped) >= _LEAST_SHARE * len(blocks):
        blocks = unclipped
    levels = np.stack([_luminance(block, data_range) for block in blocks])
    return block_power(levels, window).mean(axis=0, dtype=float)


def _blocks(image):
    tops, lefts = (_starts(size) for size in image.shape[:2])
    for top in tops:
        for left in lefts:
            part = np.s_[top : top + SIDE, left : left + SIDE]
            block = image[part]
            if block.shape[:2] != (SIDE, SIDE):  # a small image goes on, mirrored
                margin = SIDE
                block = mirrored_tile(image, part, margin)[:SIDE, :SIDE]
            yield to_host(block)


def _starts(size):
    most = max(size - SIDE, 0)
    n_starts = min(_MOST_BLOCKS, -(-most // (SIDE // 2)) + 1)
    return np.linspace(0, most, n_starts).astype(int)


def _luminance(block, data_range):
    return np.asarray(grey(block) * (255 / data_range), np.float32)


def _most_likely(power, gain, noise, squared_frequency):
    """Logarithm of the factor, and exponent, of the most likely power law."""
    fall = np.log(squared_frequency + _LOWEST_FREQUENCY**2) / 2
    exponent = 2.0
    mean = max(np.mean(power), 1e-9)  # of a flat image there is none
    log_factor = np.log(mean) - np.log(np.mean(np.exp(-exponent * fall)))
    for _ in range(_MAX_STEPS):
        sharp = np.exp(log_factor - exponent * fall) * gain
        expected = sharp + noise
        share = sharp / expected
        excess = share * (1 - power / expected)
        slope = np.array([excess.sum(), -(excess * fall).sum()])
        weight = share**2
        mixed = -(weight * fall).sum()
        bend = np.array([[weight.sum(), mixed], [mixed, (weight * fall**2).sum()]])
        # Without anything above the noise, nothing bends.
        step = np.linalg.solve(bend + 1e-9 * np.eye(2), slope)
        step = np.clip(step, -1, 1)
        log_factor = np.clip(log_factor - step[0], *_LOG_FACTORS)
        exponent = np.clip(exponent - step[1], *_EXPONENTS)
        if np.abs(step).max() < _ROUNDING / 10:
            break
    return log_factor, exponent
