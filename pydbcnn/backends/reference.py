"""The engine to check by: the formulas of the paper in double precision, tile by tile.

Every other engine is tested against this one. It is some hundred times slower, and its
results have the same bits for any tiling and batch, since `formula.correlate` adds
products one input channel at a time.
"""

import numpy as np

from .._network import formula
from .._pixels.values import mirrored_tile, write_pixels
from .base import HostBackend

_TILE = 64  # pixels of a tile's side: its maps then take a few MiB


class ReferenceBackend(HostBackend):
    """Forward and backward passes with NumPy; the methods are those of `Backend`.

    Parameters
    ----------
    dtype : dtype, default=float64
        Precision of all arithmetic.
    """

    name = "reference"

    def __init__(self, dtype=np.float64):
        self.dtype = np.dtype(dtype)

    @property
    def precision(self):
        """Name of the precision that forward passes compute in."""
        return self.dtype.name

    def forward(self, network, params, images, *, data_range, on_pixels=None, out=None):
        """Estimate sharp images; see `Backend.forward`."""
        n, height, width, _ = images.shape
        if out is None:
            out = np.empty((n, height, width, network.n_channels_out), images.dtype)
        params = np.asarray(params, self.dtype)
        for image, result in zip(images, out, strict=True):
            for top in range(0, height, _TILE):
                for left in range(0, width, _TILE):
                    part = np.s_[top : top + _TILE, left : left + _TILE]
                    tile = mirrored_tile(image, part, network.radius)[np.newaxis]
                    run = formula.forward(
                        network, params, tile.astype(self.dtype) / data_range
                    )
                    write_pixels(run.output[0] * data_range, result[part])
            if on_pixels is not None:
                on_pixels(height * width)
        return out

    def loss_and_gradient(self, network, params, patches, targets):
        """Half the mean squared error and its gradient; see `Backend`."""
        return formula.loss_and_gradient(
            network,
            np.asarray(params, self.dtype),
            np.asarray(patches, self.dtype),
            targets,
        )
