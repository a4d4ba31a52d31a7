"""Kernels compiled by the host compiler, with the call shape of CuPy's modules."""

import atexit
import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from pydbcnn.backends.cpu import available_isas

from .arrays import DeviceArray, HostKernelError, Memory

FLAGS = ["-std=c++17", "-O2", "-fPIC", "-fno-strict-aliasing", "-ffp-contract=off"]
FLAGS += ["-w", "-D_FORTIFY_SOURCE=0", "-fno-sanitize-recover=all"]
CHECKS = "alignment,bounds,signed-integer-overflow,shift,integer-divide-by-zero"
FREE_SHARED_MEMORY = 48 * 1024
MAX_THREADS = 1024
_DYNAMIC = re.compile(  # in a function: something stands before it on the line
    r"(?<=[ \t{;])extern\s+__shared__\s+(?:__align__\s*\(\d+\)\s*)?"
    r"([^;]*?)(\w+)\s*\[\s*\]\s*;"
)
_SHARED = re.compile(r"\b__shared__\b")


@cache
def _flags():
    vectors = ["-mavx2", "-mfma"] if "avx2" in available_isas() else []
    return [*FLAGS, f"-fsanitize={CHECKS}", *vectors]


@cache
def _folder():
    folder = tempfile.mkdtemp(prefix="cuda_host")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


def with_shared_memory(source):
    """The source with pointers for its shared memory, which the launch sets."""
    source = _DYNAMIC.sub(r"CUDA_HOST_SHARED(\1, \2);", source)
    left = _SHARED.search(source)
    if left:
        statement = source[left.start() :].partition(";")[0]
        raise HostKernelError(
            f"`{statement};`: the host runs kernels with no other shared memory than "
            "`extern __shared__ type name[];`, in a function"
        )
    return source


def max_threads(source, name):
    """Threads that a block may have, by the launch bounds of a kernel."""
    kernel = re.escape(name.split("<")[0])
    bounds = re.search(rf"__launch_bounds__\((\d+)[^)]*\)\s*{kernel}\(", source)
    return int(bounds[1]) if bounds else MAX_THREADS


def compile_kernel(source, name, truncated_sums):
    """The library of one kernel; once per run of the tests."""
    text = "#define CUDA_HOST_TRUNCATED_SUMS\n" if truncated_sums else ""
    text += (
        '#include "launch.h"\n#line 1 "kernels"\n'
        f"{with_shared_memory(source)}\nCUDA_HOST_KERNEL({name})\n"
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    return _library(text, digest, name)


@cache
def _library(text, digest, name):
    path = _folder() / f"{digest}.cpp"
    path.write_text(text)
    _run(name, *_flags(), f"-I{Path(__file__).parent}", "-c", path, "-o", f"{path}.o")
    # Apart, without -fsanitize, as checks.h stands in for the compiler's own library.
    _run(name, "-shared", f"{path}.o", "-o", f"{path}.so")
    return ctypes.CDLL(f"{path}.so")


def _run(name, *arguments):
    run = subprocess.run(
        ["g++", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise HostKernelError(f"{name} does not compile:\n{run.stderr}")


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
        ("fault", ctypes.c_void_p),
    ]


class HostModule:
    """Kernels of one source; see `HostRuntime`."""

    def __init__(self, source, xp, order, max_shared_memory, truncated_sums):
        self.source, self.xp, self.order = source, xp, order
        self.max_shared_memory = max_shared_memory
        self.truncated_sums = truncated_sums

    def get_function(self, name):
        return HostFunction(self, name)


class HostFunction:
    """A kernel, called as those of CuPy."""

    def __init__(self, module, name):
        self._module, self._name = module, name
        self._library = compile_kernel(module.source, name, module.truncated_sums)
        self._library.cuda_host_launch.restype = ctypes.c_char_p
        parameters = (Parameter * 64)()
        n = self._library.cuda_host_parameters(parameters)
        self._parameters = parameters[:n]
        self._max_shared = FREE_SHARED_MEMORY
        self._max_threads = max_threads(module.source, name)

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
        kept = self._values(args)
        values = (ctypes.c_void_p * (len(kept) + 1))(*(v.ctypes.data for v in kept))
        shared = Memory(shared_mem, 16, "end")
        order = self._module.order
        blocks, threads = order(np.prod(grid)), thread_order(order, np.prod(block))
        launch = Launch(
            grid=grid,
            block=block,
            n_blocks=blocks.size,
            block_order=blocks.ctypes.data,
            thread_order=threads.ctypes.data,
            values=ctypes.addressof(values),
            shared=shared.pages.ctypes.data,
            shared_room=shared.pages.size,
            dynamic_shared=shared.pages.ctypes.data + shared.start,
            shared_size=shared_mem,
        )
        message = self._library.cuda_host_launch(ctypes.byref(launch))
        if message:
            self._fail(message.decode(), launch.fault, shared)
        self._module.xp.check(self._name)

    def _fail(self, message, fault, shared):
        message = f"{self._name}: {message}"
        if fault and shared.owns(fault):
            message += f"; it lies {shared.place(fault)} of shared memory"
        elif fault:
            memory = self._module.xp.memory_at(fault)
            message += "; it lies " + (
                f"{memory.place(fault)} of an array" if memory else "far from any array"
            )
        raise HostKernelError(message)

    def _check_sizes(self, grid, block, shared_mem):
        if not 1 <= np.prod(block) <= self._max_threads or block[2] > 64:
            raise HostKernelError(
                f"{self._name}: block {block}, at most {self._max_threads} threads"
            )
        if not (1 <= grid[0] < 2**31 and all(1 <= n < 2**16 for n in grid[1:])):
            raise HostKernelError(f"{self._name}: no grid can be {grid}")
        if shared_mem > self._max_shared:
            raise HostKernelError(
                f"{self._name}: {shared_mem} bytes of shared memory, but "
                f"max_dynamic_shared_size_bytes is {self._max_shared}"
            )

    def _values(self, args):
        """Arrays of no axes, one for each parameter."""
        n = len(self._parameters)
        if len(args) != n:
            raise HostKernelError(f"{self._name} takes {n} arguments, not {len(args)}")
        numbered = enumerate(zip(args, self._parameters, strict=True))
        return [self._value(i, *pair) for i, pair in numbered]

    def _value(self, i, arg, parameter):
        """An array of no axes with the bytes of one parameter."""
        kind = parameter.kind.decode()
        if kind == "p" and isinstance(arg, DeviceArray):
            self._check_pointee(i, arg.dtype, parameter)
            return np.array(arg.__cuda_array_interface__["data"][0], np.uint64)
        by_value = isinstance(arg, np.generic) or (
            isinstance(arg, np.ndarray) and arg.ndim == 0 and arg.dtype.names
        )
        if by_value and (_kind(arg.dtype), arg.itemsize) == (kind, parameter.size):
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
    if isinstance(arg, DeviceArray):
        return f"a device array of {arg.dtype}"
    if isinstance(arg, np.generic):
        return f"a scalar of {arg.dtype}"
    if isinstance(arg, np.ndarray) and arg.dtype.names:
        return f"a struct of {arg.nbytes} bytes"
    if isinstance(arg, np.ndarray):
        return f"a host array of {arg.dtype}"
    return f"of type {type(arg).__name__}"


def _three(sizes):
    sizes = tuple(int(size) for size in sizes)
    return sizes + (1,) * (3 - len(sizes))


def thread_order(order, n_threads):
    """Warps in some order, and so the lanes of each."""
    warps = [np.arange(i, min(i + 32, n_threads)) for i in range(0, n_threads, 32)]
    lanes = [warps[i][order(warps[i].size)] for i in order(len(warps))]
    return np.concatenate(lanes).astype(np.int32)
