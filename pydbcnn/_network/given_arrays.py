"""From arrays that users or files give to a network, or an error that says why not."""

from numbers import Real

import numpy as np

from .._pixels.gaussian import MAX_SIGMA, MIN_SIGMA
from .._pixels.images import MAX_CHANNELS
from .blur_aware import BlurAwareNetwork
from .learned_arrays import COMBINATION_NAMES, LearnedArrays
from .network import MAX_FILTERS, MAX_KERNEL_SIZE, Network

_N_AXES = {"coefs": 4, "intercepts": 1, "reblurs": 2, "projections": 2} | dict(
    zip(COMBINATION_NAMES, (2, 2, 1), strict=True)
)


def weights_of_arrays(arrays, *, residual, inverse_filter, sigma_range):
    """The network that given arrays make, or a ValueError that says why none.

    Parameters
    ----------
    arrays : LearnedArrays
    residual, inverse_filter : bool
    sigma_range : sequence of 2 float or None
        None where nothing depends on the blur.

    Returns
    -------
    weights : BlurAwareNetwork
    """
    arrays = LearnedArrays(
        [np.asarray(coef) for coef in arrays.coefs],
        [np.asarray(intercept) for intercept in arrays.intercepts],
        [tuple(map(np.asarray, pair)) for pair in arrays.back_projections],
        None
        if arrays.combination is None
        else tuple(map(np.asarray, arrays.combination)),
    )
    _check_numbers_of_arrays(arrays)
    for name, array in arrays.named().items():
        _check_values(name, array)
    n_functions = arrays.n_basis_functions
    _check_same_axes(arrays, n_functions)
    one = arrays.one(0)
    _check_layers(one)
    network = Network(
        one.coefs[0].shape[2],
        one.coefs[2].shape[3],
        tuple(coef.shape[3] for coef in one.coefs[:2]),
        tuple(coef.shape[0] for coef in one.coefs),
        bool(residual),
        n_back_projections=len(one.back_projections),
        combine=one.combination is not None,
    )
    _check_outer_arrays(one, network)
    needs_sigma = n_functions > 1 or inverse_filter
    weights = BlurAwareNetwork.around(
        network,
        n_functions,
        bool(inverse_filter),
        _check_sigma_range(sigma_range) if needs_sigma else (MIN_SIGMA, MAX_SIGMA),
    )
    arrays.flatten(weights, np.float64)  # raises for what the checks above have missed
    return weights


def _check_numbers_of_arrays(arrays):
    """Raise unless there are as many arrays of each kind as a network has."""
    if len(arrays.coefs) != 3 or len(arrays.intercepts) != 3:
        raise ValueError(
            f"expected weights and biases of 3 layers, got {len(arrays.coefs)} and "
            f"{len(arrays.intercepts)}"
        )
    for index, pair in enumerate(arrays.back_projections):
        if len(pair) != 2:
            raise ValueError(
                f"back-projection {index + 1} has {len(pair)} arrays: expected two, "
                "the kernel that blurs again and the one that projects back"
            )
    if arrays.combination is not None and len(arrays.combination) != 3:
        raise ValueError(
            f"the combination has {len(arrays.combination)} arrays: expected three, "
            "the weights of the input and of the estimate, and the biases"
        )


def _check_same_axes(arrays, n_functions):
    """Raise unless all arrays have an axis of basis functions, or none has one."""
    for name, array in arrays.named().items():
        kind = name if name in COMBINATION_NAMES else name.split(".")[0]
        expected = _N_AXES[kind] + (n_functions > 1)
        if array.ndim != expected or (n_functions > 1 and len(array) != n_functions):
            raise ValueError(
                f"{name} has shape {array.shape}: expected {expected} axes"
                + (f", the first of {n_functions} basis functions" * (n_functions > 1))
            )


def _check_layers(arrays):
    shapes = [coef.shape for coef in arrays.coefs]
    for layer, (coef, intercept) in enumerate(
        zip(arrays.coefs, arrays.intercepts, strict=True)
    ):
        _check_layer(layer, coef, intercept)
    if any(shapes[i][3] != shapes[i + 1][2] for i in range(2)):
        raise ValueError(
            f"the filters of a layer must be the inputs of the next, but the weights "
            f"have shapes {shapes}"
        )
    if max(shapes[0][2], shapes[2][3]) > MAX_CHANNELS:
        raise ValueError(f"more than {MAX_CHANNELS} channels in shapes {shapes}")


def _check_layer(layer, coef, intercept):
    shape = coef.shape
    if (
        len(shape) != 4
        or shape[0] != shape[1]
        or shape[0] % 2 == 0
        or shape[0] > MAX_KERNEL_SIZE
        or not 1 <= shape[2] <= MAX_FILTERS
        or not 1 <= shape[3] <= MAX_FILTERS
    ):
        raise ValueError(
            f"weights of layer {layer + 1} have shape {shape}: expected (kernel, "
            f"kernel, inputs, filters) with an odd kernel up to {MAX_KERNEL_SIZE}"
        )
    if intercept.shape != shape[3:]:
        raise ValueError(
            f"biases of layer {layer + 1} have shape {intercept.shape}: expected "
            f"{shape[3:]}"
        )


def _check_outer_arrays(arrays, network):
    """Raise unless the arrays of the outer layers have the shapes of a network."""
    sides = network.back_projection_sizes
    for index, pair in enumerate(arrays.back_projections):
        for kernel, side in zip(pair, sides, strict=True):
            if kernel.shape != (side, side):
                raise ValueError(
                    f"a kernel of back-projection {index + 1} has shape "
                    f"{kernel.shape}: expected {(side, side)}"
                )
    n_in, n_out = network.n_channels_in, network.n_channels_out
    expected = ((n_in, n_out), (n_out, n_out), (n_out,))
    if arrays.combination is None:
        return
    for array, shape in zip(arrays.combination, expected, strict=True):
        if array.shape != shape:
            raise ValueError(
                f"the combination has an array of shape {array.shape}: expected {shape}"
            )


def _check_sigma_range(sigma_range):
    if (
        not isinstance(sigma_range, (list, tuple))
        or len(sigma_range) != 2
        or not all(isinstance(end, Real) for end in sigma_range)
        or not MIN_SIGMA <= sigma_range[0] < sigma_range[1] <= 2 * MAX_SIGMA
    ):
        raise ValueError(
            f"sigma_range={sigma_range!r}: weights that depend on the blur need two "
            f"sigmas, {MIN_SIGMA} <= low < high <= {2 * MAX_SIGMA:g}, in pixels"
        )
    return float(sigma_range[0]), float(sigma_range[1])


def _check_values(name, values):
    highest = np.finfo(np.float32).max  # the engine computes in single precision
    if values.dtype.kind != "f" or not (np.abs(values) <= highest).all():
        raise ValueError(
            f"{name} holds {values.dtype} values that are not all finite floats of "
            "single precision"
        )
