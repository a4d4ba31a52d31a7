"""All that speaks for or against a blur, as numbers that a network can weigh."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from .._blur.noise import ROUNDING, Noise
from .frequencies import ACROSS, DOWN, RADII, SIDE, USED
from .likelihood import Seen, best_of_each_kind
from .quantisation import jpeg_quality, quantisation_noise
from .quiet import Quiet, noise_of
from .regions import CLIPPED, regions_of
from .shapes import KINDS
from .sharp_spectra import FUNCTIONS, N_RADIAL
from .textures import texture_of

_FINEST = 0.42  # cycles a pixel from which on most blurs leave noise alone
_FLAT = 1e-3  # levels squared of contrast, below which there is nothing to see
_LOW, _ABOVE_NOISE = 0.1, 1.5  # cycles a pixel; times
_MOST = 8.0  # of logarithms of signal over noise
N_STATISTICS = 53
_COMMON = 8  # levels that a drawing has most of its pixels in


class Evidence(NamedTuple):
    """What a photograph shows of its blur and its noise.

    Attributes
    ----------
    seen : Seen, or None
        The spectrum of textured places; None where nothing can be told.
    fits : dict of Fit, or None
        The best blur of each kind.
    statistics : array of shape (N_STATISTICS,), or None
        What `Namer` weighs.
    quiet : Quiet
        What quiet places hold.
    quality : int or None
        Of the JPEG that the image was.
    n_rounded : int
        How many channels are whole levels of 8 bits: all or none.
    """

    seen: Seen | None
    fits: dict | None
    statistics: np.ndarray | None
    quiet: Quiet
    quality: int | None
    n_rounded: int


def evidence_of(image, data_range, spectra):
    """Look at a photograph.

    Parameters
    ----------
    image : array of shape (height, width, channels)
    data_range : float
        The pixel value that counts as white.
    spectra : SharpSpectra

    Returns
    -------
    evidence : Evidence
    """
    regions = regions_of(image, data_range)
    is_rounded = image.dtype == np.uint8 and data_range == 255
    n_rounded = image.shape[2] if is_rounded else 0
    # What weighs the evidence has learned from images of 8 bits.
    seen_regions = regions if is_rounded else [part.rounded() for part in regions]
    planes = [region.luminance for region in seen_regions]
    with ThreadPoolExecutor(2) as pool:
        measuring = pool.submit(noise_of, seen_regions, True)
        finding = pool.submit(jpeg_quality, planes)
        texture = texture_of(planes)
        seen_quiet, quality = measuring.result(), finding.result()
    quiet = seen_quiet if is_rounded else noise_of(regions, False)
    nothing = Evidence(None, None, None, quiet, quality, n_rounded)
    if texture is None or texture.contrast < _FLAT:
        return nothing
    seen = _seen(texture, seen_quiet.spectrum, quality)
    if _is_noise(seen, texture.n_blocks):
        return nothing
    fits = best_of_each_kind(seen, spectra)
    statistics = np.concatenate(
        [
            _energies(fits),
            _parameters(fits),
            _spectra(fits, spectra),
            _signals(seen),
            _circumstances(texture, quality, seen_quiet.std),
            _drawn(seen_regions),
        ]
    )
    return Evidence(seen, fits, statistics, quiet, quality, n_rounded)


def _is_noise(seen, n_blocks):
    """Whether not even low frequencies, which blur keeps, are above the noise.

    The power of a few blocks varies more.
    """
    low = RADII < _LOW
    ratio = seen.power[low].sum() / seen.noise[low].sum()
    return bool(ratio < _ABOVE_NOISE * (1 + n_blocks**-0.5))


def _seen(texture, quiet, quality):
    """The spectrum of textured places, and what of it is noise."""
    quiet = Noise(0.0, np.maximum(quiet, ROUNDING))
    noise = quiet.power((SIDE, SIDE))[USED]
    if quality is not None:
        noise = np.maximum(noise, quantisation_noise(quality, DOWN, ACROSS))
        return Seen(texture.power, noise, is_quantised=True)
    finest = RADII > _FINEST
    # Textured places have no less noise than quiet ones: if they hold less power, the
    # quiet ones were not so quiet.
    noise = noise * min(texture.power[finest].mean() / noise[finest].mean(), 1.0)
    return Seen(texture.power, noise, is_quantised=False)


def _energies(fits):
    energies = np.array([fits[kind].energy for kind in KINDS])
    best = energies.min()
    return np.concatenate([np.log1p(energies - best), [np.log1p(max(best, 0.0))]])


def _parameters(fits):
    """Sizes of the best blurs; directions say nothing."""
    (sigma,), (one, other, _) = fits["round"].parameters, fits["oblong"].parameters
    (radius,), (length, _) = fits["defocus"].parameters, fits["motion"].parameters
    return np.array(
        [
            sigma,
            max(one, other),
            min(one, other),
            np.log(max(one, other) / min(one, other)),
            radius,
            length,
        ]
    )


def _spectra(fits, spectra):
    """What the photograph would be like if it were sharp, or were as little blurred."""
    shapes = []
    for kind in ("none", "round"):
        away = (fits[kind].coefficients - spectra.mean)[:N_RADIAL]
        shapes.append(away - away.mean())
    unusual = [np.log1p(spectra.energy(fits[kind].coefficients)) for kind in KINDS]
    noises = [fits[kind].log_noise for kind in ("none", "round")]
    return np.concatenate([*shapes, unusual, noises])


def _signals(seen):
    """Logarithm of power over noise, over the radius."""
    above = np.clip(np.log(seen.power / seen.noise), 0.0, _MOST)
    hats = FUNCTIONS[:, :N_RADIAL]
    return (above[:, np.newaxis] * hats).sum(axis=0) / hats.sum(axis=0)


def _circumstances(texture, quality, std):
    return np.array(
        [
            1.0 if quality is None else quality / 100,
            np.log(std + 0.1),
            np.log(texture.n_blocks),
            np.log(texture.contrast),
        ]
    )


def _drawn(regions):
    """What tells drawings and text from photographs: pixels that are just alike."""
    planes = [region.luminance for region in regions]
    values = np.concatenate([plane.ravel() for plane in planes])
    inside = (values > CLIPPED[0]) & (values < CLIPPED[1])
    alike, n_pairs = 0, 1
    for plane in planes:
        pair = (plane[:, 1:] > CLIPPED[0]) & (plane[:, 1:] < CLIPPED[1])
        alike += np.count_nonzero(pair & (plane[:, 1:] == plane[:, :-1]))
        n_pairs += np.count_nonzero(pair)
    counts = np.sort(np.bincount(values.astype(np.int64), minlength=256))
    return np.array(
        [
            alike / n_pairs,
            counts[-_COMMON:].sum() / len(values),
            inside.mean(),
        ]
    )
