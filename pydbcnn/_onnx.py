"""The network as an ONNX model, for other runtimes."""

import numpy as np

from . import __version__
from ._files import write_whole
from ._model import check_sigmas
from ._network import unfold

_OPSET = 18


def export_onnx(estimator, path, *, sigma=None, overwrite=False):
    """Write the network of a fitted estimator as an ONNX model.

    The model takes ``blurred`` and gives ``restored``: float32 of shape (n, height,
    width, channels) with values that are divided by the data range, so that white is
    1. Images must be larger than the radius of the network on both sides: ONNX mirrors
    at the border only once.

    Parameters
    ----------
    estimator : DBCNNDeblurrer
        Fitted on images.
    path : path-like
        The file appears whole or not at all.
    sigma : float, default=None
        The blur, where the model depends on it.
    overwrite : bool, default=False
        Whether a file that is already there may be replaced.

    Raises
    ------
    ValueError
        When `sigma` is missing, not wanted, or no number.
    ImportError
        When the package onnx is not installed.
    FileExistsError
        When the file exists and `overwrite` is false.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator, "coefs_")
    network, params = _plain_network(estimator, sigma)
    content = _model(network, params).SerializeToString()
    write_whole(path, content, overwrite=overwrite)


def _plain_network(estimator, sigma):
    weights = estimator._weights
    if weights.needs_sigma and sigma is None:
        raise ValueError(
            "This model depends on the blur, and an ONNX model holds the network for "
            "one: pass sigma, for instance one that estimate_blur has told."
        )
    if sigma is not None and not weights.needs_sigma:
        raise ValueError(
            f"sigma={sigma!r}: this model is the same for every blur, leave sigma out."
        )
    if sigma is not None:
        (sigma,) = check_sigmas([sigma], 1)
        if not isinstance(sigma, float):
            raise ValueError(
                f"sigma of shape {sigma.shape}: an ONNX model holds the network for "
                "one blur, pass a number."
            )
    return weights.at(estimator._params(), sigma)


def _model(network, params):
    onnx = _import_onnx()
    helper = onnx.helper
    float32 = onnx.TensorProto.FLOAT
    nodes, initializers = _nodes(onnx, network, params)
    graph = helper.make_graph(
        nodes,
        "pydbcnn",
        [
            helper.make_tensor_value_info(
                "blurred", float32, ["n", "height", "width", network.n_channels_in]
            )
        ],
        [
            helper.make_tensor_value_info(
                "restored", float32, ["n", "height", "width", network.n_channels_out]
            )
        ],
        initializers,
    )
    model = helper.make_model(
        graph,
        producer_name="pydbcnn",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=9,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _nodes(onnx, network, params):
    """Pad once, then "valid" correlations, channels first as ONNX wants them."""
    graph = _Graph(onnx)
    radius = network.radius
    graph.keep("margins", np.array([0, 0, radius, radius] * 2, np.int64))
    graph.add("Transpose", ["blurred"], "planes", perm=[0, 3, 1, 2])
    graph.add("Pad", ["planes", "margins"], "seen", mode="reflect")
    quadrant = network.filter_view(params)
    filtered = "seen"
    if quadrant is not None:
        graph.convolve_channels(
            "seen", unfold(quadrant), "filtered", network.n_channels_in
        )
        filtered = "filtered"
    estimate = _add_layers(graph, network, params, filtered)
    if network.residual:
        graph.crop(filtered, network.layers_radius, "filtered_centre")
        graph.add("Add", [estimate, "filtered_centre"], "sum")
        estimate = "sum"
    estimate = _add_back_projections(graph, network, params, estimate)
    if network.combine:
        estimate = _add_combination(graph, network, params, estimate)
    graph.add("Transpose", [estimate], "restored", perm=[0, 2, 3, 1])
    return graph.nodes, graph.initializers


class _Graph:
    """Nodes and constants of a model that grows."""

    def __init__(self, onnx):
        self._onnx = onnx
        self.nodes, self.initializers = [], []

    def keep(self, name, values):
        self.initializers.append(self._onnx.numpy_helper.from_array(values, name))

    def add(self, operator, inputs, output, **attributes):
        node = self._onnx.helper.make_node(operator, inputs, [output], **attributes)
        self.nodes.append(node)

    def convolve(self, maps, weights, bias, output):
        """Correlate with HWIO weights."""
        self.keep(f"{output}_weights", _as_float32(weights.transpose(3, 2, 0, 1)))
        self.keep(f"{output}_bias", _as_float32(bias))
        self.add("Conv", [maps, f"{output}_weights", f"{output}_bias"], output)

    def convolve_channels(self, maps, kernel, output, n_channels):
        """Correlate each channel with the same kernel."""
        kernels = np.broadcast_to(kernel, (n_channels, 1, *kernel.shape))
        self.keep(f"{output}_kernel", _as_float32(kernels))
        self.add("Conv", [maps, f"{output}_kernel"], output, group=n_channels)

    def crop(self, maps, margin, output):
        """Cut `margin` pixels off every side."""
        self.keep(f"{output}_starts", np.array([margin, margin], np.int64))
        # Counted from the end; a margin of zero needs a number beyond it.
        end = -margin or np.iinfo(np.int64).max
        self.keep(f"{output}_ends", np.array([end, end], np.int64))
        self.keep(f"{output}_axes", np.array([2, 3], np.int64))
        limits = [f"{output}_{name}" for name in ("starts", "ends", "axes")]
        self.add("Slice", [maps, *limits], output)


def _as_float32(values):
    return np.ascontiguousarray(values, np.float32)


def _add_layers(graph, network, params, maps):
    last = len(network.layers) - 1
    for layer, (weights, bias) in enumerate(zip(*network.views(params), strict=True)):
        result = f"map{layer + 1}" if layer == last else f"linear{layer + 1}"
        graph.convolve(maps, weights, bias, result)
        maps = f"map{layer + 1}"
        if layer < last:
            graph.add("Relu", [result], maps)
    return maps


def _add_back_projections(graph, network, params, estimate):
    margin = network.filter_size // 2 + network.layers_radius
    n_channels = network.n_channels_out
    for index, (blur, projection) in enumerate(network.back_projection_views(params)):
        names = ("blurred", "seen", "missing", "change", "estimate", "improved")
        blurred, seen, missing, change, before, improved = (
            f"{name}{index + 1}" for name in names
        )
        margin += len(blur) // 2
        graph.convolve_channels(estimate, blur, blurred, n_channels)
        graph.crop("seen", margin, seen)
        graph.add("Sub", [seen, blurred], missing)
        graph.convolve_channels(missing, projection, change, n_channels)
        graph.crop(estimate, len(blur) // 2 + len(projection) // 2, before)
        graph.add("Add", [before, change], improved)
        margin += len(projection) // 2
        estimate = improved
    return estimate


def _add_combination(graph, network, params, estimate):
    of_input, of_estimate, bias = network.combination_views(params)
    no_bias = np.zeros_like(bias)
    one = np.newaxis
    graph.convolve("planes", of_input[one, one], no_bias, "input_part")
    graph.convolve(estimate, of_estimate[one, one], bias, "estimate_part")
    graph.add("Add", ["input_part", "estimate_part"], "combined")
    return "combined"


def _import_onnx():
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(
            "Writing ONNX models needs the package onnx: pip install 'pydbcnn[onnx]'."
        ) from error
    return onnx
