"""The loss of a network and its gradient, of a batch in parts."""

import numpy as np

from .arrays import ZERO, Image, Region
from .chain import Chain
from .chunks import chunks
from .layers import PLAIN, add_partials, add_weights_gradient, convolve
from .outer_layers import ADDED, correlate_channels, new_image

TRAINING_BUDGET = 2**28  # bytes of the maps of a part of a batch, and of their deltas

_FLOAT = 4  # bytes
_LOSS_BLOCKS, _LOSS_THREADS = 1024, 256
_THREADS = 128
_DELTA_SIDE, _ROWS, _PLACE_BYTES = 32, 8, 32  # as in channels.cuh
_GRADIENT_BLOCKS = 512


def loss_and_gradient(
    runtime, network, params, patches, targets, precision, budget=TRAINING_BUDGET
):
    """Half the mean squared error of the central pixels, and its gradient.

    Parameters
    ----------
    runtime : Runtime
    network : Network
    params : device array of shape (n_params,)
        float32, as the patches and targets.
    patches : device array of shape (n, height + 2 radius, width + 2 radius, channels)
    targets : device array of shape (n, height, width, channels out)
    precision : {"float32", "tf32"}
        Of the factors of the products of the three layers.
    budget : int, default=2**28
        Bytes that maps and their deltas may have: a batch is taken in parts.

    Returns
    -------
    loss : float
    gradient : device array of shape (n_params,)
        Zero for the filter, which is not trained.
    """
    gradient = runtime.xp.zeros(network.n_params, np.float32)
    chain = Chain(runtime, network, params, precision, for_gradient=True)
    squares = []
    whole = Region(len(targets), 0, 0, *targets.shape[1:3])
    for first, region in chunks(whole, maps_of(network, chain.layers), budget):
        some = slice(first, first + region.n)
        image = Image(patches[some], -network.radius, -network.radius)
        run = chain.run(image, region)
        delta, part = _squared_error(
            runtime, run.estimates[-1], Image(targets[some]), region, targets.size
        )
        squares.append(part)
        _backward(runtime, network, params, run, delta, gradient, chain.layers)
    total = sum(float(runtime.to_host(part).sum()) for part in squares)
    return total / targets.size / 2, gradient


def maps_of(network, layers):
    """Channels and margins of the maps and deltas in memory, for `chunks`."""
    margin = network.tail_radius
    around = 2 * (network.n_back_projections + network.combine + 1)
    return [
        *((2 * channels, margin + reach) for channels, reach in layers.kept()),
        (network.n_channels_in, margin + network.layers_radius),
        (around * network.n_channels_out, margin),
    ]


def _squared_error(runtime, estimate, target, region, count):
    """Deltas of the estimate, and partial sums of the squared error."""
    delta = new_image(runtime, region, target.array.shape[3], outside=ZERO)
    n_blocks = min(_LOSS_BLOCKS, -(-delta.array.size // _LOSS_THREADS))
    squares = runtime.xp.empty(n_blocks, np.float64)
    runtime.launch(
        "squared_error",
        (n_blocks,),
        (_LOSS_THREADS,),
        (estimate, target, delta, region, squares, float(count)),
        shared_memory=_LOSS_THREADS * squares.itemsize,
    )
    return delta, squares


def _backward(runtime, network, params, run, delta, gradient, layers):
    if network.combine:
        delta = _combination_backward(runtime, network, params, run, delta, gradient)
    kernels = network.back_projection_views(params)
    slopes = network.back_projection_views(gradient)
    for index in reversed(range(network.n_back_projections)):
        delta = _back_projection_backward(
            runtime, kernels[index], slopes[index], run, delta, index
        )
    layers.backward(run.source, run.maps, delta, run.regions[0], gradient)


def _combination_backward(runtime, network, params, run, delta, gradient):
    """Add its part of the gradient; return the deltas of the estimate."""
    n_outputs = network.n_channels_out
    region, estimate = run.regions[-1], run.estimates[-2]
    of_input = network.combination_views(gradient)[0].reshape(-1)
    # The biases follow the weights of the estimate.
    of_estimate = gradient[len(gradient) - (n_outputs + 1) * n_outputs :]
    for maps, slope in (run.image, of_input), (estimate, of_estimate):
        add_weights_gradient(runtime, "float32", maps, delta, region, 1, slope)
    weights = network.combination_views(params)[1].T[None, None]
    result = new_image(runtime, region, n_outputs, outside=ZERO)
    convolve(
        runtime,
        "float32",
        delta,
        result,
        region,
        runtime.xp.ascontiguousarray(weights),
        ending=PLAIN,
    )
    return result


def _back_projection_backward(runtime, kernels, slopes, run, delta, index):
    """As above, for s + P * (x - K * s): s counts twice."""
    blur, projection = kernels
    region = run.regions[index + 1]
    around = region.grown(len(projection) // 2)
    _add_channels_gradient(runtime, run.missing[index], delta, region, slopes[1])
    # Of K * s, which is subtracted.
    blurred = new_image(runtime, around, delta.array.shape[3], outside=ZERO)
    flipped = runtime.xp.ascontiguousarray(-projection[::-1, ::-1])
    correlate_channels(runtime, delta, blurred, around, flipped)
    _add_channels_gradient(runtime, run.estimates[index], blurred, around, slopes[0])
    whole = run.regions[index]
    result = new_image(runtime, whole, delta.array.shape[3], outside=ZERO)
    flipped = runtime.xp.ascontiguousarray(blur[::-1, ::-1])
    correlate_channels(
        runtime, blurred, result, whole, flipped, base=delta, blend=ADDED
    )
    return result


def gradient_slices(side):
    """Columns of deltas that a block takes at once, for the gradient of a kernel."""
    groups = -(-side // _ROWS)
    return min(_DELTA_SIDE, _THREADS // (side * groups))


def _add_channels_gradient(runtime, image, delta, region, gradient):
    """Add the gradient of a kernel that all channels share.

    Parameters
    ----------
    image : Image
        With all that the kernel sees of it.
    delta : Image
        With all pixels of the region.
    region : Region
    gradient : device array of shape (side, side)
    """
    side = len(gradient)
    n_tiles = region.n * -(-region.height // _DELTA_SIDE)
    n_tiles *= -(-region.width // _DELTA_SIDE) * delta.array.shape[3]
    n_blocks = min(_GRADIENT_BLOCKS, n_tiles)
    groups = -(-side // _ROWS)
    n_slices = gradient_slices(side)
    partials = runtime.xp.empty((n_blocks * n_slices, gradient.size), np.float32)
    width, rows = _DELTA_SIDE + side - 1, _DELTA_SIDE + groups * _ROWS - 1
    runtime.launch(
        "channels_gradient",
        (n_blocks,),
        (_THREADS,),
        (image, delta, region, partials, side, n_slices),
        shared_memory=_PLACE_BYTES + _FLOAT * (_DELTA_SIDE**2 + width * rows),
    )
    add_partials(runtime, partials, gradient)
