"""What the power spectra of sharp photographs are like: a normal distribution of logs.

The logarithm of a spectrum is a sum of smooth functions: hats over the radius, and hats
over it times waves over the direction. Over many sharp photographs their coefficients
have a mean and a covariance, which say what may be taken for sharp.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .frequencies import ACROSS, DOWN
from .products import gram, rows_times

_RADIAL = (0.04, 0.07, 0.11, 0.16, 0.22, 0.28, 0.35, 0.42, 0.5)  # cycles a pixel
_ANGULAR = (0.05, 0.13, 0.27, 0.5)
_PERIODS = (2, 4)  # of the waves, in a full turn
N_RADIAL = len(_RADIAL)
N_FUNCTIONS = N_RADIAL + 2 * len(_PERIODS) * len(_ANGULAR)
_HIGHEST = 1e6  # of logarithms and their variances
# Photographs of the world vary more than those that were learned from: in everything by
# this factor, in their contrast by a variance, and in each function by a little.
_WIDENING, _CONTRAST, _LITTLE = 1.5, 4.0, 0.003


def functions_at(down, across):
    """The functions at some frequencies.

    Parameters
    ----------
    down, across : array of shape (n,)
        In cycles a pixel.

    Returns
    -------
    functions : array of shape (n, N_FUNCTIONS)
    """
    logs = np.log(np.maximum(np.hypot(down, across), _RADIAL[0]))
    angles = np.arctan2(down, across)
    waves = [wave(period * angles) for period in _PERIODS for wave in (np.cos, np.sin)]
    directed = [_hats(_ANGULAR, logs) * wave for wave in waves]
    functions = np.concatenate([_hats(_RADIAL, logs), *directed]).T
    return np.ascontiguousarray(functions)


def _hats(knots, logs):
    """Functions that are 1 at one knot, 0 at the others, linear in log frequency."""
    return np.stack([np.interp(logs, np.log(knots), row) for row in np.eye(len(knots))])


FUNCTIONS = functions_at(DOWN, ACROSS)


def coefficients_of(log_power):
    """Coefficients of the functions that come nearest to logarithms of power.

    Parameters
    ----------
    log_power : array of shape (n, n_frequencies)

    Returns
    -------
    coefficients : array of shape (n, N_FUNCTIONS)
    """
    return np.linalg.lstsq(FUNCTIONS, np.transpose(log_power), rcond=None)[0].T


@dataclass(frozen=True)
class SharpSpectra:
    """Mean and covariance of the coefficients over sharp photographs.

    Parameters
    ----------
    mean : array of shape (N_FUNCTIONS,)
    covariance : array of shape (N_FUNCTIONS, N_FUNCTIONS)
    """

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def learn(cls, log_power):
        """From logarithms of power of shape (n, n_frequencies), over n > 1."""
        coefficients = coefficients_of(log_power)
        return cls(coefficients.mean(axis=0), np.cov(coefficients.T))

    def check(self):
        """Raise a ValueError for arrays that are no mean and covariance."""
        shapes = self.mean.shape, self.covariance.shape
        expected = (N_FUNCTIONS,), (N_FUNCTIONS, N_FUNCTIONS)
        if shapes != expected:
            raise ValueError(f"sharp spectra have shapes {shapes}: expected {expected}")
        values = np.append(self.covariance.ravel(), self.mean)
        if not (np.abs(values) <= _HIGHEST).all():
            raise ValueError("sharp spectra are not all finite floats of at most 1e6")
        least = np.linalg.eigvalsh(self.covariance)[0]
        if least < -_LITTLE / 2 or not np.allclose(self.covariance, self.covariance.T):
            raise ValueError(
                f"the covariance of sharp spectra has an eigenvalue of {least:.3g} or "
                "is not symmetric: expected a symmetric one with none below 0"
            )

    @cached_property
    def precision(self):
        """The inverse of the covariance, widened."""
        contrast = np.zeros(N_FUNCTIONS)
        contrast[:N_RADIAL] = 1
        wide = _WIDENING * self.covariance + _CONTRAST * np.outer(contrast, contrast)
        return np.linalg.inv(wide + _LITTLE * np.eye(N_FUNCTIONS))

    def fit(self, log_power, weights):
        """Fit spectra that are seen with some precision.

        Parameters
        ----------
        log_power : array of shape (n, n_frequencies)
        weights : array of shape (n_frequencies,)
            One over the variance of each logarithm.

        Returns
        -------
        energy : array of shape (n,)
            Minus the logarithm of the probability of each, but for a constant.
        coefficients : array of shape (n, N_FUNCTIONS)
        """
        beyond = log_power - FUNCTIONS @ self.mean
        precision = gram(FUNCTIONS, weights) + self.precision
        right = rows_times(beyond * weights, FUNCTIONS)
        change = np.linalg.solve(precision, right.T).T
        energy = (beyond * beyond * weights).sum(axis=1) - (change * right).sum(axis=1)
        return energy / 2, change + self.mean

    def energy(self, coefficients):
        """Half the squared distance of coefficients from the mean, in deviations."""
        away = coefficients - self.mean
        return float(away @ self.precision @ away) / 2
