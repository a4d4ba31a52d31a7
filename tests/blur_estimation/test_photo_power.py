"""The power law of a photograph before its blur: of images that have one."""

import numpy as np
import pytest
from scipy import fft

from pydbcnn import Blur, Noise
from pydbcnn._blur_estimation.photo_power import sharp_power
from pydbcnn._network.inverse_filter import SharpPower, transfer_function

LOWEST = 0.5  # radians a pixel, as sharp_power has it
# Squares of frequencies at which filters decide most, in radians a pixel.
MIDDLE = np.square([0.4, 0.8, 1.2])
BLURS = {
    "none": Blur.none(),
    "round": Blur.gaussian(1.2),
    "defocus": Blur.defocus(2.0),
    "motion": Blur.motion(5, 30),
}


def simulated(law, blur, std, shape=(384, 416), seed=0):
    """Levels of normal noise that has a power law, is blurred, and gets noisy."""
    random_state = np.random.RandomState(seed)
    down, across = fft.fftfreq(shape[0]), fft.rfftfreq(shape[1])
    squared = (2 * np.pi) ** 2 * (down[:, np.newaxis] ** 2 + across**2)
    shaping = np.sqrt(law.at(squared)) * transfer_function(blur.kernel(), shape)
    image = fft.irfft2(fft.rfft2(random_state.normal(size=shape)) * shaping, shape)
    return (128 + image + std * random_state.normal(size=shape))[..., np.newaxis]


@pytest.mark.parametrize("std", [0.5, 3.0])
@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("name", BLURS)
def test_a_power_law_is_found_below_blur_and_noise(name, exponent, std):
    law = SharpPower(300.0, exponent, LOWEST)
    image = simulated(law, BLURS[name], std)
    found = sharp_power(image, 255.0, [BLURS[name]], Noise.white(std))
    assert found.exponent == pytest.approx(exponent, abs=0.3)
    assert found.lowest_frequency == LOWEST
    np.testing.assert_allclose(found.at(MIDDLE), law.at(MIDDLE), rtol=0.3)


def test_the_blur_counts():
    """Without it, what it has taken away counts as the photograph's own fall."""
    law = SharpPower(300.0, 2.0, LOWEST)
    image = simulated(law, BLURS["round"], 0.5)
    found = sharp_power(image, 255.0, [Blur.none()], Noise.white(0.5))
    assert found.exponent > 3


def test_tiles_count_by_their_mean():
    """Both halves of an image, each with a blur of its own."""
    law = SharpPower(300.0, 2.0, LOWEST)
    blurs = [BLURS["round"], BLURS["motion"]]
    halves = [simulated(law, blur, 0.5, seed=i) for i, blur in enumerate(blurs)]
    image = np.concatenate(halves, axis=1)
    found = sharp_power(image, 255.0, blurs, Noise.white(0.5))
    assert found.exponent == pytest.approx(2, abs=0.3)
    np.testing.assert_allclose(found.at(MIDDLE), law.at(MIDDLE), rtol=0.3)


def test_types_of_pixels_make_no_difference():
    image = simulated(SharpPower(300.0, 2.0, LOWEST), BLURS["defocus"], 1.0)
    levels = np.rint(image).clip(0, 255).astype(np.uint8)
    how = [BLURS["defocus"]], Noise.white(1.0, rounded=True)
    law = sharp_power(levels, 255.0, *how)
    deep = levels.astype(np.uint16) * 257
    for same, white in (
        (deep, 65535.0),
        ((levels / 255).astype(np.float32), 1.0),
        (levels / 255, 1.0),
        (np.repeat(levels, 3, axis=2), 255.0),
    ):
        found = sharp_power(same, white, *how)
        assert found.exponent == pytest.approx(law.exponent, abs=0.021)
        assert found.factor == pytest.approx(law.factor, rel=0.021)


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (7, 5), (63, 64), (65, 30)])
@pytest.mark.parametrize("name", BLURS)
def test_small_and_flat_images_have_a_finite_law(shape, name):
    textured = np.random.RandomState(0).uniform(255, size=(*shape, 1))
    for image in (textured, np.zeros((*shape, 3)), np.full((*shape, 1), 255.0)):
        for noise in (Noise.white(0), Noise.white(2), Noise.white(255)):
            law = sharp_power(image, 255.0, [BLURS[name]], noise)
            assert np.isfinite(law).all()
            assert law.factor > 0
            assert 1 <= law.exponent <= 6
            power = law.at(MIDDLE)
            assert np.isfinite(power).all()
            assert np.all(power > 0)


def test_noise_alone_leaves_little_for_the_photograph():
    random_state = np.random.RandomState(0)
    image = 128 + 4 * random_state.normal(size=(300, 300, 1))
    law = sharp_power(image, 255.0, [Blur.gaussian(1)], Noise.white(4))
    assert np.all(law.at(MIDDLE) < 0.2 * 4**2)
