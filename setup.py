"""Builds the extension: one C source, compiled once per instruction set."""

import os
import platform
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ENGINE = Path("pydbcnn/backends/_cpu")
BFLOAT16 = ["-mavx512f", "-mavx512bf16"]
AMX = ["-mamx-tile", "-mamx-bf16"]
FLAGS = ["-O3", "-g0", "-std=gnu11", "-fPIC", "-fno-math-errno", "-fno-trapping-math"]
# For `make sanitize`: memory and undefined behaviour are checked, and a report names
# lines. In a folder of its own, as objects of one kind would pass for the other.
SANITIZE = []
BUILD_BASE = "build"
if os.environ.get("PYDBCNN_SANITIZE"):
    SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    # Python's own flags have -fwrapv, with which no overflow would be reported.
    SANITIZE += ["-fstrict-overflow", "-fno-omit-frame-pointer", "-O1", "-g1"]
    BUILD_BASE = "build/sanitize"


def compiler():
    """The compiler as setuptools calls it, with what a user adds to it."""
    command = os.environ.get("CC") or sysconfig.get_config_var("CC")
    added = (os.environ.get(name, "") for name in ("CPPFLAGS", "CFLAGS", "LDFLAGS"))
    return [word for text in (command, *added) for word in shlex.split(text)]


def accepts(flags, source="int main(void) { return 0; }\n"):
    """Whether the compiler makes a library with these flags."""
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.c")
        probe.write_text(source)
        command = [*compiler(), *flags, "-fPIC", "-shared", str(probe)]
        command += ["-o", str(probe.with_suffix(".so"))]
        try:
            # By its status: the exceptions of setuptools are not the same classes in
            # all of its versions.
            return subprocess.run(command, capture_output=True).returncode == 0
        except OSError:  # there is no compiler, as the build itself will say
            return False


def instruction_sets():
    """The flags of each engine, and the macros that tell which engines there are."""
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return {"baseline": []}, []
    sets = {"baseline": [], "avx2": ["-mavx2", "-mfma"], "avx512": ["-mavx512f"]}
    macros = [("PYDBCNN_X86", None)]
    if accepts([*BFLOAT16, *AMX]):  # GCC 11, Clang 12
        sets |= {"avx512_bf16": BFLOAT16, "amx": [*BFLOAT16, *AMX]}
        macros += [("PYDBCNN_BFLOAT16", None)]
    return sets, macros


def common_flags():
    """The flags of all engines."""
    # GCC would carry input values from one tap to the next and spill them to the stack.
    wanted = ["-fno-predictive-commoning"]
    return [*FLAGS, *(wanted if accepts(wanted) else [])]


def openmp_flags():
    """Flags for OpenMP, or none, with a word about what that costs."""
    source = "#include <omp.h>\nint n(void) { return omp_get_max_threads(); }\n"
    if accepts(["-fopenmp"], source):
        return ["-fopenmp"]
    print("pydbcnn: no OpenMP in this compiler, so one thread only", file=sys.stderr)
    return []


def engine_library(name, flags, macros):
    """A static library with the engine for one instruction set."""
    sources = [str(ENGINE / f"engine_{name}.c")]
    if name == "baseline":
        sources.append(str(ENGINE / "dispatch.c"))
    return f"pydbcnn_{name}", {
        "sources": sources,
        "obj_deps": {"": [str(path) for path in sorted(ENGINE.glob("*.h"))]},
        "macros": macros,
        "cflags": [*flags, *SANITIZE],
    }


def engine_libraries():
    """The engines that this compiler can make."""
    sets, macros = instruction_sets()
    common = common_flags()
    return [
        engine_library(name, [*common, *flags], macros) for name, flags in sets.items()
    ]


def extension_flags():
    """The flags with which the extension is compiled, and those to link it."""
    openmp = openmp_flags()
    return {
        "extra_compile_args": ["-g0", *openmp, *SANITIZE],
        "extra_link_args": [*openmp, *SANITIZE],
    }


def build():
    """Hand all of it to setuptools."""
    # Here, as what this compiler accepts can be asked for without a build.
    import numpy
    from Cython.Build import cythonize
    from setuptools import Extension, setup

    extension = Extension(
        "pydbcnn.backends._cpu.bindings",
        ["pydbcnn/backends/_cpu/bindings.pyx"],
        include_dirs=[str(ENGINE), numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        **extension_flags(),
    )
    setup(
        options={"build": {"build_base": BUILD_BASE}},
        libraries=engine_libraries(),
        ext_modules=cythonize(extension),
    )


if __name__ == "__main__":
    build()
