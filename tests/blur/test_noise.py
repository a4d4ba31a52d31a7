"""Noise as a value: its spectrum at other frequencies, words, and JSON."""

import json
import pickle

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from pydbcnn import Noise

PLANE = np.random.default_rng(0).uniform(0, 9, (16, 16))
# Noise is real, so its power at a frequency is that at the opposite one.
PLANE = (PLANE + np.roll(PLANE[::-1, ::-1], (1, 1), (0, 1))) / 2
COLOURED = Noise(1.2, PLANE[:, :9])


@pytest.mark.parametrize("rounded", [False, True])
def test_white_noise_is_as_strong_as_it_is(rounded):
    """Its power is the variance of what is added and rounded."""
    noise = Noise.white(1.5, rounded=rounded)
    random = np.random.default_rng(1)
    image = random.uniform(50, 200, (256, 256))
    added = image + random.normal(0, 1.5, image.shape)
    error = (np.rint(added) if rounded else added) - image
    assert noise.std == 1.5
    assert np.ptp(noise.spectrum) == 0
    assert noise.spectrum[0, 0] == pytest.approx(error.var(), rel=0.02)
    assert noise.spectrum[0, 0] - 2.25 == pytest.approx(rounded / 12, abs=1e-12)


@pytest.mark.parametrize("shape", [(16, 16), (32, 48), (1, 1), (9, 14), (15, 31)])
def test_power_is_interpolated_over_the_periodic_plane(shape):
    """SciPy's bilinear interpolation of three periods down and across."""
    grid = np.arange(-16, 32) / 16
    expected = RegularGridInterpolator((grid, grid), np.tile(PLANE, (3, 3)))(
        np.stack(
            np.meshgrid(
                np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1]), indexing="ij"
            ),
            axis=-1,
        )
    )
    np.testing.assert_allclose(COLOURED.power(shape), expected, rtol=1e-12)


def test_power_of_sixteen_pixels_is_the_spectrum():
    np.testing.assert_array_equal(COLOURED.power((16, 16)), COLOURED.spectrum)
    np.testing.assert_array_equal(COLOURED.power((64, 64))[::4, ::4], PLANE[:, :9])


def test_power_is_that_of_real_noise():
    """Where both a frequency and the opposite one are in the half plane, they agree."""
    power = COLOURED.power((32, 40))[:, [0, -1]]
    opposite = np.roll(power[::-1], 1, axis=0)
    np.testing.assert_allclose(power, opposite, rtol=1e-12)


def test_words():
    assert str(Noise.white(1.23)) == "noise 1.2 levels"
    assert str(Noise.white(0)) == "noise 0.0 levels"
    assert repr(Noise.white(1.23)) == "Noise.white(1.23)"
    assert repr(Noise.white(2, rounded=True)) == "Noise.white(2.0, rounded=True)"


@pytest.mark.parametrize("noise", [COLOURED, Noise.white(0.1, rounded=True)])
def test_ways_to_make_equal_noise(noise):
    copies = [
        eval(repr(noise)),
        Noise.from_dict(noise.to_dict()),
        Noise.from_json(noise.to_json()),
        pickle.loads(pickle.dumps(noise)),
        Noise(noise.std, noise.spectrum.tolist()),
    ]
    for copy in copies:
        assert copy == noise
        assert hash(copy) == hash(noise)
        np.testing.assert_array_equal(copy.spectrum, noise.spectrum)
    assert set(json.loads(noise.to_json())) == {"std", "spectrum"}


def test_noise_never_changes():
    with pytest.raises(AttributeError, match="Noise never changes"):
        COLOURED.std = 3
    COLOURED.spectrum[:] = 0
    assert COLOURED.spectrum.max() > 0
    assert len({COLOURED, Noise.white(1.2), Noise.white(1.2), Noise.white(1.3)}) == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Noise.white(-1), "std=-1: expected a number from 0 to 255 levels"),
        (lambda: Noise.white(float("nan")), "std=nan"),
        (lambda: Noise("1", PLANE[:, :9]), "std='1'"),
        (lambda: Noise(1, PLANE), r"shape \(16, 16\) and type float64: .* \(16, 9\)"),
        (lambda: Noise(1, [[1], [1, 2]]), r"shape \(0,\)"),
        (lambda: Noise(1, np.full((16, 9), "1")), "expected real numbers"),
        (lambda: Noise(1, np.full((16, 9), -1.0)), "runs from -1.0 to -1.0: .* least"),
        (lambda: Noise(1, np.full((16, 9), np.nan)), "from nan to nan"),
        (lambda: COLOURED.power((4,)), r"shape=\(4,\): expected height and width"),
        (lambda: COLOURED.power((4, 0)), "two integers above 0"),
        (lambda: COLOURED.power((4, 2.5)), "two integers above 0"),
        (lambda: COLOURED.power(4), "shape=4"),
        (lambda: Noise.from_dict({"std": 1}), "no key 'spectrum'"),
        (lambda: Noise.from_dict({**COLOURED.to_dict(), "mean": 0}), "key 'mean'"),
        (lambda: Noise.from_json("noise"), "This is no JSON"),
    ],
)
def test_what_is_no_noise(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_no_dictionary():
    with pytest.raises(TypeError, match=r"Noise\.from_dict was given float"):
        Noise.from_json("1.5")
