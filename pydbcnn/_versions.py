"""What this installation is and can do."""

import importlib.metadata
import os
import platform
import sys

_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "opencv-python",
    "opencv-python-headless",
    "scikit-image",
    "safetensors",
    "tifffile",
    "tqdm",
    "pillow",
)


def show_versions():
    """Print versions, instruction set, threads, GPU and the models that ship.

    Where no GPU is used, the row says why, and what helps.

    Examples
    --------
    >>> import pydbcnn
    >>> pydbcnn.show_versions()  # doctest: +ELLIPSIS
    pydbcnn            0...
    """
    for name, value in describe().items():
        print(f"{name:<18} {value}")


def describe():
    """The rows of `show_versions`, as a dict of str."""
    from . import __version__
    from ._pixels.cupy import cupy_versions
    from .backends._cpu import bindings
    from .backends._cuda.device import describe_gpu
    from .backends.cpu import CpuBackend, available_isas
    from .backends.threads import thread_count
    from .pretrained import available_models

    isas = ", ".join(available_isas())
    forced = " (PYDBCNN_ISA)" if os.environ.get("PYDBCNN_ISA") else ""
    threads = (
        str(thread_count()) if bindings.openmp_built() else "1 (built without OpenMP)"
    )
    return {
        "pydbcnn": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        **{name: version for name in _PACKAGES if (version := _version(name))},
        **cupy_versions(),
        "instruction set": f"{CpuBackend().isa}{forced}, of {isas}",
        "threads": threads,
        "GPU": describe_gpu(),
        "models": ", ".join(available_models()) or "none",
    }


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "" if name.startswith("opencv") else "not installed"
