"""CUDA kernels run on the host, so that the tests need no GPU.

The source of the kernels is compiled by g++ and runs with one fiber for each thread;
the README of the folder above says what that shows. Modules of tests that import this
are skipped where there is no g++.
"""

import shutil

import pytest

if shutil.which("g++") is None:
    pytest.skip("there is no g++ to run CUDA kernels with", allow_module_level=True)

from .arrays import HostKernelError, HostXp
from .runtime import HostRuntime, differing_orders, in_all_orders

__all__ = [
    "HostKernelError",
    "HostRuntime",
    "HostXp",
    "differing_orders",
    "in_all_orders",
]
