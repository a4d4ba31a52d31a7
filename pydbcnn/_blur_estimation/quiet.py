"""The noise of a photograph, measured in its quiet places."""

from typing import NamedTuple

import numpy as np

from .._blur.noise import ROUNDING
from .frequencies import block_power, hann_window
from .regions import CLIPPED, evenly

_SIDE = 16  # pixels of a side of the blocks
_STEP = 8
_MAX_BLOCKS = 2048
_FEWEST = 16  # unclipped blocks, without which clipped ones count, too
_SHARE = 0.04  # of the blocks are quiet: those with least power of low frequencies
# Of them, those with least power in a band of frequencies hold noise and little else
# there: the tenth part of the distribution counts.
_LEAST = 0.1
# Below the first band, the logarithm of the power goes on as the square of the
# frequency has it between the first two, as after demosaicing: by this share of their
# distance, and not beyond this factor.
_ONWARD, _MOST = 0.7, 2.5


def _rings():
    """Periods in a block of each frequency, and how often it is in a full spectrum."""
    down, across = np.fft.fftfreq(_SIDE), np.fft.rfftfreq(_SIDE)
    times = np.full((_SIDE, _SIDE // 2 + 1), 2.0)
    times[:, 0] = times[:, -1] = 1
    return np.hypot(down[:, np.newaxis], across) * _SIDE, times


_RINGS, TIMES = _rings()
LOW = (_RINGS >= 0.9) & (_RINGS <= 2.3)
BASE = _RINGS < 3.5  # where quiet places hold slopes and shades, too
# Periods in a block from and to, and what the tenth part of the distribution of a
# block's power is of its mean in white noise (22500 blocks of normal noise).
BANDS = [
    ((low <= _RINGS) & (high > _RINGS), least)
    for low, high, least in ((3.5, 5, 0.593), (5, 7, 0.695), (7, 99, 0.719))
]
_WINDOW = hann_window(_SIDE)


class Quiet(NamedTuple):
    """What quiet places hold.

    Attributes
    ----------
    std : float
        Standard deviation of a channel in levels, beyond that of rounding.
    spectrum : array of shape (16, 9), float64
        Power of the luminance, levels squared, rounding included.
    contrast : float
        Power of the lowest frequencies, levels squared: what texture they have.
    """

    std: float
    spectrum: np.ndarray
    contrast: float


def contrast_of(spectrum):
    """The power of a spectrum at the frequencies by which places are called quiet."""
    return float(np.average(spectrum[LOW], weights=TIMES[LOW]))


def noise_of(regions, rounded):
    """What the quiet places of regions hold.

    Parameters
    ----------
    regions : list of Region
    rounded : bool
        Whether pixels were rounded to levels, as those of 8 bits are.

    Returns
    -------
    quiet : Quiet
    """
    rounding = ROUNDING if rounded else 0.0
    usable = [region for region in regions if min(region.luminance.shape) >= _SIDE]
    if not usable:
        return Quiet(0.0, np.zeros(_RINGS.shape), 0.0)
    most = max(1, _MAX_BLOCKS // len(usable))
    places = [_places(region, most) for region in usable]
    planes = [region.luminance for region in usable]
    power = _power(_blocks(planes, places))
    quiet = _quietest(power)
    contrast = contrast_of(power[quiet].mean(axis=0))
    spectrum = _spectrum(power[quiet])
    variances = [mean_power(channel) for channel in _channels(usable, places, quiet)]
    variances = variances or [mean_power(spectrum)]
    variance = np.mean([max(value - rounding, 0.0) for value in variances])
    return Quiet(float(np.sqrt(variance)), spectrum, contrast)


def _places(region, most):
    """Rows and columns of blocks without clipped pixels, thinned out evenly."""
    height, width, _ = region.channels.shape
    shape = (height - _SIDE) // _STEP + 1, (width - _SIDE) // _STEP + 1
    rows, columns = np.nonzero(~_holds_clipped(region.channels, shape))
    if len(rows) < _FEWEST:
        rows, columns = np.nonzero(np.ones(shape, bool))
    chosen = evenly(len(rows), most)
    return rows[chosen], columns[chosen]


def _holds_clipped(channels, shape):
    """Whether a pixel of a block is clipped in any channel."""
    clipped = np.zeros(channels.shape[:2], bool)
    for channel in np.moveaxis(channels, 2, 0):
        clipped |= (channel <= CLIPPED[0]) | (channel >= CLIPPED[1])
    rows, columns = (size + 1 for size in shape)  # of cells, of which blocks have 2 x 2
    cells = clipped[: rows * _STEP, : columns * _STEP]
    cells = cells.reshape(rows, _STEP, columns, _STEP).any(axis=(1, 3))
    either = cells[1:] | cells[:-1]
    return either[:, 1:] | either[:, :-1]


def _blocks(planes, places):
    """Blocks at places of planes of all regions."""
    return np.concatenate(
        [
            np.lib.stride_tricks.sliding_window_view(plane, (_SIDE, _SIDE))[
                _STEP * rows, _STEP * columns
            ]
            for plane, (rows, columns) in zip(planes, places, strict=True)
        ]
    )


def _channels(regions, places, quiet):
    """Spectra of the quiet blocks of each channel, where there are several."""
    n_channels = regions[0].channels.shape[2]
    ends = np.cumsum([len(rows) for rows, _ in places])
    inside = [
        quiet[(quiet >= end - len(rows)) & (quiet < end)] - (end - len(rows))
        for end, (rows, _) in zip(ends, places, strict=True)
    ]
    chosen = [
        (rows[some], columns[some])
        for some, (rows, columns) in zip(inside, places, strict=True)
    ]
    for i in range(n_channels if n_channels > 1 else 0):
        planes = [region.channels[..., i] for region in regions]
        yield _spectrum(_power(_blocks(planes, chosen)))


def _power(blocks):
    return block_power(blocks, _WINDOW).astype(np.float64)


def _quietest(power):
    """Indices of the blocks with least power of low frequencies.

    It is independent of the higher ones in noise, by which that is measured: choosing
    does not bias the measure.
    """
    low = (power[:, LOW] * TIMES[LOW]).sum(axis=1)
    n_quiet = min(len(power), max(round(_SHARE * len(power)), _FEWEST))
    return np.argsort(low, kind="stable")[:n_quiet]


def _spectrum(power):
    """The mean spectrum of quiet blocks, of what is noise in it."""
    spectrum = power.mean(axis=0)
    for band, least_of_white in BANDS:
        powers = np.average(power[:, band], axis=1, weights=TIMES[band])
        level = np.quantile(powers, _LEAST) / least_of_white
        measured = max(powers.mean(), 1e-300)
        spectrum[band] *= min(level / measured, 1.0)
    extend_to_base(spectrum)
    return spectrum


def extend_to_base(spectrum):
    """Fill in low frequencies, in place, from how the next ones fall."""
    first, second = (
        np.average(spectrum[band], weights=TIMES[band]) for band, _ in BANDS[:2]
    )
    steeper = min(max(first / second, 1.0) ** _ONWARD, _MOST) if second > 0 else 1.0
    spectrum[BASE] = first * steeper


def mean_power(spectrum):
    """The variance that belongs to half a spectrum."""
    return float(np.average(spectrum, weights=TIMES))
