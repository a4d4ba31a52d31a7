"""Options, the rows that tests record, and the report at the end."""

import os

import timing

# Before any of the libraries starts its threads.
os.environ["OMP_NUM_THREADS"] = str(timing.N_THREADS)

from pathlib import Path

import machine
import pytest
import report
from publishing import DESELECTED, FULL_ROUNDS, places

ROOT = Path(__file__).parents[1]
PUBLISHED = {
    "cpu.md": ROOT / "benchmarks" / "results" / "cpu.md",
    "speed.inc": ROOT / "docs" / "speed.inc",
    "layers.inc": ROOT / "docs" / "layers.inc",
    "speed.svg": ROOT / "docs" / "images" / "speed.svg",
}
UNUSED = "pytest_benchmark.logger.PytestBenchmarkWarning"
ROWS = pytest.StashKey[dict]()
START = pytest.StashKey[tuple]()


def pytest_addoption(parser):
    """Declare our options."""
    group = parser.getgroup("speed")
    group.addoption(
        "--rounds",
        type=int,
        default=FULL_ROUNDS,
        help=f"rounds of each comparison (default: {FULL_ROUNDS})",
    )
    group.addoption(
        "--results",
        type=Path,
        metavar="DIR",
        help="folder for the report of whatever was run; without it, a complete run "
        "replaces the published report, and a part of it writes nothing",
    )


def pytest_configure(config):
    """Start with no rows."""
    config.stash[ROWS] = {}
    config.stash[DESELECTED] = []
    config.stash[START] = machine.core_seconds()
    # Warnings of the peers are no errors of ours, and a row that cannot be measured
    # uses no benchmark.
    config.addinivalue_line("filterwarnings", "ignore:::torch")
    config.addinivalue_line("filterwarnings", f"ignore::{UNUSED}")


def pytest_ignore_collect(collection_path, config):
    """Leave out what needs a GPU, unless it is asked for."""
    if collection_path == ROOT / "benchmarks" / "gpu":
        return None if any("gpu" in argument for argument in config.args) else True
    return None


def pytest_deselected(items):
    """Remember that not everything ran."""
    for item in items:
        item.config.stash[DESELECTED].append(item)


@pytest.fixture
def record(request):
    """Keep a row of the report: record(section, row)."""
    rows = request.config.stash[ROWS]

    def keep(section, row):
        rows.setdefault(section, []).append(row)

    return keep


@pytest.fixture
def race(benchmark, request):
    """Median seconds of ours and of others: race(ours, others, most_rounds=...)."""
    rounds = request.config.getoption("--rounds")

    def run(ours, others, most_rounds=rounds):
        if benchmark.disabled:
            pytest.skip("the results agree; --benchmark-disable leaves out the times")
        return timing.race(benchmark, ours, others, min(rounds, most_rounds))

    return run


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Print the report, and write it where it belongs."""
    rows = config.stash[ROWS]
    if not rows:
        return
    rounds = config.getoption("--rounds")
    files = report.files(machine.describe(config.stash[START]), rows, rounds)
    terminalreporter.section("report")
    terminalreporter.write_line(files["cpu.md"].decode())
    is_whole = set(rows) == set(report.SECTIONS)
    targets, reason = places(config, exitstatus, PUBLISHED, is_whole)
    for name, place in targets.items():
        if name not in files:
            continue
        report.write(place, files[name])
        terminalreporter.write_line(f"written: {os.path.relpath(place)}")
    if reason:
        terminalreporter.write_line(
            f"Nothing was written, since {reason}: pass --results DIR for a report."
        )
