"""The steps of a network on the device, for one part of some images."""

from . import fused, surroundings
from .arrays import Image
from .chunks import tail_margin
from .layers import layers_forward


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
        self._params, self._precision = params, precision
        self._packed = None
        if fused.is_fused(network):
            self._packed = fused.pack_forward(runtime, network, params, precision)

    def estimate(self, images, out, region):
        """Estimate the pixels of a region.

        Parameters
        ----------
        images, out : Image
            The blurred images and, of the same type and scale, where to write.
        region : Region
        """
        network = self.network
        margin = tail_margin(network)
        seen = self._filtered(images, region.grown(margin + network.layers_radius))
        n_left = network.n_back_projections + network.combine
        around = region.grown(margin)
        estimate = self._buffer(around) if n_left else out
        self._layers(seen, estimate, around)
        for blur, projection in network.back_projection_views(self._params):
            n_left -= 1
            around = around.grown(-(len(blur) // 2))
            missing = self._buffer(around)
            surroundings.missing(self._runtime, blur, images, estimate, missing, around)
            around = around.grown(-(len(projection) // 2))
            before, estimate = estimate, self._buffer(around) if n_left else out
            surroundings.project(
                self._runtime, projection, missing, before, estimate, around
            )
        if network.combine:
            surroundings.combine(
                self._runtime, network, self._params, images, estimate, out, region
            )

    def _filtered(self, images, region):
        """What the first layer sees."""
        quadrant = self.network.filter_view(self._params)
        if quadrant is None:
            return images
        filtered = self._buffer(region)
        kernel = surroundings.unfold(self._runtime, quadrant)
        surroundings.filter_image(self._runtime, kernel, images, filtered, region)
        return filtered

    def _layers(self, seen, out, region):
        if self._packed is not None:
            fused.forward(self._runtime, self._packed, seen, out, region)
        else:
            layers_forward(
                self._runtime,
                self.network,
                self._params,
                seen,
                out,
                region,
                self._precision,
            )

    def _buffer(self, region):
        shape = region.n, region.height, region.width, self.network.n_channels_out
        return Image(self._runtime.xp.empty(shape, "float32"), region.top, region.left)
