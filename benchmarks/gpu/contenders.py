"""What competes on a GPU: a call, and how a library times it and counts memory."""

import math
from dataclasses import dataclass
from statistics import median

# Of one contender: short calls are repeated, and their mean counts.
ROUND_SECONDS = 0.02
MOST_CALLS = 100


@dataclass(frozen=True)
class Contender:
    """One way to compute.

    Parameters
    ----------
    step : callable
        What is timed. It only has to be under way on the GPU when it returns.
    fetch : callable
        From what `step` returns to an array on the host, or a number.
    graphs : bool, default=False
        Whether a pool of memory is set aside for CUDA graphs.
    """

    step: object
    fetch: object
    graphs: bool = False

    def __call__(self):
        """The result on the host."""
        return self.fetch(self.step())


class CupyMeter:
    """Times and memory of what CuPy runs on its current stream."""

    def __init__(self):
        import cupy

        self._cupy = cupy

    def seconds(self, step, n_calls):
        """Mean of calls that follow each other, between two events of the device."""
        start, end = self._cupy.cuda.Event(), self._cupy.cuda.Event()
        start.record()
        for _ in range(n_calls):
            step()
        end.record()
        end.synchronize()
        return self._cupy.cuda.get_elapsed_time(start, end) / 1e3 / n_calls

    def extra_bytes(self, contender):
        """By how much the pool grows in a call, beside its result."""
        pool = self._cupy.get_default_memory_pool()
        self._cupy.cuda.get_current_stream().synchronize()
        pool.free_all_blocks()
        before = pool.total_bytes()
        result = contender.step()
        return pool.total_bytes() - before - getattr(result, "nbytes", 0)


class TorchMeter:
    """Times and memory of what PyTorch runs on its current stream."""

    def __init__(self):
        import torch

        self._torch = torch

    def seconds(self, step, n_calls):
        """Mean of calls that follow each other, between two events of the device."""
        start, end = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(n_calls):
            step()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3 / n_calls

    def extra_bytes(self, contender):
        """The most that is allocated in a call, beside its result.

        What graphs have set aside is never given back, nor allocated when they run.
        """
        cuda = self._torch.cuda
        cuda.synchronize()
        cuda.empty_cache()
        cuda.reset_peak_memory_stats()
        before = cuda.memory_allocated()
        set_aside = cuda.memory_reserved() - before if contender.graphs else 0
        result = contender.step()
        cuda.synchronize()
        grown = cuda.max_memory_allocated() - before
        return grown + set_aside - getattr(result, "nbytes", 0)


def compete(contenders, meters, rounds):
    """Time contenders in turn.

    Parameters
    ----------
    contenders : dict of Contender
        Which have run before, so that all is compiled and chosen.
    meters : dict of CupyMeter or TorchMeter
        By the same names.
    rounds : int

    Returns
    -------
    seconds : dict of float
        Medians of the rounds.
    """
    n_calls = {
        name: _calls_a_round(meters[name].seconds(contender.step, 1))
        for name, contender in contenders.items()
    }
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            seconds[name].append(meters[name].seconds(contender.step, n_calls[name]))
    return {name: median(values) for name, values in seconds.items()}


def _calls_a_round(seconds):
    return max(1, min(MOST_CALLS, math.ceil(ROUND_SECONDS / seconds)))
