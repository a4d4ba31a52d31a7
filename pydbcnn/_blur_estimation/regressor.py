"""From statistics of an image to the sigma of its blur: small networks, in NumPy.

`BlurEstimator` trains them with scikit-learn. To use them takes a few lines, so that
the command line, which predicts, need not import it.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .statistics import (
    N_STATISTICS,
    blur_statistics,
    has_edges,
    seen_regions,
    statistics_of,
)

# The target is sqrt(sigma² + 0.3²): with pixels of a size of their own, blurs far below
# it look all alike, and telling them apart should not cost precision elsewhere.
_SOFTNESS = 0.3
_MAX_DEVIATION = 5.0  # standard deviations at which unusual statistics are clipped
_HIGHEST = np.finfo(np.float32).max

# A sigma 5 % too high costs some 1 dB, one 5 % too low some 0.6 dB. On photographs that
# were not learned from, this much caution lost least.
_CAUTION = 0.5


def to_target(sigma):
    """The value that the networks learn to give for a sigma."""
    return np.sqrt(np.square(sigma) + _SOFTNESS**2)


def to_sigma(target):
    """The inverse of `to_target`; 0 for a target below its least value."""
    return np.sqrt(np.maximum(np.square(target) - _SOFTNESS**2, 0.0))


@dataclass(frozen=True)
class BlurRegressor:
    """The mean of several networks of rectified layers on standardised statistics.

    Parameters
    ----------
    mean, scale : array of shape (N_STATISTICS,)
        What standardises the statistics.
    members : tuple of tuple of (array, array)
        Of each network, weights (inputs, outputs) and biases of each layer.
    """

    mean: np.ndarray
    scale: np.ndarray
    members: tuple

    def standardise(self, statistics):
        """Statistics as the networks see them."""
        deviation = (statistics - self.mean) / self.scale
        return np.clip(deviation, -_MAX_DEVIATION, _MAX_DEVIATION)

    def sigma(self, image, data_range):
        """Sigma of the blur of an image of shape (height, width, channels)."""
        return self.sigma_of_statistics(blur_statistics(image, data_range))

    def cautious_sigma(self, image, data_range):
        """A sigma to undo: below the estimate, by more where the networks disagree.

        0 where there is nothing that a blur could show at.
        """
        regions = seen_regions(image, data_range)
        if not has_edges(regions):
            return 0.0
        return self.sigma_of_statistics(statistics_of(regions), caution=_CAUTION)

    def sigma_of_statistics(self, statistics, caution=0.0):
        """Sigma of the blur of an image with these statistics.

        Parameters
        ----------
        statistics : array of shape (N_STATISTICS,)
        caution : float, default=0.0
            How many standard deviations of what the networks say to stay below their
            mean.

        Returns
        -------
        sigma : float
        """
        values = self.standardise(statistics)
        targets = [_apply(member, values) for member in self.members]
        target = np.mean(targets) - caution * np.std(targets)
        # Digits beyond these mean nothing, and could differ between processors.
        return round(float(to_sigma(target)), 3)

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
            raise ValueError(f"the estimator of blur has no {error}") from error
        if arrays:
            raise ValueError(
                f"the estimator of blur has unexpected arrays {sorted(arrays)}"
            )
        regressor = cls(mean, scale, tuple(members))
        regressor._check_values()
        regressor._check_shapes()
        return regressor

    def _check_values(self):
        for name, array in self.tensors().items():
            if array.dtype.kind != "f" or not (np.abs(array) <= _HIGHEST).all():
                raise ValueError(
                    f"{name} of the estimator of blur holds {array.dtype} values that "
                    "are not all finite floats of single precision"
                )
        if not (self.scale > 0).all():
            raise ValueError(
                "scale of the estimator of blur holds values that are not above 0"
            )

    def _check_shapes(self):
        for name in ("mean", "scale"):
            shape = getattr(self, name).shape
            if shape != (N_STATISTICS,):
                raise ValueError(
                    f"{name} of the estimator of blur has shape {shape}: expected "
                    f"{(N_STATISTICS,)}"
                )
        if not self.members:
            raise ValueError("the estimator of blur has no networks")
        for index, layers in enumerate(self.members):
            if not _is_network(layers):
                shapes = [(weights.shape, biases.shape) for weights, biases in layers]
                raise ValueError(
                    f"network {index} of the estimator of blur has weights and biases "
                    f"of shapes {shapes}, which do not lead from {N_STATISTICS} "
                    "statistics to one number"
                )


def _is_network(layers):
    """Whether shapes lead from the statistics to one number."""
    widths = [(N_STATISTICS,), *(biases.shape for _, biases in layers)]
    return widths[-1] == (1,) and all(
        len(wide) == 1 and weights.shape == before + wide
        for (weights, _), (before, wide) in zip(layers, pairwise(widths), strict=True)
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
    return float(values[0])
