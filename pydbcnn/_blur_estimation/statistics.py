"""What the pixels of an image say about how blurred it is: a vector of statistics.

Three views of the same thing, each with its own weakness: a Gaussian blur takes power
from high frequencies (but so does a smooth subject), makes edges wider (but some edges
are wide by nature), and limits how steep an edge of given contrast can be (but noise
is steep, too). A regressor weighs them.

All is computed on luminance of 8 bits: then images of every type carry the same noise
of rounding, which hides what a strong blur has left.
"""

from itertools import pairwise

import numpy as np

from .._pixels.device import to_host
from .._pixels.gaussian import gaussian_blur
from .._pixels.opencv import import_cv2
from .._pixels.values import grey
from .regions import evenly

N_STATISTICS = 125
BLOCK = 32  # pixels of a side of the blocks whose spectra are taken
_MAX_BLOCKS = 1024
_MAX_SAMPLES = 2**16  # pixels at which edges are looked at
_MAX_PIXELS = 2**20  # of an image that is looked at whole; of a larger one, a part is
_REGION = 256  # side of the 4 x 4 regions that are looked at of a larger image
_RINGS = BLOCK // 2
# Pairs of rings (high, low) whose ratio of power falls with the blur.
_SLOPES = ((4, 2), (6, 3), (8, 4), (11, 5), (15, 7), (10, 2), (14, 3))
_SCALES = (0.0, 0.8, 1.6, 3.2)  # sigmas at which the width of edges shows
# Levels that some pixels of an image must rise or fall by over 4 pixels, after a little
# blur, and which pixels: few, for a subject may be small. Photographs have three times
# as much even under a sigma of 3.3, and noise of 2 levels a fifth of it.
_LEAST_EDGE = 6.0
_EDGE_PERCENTILE = 99.8
_WINDOWS = (5, 9)  # sides of the windows in which contrast is taken
_FLOOR = 0.01  # power far below that of rounding to 8 bits, so that logarithms exist


def seen_regions(image, data_range):
    """The parts of an image that statistics are taken of, as luminance of 8 bits.

    Parameters
    ----------
    image : array of shape (height, width, channels)
        Three channels are taken for RGB; of other numbers the mean counts.
    data_range : float
        The pixel value that counts as white.

    Returns
    -------
    regions : list of array of shape (height, width), float32
        From 0 to 255: the whole image, or parts of a large one.
    """
    return as_seen(regions_on_host(image), data_range)


def regions_on_host(image):
    """The pixels of `seen_regions`; of an image on a GPU, no others are copied."""
    return [to_host(part) for part in _regions(image)]


def as_seen(parts, data_range):
    """Turn what `regions_on_host` returns into what `seen_regions` returns."""
    return [_eight_bits(part, data_range) for part in parts]


def blur_statistics(image, data_range):
    """Statistics of one image, as `seen_regions` takes it, that depend on its blur.

    Returns
    -------
    statistics : array of shape (N_STATISTICS,), float64
    """
    return statistics_of(seen_regions(image, data_range))


def statistics_of(regions):
    """The statistics of `blur_statistics`, of regions from `seen_regions`."""
    return np.concatenate(
        [
            _spectral(regions),
            _edge_widths(regions),
            _steepness(regions),
            _circumstances(regions),
        ]
    )


def has_edges(regions):
    """Whether regions have an edge at which a blur would show.

    Not in plain areas, in gentle slopes, and in what noise makes of them.
    """
    slopes = _pooled([_slope(gaussian_blur(part, _SCALES[2])) for part in regions])
    return bool(np.percentile(slopes, _EDGE_PERCENTILE) >= _LEAST_EDGE)


def _regions(image):
    """The image itself, or parts that are spread evenly over a large one."""
    height, width = image.shape[:2]
    if height * width <= _MAX_PIXELS:
        return [image]
    tops, lefts = (
        np.linspace(0, max(size - _REGION, 0), 4 if size > _REGION else 1).astype(int)
        for size in (height, width)
    )
    return [
        image[top : top + _REGION, left : left + _REGION]
        for top in tops
        for left in lefts
    ]


def _eight_bits(part, data_range):
    """Luminance from 0 to 255 of pixels rounded to 8 bits, at least a block large."""
    with np.errstate(over="ignore"):  # beyond all numbers is white, too
        levels = np.clip(np.rint(part * np.float32(255 / data_range)), 0, 255)
    levels = grey(levels)
    missing = [max(0, BLOCK - size) for size in levels.shape]
    if any(missing):
        levels = np.pad(levels, [(0, more) for more in missing], mode="symmetric")
    return np.ascontiguousarray(levels, np.float32)


def _ring_means():
    """Matrix that averages the power of a half spectrum over rings of frequencies."""
    down, across = np.fft.fftfreq(BLOCK), np.fft.rfftfreq(BLOCK)
    ring = np.rint(np.hypot(down[:, np.newaxis], across) * BLOCK).ravel()
    member = ring[:, np.newaxis] == np.arange(1, _RINGS + 1)
    return (member / member.sum(axis=0)).astype(np.float32)


_RING_MEANS = _ring_means()
_TAPER = np.outer(*[np.hanning(BLOCK + 2)[1:-1]] * 2).astype(np.float32)


def _spectral(regions):
    power = np.concatenate([_ring_power(part, len(regions)) for part in regions])
    power += _FLOOR
    logs = np.log(power)
    busy = np.argsort(power[:, :3].sum(axis=1), kind="stable")[len(power) // 2 :]
    slopes = [
        np.percentile(logs[busy, high] - logs[busy, low], (25, 50, 75, 90, 97))
        for high, low in _SLOPES
    ]
    return np.concatenate(
        [
            np.log(power.mean(axis=0)),
            logs.mean(axis=0),
            *slopes,
            np.percentile(logs[:, 12:].mean(axis=1), (2, 10, 50, 90)),
        ]
    )


def _ring_power(part, n_regions):
    """Power in each ring of frequencies, of blocks that overlap by half."""
    tops, lefts = (np.arange(0, size - BLOCK + 1, BLOCK // 2) for size in part.shape)
    n_blocks = len(tops) * len(lefts)
    most = max(1, _MAX_BLOCKS // n_regions)
    chosen = evenly(n_blocks, most)
    windows = np.lib.stride_tricks.sliding_window_view(part, (BLOCK, BLOCK))
    blocks = windows[tops[chosen // len(lefts)], lefts[chosen % len(lefts)]]
    blocks = (blocks - blocks.mean(axis=(1, 2), keepdims=True)) * _TAPER
    spectra = np.fft.rfft2(blocks)
    power = (spectra.real**2 + spectra.imag**2) / np.square(_TAPER).sum()
    # One product a block: a product of matrices may depend on the number of threads.
    return np.stack([row.ravel() @ _RING_MEANS for row in power])


def _edge_widths(regions):
    """How much strong edges lose when they are blurred a little more.

    The slope of an edge of width sigma falls by sqrt(1 + scale² / sigma²) [1]_.

    References
    ----------
    .. [1] S. Zhuo and T. Sim, "Defocus map estimation from a single image", Pattern
       Recognition, 2011.
    """
    slopes = [
        _pooled([_slope(gaussian_blur(part, scale)) for part in regions])
        for scale in _SCALES
    ]
    logs = [np.log(slope + 1e-3) for slope in slopes]
    widths = []
    for share in (90, 98):
        strong = slopes[2] >= np.percentile(slopes[2], share)
        widths += [
            np.percentile(fine[strong] - coarse[strong], (10, 50, 75, 90, 97))
            for fine, coarse in pairwise(logs)
        ]
    return np.concatenate(widths)


def _slope(part):
    """Magnitude of the gradient, from central differences."""
    down = part[4:, 2:-2] - part[:-4, 2:-2]
    across = part[2:-2, 4:] - part[2:-2, :-4]
    return np.sqrt(down * down + across * across)


def _steepness(regions):
    """The largest difference of neighbours, relative to the contrast around them."""
    cv2 = import_cv2()
    result = []
    for window in _WINDOWS:
        square, inner = (
            np.ones((side, side), np.uint8) for side in (window, window - 2)
        )
        contrast = _pooled(
            [cv2.dilate(part, square) - cv2.erode(part, square) for part in regions]
        )
        step = _pooled([cv2.dilate(_largest_step(part), inner) for part in regions])
        for share in (80, 95):
            strong = contrast >= np.percentile(contrast, share)
            ratio = (step[strong] + 0.01) / (contrast[strong] + 0.1)
            result.append(np.log(np.percentile(ratio, (10, 50, 75, 90, 97))))
    return np.concatenate(result)


def _largest_step(part):
    """Distance of each pixel from the one above or before it, whichever is more."""
    step = np.zeros_like(part)
    step[:, 1:] = np.abs(part[:, 1:] - part[:, :-1])
    step[1:] = np.maximum(step[1:], np.abs(part[1:] - part[:-1]))
    return step


def _pooled(parts):
    """Values of all regions, thinned out evenly."""
    n_samples = sum(part.size for part in parts)
    every = int(np.ceil(np.sqrt(n_samples / _MAX_SAMPLES)))
    return np.concatenate([part[::every, ::every].ravel() for part in parts])


def _circumstances(regions):
    """Contrast, saturation, and the steps that JPEG leaves between its blocks."""
    values = _pooled(regions)
    return np.array(
        [
            np.log(values.std() + 0.1),
            np.mean((values <= 0.5) | (values >= 254.5)),
            *(
                np.log(np.mean([_blockiness(part, axis) for part in regions]))
                for axis in (0, 1)
            ),
        ]
    )


def _blockiness(part, axis):
    """Steps at the most conspicuous of eight phases, relative to the others."""
    steps = np.abs(np.diff(part, axis=axis)).mean(axis=1 - axis)
    phases = np.array([steps[phase::8].mean() for phase in range(8)])
    return (phases.max() + 0.05) / (np.median(phases) + 0.05)
