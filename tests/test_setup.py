"""What the build asks of compilers that refuse some of the flags."""

import json
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PRINT_SETTINGS = """
import json, runpy

setup = runpy.run_path("setup.py")
print(json.dumps([dict(setup["engine_libraries"]()), setup["extension_flags"]()]))
"""
COMPILER = os.environ.get("CC") or sysconfig.get_config_var("CC")
# Passes everything on, but for one flag, which it refuses as compilers do.
REFUSING = """#!/bin/sh
for argument; do
    if [ "$argument" = {refused} ] && ! {unless}; then
        echo "unknown argument: $argument" >&2
        exit 1
    fi
done
exec {compiler} "$@"
"""


def settings(compiler):
    """Return the settings of the libraries and of the extension for a compiler."""
    result = subprocess.run(
        [sys.executable, "-P", "-c", PRINT_SETTINGS],
        cwd=ROOT,
        env={**os.environ, "CC": str(compiler)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return *json.loads(result.stdout), result.stderr


def flags_of(library):
    return [*library["cflags"], *(f"-D{name}" for name, _ in library["macros"])]


def compiles(compiler, flags, folder):
    source = folder / "empty.c"
    source.write_text("int main(void) { return 0; }\n")
    command = [*shlex.split(str(compiler)), *flags, "-c", str(source)]
    command += ["-o", str(folder / "empty.o")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def refusing(tmp_path):
    """Return a compiler that refuses a flag, unless a condition of the shell holds."""

    def make(flag, unless="false"):
        path = tmp_path / "compiler"
        path.write_text(REFUSING.format(refused=flag, unless=unless, compiler=COMPILER))
        path.chmod(0o755)
        return path

    return make


@pytest.mark.parametrize("flag", ["-mavx512bf16", "-mamx-tile", "-mamx-bf16"])
def test_engines_that_the_compiler_does_not_know_are_left_out(refusing, flag, tmp_path):
    compiler = refusing(flag)
    usual, usual_extension, _ = settings(COMPILER)
    libraries, extension, _ = settings(compiler)
    assert set(libraries) == set(usual) - {"pydbcnn_avx512_bf16", "pydbcnn_amx"}
    assert extension == usual_extension
    for name, library in libraries.items():
        flags = flags_of(library)
        assert "-DPYDBCNN_BFLOAT16" not in flags
        left_out = set(flags_of(usual[name])) - set(flags)
        assert left_out <= {"-DPYDBCNN_BFLOAT16"}
        assert compiles(compiler, flags, tmp_path)


def test_a_flag_for_speed_that_the_compiler_does_not_know_is_left_out(
    refusing, tmp_path
):
    flag = "-fno-predictive-commoning"
    compiler = refusing(flag)
    usual, usual_extension, _ = settings(COMPILER)
    libraries, extension, _ = settings(compiler)
    assert extension == usual_extension
    assert set(libraries) == set(usual)
    for name, library in libraries.items():
        assert set(flags_of(library)) == set(flags_of(usual[name])) - {flag}
        assert compiles(compiler, flags_of(library), tmp_path)


# Clang comes without the library of OpenMP, with and without its header.
@pytest.mark.parametrize(
    "unless", ["false", 'case " $* " in *" -c "*) true;; *) false;; esac']
)
def test_without_openmp_there_is_one_thread_and_a_word_about_it(refusing, unless):
    usual, _, _ = settings(COMPILER)
    libraries, extension, words = settings(refusing("-fopenmp", unless))
    assert libraries == usual
    assert "-fopenmp" not in str(extension)
    assert "no OpenMP in this compiler, so one thread only" in words


@pytest.mark.parametrize(
    "flags",
    [["-mavx512bf16", "-mamx-tile", "-mamx-bf16"], ["-fno-predictive-commoning"]],
)
def test_every_probed_flag_is_used_where_it_is_known(tmp_path, flags):
    """Else a fault of the probes would pass for a compiler that knows nothing."""
    libraries, _, _ = settings(COMPILER)
    used = {flag for library in libraries.values() for flag in flags_of(library)}
    assert set(flags) <= used or not compiles(COMPILER, flags, tmp_path)


def test_a_missing_compiler_is_left_to_the_build(tmp_path):
    libraries, extension, _ = settings(tmp_path / "missing")
    assert "pydbcnn_baseline" in libraries
    assert extension["extra_link_args"] == []
