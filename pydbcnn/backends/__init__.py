"""The engines that compute, and the only place that chooses one."""

from .._pixels.cupy import DeviceUnavailableError

__all__ = [
    "DEVICES",
    "PRECISIONS",
    "DeviceUnavailableError",
    "available_devices",
    "check_device",
    "get_backend",
]


DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("float32", "tf32", "bfloat16", "float64")


def available_devices():
    """Devices that `DBCNNDeblurrer` can compute on here.

    Returns
    -------
    devices : tuple of str
        ``("cpu",)``, or ``("cpu", "cuda")`` where CuPy and a GPU can be used.
        `show_versions` says why they cannot.

    Examples
    --------
    >>> from pydbcnn import available_devices
    >>> "cpu" in available_devices()
    True
    """
    from ._cuda.device import find_runtime

    try:
        find_runtime()
    except DeviceUnavailableError:
        return ("cpu",)
    return ("cpu", "cuda")


def get_backend(device="auto", precision="float32"):
    """The backend for a device and a precision.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}, default="auto"
        "cuda" is the current device of CuPy. "auto" takes it where it can be used and
        has the precision, and the CPU otherwise.
    precision : {"float32", "tf32", "bfloat16", "float64"}, default="float32"
        "tf32" needs a GPU of compute capability 8.0; "bfloat16" needs one, too, or a
        processor with AVX512_BF16 or AMX, where gradients stay in single precision.
        "float64" computes in NumPy, for checking: some hundred times slower.

    Returns
    -------
    backend : CudaBackend, CpuBackend or ReferenceBackend

    Raises
    ------
    DeviceUnavailableError
        When the device cannot be used here.
    ValueError
        When there is no such device or precision, or the device does not have it.
    """
    check_device(device)
    if precision not in PRECISIONS:
        raise ValueError(
            f"precision={precision!r}: expected one of {', '.join(PRECISIONS)}."
        )
    if precision == "float64":
        return _reference_backend(device)
    if device == "cpu":
        return _cpu_backend(precision)
    try:
        return _cuda_backend(precision)
    except DeviceUnavailableError as error:
        if device == "cuda":
            raise DeviceUnavailableError(
                f"device='cuda' cannot be used here, unlike 'auto' or 'cpu': {error}"
            ) from error.__cause__
        return _cpu_backend(precision, no_gpu=error)


def check_device(device):
    """Raise a ValueError for an unknown device; whether it can be used is not asked."""
    if device not in DEVICES:
        raise ValueError(
            f"device={device!r}: expected one of {', '.join(DEVICES)}. 'cuda' is the "
            "current device of CuPy; where there are several, choose one with "
            "cupy.cuda.Device(1).use(), or with CUDA_VISIBLE_DEVICES=1."
        )


def _reference_backend(device):
    if device == "cuda":
        raise ValueError(
            "precision='float64' computes in NumPy, for checking, and not on "
            "device='cuda': pass device='cpu', or precision='float32'."
        )
    from .reference import ReferenceBackend

    return ReferenceBackend()


def _cpu_backend(precision, no_gpu=None):
    if precision == "tf32":
        because = "." if no_gpu is None else f", and no GPU is used: {no_gpu}"
        raise ValueError(
            f"precision='tf32' is a format of GPUs{because} Pass "
            "precision='float32' on the CPU."
        )
    from .cpu import CpuBackend

    try:
        return CpuBackend(precision=precision)
    except ValueError as error:
        if no_gpu is None or precision == "float32":
            raise
        raise ValueError(f"{error} No GPU is used: {no_gpu}") from None


def _cuda_backend(precision):
    from ._cuda.device import find_runtime

    runtime = find_runtime(precision)
    from .cuda import CudaBackend

    return CudaBackend(precision, runtime)
