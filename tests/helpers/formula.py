"""The formulas of the network with SciPy's correlation, for one image at a time."""

import numpy as np
from scipy.signal import correlate


def mirror_by(image, margin):
    """The image with mirrored pixels on every side."""
    return np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")


def of_each_channel(image, kernel):
    """The correlation of each channel with a kernel, where the kernel fits."""
    return correlate(image, kernel[..., np.newaxis], mode="valid")


def inside(image, like):
    """The middle of an image, of the size of another."""
    margin = (len(image) - len(like)) // 2
    return image[margin : margin + like.shape[0], margin : margin + like.shape[1]]


def filtered(network, params, image):
    """The image through the filter in front."""
    if network.filter_size == 1:
        return image
    return of_each_channel(image, network.filter_view(params))


def after_the_layers(network, params, image, estimate):
    """Back-projections and the combination, of an image with its context."""
    for blur, projection in network.back_projection_views(params):
        blurred = of_each_channel(estimate, blur)
        change = of_each_channel(inside(image, blurred) - blurred, projection)
        estimate = inside(estimate, change) + change
    if not network.combine:
        return estimate
    of_input, of_estimate, bias = network.combination_views(params)
    return inside(image, estimate) @ of_input + estimate @ of_estimate + bias


def scipy_forward(network, params, image):
    """The paper's formulas with SciPy's correlation, on a mirrored image."""
    weights, biases = network.views(params)
    image = mirror_by(image, network.radius)
    start = maps = filtered(network, params, image)
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        maps = np.stack(
            [
                correlate(maps, weight[..., o], mode="valid")[..., 0] + bias[o]
                for o in range(weight.shape[3])
            ],
            axis=-1,
        )
        if layer < len(weights) - 1:
            maps = np.maximum(maps, 0)
    if network.residual:
        maps += inside(start, maps)
    return after_the_layers(network, params, image, maps)
