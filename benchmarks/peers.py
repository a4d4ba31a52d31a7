"""The same network in other libraries, for comparison."""

from functools import partial

import numpy as np
from timing import N_THREADS


def onnxruntime_forward(network, params, images):
    """A call of ONNX Runtime on channels-first images, zero-padded.

    Its threads must not spin: they would take the processor from whoever is measured
    next in the same process.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = N_THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        _onnx_model(network, params, images.shape),
        options,
        providers=["CPUExecutionProvider"],
    )
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return lambda: session.run(None, {"x": planes})[0].transpose(0, 2, 3, 1)


def _onnx_model(network, params, shape):
    from onnx import TensorProto, helper, numpy_helper

    nodes, initializers, current = [], [], "x"
    weights, biases = network.views(params)
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        initializers += [
            numpy_helper.from_array(
                np.ascontiguousarray(weight.transpose(3, 2, 0, 1)), f"w{layer}"
            ),
            numpy_helper.from_array(bias.copy(), f"b{layer}"),
        ]
        margin = weight.shape[0] // 2
        nodes.append(
            helper.make_node(
                "Conv",
                [current, f"w{layer}", f"b{layer}"],
                [f"c{layer}"],
                pads=[margin] * 4,
            )
        )
        current = f"c{layer}"
        if layer < len(weights) - 1:
            nodes.append(helper.make_node("Relu", [current], [f"r{layer}"]))
            current = f"r{layer}"
    nodes.append(helper.make_node("Add", [current, "x"], ["y"]))
    n, height, width, _ = shape
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [n, c, height, width])
        for name, c in (("x", network.n_channels_in), ("y", network.n_channels_out))
    ]
    graph = helper.make_graph(nodes, "peer", ends[:1], ends[1:], initializers)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(
        graph, opset_imports=opset, ir_version=9
    ).SerializeToString()


def openvino_forward(network, params, images, precision="f32"):
    """A call of OpenVINO on channels-first images, zero-padded.

    `precision` is what it computes in, "f32" or "bf16", where the processor can.
    """
    import openvino

    core = openvino.Core()
    model = core.compile_model(
        core.read_model(_onnx_model(network, params, images.shape)),
        "CPU",
        {"INFERENCE_NUM_THREADS": N_THREADS, "INFERENCE_PRECISION_HINT": precision},
    )
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return lambda: model([planes])[0].transpose(0, 2, 3, 1)


def torch_module(network, params, *, padded):
    """The network as a PyTorch module with our weights."""
    import torch

    torch.set_num_threads(N_THREADS)
    layers = []
    weights, biases = network.views(params)
    for layer, weight, bias in zip(network.layers, weights, biases, strict=True):
        margin = layer.kernel_size // 2 if padded else 0
        convolution = torch.nn.Conv2d(
            layer.n_inputs, layer.n_outputs, layer.kernel_size, padding=margin
        )
        convolution.weight.data = torch.from_numpy(weight.transpose(3, 2, 0, 1).copy())
        convolution.bias.data = torch.from_numpy(bias.copy())
        layers += [convolution, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def torch_planes(images, memory_format):
    """Images as a tensor, channels first."""
    import torch

    planes = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return planes.contiguous(memory_format=getattr(torch, memory_format))


def torch_forward(network, params, images, memory_format, *, compiled=False):
    """A call of PyTorch without gradients, zero-padded."""
    import torch

    module = torch_module(network, params, padded=True)
    module = module.to(memory_format=getattr(torch, memory_format))
    planes = torch_planes(images, memory_format)

    def estimate(planes):
        return module(planes) + planes

    if compiled:
        estimate = torch_compiled(estimate)

    def call():
        with torch.no_grad():
            return estimate(planes).permute(0, 2, 3, 1).numpy()

    return call


def torch_step(network, params, patches, targets, memory_format, *, compiled=False):
    """A training step of PyTorch: forward, backward, Adam; it returns the loss."""
    import torch

    module = torch_module(network, params, padded=False)
    module = module.to(memory_format=getattr(torch, memory_format))
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, foreach=True)
    X, y = (torch_planes(side, memory_format) for side in (patches, targets))
    radius = network.radius

    def half_mean_square(X, y):
        estimate = module(X) + X[:, :, radius:-radius, radius:-radius]
        return ((estimate - y) ** 2).mean() / 2

    if compiled:
        half_mean_square = torch_compiled(half_mean_square)

    def call():
        optimizer.zero_grad()
        loss = half_mean_square(X, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return call


def torch_compiled(function, mode=None):
    """What torch.compile makes of a function for inputs of one shape."""
    import torch

    torch.compiler.reset()
    return torch.compile(function, dynamic=False, mode=mode)


ONNXRUNTIME, OPENVINO = ("onnx", "onnxruntime"), ("onnx", "openvino")


def forward_runtimes(*arguments):
    """The runtimes that compute in single precision, for `timing.start`."""
    return {
        "ONNX Runtime": (ONNXRUNTIME, lambda: onnxruntime_forward(*arguments)),
        "OpenVINO": (OPENVINO, lambda: openvino_forward(*arguments)),
    }


def torch_ways(make, *arguments):
    """The ways to use PyTorch, for `timing.start`.

    Two layouts, and its compiler with the one that suits convolutions better.
    """
    ways = {
        "PyTorch contiguous": ("contiguous_format", False),
        "PyTorch channels last": ("channels_last", False),
        "torch.compile": ("channels_last", True),
    }
    return {
        name: (("torch",), partial(make, *arguments, layout, compiled=compiled))
        for name, (layout, compiled) in ways.items()
    }
