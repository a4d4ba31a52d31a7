"""Photographs through a model for the command line, whatever the channels of either.

Nothing here imports scikit-learn, so that the command starts quickly.
"""

from dataclasses import replace

import numpy as np

from .._pixels.values import luminance, resolve_data_range, write_pixels
from .._restoration.undoing import clipped_channels
from ..backends import get_backend
from ..persistence import read_model
from ..pretrained import find_model

_BAND_ROWS = 256


class Restorer:
    """A model ready to restore photographs.

    Parameters
    ----------
    model : str
        Name of a model that ships with the package, or a path.
    device : {"auto", "cpu", "cuda"}
    precision : {"float32", "tf32", "bfloat16", "float64"} or None
        None means what the model says.
    """

    def __init__(self, model, device="auto", precision=None):
        trained, self.settings = read_model(find_model(model))
        self.trained = replace(trained, name=str(model))
        precision = precision or self.settings.get("precision", "float32")
        self.backend = get_backend(device, precision)
        self.model = model

    def restore(self, pixels, on_pixels=None, **wanted):
        """Restore one photograph.

        Parameters
        ----------
        pixels : array of shape (height, width) or (height, width, 3)
            uint8, uint16, float32 or float64. A model of colour images sees greyscale
            ones as grey colours, and gives the luminance of its estimate; a model of
            greyscale images restores the luminance of colours.
        on_pixels : callable, optional
            Called now and then with the number of pixels that are done since.
        **wanted
            `sigma`, `blur`, `noise`, `strength`, `clipped` and `tile_size`, as in
            `DeblurModel.check`; lists have one entry.

        Returns
        -------
        restored : array like `pixels`
        """
        known = self.trained.check(
            **wanted, shapes=[pixels.shape[:2]], dtype=pixels.dtype
        )
        n_channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        plain = self.trained.weights.network
        expected = plain.n_channels_in, plain.n_channels_out
        if expected == (n_channels, n_channels):
            batch = pixels.reshape(1, *pixels.shape[:2], n_channels)
            return self._forward(batch, known, on_pixels).reshape(pixels.shape)
        if expected == (1, 1) and n_channels == 3:
            return self._restore_luminance(pixels, known, on_pixels)
        if expected == (1, 1):
            planes = np.moveaxis(pixels, 2, 0)[..., np.newaxis]
            restored = self._forward(planes, known.repeated(n_channels), on_pixels)
            return np.moveaxis(restored[..., 0], 0, 2)
        if expected == (3, 3) and n_channels == 1:
            colour = np.broadcast_to(
                pixels.reshape(1, *pixels.shape[:2], 1), (1, *pixels.shape[:2], 3)
            )
            restored = self._forward(colour, known, on_pixels)[0]
            return _grey(restored).reshape(pixels.shape)
        raise ValueError(
            f"The model {self.model} takes {expected[0]} channels and gives "
            f"{expected[1]}, which does not go with {n_channels} channel(s)."
        )

    def estimate_blur(self, pixels, tile_size=None):
        """Sigma of the blur of one photograph, in pixels, or of each of its tiles.

        Raises
        ------
        ValueError
            When the model does not estimate the blur, or tiles would be too small.
        """
        self.trained.check_estimates_blur()
        batch = pixels.reshape(*pixels.shape[:2], -1)
        return self.trained.estimate(batch, self._range(batch.dtype), tile_size)

    def _range(self, dtype):
        return resolve_data_range(self.settings.get("data_range"), dtype)

    def _forward(self, batch, known, on_pixels):
        return self.trained.restore(
            self.backend,
            batch,
            data_range=self._range(batch.dtype),
            known=known,
            on_pixels=on_pixels,
        )

    def _restore_luminance(self, pixels, known, on_pixels):
        """A colour photograph through a model of grey images, as its luminance.

        The eye hardly sees blur in colours alone, so what they differ from the
        luminance by stays as it is. That is a third of the work.
        """
        data_range = self._range(pixels.dtype)
        is_blind = known.blurs is None and known.tile_size is None
        if is_blind and self.trained.estimates_blur:
            sigma = self.trained.sigma_to_undo(pixels, data_range)
            known = known._replace(blurs=[sigma])
        known = self._with_clipped_colours(known, pixels, data_range)
        grey = np.empty(pixels.shape[:2], np.result_type(pixels, np.float32))
        for rows in _bands(len(pixels)):
            grey[rows] = luminance(pixels[rows])
        sharper = self.trained.restore(
            self.backend,
            grey[np.newaxis, ..., np.newaxis],
            data_range=data_range,
            known=known,
            on_pixels=on_pixels,
        )[0, ..., 0]
        sharper -= grey
        restored = np.empty_like(pixels)
        for rows in _bands(len(pixels)):
            write_pixels(pixels[rows] + sharper[rows, :, np.newaxis], restored[rows])
        return restored

    @staticmethod
    def _with_clipped_colours(known, pixels, data_range):
        """Where any colour is clipped, so is the luminance."""
        if not known.looks_for_highlights or known.clipped is not None:
            return known
        white = clipped_channels(pixels, data_range)
        return known._replace(
            clipped=None if white is None else [white.any(axis=2)],
            looks_for_highlights=white is not None,
        )


def _bands(n_rows):
    """Rows of an image, some at a time: all in floats would take much memory."""
    return [
        slice(top, min(top + _BAND_ROWS, n_rows))
        for top in range(0, n_rows, _BAND_ROWS)
    ]


def _grey(estimate):
    grey = np.empty(estimate.shape[:2], estimate.dtype)
    for rows in _bands(len(grey)):
        write_pixels(luminance(estimate[rows]), grey[rows])
    return grey
