"""The GPU, or a word about why there is none; rows, and the report at the end."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import report
from publishing import places
from report import Absent

from gpu import cases, pages
from gpu.contenders import CupyMeter, TorchMeter
from pydbcnn.backends import DeviceUnavailableError, get_backend

PUBLISHED = {"gpu.md": Path(__file__).parents[1] / "results" / "gpu.md"}
GPU_ROWS = pytest.StashKey[dict]()


def pytest_configure(config):
    """Start with no rows."""
    config.stash[GPU_ROWS] = {}
    # Those of PyTorch and its compiler, wherever they seem to come from.
    config.addinivalue_line("filterwarnings", "default")


@pytest.fixture(scope="session")
def gpu():
    """CuPy; without a GPU, all ends here, and it is said why."""
    try:
        get_backend("cuda")
    except DeviceUnavailableError as error:
        pytest.exit(str(error), returncode=2)
    return sys.modules["cupy"]


@pytest.fixture
def run(request, gpu):
    """Compare a case and keep its row: run(section, case, goal=...)."""
    rows = request.config.stash[GPU_ROWS]
    rounds = request.config.getoption("--rounds")
    meters = CupyMeter(), TorchMeter() if find_spec("torch") else None

    def row_of(case, goal):
        try:
            backend = get_backend("cuda", case.precision)
        except DeviceUnavailableError as error:  # it is too old for some
            return Absent(case.what, str(error))
        ours = case.ours(backend, gpu)
        return cases.compare(case, ours, case.others(), meters, rounds, goal=goal)

    def run_case(section, case, goal=None):
        row = row_of(case, goal)
        rows.setdefault(f"{section} {case.precision}", []).append(row)

    yield run_case
    cases.give_back()


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Print the report, and write it where it belongs."""
    rows = config.stash[GPU_ROWS]
    if not rows:
        return
    text = pages.markdown(describe_gpu(), rows, config.getoption("--rounds"))
    terminalreporter.section("report")
    terminalreporter.write_line(text)
    is_whole = set(rows) == set(pages.SECTIONS)
    targets, reason = places(config, exitstatus, PUBLISHED, is_whole)
    for place in targets.values():
        report.write(place, text.encode())
        terminalreporter.write_line(f"written: {os.path.relpath(place)}")
    if reason:
        terminalreporter.write_line(
            f"Nothing was written, since {reason}: pass --results DIR for a report."
        )


def describe_gpu():
    """What it was measured on."""
    from pydbcnn.backends._cuda.device import find_gpu

    cupy, gpu = find_gpu()
    return pages.describe(gpu, pages.kernel_driver(), cupy)
