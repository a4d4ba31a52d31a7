"""How well each kind of blur explains a spectrum, and the blur of it that does best.

The power that is seen at a frequency f is

    M(f) = exp(s(f)) |K(f)|² + N(f)

with the spectrum exp(s) of a sharp photograph, the kernel K, and the noise N. A search
finds, for each kind, parameters of K, coefficients of s and a correction of N for which

    sum of (log P(f) - log M(f))² w(f) / 2  -  log p(s)

is least, where P is what was measured and p is what sharp photographs are like. It
starts from the best blurs of a bank, which are found without a search: where noise is
far below, log(P - N) - log |K|² is s, and p is normal.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from .products import gram
from .shapes import KINDS, SHAPES, bank, log_gain_of, within_range
from .sharp_spectra import FUNCTIONS, N_FUNCTIONS

# Deviation of the logarithm of a measured power from that of a smooth spectrum, over
# sharp photographs; neighbours deviate together, as if a third of them counted.
_DEVIATION, _TOGETHER = 0.27, 3.0
_NOISE_DEVIATION = 0.05  # of the logarithm of the noise
_ITS_SHARE = 0.1  # the same, where the bank's signal is what noise leaves of the power
_SEEN_FROM = 1.5  # times the noise, from where on the bank trusts a signal
_TRUSTED_FROM = 2.0  # times the noise of JPEG, which empties what is below
_N_STARTS = 2  # of each kind
_APART = 0.3  # mean distance of the log gains of two starts
_MAX_STEPS = 8
_ENOUGH = 0.05  # gain of a step that is the last
_TRIES, _DAMPING, _MORE, _LESS, _LEAST_DAMPING = 4, 1e-2, 6.0, 5.0, 1e-4
_FARTHEST = 20.0  # move of a coefficient in one step


class Seen(NamedTuple):
    """What is known of the spectrum of a photograph.

    Attributes
    ----------
    power : array of shape (n_frequencies,), float64
        Levels squared.
    noise : array of shape (n_frequencies,), float64
        Of the power, what is noise.
    is_quantised : bool
        Whether JPEG has rounded, and emptied what was below its steps.
    """

    power: np.ndarray
    noise: np.ndarray
    is_quantised: bool


class Fit(NamedTuple):
    """The best blur of a kind.

    Attributes
    ----------
    energy : float
        The lower, the better it explains what is seen.
    parameters : tuple of float
    coefficients : array of shape (N_FUNCTIONS,)
        Of the sharp photograph's spectrum.
    log_noise : float
        Logarithm of what the noise had to be multiplied by.
    """

    energy: float
    parameters: tuple
    coefficients: np.ndarray
    log_noise: float


@cache
def _bank():
    """Kinds, parameters and log gains of the blurs that searches start from."""
    kinds, parameters = zip(*bank(), strict=True)
    gains = [log_gain_of(*blur) for blur in zip(kinds, parameters, strict=True)]
    return np.array(kinds), parameters, np.array(gains)


def best_of_each_kind(seen, spectra):
    """The best blur of each kind.

    Parameters
    ----------
    seen : Seen
    spectra : SharpSpectra

    Returns
    -------
    fits : dict of Fit
        By kind.
    """
    kinds, parameters, gains = _bank()
    energies, coefficients = _energies(seen, spectra, gains)
    search = _Search(seen, spectra)
    fits = {}
    for kind in KINDS:
        starts = _starts(np.flatnonzero(kinds == kind), energies, gains)
        found = [search.run(kind, parameters[i], coefficients[i]) for i in starts]
        fits[kind] = min(found, key=lambda fit: fit.energy)
    return fits


def _energies(seen, spectra, gains):
    """How well blurs of the bank explain the part of the power that is no noise."""
    signal = np.maximum(seen.power - seen.noise, 0.02 * seen.noise)
    beside = seen.noise / signal
    trust = 1 / (1 + (_SEEN_FROM * beside) ** 4)
    variance = _DEVIATION**2 * _TOGETHER * (seen.power / signal) ** 2
    weights = trust / (variance + (_ITS_SHARE * beside) ** 2)
    return spectra.fit(np.log(signal) - gains, weights)


def _starts(indices, energies, gains):
    """The best blurs of a kind, apart from each other."""
    chosen = []
    for index in indices[np.argsort(energies[indices], kind="stable")]:
        if all(np.abs(gains[index] - gains[i]).mean() > _APART for i in chosen):
            chosen.append(index)
        if len(chosen) == _N_STARTS:
            break
    return chosen


class _State(NamedTuple):
    """A place of the search, and what is computed there."""

    parameters: tuple
    coefficients: np.ndarray
    log_noise: float
    log_gain: np.ndarray
    signal: np.ndarray  # the share of it that is no noise
    residual: np.ndarray
    energy: float


class _Search:
    """Levenberg's and Marquardt's method for one spectrum."""

    def __init__(self, seen, spectra):
        self._seen, self._spectra = seen, spectra
        self._log_power = np.log(seen.power)
        beside = seen.noise / seen.power
        variance = _DEVIATION**2 * _TOGETHER + (_NOISE_DEVIATION * beside) ** 2
        self._weights = 1 / variance
        if seen.is_quantised:
            self._weights /= 1 + (_TRUSTED_FROM * beside) ** 4

    def run(self, kind, parameters, coefficients):
        """The best blur of a kind near a start."""
        state = self._at(kind, parameters, coefficients, 0.0)
        damping = _DAMPING
        for _ in range(_MAX_STEPS):
            precision, gradient = self._normal_equations(kind, state)
            for _ in range(_TRIES):
                after = self._step(kind, state, precision, gradient, damping)
                if after.energy < state.energy:
                    break
                damping *= _MORE
            else:
                break
            gained = state.energy - after.energy
            state, damping = after, max(damping / _LESS, _LEAST_DAMPING)
            if gained < _ENOUGH:
                break
        return Fit(state.energy, state.parameters, state.coefficients, state.log_noise)

    def _at(self, kind, parameters, coefficients, log_noise):
        log_gain = log_gain_of(kind, parameters)
        log_signal = np.clip(FUNCTIONS @ coefficients + log_gain, -40, 40)
        signal = np.exp(log_signal)
        model = signal + self._seen.noise * np.exp(log_noise)
        residual = self._log_power - np.log(model)
        energy = (
            float((residual * residual * self._weights).sum()) / 2
            + self._spectra.energy(coefficients)
            + (log_noise / _NOISE_DEVIATION) ** 2 / 2
        )
        return _State(
            parameters,
            coefficients,
            log_noise,
            log_gain,
            signal / model,
            residual,
            energy,
        )

    def _normal_equations(self, kind, state):
        share = state.signal
        columns = np.concatenate(
            [
                FUNCTIONS * share[:, np.newaxis],
                (1 - share)[:, np.newaxis],
                *(
                    (slope * share)[:, np.newaxis]
                    for slope in _slopes(kind, state.parameters, state.log_gain)
                ),
            ],
            axis=1,
        )
        precision = gram(columns, self._weights)
        gradient = (columns * (self._weights * state.residual)[:, np.newaxis]).sum(0)
        inner = slice(N_FUNCTIONS)
        precision[inner, inner] += self._spectra.precision
        gradient[inner] -= self._spectra.precision @ (
            state.coefficients - self._spectra.mean
        )
        precision[N_FUNCTIONS, N_FUNCTIONS] += _NOISE_DEVIATION**-2
        gradient[N_FUNCTIONS] -= state.log_noise * _NOISE_DEVIATION**-2
        return precision, gradient

    def _step(self, kind, state, precision, gradient, damping):
        damped = precision + np.diag(damping * np.diag(precision) + 1e-9)
        move = np.clip(np.linalg.solve(damped, gradient), -_FARTHEST, _FARTHEST)
        parameters = [
            value + min(max(change, -longest), longest)
            for value, change, longest in zip(
                state.parameters,
                move[N_FUNCTIONS + 1 :].tolist(),
                SHAPES[kind].longest_move,
                strict=True,
            )
        ]
        return self._at(
            kind,
            within_range(kind, parameters),
            state.coefficients + move[:N_FUNCTIONS],
            min(max(state.log_noise + float(move[N_FUNCTIONS]), -1.0), 1.0),
        )


def _slopes(kind, parameters, log_gain):
    """How the log gain changes with each parameter."""
    for index, step in enumerate(SHAPES[kind].step):
        moved = list(parameters)
        moved[index] += step
        yield (log_gain_of(kind, moved) - log_gain) / step
