"""The engine by itself: other networks, layers, threads and sizes of images."""

import os
from statistics import median

import numpy as np
import peers
import pytest
from cases import COLOURS, ForwardCase, uniform, visible_params
from report import Absent, Figures, percent
from threadpoolctl import ThreadpoolController
from timing import OURS

from pydbcnn import DBCNNDeblurrer
from pydbcnn._network.network import Network
from pydbcnn.backends import get_backend

both_colours = pytest.mark.parametrize("n_channels", [1, 3])
MPX = 2**20


@both_colours
@pytest.mark.parametrize(
    ("kernel_sizes", "n_filters"),
    [((9, 5, 5), (64, 32)), ((9, 3, 5), (64, 32)), ((9, 1, 5), (128, 64))],
    ids=["9-5-5", "9-3-5", "wide"],
)
def test_other_networks(kernel_sizes, n_filters, n_channels, race, record):
    case = ForwardCase(512, n_channels, kernel_sizes=kernel_sizes, n_filters=n_filters)
    case.what = (
        f"{'-'.join(map(str, kernel_sizes))}, {n_filters[0]} and {n_filters[1]} "
        f"filters, {COLOURS[n_channels]}"
    )
    makers = peers.forward_runtimes(case.network, case.params, case.images)
    record("networks", case.compare(get_backend(), makers, race))


@both_colours
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_layers(precision, n_channels, request, record):
    what = f"{precision} {COLOURS[n_channels]}"
    try:
        backend = get_backend("cpu", precision)
    except ValueError:
        record("layers", Absent(what, "this processor has no bfloat16 engine"))
        return
    case = ForwardCase(1024, n_channels)
    rounds = request.config.getoption("--rounds")
    seconds = np.median([layer_seconds(backend, case) for _ in range(rounds)], axis=0)
    record("layers", Figures({"": what} | layer_cells(backend, case, seconds)))


def layer_seconds(backend, case):
    return backend.layer_seconds(case.network, case.params, case.images, data_range=1.0)


def layer_cells(backend, case, seconds):
    """Share of the peak and of the time of each layer; the time of pixels."""
    one_thread = median(backend.peak_rate(1) for _ in range(3))
    n_pixels = case.images.shape[1] * case.images.shape[2]
    times = seconds / seconds.sum()
    cells = {
        f"layer {index + 1}": (
            f"{percent(2 * n_pixels * layer.n_weights / seconds[index] / one_thread)}, "
            f"{percent(times[index])}"
        )
        for index, layer in enumerate(case.network.layers)
    }
    return cells | {"pixels": percent(times[-1])}


@both_colours
def test_two_threads(n_channels, race, record):
    case = ForwardCase(1024, n_channels)
    if len(os.sched_getaffinity(0)) < 2:
        record("threads", Absent(case.what, "only one core may be used"))
        return
    backend = get_backend()
    case.forward(backend)  # the controller finds only libraries that are in use
    controller = ThreadpoolController()

    def on_one_thread():
        with controller.limit(limits=1, user_api="openmp"):
            return case.forward(backend)

    np.testing.assert_array_equal(on_one_thread(), case.forward(backend))
    seconds = race(lambda: case.forward(backend), {"one thread": on_one_thread})
    cells = {
        "": case.what,
        "one thread": f"{1e3 * seconds['one thread']:.1f}",
        "two threads": f"{1e3 * seconds[OURS]:.1f}",
        "times as fast": f"{seconds['one thread'] / seconds[OURS]:.2f}",
        "goal": "1.9",
    }
    record("threads", Figures(cells))


@pytest.mark.parametrize(
    ("shape", "most_rounds", "goal"),
    [
        ((1, 512, 512), 9, None),
        ((1, 2048, 2048), 9, None),
        ((1, 4096, 4096), 5, None),
        ((1, 8192, 8192), 3, 0.9),
        ((10_000, 32, 32), 5, 0.5),
    ],
    ids=["512", "2048", "4096", "8192", "many"],
)
def test_sizes(shape, most_rounds, goal, race, record, request):
    deblurrer = grey_deblurrer()
    images, one_mpx = uniform(*shape), uniform(1, 1024, 1024)
    others = {"1 Mpx": lambda: deblurrer.predict(one_mpx)}
    seconds = race(lambda: deblurrer.predict(images), others, most_rounds)
    mpx = images.size / MPX
    rate, rate_of_one = mpx / seconds[OURS], 1 / seconds["1 Mpx"]
    n_images = f"{shape[0]:,} of " if shape[0] > 1 else ""
    cells = {
        "": f"{n_images}{shape[1]} x {shape[2]}",
        "Mpx": f"{mpx:.2f}",
        "rounds": str(min(most_rounds, request.config.getoption("--rounds"))),
        "ms": f"{1e3 * seconds[OURS]:.1f}",
        "Mpx/s": f"{rate:.2f}",
        "Mpx/s of 1 Mpx": f"{rate_of_one:.2f}",
        "relative": f"{rate / rate_of_one:.2f}",
        "goal": "-" if goal is None else f"{goal:.1f}",
    }
    record("sizes", Figures(cells))


def grey_deblurrer():
    """An estimator for greyscale images."""
    network = Network(1, 1)
    weights, biases = network.views(visible_params(network))
    return DBCNNDeblurrer.from_weights(weights, biases)
