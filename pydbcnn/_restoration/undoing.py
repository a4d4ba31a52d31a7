"""One image through a model: its blur undone, highlights kept, at some strength."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .._blur_estimation.photo_power import sharp_power
from .._network.inverse_filter import TYPICAL_POWER, loss_of
from .._network.network import MAX_FILTER_SIZE
from .._pixels.device import namespace, to_host
from .._pixels.gaussian import MIN_SIGMA
from .._pixels.values import mirrored_tile, write_pixels
from .fourier import MARGIN, FourierFilter
from .highlights import Highlights

# A known sigma below this changes no pixel by enough to matter.
KNOWN_SHARP = 0.8 * MIN_SIGMA
# In dB: where the largest filter of the engines loses more than this because of its
# size, the Fourier domain has a better one.
_FEW_PIXELS_LOSE = 0.1
_BLOCK = 512  # pixels of a side that are restored together


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
    is_everywhere : bool, default=True
        Whether this is the blur of the whole image, and not of a tile.
    """

    def __init__(self, model, backend, photo, blur, power, is_everywhere=True):
        self._backend, self._photo = backend, photo
        weights = model.weights
        self.network, self._params = weights.at(model.params, blur, photo.noise, power)
        self._highlights = self._fourier = None
        if not weights.inverse_filter:
            return
        blur = weights.as_blur(blur)
        if weights.keeps_channels and photo.white is not None:
            self._highlights = Highlights.under(
                blur, photo.noise, power, backend, photo.data_range
            )
        may_see_far = self._highlights is None or is_everywhere
        if weights.has_tail or not may_see_far:
            return
        if self._wants_more_pixels(blur, power) and not self._loses_light():
            self._fourier = FourierFilter(blur, photo.noise, power)
            self._params = self._params[self.network.n_filter_params :]
            self.network = replace(self.network, filter_size=1)
            self._highlights = None

    def _wants_more_pixels(self, blur, power):
        """Whether the largest filter of the engines loses much because of its size.

        One in the Fourier domain then takes its place. But a tail needs the image as it
        was before, which the layers alone do not hand on; and what highlights do wrong
        would reach too far.
        """
        noise = self._photo.noise
        if noise is None or self.network.filter_size < MAX_FILTER_SIZE:
            return False
        kernel = self.network.filter_view(to_host(self._params))
        return loss_of(kernel, blur, noise, power) > _FEW_PIXELS_LOSE

    def _loses_light(self):
        """Whether any highlight of the image is lost in white."""
        if self._highlights is None:
            return False
        return any(
            lost is not None
            for _, _, lost in (
                self._seen(rows, columns)
                for rows, columns in blocks(self._photo.white.shape)
            )
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
        if self._fourier is not None:
            for rows, columns in blocks(self._photo.image.shape):
                part = out[rows, columns]
                write_pixels(self.part(rows, columns), part)
                if on_pixels is not None:
                    on_pixels(part.shape[0] * part.shape[1])
            return
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
        margin = self.network.radius + (0 if self._fourier is None else MARGIN)
        tile = _in_floats(mirrored_tile(self._photo.image, (rows, columns), margin))
        if self._fourier is not None:
            outside = self._outside(rows, columns, margin)
            tile = self._fourier.filtered(tile, outside)
        return _cut(self._forward(tile), margin)

    def _part_with_highlights(self, rows, columns):
        """A part of the image that highlights reach into, or None."""
        tile, seen, lost = self._seen(rows, columns)
        if lost is None:
            return None
        blended = self._highlights.blended(tile, self._forward(seen), lost)
        return _cut(blended, self._highlights_margin)

    @property
    def _highlights_margin(self):
        return self.network.radius + self._highlights.margin

    def _seen(self, rows, columns):
        """A tile, as the filter is to see it, and what of it is lost or None."""
        part, margin = (rows, columns), self._highlights_margin
        white = mirrored_tile(self._photo.white, part, margin)
        if not bool(white.any()):
            return None, None, None
        tile = _in_floats(mirrored_tile(self._photo.image, part, margin))
        seen, lost = self._highlights.found(tile, white)
        return tile, seen, lost if bool(lost.any()) else None

    def _outside(self, rows, columns, margin):
        """Where a tile lies beyond the border of the image, or None if nowhere."""
        down, across = (
            np.arange(axis.start - margin, axis.stop + margin)
            for axis in (rows, columns)
        )
        height, width = self._photo.image.shape[:2]
        above = (down < 0) | (down >= height)
        beside = (across < 0) | (across >= width)
        outside = above[:, np.newaxis] | beside
        return outside if outside.any() else None

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


def blocks(shape, side=_BLOCK):
    """The parts of an image that are restored one after the other, as slices."""
    height, width = shape[:2]
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield (
                slice(top, min(top + side, height)),
                slice(left, min(left + side, width)),
            )


def _in_floats(tile):
    return tile.astype(np.result_type(tile.dtype, np.float32))


def _cut(values, margin):
    """What lies within a margin."""
    height, width = values.shape[:2]
    return values[margin : height - margin, margin : width - margin]
