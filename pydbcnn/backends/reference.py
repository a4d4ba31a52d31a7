"""The network in plain NumPy, in double precision: it reads like the paper.

Every other backend is tested against this one. It is slow, but exact to the bit
for any tiling and batch, since it adds products one input channel at a time.
"""

from dataclasses import dataclass, field

import numpy as np

from .._network.network import unfold
from .._pixels.device import namespace
from .._pixels.images import as_pixels
from .base import OnHost

_TILE = 64  # pixels of a tile's side: its maps then take a few MiB


class ReferenceBackend(OnHost):
    """Forward and backward passes with NumPy.

    Parameters
    ----------
    dtype : dtype, default=float64
        Precision of all arithmetic.
    """

    name = "reference"

    def __init__(self, dtype=np.float64):
        self.dtype = np.dtype(dtype)

    def forward(self, network, params, images, *, data_range, on_pixels=None, out=None):
        """Estimate sharp images.

        Parameters
        ----------
        network : Network
        params : array of shape (n_params,)
        images : array of shape (n, height, width, channels)
            uint8, uint16, float32 or float64.
        data_range : float
            The pixel value that the network sees as 1.
        on_pixels : callable, optional
            Called now and then with the number of pixels that are done since.
        out : array of shape (n, height, width, channels out), optional
            Where to write, of the type of `images`; a new array otherwise.

        Returns
        -------
        output : array of shape (n, height, width, channels out)
            In the type and range of `images`; integers are rounded and clipped.
        """
        n, height, width, _ = images.shape
        output = out
        if out is None:
            output = np.empty((n, height, width, network.n_channels_out), images.dtype)
        for image, result in zip(images, output, strict=True):
            for top in range(0, height, _TILE):
                for left in range(0, width, _TILE):
                    part = np.s_[top : top + _TILE, left : left + _TILE]
                    tile = mirrored_tile(image, part, network.radius)
                    seen = self._run(
                        network, params, tile[None].astype(self.dtype) / data_range
                    )
                    write_pixels(seen.output[0] * data_range, result[part])
            if on_pixels is not None:
                on_pixels(height * width)
        return output

    def loss_and_gradient(self, network, params, patches, targets):
        """Half the mean squared error of the central pixels, and its gradient.

        Parameters
        ----------
        network : Network
        params : array of shape (n_params,)
        patches : array of shape (n, height + 2 radius, width + 2 radius, channels)
        targets : array of shape (n, height, width, channels out)

        Returns
        -------
        loss : float
        gradient : array of shape (n_params,)
        """
        params = np.asarray(params, self.dtype)
        run = self._run(network, params, np.asarray(patches, self.dtype))
        error = run.output - targets
        loss = float(np.mean(error**2)) / 2

        gradient = np.zeros(network.n_params, self.dtype)
        delta = error / error.size
        if network.combine:
            delta = _combination_gradient(network, params, run, delta, gradient)
        for index in reversed(range(network.n_back_projections)):
            delta = _back_projection_gradient(
                network, params, run, delta, gradient, index
            )
        _layers_gradient(network, params, run, delta, gradient)
        return loss, gradient

    def _run(self, network, params, images):
        """The forward pass, with all that the backward pass needs."""
        params = np.asarray(params, self.dtype)
        weights, biases = network.views(params)
        quadrant = network.filter_view(params)
        filtered = (
            images if quadrant is None else correlate_channels(images, unfold(quadrant))
        )
        run = Run(images, maps=[filtered])
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            run.maps.append(np.maximum(correlate(run.maps[-1], weight) + bias, 0))
        run.output = correlate(run.maps[-1], weights[-1]) + biases[-1]
        if network.residual:
            run.output += centre(filtered, run.output)
        for blur, projection in network.back_projection_views(params):
            run.estimates.append(run.output)
            blurred = correlate_channels(run.output, blur)
            run.missing.append(centre(images, blurred) - blurred)
            change = correlate_channels(run.missing[-1], projection)
            run.output = centre(run.output, change) + change
        if network.combine:
            run.estimates.append(run.output)
            of_input, of_estimate, bias = network.combination_views(params)
            run.output = (
                mix(centre(images, run.output), of_input)
                + mix(run.output, of_estimate)
                + bias
            )
        return run


@dataclass
class Run:
    """What a forward pass has computed.

    Parameters
    ----------
    images : array
        The blurred input, x.
    maps : list of array
        The filtered input, w, and the rectified maps of the hidden layers.
    estimates : list of array
        s before each back-projection, and before the combination.
    missing : list of array
        x - K * s of each back-projection.
    output : array
        The estimate.
    """

    images: np.ndarray
    maps: list
    estimates: list = field(default_factory=list)
    missing: list = field(default_factory=list)
    output: np.ndarray | None = None


def _combination_gradient(network, params, run, delta, gradient):
    """Fill its part of the gradient; return the deltas of the estimate."""
    of_input, of_estimate, bias = network.combination_views(gradient)
    estimate = run.estimates[-1]
    of_input[:] = correlate_with_delta(centre(run.images, estimate), delta)[0, 0]
    of_estimate[:] = correlate_with_delta(estimate, delta)[0, 0]
    bias[:] = delta.sum(axis=(0, 1, 2))
    return mix(delta, network.combination_views(params)[1].T)


def _back_projection_gradient(network, params, run, delta, gradient, index):
    """As above, for s + P * (x - K * s): s counts twice."""
    blur, projection = network.back_projection_views(params)[index]
    blur_gradient, projection_gradient = network.back_projection_views(gradient)[index]
    projection_gradient[:] = correlate_channels_with_delta(run.missing[index], delta)
    # Of K * s, which is subtracted.
    blurred_delta = -transposed_correlate_channels(delta, projection)
    blur_gradient[:] = correlate_channels_with_delta(
        run.estimates[index], blurred_delta
    )
    result = transposed_correlate_channels(blurred_delta, blur)
    centre(result, delta)[...] += delta
    return result


def _layers_gradient(network, params, run, delta, gradient):
    weights, _ = network.views(params)
    weight_gradients, bias_gradients = network.views(gradient)
    for layer in reversed(range(len(weights))):
        weight_gradients[layer][:] = correlate_with_delta(run.maps[layer], delta)
        bias_gradients[layer][:] = delta.sum(axis=(0, 1, 2))
        if layer > 0:
            delta = transposed_correlate(delta, weights[layer])
            delta *= run.maps[layer] > 0


def correlate(maps, weights):
    """ "Valid" correlation of (n, h, w, inputs) maps with HWIO weights."""
    kernel = weights.shape[0]
    n, height, width, n_inputs = maps.shape
    height, width = height - kernel + 1, width - kernel + 1
    result = np.zeros((n, height, width, weights.shape[3]), maps.dtype)
    for row, column in np.ndindex(kernel, kernel):
        window = maps[:, row : row + height, column : column + width]
        for channel in range(n_inputs):
            result += window[..., channel, None] * weights[row, column, channel]
    return result


def transposed_correlate(delta, weights):
    """The transpose of `correlate`: deltas of its output to deltas of its input."""
    border = weights.shape[0] - 1
    padded = np.pad(delta, ((0, 0), (border, border), (border, border), (0, 0)))
    return correlate(padded, weights[::-1, ::-1].swapaxes(2, 3))


def correlate_with_delta(maps, delta):
    """Gradient of HWIO weights: the maps correlated with the deltas behind them."""
    height, width = delta.shape[1:3]
    kernel = maps.shape[1] - height + 1
    gradient = np.empty((kernel, kernel, maps.shape[3], delta.shape[3]), maps.dtype)
    for row, column in np.ndindex(kernel, kernel):
        window = maps[:, row : row + height, column : column + width]
        gradient[row, column] = np.einsum("nhwi,nhwo->io", window, delta)
    return gradient


def correlate_channels(maps, kernel):
    """ "Valid" correlation of every channel with the same kernel."""
    side = len(kernel)
    height, width = (size - side + 1 for size in maps.shape[1:3])
    result = np.zeros((len(maps), height, width, maps.shape[3]), maps.dtype)
    for row, column in np.ndindex(kernel.shape):
        result += (
            maps[:, row : row + height, column : column + width] * kernel[row, column]
        )
    return result


def transposed_correlate_channels(delta, kernel):
    """The transpose of `correlate_channels`."""
    border = len(kernel) - 1
    padded = np.pad(delta, ((0, 0), (border, border), (border, border), (0, 0)))
    return correlate_channels(padded, kernel[::-1, ::-1])


def correlate_channels_with_delta(maps, delta):
    """Gradient of a kernel that all channels share."""
    height, width = delta.shape[1:3]
    side = maps.shape[1] - height + 1
    gradient = np.empty((side, side), maps.dtype)
    for row, column in np.ndindex(side, side):
        window = maps[:, row : row + height, column : column + width]
        gradient[row, column] = np.vdot(window, delta)
    return gradient


def mix(maps, weights):
    """Channels mixed pixel by pixel: by a 1x1 kernel."""
    return correlate(maps, weights[np.newaxis, np.newaxis])


def centre(images, like):
    """The middle of the images, of the height and width of `like`; a view."""
    margin = (images.shape[1] - like.shape[1]) // 2
    return images[:, margin : margin + like.shape[1], margin : margin + like.shape[2]]


def mirror(positions, size):
    """Positions outside an axis mirrored into it, edges not repeated (reflect-101).

    `size` is that of the axis, or an array of sizes to go with the positions.
    """
    period = 2 * (size - 1)
    positions = np.abs(positions) % np.maximum(
        period, 1
    )  # a lone pixel is all there is
    return np.minimum(positions, period - positions)


def mirrored_tile(image, part, margin):
    """A tile of an image with `margin` pixels of context, mirrored at the border."""
    rows, columns = (
        mirror(np.arange(axis.start - margin, min(axis.stop, size) + margin), size)
        for axis, size in zip(part, image.shape[:2], strict=True)
    )
    xp = namespace(image)
    return image[xp.asarray(rows)[:, np.newaxis], xp.asarray(columns)]


def write_pixels(values, out):
    """Write pixel values into `out`; integers are rounded and clipped."""
    out[...] = as_pixels(values, out.dtype)
