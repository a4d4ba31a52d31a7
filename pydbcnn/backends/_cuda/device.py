"""The GPU that CuPy computes on, or why there is none and what helps.

Each function takes what the driver or CuPy has said, so that it can be tested without
either. Nothing here is called before somebody asks for a GPU.
"""

import os
from dataclasses import dataclass
from functools import lru_cache

from ..._pixels.cupy import DeviceUnavailableError, driver_version, import_cupy
from .runtime import Runtime
from .source import COMPILE_OPTIONS, kernel_source

_OLDEST = (7, 5)  # compute capability: below it, CUDA 13 compiles nothing
_OLDEST_OF = {"tf32": (8, 0), "bfloat16": (8, 0)}  # the products are not there below
# Answers of CUDA, by its numbers.
_NOT_INITIALIZED, _INSUFFICIENT_DRIVER, _NO_DEVICE = 3, 35, 100


@dataclass(frozen=True)
class Gpu:
    """What is asked of a device.

    Parameters
    ----------
    index : int
        CuPy's number of it.
    name : str
    capability : tuple of 2 int
    memory : int
        Bytes.
    n_processors : int
    """

    index: int
    name: str
    capability: tuple
    memory: int
    n_processors: int

    @classmethod
    def of_properties(cls, index, properties):
        """From CuPy's dict of the properties of a device."""
        return cls(
            index,
            properties["name"].decode(),
            (properties["major"], properties["minor"]),
            properties["totalGlobalMem"],
            properties["multiProcessorCount"],
        )

    def __str__(self):
        return f"{self.name} with compute capability {_dotted(self.capability)}"

    def check_precision(self, precision):
        """Raise a `DeviceUnavailableError` unless it computes in a precision."""
        for needed, what, remedy in (
            (_OLDEST, "this engine", "device='cpu'"),
            (_OLDEST_OF.get(precision, _OLDEST), precision, "precision='float32'"),
        ):
            if self.capability < needed:
                raise DeviceUnavailableError(
                    f"the GPU is too old: {what} needs compute capability "
                    f"{_dotted(needed)} or newer, and it is {self}. Pass {remedy}."
                )


def find_runtime(precision="float32"):
    """CuPy's current device, ready to run kernels.

    Parameters
    ----------
    precision : {"float32", "tf32", "bfloat16"}
        What it has to compute in.

    Returns
    -------
    runtime : Runtime
        The same one at each call, as long as the current device is the same.

    Raises
    ------
    DeviceUnavailableError
        When there is no such device; the message says why, and what helps.
    """
    cupy, gpu = find_gpu()
    gpu.check_precision(precision)
    return _runtime(cupy, gpu)


def find_gpu():
    """CuPy, and its current device.

    Returns
    -------
    cupy : module
    gpu : Gpu

    Raises
    ------
    DeviceUnavailableError
        When one of them is not there.
    """
    driver = driver_version()
    if driver == 0:
        raise DeviceUnavailableError(
            "there is no NVIDIA driver (libcuda.so.1 cannot be loaded). Install the "
            "driver of the GPU, or start a container with its GPUs, as 'docker run "
            "--gpus all' does; then, pip install 'pydbcnn[cuda13x]'."
        )
    cupy = import_cupy()
    runtime = cupy.cuda.runtime
    try:
        runtime.getDeviceCount()  # raises an error where there is no device
        index = runtime.getDevice()
        return cupy, _gpu(cupy, index)
    except runtime.CUDARuntimeError as error:
        needed = runtime.runtimeGetVersion()
        message = explain_status(error.status, str(error), driver, needed)
    raise DeviceUnavailableError(message)


@lru_cache
def _gpu(cupy, index):
    return Gpu.of_properties(index, cupy.cuda.runtime.getDeviceProperties(index))


@lru_cache
def _runtime(cupy, gpu):
    check_compiler(cupy)

    def load_module(name):
        return cupy.RawModule(
            code=kernel_source(), options=COMPILE_OPTIONS, name_expressions=[name]
        )

    def synchronize():
        cupy.cuda.get_current_stream().synchronize()

    return Runtime(cupy, load_module, gpu.n_processors, synchronize)


def explain_status(status, answer, driver, needed):
    """Why CUDA has no device, and what helps.

    Parameters
    ----------
    status : int
        The number of CUDA's error.
    answer : str
        Its text.
    driver, needed : int
        The newest CUDA that the driver knows, and that which CuPy was made for.

    Returns
    -------
    message : str
    """
    if status == _NO_DEVICE:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        because = "" if hidden is None else f": CUDA_VISIBLE_DEVICES={hidden!r}"
        return (
            f"the NVIDIA driver shows no GPU{because}. Run nvidia-smi to see which "
            "there are, and unset CUDA_VISIBLE_DEVICES or let it name one."
        )
    if status == _INSUFFICIENT_DRIVER:
        return (
            f"the NVIDIA driver knows CUDA up to {_release(driver)}, but CuPy was made "
            f"for {_release(needed)}. {_help_for_driver(driver, needed)}"
        )
    if status == _NOT_INITIALIZED:
        return (
            "CUDA does not start in this process, as after a fork of one that has used "
            "the GPU. Start workers with the method 'spawn', or with joblib's 'loky'."
        )
    return (
        f"CUDA answers {answer!r}. Run nvidia-smi to see whether the driver works, and "
        "restart the machine if it was just updated."
    )


def _help_for_driver(driver, needed):
    if 12000 <= driver < 13000 <= needed:
        return (
            "Update the driver, or run: pip uninstall cupy-cuda13x; "
            "pip install 'pydbcnn[cuda12x]'"
        )
    return "Update the driver."


def check_compiler(cupy):
    """Raise a `DeviceUnavailableError` unless CuPy can compile kernels."""
    if (missing := _missing_of_compiler(cupy)) is not None:
        major = cupy.cuda.runtime.runtimeGetVersion() // 1000
        raise DeviceUnavailableError(
            f"CuPy cannot compile kernels: {missing}. "
            f"Run: pip install 'pydbcnn[cuda{major}x]'"
        )


def _missing_of_compiler(cupy):
    from cuda.pathfinder import find_nvidia_header_directory

    try:
        cupy.cuda.nvrtc.getVersion()
    except (RuntimeError, ImportError, OSError) as error:
        return f"the compiler NVRTC cannot be loaded ({' '.join(str(error).split())})"
    if find_nvidia_header_directory("cudart") is None:
        return "the headers of CUDA are missing"
    return None


def describe_gpu():
    """The current device in a line, or why there is none."""
    try:
        find_runtime()
    except DeviceUnavailableError as error:
        return f"not used: {error}"
    cupy, gpu = find_gpu()
    return (
        f"{gpu}, {gpu.memory / 2**30:.0f} GiB, driver for CUDA "
        f"{_release(driver_version())}, CuPy {cupy.__version__}"
    )


def _release(version):
    """CUDA's way to write 12040: 12.4."""
    return f"{version // 1000}.{version % 1000 // 10}"


def _dotted(capability):
    return ".".join(map(str, capability))
