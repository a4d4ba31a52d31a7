"""Arrays with guards around them, and the engine run on such arrays.

As a script, this takes the name of an engine and runs it on arrays beside pages of
memory that nobody may touch, so that one byte too far ends the process.
"""

import ctypes
import mmap
import resource
import sys
from itertools import product

import numpy as np

from pydbcnn._network.network import Network
from pydbcnn.backends._cpu import bindings
from pydbcnn.backends.cpu import CpuBackend, available_isas

# One entry for each way to compute: what is tested for one is tested for all.
BACKENDS = {isa: CpuBackend(isa) for isa in available_isas()} | {
    f"{isa}, bfloat16": CpuBackend(isa, "bfloat16")
    for isa in available_isas()
    if isa in {"avx512_bf16", "amx"}
}

# The common ones; and filters that fill no vector, single pixels, more channels in
# than out, more of them than a vector has lanes, the largest kernels.
NETWORKS = {
    "common grey": Network(1, 1),
    "common colour": Network(3, 3),
    "odd filters": Network(2, 2, (5, 3), (3, 5, 7)),
    "single pixels": Network(1, 1, (1, 1), (1, 1, 1)),
    "in more than out": Network(4, 3, (17, 33), (3, 1, 5), residual=False),
    "many channels": Network(16, 16, (24, 16), (3, 1, 3)),
    "large kernels": Network(1, 1, (4, 4), (15, 3, 15)),
    "filter": Network(3, 3, (6, 4), (5, 1, 3), filter_size=9),
    "small filter": Network(1, 1, (16, 4), (9, 1, 3), filter_size=3),
    "back-projections": Network(
        2, 2, (4, 4), (3, 1, 3), n_back_projections=2, back_projection_sizes=(9, 3)
    ),
    "combination": Network(4, 3, (5, 3), (3, 1, 3), residual=False, combine=True),
    "everything": Network(
        3,
        3,
        (16, 4),
        (9, 1, 3),
        filter_size=5,
        n_back_projections=1,
        back_projection_sizes=(5, 9),
        combine=True,
    ),
}
HIGHEST = {"uint8": 255, "uint16": 65535, "float32": 1.0, "float64": 1.0}
SIZES = [(1, 1), (1, 37), (19, 1), (2, 3), (21, 27)]
PAGE = mmap.PAGESIZE


def params_of(network):
    """Parameters with which every filter matters and no pixel is clipped."""
    random_state = np.random.RandomState(0)
    params = network.initial_params(random_state)
    if network.filter_size > 1:
        network.filter_view(params)[...] += 0.1 / network.filter_size**2
    for _, projection in network.back_projection_views(params):
        projection[...] = 0.2 / projection.size
    for part in network.combination_views(params) or ():
        part += 0.02
    weights, biases = network.views(params)
    for weight, bias in zip(weights, biases, strict=True):
        n_inputs = weight[..., 0].size
        weight[...] = random_state.normal(scale=n_inputs**-0.5, size=weight.shape)
        bias[...] = random_state.normal(scale=0.1, size=bias.shape)
    weights[-1][...] *= 0.1
    biases[-1][...] = 0.0 if network.residual else 0.5
    return params


def images_of(network, dtype, size, n=2):
    """Images in the middle of the range of the type."""
    shape = n, *size, network.n_channels_in
    unit = np.random.RandomState(1).uniform(0.3, 0.7, size=shape)
    return (unit * HIGHEST[dtype]).astype(dtype)


def patches_of(network, size, n=2):
    """Patches with their context, and targets."""
    random_state = np.random.RandomState(2)
    height, width = (side + 2 * network.radius for side in size)
    patches = random_state.uniform(size=(n, height, width, network.n_channels_in))
    targets = random_state.uniform(size=(n, *size, network.n_channels_out))
    return patches.astype(np.float32), targets.astype(np.float32)


def output_like(network, images):
    """Room for the result, full of zeros."""
    return np.zeros((*images.shape[:3], network.n_channels_out), images.dtype)


def forward(backend, network, params, images, output, *, tile, rows=None, n_threads=1):
    """Fill `output`, or some rows of it, in place."""
    weights = backend._pack(network, params, backward=False)
    first, last = rows or (0, images.shape[1])
    data_range = HIGHEST[images.dtype.name]
    bindings.forward(weights, images, output, data_range, first, last, *tile, n_threads)


def train(backend, network, params, patches, targets, gradient, *, block, n_groups=1):
    """Fill `gradient` in place, and return the sum of squares."""
    weights = backend._pack(network, params, backward=True)
    return bindings.squares_and_gradient(
        weights, patches, targets, gradient, *block, n_groups, 1
    )


def beside_a_page(array, *, behind):
    """A copy that ends before a page which nobody may touch, or begins behind one."""
    pages = between_pages(array.nbytes)
    start = 0 if behind else pages.size - array.nbytes
    copy = pages[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def between_pages(n_bytes, n_guards=1):
    """Whole pages for some bytes, between some on each side that nobody may touch."""
    n_pages = max(1, -(-n_bytes // PAGE))
    memory = mmap.mmap(-1, (n_pages + 2 * n_guards) * PAGE, mmap.MAP_PRIVATE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (0, n_guards + n_pages):
        _forbid(address + page * PAGE, n_guards * PAGE)
    return np.frombuffer(memory, np.uint8, n_pages * PAGE, n_guards * PAGE)


def _forbid(address, n_bytes):
    libc = ctypes.CDLL(None, use_errno=True)
    no_access = 0
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(n_bytes), no_access):
        raise OSError(ctypes.get_errno(), "mprotect")


def run_forward_beside_pages(backend, network, dtype, size, *, behind):
    """The result must be that of arrays that lie anywhere."""
    params, images = params_of(network), images_of(network, dtype, size)
    plain, output = output_like(network, images), output_like(network, images)
    forward(backend, network, params, images, plain, tile=(8, 16))
    params, images, output = (
        beside_a_page(array, behind=behind) for array in (params, images, output)
    )
    forward(backend, network, params, images, output, tile=(8, 16))
    assert output.tobytes() == plain.tobytes()


def run_training_beside_pages(backend, network, size, *, behind):
    """The loss and the gradient must be those of arrays that lie anywhere."""
    params = params_of(network)
    plain = np.zeros_like(params)
    arrays = [params, *patches_of(network, size)]
    squares = train(backend, network, *arrays, plain, block=(8, 16))
    *arrays, gradient = (
        beside_a_page(array, behind=behind) for array in (*arrays, plain * 0)
    )
    assert squares == train(backend, network, *arrays, gradient, block=(8, 16))
    assert gradient.tobytes() == plain.tobytes()


def run_beside_pages(name):
    """Run every network, type and size, and print each before, to name a crash."""
    backend = BACKENDS[name]
    for (label, network), size, behind in product(
        NETWORKS.items(), SIZES, (False, True)
    ):
        print(label, size, "behind a page" if behind else "before one", flush=True)
        for dtype in HIGHEST:
            run_forward_beside_pages(backend, network, dtype, size, behind=behind)
        run_training_beside_pages(backend, network, size, behind=behind)


def read_too_far(where):
    """Read one byte outside an array beside a page; this must end the process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    array = beside_a_page(np.zeros(100, np.uint8), behind=where == "before")
    address = array.ctypes.data + (-1 if where == "before" else array.size)
    print("reading", flush=True)
    ctypes.string_at(address, 1)
    print("read")


if __name__ == "__main__":
    if sys.argv[1] == "too-far":
        read_too_far(sys.argv[2])
    else:
        run_beside_pages(sys.argv[1])
