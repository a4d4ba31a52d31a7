"""The noise of quiet places, beside noise that is known."""

import numpy as np
import pytest
from scipy import ndimage

from pydbcnn import (
    GaussianBlurTransformer,
    JPEGTransformer,
    NoiseTransformer,
    estimate_noise,
)
from pydbcnn._blur_estimation.quantisation import steps_of
from pydbcnn._blur_estimation.quiet import noise_of
from pydbcnn._blur_estimation.regions import regions_of
from pydbcnn.datasets import load_sample_images

LEVELS = (0.5, 1, 2, 4, 8)


@pytest.fixture(scope="module")
def blurred():
    """Photographs whose own noise is gone, between 0 and 1."""
    sharp = [image / np.float32(255) for image in load_sample_images()]
    return GaussianBlurTransformer(2.0).transform(sharp)


def noisy(images, std, dtype=np.uint8):
    """With normal noise of a standard deviation in levels, rounded once."""
    noise = NoiseTransformer(std / 255, random_state=0)
    found = noise.transform([image.astype(np.float32) for image in images])
    if dtype == np.float32:
        return found
    white = np.iinfo(dtype).max
    return [np.clip(np.rint(image * white), 0, white).astype(dtype) for image in found]


@pytest.mark.parametrize("std", LEVELS)
def test_white_noise_of_photographs(blurred, std):
    for noise in estimate_noise(noisy(blurred, std)):
        assert noise.std == pytest.approx(std, rel=0.05, abs=0.05)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_noise_does_not_depend_on_the_type(blurred, dtype):
    for noise in estimate_noise(noisy(blurred, 2.0, dtype)):
        assert noise.std == pytest.approx(2.0, rel=0.05)


def test_noise_of_sharp_photographs_is_at_least_what_was_added():
    """Where nothing is quiet, fine texture is taken for noise."""
    for noise in estimate_noise(noisy([i / 255 for i in load_sample_images()], 4.0)):
        assert 3.8 < noise.std < 6.0


def test_noise_is_that_of_channels(blurred):
    """Luminance, a mean of three channels, has less: the spectrum is its."""
    (noise, *_) = estimate_noise(noisy(blurred, 4.0))
    share = 0.299**2 + 0.587**2 + 0.114**2
    assert noise.spectrum.mean() == pytest.approx((16 + 1 / 12) * share, rel=0.1)
    grey = [image[..., 1] for image in noisy(blurred, 4.0)]
    (noise, *_) = estimate_noise(grey)
    assert noise.std == pytest.approx(4.0, rel=0.05)
    assert noise.spectrum.mean() == pytest.approx(16 + 1 / 12, rel=0.1)


def test_rounding_alone_is_in_the_spectrum_and_not_in_the_number():
    down, across = np.mgrid[:300, :280]
    hills = 120 + 60 * np.sin(across / 31) * np.sin(down / 37) + across / 7
    (noise,) = estimate_noise(np.rint(hills).astype(np.uint8)[np.newaxis])
    assert noise.std < 0.1
    assert noise.spectrum.mean() == pytest.approx(1 / 12, rel=0.3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_flat_image_has_no_noise(dtype):
    (noise,) = estimate_noise(np.full((1, 100, 90, 3), 0, dtype))
    assert noise.std == 0
    rounding = (0.299**2 + 0.587**2 + 0.114**2) / 12 if dtype == np.uint8 else 0
    np.testing.assert_allclose(noise.spectrum, rounding, atol=1e-6)


def test_the_spectrum_of_coloured_noise():
    """Of noise through a filter, the power of the filter."""
    kernel = np.outer([1, 2, 1], [1, 1, 1]) / 12
    white = np.random.default_rng(0).normal(scale=9, size=(700, 700))
    image = 128 + ndimage.convolve(white, kernel, mode="wrap")
    noise = noise_of(
        regions_of(image.astype(np.float32)[..., np.newaxis], 255.0), False
    )
    expected = 81 * np.abs(np.fft.rfft2(kernel, (16, 16))) ** 2
    measured = np.hypot(*np.meshgrid(np.fft.fftfreq(16), np.fft.rfftfreq(16))).T > 0.22
    error = np.abs(noise.spectrum - expected)[measured]
    # The window spreads power over neighbours, and below, slopes of images are.
    assert error.max() < 0.06 * 81
    assert noise.std == pytest.approx(image.std(), rel=0.15)


@pytest.mark.parametrize("code", ["COLOR_BayerBG2RGB", "COLOR_BayerBG2RGB_EA"])
def test_noise_that_was_demosaiced(code):
    """Its power falls with the frequency; most of it is where slopes are, too."""
    cv2 = pytest.importorskip("cv2")
    mosaic = np.random.default_rng(0).normal(30000, 1500, (900, 900))
    image = cv2.cvtColor(mosaic.astype(np.uint16), getattr(cv2, code)) / np.float32(
        65535
    )
    (noise,) = estimate_noise(image[np.newaxis])
    expected = 255 * np.sqrt(image.var(axis=(0, 1)).mean())
    assert noise.std == pytest.approx(expected, rel=0.12)


def test_jpeg_empties_high_frequencies(blurred):
    before = noisy(blurred, 1.0)
    plain, noise = (
        noise_of(regions_of(images[0], 255.0), True)
        for images in (before, JPEGTransformer(92).transform(before))
    )
    high = np.s_[6:11, 6:]
    assert noise.spectrum[high].mean() < 0.5 * plain.spectrum[high].mean()
    assert 0 < noise.std < plain.std


def test_what_jpeg_left_is_no_less_than_its_steps_take():
    """Where there is texture, of which quiet places know nothing."""
    (image, _) = JPEGTransformer(75).transform(load_sample_images())
    (noise,) = estimate_noise([image])
    steps = steps_of(75)
    assert noise.spectrum[0, 8] >= steps[0, 7] ** 2 / 24
    assert noise.spectrum[3, 5] >= steps[3, 5] ** 2 / 24
    assert noise.spectrum[-3, 5] >= steps[3, 5] ** 2 / 24


def test_clipped_pixels_do_not_count(blurred):
    """Half of the image is black: noise cannot go below."""
    images = [image.copy() for image in blurred]
    for image in images:
        image[: len(image) // 2] = 0
    for noise in estimate_noise(noisy(images, 4.0)):
        assert noise.std == pytest.approx(4.0, rel=0.06)


def test_all_of_it_clipped_is_no_error():
    (noise,) = estimate_noise(np.full((1, 40, 40), 255, np.uint8))
    assert noise.std == 0


@pytest.mark.parametrize("side", [1, 15])
def test_images_smaller_than_a_block_show_none(side):
    (noise,) = estimate_noise(np.random.default_rng(0).random((1, side, 300)))
    assert noise.std == 0


def test_a_large_image_is_seen_in_parts():
    image = np.full((1200, 1300, 3), 100.0) + np.arange(1300)[:, np.newaxis] / 20
    image += np.random.default_rng(0).normal(scale=3, size=image.shape)
    parts = regions_of(image.astype(np.float32), 255.0)
    assert len(parts) == 16
    assert all(part.luminance.shape == (192, 192) for part in parts)
    assert noise_of(parts, False).std == pytest.approx(3, rel=0.05)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="images contains NaN"):
        estimate_noise(np.full((1, 64, 64), np.nan))
    with pytest.raises(TypeError, match="images has pixels of type int64"):
        estimate_noise(np.zeros((1, 64, 64), int))
    with pytest.raises(ValueError, match="data_range"):
        estimate_noise(np.zeros((1, 64, 64)), data_range=0)
