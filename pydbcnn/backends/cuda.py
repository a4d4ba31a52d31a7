"""The GPU engine: our kernels, compiled and launched by CuPy."""

import numpy as np

from .._pixels.device import is_on_gpu
from ._cuda import blur, training
from ._cuda.arrays import Image
from ._cuda.bands import bands
from ._cuda.chain import Chain
from ._cuda.device import find_runtime
from ._cuda.optimizers import CUDA_OPTIMIZERS
from .base import Backend

# Bytes of images from the host that are on the device at once; at least one image is.
_UPLOAD_BYTES = 2**28


class CudaBackend(Backend):
    """Forward and backward passes on the current device of CuPy.

    Kernels run on the current stream. Sums have a fixed order, so that results are the
    same each time, for any batch and any part of an image.

    Parameters
    ----------
    precision : {"float32", "tf32", "bfloat16"}, default="float32"
        Of the products of the three layers; sums are of single precision. Gradients
        are computed in "float32" or, with the other two, in "tf32".
    runtime : Runtime, default=None
        None means CuPy's current device.

    Raises
    ------
    DeviceUnavailableError
        When there is no device that can be used.
    """

    name = "cuda"
    device = "cuda"

    def __init__(self, precision="float32", runtime=None):
        self.precision = precision
        self._runtime = runtime or find_runtime(precision)

    def forward(self, network, params, images, *, data_range, on_pixels=None, out=None):
        """Estimate sharp images; see `Backend.forward`.

        Images on the host are copied to the device, some at a time, and their estimates
        are copied back.
        """
        xp = self._runtime.xp if is_on_gpu(images) else np
        if out is None:
            out = xp.empty((*images.shape[:3], network.n_channels_out), images.dtype)
        chain = Chain(self._runtime, network, self.vector(params), self.precision)
        for some in self._together(images):
            self._estimate(chain, images[some], out[some], data_range, on_pixels)
        return out

    def _together(self, images):
        """Ranges of images that are on the device at once."""
        n_together = len(images)
        if not is_on_gpu(images):
            n_together = _UPLOAD_BYTES // max(1, images[:1].nbytes)
        n_together = max(1, n_together)
        for first in range(0, len(images), n_together):
            yield slice(first, first + n_together)

    def _estimate(self, chain, images, out, data_range, on_pixels):
        source = self._runtime.to_device(images)
        target = out
        if not is_on_gpu(out) or not out.flags.c_contiguous:
            target = self._runtime.xp.empty(out.shape, out.dtype)
        for some, region in bands(chain.network, *images.shape[:3]):
            chain.estimate(
                Image(source[some], scale=data_range),
                Image(target[some], scale=data_range),
                region,
            )
            if on_pixels is not None:
                self._runtime.synchronize()
                on_pixels(region.n_pixels)
        if not is_on_gpu(out):
            self._runtime.to_host(target, out)
        elif target is not out:
            out[...] = target

    def loss_and_gradient(self, network, params, patches, targets):
        """Half the mean squared error and its gradient; see `Backend`."""
        return training.loss_and_gradient(
            self._runtime,
            network,
            self.vector(params),
            self.vector(patches),
            self.vector(targets),
            "float32" if self.precision == "float32" else "tf32",
        )

    def vector(self, array):
        """An array of single precision on the device."""
        return self._runtime.to_device(array.astype(np.float32, copy=False))

    def optimizer(self, solver, n_params, dtype=np.float32):
        """`CudaAdam` or `CudaSGD`, for float32 vectors; see `Backend.optimizer`."""
        if np.dtype(dtype) != np.float32:
            raise ValueError(
                f"dtype={np.dtype(dtype)}: parameters on the device are float32."
            )
        return CUDA_OPTIMIZERS[solver](self._runtime, n_params)

    def gaussian_blur(
        self, image, sigma, *, kernel_size=None, border_mode="reflect101"
    ):
        """Blur an image, on either side; see `Backend.gaussian_blur`."""
        blurred = blur.gaussian_blur(
            self._runtime,
            self._runtime.to_device(image),
            sigma,
            kernel_size=kernel_size,
            border_mode=border_mode,
        )
        return blurred if is_on_gpu(image) else self._runtime.to_host(blurred)
