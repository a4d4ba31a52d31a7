"""Where the arithmetic happens. This is the only place that chooses a backend."""

__all__ = ["PRECISIONS", "DeviceUnavailableError", "available_devices", "get_backend"]


PRECISIONS = ("float32", "bfloat16", "float64")


class DeviceUnavailableError(RuntimeError):
    """The device that was asked for cannot be used; the message says why."""


def available_devices():
    """Devices that `DBCNNDeblurrer` can compute on here.

    Returns
    -------
    devices : tuple of str
        ``("cpu",)``: this version has no GPU engine.

    Examples
    --------
    >>> from pydbcnn import available_devices
    >>> available_devices()
    ('cpu',)
    """
    return ("cpu",)


def get_backend(device="auto", precision="float32"):
    """The backend for a device and a precision.

    Parameters
    ----------
    device : {"auto", "cpu"}, default="auto"
        "auto" takes the fastest device that there is.
    precision : {"float32", "bfloat16", "float64"}, default="float32"
        "bfloat16" needs a processor with AVX512_BF16 or AMX; gradients stay in single
        precision. "float64" computes in NumPy, for checking: some hundred times slower.

    Returns
    -------
    backend : CpuBackend or ReferenceBackend

    Raises
    ------
    DeviceUnavailableError
        When the device cannot be used here.
    ValueError
        When there is no such precision, or this processor does not have it.
    """
    if device not in ("auto", *available_devices()):
        raise DeviceUnavailableError(
            f"device={device!r} cannot be used: this version of pydbcnn computes on "
            f"{', '.join(available_devices())}. Pass device='auto' or 'cpu'."
        )
    if precision not in PRECISIONS:
        raise ValueError(
            f"precision={precision!r}: expected one of {', '.join(PRECISIONS)}."
        )
    if precision == "float64":
        from .reference import ReferenceBackend

        return ReferenceBackend()
    from .cpu import CpuBackend

    return CpuBackend(precision=precision)
