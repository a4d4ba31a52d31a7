"""The device's instructions, or what stands in for them, do what their manual says."""

import numpy as np
import pytest
from cuda_host import HostRuntime

from pydbcnn.backends._cuda.runtime import Runtime
from pydbcnn.backends._cuda.source import COMPILE_OPTIONS, kernel_source

LANES = np.arange(32)
GROUP, MEMBER = LANES // 4, LANES % 4  # g and t of the PTX manual

SOURCE = """
__global__ void to_tf32(const float* in, unsigned* out)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = round_tf32(in[i]);
}

__global__ void to_bfloat16(const float* in, unsigned* out)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = pack_bfloat16(in[2 * i], in[2 * i + 1]);
}

__global__ void tf32(const unsigned* a, const unsigned* b, float* sum)
{
    const int i = threadIdx.x;
    const unsigned registers[4] = {a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3]};
    mma_tf32((float(&)[4])sum[4 * i], registers, b[2 * i], b[2 * i + 1]);
}

__global__ void bfloat16(const unsigned* a, const unsigned* b, float* sum)
{
    const int i = threadIdx.x;
    const unsigned registers[4] = {a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3]};
    mma_bfloat16((float(&)[4])sum[4 * i], registers, b[2 * i], b[2 * i + 1]);
}

template <class T>
__global__ void shuffle(const T* in, T* out, long long way, long long by, long long n)
{
    T value = in[threadIdx.x];
    const unsigned all = 0xffffffffu;
    if (way == 0)
        value = __shfl_sync(all, value, by, n);
    else if (way == 1)
        value = __shfl_up_sync(all, value, by, n);
    else if (way == 2)
        value = __shfl_down_sync(all, value, by, n);
    else
        value = __shfl_xor_sync(all, value, by, n);
    out[threadIdx.x] = value;
}
"""


@pytest.fixture(
    scope="module", params=["host", pytest.param("gpu", marks=pytest.mark.gpu)]
)
def runtime(request):
    """The host and, where there is one, the GPU: both have to pass the same tests."""
    if request.param == "host":
        return HostRuntime("shuffled", SOURCE)
    import cupy

    def load_module(name):
        return cupy.RawModule(
            code=kernel_source() + SOURCE,
            options=COMPILE_OPTIONS,
            name_expressions=[name],
        )

    return Runtime(cupy, load_module, 48 * 1024, 1)


def run(runtime, name, *inputs, output, arguments=(), n=32):
    inputs = [runtime.to_device(array) for array in inputs]
    output = runtime.to_device(output)
    block = min(n, 256)
    runtime.launch(name, (n // block,), (block,), (*inputs, output, *arguments))
    return runtime.to_host(output)


def numbers(n):
    """Numbers of every exponent and sign, subnormal ones and ties among them."""
    bits = np.random.RandomState(0).randint(0, 2**32, size=n, dtype=np.uint32)
    bits[::4] &= np.uint32(0xFFFFF000)  # half of these lie between two of tf32
    bits[1::4] &= np.uint32(0xFFFF8000)  # and of these, between two of bfloat16
    values = bits.view(np.float32)
    return np.where(np.isfinite(values), values, np.float32(1.0))


def nearest(values, n_bits, *, ties_to_even):
    """The nearest numbers with some explicit bits of significand, in float64."""
    values = np.asarray(values, np.float64)
    smallest = np.ldexp(1.0, -126 - n_bits)
    _, exponent = np.frexp(np.abs(values))
    unit = np.maximum(np.ldexp(1.0, exponent - 1 - n_bits), smallest)
    scaled = np.abs(values) / unit
    whole = np.rint(scaled) if ties_to_even else np.floor(scaled + 0.5)
    rounded = np.copysign(whole * unit, values)
    with np.errstate(over="ignore"):
        return rounded.astype(np.float32)


def test_round_tf32_is_nearest_with_ties_away_from_zero(runtime):
    values = numbers(2**16)
    bits = run(runtime, "to_tf32", values, output=np.zeros(2**16, np.uint32), n=2**16)
    expected = nearest(values, 10, ties_to_even=False)
    np.testing.assert_array_equal(bits.view(np.float32), expected)
    assert not (bits & 0x1FFF).any()


def test_pack_bfloat16_is_nearest_with_ties_to_even(runtime):
    values = numbers(2**16)
    words = run(
        runtime, "to_bfloat16", values, output=np.zeros(2**15, np.uint32), n=2**15
    )
    halves = np.stack([words << 16, words & 0xFFFF0000], axis=1).ravel()
    expected = nearest(values, 7, ties_to_even=True)
    np.testing.assert_array_equal(halves.view(np.float32), expected)


@pytest.mark.parametrize("name", ["to_tf32", "to_bfloat16"])
def test_infinity_and_nan_stay_what_they_are(runtime, name):
    special = np.array([np.inf, -np.inf, np.nan, -np.nan], np.float32)
    special[3:].view(np.uint32)[:] = 0x7F800001  # a NaN that rounding would lose
    n = 4 if name == "to_tf32" else 2
    bits = run(runtime, name, special, output=np.zeros(n, np.uint32), n=n)
    if name == "to_bfloat16":
        bits = np.stack([bits << 16, bits & 0xFFFF0000], axis=1).ravel()
    values = bits.view(np.float32)
    np.testing.assert_array_equal(values, special)


def tf32_bits(values):
    return nearest(values, 10, ties_to_even=False).view(np.uint32)


def bfloat16_pairs(low, high):
    """Registers with two values each."""
    low, high = (
        nearest(half, 7, ties_to_even=True).view(np.uint32) for half in (low, high)
    )
    return low >> 16 | (high & 0xFFFF0000)


def fragments_of_sum(matrix):
    g, t = GROUP, MEMBER
    parts = matrix[g, 2 * t], matrix[g, 2 * t + 1]
    below = matrix[g + 8, 2 * t], matrix[g + 8, 2 * t + 1]
    return np.stack([*parts, *below], axis=1)


def tf32_fragments(a, b):
    g, t, bits_a, bits_b = GROUP, MEMBER, tf32_bits(a), tf32_bits(b)
    registers = [bits_a[g, t], bits_a[g + 8, t], bits_a[g, t + 4], bits_a[g + 8, t + 4]]
    return np.stack(registers, axis=1), np.stack([bits_b[t, g], bits_b[t + 4, g]], 1)


def bfloat16_fragments(a, b):
    g, k = GROUP, 2 * MEMBER
    of_a = [
        bfloat16_pairs(a[row, first], a[row, first + 1])
        for first in (k, k + 8)
        for row in (g, g + 8)
    ]
    of_b = [bfloat16_pairs(b[first, g], b[first + 1, g]) for first in (k, k + 8)]
    return np.stack(of_a, axis=1), np.stack(of_b, axis=1)


MMA = {"tf32": (8, tf32_fragments), "bfloat16": (16, bfloat16_fragments)}


@pytest.mark.parametrize("name", MMA)
def test_mma_is_the_product_of_integers(runtime, name):
    """Sums of integers are exact in any order, so this proves the layout."""
    depth, fragments = MMA[name]
    random_state = np.random.RandomState(1)
    a = random_state.randint(-100, 101, size=(16, depth))
    b = random_state.randint(-100, 101, size=(depth, 8))
    c = random_state.randint(-1000, 1001, size=(16, 8))
    start = fragments_of_sum(c).astype(np.float32)
    result = run(runtime, name, *fragments(a, b), output=start)
    np.testing.assert_array_equal(result, fragments_of_sum(a @ b + c))


@pytest.mark.parametrize(("name", "n_bits"), [("tf32", 10), ("bfloat16", 7)])
def test_mma_sums_in_single_precision(runtime, name, n_bits):
    depth, fragments = MMA[name]
    random_state = np.random.RandomState(2)
    a, c = random_state.normal(size=(16, depth)), random_state.normal(size=(16, 8))
    b = random_state.normal(size=(depth, 8))
    start = fragments_of_sum(c).astype(np.float32)
    result = run(runtime, name, *fragments(a, b), output=start)
    ties_to_even = name == "bfloat16"
    a, b = (
        nearest(matrix, n_bits, ties_to_even=ties_to_even).astype(np.float64)
        for matrix in (a, b)
    )
    exact = fragments_of_sum(a @ b + c.astype(np.float32))
    scale = fragments_of_sum(np.abs(a) @ np.abs(b) + np.abs(c))
    assert (np.abs(result - exact) <= (depth + 1) * 2**-23 * scale).all()
    assert (result != exact).any()


@pytest.mark.parametrize(
    ("name", "products", "start", "expected"),
    [
        ("tf32", [0.75 * 2**-23] * 8, 1, 1),
        ("tf32", [-0.75 * 2**-23] * 8, 1, 1),
        ("tf32", [1.5 * 2**-23] * 8, 1, 1 + 8 * 2**-23),
        ("tf32", [1, 2**-23, 0, 0] + [0] * 4, 1, 2),
        ("tf32", [1, 0, 0, 0, 2**-23, 0, 0, 0], -1, 2**-23),
        ("tf32", [1, 2**-24, 0, 0] + [0] * 4, -1, 0),
        ("bfloat16", [1, 0, 0, 0, 2**-24, 0, 0, 0] + [0] * 8, -1, 0),
        ("bfloat16", [1] + [0] * 7 + [2**-24] + [0] * 7, -1, 2**-24),
        ("bfloat16", [0] * 16, 0, 0),
        ("bfloat16", [0] * 15 + [np.inf], 0, np.inf),
        ("bfloat16", [0] * 15 + [np.nan], 0, np.nan),
    ],
)
def test_truncated_sums(name, products, start, expected):
    """Terms lose bits that the largest of their half does not have; sums are cut."""
    depth, fragments = MMA[name]
    runtime = HostRuntime(source=SOURCE, truncated_sums=True)
    a, b = np.tile(products, (16, 1)), np.ones((depth, 8))
    result = run(
        runtime, name, *fragments(a, b), output=np.full((32, 4), start, np.float32)
    )
    np.testing.assert_array_equal(result, np.float32(expected))


def test_mma_tf32_drops_the_bits_that_a_device_does_not_read(runtime):
    a, b = np.full((16, 8), 1.0), np.full((8, 8), 1.0)
    bits_a, bits_b = tf32_fragments(a, b)
    start = np.zeros((32, 4), np.float32)
    result = run(runtime, "tf32", bits_a | 0x1FFF, bits_b | 0x1FFF, output=start)
    np.testing.assert_array_equal(result, 8.0)


def source_lanes(way, by, width):
    """From where each lane takes its value, as CUDA defines the four shuffles."""
    first, lane = LANES // width * width, LANES % width
    wanted = first + [by % width, lane - by, lane + by, 0][way]
    if way == 3:  # may reach into groups before
        wanted = LANES ^ by
        return np.where(wanted < first + width, wanted, LANES)
    return np.where(wanted // width == first // width, wanted, LANES)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("float", np.float32),
        ("double", np.float64),
        ("int", np.int32),
        ("unsigned", np.uint32),
    ],
)
@pytest.mark.parametrize("way", range(4), ids=["lane", "up", "down", "xor"])
def test_shuffles(runtime, name, dtype, way):
    values = np.random.RandomState(3).uniform(0, 1e6, size=32).astype(dtype)
    for width in (1, 4, 32):
        for by in (0, 1, 2, 5, 16, 31):
            moved = run(
                runtime,
                f"shuffle<{name}>",
                values,
                output=np.zeros(32, dtype),
                arguments=(way, by, width),
            )
            expected = values[source_lanes(way, by, width)]
            np.testing.assert_array_equal(moved, expected)
