"""What is computed on a GPU, by our engine and by others, and whether they agree."""

import gc
import sys

import numpy as np
import timing
from cases import COLOURS, uniform, visible_params
from report import Comparison

from pydbcnn._network.network import Network

from . import peers
from .contenders import Contender, compete

N_CHECKED = 3  # losses; from the second on, they depend on the gradient
# How far results may be apart, as a share of the largest value: both are rounded, and
# not everywhere alike.
TOLERANCES = {"float32": 1e-4, "tf32": 6e-3, "bfloat16": 4e-2}
# Adam makes steps of one size even of gradients that are little but rounding.
LOSS_TOLERANCES = {"float32": 1e-3, "tf32": 5e-3, "bfloat16": 2e-2}
MB = 1e6


class Forward:
    """One image through the network 9-1-5 with 64 and 32 filters.

    Parameters
    ----------
    height, width, n_channels : int
        Of the image.
    precision : {"float32", "tf32", "bfloat16"}
    """

    n_results = 1

    def __init__(self, height, width, n_channels, precision):
        self.network = Network(n_channels, n_channels)
        self.params = visible_params(self.network)
        self.images = uniform(1, height, width, n_channels)
        self.precision, self.tolerance = precision, TOLERANCES[precision]
        self.what = f"{height} x {width} {COLOURS[n_channels]}"

    def ours(self, backend, xp):
        """Our engine, with image and estimate on the device, arrays of `xp`."""
        params, images = backend.vector(self.params), xp.asarray(self.images)

        def step():
            return backend.forward(self.network, params, images, data_range=1.0)

        return Contender(step, xp.asnumpy)

    def others(self, **on):
        """PyTorch, for `timing.start`."""
        data = self.network, self.params, self.images
        return peers.ways(peers.forward, *data, self.precision, **on)

    def difference(self, ours, theirs):
        """The largest, over the largest value: inside, where all pad alike."""
        inner = slice(self.network.radius, -self.network.radius)
        ours, theirs = (estimate[:, inner, inner] for (estimate,) in (ours, theirs))
        return largest_difference(ours, theirs)


class Training:
    """Steps on one batch: the loss, its gradient, an update by Adam.

    Parameters
    ----------
    n_patches, size : int
        Of the targets; patches have their context around them.
    n_channels : int
    precision : {"float32", "tf32", "bfloat16"}
    """

    n_results = N_CHECKED

    def __init__(self, n_patches, size, n_channels, precision):
        self.network = Network(n_channels, n_channels)
        self.params = visible_params(self.network)
        wide = size + 2 * self.network.radius
        self.patches = uniform(n_patches, wide, wide, n_channels)
        self.targets = uniform(n_patches, size, size, n_channels, seed=2)
        self.precision, self.tolerance = precision, LOSS_TOLERANCES[precision]
        self.what = f"{n_patches} patches of {size} x {size}, {COLOURS[n_channels]}"

    def ours(self, backend, xp):
        """Our engine, with patches and parameters on the device, arrays of `xp`."""
        params = backend.vector(self.params.copy())
        patches, targets = xp.asarray(self.patches), xp.asarray(self.targets)
        optimizer = backend.optimizer("adam", self.network.n_params, np.float32)

        def step():
            loss, gradient = backend.loss_and_gradient(
                self.network, params, patches, targets
            )
            optimizer.update(params, gradient, peers.LEARNING_RATE)
            return loss

        return Contender(step, float)

    def others(self, **on):
        """PyTorch, for `timing.start`."""
        data = self.network, self.params, self.patches, self.targets
        return peers.ways(peers.step, *data, self.precision, **on)

    def difference(self, ours, theirs):
        """The largest between losses of the first steps, over the largest loss."""
        return largest_difference(np.array(ours), np.array(theirs))


def largest_difference(ours, theirs):
    """The largest difference, over the largest of our values."""
    return float(np.abs(ours - theirs).max() / np.abs(ours).max())


def compare(case, ours, others, meters, rounds, *, goal=None):
    """Check that results agree, and time contenders in turn.

    Parameters
    ----------
    case : Forward or Training
    ours : Contender
    others : dict
        Peers, as `timing.start` takes them.
    meters : tuple
        Ours, and that of all others.
    rounds : int
    goal : float, optional
        Times as fast as the fastest of the others.

    Returns
    -------
    row : report.Comparison
    """
    expected = [ours() for _ in range(case.n_results)]
    calls, results, absent = timing.start(others, case.n_results)
    differences = {
        name: case.difference(expected, found) for name, found in results.items()
    }
    for name, difference in differences.items():
        assert difference < case.tolerance, f"{name} differs by {difference:.1e}"
    contenders = {timing.OURS: ours, **calls}
    meters = dict.fromkeys(calls, meters[1]) | {timing.OURS: meters[0]}
    seconds = compete(contenders, meters, rounds)
    n_bytes = {
        name: meters[name].extra_bytes(contender)
        for name, contender in contenders.items()
    }
    more = _cells(seconds, n_bytes, differences)
    return Comparison(case.what, seconds, absent, goal, more=more, digits=2)


def _cells(seconds, n_bytes, differences):
    """Memory of ours and of the fastest of the others, and how far results differ."""
    cells = {"MB": f"{n_bytes[timing.OURS] / MB:.0f}"}
    if differences:
        fastest = min(differences, key=seconds.get)
        cells["MB of the fastest other"] = f"{n_bytes[fastest] / MB:.0f}"
        cells["difference"] = f"{max(differences.values()):.1e}"
    return cells


def give_back():
    """Return to the device what the last comparison has used there."""
    gc.collect()
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        torch.compiler.reset()
        gc.collect()
        torch.cuda.empty_cache()
    if "cupy" in sys.modules:
        sys.modules["cupy"].get_default_memory_pool().free_all_blocks()
