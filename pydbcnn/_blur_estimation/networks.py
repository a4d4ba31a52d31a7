"""Small networks of rectified layers on standardised statistics, in plain NumPy.

scikit-learn trains them. To use them takes a few lines, so that the command line, which
predicts, need not import it.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_MAX_DEVIATION = 5.0  # standard deviations at which unusual statistics are clipped
_HIGHEST = np.finfo(np.float32).max
_CONSTANT = 1e-6  # deviation of a statistic that differs by rounding alone


@dataclass(frozen=True)
class Networks:
    """Several networks that see the same statistics.

    Parameters
    ----------
    mean, scale : array of shape (n_statistics,)
        What standardises the statistics.
    members : tuple of tuple of (array, array)
        Of each network, weights (inputs, outputs) and biases of each layer.
    """

    mean: np.ndarray
    scale: np.ndarray
    members: tuple

    name = "the networks"  # in messages
    n_statistics = None
    n_outputs = 1

    @classmethod
    def that_standardises(cls, samples):
        """No networks yet, but the mean and the scale of samples of statistics."""
        deviation = samples.std(axis=0)
        scale = np.where(deviation > _CONSTANT, deviation, 1.0)
        return cls(samples.mean(axis=0), scale, ())

    def standardise(self, statistics):
        """Statistics as the networks see them."""
        deviation = (statistics - self.mean) / self.scale
        return np.clip(deviation, -_MAX_DEVIATION, _MAX_DEVIATION)

    def outputs(self, statistics):
        """What each network says, as an array of shape (n_members, n_outputs)."""
        values = self.standardise(statistics)
        return np.array([_apply(member, values) for member in self.members])

    def tensors(self):
        """All arrays by name, for a file."""
        arrays = {"mean": self.mean, "scale": self.scale}
        for index, member in enumerate(self.members):
            for layer, (weights, biases) in enumerate(member):
                arrays[f"{index}.coefs.{layer}"] = weights
                arrays[f"{index}.intercepts.{layer}"] = biases
        return arrays

    @classmethod
    def from_tensors(cls, arrays):
        """The inverse of `tensors`.

        Raises
        ------
        ValueError
            When the arrays do not belong together.
        """
        arrays = dict(arrays)
        try:
            mean, scale = arrays.pop("mean"), arrays.pop("scale")
            members = []
            while f"{len(members)}.coefs.0" in arrays:
                members.append(_take_member(arrays, len(members)))
        except KeyError as error:
            raise ValueError(f"{cls.name} has no {error}") from error
        if arrays:
            raise ValueError(f"{cls.name} has unexpected arrays {sorted(arrays)}")
        networks = cls(mean, scale, tuple(members))
        networks._check_values()
        networks._check_shapes()
        return networks

    @classmethod
    def taken_from(cls, arrays, prefix):
        """Networks of those arrays whose names begin with a prefix; they are removed.

        Raises
        ------
        ValueError
            When the arrays do not belong together.
        """
        names = [name for name in arrays if name.startswith(prefix)]
        return cls.from_tensors(
            {name.removeprefix(prefix): arrays.pop(name) for name in names}
        )

    def _check_values(self):
        for name, array in self.tensors().items():
            if array.dtype.kind != "f" or not (np.abs(array) <= _HIGHEST).all():
                raise ValueError(
                    f"{name} of {self.name} holds {array.dtype} values that are not "
                    "all finite floats of single precision"
                )
        if not (self.scale > 0).all():
            raise ValueError(f"scale of {self.name} holds values that are not above 0")

    def _check_shapes(self):
        expected = (self.n_statistics,)
        for name in ("mean", "scale"):
            shape = getattr(self, name).shape
            if shape != expected:
                raise ValueError(
                    f"{name} of {self.name} has shape {shape}: expected {expected}"
                )
        if not self.members:
            raise ValueError(f"{self.name} has no networks")
        for index, layers in enumerate(self.members):
            if not self._is_network(layers):
                shapes = [(weights.shape, biases.shape) for weights, biases in layers]
                ends = "one number" if self.n_outputs == 1 else f"{self.n_outputs}"
                raise ValueError(
                    f"network {index} of {self.name} has weights and biases of shapes "
                    f"{shapes}, which do not lead from {self.n_statistics} statistics "
                    f"to {ends}"
                )

    def _is_network(self, layers):
        """Whether shapes lead from the statistics to the outputs."""
        widths = [(self.n_statistics,), *(biases.shape for _, biases in layers)]
        return widths[-1] == (self.n_outputs,) and all(
            len(wide) == 1 and weights.shape == before + wide
            for (weights, _), (before, wide) in zip(
                layers, pairwise(widths), strict=True
            )
        )


def _take_member(arrays, index):
    layers = []
    while f"{index}.coefs.{len(layers)}" in arrays:
        layers.append(
            tuple(
                arrays.pop(f"{index}.{kind}.{len(layers)}")
                for kind in ("coefs", "intercepts")
            )
        )
    return tuple(layers)


def _apply(layers, values):
    """One network on one image: sums in a fixed order, for the same bits anywhere."""
    for layer, (weights, biases) in enumerate(layers):
        values = (values[:, np.newaxis] * weights).sum(axis=0) + biases
        if layer < len(layers) - 1:
            values = np.maximum(values, 0)
    return values
