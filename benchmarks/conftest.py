"""Two threads for everybody, and ratios printed at the end."""

import os

# Before any of the libraries starts its threads.
os.environ.setdefault("OMP_NUM_THREADS", "2")

import pytest

RATIOS = []


@pytest.fixture
def report_ratio():
    """Keep a line for the summary."""
    return RATIOS.append


def pytest_terminal_summary(terminalreporter):
    """Print medians and ratios below each other."""
    if RATIOS:
        terminalreporter.section("medians of interleaved runs, and ratios")
        for line in RATIOS:
            terminalreporter.write_line(line)
