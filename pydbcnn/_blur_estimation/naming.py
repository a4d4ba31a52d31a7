"""estimate_blur: which blur an image has, or each of its tiles."""

from functools import cache
from importlib.resources import files

import numpy as np

from .._blur.blur import Blur
from .._files import read_tensors
from .._pixels.images import as_images
from .._pixels.values import resolve_data_range
from .regressor import BlurRegressor
from .statistics import has_edges, seen_regions, statistics_of
from .tiles import check_tile_size, tile_grid

_LOOKS_SHARP = 0.6  # sharp photographs look as if they had a blur of less than this


def estimate_blur(images, *, tile_size=None, data_range=None):
    """Estimate which blur images have, and how strong it is.

    Parameters
    ----------
    images : array of shape (n, height, width[, channels]), or list of arrays
        Images of type uint8, uint16, float32 or float64. Three channels are taken for
        RGB, whose luminance counts; of other numbers, the mean counts. The CPU looks at
        them: of images on a GPU no more is copied than that, a million pixels each.
    tile_size : int, default=None
        Side in pixels, at least 32, of tiles that are looked at one by one, for a blur
        that varies over the image. None looks at each image as a whole.
    data_range : float, default=None
        The pixel value that counts as white. None means the largest value of an
        integer type, and 1.0 for floats.

    Returns
    -------
    blurs : list of Blur, or list of array of shape (rows, columns)
        One for each image; with `tile_size` an array of them, of type object, with one
        for each tile. The kind is "none" for an image that looks sharp, and "unknown"
        for one of which nothing can be told, such as a clear sky.

    Raises
    ------
    ValueError
        When these are no images, or `tile_size` is too small.
    TypeError
        When pixels are of another type.

    See Also
    --------
    Blur : What is known about a blur.
    BlurEstimator : Learns to estimate the blur of images of your own.

    Examples
    --------
    >>> from pydbcnn import GaussianBlurTransformer, estimate_blur
    >>> from pydbcnn.datasets import load_sample_images
    >>> blurred = GaussianBlurTransformer(sigma=2.0).transform(load_sample_images())
    >>> [round(blur.sigma) for blur in estimate_blur(blurred)]
    [2, 2]
    """
    checked = as_images(images, "images")
    scale = resolve_data_range(data_range, checked.dtype)
    if tile_size is None:
        return [_name(image, scale) for image in checked.each()]
    check_tile_size(tile_size)
    return [_name_tiles(image, scale, tile_size) for image in checked.each()]


def _name_tiles(image, data_range, tile_size):
    rows, columns = tile_grid(image.shape[:2], tile_size)
    blurs = np.empty((len(rows), len(columns)), dtype=object)
    for row, down in enumerate(rows):
        for column, across in enumerate(columns):
            blurs[row, column] = _name(image[down, across], data_range)
    return blurs


def _name(image, data_range):
    """The blur of an image of shape (height, width, channels)."""
    regions = seen_regions(image, data_range)
    if not has_edges(regions):
        return Blur.unknown()
    sigma = _regressor().sigma_of_statistics(statistics_of(regions))
    return Blur.gaussian(sigma) if sigma >= _LOOKS_SHARP else Blur.none()


@cache
def _regressor():
    """What a model has learned that knows noise, JPEG and other blurs."""
    path = files("pydbcnn") / "weights" / "robust.safetensors"
    tensors, _ = read_tensors(path, "pydbcnn-model", 2)
    prefix = "blur."
    return BlurRegressor.from_tensors(
        {
            name.removeprefix(prefix): array
            for name, array in tensors.items()
            if name.startswith(prefix)
        }
    )
