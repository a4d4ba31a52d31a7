"""What the commands say about themselves and about words that are wrong."""

import os
import subprocess
import sys

import pytest

from pydbcnn import __version__


def test_info(run_pydbcnn):
    shown = run_pydbcnn("info", OMP_NUM_THREADS="3").stdout
    for word in ("numpy", "instruction set", "GPU", "mild"):
        assert word in shown
    assert [line.split() for line in shown.splitlines() if "threads" in line] == [
        ["threads", "3"]
    ]


@pytest.mark.parametrize(
    "command", ["deblur", "make-dataset", "train", "evaluate", "info"]
)
def test_help_has_examples(run_pydbcnn, command):
    shown = run_pydbcnn(command, "--help").stdout
    assert "examples:" in shown
    assert f"pydbcnn {command}" in shown


def test_words_that_are_wrong(run_pydbcnn):
    assert "usage:" in run_pydbcnn(status=2).stderr
    assert "invalid choice" in run_pydbcnn("sharpen", status=2).stderr
    assert run_pydbcnn("--version").stdout.strip() == __version__


def test_the_installed_command_is_the_same():
    command = os.path.join(os.path.dirname(sys.executable), "pydbcnn")
    result = subprocess.run(
        [command, "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == __version__
