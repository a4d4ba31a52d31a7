"""Arrays on the host and on a GPU: what they are, and where they may meet.

Arrays on a GPU are those of CuPy; what other libraries have there becomes one of them,
without a copy. Nothing here imports CuPy before there is an array that needs it.
"""

import sys

import numpy as np

_DLPACK_CUDA = (2, 13)  # kDLCUDA and kDLCUDAManaged


def namespace(array):
    """The module that an array belongs to: CuPy for its arrays, or else NumPy."""
    if isinstance(array, np.ndarray):
        return np
    cupy = sys.modules.get("cupy")  # its arrays exist only where it was imported
    return cupy if cupy is not None and isinstance(array, cupy.ndarray) else np


def is_on_gpu(array):
    """Whether this is an array, of any library, that lies on a GPU."""
    if isinstance(array, np.ndarray):
        return False
    if namespace(array) is not np:
        return True
    # PyTorch answers the second question with an error where gradients are recorded.
    if (tell_device := getattr(array, "__dlpack_device__", None)) is not None:
        return tell_device()[0] in _DLPACK_CUDA
    return hasattr(array, "__cuda_array_interface__")


def as_array(array, name="X"):
    """A NumPy array, or a CuPy array of what lies on a GPU; nothing is copied there.

    Raises
    ------
    ValueError
        When it lies on another GPU than CuPy's current one, or the library that it
        belongs to does not hand it over.
    DeviceUnavailableError
        When CuPy is needed and not there.
    """
    if not is_on_gpu(array):
        only_dlpack = hasattr(array, "__dlpack__") and not hasattr(array, "__array__")
        return np.from_dlpack(array) if only_dlpack else np.asarray(array)
    if namespace(array) is np:
        array = _taken_by_cupy(array, name)
    here = namespace(array).cuda.Device()
    if array.device != here:
        raise ValueError(
            f"{name} lies on {array.device}, but CuPy's current device is {here}: "
            f"compute in a block 'with {name}.device:', or move {name} there."
        )
    return array


def _taken_by_cupy(array, name):
    from .cupy import import_cupy

    cupy = import_cupy()
    if not hasattr(array, "__dlpack__"):
        return cupy.asarray(array)
    try:
        return cupy.from_dlpack(array)
    except BufferError as error:
        raise ValueError(
            f"{name}, a {type(array).__module__}.{type(array).__qualname__}, cannot be "
            f"taken over: {error}."
        ) from error


def to_host(array):
    """A NumPy array with what an array holds: itself, if it is one."""
    xp = namespace(array)
    return array if xp is np else xp.asnumpy(array)


def check_same_place(first, second, names=("X", "y")):
    """Raise a TypeError unless both arrays are on the host, or both on a GPU."""
    if is_on_gpu(first) == is_on_gpu(second):
        return
    on_gpu, on_host = names if is_on_gpu(first) else reversed(names)
    raise TypeError(
        f"{on_gpu} lies on a GPU but {on_host} does not: pass both from one place, "
        f"such as {on_gpu}.get() and {on_host}, or {on_gpu} and "
        f"cupy.asarray({on_host})."
    )


def refuse_gpu(array, who, name="X", remedy=""):
    """Raise a TypeError for an array on a GPU that is to be computed with elsewhere."""
    if is_on_gpu(array):
        kind = f"{type(array).__module__}.{type(array).__qualname__}"
        raise TypeError(
            f"{who} computes on the CPU, but {name} lies on a GPU ({kind}), and arrays "
            f"are not moved silently: pass {name}.get(){remedy}."
        )


def check_place(array, backend, device, name="X"):
    """Raise a TypeError unless a backend computes where an array lies.

    Arrays on the host go to any backend.
    """
    if backend.device == "cpu":
        refuse_gpu(array, f"device={device!r} here", name, " or device='cuda'")
