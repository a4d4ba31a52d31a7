"""How many threads to use, and what becomes of them after a fork."""

import math
import os

# Where Linux says how much processor time a container may use: a quota, and the period
# for which it is. Control groups of version 2 come before those of version 1.
_QUOTAS = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
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
    from ._cpu import bindings

    if _forked_with_pool:
        return 1
    limit = bindings.openmp_max_threads()
    if limit == 1 or os.environ.get("OMP_NUM_THREADS"):
        return limit
    return min(limit, usable_processors())


def usable_processors():
    """The processors that this process may use.

    The answer of ``joblib.cpu_count``, without its import, which takes as long as
    restoring a small photograph: the least of what the machine has, affinity and
    container allow, and ``LOKY_MAX_CPU_COUNT`` says.
    """
    present = os.cpu_count() or 1
    limits = [present, _container_limit()]
    if hasattr(os, "sched_getaffinity"):
        limits.append(len(os.sched_getaffinity(0)))
    limits.append(int(os.environ.get("LOKY_MAX_CPU_COUNT", present)))
    return max(1, min(limits))


def _container_limit():
    for paths in _QUOTAS:
        try:
            quota, period = " ".join(_content(path) for path in paths).split()
        except (OSError, ValueError):  # no such file, or none of this form
            continue
        if quota == "max" or int(quota) <= 0 or int(period) <= 0:
            return math.inf
        return math.ceil(int(quota) / int(period))
    return math.inf


def _content(path):
    with open(path) as file:
        return file.read()


def threads_started(n_threads):
    """Remember that a parallel region was entered."""
    global _pool_was_started
    _pool_was_started |= n_threads > 1


def _note_fork():
    global _forked_with_pool
    _forked_with_pool |= _pool_was_started


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
