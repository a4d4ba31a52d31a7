"""How many threads to use, and what becomes of them after a fork."""

import os

_pool_was_started = False
_forked_with_pool = False


def thread_count():
    """Threads for the next parallel region.

    ``OMP_NUM_THREADS`` and the limits of threadpoolctl are obeyed, and otherwise the
    processors that this process may use: affinity and container limits count.

    Returns
    -------
    n_threads : int
        1 in a process forked after OpenMP had started threads: the threads do not
        survive a fork, and GNU OpenMP would wait for them for ever.
    """
    from . import _cpu

    if _forked_with_pool:
        return 1
    limit = _cpu.openmp_max_threads()
    if limit == 1 or os.environ.get("OMP_NUM_THREADS"):
        return limit
    import joblib

    return max(1, min(limit, joblib.cpu_count()))


def threads_started(n_threads):
    """Remember that a parallel region was entered."""
    global _pool_was_started
    _pool_was_started |= n_threads > 1


def _note_fork():
    global _forked_with_pool
    _forked_with_pool |= _pool_was_started


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
