"""The benchmark of the GPU engine, as far as it needs neither a GPU nor PyTorch."""

import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import report
from gpu import cases, pages
from gpu.cases import TOLERANCES, Forward, Training
from gpu.contenders import Contender, CupyMeter, TorchMeter, compete

from pydbcnn.backends._cuda.device import Gpu
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.backends.cuda import CudaBackend
from pydbcnn.backends.optimizers import OPTIMIZERS
from pydbcnn.backends.reference import ReferenceBackend

NUMPY = SimpleNamespace(asarray=np.asarray, asnumpy=np.asarray)
GPU = Gpu(0, "a GPU", (9, 0), 80 * 2**30, 132)


class Meter:
    """A stopwatch that shows what it is told, and keeps who was timed."""

    def __init__(self, seconds, n_bytes=0):
        self.told, self.n_bytes, self.calls = iter(seconds), n_bytes, []

    def seconds(self, step, n_calls):
        for _ in range(n_calls):
            step()
        self.calls.append(n_calls)
        return next(self.told)

    def extra_bytes(self, contender):
        contender.step()
        return self.n_bytes


def test_contenders_run_in_turn_and_medians_count():
    log = []
    contenders = {
        name: Contender(lambda name=name: log.append(name), None) for name in "ab"
    }
    # The first figure tells how often a call fits a round.
    meters = {"a": Meter([0.01, 5, 1, 3]), "b": Meter([0.5, 2, 2, 8])}
    assert compete(contenders, meters, rounds=3) == {"a": 3, "b": 2}
    assert log == [*"ab", *("aab" * 3)]


def test_short_calls_are_repeated_but_not_for_ever():
    meter = Meter([1e-9, 1])
    compete({"a": Contender(int, None)}, {"a": meter}, rounds=1)
    assert meter.calls == [1, 100]


def test_our_forward():
    case = Forward(20, 30, 3, "float32")
    expected = ReferenceBackend().forward(
        case.network, case.params, case.images, data_range=1.0
    )
    ours = case.ours(CpuBackend(), NUMPY)
    assert case.difference([ours()], [expected]) < 1e-5


def test_our_steps():
    case = Training(2, 9, 1, "float32")
    ours = case.ours(CpuBackend(), NUMPY)
    losses = [ours() for _ in range(3)]
    loss, gradient = ReferenceBackend().loss_and_gradient(
        case.network, case.params, case.patches, case.targets
    )
    assert losses[0] == pytest.approx(loss, rel=1e-5)
    params = case.params.copy()
    OPTIMIZERS["adam"](len(params)).update(params, gradient.astype(np.float32), 1e-3)
    loss, _ = ReferenceBackend().loss_and_gradient(
        case.network, params, case.patches, case.targets
    )
    assert losses[1] == pytest.approx(loss, rel=1e-3)


class Clock:
    """A device whose time goes on by 3 ms with each call."""

    def __init__(self):
        self.now = 0.0

    def step(self):
        self.now += 3.0
        return np.zeros(10, np.uint8)

    def event(self, enable_timing=True):
        event = SimpleNamespace(synchronize=lambda: None)
        event.record = lambda: setattr(event, "at", self.now)
        event.elapsed_time = lambda end: end.at - event.at
        return event


def test_meter_of_cupy(monkeypatch):
    clock, grown = Clock(), iter([100, 450])
    pool = SimpleNamespace(free_all_blocks=list, total_bytes=lambda: next(grown))
    cuda = SimpleNamespace(
        Event=clock.event,
        get_elapsed_time=lambda start, end: start.elapsed_time(end),
        get_current_stream=clock.event,
    )
    cupy = SimpleNamespace(cuda=cuda, get_default_memory_pool=lambda: pool)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    meter = CupyMeter()
    assert meter.seconds(clock.step, 5) == pytest.approx(0.003)
    assert meter.extra_bytes(Contender(clock.step, None)) == 340


@pytest.mark.parametrize(("graphs", "n_bytes"), [(False, 740), (True, 940)])
def test_meter_of_pytorch(graphs, n_bytes, monkeypatch):
    clock = Clock()
    cuda = SimpleNamespace(
        Event=clock.event,
        memory_allocated=lambda: 50,
        memory_reserved=lambda: 250,
        max_memory_allocated=lambda: 800,
        synchronize=list,
        empty_cache=list,
        reset_peak_memory_stats=list,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    meter = TorchMeter()
    assert meter.seconds(clock.step, 5) == pytest.approx(0.003)
    assert meter.extra_bytes(Contender(clock.step, None, graphs)) == n_bytes


@pytest.mark.parametrize("precision", TOLERANCES)
def test_our_engine_is_called_as_it_wants(precision):
    """The host runs the kernels of the GPU engine here."""
    from cuda_host import HostRuntime  # which skips what imports it, without g++

    runtime = HostRuntime()
    for case in Forward(20, 30, 1, precision), Training(2, 5, 1, precision):
        on_cpu = case.ours(CpuBackend(), NUMPY)
        on_gpu = case.ours(CudaBackend(precision, runtime), runtime.xp)
        expected, found = (
            [ours() for _ in range(case.n_results)] for ours in (on_cpu, on_gpu)
        )
        assert case.difference(expected, found) < case.tolerance / 2


def compared(peers, case, seconds):
    """The row of a case with made-up peers, times and memory."""
    ours = case.ours(CpuBackend(), NUMPY)
    others = {name: (("numpy",), partial(peers.get, name)) for name in peers}
    rounds = 3
    meters = Meter([seconds[0]] * 4, 12e6), Meter(seconds[1:] * 4, 3.4e9)
    return cases.compare(case, ours, others, meters, rounds, goal=3.0)


def test_a_row():
    case = Forward(20, 30, 1, "float32")
    exact = case.ours(CpuBackend(), NUMPY)()
    peers = {
        "eager": Contender(lambda: exact + 2e-5 * exact.max(), np.asarray),
        "last": Contender(lambda: exact, np.asarray),
    }
    row = compared(peers, case, [0.002, 0.020, 0.007])
    assert report.table([row]).columns == [
        *("", "pydbcnn", "times as fast", "goal", "MB", "MB of the fastest other"),
        *("difference", "eager", "last"),
    ]
    assert report.table([row]).rows == [
        [
            *("20 x 30 grey", "2.00", "3.50", "3.0", "12", "3400"),
            *("2.0e-05", "20.00", "7.00"),
        ]
    ]


def test_peers_that_disagree_are_named():
    case = Forward(20, 30, 1, "tf32")
    exact = case.ours(CpuBackend(), NUMPY)()
    wrong = Contender(lambda: 1.02 * exact, np.asarray)
    with pytest.raises(AssertionError, match=r"^last differs by 2.0e-02"):
        compared({"last": wrong}, case, [1, 1])


def test_without_peers_there_is_our_time():
    case = Training(1, 5, 1, "float32")
    row = compared({}, case, [0.002])
    assert report.table([row]).rows == [
        ["1 patches of 5 x 5, grey", "2.00", "3.0", "12"]
    ]


def test_markdown():
    row = compared({}, Forward(20, 30, 1, "float32"), [0.002])
    rows = {"training tf32": [row], "forward float32": [row]}
    text = pages.markdown({"GPU": "a GPU"}, rows, rounds=7)
    assert text.startswith("# Speed on a GPU\n\nMedians of 7 rounds.")
    assert "| GPU | a GPU |" in text
    assert text.index("## Forward, float32") < text.index("## Training step, tf32")
    assert text.count("| 20 x 30 grey | 2.00 | 3.0 | 12 |") == 2
    assert "bfloat16" not in text


def fake_cupy():
    runtime = SimpleNamespace(
        driverGetVersion=lambda: 13010, runtimeGetVersion=lambda: 13000
    )
    nvrtc = SimpleNamespace(getVersion=lambda: (13, 0))
    cuda = SimpleNamespace(runtime=runtime, nvrtc=nvrtc)
    return SimpleNamespace(cuda=cuda, __version__="14.2.0")


@pytest.mark.parametrize(
    ("driver", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun", "580.65.06"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module  590.10  Release", "590.10"),
        ("", "unknown"),
    ],
)
def test_the_gpu_is_described(driver, version):
    rows = pages.describe(GPU, driver, fake_cupy())
    assert rows["GPU"] == "a GPU with compute capability 9.0, 80 GiB, 132 processors"
    assert rows["driver"] == version
    assert rows["CUDA of the driver"] == "13.1"
    assert rows["CUDA of CuPy"] == rows["NVRTC"] == "13.0"
    assert rows["CuPy"] == "14.2.0"
    assert "PyTorch" in rows


def test_what_the_kernel_says_of_the_driver(tmp_path):
    assert pages.kernel_driver(tmp_path / "version") == ""
    (tmp_path / "version").write_text("NVRM version: 580.65.06\n")
    assert pages.kernel_driver(tmp_path / "version") == "NVRM version: 580.65.06\n"
