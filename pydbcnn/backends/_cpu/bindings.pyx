# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Bindings of the C engines, with their threads and scratch memory.

All arithmetic is in C, whose interface is ``engine.h``. The caller,
`pydbcnn.backends.cpu`, has checked every shape, type and size.
"""

cimport numpy as cnp
from cython.parallel cimport prange, threadid
from libc.stddef cimport ptrdiff_t, size_t
from libc.stdlib cimport free
from libc.string cimport memset

import numpy as np

cnp.import_array()

cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

cdef extern from "openmp.h" nogil:
    int PYDBCNN_OPENMP
    int omp_get_max_threads()

cdef extern from "engine.h" nogil:
    enum:
        MAX_LAYERS
        MAX_KERNEL
        MAX_CHANNELS
        MAX_FILTERS
        MAX_FILTER_SIZE
        MAX_BACK_PROJECTIONS
        MAX_BACK_PROJECTION_SIZE
    ctypedef enum pixel_type:
        PIXEL_UINT8
        PIXEL_UINT16
        PIXEL_FLOAT32
        PIXEL_FLOAT64
    ctypedef struct layer_shape:
        int kernel
        int inputs
        int outputs
    ctypedef struct network_shape:
        int n_layers
        int residual
        int direct
        int filter
        int folded
        int n_back_projections
        int reblur
        int projection
        int combine
        layer_shape layers[MAX_LAYERS]
    ctypedef struct image_batch:
        const char *input
        char *output
        ptrdiff_t input_strides[4]
        ptrdiff_t output_strides[4]
        pixel_type type
        float data_range
        int height
        int width
        int first_row
        int last_row
        int tile_height
        int tile_width
        int tiles_down
        int tiles_across
        double *seconds
    ctypedef struct patch_batch:
        const float *inputs
        const float *targets
        int height
        int width
        int block_height
        int block_width
        int blocks_down
        int blocks_across
        float delta_scale
    ctypedef struct forward_kernels:
        size_t (*packed_size)(const network_shape *, int) noexcept nogil
        void (*pack)(const network_shape *, const float *, int, float *) noexcept nogil
        size_t (*tile_scratch)(const network_shape *, int, int) noexcept nogil
        void (*forward_tile)(const network_shape *, const float *,
                             const image_batch *, ptrdiff_t, float *) noexcept nogil
        double (*peak_loop)(long, float *) noexcept nogil
    ctypedef struct engine_table "engine":
        const char *name
        forward_kernels float32
        forward_kernels bfloat16
        size_t (*block_scratch)(const network_shape *, int, int) noexcept nogil
        double (*block_gradient)(const network_shape *, const float *,
                                 const patch_batch *, ptrdiff_t, float *,
                                 float *) noexcept nogil
        size_t (*gradient_size)(const network_shape *) noexcept nogil
        void (*reduce_gradient)(const network_shape *, float *, size_t, int,
                                float *) noexcept nogil
    const engine_table *pydbcnn_engines[]
    int pydbcnn_engine_runs(const engine_table *) noexcept
    int pydbcnn_request_amx() noexcept

_PIXEL_TYPES = {"uint8": PIXEL_UINT8, "uint16": PIXEL_UINT16,
                "float32": PIXEL_FLOAT32, "float64": PIXEL_FLOAT64}


def openmp_built():
    """Whether this build can run on more than one thread."""
    return bool(PYDBCNN_OPENMP)


def openmp_max_threads():
    """How many threads OpenMP would use, given its variables and limits."""
    return omp_get_max_threads()


cdef size_t whole_lines(size_t count) noexcept nogil:
    # Vectors are loaded from multiples of 64 bytes, the size of a cache line. One line
    # more keeps two threads from writing to the same one.
    return (count + 15) // 16 * 16 + 16


cdef float *allocate(size_t count) noexcept nogil:
    return <float *> aligned_alloc(64, whole_lines(count) * sizeof(float))


def limits():
    """The largest networks that the engines take.

    Returns
    -------
    limits : dict of str to int
        By names in the manner of `Network`: how many layers, filters of a layer,
        channels of an image and back-projections there may be at most; and the
        largest sides of the kernels of layers, of the filter and of back-projections.
    """
    return {
        "layers": MAX_LAYERS,
        "kernel_size": MAX_KERNEL,
        "filters": MAX_FILTERS,
        "channels": MAX_CHANNELS,
        "filter_size": MAX_FILTER_SIZE,
        "back_projections": MAX_BACK_PROJECTIONS,
        "back_projection_size": MAX_BACK_PROJECTION_SIZE,
    }


def request_amx():
    """Ask the system for the registers of AMX, and return whether it granted them."""
    return bool(pydbcnn_request_amx())


cdef class Engine:
    """One engine: the table of C functions for one instruction set."""

    cdef const engine_table *table

    @property
    def name(self):
        return self.table.name.decode()

    @property
    def precisions(self):
        """Names of the precisions that this engine computes in."""
        if self.table.bfloat16.forward_tile == NULL:
            return ("float32",)
        return ("float32", "bfloat16")


def available_engines():
    """The engines that this processor can run, the best last."""
    found = []
    cdef int i = 0
    cdef Engine candidate
    while pydbcnn_engines[i] != NULL:
        if pydbcnn_engine_runs(pydbcnn_engines[i]):
            candidate = Engine()
            candidate.table = pydbcnn_engines[i]
            found.append(candidate)
        i += 1
    return found


def is_folded(filter):
    """Whether a filter is symmetric from left to right, which saves multiplications."""
    return filter is not None and np.array_equal(filter, filter[:, ::-1])


cdef network_shape describe(network, params, direct) except *:
    cdef network_shape net
    net.n_layers = len(network.layers)
    net.residual = network.residual
    net.direct = direct
    net.filter = network.filter_size
    net.folded = is_folded(network.filter_view(params))
    net.n_back_projections = network.n_back_projections
    net.reblur, net.projection = network.back_projection_sizes
    net.combine = network.combine
    for i, (kernel, inputs, outputs) in enumerate(network.layers):
        net.layers[i].kernel = kernel
        net.layers[i].inputs = inputs
        net.layers[i].outputs = outputs
    return net


cdef class Weights:
    """Packed weights of a network, as an engine reads them in one precision.

    `backward` adds what only the gradient reads. `direct` leaves out Winograd's
    algorithm.
    """

    cdef Engine engine
    cdef const forward_kernels *kernels
    cdef network_shape net
    cdef float *packed

    def __cinit__(self, Engine engine, network, const float[::1] params,
                  str precision, bint backward, bint direct):
        self.engine = engine
        self.kernels = (&engine.table.bfloat16 if precision == "bfloat16"
                        else &engine.table.float32)
        self.net = describe(network, np.asarray(params), direct)
        self.packed = allocate(self.kernels.packed_size(&self.net, backward))
        if self.packed == NULL:
            raise MemoryError("no memory for the weights of the network")
        self.kernels.pack(&self.net, &params[0], backward, self.packed)

    def __dealloc__(self):
        free(self.packed)


cdef int parts(int total, int part) noexcept nogil:
    return (total + part - 1) // part


def forward(Weights weights, cnp.ndarray images, cnp.ndarray output,
            float data_range, int first_row, int last_row, int tile_height,
            int tile_width, int n_threads, double[::1] seconds=None):
    """Fill rows `first_row` to `last_row` of `output` from `images`.

    Both have the shape (n, height, width, channels) and any strides. `seconds`
    collects the times that `CpuBackend.layer_seconds` returns; that needs n_threads=1.
    """
    cdef const forward_kernels *kernels = weights.kernels
    cdef const network_shape *net = &weights.net
    cdef image_batch batch
    cdef ptrdiff_t tile, n_tiles
    cdef size_t scratch_size
    cdef float *scratch
    cdef int i
    batch.input = <const char *> cnp.PyArray_DATA(images)
    batch.output = <char *> cnp.PyArray_DATA(output)
    for i in range(4):
        batch.input_strides[i] = cnp.PyArray_STRIDE(images, i)
        batch.output_strides[i] = cnp.PyArray_STRIDE(output, i)
    batch.type = <pixel_type> <int> _PIXEL_TYPES[images.dtype.name]
    batch.data_range = data_range
    batch.seconds = NULL if seconds is None else &seconds[0]
    batch.height = images.shape[1]
    batch.width = images.shape[2]
    batch.tile_height = tile_height
    batch.tile_width = tile_width
    batch.first_row = first_row
    batch.last_row = last_row
    batch.tiles_down = parts(last_row - first_row, tile_height)
    batch.tiles_across = parts(batch.width, tile_width)
    n_tiles = <ptrdiff_t> images.shape[0] * batch.tiles_down * batch.tiles_across
    scratch_size = whole_lines(kernels.tile_scratch(net, tile_height, tile_width))
    scratch = allocate(scratch_size * n_threads)
    if scratch == NULL:
        raise MemoryError(f"no memory for a tile of {tile_height}x{tile_width} pixels")
    for tile in prange(n_tiles, nogil=True, num_threads=n_threads, schedule="dynamic"):
        kernels.forward_tile(net, weights.packed, &batch, tile,
                             scratch + scratch_size * threadid())
    free(scratch)


def peak_loop(Engine engine, str precision, long rounds, int n_threads):
    """Run multiply-adds on every thread, for benchmarks, and count the operations."""
    cdef const forward_kernels *kernels = (
        &engine.table.bfloat16 if precision == "bfloat16" else &engine.table.float32)
    cdef float *values = allocate(64 * n_threads)
    cdef double done = 0
    cdef int thread, i
    if values == NULL:
        raise MemoryError("no memory for a few vectors")
    for i in range(64 * n_threads):
        values[i] = 0.5
    for thread in prange(n_threads, nogil=True, num_threads=n_threads,
                         schedule="static"):
        done += kernels.peak_loop(rounds, values + 64 * thread)
    free(values)
    return done


def squares_and_gradient(Weights weights, const float[:, :, :, ::1] inputs,
                         const float[:, :, :, ::1] targets, float[::1] gradient,
                         int block_height, int block_width, int n_groups,
                         int n_threads):
    """Fill `gradient`, of half the mean squared error; return the sum of squares.

    Blocks are dealt to groups in order, each group adds the gradients of its blocks in
    order, and at last the groups are added in order. So the result does not depend on
    which thread computed what.
    """
    cdef const engine_table *table = weights.engine.table
    cdef const network_shape *net = &weights.net
    cdef patch_batch batch
    cdef ptrdiff_t n_blocks, block, first, end
    cdef size_t scratch_size, size
    cdef float *scratch
    cdef float *gradients
    cdef double[::1] squares = np.zeros(n_groups)
    cdef int group
    batch.inputs = &inputs[0, 0, 0, 0]
    batch.targets = &targets[0, 0, 0, 0]
    batch.height = targets.shape[1]
    batch.width = targets.shape[2]
    batch.block_height = block_height
    batch.block_width = block_width
    batch.blocks_down = parts(batch.height, block_height)
    batch.blocks_across = parts(batch.width, block_width)
    batch.delta_scale = 1.0 / (<double> targets.shape[0] * targets.shape[1]
                               * targets.shape[2] * targets.shape[3])
    n_blocks = <ptrdiff_t> targets.shape[0] * batch.blocks_down * batch.blocks_across
    scratch_size = whole_lines(table.block_scratch(net, block_height, block_width))
    size = whole_lines(table.gradient_size(net))
    gradients = allocate(size * n_groups)
    scratch = allocate(scratch_size * n_threads)
    if gradients == NULL or scratch == NULL:
        free(gradients)
        free(scratch)
        raise MemoryError(
            f"no memory for a block of {block_height}x{block_width} pixels")
    for group in prange(n_groups, nogil=True, num_threads=n_threads,
                        schedule="dynamic"):
        memset(gradients + size * group, 0, size * sizeof(float))
        first = n_blocks * group // n_groups
        end = n_blocks * (group + 1) // n_groups
        for block in range(first, end):
            squares[group] += table.block_gradient(
                net, weights.packed, &batch, block,
                scratch + scratch_size * threadid(), gradients + size * group)
    table.reduce_gradient(net, gradients, size, n_groups, &gradient[0])
    free(gradients)
    free(scratch)
    return sum(squares)
