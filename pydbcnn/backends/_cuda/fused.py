"""The three layers of common networks, fused in one kernel.

`pydbcnn.backends._cuda.layers` computes those of all other networks.
"""

from . import packing
from .fused_kernels import (
    MAX_GROUPS,
    forward_kernel,
    fragments_of,
    gradient_kernel,
    n_blocks,
    n_gradient_tiles,
    segment_height,
)
from .layers import add_partials, slice_of_layers
from .outer_layers import new_image


class FusedLayers:
    """The three layers of a network that `is_fused`: their maps stay in the processor.

    Parameters
    ----------
    runtime : Runtime
    network : Network
    params : device array of shape (n_params,)
        float32.
    precision : {"float32", "tf32", "bfloat16"}
        Of the factors of products. Only "tf32" has a backward pass.
    """

    def __init__(self, runtime, network, params, precision):
        self._runtime, self._network, self._params = runtime, network, params
        self._kernel = forward_kernel(network, precision)
        self._biases = self._packed(packing.biases_in_order)
        if precision == "float32":
            self._weights = (self._packed(packing.float32_weights),)
        else:
            fragments = fragments_of(precision)
            weights = self._packed(packing.mma_weights, fragments)
            self._weights = weights, self._biases

    def kept(self):
        """No maps: `backward` computes them anew. See `Layers.kept`."""
        return []

    def estimate(self, source, out, region):
        """Estimate the pixels of a region; see `Layers.estimate`."""
        side = self._network.kernel_sizes[2]
        height = segment_height(region, side, self._runtime.n_processors)
        self._runtime.launch(
            self._kernel.name,
            (n_blocks(region, height, side),),
            (self._kernel.threads,),
            (
                source,
                out,
                region,
                *self._weights,
                height,
                int(self._network.residual),
            ),
            shared_memory=self._kernel.shared_memory,
        )

    def forward(self, source, region):
        """The estimate as a new image, and no maps; see `Layers.forward`."""
        estimate = new_image(self._runtime, region, self._network.n_channels_out)
        self.estimate(source, estimate, region)
        return estimate, []

    def backward(self, source, maps, delta, region, gradient):
        """Add the gradient of the layers; see `Layers.backward`."""
        partial = self.partial_gradients(source, delta, region)
        add_partials(self._runtime, partial, gradient[slice_of_layers(self._network)])

    def partial_gradients(self, source, delta, region):
        """Partial gradients, one for each block, whose sum is that of the layers.

        Parameters
        ----------
        source, delta : Image
            The input of the layers, and the deltas of the estimate: zero outside.
        region : Region
            The pixels of the deltas.

        Returns
        -------
        partial : device array of shape (n_groups, n_params of the layers)
        """
        kernel = gradient_kernel(self._network)
        region = region.grown(self._network.kernel_sizes[2] // 2)
        down, across = n_gradient_tiles(region)
        n_groups = min(MAX_GROUPS, region.n * down * across)
        n_params = slice_of_layers(self._network)
        n_params = n_params.stop - n_params.start
        partial = self._runtime.xp.empty((n_groups, n_params), "float32")
        weights = self._packed(packing.gradient_weights, packing.TF32)
        self._runtime.launch(
            kernel.name,
            (n_groups,),
            (kernel.threads,),
            (source, delta, region, weights, self._biases, down, across, partial),
            shared_memory=kernel.shared_memory,
        )
        return partial

    def _packed(self, order, fragments=None):
        """Packed weights in an order of packing.py: words of fragments, or floats."""
        network = self._network
        if fragments is None:
            name, dtype = "Float32Words", "float32"
            places = self._runtime.constant(order, network)
            n_words = len(places)
        else:
            name, dtype = fragments.name, "uint32"
            places = self._runtime.constant(order, network, fragments)
            n_words = len(places) // fragments.n_values
        words = self._runtime.xp.empty(n_words, dtype)
        self._runtime.launch(
            f"pack_words<{name}>",
            (-(-n_words // packing.THREADS),),
            (packing.THREADS,),
            (self._params, places, n_words, words),
        )
        return words
