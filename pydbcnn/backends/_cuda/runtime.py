"""Launches of kernels by name, and the memory of the device."""

from dataclasses import dataclass, field

import numpy as np

from .arrays import Image, Region

# Bytes of dynamic shared memory that a block may have without more ado. For more, CUDA
# wants an attribute of the kernel to be raised first.
_DEFAULT_SHARED_MEMORY = 48 * 1024


@dataclass
class Runtime:
    """A device: its arrays, and the kernels that run on it.

    Parameters
    ----------
    xp : module
        CuPy, or its counterpart of the tests, which runs kernels on the host.
    load_module : callable
        Takes the name of a kernel, and returns a compiled module with
        ``get_function(name)``.
    n_processors : int
        Multiprocessors of the device.
    synchronize : callable
        Waits until all launched kernels are done. On the host they are already.
    """

    xp: object
    load_module: object
    n_processors: int
    synchronize: object = lambda: None
    _functions: dict = field(default_factory=dict)
    _constants: dict = field(default_factory=dict)

    def launch(self, name, grid, block, args, *, shared_memory=0):
        """Run a kernel on the current stream.

        Parameters
        ----------
        name : str
            C++ name of the kernel, with the arguments of its template.
        grid, block : tuple of int
        args : sequence of device array, Image, Region, int or float
            Integers arrive as ``long long``, floats as ``float``.
        shared_memory : int, default=0
            Bytes of dynamic shared memory of each block.
        """
        function = self._function(name)
        if shared_memory > _DEFAULT_SHARED_MEMORY:
            function.max_dynamic_shared_size_bytes = shared_memory
        function(
            grid,
            block,
            tuple(self._argument(name, arg) for arg in args),
            shared_mem=shared_memory,
        )

    def _function(self, name):
        if name not in self._functions:
            self._functions[name] = self.load_module(name).get_function(name)
        return self._functions[name]

    def _argument(self, kernel, arg):
        if isinstance(arg, Image):
            return arg.struct(self._address(kernel, arg.array))
        if isinstance(arg, Region):
            return arg.struct()
        if isinstance(arg, (int, np.integer)):
            return np.int64(arg)
        if isinstance(arg, (float, np.floating)):
            return np.float32(arg)
        self._address(kernel, arg)
        return arg

    def _address(self, kernel, array):
        """The address of an array, which has no gaps: kernels know no strides."""
        if not array.flags.c_contiguous:
            raise AssertionError(
                f"{kernel} got an array of shape {array.shape} with gaps"
            )
        return array.__cuda_array_interface__["data"][0]

    def constant(self, make, *args):
        """The array that ``make(*args)`` returns, on the device; made only once."""
        key = make, *args
        if key not in self._constants:
            array = self.to_device(make(*args))
            # Later launches may be on other streams, which do not wait for the copy.
            self.synchronize()
            self._constants[key] = array
        return self._constants[key]

    def to_device(self, array):
        """An array on the device without gaps: a copy, if it was not one before."""
        return self.xp.ascontiguousarray(self.xp.asarray(array))

    def to_host(self, array, out=None):
        """A device array as a NumPy array: a new one, or `out`, of its shape and type.

        Where `out` can take the data of the device directly, it does: a photograph is
        too large for one more copy.
        """
        if out is None or out.flags.c_contiguous:
            return self.xp.asnumpy(array, out=out)
        out[...] = self.xp.asnumpy(array)
        return out
