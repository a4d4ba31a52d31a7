"""CuPy and the driver of the GPU, or why they are missing and what helps.

Nothing here imports CuPy before somebody asks for a GPU: it takes long.
"""

import ctypes
from functools import cache

CUPY_PACKAGES = ("cupy-cuda12x", "cupy-cuda13x", "cupy")


class DeviceUnavailableError(RuntimeError):
    """The device that was asked for cannot be used; the message says why."""

    __module__ = "pydbcnn"


@cache
def driver_version():
    """The newest CUDA that the driver knows, such as 12040 for 12.4; 0 without driver.

    Asked of the driver itself: to import CuPy takes long, and needs none.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    version = ctypes.c_int()
    status = driver.cuDriverGetVersion(ctypes.byref(version))
    return version.value if status == 0 else 0


def import_cupy():
    """CuPy.

    Raises
    ------
    DeviceUnavailableError
        When it cannot be imported.
    """
    try:
        import cupy
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            raise DeviceUnavailableError(
                f"CuPy is not installed. {install_line(driver_version())}"
            ) from None
        raise DeviceUnavailableError(_broken_cupy(error)) from error
    return cupy


def install_line(driver, instead_of=()):
    """What to type for a CuPy that goes with a driver, in the place of packages."""
    extra = "cuda12x" if 0 < driver < 13000 else "cuda13x"
    remove = f"pip uninstall {' '.join(instead_of)}; " if instead_of else ""
    return f"Run: {remove}pip install 'pydbcnn[{extra}]'"


def _broken_cupy(error):
    """What to say when CuPy is there, but its import fails."""
    # CuPy wraps the cause in a page of advice.
    cause = " ".join(str(error.__cause__ or error).split())
    installed = cupy_versions()
    several = (
        "Several packages of CuPy are in each other's way. "
        if len(installed) > 1
        else ""
    )
    return (
        f"CuPy is installed, but it cannot be imported ({cause}). {several}"
        f"{install_line(driver_version(), installed)}"
    )


def cupy_versions():
    """The packages of CuPy that are installed, and their versions, as a dict."""
    import importlib.metadata  # takes long, and most runs need none of it

    versions = {}
    for name in CUPY_PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
