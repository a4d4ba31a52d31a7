"""The blur of an image or of its tiles, and of each pixel from that of tiles."""

from itertools import pairwise
from numbers import Integral

import numpy as np

from .._pixels.values import resolve_data_range
from .statistics import BLOCK


def tile_grid(shape, tile_size):
    """Rows and columns of nearly equal tiles of at most `tile_size` pixels a side.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    tile_size : int
        At least 32: smaller parts do not show how blurred they are.

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
    """Raise a ValueError for a side of tiles that are too small to be judged."""
    if (
        not isinstance(tile_size, Integral)
        or isinstance(tile_size, bool)
        or tile_size < BLOCK
    ):
        raise ValueError(
            f"tile_size={tile_size!r}: expected an integer of at least {BLOCK} pixels, "
            "since smaller tiles do not show how blurred they are."
        )


def _parts(size, n_parts):
    ends = np.linspace(0, size, n_parts + 1).round().astype(int)
    return [slice(*pair) for pair in pairwise(ends)]


def sigma_of(estimate, image, data_range, tile_size):
    """Sigma of an image, or of its tiles where `tile_size` is not None.

    Parameters
    ----------
    estimate : callable
        A method of `BlurRegressor` that takes an image and its data range, and returns
        a sigma.
    image : array of shape (height, width, channels)
    data_range : float
        The pixel value that counts as white.
    tile_size : int or None

    Returns
    -------
    sigma : float or array of shape (rows, columns)
    """
    if tile_size is None:
        return estimate(image, data_range)
    return sigma_of_tiles(estimate, image, data_range, tile_size)


def sigma_of_tiles(estimate, image, data_range, tile_size):
    """Sigma of each tile of an image, as an array of shape (rows, columns)."""
    return of_tiles(estimate, image, data_range, tile_size, dtype=float)


def of_tiles(estimate, image, data_range, tile_size, dtype):
    """What is estimated of each tile of an image.

    Parameters
    ----------
    estimate : callable
        It takes a tile and its data range.
    image : array of shape (height, width, channels)
    data_range : float
        The pixel value that counts as white.
    tile_size : int
    dtype : type
        Of what is estimated.

    Returns
    -------
    estimates : array of shape (rows, columns)
    """
    rows, columns = tile_grid(image.shape[:2], tile_size)
    estimates = np.empty((len(rows), len(columns)), dtype)
    for row, down in enumerate(rows):
        for column, across in enumerate(columns):
            estimates[row, column] = estimate(image[down, across], data_range)
    return estimates


def sigmas_of_images(regressor, images, data_range, tile_size=None):
    """Sigma of the blur of each image.

    Parameters
    ----------
    regressor : BlurRegressor
    images : Images
    data_range : float or None
        The pixel value that counts as white; None means that of the type.
    tile_size : int or None, default=None
        Side of tiles that are looked at one by one.

    Returns
    -------
    sigma : array of shape (n,), or list of array of shape (rows, columns)
        In pixels; with `tile_size` of each tile.
    """
    scale = resolve_data_range(data_range, images.dtype)
    sigmas = [
        sigma_of(regressor.sigma, image, scale, tile_size) for image in images.each()
    ]
    return np.array(sigmas) if tile_size is None else sigmas


def smoothed_over_tiles(sigma):
    """Each tile with the median of itself and the eight tiles around it.

    The sigma of a tile without edges is 0, and means nothing. It counts in no median,
    and becomes that of its neighbours, or the mean of all tiles where none of these has
    edges either. Where no tile has edges, all stay 0.
    """
    known = np.where(sigma > 0, sigma, np.nan)
    if np.isnan(known).all():
        return sigma
    padded = np.pad(known, 1, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    around = around.reshape(*sigma.shape, 9)
    around = np.where(
        np.isnan(around).all(axis=-1, keepdims=True), np.nanmean(known), around
    )
    return np.nanmedian(around, axis=-1)


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
