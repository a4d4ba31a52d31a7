"""Calls of ours and of others, run in turn, so that a drifting machine is fair."""

import importlib.util
import re
import time
from statistics import median

OURS = "pydbcnn"
N_THREADS = 2
WARM_UPS = 2
# OpenMP's threads spin for some milliseconds after their work, and would take the
# processor from whoever is measured next.
PAUSE_SECONDS = 0.03


def race(benchmark, ours, others, rounds):
    """Median seconds of our call and of others.

    Parameters
    ----------
    benchmark : pytest_benchmark.fixture.BenchmarkFixture
        It times our call, and keeps the figures of the others with ours.
    ours : callable
    others : dict of callable
    rounds : int
        All calls run once a round, after two rounds that do not count.

    Returns
    -------
    seconds : dict of float
        Ours first, then the others by name.
    """
    seconds = {name: [] for name in others}

    def run_others():
        for name, call in others.items():
            seconds[name].append(_seconds_of(call))

    benchmark.pedantic(ours, setup=run_others, rounds=rounds, warmup_rounds=WARM_UPS)
    medians = {OURS: benchmark.stats.stats.median}
    medians |= {name: median(values[WARM_UPS:]) for name, values in seconds.items()}
    benchmark.extra_info["median_seconds"] = medians
    return medians


def _seconds_of(call):
    start = time.perf_counter()
    call()
    seconds = time.perf_counter() - start
    time.sleep(PAUSE_SECONDS)
    return seconds


def start(makers, n_calls=1):
    """Make the calls of peers, and call them for the first time.

    Parameters
    ----------
    makers : dict
        By the name of a peer: the packages it needs, and a callable that makes its
        call.
    n_calls : int, default=1
        How many results of each are kept.

    Returns
    -------
    calls : dict of callable
    results : dict of list
    absent : dict of str
        Why the other peers are left out.
    """
    calls, results, absent = {}, {}, {}
    for name, (packages, make) in makers.items():
        if not all(map(importlib.util.find_spec, packages)):
            absent[name] = "not installed"
            continue
        try:
            call = make()
            results[name] = [call() for _ in range(n_calls)]
        except Exception as error:  # whatever it is, it is theirs, and reported
            absent[name] = f"failed: {_first_line(error)}"
        else:
            calls[name] = call
    return calls, results, absent


def _first_line(error):
    """The first line of a message, without the folders of this machine."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"(?<![\w.:])/\S*/", "", lines[0])[:200]
