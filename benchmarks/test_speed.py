"""Forward pass and training step against the peers, interleaved in one process.

pytest-benchmark keeps the figures of our side; the ratios come from interleaved runs,
so that a machine whose speed drifts treats all alike. Nothing here passes or fails by
time; that the results agree is checked.
"""

import time

import numpy as np
import peers
import pytest

from pydbcnn import DBCNNDeblurrer
from pydbcnn._network import Network
from pydbcnn.backends import get_backend

N_ROUNDS = 9


def interleaved(calls):
    """Median seconds of each call, run in turn after two warm-ups."""
    seconds = {name: [] for name in calls}
    for _ in range(2):
        for call in calls.values():
            call()
    for _ in range(N_ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def available(makers):
    """Calls of the peers that are installed; the others are named."""
    calls, missing = {}, []
    for name, (package, make) in makers.items():
        try:
            __import__(package)
        except ImportError:
            missing.append(name)
        else:
            calls[name] = make()
    return calls, missing


def summary(title, medians, missing):
    """One line: medians in ms and the ratio of the fastest peer to ours."""
    rows = ", ".join(f"{name} {1e3 * value:.1f} ms" for name, value in medians.items())
    peers_only = {name: value for name, value in medians.items() if name != "pydbcnn"}
    line = f"{title}: {rows}"
    if peers_only:
        fastest = min(peers_only, key=peers_only.get)
        ratio = peers_only[fastest] / medians["pydbcnn"]
        line += f"; {ratio:.2f} times as fast as {fastest}"
    if missing:
        line += f"; not installed: {', '.join(missing)}"
    return line


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("size", [512, 1024])
def test_forward(n_channels, size, benchmark, report_ratio):
    network = Network(n_channels, n_channels)
    params = network.initial_params(np.random.RandomState(0))
    shape = (1, size, size, n_channels)
    images = np.random.RandomState(1).uniform(size=shape).astype(np.float32)
    backend = get_backend()
    makers = {
        "ONNX Runtime": (
            "onnxruntime",
            lambda: peers.onnxruntime_forward(network, params, images),
        ),
        "OpenVINO": (
            "openvino",
            lambda: peers.openvino_forward(network, params, images),
        ),
    }
    for layout in ("contiguous_format", "channels_last"):
        makers[f"PyTorch {layout}"] = (
            "torch",
            lambda layout=layout: peers.torch_forward(network, params, images, layout),
        )
    calls, missing = available(makers)

    def ours():
        return backend.forward(network, params, images, data_range=1.0)

    expected = ours()[:, 12:-12, 12:-12]  # they pad with zeros, we mirror
    for call in calls.values():
        np.testing.assert_allclose(call()[:, 12:-12, 12:-12], expected, atol=1e-4)
    medians = interleaved({"pydbcnn": ours} | calls)
    report_ratio(summary(f"forward {size} x {size}, C={n_channels}", medians, missing))
    benchmark.pedantic(ours, rounds=5, warmup_rounds=1)


@pytest.mark.parametrize(
    ("n_channels", "n_patches", "size"), [(1, 128, 33), (3, 16, 64), (3, 64, 48)]
)
def test_training_step(n_channels, n_patches, size, benchmark, report_ratio):
    network = Network(n_channels, n_channels)
    params = network.initial_params(np.random.RandomState(0))
    random_state = np.random.RandomState(1)
    margin = 2 * network.radius
    patches = random_state.uniform(
        size=(n_patches, size + margin, size + margin, n_channels)
    ).astype(np.float32)
    targets = random_state.uniform(size=(n_patches, size, size, n_channels)).astype(
        np.float32
    )
    deblurrer = DBCNNDeblurrer(batch_size=n_patches, random_state=0)
    makers = {
        f"PyTorch {layout}": (
            "torch",
            lambda layout=layout: peers.torch_step(
                network, params, patches, targets, layout
            ),
        )
        for layout in ("contiguous_format", "channels_last")
    }
    calls, missing = available(makers)

    def ours():
        return deblurrer.partial_fit(patches, targets).loss_curve_[-1]

    for call in calls.values():
        assert call() == pytest.approx(
            _first_loss(network, params, patches, targets), rel=1e-3
        )
    medians = interleaved({"pydbcnn": ours} | calls)
    report_ratio(
        summary(
            f"training step {n_patches} x {size} x {size}, C={n_channels}",
            medians,
            missing,
        )
    )
    benchmark.pedantic(ours, rounds=5, warmup_rounds=1)


def _first_loss(network, params, patches, targets):
    return get_backend().loss_and_gradient(network, params, patches, targets)[0]
