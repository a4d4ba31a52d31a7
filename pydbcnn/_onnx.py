"""The network as an ONNX model, for other runtimes."""

import numpy as np

from . import __version__
from ._files import whole_file

_OPSET = 18


def export_onnx(estimator, path, *, overwrite=False):
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
    overwrite : bool, default=False
        Whether a file that is already there may be replaced.

    Raises
    ------
    ImportError
        When the package onnx is not installed.
    FileExistsError
        When the file exists and `overwrite` is false.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator, "coefs_")
    content = _model(estimator).SerializeToString()
    with whole_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)


def _model(estimator):
    onnx = _import_onnx()
    helper = onnx.helper
    float32 = onnx.TensorProto.FLOAT
    network = estimator._network()
    nodes, initializers = _nodes(onnx, estimator, network)
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


def _nodes(onnx, estimator, network):
    """Pad once, then "valid" correlations, channels first as ONNX wants them."""
    make_node, tensor = onnx.helper.make_node, onnx.numpy_helper.from_array
    radius = network.radius
    margins = np.array([0, 0, radius, radius] * 2, np.int64)
    nodes = [
        make_node("Transpose", ["blurred"], ["planes"], perm=[0, 3, 1, 2]),
        make_node("Pad", ["planes", "margins"], ["map0"], mode="reflect"),
    ]
    initializers = [tensor(margins, "margins")]
    last = len(network.layers) - 1
    for layer, (coef, intercept) in enumerate(
        zip(estimator.coefs_, estimator.intercepts_, strict=True)
    ):
        weights = np.ascontiguousarray(coef.transpose(3, 2, 0, 1), np.float32)
        initializers += [
            tensor(weights, f"coefs{layer}"),
            tensor(np.asarray(intercept, np.float32), f"intercepts{layer}"),
        ]
        result = f"map{layer + 1}" if layer == last else f"linear{layer + 1}"
        nodes.append(
            make_node(
                "Conv", [f"map{layer}", f"coefs{layer}", f"intercepts{layer}"], [result]
            )
        )
        if layer < last:
            nodes.append(make_node("Relu", [result], [f"map{layer + 1}"]))
    estimate = f"map{last + 1}"
    if network.residual:
        nodes.append(make_node("Add", [estimate, "planes"], ["sum"]))
        estimate = "sum"
    nodes.append(make_node("Transpose", [estimate], ["restored"], perm=[0, 2, 3, 1]))
    return nodes, initializers


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
