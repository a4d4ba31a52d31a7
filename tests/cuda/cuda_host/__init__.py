"""CUDA kernels run on the host, so that the tests need no GPU.

Modules of tests that import this are skipped where there is no g++.
"""

import shutil

import pytest

if shutil.which("g++") is None:
    pytest.skip("there is no g++ to run CUDA kernels with", allow_module_level=True)

from .arrays import HostKernelError, HostXp
from .runtime import HostRuntime, in_all_orders

__all__ = ["HostKernelError", "HostRuntime", "HostXp", "in_all_orders"]
