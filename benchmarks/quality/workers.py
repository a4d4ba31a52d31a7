"""Processes with a given number of threads."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from pydbcnn._pixels.opencv import import_cv2
from pydbcnn._progress import progress_bar

VARIABLE = "OMP_NUM_THREADS"


@contextmanager
def workers(n_workers, n_threads):
    """Start processes in which libraries use so many threads.

    Parameters
    ----------
    n_workers, n_threads : int

    Yields
    ------
    concurrent.futures.ProcessPoolExecutor
    """
    before = os.environ.get(VARIABLE)
    # Libraries read it when they are loaded, which in a spawned process is to come.
    os.environ[VARIABLE] = str(n_threads)
    try:
        with ProcessPoolExecutor(
            n_workers,
            multiprocessing.get_context("spawn"),
            _limit_opencv,
            (n_threads,),
        ) as pool:
            yield pool
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def _limit_opencv(n_threads):
    import_cv2().setNumThreads(n_threads)


def in_order(function, inputs, pool, unit):
    """What a function makes of all inputs, in their order, with a progress bar.

    Parameters
    ----------
    function : callable
    inputs : list
    pool : concurrent.futures.Executor
    unit : str
        Of what the progress bar counts.

    Returns
    -------
    results : list
    """
    results = pool.map(function, inputs)
    return list(progress_bar(results, total=len(inputs), unit=unit))
