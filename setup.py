"""Builds the extension: one C source, compiled once per instruction set."""

import os
import platform
import sys
import tempfile
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools._distutils.ccompiler import new_compiler
from setuptools._distutils.sysconfig import customize_compiler
from setuptools.errors import CompileError

ENGINE = Path("pydbcnn/backends/_cpu")


def compiles(flags, source="int main(void) { return 0; }\n"):
    """Whether the compiler takes these flags."""
    compiler = new_compiler()
    customize_compiler(compiler)
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.c")
        probe.write_text(source)
        try:
            compiler.compile([str(probe)], output_dir=folder, extra_preargs=flags)
        except CompileError:
            return False
    return True


INSTRUCTION_SETS = {"baseline": []}
MACROS = []
if platform.machine().lower() in {"x86_64", "amd64"}:
    INSTRUCTION_SETS |= {"avx2": ["-mavx2", "-mfma"], "avx512": ["-mavx512f"]}
    MACROS += [("PYDBCNN_X86", None)]
    BFLOAT16 = ["-mavx512f", "-mavx512bf16"]
    AMX = ["-mamx-tile", "-mamx-bf16"]
    if compiles([*BFLOAT16, *AMX]):  # GCC 11, Clang 12
        INSTRUCTION_SETS |= {"avx512_bf16": BFLOAT16, "amx": [*BFLOAT16, *AMX]}
        MACROS += [("PYDBCNN_BFLOAT16", None)]

FLAGS = ["-O3", "-g0", "-std=gnu11", "-fPIC", "-fno-math-errno", "-fno-trapping-math"]
# GCC would carry input values from one tap to the next and spill them to the stack.
if compiles(["-fno-predictive-commoning"]):
    FLAGS.append("-fno-predictive-commoning")
# For `make sanitize`: memory and undefined behaviour are checked, and a report names
# lines. In a folder of its own, as objects of one kind would pass for the other.
SANITIZE = []
BUILD_BASE = "build"
if os.environ.get("PYDBCNN_SANITIZE"):
    SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    # Python's own flags have -fwrapv, with which no overflow would be reported.
    SANITIZE += ["-fstrict-overflow", "-fno-omit-frame-pointer", "-O1", "-g1"]
    BUILD_BASE = "build/sanitize"


def openmp_flags():
    """Flags for OpenMP, or none, with a word about what that costs."""
    if compiles(["-fopenmp"], "#include <omp.h>\n"):
        return ["-fopenmp"]
    print("pydbcnn: no OpenMP in this compiler, so one thread only", file=sys.stderr)
    return []


def engine_library(name, flags):
    """A static library with the engine for one instruction set."""
    sources = [str(ENGINE / f"engine_{name}.c")]
    if name == "baseline":
        sources.append(str(ENGINE / "dispatch.c"))
    return f"pydbcnn_{name}", {
        "sources": sources,
        "obj_deps": {"": [str(path) for path in sorted(ENGINE.glob("*.h"))]},
        "macros": MACROS,
        "cflags": [*FLAGS, *flags, *SANITIZE],
    }


OPENMP = openmp_flags()
setup(
    options={"build": {"build_base": BUILD_BASE}},
    libraries=[engine_library(*item) for item in INSTRUCTION_SETS.items()],
    ext_modules=cythonize(
        Extension(
            "pydbcnn.backends._cpu.bindings",
            ["pydbcnn/backends/_cpu/bindings.pyx"],
            include_dirs=[str(ENGINE), numpy.get_include()],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
            extra_compile_args=["-g0", *OPENMP, *SANITIZE],
            extra_link_args=[*OPENMP, *SANITIZE],
        )
    ),
)
