"""What stands in for CuPy: NumPy's functions, on arrays that are none of NumPy's.

Each lies between two pages that nobody may touch, at the end or the start of its own;
what is left of these is checked after each launch. New memory is full of NaN.
"""

import weakref
from types import SimpleNamespace

import numpy as np
from guarded import PAGE, between_pages
from numpy.lib.mixins import NDArrayOperatorsMixin

POISON = 0xFF  # bytes of a NaN, in every floating-point type
_N_GUARDS = 1024  # pages, so that a wrong row is found as well as a wrong pixel
_VECTOR = 16  # bytes of the largest access of a kernel
# What is used of CuPy: a test looks whether it is there. More may be, but not all that
# NumPy has, nor with all of its parameters.
FUNCTIONS = frozenset(
    (
        "arange",
        "clip",
        "concatenate",
        "from_dlpack",
        "full",
        "isfinite",
        "ndim",
        "ones",
        "pad",
        "rint",
        "sqrt",
        "square",
        "subtract",
        "where",
        "zeros",
        "zeros_like",
    )
)
ATTRIBUTES = frozenset(
    (
        "T",
        "all",
        "any",
        "argmax",
        "astype",
        "copy",
        "device",
        "dtype",
        "flags",
        "itemsize",
        "max",
        "mean",
        "min",
        "nbytes",
        "ndim",
        "ravel",
        "reshape",
        "shape",
        "size",
        "sum",
        "swapaxes",
        "transpose",
        "view",
    )
)
_KEYWORDS = frozenset(("axis", "casting", "copy", "dtype", "keepdims", "order", "out"))


class Memory:
    """Bytes for one array, with guards around them.

    Parameters
    ----------
    n_bytes : int
    alignment : int
        Of the address, at least.
    at : {"end", "start"}
        Which end of its pages the array touches, so that one byte beyond it is a fault.
    """

    def __init__(self, n_bytes, alignment, at):
        self.pages = between_pages(n_bytes, _N_GUARDS)
        self.pages[:] = POISON
        self.start = 0
        if at == "end":
            self.start = (self.pages.size - n_bytes) // alignment * alignment
        self.stop = self.start + n_bytes
        self.bytes = self.pages[self.start : self.stop]
        self.address = self.bytes.ctypes.data if n_bytes else 0

    def owns(self, address):
        """Whether an address lies in the pages, or in those that guard them."""
        first, guards = self.pages.ctypes.data, _N_GUARDS * PAGE
        return -guards <= address - first < self.pages.size + guards

    def place(self, address):
        """Where an address lies, in words."""
        offset = address - self.pages.ctypes.data - self.start
        return f"{offset} bytes from the start of {self.bytes.size} bytes"

    def written_guard(self):
        """The address of a byte of the guards that was written, or None."""
        written = self.pages != POISON
        written[self.start : self.stop] = False
        where = np.flatnonzero(written)
        return int(where[0]) + self.pages.ctypes.data if where.size else None


class DeviceArray(NDArrayOperatorsMixin):
    """An array "on the device": what is done to it gives such arrays again.

    As with CuPy, it is no NumPy array, and becomes none but by ``xp.asnumpy``.
    """

    __hash__ = None

    def __init__(self, xp, memory, values):
        self._xp, self._memory, self._values = xp, memory, values

    @property
    def __cuda_array_interface__(self):
        return dict(self._values.__array_interface__, version=3, stream=1)

    def __getattr__(self, name):
        if name not in ATTRIBUTES:
            raise AttributeError(name)
        value = getattr(self._values, name)
        if not callable(value):
            return self._wrap(value)

        def on_device(*args, **kwargs):
            _check_keywords(name, kwargs)
            return self._wrap(value(*_host(args), **_host(kwargs)))

        return on_device

    def __array__(self, *args, **kwargs):
        raise TypeError("an array on the device becomes a NumPy array by xp.asnumpy")

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **kwargs):
        _refuse_host_arrays(inputs)
        _check_keywords(ufunc.__name__, kwargs)
        if method != "__call__":
            raise TypeError(f"{ufunc.__name__}.{method} is not on the device")
        if out:
            kwargs["out"] = tuple(_host(out))
        result = getattr(ufunc, method)(*_host(inputs), **_host(kwargs))
        return out[0] if out else self._wrap(result)

    def __array_function__(self, function, types, args, kwargs):
        _refuse_host_arrays(args)
        _check_function(function.__name__)
        _check_keywords(function.__name__, kwargs)
        return self._wrap(function(*_host(args), **_host(kwargs)))

    def _wrap(self, value):
        """Views stay on the memory; what is new goes into memory of its own."""
        if isinstance(value, tuple):
            return tuple(self._wrap(item) for item in value)
        if isinstance(value, np.ndarray) and np.may_share_memory(value, self._values):
            return DeviceArray(self._xp, self._memory, value)
        return self._xp.from_host(value)

    def __getitem__(self, key):
        return self._wrap(self._values[_host(key)])

    def __setitem__(self, key, value):
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError("a host array does not go into one on the device")
        self._values[_host(key)] = _host(value)

    def __len__(self):
        return len(self._values)

    def __float__(self):
        return float(self._values)

    def __int__(self):
        return int(self._values)

    def __bool__(self):
        return bool(self._values)

    def __repr__(self):
        return f"DeviceArray({self._values!r})"

    @property
    def flags(self):
        return self._values.flags

    def get(self, out=None):
        """A copy on the host."""
        if out is None:
            return np.array(self._values)
        if (out.shape, out.dtype) != (self.shape, self.dtype):
            raise ValueError(f"{out.dtype} {out.shape} for {self!r}")
        if not (out.flags.c_contiguous and self.flags.c_contiguous):
            raise RuntimeError("arrays with gaps")
        out[...] = self._values
        return out

    def set(self, values):
        """Take the values of a host array of the same shape and type."""
        if values.shape != self.shape or values.dtype != self.dtype:
            raise TypeError(f"{values.dtype} {values.shape} for {self!r}")
        self._values[...] = values


def _host(value):
    """NumPy arrays in the place of those on the device."""
    if isinstance(value, DeviceArray):
        return value._values
    if isinstance(value, (tuple, list)):
        return type(value)(_host(item) for item in value)
    if isinstance(value, dict):
        return {key: _host(item) for key, item in value.items()}
    return value


def _check_function(name):
    if name not in FUNCTIONS:
        raise AttributeError(f"{name}: is it a function of CuPy? Then add it above")


def _check_keywords(name, keywords):
    if unknown := set(keywords) - _KEYWORDS:
        raise TypeError(f"{name} on the device takes no {', '.join(sorted(unknown))}")


def _refuse_host_arrays(values):
    for value in values:
        if isinstance(value, (tuple, list)):
            _refuse_host_arrays(value)
        elif isinstance(value, np.ndarray) and value.ndim:
            raise TypeError(
                f"a host array of shape {value.shape} among arrays on the device"
            )


class HostXp:
    """The functions of NumPy, on arrays "on the device".

    Parameters
    ----------
    at : {"end", "start"}, default="end"
        Where arrays lie in their pages.
    """

    ndarray = DeviceArray
    # The current device: NumPy says of each array that it lies on this one.
    cuda = SimpleNamespace(Device=lambda: "cpu")

    def __init__(self, at="end"):
        self._at = at
        self._memories = weakref.WeakSet()

    def __getattr__(self, name):
        _check_function(name)
        value = getattr(np, name)
        if not callable(value) or isinstance(value, type):
            return value

        def on_device(*args, **kwargs):
            _refuse_host_arrays(args)
            _check_keywords(name, kwargs)
            for arg in args:
                if isinstance(arg, DeviceArray):
                    return arg._wrap(value(*_host(args), **_host(kwargs)))
            return self.from_host(value(*_host(args), **_host(kwargs)))

        return on_device

    def empty(self, shape, dtype=np.float64):
        """New memory, full of NaN."""
        dtype = np.dtype(dtype)
        shape = tuple(shape) if np.iterable(shape) else (shape,)
        n_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        # Pixels are read one by one, larger types may be read in vectors.
        alignment = _VECTOR if dtype.itemsize >= 4 else dtype.itemsize
        memory = Memory(n_bytes, alignment, self._at)
        self._memories.add(memory)
        return DeviceArray(self, memory, memory.bytes.view(dtype).reshape(shape))

    def empty_like(self, array, dtype=None):
        return self.empty(array.shape, dtype or array.dtype)

    def from_host(self, value):
        """A copy on the device of an array; what is none stays what it is."""
        if not isinstance(value, (np.ndarray, np.generic)):
            return value
        array = self.empty(value.shape, value.dtype)
        array._values[...] = value
        return array

    def array(self, values, dtype=None):
        """A copy on the device of what lies here or there."""
        return self.from_host(np.array(_host(values), dtype))

    def asarray(self, values, dtype=None):
        if isinstance(values, DeviceArray):
            same = dtype is None or values.dtype == dtype
            return values if same else values.astype(dtype)
        return self.array(values, dtype)

    def ascontiguousarray(self, values, dtype=None):
        values = self.asarray(values, dtype)
        return values if values.flags.c_contiguous else values.copy()

    def asnumpy(self, array, out=None):
        """A copy on the host."""
        if not isinstance(array, DeviceArray):
            return np.asarray(array)
        return array.get() if out is None else array.get(out=out)

    def memory_at(self, address):
        """The memory that an address lies in or beside, or None."""
        for memory in self._memories:
            if memory.owns(address):
                return memory
        return None

    def check(self, kernel):
        """Raise if a kernel wrote beside an array."""
        for memory in self._memories:
            address = memory.written_guard()
            if address is not None:
                raise HostKernelError(
                    f"{kernel} wrote {memory.place(address)} of an array"
                )


class HostKernelError(AssertionError):
    """A kernel did what it must not do."""
