"""Packed weights: the order in which the fused kernels read the flat vector.

Each order is an array of places in the flat vector, where -1 stands for a zero. The
kernel ``pack_words`` of packing.cuh gathers and rounds the weights. Nothing here
touches a device.
"""

from dataclasses import dataclass

import numpy as np

THREADS = 256  # of a block of pack_words


@dataclass(frozen=True)
class Fragments:
    """How tensor cores hold the values of a precision; see fragments.cuh.

    Parameters
    ----------
    name : str
        The struct in C++.
    n_values : int
        Values in a word, which is what a register holds.
    step : int
        Products of a sum that one instruction makes.
    """

    name: str
    n_values: int
    step: int

    def indices(self, n_steps):
        """Which terms of a sum the words b0 and b1 of a lane hold.

        Returns
        -------
        indices : array of shape (n_steps, 4, 2, n_values)
            For each step, place ``lane % 4``, word and value.
        """
        step = np.arange(n_steps)[:, None, None, None] * self.step
        place = np.arange(4)[:, None, None] * self.n_values
        half = np.arange(2)[:, None] * (self.step // 2)
        return step + place + half + np.arange(self.n_values)


TF32 = Fragments("Tf32Fragments", 1, 8)
BFLOAT16 = Fragments("Bfloat16Fragments", 2, 16)


def places_of(network):
    """Arrays like the weights and biases, of their places in the flat vector."""
    return network.views(np.arange(network.n_params, dtype=np.int32))


def biases_in_order(network):
    """The biases of all layers, one layer after the other."""
    return np.concatenate(places_of(network)[1])


def float32_weights(network):
    """Weights of ``forward_float32``, and behind them the biases.

    Those of the last layer have the order (kernel column, map, kernel row and channel).
    Zeros make the last axis a multiple of four, since the kernel loads four at a time.
    """
    (first, second, last), _ = places_of(network)
    by_row = last.transpose(1, 2, 0, 3).reshape(*last.shape[1:3], -1)
    by_row = _padded(by_row, 4)
    return np.concatenate(
        [first.ravel(), second.ravel(), by_row.ravel(), biases_in_order(network)]
    )


def mma_weights(network, fragments):
    """Weights of ``forward_mma``, layer after layer."""
    (first, second, last), _ = places_of(network)
    return np.concatenate(
        [
            _as_fragments(_patch_rows(first, fragments), fragments, 2),
            _as_fragments(_as_summed(second[0, 0], fragments), fragments, 2),
            _as_fragments(_columns_of_rows(last), fragments, 1),
        ]
    )


def gradient_weights(network, fragments):
    """Weights of ``gradient_mma``: of W1 and W2 for maps, of W3 and W2 for deltas.

    The kernel of the last layer is turned by 180 degrees, as a pixel of its input sees
    a patch of deltas from the last tap to the first.
    """
    (first, second, last), _ = places_of(network)
    turned = last[::-1, ::-1].swapaxes(2, 3)
    return np.concatenate(
        [
            _as_fragments(_patch_rows(first, fragments), fragments, 2),
            _as_fragments(_as_summed(second[0, 0], fragments), fragments, 2),
            _as_fragments(_patch_rows(turned, fragments), fragments, 2),
            _as_fragments(_as_summed(second[0, 0].T, fragments), fragments, 2),
        ]
    )


def _patch_rows(weights, fragments):
    """HWIO weights as a matrix: a kernel row fills words, and all rows fill steps."""
    side, _, _, n_outputs = weights.shape
    rows = weights.reshape(side, -1, n_outputs)
    rows = _padded(rows.swapaxes(1, 2), fragments.n_values).swapaxes(1, 2)
    return _padded(rows.reshape(-1, n_outputs).T, fragments.step).T


def _as_summed(weights, fragments):
    """Rows in the order in which sums become factors: see `take` in fragments.cuh."""
    if fragments.n_values > 1:
        return weights
    # Index t of a step is column 2 t of the sums, index t + 4 column 2 t + 1.
    order = np.arange(8).reshape(4, 2).T.ravel()
    return weights.reshape(-1, 8, weights.shape[1])[:, order].reshape(weights.shape)


def _columns_of_rows(weights):
    """HWIO weights as (kernel column and input) by (kernel row and output)."""
    side, _, n_inputs, n_outputs = weights.shape
    matrix = weights.transpose(1, 2, 0, 3).reshape(side * n_inputs, side * n_outputs)
    return _padded(matrix, 8)


def _as_fragments(matrix, fragments, n_together):
    """A matrix in the order (step, group, lane, tile, word, value), flat.

    A group is `n_together` tiles of 8 columns, which a lane loads together.
    """
    n_steps = len(matrix) // fragments.step
    columns = np.arange(matrix.shape[1]).reshape(-1, n_together, 8)
    index = fragments.indices(n_steps)  # step, place, word, value
    index = index[:, None, None, :, None]  # step, group, g, place, tile, word, value
    column = columns.swapaxes(1, 2)[None, :, :, None, :, None, None]
    return matrix[index, column].ravel()


def _padded(places, multiple):
    """Places with -1 at the end of the last axis, which becomes a multiple."""
    missing = -places.shape[-1] % multiple
    width = [(0, 0)] * (places.ndim - 1) + [(0, missing)]
    return np.pad(places, width, constant_values=-1)
