"""Names and sizes of the fused kernels, and the networks that have them.

Sizes are blocks of a launch and the shared memory of a block, which the structs of the
same kernels compute in C++. Nothing here touches a device.
"""

from dataclasses import dataclass

from . import packing

# The networks that have fused kernels, which the tests compile for all of them.
N_FILTERS = (64, 32)
KERNEL_SIZES = (9, 1, 5)
CHANNELS = (1, 3)

_STRIP = 64  # columns of maps of a block, as in strip.cuh
_BLOCKS_PER_PROCESSOR = 8  # that a launch has where the image is large enough
TILE = (8, 16)  # rows and columns of maps that a block of gradient_mma takes at once
# Partial gradients at most. Their number follows from shapes and not from the device,
# so that their sum rounds alike everywhere.
MAX_GROUPS = 256
# Rows of estimates that a block has at least, if the image has as many. Above and below
# them lies the halo, whose maps are computed twice.
_SHORTEST_SEGMENT = 32


def is_fused(network):
    """Whether a network has fused kernels."""
    return (
        network.n_filters == N_FILTERS
        and network.kernel_sizes == KERNEL_SIZES
        and network.n_channels_in == network.n_channels_out
        and network.n_channels_in in CHANNELS
    )


@dataclass(frozen=True)
class Kernel:
    """One of the fused kernels.

    Parameters
    ----------
    name : str
        C++ name, with the arguments of its template.
    shared_memory : int
        Bytes that a block needs.
    threads : int
        Threads of a block.
    """

    name: str
    shared_memory: int
    threads: int


def forward_kernel(network, precision):
    """The kernel of the forward pass of a network that `is_fused`."""
    sizes = _template_sizes(network)
    arguments = ", ".join(map(str, sizes))
    if precision == "float32":
        return Kernel(f"forward_float32<{arguments}>", _float32_bytes(*sizes), 128)
    fragments = fragments_of(precision)
    name = f"forward_mma<{fragments.name}, {arguments}>"
    return Kernel(name, _mma_bytes(fragments, *sizes), 128)


def gradient_kernel(network):
    """The kernel of the gradient, in tf32, of a network that `is_fused`."""
    sizes = _template_sizes(network)
    arguments = ", ".join(map(str, sizes))
    name = f"gradient_mma<{packing.TF32.name}, {arguments}>"
    return Kernel(name, _gradient_bytes(*sizes), 256)


def _template_sizes(network):
    first, _, last = network.kernel_sizes
    return network.n_channels_in, *network.n_filters, first, last


def fragments_of(precision):
    """How tensor cores hold values of a precision."""
    return {"tf32": packing.TF32, "bfloat16": packing.BFLOAT16}[precision]


def _float32_bytes(channels, n_1, n_2, side_1, side_3):
    """Shared memory of a block, as in the struct ``ForwardFloat32``."""
    rows, strip = 2, 8
    width = -(-(_STRIP + side_1 - 1) // 4) * 4
    inputs = channels * (rows + side_1 - 1) * width
    sums = (rows + side_3 - 1) * (_STRIP - side_3 + 1) * channels
    return 4 * (strip + inputs + sums + rows * n_1 * _STRIP)


def _mma_bytes(fragments, channels, n_1, n_2, side_1, side_3):
    """Shared memory of a block, as in the struct ``ForwardMma``."""
    rows, strip = 4, 8
    row = -(-side_1 * channels // fragments.n_values) * fragments.n_values
    offsets = 8 * -(-side_1 * row // fragments.step)
    ring = -(-(rows + side_1 - 1) // rows) * rows
    inputs = 2 * ring * (_STRIP + side_1 - 1) * channels
    maps = rows * (_STRIP + side_3 - 1) * (n_2 // fragments.n_values + 4)
    sums = (rows + side_3 - 1) * (_STRIP - side_3 + 1) * channels
    return 4 * (strip + offsets + inputs + maps + sums)


def _gradient_bytes(channels, n_1, n_2, side_1, side_3):
    """Shared memory of a block, as in the struct ``GradientMma``."""
    offsets = sum(8 * -(-side * side * channels // 8) for side in (side_1, side_3))
    parts = sum(
        (TILE[0] + side - 1) * (TILE[1] + side - 1) * channels
        for side in (side_1, side_3)
    )
    maps = TILE[0] * TILE[1] * (n_1 + 8 + 2 * (n_2 + 8))
    return 4 * (-(-(offsets + parts) // 4) * 4 + maps)


def segment_height(region, side_3, n_processors):
    """Rows of estimates of a block: few enough that all processors have some.

    The result of a launch does not depend on it.
    """
    across = -(-region.width // (_STRIP - side_3 + 1))
    wanted = max(1, _BLOCKS_PER_PROCESSOR * n_processors // (region.n * across))
    return max(min(_SHORTEST_SEGMENT, region.height), -(-region.height // wanted))


def n_blocks(region, height, side_3):
    """Blocks of a launch: as many as strips across x segments down x images."""
    across = -(-region.width // (_STRIP - side_3 + 1))
    return region.n * across * -(-region.height // height)


def n_gradient_tiles(region):
    """The number of tiles of maps of an image, down and across."""
    return tuple(
        -(-size // side)
        for size, side in zip((region.height, region.width), TILE, strict=True)
    )
