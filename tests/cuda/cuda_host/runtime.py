"""The engine's runtime with the host in the place of a GPU."""

from functools import partial

import numpy as np

from pydbcnn.backends._cuda.runtime import Runtime
from pydbcnn.backends._cuda.source import kernel_source

from .arrays import HostXp
from .module import HostModule

ORDERS = {"ascending": "end", "descending": "start", "shuffled": "end"}


def _ordered(order, n):
    numbers = np.arange(n, dtype=np.int64)
    if order == "descending":
        return numbers[::-1].copy()
    if order == "shuffled":
        np.random.RandomState(0).shuffle(numbers)
    return numbers


class HostRuntime(Runtime):
    """Runs kernels on the host.

    Parameters
    ----------
    order : {"ascending", "descending", "shuffled"}, default="ascending"
        Of the blocks of a grid, the warps of a block and the lanes of a warp. Arrays
        end where a page begins that is forbidden or, if descending, begin behind one.
    source : str, default=None
        The kernels; those of the engine if None.
    max_shared_memory : int, default=101376
        Bytes that a block may ask for: the least of what devices of compute capability
        8.0 and newer have.
    n_processors : int, default=4
    truncated_sums : bool, default=False
        Whether products of matrices are summed as by the least exact tensor cores,
        rather than in single precision.
    """

    def __init__(
        self,
        order="ascending",
        source=None,
        max_shared_memory=99 * 1024,
        n_processors=4,
        truncated_sums=False,
    ):
        self.order = order
        xp = HostXp(ORDERS[order])
        module = HostModule(
            kernel_source() if source is None else source,
            xp,
            partial(_ordered, order),
            max_shared_memory,
            truncated_sums,
        )
        super().__init__(xp, lambda name: module, n_processors)


def in_all_orders(compute, **parameters):
    """What a function of a runtime returns, for every order the same to the last bit.

    Parameters
    ----------
    compute : callable
        From a `HostRuntime` to a host array, or a tuple of them.
    **parameters
        Of the runtimes.
    """
    results = _results(compute, parameters)
    differing = _differing(results)
    assert not differing, f"another result if {' or '.join(differing)}"
    return results["ascending"]


def differing_orders(compute, **parameters):
    """Orders in which a function of a runtime returns other bits than in the first.

    Parameters are those of `in_all_orders`. No order may differ: where one does, the
    kernels have a race.
    """
    return _differing(_results(compute, parameters))


def _results(compute, parameters):
    return {order: compute(HostRuntime(order, **parameters)) for order in ORDERS}


def _differing(results):
    bits = {order: _bits(result) for order, result in results.items()}
    return [order for order in ORDERS if bits[order] != bits["ascending"]]


def _bits(result):
    arrays = result if isinstance(result, tuple) else (result,)
    return [np.ascontiguousarray(array).tobytes() for array in arrays]
