"""Every CUDA kernel compiles for every architecture, and keeps to its registers."""

import inspect
import platform
import re
import sys

import pytest

if not (sys.platform == "linux" and platform.machine() == "x86_64"):
    pytest.importorskip("cupy", reason="the test extra has CuPy for Linux on x86-64")

from kernel_resources import (
    ARCHITECTURES,
    CUPY_OPTIONS,
    KernelCompileError,
    Resources,
    compile_kernels,
    kernel_resources,
    table,
)

from pydbcnn.backends._cuda.instances import PLAIN, TENSOR_CORES, kernel_instances
from pydbcnn.backends._cuda.source import kernel_source

# Each thread keeps 90 numbers, but may have 32 registers.
SPILLS = """
__global__ void __launch_bounds__(1024, 2) spills(float* a)
{
    float x[90];
    for (int i = 0; i < 90; i++)
        x[i] = a[i * 1024 + threadIdx.x];
    __syncthreads();
    for (int k = 0; k < 90; k++) {
        float sum = 0;
        for (int i = 0; i < 90; i++)
            sum += x[i] * x[k] * a[i * k];
        a[k * 1024 + threadIdx.x] = sum;
    }
}

template <int N>
__global__ void __launch_bounds__(32 * N) scale(float* a)
{
    __shared__ float shared[N];
    shared[threadIdx.x % N] = a[threadIdx.x];
    __syncthreads();
    a[threadIdx.x] = shared[0];
}

__global__ void unbounded(float* a) { a[threadIdx.x] *= 2; }
"""


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_kernel_compiles_without_spills(architecture):
    resources = kernel_resources([architecture])
    faults = [fault for item in resources for fault in item.faults()]
    assert not faults, "\n".join(faults)
    expected = [name for name, lowest in kernel_instances() if lowest <= architecture]
    assert [item.name for item in resources] == expected


def test_every_kernel_of_the_source_is_declared():
    code = re.sub(r"//.*", "", kernel_source())
    launch_bounds = r"(?:__launch_bounds__\([^)]*\)\s*)?"
    kernels = re.findall(rf"__global__\s+void\s+{launch_bounds}(\w+)\(", code)
    assert len(kernels) == code.count("__global__")
    assert set(kernels) == {name.split("<")[0] for name, _ in kernel_instances()}


def test_no_instance_is_declared_twice_or_for_an_unknown_architecture():
    instances = kernel_instances()
    assert len(set(instances)) == len(instances)
    assert {lowest for _, lowest in instances} <= {PLAIN, TENSOR_CORES}


def test_a_spilling_kernel_is_reported():
    (found,) = kernel_resources([90], [("spills", 75)], SPILLS)
    assert found.spill_stores > 0
    assert found.spill_loads > 0
    (fault,) = found.faults()
    assert re.match(r"spills for sm_90: \d+ bytes of spill stores and \d+ of", fault)


def test_what_the_compiler_says_is_read():
    small, large, unbounded = compile_kernels(
        ["scale<4>", "scale<8>", "unbounded"], 80, SPILLS
    )
    assert (small.name, small.architecture) == ("scale<4>", 80)
    assert (small.shared, small.threads) == (16, 128)
    assert (large.shared, large.threads) == (32, 256)
    assert (unbounded.shared, unbounded.threads) == (0, 1024)
    for item in (small, large, unbounded):
        assert 4 <= item.registers <= 32
        assert item.faults() == []


@pytest.mark.parametrize(
    ("registers", "threads", "fits"),
    [(255, 256, True), (128, 512, True), (129, 512, False), (65, 1024, False)],
)
def test_a_kernel_that_cannot_be_launched_is_reported(registers, threads, fits):
    item = Resources("f", 90, registers, 0, 0, 0, 0, threads)
    message = f"f for sm_90: {registers} registers for {threads} threads are more than"
    assert [fault.startswith(message) for fault in item.faults()] == [True] * (not fits)


@pytest.mark.parametrize(
    ("source", "name", "architecture", "message"),
    [
        ("__global__ void f() { oops(); }", "f", 90, '(?s)sm_90.*"oops" is undefined'),
        (SPILLS, "absent", 90, '"absent" is undefined'),
        (SPILLS, "unbounded", 12, "sm_12.*\n.*invalid value for --gpu-architecture"),
        (None, "forward_mma<oops>", 90, "oops"),
        (
            kernel_source().replace("__device__ inline float clipped", "__device__ ?"),
            "pack_words<Float32Words>",
            90,
            r"image\.cuh\(\d+\): error",
        ),
    ],
)
def test_a_kernel_that_does_not_compile_is_reported(
    source, name, architecture, message
):
    with pytest.raises(KernelCompileError, match=message):
        compile_kernels([name], architecture, source)


def test_tensor_cores_are_not_on_older_devices():
    names = [name for name, lowest in kernel_instances() if lowest == TENSOR_CORES]
    with pytest.raises(KernelCompileError, match=r"requires \.target sm_80"):
        compile_kernels(names[:1], PLAIN)


def test_table():
    resources = [
        Resources("f<1>", 75, 20, 0, 0, 0, 0, 32),
        Resources("f<1>", 90, 30, 8, 4, 4, 512, 32),
        Resources("g", 90, 40, 0, 0, 0, 0, 32),
    ]
    assert table(resources).splitlines() == [
        "| kernel | sm_75 | sm_90 |",
        "| --- | ---: | ---: |",
        "| `f<1>` | 20 | 30, 8 spilled, 8 stack, 512 shared |",
        "| `g` |  | 40 |",
    ]


def test_kernels_are_compiled_with_the_options_of_cupy():
    from cupy.cuda import compiler

    source = inspect.getsource(compiler)
    assert all(f"options += ('{option}',)" in source for option in CUPY_OPTIONS)
