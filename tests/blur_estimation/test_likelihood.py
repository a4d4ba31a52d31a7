"""The search for the blur that explains a spectrum, on spectra that are known."""

import numpy as np
import pytest
from scipy import stats

from pydbcnn import Blur
from pydbcnn._blur_estimation.likelihood import Seen, best_of_each_kind
from pydbcnn._blur_estimation.namer import shipped_namer
from pydbcnn._blur_estimation.shapes import (
    KINDS,
    SHAPES,
    bank,
    kernel_of,
    log_gain_of,
    within_range,
)
from pydbcnn._blur_estimation.sharp_spectra import (
    FUNCTIONS,
    N_FUNCTIONS,
    SharpSpectra,
    coefficients_of,
)

BLURS = {
    "round": (1.7,),
    "oblong": (2.6, 1.1, 33.0),
    "defocus": (2.7,),
    "motion": (5.3, 112.0),
}


@pytest.fixture(scope="module")
def spectra():
    return shipped_namer().spectra


@pytest.mark.parametrize("noise", [0.02, 1.0])
@pytest.mark.parametrize("kind", BLURS)
def test_the_blur_of_a_usual_spectrum_is_found(spectra, kind, noise):
    """Exact spectra: what is left is how far the prior pulls."""
    log_power = FUNCTIONS @ spectra.mean + log_gain_of(kind, BLURS[kind])
    noise = np.full(len(log_power), noise)
    fits = best_of_each_kind(Seen(np.exp(log_power) + noise, noise, False), spectra)
    energies = {name: fit.energy for name, fit in fits.items()}
    # A Gaussian with two sigmas may be a round one, too.
    nested = {"round": ("round", "oblong")}.get(kind, (kind,))
    assert min(energies, key=energies.get) in nested
    assert fits[kind].parameters == pytest.approx(BLURS[kind], rel=0.02)
    assert fits[kind].log_noise == pytest.approx(0, abs=0.01)


def test_what_is_sharp_needs_no_blur(spectra):
    log_power = FUNCTIONS @ spectra.mean
    noise = np.full(len(log_power), 0.1)
    fits = best_of_each_kind(Seen(np.exp(log_power) + noise, noise, False), spectra)
    assert fits["none"].energy < 1
    assert fits["round"].parameters[0] < 0.5


@pytest.mark.parametrize("kind", BLURS)
def test_kernels_are_those_of_the_public_blurs(kind):
    make = {"defocus": Blur.defocus, "motion": Blur.motion}.get(kind, Blur.gaussian)
    expected = make(*BLURS[kind]).kernel()
    kernel = kernel_of(kind, BLURS[kind])
    margins = [(a - b) // 2 for a, b in zip(kernel.shape, expected.shape, strict=True)]
    inner = kernel[
        tuple(slice(m, s - m) for m, s in zip(margins, kernel.shape, strict=True))
    ]
    np.testing.assert_allclose(inner, expected, atol=1e-4)


def test_the_bank_is_within_the_ranges_of_the_search():
    blurs = list(bank())
    assert {kind for kind, _ in blurs} == set(KINDS) == set(SHAPES)
    for kind, parameters in blurs:
        assert within_range(kind, parameters) == parameters
    assert within_range("motion", (99.0, 720.0)) == (18.0, 720.0)


def random_spectra(n=200):
    random = np.random.default_rng(0)
    mixing = 0.3 * random.normal(size=(N_FUNCTIONS, N_FUNCTIONS))
    return random.normal(size=(n, N_FUNCTIONS)) @ mixing


def test_mean_and_covariance_are_those_of_the_coefficients():
    coefficients = random_spectra()
    learned = SharpSpectra.learn(coefficients @ FUNCTIONS.T)
    np.testing.assert_allclose(
        coefficients_of(coefficients @ FUNCTIONS.T), coefficients
    )
    np.testing.assert_allclose(learned.mean, coefficients.mean(axis=0))
    np.testing.assert_allclose(learned.covariance, np.cov(coefficients.T))
    learned.check()


def test_the_energy_of_a_fit_is_a_probability():
    """Minus the logarithm of a normal density, but for a constant: SciPy's."""
    learned = SharpSpectra.learn(random_spectra() @ FUNCTIONS.T)
    chosen = np.arange(0, len(FUNCTIONS), 9)  # SciPy inverts a covariance of them all
    weights = np.zeros(len(FUNCTIONS))
    weights[chosen] = 20.0
    rows = np.random.default_rng(1).normal(size=(3, len(FUNCTIONS))) + 2
    energies, _ = learned.fit(rows, weights)
    inside = FUNCTIONS[chosen]
    covariance = inside @ np.linalg.inv(learned.precision) @ inside.T
    density = stats.multivariate_normal(
        inside @ learned.mean, covariance + np.eye(len(chosen)) / 20
    )
    expected = -density.logpdf(rows[:, chosen])
    np.testing.assert_allclose(np.diff(energies), np.diff(expected), rtol=1e-6)


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        (np.zeros(3), np.eye(N_FUNCTIONS), r"have shapes \(\(3,\)"),
        (np.full(N_FUNCTIONS, np.nan), np.eye(N_FUNCTIONS), "not all finite"),
        (np.zeros(N_FUNCTIONS), -np.eye(N_FUNCTIONS), "eigenvalue of -1 "),
    ],
)
def test_spectra_of_damaged_files_are_refused(mean, covariance, message):
    with pytest.raises(ValueError, match=message):
        SharpSpectra(mean, covariance).check()
