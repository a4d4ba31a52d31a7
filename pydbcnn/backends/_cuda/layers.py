"""The three layers, of any kernel sizes and numbers of filters, one after the other."""

from dataclasses import dataclass, replace

from .arrays import ZERO
from .chunks import chunks
from .outer_layers import as_single_precision, copy, covers, new_image

KERNEL_TYPES = {"float32": "Float32", "tf32": "Tf32", "bfloat16": "Bfloat16"}
MAPS_BUDGET = 2**25  # bytes of the maps of a part, which then stay in a large cache

# What becomes of a sum; the order is that of `Ending` in convolution.cuh.
PLAIN, BIASED, RECTIFIED, RESIDUAL, MASKED = range(5)

_THREADS = 128
_DEPTH = 8
_FLOAT = 4  # bytes
_WINDOW_BYTES = 32
# Partial gradients: enough blocks for a large device, of enough pixels each, in memory
# that is small beside the maps; from the shapes alone, since they set how sums round.
_GRADIENT_BLOCKS = 512
_PIXELS_PER_SPLIT = 256
_MAX_PARTIAL_BYTES = 2**25
_SUM_THREADS, _SUM_COLUMNS = 256, 32  # as in add_partials


@dataclass(frozen=True)
class Tile:
    """What a block computes: rows (pixels, or weights) by columns (outputs).

    These are the numbers of ``Tile`` in ``products.cuh``.
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
    """The narrowest tile that takes all outputs at once, or the widest."""
    return next((tile for tile in TILES if n_outputs <= tile.columns), TILES[-1])


def convolve(
    runtime, precision, source, out, region, weights, *, bias=None, ending, other=None
):
    """Correlate a region with HWIO weights.

    Parameters
    ----------
    runtime : Runtime
    precision : {"float32", "tf32", "bfloat16"}
        Of the two factors of each product.
    source : Image
        float32, with a scale of 1; what lies outside counts as zero.
    out : Image
        As `source`, with all pixels of the region.
    region : Region
    weights : device array of shape (kernel_size, kernel_size, inputs, outputs)
    bias : device array of shape (outputs,), optional
        For the endings that have one.
    ending : {PLAIN, BIASED, RECTIFIED, RESIDUAL, MASKED}
        RESIDUAL adds `other` to the biased sum. MASKED keeps the sums where `other`
        is positive; the others become zero.
    other : Image, optional
        As `source`, with all pixels of the region, and the channels of `out`.
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
    """The three layers of any network, one after the other, maps in device memory.

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
        """Maps that `forward` keeps for `backward`.

        Returns
        -------
        kept : list of (int, int)
            Channels of each, and the pixels by which it reaches beyond the estimate.
        """
        return list(zip(self._network.n_filters, self._margins(), strict=False))

    def estimate(self, source, out, region, *, budget=MAPS_BUDGET):
        """The estimate of a region, in parts whose maps fit some memory.

        Parameters
        ----------
        source : Image
            What the layers see, of any type, mirrored outside.
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
        """Through an image of single precision, if `out` is none."""
        if covers(out, region):
            self._estimate(source, out, region)
            return
        estimate, _ = self.forward(source, region)
        copy(self._runtime, estimate, out, region)

    def forward(self, source, region):
        """The estimate of a region, in one go, with what the backward pass needs.

        Parameters
        ----------
        source : Image
            float32, with a scale of 1 and all that the layers see.
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
        maps : list of Image
            As for and from `forward`.
        delta : Image
            Of the estimate, float32: the pixels of the region and no more.
        region : Region
        gradient : device array of shape (n_params,)
            What the layers have in it grows by the gradient of this region.
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
        """The transposed correlation: that with the weights turned round."""
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
        """Pixels by which what each layer gives reaches beyond the estimate."""
        radii = [layer.kernel_size // 2 for layer in self._network.layers]
        return [sum(radii[layer:]) for layer in range(1, len(radii) + 1)]


def add_weights_gradient(
    runtime, precision, maps, delta, region, kernel_size, gradient
):
    """Add the gradient of HWIO weights, and of the biases behind them.

    Parameters
    ----------
    maps : Image
        float32, with a scale of 1 and all that the windows of the region see.
    delta : Image
        float32: the pixels of the region and no more.
    region : Region
    kernel_size : int
    gradient : device array
        The weights and, if it is longer than they are, the biases.
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
    """Parts of the pixels that are summed apart, when a block computes a tile."""
    return max(
        1,
        min(
            -(-_GRADIENT_BLOCKS // n_tiles),
            n_pixels // _PIXELS_PER_SPLIT,
            _MAX_PARTIAL_BYTES // (_FLOAT * n_sums),
        ),
    )


def add_partials(runtime, partials, gradient):
    """Add partial sums of shape (n, gradient.size), always in the same order."""
    runtime.launch(
        "add_partials",
        (-(-gradient.size // _SUM_COLUMNS),),
        (_SUM_THREADS,),
        (partials, gradient, gradient.size, len(partials)),
        shared_memory=8 * _SUM_THREADS,  # a double of each
    )


def images_of(image, first, n):
    """Some of the images."""
    return replace(image, array=image.array[first : first + n])


def _with_biases(network, gradient):
    """The part of each layer: its weights and biases."""
    parts, start = [], network.n_filter_params
    for layer in network.layers:
        end = start + layer.n_weights + layer.n_outputs
        parts.append(gradient[start:end])
        start = end
    return parts


def slice_of_layers(network):
    """Where the flat vector has the weights and biases of the layers."""
    start = network.n_filter_params
    return slice(start, network.n_params - network.n_tail_params)
