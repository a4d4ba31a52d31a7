"""One photograph through a model, whatever the channels of either.

This path does not import scikit-learn, so that the command line starts quickly.
"""

import os

import numpy as np

from .._blur_estimation.tiles import check_tile_size
from .._pixels.images import luminance, resolve_data_range
from .._restoration.model import check_sigmas
from ..backends import get_backend
from ..backends.reference import write_pixels
from ..persistence import read_model
from ..pretrained import available_models, model_path

_BAND_ROWS = 256


def find_model(name):
    """Path of a model: a name of `available_models`, or a file."""
    if name in available_models():
        return model_path(name)
    if os.path.exists(name):
        return name
    raise ValueError(
        f"There is no model or file {name!r}: pass one of "
        f"{', '.join(available_models())} or the path of a .safetensors file."
    )


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
        self.network, self.settings = read_model(find_model(model))
        precision = precision or self.settings.get("precision", "float32")
        self.backend = get_backend(device, precision)
        self.model = model

    @property
    def estimates_blur(self):
        """Whether the model tells how blurred an image is."""
        return self.network.regressor is not None

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
        self.check_blur(sigma, tile_size)
        how = dict(on_pixels=on_pixels, sigma=sigma, tile_size=tile_size)
        n_channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        plain = self.network.weights.network
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
        if not self.estimates_blur:
            raise ValueError(
                f"The model {self.model} does not estimate the blur: choose one that "
                "depends on it."
            )
        batch = pixels.reshape(*pixels.shape[:2], -1)
        return self.network.estimate(batch, self._range(batch.dtype), tile_size)

    def check_blur(self, sigma, tile_size):
        """Raise a ValueError unless the model can make something of these."""
        depends = self.network.weights.needs_sigma
        if (sigma is not None or tile_size is not None) and not depends:
            raise ValueError(
                f"The model {self.model} is the same for every blur: leave sigma and "
                "the tile size out, or choose a model that depends on it."
            )
        if sigma is not None and tile_size is not None:
            raise ValueError(
                f"A known blur of {sigma} pixels and tiles of {tile_size} pixels whose "
                "blur is estimated exclude each other: give one of them."
            )
        if sigma is not None:
            check_sigmas(sigma, 1)
        if tile_size is not None:
            check_tile_size(tile_size)
        if depends and sigma is None and not self.estimates_blur:
            raise ValueError(
                f"The model {self.model} does not estimate the blur: pass its sigma."
            )

    def _range(self, dtype):
        return resolve_data_range(self.settings.get("data_range"), dtype)

    def _forward(self, batch, *, on_pixels, sigma, tile_size):
        return self.network.restore(
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
        if sigma is None and tile_size is None and self.estimates_blur:
            sigma = self.network.sigma_to_undo(pixels, data_range)
        restored = np.empty_like(pixels)
        margin = -(-self.network.weights.radius // 4) * 4  # whole squares of the engine
        bands = _bands(len(pixels)) if tile_size is None else [slice(0, len(pixels))]
        for rows in bands:
            around = slice(max(rows.start - margin, 0), rows.stop + margin)
            inside = slice(rows.start - around.start, rows.stop - around.start)
            grey = luminance(pixels[around])
            grey = grey.astype(np.result_type(pixels, np.float32))
            sharper = self.network.restore(
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
