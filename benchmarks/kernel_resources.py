"""What the compiler says of each CUDA kernel: registers, spills, shared memory.

No GPU is needed, only CuPy and NVRTC. As a script, it prints a table of all kernels.
"""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cupy.cuda import nvrtc

from pydbcnn.backends._cuda.instances import kernel_instances
from pydbcnn.backends._cuda.source import COMPILE_OPTIONS, kernel_source

ARCHITECTURES = (75, 80, 90, 100, 120)
# What CuPy adds to the options of every kernel: numbers below 2**-126 become zero.
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")
_REGISTERS = 65536  # of a processor, for all threads of a block
_GRANULE = 8  # registers of a thread are given in such portions
_MAX_THREADS = 1024  # of a block whose kernel has no launch bounds

_ENTRY = re.compile(r"Compiling entry function '(\w+)'")
_STACK = re.compile(
    r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
)
_USED = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")
_BOUNDS = re.compile(r"\.entry (\w+)\([^)]*\)\s*((?:\.\w+[ \d,]*\s*)*)\{")
_THREADS = re.compile(r"\.maxntid (\d+)(?:, (\d+), (\d+))?")


class KernelCompileError(Exception):
    """NVRTC took a kernel for wrong, or does not know the architecture."""


@dataclass(frozen=True)
class Resources:
    """What a thread of a kernel needs; memory in bytes.

    Parameters
    ----------
    name : str
    architecture : int
        Compute capability, times ten.
    registers : int
    stack : int
        Arrays of a thread that are no registers, and what was spilled.
    spill_stores, spill_loads : int
    shared : int
        Static, of a block.
    threads : int
        The most that a block may have.
    """

    name: str
    architecture: int
    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    shared: int
    threads: int

    def faults(self):
        """What is wrong, in words; empty if nothing is."""
        faults = []
        if self.spill_stores or self.spill_loads:
            faults.append(
                f"{self.spill_stores} bytes of spill stores and {self.spill_loads} of "
                "spill loads"
            )
        registers = -(-self.registers // _GRANULE) * _GRANULE
        if registers * self.threads > _REGISTERS:
            faults.append(
                f"{self.registers} registers for {self.threads} threads are more than "
                f"{_REGISTERS}"
            )
        return [f"{self.name} for sm_{self.architecture}: {fault}" for fault in faults]


def compile_kernels(names, architecture, source=None):
    """Compile kernels for an architecture, and read what they need.

    Parameters
    ----------
    names : sequence of str
        Name expressions, such as ``scale<float>``.
    architecture : int
        Compute capability, times ten.
    source : str, default=None
        CUDA C++; the kernels of the engine if None.

    Returns
    -------
    resources : list of Resources

    Raises
    ------
    KernelCompileError
        With the log of the compiler.
    """
    program = nvrtc.createProgram(source or kernel_source(), "kernels.cu", (), ())
    try:
        for name in names:
            nvrtc.addNameExpression(program, name)
        log, ptx = _compile(program, architecture)
        symbols = [nvrtc.getLoweredName(program, name) for name in names]
    finally:
        nvrtc.destroyProgram(program)
    parts = _by_entry(log)
    bounds = _launch_bounds(ptx)
    return [
        _resources(name, architecture, parts[symbol], bounds[symbol])
        for name, symbol in zip(names, symbols, strict=True)
    ]


def _compile(program, architecture):
    options = (
        *COMPILE_OPTIONS,
        *CUPY_OPTIONS,
        f"-arch=sm_{architecture}",
        "--ptxas-options=-v",
    )
    try:
        nvrtc.compileProgram(program, options)
    except nvrtc.NVRTCError as error:
        log = nvrtc.getProgramLog(program)
        raise KernelCompileError(f"for sm_{architecture}: {error}\n{log}") from error
    return nvrtc.getProgramLog(program), nvrtc.getPTX(program).decode()


def _by_entry(log):
    """The parts of a log, by the symbol of the kernel."""
    pieces = _ENTRY.split(log)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def _launch_bounds(ptx):
    """Threads that a block may have, by the symbol of the kernel."""
    bounds = {}
    for symbol, directives in _BOUNDS.findall(ptx):
        threads = _THREADS.search(directives)
        sides = [int(side or 1) for side in threads.groups()] if threads else []
        bounds[symbol] = sides[0] * sides[1] * sides[2] if sides else _MAX_THREADS
    return bounds


def _resources(name, architecture, log, threads):
    stack, stores, loads = map(int, _STACK.search(log).groups())
    shared = _SHARED.search(log)
    return Resources(
        name,
        architecture,
        int(_USED.search(log)[1]),
        stack,
        stores,
        loads,
        int(shared[1]) if shared else 0,
        threads,
    )


def kernel_resources(architectures=ARCHITECTURES, instances=None, source=None):
    """What all kernels need, for each architecture that can run them.

    Parameters
    ----------
    architectures : sequence of int, default=(75, 80, 90, 100, 120)
    instances : list of (str, int), default=None
        Names and lowest architectures; those of the engine if None.
    source : str, default=None
        As for `compile_kernels`.

    Returns
    -------
    resources : list of Resources
        All kernels for the first architecture, then for the next.
    """
    instances = kernel_instances() if instances is None else instances
    # What is no template is compiled with each program: few programs save time.
    n_programs = os.cpu_count()
    tasks = [
        ([name for name, lowest in instances if lowest <= architecture], architecture)
        for architecture in architectures
    ]
    with ThreadPoolExecutor(n_programs) as pool:
        programs = [
            [
                pool.submit(
                    compile_kernels, names[first::n_programs], architecture, source
                )
                for first in range(n_programs)
            ]
            for names, architecture in tasks
        ]
        found = {
            (item.name, item.architecture): item
            for parts in programs
            for part in parts
            for item in part.result()
        }
    return [
        found[name, architecture] for names, architecture in tasks for name in names
    ]


def table(resources):
    """Resources as a Markdown table, a kernel a row and an architecture a column."""
    architectures = sorted({item.architecture for item in resources})
    cells = {(item.name, item.architecture): _cell(item) for item in resources}
    names = list(dict.fromkeys(item.name for item in resources))
    rows = [
        ["kernel", *(f"sm_{architecture}" for architecture in architectures)],
        ["---", *("---:" for _ in architectures)],
        *(
            [f"`{name}`", *(cells.get((name, a), "") for a in architectures)]
            for name in names
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(item):
    """Registers, and what else there is."""
    extra = [
        f"{value} {what}"
        for value, what in (
            (item.spill_stores + item.spill_loads, "spilled"),
            (item.stack, "stack"),
            (item.shared, "shared"),
        )
        if value
    ]
    return ", ".join([str(item.registers), *extra])


if __name__ == "__main__":
    found = kernel_resources()
    print(table(found))
    wrong = [fault for item in found for fault in item.faults()]
    sys.exit("\n".join(wrong) or None)
