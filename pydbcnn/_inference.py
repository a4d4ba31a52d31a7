"""One photograph through a model, whatever the channels of either.

This path does not import scikit-learn, so that the command line starts quickly.
"""

import os

import numpy as np

from ._images import luminance, resolve_data_range
from .backends import get_backend
from .persistence import read_model
from .pretrained import available_models, model_path


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
    device : {"auto", "cpu"}
    precision : {"float32", "bfloat16", "float64"} or None
        None means what the model says.
    """

    def __init__(self, model, device="auto", precision=None):
        self.network, self.params, self.settings = read_model(find_model(model))
        precision = precision or self.settings.get("precision", "float32")
        self.backend = get_backend(device, precision)
        self.model = model

    def restore(self, pixels, on_pixels=None):
        """Restore one photograph.

        Parameters
        ----------
        pixels : array of shape (height, width) or (height, width, 3)
            uint8, uint16, float32 or float64. A model of colour images sees greyscale
            ones as grey colours, and gives the luminance of its estimate; a model of
            greyscale images sees the colours of one one by one.
        on_pixels : callable, optional
            Called now and then with the number of pixels that are done since.

        Returns
        -------
        restored : array like `pixels`
        """
        n_channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        expected = self.network.n_channels_in, self.network.n_channels_out
        if expected == (n_channels, n_channels):
            batch = pixels.reshape(1, *pixels.shape[:2], n_channels)
            return self._forward(batch, on_pixels).reshape(pixels.shape)
        if expected == (1, 1):
            planes = np.moveaxis(pixels, 2, 0)[..., np.newaxis]
            return np.moveaxis(self._forward(planes, on_pixels)[..., 0], 0, 2)
        if expected == (3, 3) and n_channels == 1:
            colour = np.broadcast_to(
                pixels[np.newaxis, ..., np.newaxis], (1, *pixels.shape, 3)
            )
            return _grey(self._forward(colour, on_pixels)[0])
        raise ValueError(
            f"The model {self.model} takes {expected[0]} channels and gives "
            f"{expected[1]}, which does not go with {n_channels} channel(s)."
        )

    def _forward(self, batch, on_pixels):
        data_range = resolve_data_range(self.settings.get("data_range"), batch.dtype)
        return self.backend.forward(
            self.network, self.params, batch, data_range=data_range, on_pixels=on_pixels
        )


def _grey(estimate):
    # Band by band: in double precision, the whole would take many times its memory.
    grey = np.empty(estimate.shape[:2], estimate.dtype)
    for top in range(0, len(grey), 256):
        band = luminance(estimate[top : top + 256])
        if grey.dtype.kind == "u":
            band = np.rint(band)
        grey[top : top + 256] = band
    return grey
