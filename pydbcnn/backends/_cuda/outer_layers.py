"""The outer layers around the three: the filter, back-projections, the combination."""

import numpy as np

from .arrays import MIRROR, Image

# How a correlation is written: alone, added to a base or subtracted from it. As `Blend`
# in channels.cuh.
ALONE, ADDED, SUBTRACTED = range(3)

_FLOAT = 4  # bytes
_THREADS = 128
_TILE_HEIGHT, _TILE_WIDTH, _ROWS = 32, 64, 8  # as in channels.cuh
_COMBINE_THREADS = 256


def new_image(runtime, region, channels, outside=MIRROR):
    """An Image of the pixels of a region, float32, that nothing is written to yet."""
    shape = (region.n, region.height, region.width, channels)
    array = runtime.xp.empty(shape, np.float32)
    return Image(array, region.top, region.left, outside=outside)


def covers(image, region):
    """Whether an image has all pixels of a region, as float32 with a scale of 1."""
    _, height, width, _ = image.array.shape
    return (
        image.array.dtype == np.float32
        and image.scale == 1
        and image.top <= region.top
        and image.left <= region.left
        and region.top + region.height <= image.top + height
        and region.left + region.width <= image.left + width
    )


def as_single_precision(runtime, image, region):
    """A copy of the pixels of a region, as float32 with a scale of 1."""
    out = new_image(runtime, region, image.array.shape[3])
    copy(runtime, image, out, region)
    return out


def copy(runtime, image, out, region):
    """Copy the pixels of a region to an image of any type and scale."""
    one = runtime.xp.ones((1, 1), np.float32)
    correlate_channels(runtime, image, out, region, one)


def filtered(runtime, kernel, image, region):
    """The filter in a region, w = Q * x.

    Parameters
    ----------
    runtime : Runtime
    kernel : device array of shape (side, side)
        As `Network.filter_view` gives it.
    image : Image
    region : Region

    Returns
    -------
    filtered : Image
        float32.
    """
    out = new_image(runtime, region, image.array.shape[3])
    correlate_channels(runtime, image, out, region, kernel)
    return out


def correlate_channels(runtime, image, out, region, kernel, *, base=None, blend=ALONE):
    """Correlate every channel of a region with the same kernel.

    Parameters
    ----------
    runtime : Runtime
    image : Image
    out : Image
        Has all pixels of the region, and the channels of `image`.
    region : Region
    kernel : device array of shape (side, side)
        float32.
    base : Image, optional
        The image that the correlation is added to or subtracted from.
    blend : {ALONE, ADDED, SUBTRACTED}, default=ALONE
    """
    n_channels = out.array.shape[3]
    n_tiles = region.n * -(-region.height // _TILE_HEIGHT)
    n_tiles *= -(-region.width // _TILE_WIDTH)
    runtime.launch(
        "correlate_channels",
        (n_tiles * n_channels,),
        (_THREADS,),
        (
            image,
            image if base is None else base,
            out,
            region,
            kernel,
            len(kernel),
            blend,
        ),
        shared_memory=_correlate_bytes(len(kernel)),
    )


def _correlate_bytes(side):
    """Shared memory of a block: its pixels, and the kernel with zeros below it."""
    steps = -(-(side + _ROWS - 1) // _ROWS) * _ROWS
    pixels = (_TILE_HEIGHT - _ROWS + steps) * (_TILE_WIDTH + side - 1)
    return _FLOAT * (pixels + side * steps)


def missing(runtime, blur, image, estimate, region):
    """The difference x - K * s between the input and the estimate blurred again."""
    out = new_image(runtime, region, estimate.array.shape[3])
    correlate_channels(
        runtime, estimate, out, region, blur, base=image, blend=SUBTRACTED
    )
    return out


def back_projection(runtime, kernels, image, estimate, out, region):
    """One back-projection of a region: s + P * (x - K * s).

    Parameters
    ----------
    runtime : Runtime
    kernels : (device array, device array)
        K and P.
    image : Image
        The blurred input, x.
    estimate : Image
        s, with the halo that K and P see.
    out : Image
        Has all pixels of the region.
    region : Region

    Returns
    -------
    difference : Image
        x - K * s, with the halo that P sees.
    """
    blur, projection = kernels
    seen = region.grown(len(projection) // 2)
    difference = missing(runtime, blur, image, estimate, seen)
    correlate_channels(
        runtime, difference, out, region, projection, base=estimate, blend=ADDED
    )
    return difference


def combination(runtime, network, params, image, estimate, out, region):
    """The combination in a region, x A + s B + b.

    Parameters
    ----------
    runtime : Runtime
    network : Network
    params : device array of shape (n_params,)
    image, estimate : Image
        x, and s with all pixels of the region.
    out : Image
        Has all pixels of the region.
    region : Region
    """
    n_outputs = network.n_channels_out
    n_weights = (network.n_channels_in + n_outputs + 1) * n_outputs
    runtime.launch(
        "combine",
        (-(-region.n_pixels * n_outputs // _COMBINE_THREADS),),
        (_COMBINE_THREADS,),
        (image, estimate, out, region, params[len(params) - n_weights :]),
    )
