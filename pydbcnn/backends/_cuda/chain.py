"""The steps of a network on the device, for one part of some images."""

from .fused import FusedLayers
from .fused_kernels import is_fused
from .layers import Layers
from .outer_layers import back_projection, combination, filtered, new_image


class Chain:
    """A network with its parameters, ready to estimate.

    Parameters
    ----------
    runtime : Runtime
    network : Network
    params : device array of shape (n_params,)
        float32.
    precision : {"float32", "tf32", "bfloat16"}
    """

    def __init__(self, runtime, network, params, precision):
        self._runtime, self.network = runtime, network
        self._params = params
        layers = FusedLayers if is_fused(network) else Layers
        self._layers = layers(runtime, network, params, precision)

    def estimate(self, images, out, region):
        """Estimate the pixels of a region.

        Parameters
        ----------
        images, out : Image
            The blurred images and, of the same type and scale, where to write.
        region : Region
        """
        network = self.network
        n_left = network.n_back_projections + network.combine
        around = region.grown(network.tail_radius)
        estimate = self._next(out, around, n_left)
        self._layers.estimate(self._seen(images, around), estimate, around)
        for kernels in network.back_projection_views(self._params):
            n_left -= 1
            around = around.grown(-network.back_projection_radius)
            before, estimate = estimate, self._next(out, around, n_left)
            back_projection(self._runtime, kernels, images, before, estimate, around)
        if network.combine:
            combination(
                self._runtime, network, self._params, images, estimate, out, region
            )

    def _next(self, out, region, n_left):
        """Where a step writes: the last one of all where the estimate is wanted."""
        if n_left == 0:
            return out
        return new_image(self._runtime, region, self.network.n_channels_out)

    def _seen(self, images, region):
        """What the layers see for a region."""
        quadrant = self.network.filter_view(self._params)
        if quadrant is None:
            return images
        around = region.grown(self.network.layers_radius)
        return filtered(self._runtime, quadrant, images, around)
