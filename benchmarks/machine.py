"""What the figures were measured on. The machine is described, not named."""

import importlib.metadata
import os
import platform
from pathlib import Path

from report import percent
from timing import N_THREADS

from pydbcnn.backends import get_backend
from pydbcnn.backends.cpu import available_isas

PACKAGES = ("pydbcnn", "numpy", "onnxruntime", "openvino", "torch")
# Of the many flags of a processor, those that convolutions gain from.
FLAGS = {
    "avx2": "AVX2",
    "fma": "FMA",
    "avx512f": "AVX-512F",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "avx512_fp16": "AVX512_FP16",
    "amx_bf16": "AMX_BF16",
    "amx_int8": "AMX_INT8",
    "asimd": "NEON",
    "bf16": "BF16",
    "sve": "SVE",
}


def core_seconds():
    """Seconds that there were on all cores, that were used, and that we used."""
    stat = Path("/proc/stat").read_text(encoding="utf-8")
    ticks = [int(word) for word in stat.splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    per_second = os.sysconf("SC_CLK_TCK")
    used = sum(ticks) - idle
    return sum(ticks) / per_second, used / per_second, sum(os.times()[:4])


def describe(start, packages=PACKAGES):
    """Rows about the machine and the versions, as a dict of str.

    Parameters
    ----------
    start : tuple of float
        What `core_seconds` was at the start.
    packages : iterable of str
        Those whose versions are told.
    """
    info = _cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    flags = (info.get("flags") or info.get("Features", "")).split()
    isas = ", ".join(available_isas())
    return {
        "processor": info.get("model name") or platform.machine(),
        "cores that may be used": str(len(os.sched_getaffinity(0))),
        "threads of each library": str(N_THREADS),
        "caches": ", ".join(_caches(Path("/sys/devices/system/cpu/cpu0/cache"))),
        "instruction sets": ", ".join(FLAGS[flag] for flag in FLAGS if flag in flags),
        "used by other programs": _share_of_others(start),
        "engine of pydbcnn": f"{get_backend().isa}, of {isas}",
        "Python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def _share_of_others(start):
    """Figures are worth little when this is much."""
    there_were, used, by_us = (
        now - before for now, before in zip(core_seconds(), start, strict=True)
    )
    share = percent(max(0, used - by_us) / there_were)
    return f"{share} of the time of the cores"


def _cpuinfo(text):
    """The entries of the first processor."""
    first = text.split("\n\n")[0]
    pairs = (line.partition(":")[::2] for line in first.splitlines())
    return {key.strip(): value.strip() for key, value in pairs}


def _caches(folder):
    """Such as "2 MiB L2", for each cache of a core that holds data."""
    for cache in sorted(folder.glob("index*")):
        level, kind, size = (
            (cache / name).read_text(encoding="utf-8").strip()
            for name in ("level", "type", "size")
        )
        if kind != "Instruction":
            yield f"{_size(int(size.removesuffix('K')))} L{level}"


def _size(kib):
    return f"{kib / 1024:g} MiB" if kib >= 1024 else f"{kib} KiB"


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
