"""The paper, equation by equation: the network forward, its loss, and the gradient.

"Image Deblurring Using Deep Learning" takes its three layers from C. Dong et al.,
"Image Super-Resolution Using Deep Convolutional Networks", IEEE Transactions on Pattern
Analysis and Machine Intelligence, 2016, whose equations are numbered here. With ``*`` a
correlation, W the weights and B the biases of a layer, for a blurred image w:

| (1) F1 = max(0, W1 * w + B1)      patch extraction and representation
| (2) F2 = max(0, W2 * F1 + B2)     non-linear mapping
| (3) F  = W3 * F2 + B3             reconstruction
| (4) L  = mean of (F - y)²         the loss, for the sharp image y

What this package adds around them (see `Network`) is in the order in which an image
goes through it: w is the blurred image x or, with a filter Q in front, Q * x; the
estimate s is F or, in the residual form, w + F; back-projections (M. Irani and S.
Peleg, "Improving resolution by image registration", CVGIP: Graphical Models and Image
Processing, 1991) with the kernels K and P correct it, s <- s + P * (x - K * s); and a
combination mixes the channels of both, s <- x A + s B + b.

Correlations are "valid": each makes its input smaller by what its kernel reaches beyond
the middle. So x has a margin of `Network.radius` pixels around what is estimated, and
where two images meet, the larger one is cut to its centre.

All arrays are (n, height, width, channels); the formulas hold for any floating type.
Everything here is written to be read. The engines in `pydbcnn.backends` compute the
same quickly, and are tested against it.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np


@dataclass
class Activations:
    """What `forward` has computed, by the names of the formulas.

    Parameters
    ----------
    x, w, F1, F2 : array of shape (n, height, width, channels or filters)
        The blurred image, what the layers see of it, and the maps of the hidden layers.
    estimates : list of array
        s after the three layers, after each back-projection, and after the combination.
        The last one is the output.
    missing : list of array
        x - K * s of each back-projection.
    """

    x: np.ndarray
    w: np.ndarray
    F1: np.ndarray
    F2: np.ndarray
    estimates: list = field(default_factory=list)
    missing: list = field(default_factory=list)

    @property
    def output(self):
        """The estimate of the sharp image."""
        return self.estimates[-1]


def forward(network, params, x, operations=None):
    """Estimate sharp images: equations (1) to (3), and the outer layers.

    Parameters
    ----------
    network : Network
    params : array of shape (n_params,)
    x : array of shape (n, height + 2 radius, width + 2 radius, channels)
        Blurred images with their context, divided by the data range.
    operations : object, default=None
        What correlates, rectifies and cuts; None means the functions of this module. An
        object with functions of these names can write the network down for another
        runtime instead of computing it.

    Returns
    -------
    activations : Activations
    """
    do = operations or NUMPY
    (W1, W2, W3), (B1, B2, B3) = network.views(params)
    Q = network.filter_view(params)

    w = x if Q is None else do.correlate_channels(x, Q)
    F1 = do.rectify(do.correlate(w, W1, B1))  # (1)
    F2 = do.rectify(do.correlate(F1, W2, B2))  # (2)
    F = do.correlate(F2, W3, B3)  # (3)
    s = F + do.centre(w, F) if network.residual else F
    run = Activations(x, w, F1, F2, [s])

    for K, P in network.back_projection_views(params):
        blurred = do.correlate_channels(s, K)
        missing = do.centre(x, blurred) - blurred
        change = do.correlate_channels(missing, P)
        s = do.centre(s, change) + change
        run.missing.append(missing)
        run.estimates.append(s)

    if network.combine:
        A, B, b = network.combination_views(params)
        s = do.mix(do.centre(x, s), A) + do.mix(s, B) + b
        run.estimates.append(s)
    return run


def loss_and_gradient(network, params, x, y):
    """Half the mean squared error, equation (4), and its gradient.

    The gradient is the chain rule, from the last step of `forward` to the first: of
    each step, what its parameters contribute, and the deltas, the gradient of its
    input.

    Parameters
    ----------
    network : Network
    params : array of shape (n_params,)
    x : array of shape (n, height + 2 radius, width + 2 radius, channels)
        Blurred images with their context.
    y : array of shape (n, height, width, channels out)
        Sharp images.

    Returns
    -------
    loss : float
    gradient : array of shape (n_params,)
        Zero for the filter Q, which is not learned.
    """
    run = forward(network, params, x)
    error = run.output - y
    loss = float(np.mean(error**2)) / 2  # (4)

    gradient = np.zeros(network.n_params, params.dtype)
    delta = error / error.size
    if network.combine:
        delta = _combination_gradient(network, params, run, delta, gradient)
    for index in reversed(range(network.n_back_projections)):
        delta = _back_projection_gradient(network, params, run, index, delta, gradient)
    _layers_gradient(network, params, run, delta, gradient)
    return loss, gradient


def _combination_gradient(network, params, run, delta, gradient):
    """Add the gradient of s <- x A + s B + b, and return the deltas of s."""
    dA, dB, db = network.combination_views(gradient)
    _, B, _ = network.combination_views(params)
    s = run.estimates[-2]
    dA[:] = correlate_with_delta(centre(run.x, s), delta)[0, 0]
    dB[:] = correlate_with_delta(s, delta)[0, 0]
    db[:] = delta.sum(axis=(0, 1, 2))
    return mix(delta, B.T)


def _back_projection_gradient(network, params, run, index, delta, gradient):
    """The same for s <- s + P * (x - K * s), where s counts twice."""
    K, P = network.back_projection_views(params)[index]
    dK, dP = network.back_projection_views(gradient)[index]
    dP[:] = correlate_channels_with_delta(run.missing[index], delta)
    # The deltas of K * s, which is subtracted.
    blurred_delta = -transposed_correlate_channels(delta, P)
    dK[:] = correlate_channels_with_delta(run.estimates[index], blurred_delta)
    result = transposed_correlate_channels(blurred_delta, K)
    centre(result, delta)[...] += delta
    return result


def _layers_gradient(network, params, run, delta, gradient):
    """The same for (3), (2) and (1); deltas pass where a rectified map is above 0."""
    (_, W2, W3), _ = network.views(params)
    (dW1, dW2, dW3), (dB1, dB2, dB3) = network.views(gradient)

    dW3[:] = correlate_with_delta(run.F2, delta)
    dB3[:] = delta.sum(axis=(0, 1, 2))
    delta = transposed_correlate(delta, W3) * (run.F2 > 0)

    dW2[:] = correlate_with_delta(run.F1, delta)
    dB2[:] = delta.sum(axis=(0, 1, 2))
    delta = transposed_correlate(delta, W2) * (run.F1 > 0)

    dW1[:] = correlate_with_delta(run.w, delta)
    dB1[:] = delta.sum(axis=(0, 1, 2))


def correlate(maps, weights, bias=None):
    """ "Valid" correlation of (n, h, w, inputs) maps with HWIO weights.

    Products are added one kernel position and input channel at a time, so that the bits
    of a pixel do not depend on the pixels beside it.
    """
    kernel = weights.shape[0]
    n, height, width, n_inputs = maps.shape
    height, width = height - kernel + 1, width - kernel + 1
    result = np.zeros((n, height, width, weights.shape[3]), maps.dtype)
    for row, column in np.ndindex(kernel, kernel):
        window = maps[:, row : row + height, column : column + width]
        for channel in range(n_inputs):
            result += window[..., channel, None] * weights[row, column, channel]
    return result if bias is None else result + bias


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


def rectify(maps):
    """max(0, maps)."""
    return np.maximum(maps, 0)


def centre(images, like):
    """The middle of the images, of the height and width of `like`; a view."""
    margin = (images.shape[1] - like.shape[1]) // 2
    return images[:, margin : margin + like.shape[1], margin : margin + like.shape[2]]


NUMPY = SimpleNamespace(
    correlate=correlate,
    correlate_channels=correlate_channels,
    mix=mix,
    rectify=rectify,
    centre=centre,
)
