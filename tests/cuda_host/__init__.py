"""CUDA kernels run on the host, so that the tests need no GPU."""

from .arrays import HostKernelError, HostXp
from .module import missing
from .runtime import HostRuntime, in_all_orders

__all__ = ["HostKernelError", "HostRuntime", "HostXp", "in_all_orders", "missing"]
