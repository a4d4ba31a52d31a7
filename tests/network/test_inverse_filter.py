"""The filter that undoes a blur, against Wiener's, SciPy and by its definition."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import integrate, linalg

from pydbcnn import Blur, Noise
from pydbcnn._network.inverse_filter import (
    MAX_RADIUS,
    TYPICAL_POWER,
    SharpPower,
    filter_radius,
    inverse_filter,
    noise_power,
    typical_filter,
)
from pydbcnn._pixels.gaussian import gaussian_blur, gaussian_weights
from pydbcnn.datasets import load_sample_images

SIGMAS = (0.4, 1.0, 1.7, 3.0, 5.0)


def transform_of_blur(sigma, frequency):
    """The transform of a sampled Gaussian that is cut at four sigmas."""
    at = np.arange(-math.ceil(4 * sigma), math.ceil(4 * sigma) + 1)
    weights = np.exp(-0.5 * (at / sigma) ** 2)
    return np.cos(np.multiply.outer(frequency, at)) @ (weights / weights.sum())


def spectra(sigma, frequency):
    """The blur and the power of images on a grid, and the power of the noise."""
    line = transform_of_blur(sigma, frequency)
    squared = np.add.outer(frequency**2, frequency**2)
    return np.outer(line, line), 1 / (squared + 0.01**2), 1e-4 / max(1.0, sigma)


def transform_of_filter(kernel, frequency):
    """The transform of a symmetric kernel, by its definition."""
    radius = len(kernel) // 2
    waves = np.exp(-1j * np.outer(frequency, np.arange(-radius, radius + 1)))
    return (waves @ kernel @ waves.T).real


def shifted(radius, *offsets):
    """A kernel with ones at some offsets from its centre."""
    kernel = np.zeros((2 * radius + 1,) * 2)
    for down, across in offsets:
        kernel[radius + down, radius + across] = 1
    return kernel


@pytest.mark.parametrize("sigma", SIGMAS)
def test_filters_are_normalised_symmetric_and_read_only(sigma):
    kernel = typical_filter(sigma)
    assert kernel.shape == (2 * filter_radius(sigma) + 1,) * 2
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    for turned in (kernel[::-1], kernel[:, ::-1], kernel.T):
        np.testing.assert_array_equal(turned, kernel)
    with pytest.raises(ValueError, match="read-only"):
        kernel[0, 0] = 1


def test_radius_grows_with_the_blur_up_to_a_bound():
    radii = [filter_radius(sigma) for sigma in np.arange(0, 6, 0.01)]
    assert radii == sorted(radii)
    assert (radii[0], max(radii)) == (0, MAX_RADIUS)


@pytest.mark.parametrize("sigma", [0.0, 0.05, 0.099])
def test_no_blur_is_undone_by_doing_nothing(sigma):
    np.testing.assert_array_equal(typical_filter(sigma), [[1.0]])
    np.testing.assert_array_equal(gaussian_weights(sigma, 2), [0, 0, 1, 0, 0])


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.6])
def test_large_filters_come_to_that_of_wiener(sigma):
    frequency = np.linspace(0, np.pi, 40)
    blur, power, noise = spectra(sigma, frequency)
    wiener = power * blur / (power * blur**2 + noise)
    counts = np.sqrt(power * blur**2 + noise)
    errors = []
    for radius in (4, 8, 16):
        kernel = inverse_filter(Blur.gaussian(sigma), sides=(2 * radius + 1,))
        difference = (transform_of_filter(kernel, frequency) - wiener) * counts
        errors.append(np.linalg.norm(difference) / np.linalg.norm(wiener * counts))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 1e-3


@pytest.mark.parametrize("sigma", SIGMAS)
def test_no_change_that_keeps_the_sum_makes_the_filter_better(sigma):
    """The slope of the expected error, integrated by Simpson's rule, is zero.

    It is compared with the slope at the identity, which is far from the best filter.
    The spectrum of images has a peak of 0.01 radians at 0, which no change that keeps
    the sum sees.
    """
    frequency = np.linspace(0, np.pi, 241)
    blur, power, noise = spectra(sigma, frequency)
    radius = filter_radius(sigma)

    def slope(kernel, change):
        ours = transform_of_filter(kernel, frequency)
        error = power * blur * (ours * blur - 1) + noise * ours
        values = 2 * error * transform_of_filter(change, frequency)
        return integrate.simpson(integrate.simpson(values, x=frequency), x=frequency)

    best, identity = typical_filter(sigma), shifted(radius, (0, 0))
    for down, across in ((0, 1), (1, 1), (0, 2), (2, 1)):
        around = [
            (sign * row, other * column)
            for row, column in ((down, across), (across, down))
            for sign in (1, -1)
            for other in (1, -1)
        ]
        change = identity - sum(shifted(radius, place) for place in around) / 8
        assert abs(slope(best, change)) < 0.02 * abs(slope(identity, change))


@pytest.mark.parametrize("sigma", [0.8, 1.6, 2.4])
def test_filters_restore_what_was_blurred(sigma):
    """They do better than nothing, and better than filters for a blur 20 % off."""
    from scipy.ndimage import correlate

    sharp = load_sample_images()[0][100:260, 200:360, 1].astype(float)
    blurred = np.rint(gaussian_blur(sharp, sigma))

    def error(estimate):
        return np.mean((estimate - sharp)[16:-16, 16:-16] ** 2)

    errors = [
        error(correlate(blurred, typical_filter(factor * sigma), mode="mirror"))
        for factor in (0.8, 1.0, 1.2)
    ]
    assert errors[1] == min(errors)
    assert errors[1] < 0.7 * error(blurred)


LOPSIDED = np.array([[0.0, 0.2, 0.1], [0.1, 0.3, 0.0], [0.0, 0.0, 0.3]])
PHOTO = SharpPower(1500.0, 3.0, 0.5)
COLOURED = Noise(1.0, 0.2 + np.add.outer(np.arange(16) % 5, np.arange(9)[::-1]) / 8)
BLURS = {
    "ellipse": Blur.gaussian(2.5, 1, angle=30),
    "disk": Blur.defocus(2.5),
    "motion": Blur.motion(5, angle=20),
    "lopsided": Blur.from_kernel(LOPSIDED),
}


def of_all_frequencies(kernel, n):
    """The transform of a kernel about its centre at all n x n frequencies."""
    waves = [
        np.exp(-2j * np.pi * np.outer(np.fft.fftfreq(n), np.arange(side) - side // 2))
        for side in kernel.shape
    ]
    return waves[0] @ kernel @ waves[1].T


def whole_spectra(blur, noise, power, n=96):
    """The blur, the power of the photograph and that of the noise, n x n each."""
    line = 2 * np.pi * np.fft.fftfreq(n)
    squared = np.add.outer(line**2, line**2)
    half = noise_power(noise, blur.sigma, (n, n))
    across = np.abs(np.rint(np.fft.fftfreq(n) * n)).astype(int)
    down = np.arange(n)[:, np.newaxis]
    turned = np.where(np.fft.fftfreq(n) < 0, -down % n, down)  # N is real: symmetric
    return of_all_frequencies(blur.kernel(), n), power.at(squared), half[turned, across]


@pytest.mark.parametrize(
    "noise", [Noise.white(1.0), COLOURED], ids=["white", "coloured"]
)
@pytest.mark.parametrize("name", BLURS)
def test_filters_are_the_least_squares_of_scipy(name, noise):
    """Written out as a matrix of waves, and solved by a dense factorisation."""
    side, n = 9, 96
    blur, power, noises = whole_spectra(BLURS[name], noise, PHOTO, n)
    line = np.outer(np.fft.fftfreq(n), np.arange(side) - side // 2)
    waves = np.exp(-2j * np.pi * line)
    design = np.einsum("ay,bx->abyx", waves, waves).reshape(n * n, side**2)
    fits = np.concatenate(
        [
            (np.sqrt(power) * blur).ravel()[:, np.newaxis] * design,
            np.sqrt(noises).ravel()[:, np.newaxis] * design,
        ]
    )
    goal = np.concatenate([np.sqrt(power).ravel(), np.zeros(n * n)])
    normal = (fits.conj().T @ fits).real
    weights = linalg.solve(normal, (fits.conj().T @ goal).real, assume_a="pos")
    expected = weights.reshape(side, side)[::-1, ::-1] / weights.sum()
    found = inverse_filter(BLURS[name], noise, PHOTO, (side,))
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
    spectra = blur, power, noises
    least = expected_error(expected, *spectra)
    assert expected_error(found, *spectra) < (1 + 2e-3) * least  # 0.01 dB


@pytest.mark.parametrize("noise", [None, Noise.white(1.0), COLOURED], ids=str)
@pytest.mark.parametrize("name", BLURS)
def test_filters_are_as_symmetric_as_the_kernel(name, noise):
    kernel = inverse_filter(BLURS[name], noise, PHOTO)
    assert np.array_equal(kernel, kernel[::-1, ::-1]) == (name != "lopsided")
    is_white = noise is not COLOURED
    assert np.array_equal(kernel, kernel[:, ::-1]) == (name == "disk" and is_white)
    assert kernel.sum() == pytest.approx(1, abs=1e-12)


def expected_error(kernel, blur, power, noise):
    """The integral that a filter minimises, by its definition."""
    filtered = of_all_frequencies(kernel[::-1, ::-1], len(blur))
    return np.mean(power * abs(1 - filtered * blur) ** 2 + noise * abs(filtered) ** 2)


@pytest.mark.parametrize("std", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("name", BLURS)
def test_the_side_is_the_smallest_that_is_enough(name, std):
    noise, sides = Noise.white(std), (9, 17, 25, 41)
    spectra = whole_spectra(BLURS[name], noise, PHOTO)
    blur, power, noises = spectra
    least = np.mean(power * noises / (power * abs(blur) ** 2 + noises))
    chosen = inverse_filter(BLURS[name], noise, PHOTO)
    lost = {
        side: 10
        * np.log10(
            expected_error(inverse_filter(BLURS[name], noise, PHOTO, (side,)), *spectra)
            / least
        )
        for side in sides
    }
    enough = [side for side in sides if lost[side] < 0.05]
    # To see whether a side is enough, a rough filter has to do.
    near = [side for side in sides if abs(lost[side] - 0.05) < 0.01]
    assert len(chosen) in [*enough[:1], *near, *([] if enough else [41])]
    if len(chosen) < 41:
        assert expected_error(chosen, *spectra) < 1.02 * least


@pytest.mark.parametrize("name", BLURS)
def test_they_undo_the_blur_and_not_its_mirror_image(name):
    """In particular, the picture stays where it was."""
    from scipy.ndimage import convolve

    sharp = load_sample_images()[0][100:260, 200:360, 1].astype(float)
    kernel = BLURS[name].kernel()
    blurred = np.rint(convolve(sharp, kernel, mode="mirror"))
    noise = Noise.white(0.5)

    def restored(blur):
        weights = inverse_filter(blur, noise, PHOTO)
        # Correlation is convolution with the kernel that is turned by half a turn.
        return convolve(blurred, weights[::-1, ::-1], mode="mirror")

    def error(estimate):
        return np.mean((estimate - sharp)[24:-24, 24:-24] ** 2)

    right = error(restored(BLURS[name]))
    assert right < 0.7 * error(blurred)
    if name == "lopsided":
        turned = Blur.from_kernel(LOPSIDED[::-1, ::-1])
        assert right < 0.2 * error(restored(turned))


def test_what_is_alike_is_made_once():
    filters = [
        inverse_filter(Blur.motion(5, angle=20), Noise.white(1.0), PHOTO)
        for _ in range(2)
    ]
    assert filters[0] is filters[1]


def test_noise_that_is_not_known_is_half_a_level():
    np.testing.assert_allclose(noise_power(None, 0.5, (8, 8)), 0.28)
    np.testing.assert_allclose(noise_power(None, 2.0, (8, 8)), 0.14)
    assert TYPICAL_POWER.at(1.0) == pytest.approx(2800, rel=1e-3)
    assert noise_power(Noise.white(0.0), 1.0, (8, 6)).shape == (8, 4)
    assert noise_power(Noise.white(0.0), 1.0, (8, 6)).min() > 0


def test_a_filter_is_the_same_for_any_number_of_threads():
    code = (
        "from pydbcnn import Blur, Noise\n"
        "from pydbcnn._network.inverse_filter import inverse_filter\n"
        "filter = inverse_filter(Blur.motion(8, angle=65), Noise.white(1.0))\n"
        "print(filter.tobytes().hex())"
    )
    answers = set()
    for n_threads in ("1", "2", "5"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, n_threads)
        answers.add(
            subprocess.run(
                [sys.executable, "-c", code],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
    assert len(answers) == 1
