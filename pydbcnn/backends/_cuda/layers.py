"""The three layers of any network, one after the other, with maps in device memory.

`pydbcnn.backends._cuda.fused` computes those of common networks in one kernel.
"""

from dataclasses import dataclass, replace

from .arrays import ZERO
from .chunks import chunks
from .outer_layers import as_single_precision, copy, covers, new_image

KERNEL_TYPES = {"float32": "Float32", "tf32": "Tf32", "bfloat16": "Bfloat16"}
MAPS_BUDGET = 2**25  # bytes of the maps of a part, which may then stay in the cache

# What is done with a sum before it is written, as `Ending` in convolution.cuh.
PLAIN, BIASED, RECTIFIED, RESIDUAL, MASKED = range(5)

_THREADS = 128
_DEPTH = 8  # as in products.cuh
_FLOAT = 4  # bytes
_WINDOW_BYTES = 32  # of the struct Window in convolution.cuh
# The pixels of a region are split, and each split leaves a partial gradient. There are
# enough blocks for a large device, each has enough pixels, and all partial gradients
# take little memory. The number of splits follows from shapes and not from the device,
# as it decides how sums round.
_GRADIENT_BLOCKS = 512
_PIXELS_PER_SPLIT = 256
_MAX_PARTIAL_BYTES = 2**25
_SUM_THREADS, _SUM_COLUMNS = 256, 32  # as in add_partials


@dataclass(frozen=True)
class Tile:
    """The sums that a block computes: rows (pixels or weights) by columns (outputs).

    ``Tile`` in ``products.cuh`` has the same numbers.
    """

    rows: int
    columns: int

    @property
    def factor_bytes(self):
        return _FLOAT * _DEPTH * (self.rows + 4 + self.columns)

    @property
    def convolve_bytes(self):
        return self.factor_bytes + _WINDOW_BYTES * self.rows


TILES = (Tile(512, 4), Tile(256, 16), Tile(128, 64))


def tile_for(n_outputs):
    """The narrowest tile that has all outputs, or the widest if none has."""
    return next((tile for tile in TILES if n_outputs <= tile.columns), TILES[-1])


def convolve(
    runtime, precision, source, out, region, weights, *, bias=None, ending, other=None
):
    """Compute a layer: correlate a region with HWIO weights.

    Parameters
    ----------
    runtime : Runtime
    precision : {"float32", "tf32", "bfloat16"}
        Of the factors of products.
    source : Image
        float32, with a scale of 1. Pixels beyond its array count as zero.
    out : Image
        float32, with a scale of 1 and all pixels of the region.
    region : Region
    weights : device array of shape (kernel_size, kernel_size, inputs, outputs)
    bias : device array of shape (outputs,), optional
        For BIASED, RECTIFIED and RESIDUAL.
    ending : {PLAIN, BIASED, RECTIFIED, RESIDUAL, MASKED}
        What is done with a sum. RESIDUAL adds `other` to the biased sum. MASKED keeps
        sums where `other` is positive, and sets the others to zero.
    other : Image, optional
        As `out`, for RESIDUAL and MASKED.
    """
    tile = tile_for(weights.shape[3])
    runtime.launch(
        f"convolve<{KERNEL_TYPES[precision]}, {tile.columns}>",
        (-(-region.n_pixels // tile.rows) * -(-weights.shape[3] // tile.columns),),
        (_THREADS,),
        (
            source,
            out,
            region,
            weights,
            weights if bias is None else bias,
            source if other is None else other,
            weights.shape[0],
            ending,
        ),
        shared_memory=tile.convolve_bytes,
    )


class Layers:
    """The three layers of any network, one after the other.

    Parameters
    ----------
    runtime : Runtime
    network : Network
    params : device array of shape (n_params,)
        float32.
    precision : {"float32", "tf32", "bfloat16"}
        Of the factors of products.
    """

    def __init__(self, runtime, network, params, precision):
        self._runtime, self._network, self._params = runtime, network, params
        self._precision = precision

    def kept(self):
        """Sizes of the maps that `forward` keeps for `backward`.

        Returns
        -------
        kept : list of (int, int)
            For each map, its channels and the pixels of its halo around the estimate.
        """
        return list(zip(self._network.n_filters, self._margins(), strict=False))

    def estimate(self, source, out, region, *, budget=MAPS_BUDGET):
        """Estimate the pixels of a region, in parts whose maps fit a budget of memory.

        Parameters
        ----------
        source : Image
            The input of the layers, of any type, mirrored outside.
        out : Image
            Of any type, with all pixels of the region.
        region : Region
        budget : int, default=2**25
            Bytes that the maps may have; the result does not depend on it.
        """
        radius = self._network.layers_radius
        channels_in, channels_out = (image.array.shape[3] for image in (source, out))
        maps = [(channels_in, radius), *self.kept(), (channels_out, 0)]
        for first, part in chunks(region, maps, budget):
            image, seen = images_of(source, first, part.n), part.grown(radius)
            if not covers(image, seen):
                image = as_single_precision(self._runtime, image, seen)
            self._write_estimate(image, images_of(out, first, part.n), part)

    def _write_estimate(self, source, out, region):
        """Estimate a region, by way of a float32 image if `out` has another type."""
        if covers(out, region):
            self._estimate(source, out, region)
            return
        estimate, _ = self.forward(source, region)
        copy(self._runtime, estimate, out, region)

    def forward(self, source, region):
        """The estimate of a whole region, with the maps that the backward pass needs.

        Parameters
        ----------
        source : Image
            The input of the layers, float32, with a scale of 1 and the halo of the
            region.
        region : Region

        Returns
        -------
        estimate : Image
            float32.
        maps : list of Image
            The rectified maps of the hidden layers.
        """
        estimate = new_image(self._runtime, region, self._network.n_channels_out)
        return estimate, self._estimate(source, estimate, region)

    def _estimate(self, source, out, region):
        weights, biases = self._network.views(self._params)
        maps = [source]
        for weight, bias, margin in zip(
            weights[:-1], biases[:-1], self._margins(), strict=False
        ):
            seen = region.grown(margin)
            maps.append(new_image(self._runtime, seen, weight.shape[3]))
            self._convolve(maps[-2], maps[-1], seen, weight, bias, RECTIFIED)
        ending = RESIDUAL if self._network.residual else BIASED
        self._convolve(maps[-1], out, region, weights[-1], biases[-1], ending, source)
        return maps[1:]

    def backward(self, source, maps, delta, region, gradient):
        """Add the gradient of the three layers.

        Parameters
        ----------
        source : Image
            As `forward` takes it.
        maps : list of Image
            As `forward` returns them.
        delta : Image
            Deltas of the estimate, float32: the pixels of the region and no others.
        region : Region
        gradient : device array of shape (n_params,)
            The gradient of this region is added to the part of the layers.
        """
        weights, _ = self._network.views(self._params)
        parts = _with_biases(self._network, gradient)
        maps = [source, *maps]
        for layer in reversed(range(len(weights))):
            side = weights[layer].shape[0]
            add_weights_gradient(
                self._runtime,
                self._precision,
                maps[layer],
                delta,
                region,
                side,
                parts[layer],
            )
            if layer > 0:
                region = region.grown(side // 2)
                delta = self._delta_of_maps(delta, region, weights[layer], maps[layer])

    def _delta_of_maps(self, delta, region, weights, maps):
        """Deltas of the input of a layer, where the rectifier lets them through.

        The transpose of a correlation is the correlation with the reversed kernel,
        whose inputs and outputs change places.
        """
        result = new_image(self._runtime, region, weights.shape[2], outside=ZERO)
        turned = weights[::-1, ::-1].swapaxes(2, 3)
        turned = self._runtime.xp.ascontiguousarray(turned)
        self._convolve(delta, result, region, turned, None, MASKED, maps)
        return result

    def _convolve(self, source, out, region, weights, bias, ending, other=None):
        convolve(
            self._runtime,
            self._precision,
            source,
            out,
            region,
            weights,
            bias=bias,
            ending=ending,
            other=other,
        )

    def _margins(self):
        """The pixels of halo that the output of each layer has around the estimate."""
        radii = [layer.kernel_size // 2 for layer in self._network.layers]
        return [sum(radii[layer:]) for layer in range(1, len(radii) + 1)]


def add_weights_gradient(
    runtime, precision, maps, delta, region, kernel_size, gradient
):
    """Add the gradient of HWIO weights, and of the biases behind them.

    Parameters
    ----------
    maps : Image
        The input of the layer, float32, with a scale of 1 and the halo of the region.
    delta : Image
        Deltas of its output, float32: the pixels of the region and no others.
    region : Region
    kernel_size : int
    gradient : device array
        The gradient of the weights and, if it is longer, of the biases behind them.
    """
    n_outputs = delta.array.shape[3]
    tile = tile_for(n_outputs)
    n_rows = gradient.size // n_outputs
    n_tiles = -(-n_rows // tile.rows) * -(-n_outputs // tile.columns)
    n_splits = gradient_splits(region.n_pixels, n_tiles, gradient.size)
    partials = runtime.xp.empty((n_splits, gradient.size), "float32")
    runtime.launch(
        f"weights_gradient<{KERNEL_TYPES[precision]}, {tile.columns}>",
        (n_splits * n_tiles,),
        (_THREADS,),
        (maps, delta, region, kernel_size, n_rows, partials, n_splits),
        shared_memory=tile.factor_bytes,
    )
    add_partials(runtime, partials, gradient)


def gradient_splits(n_pixels, n_tiles, n_sums):
    """The number of splits of the pixels, each of which is summed apart."""
    return max(
        1,
        min(
            -(-_GRADIENT_BLOCKS // n_tiles),
            n_pixels // _PIXELS_PER_SPLIT,
            _MAX_PARTIAL_BYTES // (_FLOAT * n_sums),
        ),
    )


def add_partials(runtime, partials, gradient):
    """Add partial gradients of shape (n, gradient.size), always in the same order."""
    runtime.launch(
        "add_partials",
        (-(-gradient.size // _SUM_COLUMNS),),
        (_SUM_THREADS,),
        (partials, gradient, gradient.size, len(partials)),
        shared_memory=8 * _SUM_THREADS,  # a double of each
    )


def images_of(image, first, n):
    """An Image of n of the images, from number `first` on."""
    return replace(image, array=image.array[first : first + n])


def _with_biases(network, gradient):
    """The gradient of each layer: its weights, and the biases behind them."""
    parts, start = [], network.n_filter_params
    for layer in network.layers:
        end = start + layer.n_weights + layer.n_outputs
        parts.append(gradient[start:end])
        start = end
    return parts


def slice_of_layers(network):
    """The part of the flat vector with the weights and biases of the three layers."""
    start = network.n_filter_params
    return slice(start, network.n_params - network.n_tail_params)
