"""The network in plain NumPy, in double precision: it reads like the paper.

Every other backend is tested against this one. It is slow, but exact to the bit
for any tiling and batch, since it adds products one input channel at a time.
"""

import numpy as np

_TILE = 64  # pixels of a tile's side: its maps then take a few MiB


class ReferenceBackend:
    """Forward and backward passes with NumPy.

    Parameters
    ----------
    dtype : dtype, default=float64
        Precision of all arithmetic.
    """

    name = "reference"
    device = "cpu"

    def __init__(self, dtype=np.float64):
        self.dtype = np.dtype(dtype)

    def forward(self, network, params, images, *, data_range, on_pixels=None):
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

        Returns
        -------
        output : array of shape (n, height, width, channels out)
            In the type and range of `images`; integers are rounded and clipped.
        """
        n, height, width, _ = images.shape
        output = np.empty((n, height, width, network.n_channels_out), images.dtype)
        for image, result in zip(images, output, strict=True):
            for top in range(0, height, _TILE):
                for left in range(0, width, _TILE):
                    part = np.s_[top : top + _TILE, left : left + _TILE]
                    tile = mirrored_tile(image, part, network.radius)
                    maps = self._maps(
                        network, params, tile[None].astype(self.dtype) / data_range
                    )
                    write_pixels(maps[-1][0] * data_range, result[part])
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
        patches = np.asarray(patches, self.dtype)
        maps = self._maps(network, params, patches)
        error = maps[-1] - targets
        loss = float(np.mean(error**2)) / 2

        gradient = np.zeros(network.n_params, self.dtype)
        weight_gradients, bias_gradients = network.views(gradient)
        weights, _ = network.views(np.asarray(params, self.dtype))
        delta = error / error.size
        for layer in reversed(range(len(weights))):
            weight_gradients[layer][:] = correlate_with_delta(maps[layer], delta)
            bias_gradients[layer][:] = delta.sum(axis=(0, 1, 2))
            if layer > 0:
                delta = transposed_correlate(delta, weights[layer])
                delta *= maps[layer] > 0
        return loss, gradient

    def _maps(self, network, params, images):
        """The input, the rectified maps of the hidden layers, and the estimate."""
        weights, biases = network.views(np.asarray(params, self.dtype))
        maps = [images]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            maps.append(np.maximum(correlate(maps[-1], weight) + bias, 0))
        estimate = correlate(maps[-1], weights[-1]) + biases[-1]
        if network.residual:
            estimate += crop(images, network.radius)
        return [*maps, estimate]


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


def crop(images, margin):
    """The images without `margin` pixels on every side."""
    return images[
        :, margin : images.shape[1] - margin, margin : images.shape[2] - margin
    ]


def mirror(positions, size):
    """Positions outside an axis mirrored into it, edges not repeated (reflect-101)."""
    if size == 1:
        return np.zeros_like(positions)
    period = 2 * (size - 1)
    positions = np.abs(positions) % period
    return np.minimum(positions, period - positions)


def mirrored_tile(image, part, margin):
    """A tile of an image with `margin` pixels of context, mirrored at the border."""
    rows, columns = (
        mirror(np.arange(axis.start - margin, min(axis.stop, size) + margin), size)
        for axis, size in zip(part, image.shape[:2], strict=True)
    )
    return image[np.ix_(rows, columns)]


def write_pixels(values, out):
    """Write pixel values into `out`; integers are rounded and clipped."""
    if out.dtype.kind == "u":
        highest = np.iinfo(out.dtype).max
        values = np.clip(np.rint(values), 0, highest)
    out[...] = values
