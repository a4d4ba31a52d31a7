"""The CPU engine: our C kernels, the best instruction set that the machine has."""

import math
import os
import time

import numpy as np

from .base import HostBackend, even_part
from .threads import thread_count, threads_started

try:
    from ._cpu import bindings
except ImportError as error:  # pragma: no cover - needs a build without extension
    raise ImportError(
        "The compiled part of pydbcnn (pydbcnn.backends._cpu.bindings) cannot be "
        f"imported: {error}. It was not built for this Python, or pydbcnn is imported "
        "from its source folder. Run 'pip install .' in that folder and start Python "
        "elsewhere, or 'pip install -e . --no-build-isolation' to work on the source."
    ) from error

# Tiles of the forward pass: wide enough that the halo is a small share of the work,
# narrow enough that the rows of the maps that a layer needs stay in a 1 MiB cache.
_TILE = 128
_TILE_BYTES = 2**20
# With bfloat16, maps take half the memory, and arithmetic a fraction of the time, so
# that overheads count for more.
_BFLOAT16_TILE = 512
# Back-projections widen the halo of the layers, which larger tiles make up for.
_BACK_PROJECTION_TILE = 256
_SQUARE = 4  # tiles are whole squares of the transformed layers
# Pixels between two calls of `on_pixels`, and between two looks at Ctrl-C: rows of
# tiles of an image, or whole images of a batch.
_BAND_PIXELS = 2**22
_MAX_SIDE = 2**30  # rows and columns are counted in 32 bits
# Blocks of a patch that one thread trains on: the maps of both directions are kept.
_BLOCK = 64
_BLOCK_BYTES = 5 * 2**20
# Partial gradients: enough for many threads, few enough to sum; fixed by the shapes
# alone, so that results do not depend on the threads.
_MAX_GROUPS = 64
_PIXELS_PER_GROUP = 1024
_MAX_GRADIENT_BYTES = 2**25


class CpuBackend(HostBackend):
    """Forward and backward passes with the C engines.

    Parameters
    ----------
    isa : str or None, default=None
        Instruction set, one of `available_isas`. None takes the best that the
        processor has, or what the environment variable ``PYDBCNN_ISA`` names.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the forward pass. Gradients are always computed in single precision.
    direct : bool, default=False
        Whether no layer is transformed (see ``_cpu/winograd.h``), neither forward
        nor for gradients: the reference of the transformed ones.

    Raises
    ------
    ValueError
        When the instruction set is unknown, or this processor does not have it, or it
        has no products of that precision.
    """

    name = "cpu"

    def __init__(self, isa=None, precision="float32", *, direct=False):
        self.precision = precision
        self.direct = direct
        self._engine = _find_engine(isa or os.environ.get("PYDBCNN_ISA") or None)
        _check_precision(self._engine, precision)

    @property
    def precisions(self):
        """Precisions in which the instruction set in use can predict."""
        return self._engine.precisions

    @property
    def isa(self):
        """Name of the instruction set in use."""
        return self._engine.name

    def forward(
        self,
        network,
        params,
        images,
        *,
        data_range,
        tile=None,
        on_pixels=None,
        out=None,
    ):
        """Estimate sharp images; see `Backend.forward`.

        Parameters
        ----------
        network, params, images, data_range, on_pixels, out
            As there.
        tile : tuple of 2 int or None, default=None
            Height and width of the tiles, which are rounded up to multiples of 4. They
            have no influence on the result.

        Returns
        -------
        out : array of shape (n, height, width, channels out)

        Raises
        ------
        ValueError
            When a side of the images is above 2**30 pixels.
        """
        n, height, width, _ = images.shape
        if max(height, width) > _MAX_SIDE:
            raise ValueError(
                f"An image of {height} x {width} pixels has a side above {_MAX_SIDE}: "
                "cut it into parts."
            )
        if out is None:
            out = np.empty((n, height, width, network.n_channels_out), images.dtype)
        weights = self._pack(network, params, backward=False)
        tile_height, tile_width = _whole_squares(
            tile or self._tile(network, height, width)
        )
        for some, rows in _bands(n, height, width, tile_height):
            n_tiles = len(range(*some)) * -(-width // tile_width)
            n_tiles *= -(-len(range(*rows)) // tile_height)
            n_threads = min(thread_count(), n_tiles)
            threads_started(n_threads)
            bindings.forward(
                weights,
                images[slice(*some)],
                out[slice(*some)],
                data_range,
                *rows,
                tile_height,
                tile_width,
                n_threads,
            )
            if on_pixels is not None:
                on_pixels(len(range(*some)) * len(range(*rows)) * width)
        return out

    def loss_and_gradient(self, network, params, patches, targets):
        """Half the mean squared error and its gradient; see `Backend`."""
        patches = np.ascontiguousarray(patches, np.float32)
        targets = np.ascontiguousarray(targets, np.float32)
        gradient = np.empty(network.n_params, np.float32)
        n, height, width, _ = targets.shape
        most = _largest_block(network)
        block = even_part(height, most), even_part(width, most)
        n_groups = _n_groups(network, n, height, width)
        n_threads = min(thread_count(), n_groups)
        threads_started(n_threads)
        squares = bindings.squares_and_gradient(
            self._pack(network, params, backward=True),
            patches,
            targets,
            gradient,
            *block,
            n_groups,
            n_threads,
        )
        return squares / targets.size / 2, gradient

    def layer_seconds(self, network, params, images, *, data_range):
        """Seconds that one thread spends in each part of the network.

        Parameters
        ----------
        network, params, images, data_range
            As in `forward`.

        Returns
        -------
        seconds : array
            In the order in which they work, each if the network has it: the filter,
            the three layers, each back-projection, the combination; and last the
            reading and writing of pixels.
        """
        n, height, width, _ = images.shape
        out = np.empty((n, height, width, network.n_channels_out), images.dtype)
        n_parts = len(network.layers) + network.n_back_projections
        n_parts += (network.filter_size > 1) + network.combine
        seconds = np.zeros(n_parts + 1)
        tile = _whole_squares(self._tile(network, height, width))
        weights = self._pack(network, params, backward=False)
        bindings.forward(weights, images, out, data_range, 0, height, *tile, 1, seconds)
        return seconds

    def peak_rate(self, n_threads=None, *, n_repeats=5):
        """Floating-point operations a second of a loop that does nothing else.

        Parameters
        ----------
        n_threads : int, default=None
            None means as many as `forward` uses.
        n_repeats : int, default=5
            The fastest of so many repeats of 10 ms or more counts.

        Returns
        -------
        rate : float
            In the instruction set and precision of this backend; a multiply-add
            counts as two operations.
        """
        n_threads = thread_count() if n_threads is None else n_threads
        threads_started(n_threads)

        def run(rounds, n_threads):
            start = time.perf_counter()
            done = bindings.peak_loop(self._engine, self.precision, rounds, n_threads)
            return done, time.perf_counter() - start

        rounds = 1000  # enough of them that waking a thread does not count
        while run(rounds, 1)[1] < 0.01:
            rounds *= 2
        runs = (run(rounds, n_threads) for _ in range(n_repeats))
        return max(done / seconds for done, seconds in runs)

    def _tile(self, network, height, width):
        most = _BACK_PROJECTION_TILE if network.n_back_projections else _TILE
        if self.precision == "bfloat16":
            widest = _widest_tile(network, 2, 0, _BFLOAT16_TILE)
        else:
            widest = _widest_tile(network, 4, 2 * (_SQUARE - 1), most)
        return even_part(height, most), even_part(width, widest)

    def _pack(self, network, params, *, backward):
        params = np.ascontiguousarray(params, np.float32)
        return bindings.Weights(
            self._engine,
            network,
            params,
            "float32" if backward else self.precision,
            backward,
            self.direct,
        )


def _find_engine(isa):
    engines = {engine.name: engine for engine in bindings.available_engines()}
    if isa is None:
        return list(engines.values())[-1]
    if isa not in engines:
        raise ValueError(
            f"The instruction set {isa!r} (from PYDBCNN_ISA or isa=) is not among "
            f"those that this build and this processor have: {', '.join(engines)}. "
            "Choose one of them, or unset PYDBCNN_ISA for the best."
        )
    return engines[isa]


def _check_precision(engine, precision):
    if precision in engine.precisions:
        if (
            precision == "bfloat16"
            and engine.name == "amx"
            and not bindings.request_amx()
        ):
            raise ValueError(
                f"precision={precision!r} needs the registers of AMX, and the system "
                "refuses them to this process (a thread may have a small alternate "
                "stack for signals, or a sandbox forbids arch_prctl): set "
                "PYDBCNN_ISA=avx512_bf16, or pass precision='float32'."
            )
        return
    able = [
        other.name
        for other in bindings.available_engines()
        if precision in other.precisions
    ]
    raise ValueError(
        f"precision={precision!r} needs the instruction set avx512_bf16 or amx, and "
        f"{engine.name!r} is in use: "
        + (
            f"unset PYDBCNN_ISA, or choose one of {', '.join(able)}, "
            if able
            else "this processor, or this build, does not have them. Use another one, "
        )
        + "or pass precision='float32'."
    )


def available_isas():
    """Names of the instruction sets that can run here, the best last."""
    return [engine.name for engine in bindings.available_engines()]


def _whole_squares(tile):
    return tuple(-(-side // _SQUARE) * _SQUARE for side in tile)


def _widest_tile(network, n_bytes, n_spare_rows, most):
    """Pixels across whose rings of rows (see ``_cpu/forward.h``) fit the cache."""
    bytes_across = sum(
        n_bytes * layer.n_inputs * (layer.kernel_size + n_spare_rows)
        for layer in network.layers[1:]
    )
    # Each back-projection has two maps: the estimate, which waits until the correction
    # is there, and what the estimate misses.
    bytes_across += network.n_back_projections * (
        2 * 4 * network.n_channels_out * sum(network.back_projection_sizes)
    )
    return max(16, min(most, _TILE_BYTES // bytes_across - 2 * network.radius))


def _bands(n, height, width, tile_height):
    """Ranges of images and of their rows, of some `_BAND_PIXELS` pixels each."""
    n_images = max(1, _BAND_PIXELS // (height * width))
    for first in range(0, n, n_images):
        images = first, min(n, first + n_images)
        tile_rows = max(1, _BAND_PIXELS // (len(range(*images)) * width * tile_height))
        step = tile_rows * tile_height
        for top in range(0, height, step):
            yield images, (top, min(height, top + step))


def _largest_block(network):
    """Side of a block whose maps and deltas take at most `_BLOCK_BYTES`."""
    bytes_a_pixel = sum(2 * 4 * _padded(layer.n_outputs) for layer in network.layers)
    n_maps = 2 * network.n_back_projections + network.combine
    bytes_a_pixel += 2 * 4 * n_maps * network.n_channels_out
    return max(8, min(_BLOCK, math.isqrt(_BLOCK_BYTES // bytes_a_pixel)))


def _padded(channels):
    """Channels padded to whole vectors of the widest engine, for all engines alike."""
    return -(-channels // 16) * 16


def _n_groups(network, n, height, width):
    """Partial gradients for a batch of patches, from its shape alone."""
    most = _largest_block(network)
    n_blocks = n * -(-height // most) * -(-width // most)
    by_work = n * height * width // _PIXELS_PER_GROUP
    gradient_bytes = sum(
        4 * layer.kernel_size**2 * _padded(layer.n_inputs) * _padded(layer.n_outputs)
        for layer in network.layers
    )
    gradient_bytes += 4 * network.n_tail_params
    by_memory = _MAX_GRADIENT_BYTES // gradient_bytes
    return max(1, min(_MAX_GROUPS, n_blocks, by_work, by_memory))
