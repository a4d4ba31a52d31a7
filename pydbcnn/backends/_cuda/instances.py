"""The list of all kernels with their template arguments, for tests and benchmarks.

A prediction or a fit does not need it. It lets the tests compile every kernel that any
network could ask for, and benchmarks report what each of them needs.
"""

from ..._network.network import Network
from . import blur, fused_kernels, layers

# Compute capabilities, times ten.
PLAIN = 75  # the lowest one that NVRTC of CUDA 13 compiles for
TENSOR_CORES = 80  # the lowest one with products of tf32 and bfloat16


def kernel_instances():
    """All kernels, each with the arguments of its template.

    Returns
    -------
    instances : list of (str, int)
        The C++ name, and the lowest compute capability that can run it, times ten.
    """
    return [
        *_packing(),
        *_fused_kernels(),
        *_kernels_of_any_size(),
        *_plain_kernels(),
        *_blur_passes(),
    ]


def _packing():
    yield "pack_words<Float32Words>", PLAIN
    for precision in ("tf32", "bfloat16"):
        yield f"pack_words<{fused_kernels.fragments_of(precision).name}>", TENSOR_CORES


def _fused_kernels():
    for channels in fused_kernels.CHANNELS:
        network = Network(
            channels, channels, fused_kernels.N_FILTERS, fused_kernels.KERNEL_SIZES
        )
        yield fused_kernels.forward_kernel(network, "float32").name, PLAIN
        for precision in ("tf32", "bfloat16"):
            yield fused_kernels.forward_kernel(network, precision).name, TENSOR_CORES
        yield fused_kernels.gradient_kernel(network).name, TENSOR_CORES


def _kernels_of_any_size():
    for tile in layers.TILES:
        for precision, kernel_type in layers.KERNEL_TYPES.items():
            needs = PLAIN if precision == "float32" else TENSOR_CORES
            arguments = f"<{kernel_type}, {tile.columns}>"
            yield f"convolve{arguments}", needs
            if precision != "bfloat16":  # its gradients are computed in tf32
                yield f"weights_gradient{arguments}", needs


def _plain_kernels():
    for name in (
        "add_partials",
        "adam",
        "channels_gradient",
        "combine",
        "correlate_channels",
        "sgd",
        "squared_error",
    ):
        yield name, PLAIN


def _blur_passes():
    for arithmetic in blur.ARITHMETICS.values():
        yield f"blur_rows<{arithmetic.name}>", PLAIN
        yield f"blur_columns<{arithmetic.name}>", PLAIN
