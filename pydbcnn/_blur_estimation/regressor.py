"""From statistics of an image to the sigma of its blur: small networks, in NumPy.

`BlurEstimator` trains them with scikit-learn. To use them takes a few lines, so that
the command line, which predicts, need not import it.
"""

from dataclasses import dataclass

import numpy as np

from .networks import Networks
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
class BlurRegressor(Networks):
    """The mean of several networks of rectified layers on standardised statistics.

    Parameters
    ----------
    mean, scale : array of shape (N_STATISTICS,)
        What standardises the statistics.
    members : tuple of tuple of (array, array)
        Of each network, weights (inputs, outputs) and biases of each layer.
    """

    name = "the estimator of blur"
    n_statistics = N_STATISTICS

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
        targets = self.outputs(statistics)
        target = np.mean(targets) - caution * np.std(targets)
        # Digits beyond these mean nothing, and could differ between processors.
        return round(float(to_sigma(target)), 3)
