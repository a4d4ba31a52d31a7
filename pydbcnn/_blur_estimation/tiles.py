"""Tiles of an image, and a value for each pixel from values of tiles."""

from itertools import pairwise
from numbers import Integral

import numpy as np

from .statistics import BLOCK


def tile_grid(shape, tile_size):
    """Rows and columns of nearly equal tiles of at most `tile_size` pixels a side.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    tile_size : int
        At least 32: smaller parts do not tell how blurred they are.

    Returns
    -------
    rows, columns : list of slice

    Raises
    ------
    ValueError
        When tiles would be too small.
    """
    check_tile_size(tile_size)
    return tuple(_parts(size, -(-size // tile_size)) for size in shape)


def check_tile_size(tile_size):
    """Raise a ValueError unless tiles of this side tell how blurred they are."""
    if (
        not isinstance(tile_size, Integral)
        or isinstance(tile_size, bool)
        or tile_size < BLOCK
    ):
        raise ValueError(
            f"tile_size={tile_size!r}: expected an integer of at least {BLOCK} pixels, "
            "since smaller tiles do not tell how blurred they are."
        )


def _parts(size, n_parts):
    ends = np.linspace(0, size, n_parts + 1).round().astype(int)
    return [slice(*pair) for pair in pairwise(ends)]


def interpolate_tiles(values, shape, rows, columns):
    """Values at pixels from values at the centres of tiles that cover an image.

    Linear between the centres, constant beyond them.

    Parameters
    ----------
    values : array of shape (n_down, n_across)
    shape : tuple of int
        Height and width of the image.
    rows, columns : slice
        The part of the image that is asked for.

    Returns
    -------
    values : array of shape (rows, columns), float64
    """
    for axis, (size, part) in enumerate(zip(shape, (rows, columns), strict=True)):
        n_tiles = values.shape[axis]
        place = (np.arange(part.start, part.stop) + 0.5) * n_tiles / size - 0.5
        place = np.clip(place, 0, n_tiles - 1)
        before = np.minimum(place.astype(int), max(n_tiles - 2, 0))
        after = np.minimum(before + 1, n_tiles - 1)
        share = np.expand_dims(place - before, 1 - axis)
        values = (
            np.take(values, before, axis) * (1 - share)
            + np.take(values, after, axis) * share
        )
    return values
