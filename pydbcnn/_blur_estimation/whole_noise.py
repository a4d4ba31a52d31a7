"""The noise of a photograph whose blur is known, without the texture of quiet places.

Quiet places are never without any texture. What is known of the photograph by then
tells how much of their power it can be: texture falls with the frequency as that of the
textured places does, behind the same blur.
"""

import numpy as np

from .._blur.noise import ROUNDING, SPECTRUM_SHAPE, Noise
from .._pixels.values import LUMINANCE_WEIGHTS
from .frequencies import PLANE, SIDE, USED, power_gain
from .quantisation import quantisation_noise
from .quiet import BANDS, TIMES, contrast_of, extend_to_base, mean_power
from .shapes import kernel_of
from .sharp_spectra import functions_at

_EVERY = SIDE // SPECTRUM_SHAPE[0]  # frequency of a block's spectrum that noise has
_DOWN, _ACROSS = (part[::_EVERY, ::_EVERY] for part in PLANE)
_FUNCTIONS = functions_at(_DOWN.ravel(), _ACROSS.ravel())
# Of the luminance, where the channels of RGB are rounded each by itself.
_SHARE_OF_LUMINANCE = sum(weight**2 for weight in LUMINANCE_WEIGHTS)
# After demosaicing, noise of low frequencies has up to ten times the power of the
# highest ones; more is texture.
_MOST_FALL = 10.0
# Textured places have no less noise than quiet ones. Where their power is least, what
# they hold is noise; the least twentieth of what is measured of white noise is by this
# factor below its mean.
_LEAST, _LEAST_OF_NOISE = 0.05, 0.8
_DIGITS = 6  # of powers: more mean nothing
_JPEG_SHARE = 0.5  # of step² / 12, which is what texture has, over the whole photograph


def whole_noise(evidence, fit, kind):
    """The noise that restoration has to reckon with.

    Parameters
    ----------
    evidence : Evidence
    fit : Fit or None
        The blur and the sharp spectrum that explain it; None if nothing does.
    kind : str
        That of the blur.

    Returns
    -------
    noise : Noise
    """
    quiet, seen, quality = evidence.quiet, evidence.seen, evidence.quality
    floor = _floor(evidence.n_rounded)
    spectrum = np.maximum(quiet.spectrum, floor)
    before = mean_power(spectrum) - floor
    if fit is not None:
        spectrum = np.maximum(_without_texture(quiet, fit, kind), floor)
    highest, _ = BANDS[-1]
    high = np.average(spectrum[highest], weights=TIMES[highest])
    spectrum = np.minimum(spectrum, _MOST_FALL * high) if quality is None else spectrum
    share = (mean_power(spectrum) - floor) / before if before > 0 else 1.0
    std = quiet.std * np.sqrt(min(max(share, 0.0), 1.0))
    if quality is not None:
        left = quantisation_noise(quality, _DOWN, _ACROSS)
        spectrum = np.maximum(spectrum, _JPEG_SHARE * left)
    elif seen is not None:
        spectrum = np.maximum(spectrum * _share_in_texture(spectrum, seen), floor)
    return Noise(round(float(std), 2), np.round(spectrum, _DIGITS))


def _floor(rounded_channels):
    """The variance that rounding of the channels adds to their luminance."""
    if rounded_channels == 3:
        return ROUNDING * _SHARE_OF_LUMINANCE
    return ROUNDING / rounded_channels if rounded_channels else 0.0


def _without_texture(quiet, fit, kind):
    """The spectrum of quiet places, less what their texture has of it."""
    gain = power_gain(kernel_of(kind, fit.parameters))[::_EVERY, ::_EVERY]
    texture = np.exp(_FUNCTIONS @ fit.coefficients).reshape(SPECTRUM_SHAPE) * gain
    texture *= quiet.contrast / contrast_of(texture)
    spectrum = np.maximum(quiet.spectrum - texture, 0.0)
    extend_to_base(spectrum)
    return spectrum


def _share_in_texture(spectrum, seen):
    """How much of a noise textured places can have, at most 1."""
    noise = Noise(0.0, spectrum).power((SIDE, SIDE))[USED]
    ratio = np.quantile(seen.power / np.maximum(noise, 1e-12), _LEAST)
    return min(ratio / _LEAST_OF_NOISE, 1.0)
