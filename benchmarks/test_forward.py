"""Forward passes beside those of the peers. Times pass no judgement, results do."""

import peers
import pytest
from cases import ForwardCase
from report import Absent

from pydbcnn.backends import get_backend
from pydbcnn.backends.cpu import CpuBackend

both_colours = pytest.mark.parametrize("n_channels", [1, 3])
both_sizes = pytest.mark.parametrize("size", [512, 1024])


@both_colours
@both_sizes
def test_float32(n_channels, size, race, record):
    case = ForwardCase(size, n_channels)
    data = case.network, case.params, case.images
    makers = peers.forward_runtimes(*data)
    makers |= peers.torch_ways(peers.torch_forward, *data)
    goal = {1: 2.5, 3: 2.0}[n_channels]
    record("forward", case.compare(get_backend(), makers, race, goal=goal))


@both_colours
@both_sizes
def test_bfloat16(n_channels, size, race, record):
    case = ForwardCase(size, n_channels)
    try:
        backend = get_backend("cpu", "bfloat16")
    except ValueError:
        record("bfloat16", Absent(case.what, "this processor has no bfloat16 engine"))
        return
    makers = {
        "OpenVINO bf16": (
            peers.OPENVINO,
            lambda: peers.openvino_forward(
                case.network, case.params, case.images, "bf16"
            ),
        )
    }
    # Both round to eight bits after each layer, but not everywhere alike.
    row = case.compare(backend, makers, race, tolerance=1e-2, goal=1.5)
    record("bfloat16", row)


@both_colours
def test_avx2(n_channels, race, record):
    case = ForwardCase(512, n_channels)
    try:
        backend = CpuBackend("avx2")
    except ValueError:
        record("avx2", Absent(case.what, "this processor has no AVX2 engine"))
        return
    makers = peers.forward_runtimes(case.network, case.params, case.images)
    del makers["OpenVINO"]
    goal = {1: 1.2, 3: 1.0}[n_channels]
    record("avx2", case.compare(backend, makers, race, goal=goal))
