"""One image through a model: its blur undone, highlights kept, at some strength."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._blur.blur import Blur
from .._blur_estimation.photo_power import sharp_power
from .._network.inverse_filter import TYPICAL_POWER
from .._pixels.device import namespace
from .._pixels.gaussian import MIN_SIGMA
from .._pixels.values import mirrored_tile, write_pixels
from .highlights import Highlights

# A known sigma below this changes no pixel by enough to matter.
KNOWN_SHARP = 0.8 * MIN_SIGMA
_BLOCK = 256  # pixels of a side that are restored together


@dataclass(frozen=True)
class Photo:
    """An image, and what is known of it beside its blur.

    Parameters
    ----------
    image : array of shape (height, width, channels)
    data_range : float
        White.
    noise : Noise or None
    clipped : array of shape (height, width), bool, or None
        The pixels that are clipped. None takes those that are white.
    looks_for_highlights : bool
        Whether clipped pixels count.
    """

    image: np.ndarray
    data_range: float
    noise: object = None
    clipped: object = None
    looks_for_highlights: bool = True

    def power(self, blurs):
        """The power spectrum of the sharp photograph, for the filter."""
        if self.noise is None:
            return TYPICAL_POWER
        return sharp_power(self.image, self.data_range, blurs, self.noise)

    @cached_property
    def white(self):
        """Where channels are clipped, like the image, or None where nothing is."""
        if not self.looks_for_highlights:
            return None
        if self.clipped is None:
            return clipped_channels(self.image, self.data_range)
        xp = namespace(self.image)
        mask = xp.asarray(self.clipped)[..., np.newaxis]
        return xp.broadcast_to(mask, self.image.shape) if mask.any() else None


class Undoing:
    """The blur of a photograph undone, as a model does it for one blur.

    Parameters
    ----------
    model : DeblurModel
    backend : Backend
    photo : Photo
    blur : float, Blur or None
        As `BlurAwareNetwork.at` takes it.
    power : SharpPower
        Of the photograph, before it was blurred.
    """

    def __init__(self, model, backend, photo, blur, power):
        self._backend, self._photo = backend, photo
        weights = model.weights
        self.network, self._params = weights.at(model.params, blur, photo.noise, power)
        self._highlights = None
        network = weights.network
        keeps_channels = network.n_channels_in == network.n_channels_out
        if weights.inverse_filter and keeps_channels and photo.white is not None:
            if not isinstance(blur, Blur):
                blur = Blur.gaussian(weights.clipped(blur))
            self._highlights = Highlights.under(
                blur, photo.noise, power, backend, photo.data_range
            )

    def restore_all(self, out, on_pixels=None):
        """Restore the whole image.

        Parameters
        ----------
        out : array of shape (height, width, channels out)
            Of the type of the image.
        on_pixels : callable or None, default=None
            As in `Backend.forward`.
        """
        self._backend.forward(
            self.network,
            self._params,
            self._photo.image[np.newaxis],
            data_range=self._photo.data_range,
            on_pixels=on_pixels,
            out=out[np.newaxis],
        )
        if self._highlights is None:
            return
        for rows, columns in blocks(self._photo.image.shape):
            part = self._part_with_highlights(rows, columns)
            if part is not None:
                write_pixels(part, out[rows, columns])

    def part(self, rows, columns):
        """Restore a part of the image.

        Parameters
        ----------
        rows, columns : slice

        Returns
        -------
        estimate : array of shape (rows, columns, channels out)
            Floats in the range of the image, not rounded.
        """
        if self._highlights is not None:
            part = self._part_with_highlights(rows, columns)
            if part is not None:
                return part
        margin = self.network.radius
        tile = mirrored_tile(self._photo.image, (rows, columns), margin)
        return _cut(self._forward(_in_floats(tile)), margin)

    def _part_with_highlights(self, rows, columns):
        """A part of the image that highlights reach into, or None."""
        margin = self.network.radius + self._highlights.margin
        white = mirrored_tile(self._photo.white, (rows, columns), margin)
        if not bool(white.any()):
            return None
        tile = _in_floats(mirrored_tile(self._photo.image, (rows, columns), margin))
        seen, lost = self._highlights.found(tile, white)
        if not bool(lost.any()):
            return None
        restored = self._highlights.blended(tile, self._forward(seen), lost)
        return _cut(restored, margin)

    def _forward(self, tile):
        return self._backend.forward(
            self.network,
            self._params,
            tile[np.newaxis],
            data_range=self._photo.data_range,
        )[0]


def clipped_channels(image, data_range):
    """Where channels are at the end of the data range, or None where none is.

    Of floats that go beyond the range, none is clipped.
    """
    brightest = image.max()
    if brightest < data_range or (image.dtype.kind == "f" and brightest > data_range):
        return None
    return image >= data_range


def blocks(shape):
    """The parts of an image that are restored one after the other, as slices."""
    height, width = shape[:2]
    for top in range(0, height, _BLOCK):
        for left in range(0, width, _BLOCK):
            yield (
                slice(top, min(top + _BLOCK, height)),
                slice(left, min(left + _BLOCK, width)),
            )


def _in_floats(tile):
    return tile.astype(np.result_type(tile.dtype, np.float32))


def _cut(values, margin):
    """What lies within a margin, in double precision."""
    height, width = values.shape[:2]
    return values[margin : height - margin, margin : width - margin].astype(float)
