"""Photographs through a model for the command line, whatever the channels of either.

Nothing here imports scikit-learn, so that the command starts quickly.
"""

from dataclasses import replace

import numpy as np

from .._pixels.values import luminance, resolve_data_range, write_pixels
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

    def restore(self, pixels, on_pixels=None, *, sigma=None, tile_size=None):
        """Restore one photograph.

        Parameters
        ----------
        pixels : array of shape (height, width) or (height, width, 3)
            uint8, uint16, float32 or float64. A model of colour images sees greyscale
            ones as grey colours, and gives the luminance of its estimate; a model of
            greyscale images restores the luminance of colours.
        on_pixels : callable, optional
            Called now and then with the number of pixels that are done since.
        sigma : float or None, default=None
            The blur in pixels, where it is known and the model depends on it.
        tile_size : int or None, default=None
            Side of tiles whose blur is estimated one by one.

        Returns
        -------
        restored : array like `pixels`
        """
        self.trained.check_blur(sigma, tile_size)
        how = dict(on_pixels=on_pixels, sigma=sigma, tile_size=tile_size)
        n_channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        plain = self.trained.weights.network
        expected = plain.n_channels_in, plain.n_channels_out
        if expected == (n_channels, n_channels):
            batch = pixels.reshape(1, *pixels.shape[:2], n_channels)
            return self._forward(batch, **how).reshape(pixels.shape)
        if expected == (1, 1) and n_channels == 3:
            return self._restore_luminance(pixels, **how)
        if expected == (1, 1):
            planes = np.moveaxis(pixels, 2, 0)[..., np.newaxis]
            return np.moveaxis(self._forward(planes, **how)[..., 0], 0, 2)
        if expected == (3, 3) and n_channels == 1:
            colour = np.broadcast_to(
                pixels.reshape(1, *pixels.shape[:2], 1), (1, *pixels.shape[:2], 3)
            )
            return _grey(self._forward(colour, **how)[0]).reshape(pixels.shape)
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

    def _forward(self, batch, *, on_pixels, sigma, tile_size):
        return self.trained.restore(
            self.backend,
            batch,
            data_range=self._range(batch.dtype),
            sigma=None if sigma is None else [sigma] * len(batch),
            tile_size=tile_size,
            on_pixels=on_pixels,
        )

    def _restore_luminance(self, pixels, *, on_pixels, sigma, tile_size):
        """A colour photograph through a model of grey images, as its luminance.

        The eye hardly sees blur in colours alone, so what they differ from the
        luminance by stays as it is. That is a third of the work.
        """
        data_range = self._range(pixels.dtype)
        if sigma is None and tile_size is None and self.trained.estimates_blur:
            sigma = self.trained.sigma_to_undo(pixels, data_range)
        restored = np.empty_like(pixels)
        margin = -(-self.trained.weights.radius // 4) * 4  # whole squares of the engine
        bands = _bands(len(pixels)) if tile_size is None else [slice(0, len(pixels))]
        for rows in bands:
            around = slice(max(rows.start - margin, 0), rows.stop + margin)
            inside = slice(rows.start - around.start, rows.stop - around.start)
            grey = luminance(pixels[around])
            grey = grey.astype(np.result_type(pixels, np.float32))
            sharper = self.trained.restore(
                self.backend,
                grey[np.newaxis, ..., np.newaxis],
                data_range=data_range,
                sigma=None if sigma is None else [sigma],
                tile_size=tile_size,
            )[0, ..., 0]
            change = (sharper - grey)[inside, :, np.newaxis]
            write_pixels(pixels[rows] + change, restored[rows])
            if on_pixels is not None:
                on_pixels(change.size)
        return restored


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
