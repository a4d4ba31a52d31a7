"""From statistics of an image to the sigma of its blur: small networks, in NumPy.

`BlurEstimator` trains them with scikit-learn. To use them takes a few lines, so that
the command line, which predicts, need not import it.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ._blur_statistics import N_STATISTICS, blur_statistics

# The target is sqrt(sigma² + 0.3²): with pixels of a size of their own, blurs far below
# it look all alike, and telling them apart should not cost precision elsewhere.
_SOFTNESS = 0.3
_MAX_DEVIATION = 5.0  # standard deviations at which unusual statistics are clipped


def to_target(sigma):
    """What the networks learn to give for a sigma."""
    return np.sqrt(np.square(sigma) + _SOFTNESS**2)


def to_sigma(target):
    """The inverse of `to_target`; 0 for what lies below it."""
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

    def sigma_of_statistics(self, statistics):
        """Sigma of the blur of an image with these statistics."""
        values = self.standardise(statistics)
        target = np.mean([_apply(member, values) for member in self.members])
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
        regressor = cls(mean, scale, tuple(members))
        regressor._check(arrays)
        return regressor

    def _check(self, left_over):
        shapes = [array.shape for array in (self.mean, self.scale)]
        fits = shapes == [(N_STATISTICS,)] * 2 and self.members and not left_over
        arrays = self.tensors().values()
        if (
            not fits
            or not all(map(_is_network, self.members))
            or not all(
                array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays
            )
        ):
            raise ValueError(
                "the estimator of blur holds arrays that make no networks on "
                f"{N_STATISTICS} statistics"
            )


def _is_network(layers):
    """Whether shapes lead from the statistics to one number."""
    widths = [N_STATISTICS, *(weights.shape[-1] for weights, _ in layers)]
    return widths[-1] == 1 and all(
        weights.shape == pair and biases.shape == pair[1:]
        for (weights, biases), pair in zip(layers, pairwise(widths), strict=True)
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
