"""The host harness for CUDA kernels finds what is wrong with one, and nothing else."""

import numpy as np
import pytest
from cuda_host import HostKernelError, HostRuntime, in_all_orders

ORDERS = ["ascending", "descending", "shuffled"]
FULL = "0xffffffffu"


def kernel(body, parameters="float* out, const float* in"):
    return f"__global__ void f({parameters})\n{{\n    {body}\n}}\n"


def run(body, *, order="ascending", grid=1, block=64, n=None, name="f", shared=0):
    """The output of a kernel for the input 0, 1, 2...; each thread has one value."""
    return launch(HostRuntime(order, body), grid, block, n, name, shared)


def launch(runtime, grid=1, block=64, n=None, name="f", shared=0):
    n = grid * block if n is None else n
    out = runtime.xp.empty(n, np.float32)
    given = runtime.to_device(np.arange(n, dtype=np.float32))
    runtime.launch(name, (grid,), (block,), (out, given), shared_memory=shared)
    return runtime.to_host(out)


REVERSE = """
    extern __shared__ float shared[];
    const int i = threadIdx.x, n = blockDim.x;
    in += blockIdx.x * n, out += blockIdx.x * n;
    shared[i] = in[i];
    BARRIER
    out[i] = shared[n - 1 - i];
"""


@pytest.mark.parametrize("block", [1, 31, 32, 96, 250, 1024])
def test_a_correct_kernel_runs_in_all_orders(block):
    source = kernel(REVERSE.replace("BARRIER", "__syncthreads();"))
    reversed_blocks = in_all_orders(
        lambda runtime: launch(runtime, 3, block, shared=4 * block), source=source
    )
    expected = np.arange(3 * block).reshape(3, block)[:, ::-1].ravel()
    np.testing.assert_array_equal(reversed_blocks, expected)


@pytest.mark.parametrize("order", ORDERS)
def test_a_missing_barrier_shows_as_nan(order):
    source = kernel(REVERSE.replace("BARRIER", ""))
    assert np.isnan(run(source, order=order, shared=256)).any()


def test_a_missing_second_barrier_gives_other_results_in_another_order():
    body = """
    extern __shared__ float shared[];
    out[threadIdx.x] = 0;
    for (int k = 0; k < 3; ++k) {
        if (threadIdx.x == 40)
            shared[0] = in[k];
        __syncthreads();
        out[threadIdx.x] += shared[0] * shared[0];
    }
    """
    with pytest.raises(AssertionError, match="another result if descending"):
        in_all_orders(
            lambda runtime: launch(runtime, block=64, shared=16), source=kernel(body)
        )


@pytest.mark.parametrize(
    ("target", "grid"),
    [("out[0]", 1), ("out[threadIdx.x / 32]", 1), ("out[threadIdx.x]", 3)],
    ids=["block", "lanes", "grid"],
)
def test_a_write_race_gives_other_results_in_another_order(target, grid):
    source = kernel(f"{target} = blockIdx.x * blockDim.x + threadIdx.x;")

    def first_written(runtime):
        return launch(runtime, grid, n=grid * 64)[:2]

    with pytest.raises(AssertionError, match="another result if descending"):
        in_all_orders(first_written, source=source)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("type", ["float", "unsigned char"])
@pytest.mark.parametrize("what", ["read", "write"])
def test_an_index_behind_an_array_is_reported(order, type, what):
    dtype = {"float": np.float32, "unsigned char": np.uint8}[type]
    runtime = HostRuntime(
        order,
        f"""
        __global__ void f({type}* out, const {type}* in, long long to, long long from)
        {{
            if (threadIdx.x == 5)
                out[to] = in[from];
        }}
        """,
    )
    n = 52
    out, given = runtime.xp.zeros(n, dtype), runtime.xp.zeros(n, dtype)

    def run_at(at_out, at_in):
        runtime.launch("f", (2,), (64,), (out, given, at_out, at_in))

    run_at(n - 1, n - 1)
    # Behind the array or before it: one of the two is forbidden to read.
    at = -1 if order == "descending" else n
    message = f"{at * dtype().itemsize} bytes from the start of {n * dtype().itemsize}"
    with pytest.raises(HostKernelError, match=f"^f.*{message} bytes of an array$"):
        run_at(*((at, 0) if what == "write" else (0, at)))
    run_at(0, 0)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("at", [-1, 52])
def test_a_write_on_either_side_is_reported_in_every_order(order, at):
    source = kernel(f"out[{at}] = 1.0f;")
    with pytest.raises(HostKernelError, match=rf" {4 * at} bytes from the start"):
        run(source, order=order, n=52)


def test_a_wild_pointer_is_reported():
    with pytest.raises(HostKernelError, match=r"thread \(0, 0, 0\).* far from any"):
        run(kernel("*(float*)8 = 1.0f;"))


def test_too_deep_a_stack_is_reported():
    source = """
    __device__ float deep(volatile float* x)
    {
        volatile float here[1024];
        here[0] = *x + 1;
        return deep(here) + here[0];
    }
    """ + kernel("volatile float x = in[0]; out[0] = deep(&x);")
    with pytest.raises(HostKernelError, match="memory that is not its own"):
        run(source)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("*(float4*)(out + 1) = make_float4(1, 2, 3, 4);", "misaligned access"),
        ("out[0] = __ldg((const float2*)(in + 1)).x;", "misaligned access"),
        ("float a[4] = {}; out[0] = a[(int)in[7]];", "index outside an array"),
        ("int i = 2147483647; out[0] = i + (int)in[1];", "overflow of an integer"),
        ("out[0] = 5 / (int)in[0];", "division by zero"),
        ("out[0] = 1u << (32 + (int)in[0]);", "shift by more bits"),
    ],
)
def test_what_is_undefined_is_reported_with_its_line(statement, message):
    source = kernel(statement)
    with pytest.raises(HostKernelError, match=rf"^f: {message}.* at kernels:3:"):
        run(source, block=32)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("if (threadIdx.x < 63) __syncthreads();", "63 wait at __syncthreads"),
        ("if (threadIdx.x == 3) return; __syncthreads();", "1 have finished"),
        (f"if (threadIdx.x) __syncwarp({FULL});", "31 at __syncwarp"),
        (f"if (threadIdx.x % 32) __shfl_sync({FULL}, 1, 0);", "62 at __shfl_sync"),
        (
            f"threadIdx.x % 2 ? __shfl_xor_sync({FULL}, 1, 2) : "
            f"__shfl_up_sync({FULL}, 1, 2);",
            "waits at __shfl_(xor|up)_sync, lane",
        ),
        ("if (threadIdx.x % 2) __syncthreads(); else __syncwarp();", "deadlock"),
        ("__syncwarp(1);", "not in its own mask 0x1"),
        ("__shfl_sync(8, 1, 2);", "not in its own mask 0x8"),
        ("if (threadIdx.x < 2) __shfl_sync(3, 1, 2);", "reads 2, which takes no"),
        (f"__shfl_sync({FULL}, 1, 2, 12);", "width 12 is no power of two"),
    ],
)
def test_divergence_is_a_deadlock_and_no_hang(order, body, message):
    with pytest.raises(HostKernelError, match=f"^f: .*{message}"):
        run(kernel(body), order=order)


def test_a_partial_warp_has_no_full_mask():
    with pytest.raises(HostKernelError, match="8 at __syncwarp for lanes"):
        run(kernel("__syncwarp();"), block=40)


def test_the_same_library_runs_on_after_an_error():
    source = kernel("if (in[threadIdx.x] < 5) __syncthreads(); out[threadIdx.x] = 1;")
    runtime = HostRuntime(source=source)
    with pytest.raises(HostKernelError, match="deadlock"):
        launch(runtime)
    np.testing.assert_array_equal(launch(runtime, block=4), 1)


@pytest.mark.parametrize("at", [-1, 60, 63, 64, -900_000, 900_000])
def test_too_little_shared_memory_is_reported(at):
    body = f"extern __shared__ float shared[]; volatile float* s = shared; s[{at}] = 1;"
    with pytest.raises(HostKernelError, match=r"from the start of 232 bytes of shared"):
        run(kernel("if (threadIdx.x == 0) {" + body + "}"), shared=232)


def test_a_read_beyond_shared_memory_is_reported():
    body = "extern __shared__ float shared[]; out[0] = shared[64];"
    with pytest.raises(HostKernelError, match="lies 256 bytes from the start"):
        run(kernel(body), shared=256)


def test_what_no_one_wrote_is_nan():
    body = """
    extern __shared__ double shared[];
    out[threadIdx.x] = shared[3];
    if (threadIdx.x) shared[3] = 1;
    """
    first = run(kernel(body), shared=32, grid=2).reshape(2, 64)
    assert np.isnan(first[:, 0]).all()
    runtime = HostRuntime(source=kernel("out[threadIdx.x] += 1;", "float* out"))
    out = runtime.xp.empty(32, np.float32)
    runtime.launch("f", (1,), (32,), (out,))
    assert np.isnan(runtime.to_host(out)).all()


def test_several_views_of_shared_memory():
    source = """
    template <int N>
    __global__ void f(float* out, const float* in)
    {
        extern __shared__ __align__(16) unsigned char bytes[];
        extern __shared__ uint4 words[];
        float* floats = (float*)bytes + N;
        floats[threadIdx.x] = in[threadIdx.x];
        __syncthreads();
        out[threadIdx.x] = __uint_as_float(words[N / 4 + threadIdx.x / 4].y);
    }
    """
    out = run(source, name="f<8>", shared=288)
    np.testing.assert_array_equal(out, np.arange(64) // 4 * 4 + 1)


@pytest.mark.parametrize(
    "source",
    [
        kernel("__shared__ float tile[16]; out[0] = tile[0];"),
        "extern __shared__ float shared[];\n" + kernel("out[0] = shared[0];"),
    ],
)
def test_other_shared_memory_is_refused(source):
    with pytest.raises(HostKernelError, match=r"^`__shared__ float .*;`: the host"):
        run(source, shared=64)


def test_much_shared_memory_must_be_asked_for():
    body = "extern __shared__ float shared[]; shared[threadIdx.x] = 0;"
    runtime = HostRuntime(source=kernel(body, ""), max_shared_memory=100_000)
    runtime.launch("f", (1,), (64,), (), shared_memory=100_000)
    function = runtime.load_module("f").get_function("f")
    with pytest.raises(HostKernelError, match=r"49168 bytes .* is 49152"):
        function((1,), (64,), (), shared_mem=49168)
    with pytest.raises(HostKernelError, match=r"100016 bytes.* device has 100000"):
        runtime.launch("f", (1,), (64,), (), shared_memory=100_016)


@pytest.mark.parametrize(
    ("grid", "block"), [((1,), (1025,)), ((1,), (0,)), ((1,), (1, 1, 65))]
)
def test_impossible_blocks_are_refused(grid, block):
    with pytest.raises(HostKernelError, match="at most 1024 threads"):
        HostRuntime(source=kernel("", "")).launch("f", grid, block, ())


@pytest.mark.parametrize("bounds", ["(96)", "(96, 2)"])
def test_launch_bounds_are_kept(bounds):
    source = f"""
    template <int N>
    __global__ void __launch_bounds__{bounds}
        f(float* out, const float*)
    {{
        out[threadIdx.x] = N;
    }}
    """
    np.testing.assert_array_equal(run(source, block=96, name="f<5>"), 5)
    with pytest.raises(HostKernelError, match=r"f<5>: block .*, at most 96 threads"):
        run(source, block=97, name="f<5>")


@pytest.mark.parametrize("grid", [(0,), (1, 65536), (1, 1, 0), (2**31,)])
def test_impossible_grids_are_refused(grid):
    with pytest.raises(HostKernelError, match="no grid can be"):
        HostRuntime(source=kernel("", "")).launch("f", grid, (1,), ())


def test_a_kernel_that_does_not_compile_is_reported():
    with pytest.raises(HostKernelError, match=r"(?s)g<1> does not compile.*kernels:1"):
        run("template <int> __global__ void g() { oops; }", name="g<1>")


STRUCT = np.dtype([("address", np.uint64), ("n", np.int32)], align=True)
TAKES_ALL = """
struct Pair { float* data; int n; };
__global__ void f(Pair pair, long long i, float x, const unsigned* words, void* any)
{
    pair.data[0] = pair.n + i * x + words[0];
}
"""


def _arguments(xp):
    words = xp.asarray(np.array([1000], np.uint32))
    out = xp.empty(1, np.float32)
    address = out.__cuda_array_interface__["data"][0]
    pair = np.array((address, 100), STRUCT)
    return out, [pair, np.int64(5), np.float32(2.5), words, out]


def test_arguments_of_every_kind():
    runtime = HostRuntime(source=TAKES_ALL)
    out, arguments = _arguments(runtime.xp)
    runtime.load_module("f").get_function("f")((1,), (1,), arguments)
    assert runtime.to_host(out) == 1112.5


@pytest.mark.parametrize(
    ("i", "argument", "message"),
    [
        (0, np.array((1, 2, 3), "u8,u8,u8"), "is a struct of 24 bytes, .* of 16 bytes"),
        (1, 5, "argument 1 is of type int, the parameter is an integer of 8 bytes"),
        (1, np.int32(5), "scalar of int32, the parameter is an integer of 8"),
        (1, np.float64(5), "scalar of float64, the parameter is an integer of 8"),
        (2, 2.5, "is of type float, the parameter is a float of 4 bytes"),
        (2, np.float64(2.5), "scalar of float64, the parameter is a float of 4"),
        (3, np.zeros(1, np.uint32), "is a host array of uint32, .* a pointer"),
        (3, np.uint64(0), "scalar of uint64, the parameter is a pointer of 8 bytes"),
        (3, "float", "array of float32, the parameter points to an integer of 4 bytes"),
        (3, "uint8", "array of uint8, the parameter points to an integer of 4 bytes"),
    ],
)
def test_a_wrong_argument_is_refused(i, argument, message):
    runtime = HostRuntime(source=TAKES_ALL)
    _, arguments = _arguments(runtime.xp)
    if isinstance(argument, str):
        argument = runtime.xp.zeros(4, argument if argument != "float" else np.float32)
    arguments[i] = argument
    with pytest.raises(HostKernelError, match=message):
        runtime.load_module("f").get_function("f")((1,), (1,), arguments)


def test_a_wrong_number_of_arguments_is_refused():
    runtime = HostRuntime(source=TAKES_ALL)
    with pytest.raises(HostKernelError, match="f takes 5 arguments, not 1"):
        runtime.launch("f", (1,), (1,), (3,))


def test_indices_of_threads_and_blocks():
    source = """
    __device__ int linear(const dim3& at, const dim3& size)
    {
        return (at.z * size.y + at.y) * size.x + at.x;
    }

    __global__ void f(int* out)
    {
        const int block = linear(blockIdx, gridDim);
        const int thread = linear(threadIdx, blockDim);
        out[30 * block + thread] = 100 * block + thread;
    }
    """

    def numbers(runtime):
        out = runtime.xp.empty(24 * 30, np.int32)
        runtime.launch("f", (2, 3, 4), (5, 3, 2), (out,))
        return runtime.to_host(out)

    expected = (100 * np.arange(24)[:, None] + np.arange(30)).ravel()
    np.testing.assert_array_equal(in_all_orders(numbers, source=source), expected)
