"""Kernels compiled by the host compiler, with the call shape of CuPy's modules."""

import ctypes
import hashlib
import platform
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from guarded import between_pages

from .arrays import DeviceArray, HostKernelError

FLAGS = ["-std=c++17", "-O2", "-fPIC", "-fno-strict-aliasing", "-ffp-contract=off"]
FLAGS += ["-fwrapv", "-D_FORTIFY_SOURCE=0", "-Wall", "-Wno-unused-function"]
FLAGS += [
    "-Wno-unknown-pragmas",
    "-Wno-unused-variable",
    "-Wno-unused-but-set-variable",
]
FREE_SHARED_MEMORY = 48 * 1024
_DYNAMIC = re.compile(
    r"(?m)^([ \t]+)extern\s+__shared__\s+(?:__align__\s*\(\d+\)\s*)?"
    r"([^;]*?)(\w+)\s*\[\s*\]\s*;"
)
_SHARED = re.compile(r"\b__shared__\b")


def missing():
    """Why kernels cannot be run here, or None."""
    if shutil.which("g++") is None:
        return "there is no g++"
    return None


@cache
def _flags():
    x86 = platform.machine().lower() in {"x86_64", "amd64"}
    return [*FLAGS, *(["-mavx2", "-mfma"] if x86 else [])]


@cache
def _folder():
    return tempfile.TemporaryDirectory(prefix="cuda_host")


def with_shared_memory(source):
    """The source with pointers for its shared memory, which the launch sets."""
    source = _DYNAMIC.sub(r"\1CUDA_HOST_SHARED(\2, \3);", source)
    left = _SHARED.search(source)
    if left:
        line = source[: left.start()].count("\n") + 1
        raise HostKernelError(
            f"line {line} of the kernels: shared memory other than `extern __shared__ "
            "type name[];` in a function is not run on the host"
        )
    return source


def compile_kernel(source, name):
    """The library of one kernel; once per run of the tests."""
    text = (
        '#include "launch.h"\n#line 1 "kernels"\n'
        f"{with_shared_memory(source)}\nCUDA_HOST_KERNEL({name})\n"
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    return _library(text, digest, name)


@cache
def _library(text, digest, name):
    path = Path(_folder().name, digest + ".cpp")
    path.write_text(text)
    here = Path(__file__).parent
    command = ["g++", *_flags(), f"-I{here}", "-shared", str(path), "-o"]
    run = subprocess.run(
        [*command, str(path.with_suffix(".so"))],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise HostKernelError(f"{name} does not compile:\n{run.stderr}")
    return ctypes.CDLL(str(path.with_suffix(".so")))


class Parameter(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_char),
        ("pointee", ctypes.c_char),
        ("size", ctypes.c_uint),
        ("pointee_size", ctypes.c_uint),
    ]


class Launch(ctypes.Structure):
    _fields_ = [
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("n_blocks", ctypes.c_longlong),
        ("block_order", ctypes.c_void_p),
        ("thread_order", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("shared", ctypes.c_void_p),
        ("shared_room", ctypes.c_longlong),
        ("dynamic_shared", ctypes.c_void_p),
        ("shared_size", ctypes.c_longlong),
    ]


class HostModule:
    """Kernels of one source; see `HostRuntime`."""

    def __init__(self, source, xp, order, max_shared_memory):
        self.source, self.xp, self.order = source, xp, order
        self.max_shared_memory = max_shared_memory

    def get_function(self, name):
        return HostFunction(self, name)


class HostFunction:
    """A kernel, called as those of CuPy."""

    def __init__(self, module, name):
        self._module, self._name = module, name
        self._library = compile_kernel(module.source, name)
        self._library.cuda_host_launch.restype = ctypes.c_char_p
        parameters = (Parameter * 64)()
        n = self._library.cuda_host_parameters(parameters)
        self._parameters = parameters[:n]
        self._max_shared = FREE_SHARED_MEMORY

    @property
    def max_dynamic_shared_size_bytes(self):
        return self._max_shared

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, n_bytes):
        if n_bytes > self._module.max_shared_memory:
            raise HostKernelError(
                f"{self._name} asks for {n_bytes} bytes of shared memory; the device "
                f"has {self._module.max_shared_memory}"
            )
        self._max_shared = n_bytes

    def __call__(self, grid, block, args, *, shared_mem=0):
        grid, block = _three(grid), _three(block)
        self._check_sizes(grid, block, shared_mem)
        values = self._values(args)
        pages = between_pages(shared_mem)
        start = (pages.size - shared_mem) // 16 * 16
        order = self._module.order
        blocks, threads = order(np.prod(grid)), thread_order(order, np.prod(block))
        message = self._library.cuda_host_launch(
            ctypes.byref(
                Launch(
                    grid=grid,
                    block=block,
                    n_blocks=blocks.size,
                    block_order=blocks.ctypes.data,
                    thread_order=threads.ctypes.data,
                    values=ctypes.addressof(values),
                    shared=pages.ctypes.data,
                    shared_room=pages.size,
                    dynamic_shared=pages.ctypes.data + start,
                    shared_size=shared_mem,
                )
            )
        )
        if message:
            raise HostKernelError(f"{self._name}: {message.decode()}")
        self._module.xp.check(self._name)

    def _check_sizes(self, grid, block, shared_mem):
        if not 1 <= np.prod(block) <= 1024 or block[2] > 64:
            raise HostKernelError(f"{self._name}: block {block}, at most 1024 threads")
        if not (1 <= grid[0] < 2**31 and all(1 <= n < 2**16 for n in grid[1:])):
            raise HostKernelError(f"{self._name}: no grid can be {grid}")
        if shared_mem > self._max_shared:
            raise HostKernelError(
                f"{self._name}: {shared_mem} bytes of shared memory, but "
                f"max_dynamic_shared_size_bytes is {self._max_shared}"
            )

    def _values(self, args):
        """The array of pointers that a launch takes."""
        if len(args) != len(self._parameters):
            raise HostKernelError(
                f"{self._name} takes {len(self._parameters)} arguments, not {len(args)}"
            )
        self._kept = [
            self._value(i, arg, parameter)
            for i, (arg, parameter) in enumerate(
                zip(args, self._parameters, strict=True)
            )
        ]
        pointers = [value.ctypes.data for value in self._kept]
        return (ctypes.c_void_p * max(1, len(pointers)))(*pointers)

    def _value(self, i, arg, parameter):
        """An array of no axes with the bytes of one parameter."""
        kind = parameter.kind.decode()
        if kind == "p" and isinstance(arg, DeviceArray):
            self._check_pointee(i, arg.dtype, parameter)
            return np.array(arg.__cuda_array_interface__["data"][0], np.uint64)
        by_value = isinstance(arg, np.generic) or (
            isinstance(arg, np.ndarray) and arg.ndim == 0 and arg.dtype.names
        )
        if by_value and kind != "p":
            if (_kind(arg.dtype), arg.dtype.itemsize) == (kind, parameter.size):
                return np.array(arg)
        raise HostKernelError(
            f"{self._name}: argument {i} is {_described(arg)}, the parameter is "
            f"{_NAMES[kind]} of {parameter.size} bytes"
        )

    def _check_pointee(self, i, dtype, parameter):
        kind, size = parameter.pointee.decode(), parameter.pointee_size
        if kind in "if" and (_kind(dtype), dtype.itemsize) != (kind, size):
            raise HostKernelError(
                f"{self._name}: argument {i} is an array of {dtype}, the parameter "
                f"points to {_NAMES[kind]} of {size} bytes"
            )


_NAMES = {"p": "a pointer", "i": "an integer", "f": "a float", "s": "a struct"}


def _kind(dtype):
    return {"f": "f", "i": "i", "u": "i", "b": "i", "V": "s"}.get(dtype.kind, "?")


def _described(arg):
    dtype = getattr(arg, "dtype", None)
    if dtype is None:
        return f"a {type(arg).__name__}"
    where = "" if isinstance(arg, (DeviceArray, np.generic)) else "host "
    what = "scalar" if isinstance(arg, np.generic) else f"{where}array {arg.shape}"
    return f"a {what} of {dtype}"


def _three(sizes):
    sizes = tuple(int(size) for size in sizes)
    return sizes + (1,) * (3 - len(sizes))


def thread_order(order, n_threads):
    """Warps in some order, and so the lanes of each."""
    warps = [np.arange(i, min(i + 32, n_threads)) for i in range(0, n_threads, 32)]
    lanes = [warps[i][order(warps[i].size)] for i in order(len(warps))]
    return np.concatenate(lanes).astype(np.int32)
