"""The tuned path: all three layers of common networks in one kernel."""

from dataclasses import dataclass
from math import prod

from . import packing

# Networks that the fused kernels are made for: what the tests compile and look at.
N_FILTERS = (64, 32)
KERNEL_SIZES = (9, 1, 5)
CHANNELS = (1, 3)

_STRIP = 64  # columns of maps of a block, as in strip.cuh
_BLOCKS_PER_PROCESSOR = 8  # that a launch has, where the image is large enough
_SHORTEST_SEGMENT = 32  # rows of estimates: above and below, maps are computed twice


def is_fused(network):
    """Whether a network has fused kernels."""
    return (
        network.n_filters == N_FILTERS
        and network.kernel_sizes == KERNEL_SIZES
        and network.n_channels_in == network.n_channels_out
        and network.n_channels_in in CHANNELS
    )


@dataclass(frozen=True)
class ForwardKernel:
    """One of the fused forward kernels, for a network.

    Parameters
    ----------
    name : str
    rows : int
        Of maps that a block computes together, one or half a warp for 64 pixels.
    words : int
        Of shared memory that a block needs.
    """

    name: str
    shared_memory: int
    threads: int = 128


def forward_kernel(network, precision):
    """The kernel for a network that `is_fused`."""
    channels = network.n_channels_in
    sizes = (*network.n_filters, network.kernel_sizes[0], network.kernel_sizes[2])
    shape = ", ".join(map(str, (channels, *sizes)))
    if precision == "float32":
        return ForwardKernel(f"forward_float32<{shape}>", _float32_bytes(channels, *sizes))
    fragments = fragments_of(precision)
    return ForwardKernel(
        f"forward_mma<{fragments.name}, {shape}>",
        _mma_bytes(fragments, channels, *sizes),
    )


def fragments_of(precision):
    """How tensor cores hold a precision."""
    return {"tf32": packing.TF32, "bfloat16": packing.BFLOAT16}[precision]


def _float32_bytes(channels, n_1, n_2, side_1, side_3):
    """As in ``ForwardFloat32``."""
    rows = 2
    width = -(-(_STRIP + side_1 - 1) // 4) * 4
    inputs = channels * (rows + side_1 - 1) * width
    sums = (rows + side_3 - 1) * (_STRIP - side_3 + 1) * channels
    return 4 * (inputs + sums + rows * n_1 * _STRIP)


def _mma_bytes(fragments, channels, n_1, n_2, side_1, side_3):
    """As in ``ForwardMma``."""
    rows, strip = 4, 12
    row = -(-side_1 * channels // fragments.n_values) * fragments.n_values
    offsets = 8 * -(-side_1 * row // fragments.step)
    ring = -(-(rows + side_1 - 1) // rows) * rows
    inputs = 2 * ring * (_STRIP + side_1 - 1) * channels
    maps = rows * (_STRIP + side_3 - 1) * (n_2 // fragments.n_values + 4)
    sums = (rows + side_3 - 1) * (_STRIP - side_3 + 1) * channels
    return 4 * (strip + offsets + inputs + maps + sums)


def segment_height(region, side_3, n_processors):
    """Rows of estimates of a block, so that all processors have some.

    The result of a launch does not depend on it.
    """
    across = -(-region.width // (_STRIP - side_3 + 1))
    wanted = max(1, _BLOCKS_PER_PROCESSOR * n_processors // (region.n * across))
    return max(min(_SHORTEST_SEGMENT, region.height), -(-region.height // wanted))


def n_blocks(region, height, side_3):
    """Blocks of a launch: strips across, segments down, images."""
    across = -(-region.width // (_STRIP - side_3 + 1))
    return region.n * across * -(-region.height // height)


@dataclass(frozen=True)
class Packed:
    """Weights of the layers on the device, in the order of the fused kernels."""

    kernel: ForwardKernel
    arrays: tuple
    side_3: int
    residual: bool


def pack_forward(runtime, network, params, precision):
    """Pack the parameters, which lie on the device.

    Returns
    -------
    packed : Packed
    """
    kernel = forward_kernel(network, precision)
    if precision == "float32":
        arrays = (_pack(runtime, params, packing.float32_weights(network)),)
    else:
        fragments = fragments_of(precision)
        arrays = (
            _pack(runtime, params, packing.mma_weights(network, fragments), fragments),
            _pack(runtime, params, packing.biases_in_order(network)),
        )
    return Packed(kernel, arrays, network.kernel_sizes[2], network.residual)


def _pack(runtime, params, places, fragments=None):
    name, n_values, dtype = "Float32Words", 1, "float32"
    if fragments is not None:
        name, n_values, dtype = fragments.name, fragments.n_values, "uint32"
    n_words = prod(places.shape) // n_values
    words = runtime.xp.empty(n_words, dtype)
    runtime.launch(
        f"pack_words<{name}>",
        (-(-n_words // packing.THREADS),),
        (packing.THREADS,),
        (params, runtime.to_device(places), n_words, words),
    )
    return words


def forward(runtime, packed, source, out, region):
    """Estimate the pixels of a region: the three layers, and the residual if any."""
    height = segment_height(region, packed.side_3, runtime.n_processors)
    runtime.launch(
        packed.kernel.name,
        (n_blocks(region, height, packed.side_3),),
        (packed.kernel.threads,),
        (source, out, region, *packed.arrays, height, int(packed.residual)),
        shared_memory=packed.kernel.shared_memory,
    )
