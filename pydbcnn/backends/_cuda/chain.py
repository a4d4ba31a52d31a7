"""The steps of a network on the device, for one part of some images.

These are the formulas of `pydbcnn._network.formula`, step by step, for a region of the
images: each step takes the region that the later ones see.
"""

from dataclasses import dataclass, field

from .fused import FusedLayers
from .fused_kernels import is_fused
from .layers import Layers
from .outer_layers import back_projection, combination, filtered, new_image


@dataclass
class Run:
    """What the steps have computed, and where; `keep` is for the gradient.

    Parameters
    ----------
    image : Image
        The blurred input, x.
    source : Image
        What the layers see, w.
    maps : list of Image
        F1 and F2, where the layers keep them.
    regions : list of Region
        Of each estimate.
    estimates : list of Image
        s after the three layers, after each back-projection and the combination;
        without `keep` the last one alone.
    missing : list of Image
        x - K * s of each back-projection; without `keep` none.
    keep : bool
    """

    image: object
    source: object
    maps: list
    keep: bool
    regions: list = field(default_factory=list)
    estimates: list = field(default_factory=list)
    missing: list = field(default_factory=list)

    def add(self, region, estimate, missing=None):
        """Note the estimate after a step."""
        if not self.keep:  # the memory of what is no longer needed is free again
            self.estimates.clear()
        elif missing is not None:
            self.missing.append(missing)
        self.regions.append(region)
        self.estimates.append(estimate)


class Chain:
    """A network with its parameters, ready to estimate.

    Parameters
    ----------
    runtime : Runtime
    network : Network
    params : device array of shape (n_params,)
        float32.
    precision : {"float32", "tf32", "bfloat16"}
    for_gradient : bool, default=False
        Whether the layers are to have a gradient: there is a fused one for tf32 alone.
    """

    def __init__(self, runtime, network, params, precision, *, for_gradient=False):
        self._runtime, self.network = runtime, network
        self._params = params
        fused = is_fused(network) and (not for_gradient or precision == "tf32")
        layers = FusedLayers if fused else Layers
        self.layers = layers(runtime, network, params, precision)

    def estimate(self, image, out, region):
        """Estimate the pixels of a region.

        Parameters
        ----------
        image, out : Image
            The blurred images and, of the same type and scale, where to write.
        region : Region
        """
        n_left = self.network.n_back_projections + self.network.combine
        around = region.grown(self.network.tail_radius)
        source = self._seen(image, around)
        run = Run(image, source, [], keep=False)
        # No name but that in the run: the next step frees the memory of the estimate.
        run.add(around, self._next(out, around, n_left))
        self.layers.estimate(source, run.estimates[-1], around)
        self._finish(run, out)

    def run(self, image, region):
        """Estimate the pixels of a region, and keep all that the gradient needs.

        Parameters
        ----------
        image : Image
            float32, with all that the network sees.
        region : Region

        Returns
        -------
        run : Run
        """
        around = region.grown(self.network.tail_radius)
        source = self._seen(image, around)
        estimate, maps = self.layers.forward(source, around)
        run = Run(image, source, maps, keep=True)
        run.add(around, estimate)
        self._finish(run, None)
        return run

    def _finish(self, run, out):
        """Back-projections and the combination, behind the layers."""
        network, region = self.network, run.regions[-1]
        n_left = network.n_back_projections + network.combine
        for kernels in network.back_projection_views(self._params):
            n_left -= 1
            region = region.grown(-network.back_projection_radius)
            before, estimate = run.estimates[-1], self._next(out, region, n_left)
            run.add(
                region,
                estimate,
                back_projection(
                    self._runtime, kernels, run.image, before, estimate, region
                ),
            )
        if network.combine:
            before, estimate = run.estimates[-1], self._next(out, region, 0)
            combination(
                self._runtime,
                network,
                self._params,
                run.image,
                before,
                estimate,
                region,
            )
            run.add(region, estimate)

    def _next(self, out, region, n_left):
        """Where a step writes: the last one into `out`, if there is one."""
        if n_left == 0 and out is not None:
            return out
        return new_image(self._runtime, region, self.network.n_channels_out)

    def _seen(self, image, region):
        """What the layers see for a region."""
        kernel = self.network.filter_view(self._params)
        if kernel is None:
            return image
        around = region.grown(self.network.layers_radius)
        return filtered(self._runtime, kernel, image, around)
