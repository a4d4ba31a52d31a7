"""Which engine and instruction set computes, and in which processes."""

import os
import subprocess
import sys

import pytest

from pydbcnn.backends import DeviceUnavailableError, available_devices, get_backend
from pydbcnn.backends._cuda import device
from pydbcnn.backends.cpu import CpuBackend, available_isas

ISAS = available_isas()
BFLOAT16_ISAS = [isa for isa in ISAS if isa in {"avx512_bf16", "amx"}]


def test_a_precision_that_the_processor_lacks():
    for isa in ISAS:
        if isa not in BFLOAT16_ISAS:
            with pytest.raises(
                ValueError, match=rf"needs .*avx512_bf16 or amx.*'{isa}'.*float32"
            ):
                CpuBackend(isa, "bfloat16")
    with pytest.raises(ValueError, match=r"'float16': expected one of float32, tf32"):
        get_backend("cpu", "float16")


def test_every_instruction_set_can_be_forced(monkeypatch):
    assert ISAS[0] == "baseline"
    for isa in ISAS:
        monkeypatch.setenv("PYDBCNN_ISA", isa)
        assert CpuBackend().isa == isa
    monkeypatch.setenv("PYDBCNN_ISA", "quantum")
    with pytest.raises(ValueError, match=r"'quantum'.*baseline.*unset PYDBCNN_ISA"):
        CpuBackend()


def test_backends_are_chosen_in_one_place(monkeypatch):
    monkeypatch.setattr(device, "driver_version", lambda: 0)
    assert available_devices() == ("cpu",)
    assert get_backend("auto").name == get_backend("cpu").name == "cpu"
    assert get_backend("cpu", "float64").name == "reference"
    with pytest.raises(DeviceUnavailableError, match=r"'cuda'.*'auto' or 'cpu'"):
        get_backend("cuda")


FORK = """
import os
import numpy as np
from pydbcnn import DBCNNDeblurrer
X = np.random.RandomState(0).uniform(size=(1, 300, 300, 3))
deblurrer = DBCNNDeblurrer.from_pretrained("mild")
before = deblurrer.predict(X)
child = os.fork()
if child == 0:
    os._exit(0 if deblurrer.predict(X).tobytes() == before.tobytes() else 3)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
"""


def test_a_forked_process_computes_the_same():
    """GNU OpenMP would wait for ever for threads that a fork has not taken along."""
    result = subprocess.run(
        [sys.executable, "-P", "-c", FORK],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        check=False,
    )
    assert result.returncode == 0, result.stderr


SMALL_SIGNAL_STACK = """
import ctypes
from pydbcnn.backends.cpu import CpuBackend
CpuBackend()  # in single precision, nothing is asked of the system
class Stack(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int),
                ("size", ctypes.c_size_t)]
memory = ctypes.create_string_buffer(4096)
stack = Stack(ctypes.addressof(memory), 0, 4096)
assert ctypes.CDLL(None).sigaltstack(ctypes.byref(stack), None) == 0
try:
    CpuBackend("amx", "bfloat16")
except ValueError as error:
    assert "refuses them to this process" in str(error), error
    assert "PYDBCNN_ISA=avx512_bf16" in str(error), error
"""


@pytest.mark.skipif("amx" not in ISAS, reason="the registers of AMX are asked for")
def test_amx_is_asked_for_only_when_it_is_needed():
    """A process that asks for AMX loses something, so it must not ask in vain.

    From then on, Linux refuses alternate signal stacks too small for its registers.
    It refuses AMX to a process that has such a stack.
    """
    result = subprocess.run(
        [sys.executable, "-P", "-c", SMALL_SIGNAL_STACK],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
