"""Spectra and what kernels leave of them, beside SciPy."""

import numpy as np
import pytest
from scipy import ndimage, signal

from pydbcnn._blur.kernels import disk_kernel, line_kernel
from pydbcnn._blur_estimation.frequencies import (
    ACROSS,
    DOWN,
    RADII,
    SIDE,
    hann_window,
    log_gain,
)
from pydbcnn._blur_estimation.products import gram, rows_times
from pydbcnn._blur_estimation.textures import texture_of


def test_the_window_is_that_of_scipy():
    line = signal.get_window("hann", SIDE + 2, fftbins=False)[1:-1]
    expected = np.outer(line, line)
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(hann_window(SIDE), expected, rtol=1e-5)


def test_frequencies_that_are_used():
    assert pytest.approx(np.hypot(DOWN, ACROSS)) == RADII
    assert RADII.max() < 0.5
    assert (np.abs(DOWN) >= 1.5 / SIDE).all()
    assert (ACROSS >= 1.5 / SIDE).all()


@pytest.mark.parametrize("kernel", [disk_kernel(3.0), line_kernel(6.0, 30.0)])
def test_the_gain_is_what_blocks_of_blurred_noise_show(kernel):
    """Also near zeros of the kernel, where the window decides."""
    noise = np.random.default_rng(0).normal(scale=100, size=(2048, 2048))
    blurred = ndimage.convolve(noise, kernel, mode="wrap").astype(np.float32)
    blocks = blurred.reshape(32, SIDE, 32, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    spectra = np.fft.rfft2(blocks * hann_window(SIDE))
    rows, columns = (
        np.rint(frequency * SIDE).astype(int) for frequency in (DOWN, ACROSS)
    )
    power = (np.abs(spectra) ** 2).mean(axis=0)[rows, columns] / 100**2
    gain = np.exp(log_gain(kernel))
    seen = gain > 1e-3
    np.testing.assert_allclose(power[seen] / gain[seen], 1, atol=0.25)
    assert (power / gain)[seen].mean() == pytest.approx(1, abs=0.02)


def test_the_power_of_white_noise_is_its_variance():
    noise = np.random.default_rng(0).normal(scale=5, size=(700, 600))
    texture = texture_of([noise.astype(np.float32)])
    assert texture.power.mean() == pytest.approx(25, rel=0.02)


def test_texture_is_looked_for():
    """Plain blocks, as of a sky, do not count."""
    image = np.full((512, 512), 90, np.float32)
    image[:, 256:] += 20 * np.random.default_rng(0).normal(size=(512, 256))
    assert texture_of([image]).power.mean() == pytest.approx(400, rel=0.1)


def test_images_smaller_than_a_block_have_no_texture():
    assert texture_of([np.zeros((63, 400), np.float32)]) is None
    assert texture_of([np.zeros((64, 64), np.float32)]).contrast == 0


@pytest.mark.parametrize("n", [1, 300, 1418])
@pytest.mark.parametrize("k", [1, 25, 29])
def test_products_beside_plain_ones(n, k):
    random = np.random.default_rng(0)
    columns, weights = random.normal(size=(n, k)), random.random(n)
    expected = np.einsum("ni,n,nj->ij", columns, weights, columns)
    np.testing.assert_allclose(gram(columns, weights), expected, atol=1e-9)
    rows = random.normal(size=(467, n))
    np.testing.assert_allclose(
        rows_times(rows, columns), np.einsum("mn,nk->mk", rows, columns), atol=1e-9
    )
