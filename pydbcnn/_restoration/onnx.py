"""The network as an ONNX model, for other runtimes."""

from dataclasses import dataclass, replace

import numpy as np

from .. import __version__
from .._files import write_whole
from .._network import formula

_OPSET = 18


def export_onnx(model, path, *, sigma=None, blur=None, noise=None, overwrite=False):
    """Write the network of a trained model as an ONNX model.

    The ONNX model takes ``blurred`` and gives ``restored``: float32 of shape (n,
    height, width, channels) with values that are divided by the data range, so that
    white is 1. Images must be larger than the radius of the network on both sides: ONNX
    mirrors at the border only once.

    Parameters
    ----------
    model : DeblurModel
    path : path-like
        The file appears whole or not at all.
    sigma : float or None, default=None
        Short for a round Gaussian blur of that sigma.
    blur : Blur, array of shape (height, width), or None, default=None
        The blur, where the model depends on it.
    noise : float, Noise, or None, default=None
        The noise, where the filter is to be made for one: in photographs with the power
        that is typical, since no photograph is there to be looked at.
    overwrite : bool, default=False
        Whether a file that is already there may be replaced.

    Raises
    ------
    ValueError
        When the blur is missing or not wanted, or there is more than one.
    ImportError
        When the package onnx is not installed.
    FileExistsError
        When the file exists and `overwrite` is false.
    """
    network, params = _network_for_one_blur(model, sigma, blur, noise)
    content = onnx_model(network, params).SerializeToString()
    write_whole(path, content, overwrite=overwrite)


def _network_for_one_blur(model, sigma, blur, noise):
    weights = model.weights
    if weights.needs_sigma and sigma is None and blur is None:
        raise ValueError(
            "This model depends on the blur, and an ONNX model holds the network for "
            "one: pass sigma or blur, for instance what its estimate_blur tells."
        )
    known = model.check(sigma=_alone(sigma), blur=blur, noise=noise)
    blur, noise, _ = known.of(0)
    if isinstance(blur, np.ndarray):
        raise ValueError(
            f"{'sigma' if sigma is not None else 'blur'} of shape {blur.shape}: an "
            "ONNX model holds the network for one blur, pass a number or one Blur."
        )
    return weights.at(model.params, blur, noise)


def _alone(sigma):
    """An array as that of the tiles of the one image that there is."""
    return sigma if sigma is None or np.ndim(sigma) == 0 else [sigma]


def onnx_model(network, params):
    """A plain network as an ONNX model in memory."""
    onnx = _import_onnx()
    helper = onnx.helper
    graph = _Graph(onnx)
    _write_network(graph, network, params)

    def images(name, n_channels):
        shape = ["n", "height", "width", n_channels]
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "pydbcnn",
            [images("blurred", network.n_channels_in)],
            [images("restored", network.n_channels_out)],
            graph.constants,
        ),
        producer_name="pydbcnn",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=9,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _write_network(graph, network, params):
    """Pad once, then the formulas of the network, channels first as ONNX wants them."""
    radius = network.radius
    graph.add("Transpose", ["blurred"], output="planes", perm=[0, 3, 1, 2])
    margins = graph.keep(np.array([0, 0, radius, radius] * 2, np.int64))
    padded = graph.add("Pad", ["planes", margins], mode="reflect")
    x = _Map(graph, padded, radius, network.n_channels_in)
    run = formula.forward(network, params, x, operations=graph)
    graph.add("Transpose", [run.output.name], output="restored", perm=[0, 2, 3, 1])


@dataclass(frozen=True)
class _Map:
    """An image or a map by the name of the node that gives it.

    Parameters
    ----------
    graph : _Graph
    name : str
    margin : int
        Pixels that it has around the estimate, on every side.
    n_channels : int
    """

    graph: "_Graph"
    name: str
    margin: int
    n_channels: int

    def __add__(self, other):
        return self._joined("Add", other)

    def __sub__(self, other):
        return self._joined("Sub", other)

    def _joined(self, operator, other):
        """With another map, or with one number for each channel."""
        if isinstance(other, np.ndarray):
            name = self.graph.keep(_as_float32(other.reshape(-1, 1, 1)))
        else:
            name = other.name
        return replace(self, name=self.graph.add(operator, [self.name, name]))


class _Graph:
    """Nodes and constants of a model; grows by what `formula.forward` does to maps."""

    def __init__(self, onnx):
        self._onnx = onnx
        self.nodes, self.constants = [], []

    def keep(self, values):
        """Store a constant; returns its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(self._onnx.numpy_helper.from_array(values, name))
        return name

    def add(self, operator, inputs, *, output=None, **attributes):
        """Append a node; returns the name of its output."""
        output = output or f"{operator.lower()}{len(self.nodes)}"
        node = self._onnx.helper.make_node(operator, inputs, [output], **attributes)
        self.nodes.append(node)
        return output

    def correlate(self, maps, weights, bias=None):
        """Correlate with HWIO weights."""
        inputs = [maps.name, self.keep(_as_float32(weights.transpose(3, 2, 0, 1)))]
        if bias is not None:
            inputs.append(self.keep(_as_float32(bias)))
        name = self.add("Conv", inputs)
        margin = maps.margin - len(weights) // 2
        return _Map(self, name, margin, weights.shape[3])

    def correlate_channels(self, maps, kernel):
        """Correlate each channel with the same kernel."""
        kernels = np.broadcast_to(kernel, (maps.n_channels, 1, *kernel.shape))
        inputs = [maps.name, self.keep(_as_float32(kernels))]
        name = self.add("Conv", inputs, group=maps.n_channels)
        return replace(maps, name=name, margin=maps.margin - len(kernel) // 2)

    def mix(self, maps, weights):
        """Mix channels pixel by pixel."""
        return self.correlate(maps, weights[np.newaxis, np.newaxis])

    def rectify(self, maps):
        """max(0, maps)."""
        return replace(maps, name=self.add("Relu", [maps.name]))

    def centre(self, maps, like):
        """Cut off what one map has around another."""
        extra = maps.margin - like.margin
        if extra == 0:
            return maps
        limits = [self.keep(np.array([end, end], np.int64)) for end in (extra, -extra)]
        axes = self.keep(np.array([2, 3], np.int64))
        name = self.add("Slice", [maps.name, *limits, axes])
        return replace(maps, name=name, margin=like.margin)


def _as_float32(values):
    return np.ascontiguousarray(values, np.float32)


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
