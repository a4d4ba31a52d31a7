"""Clipped highlights: where filters are trusted, and what they leave of lamps."""

import cv2
import numpy as np
import pytest
from blur_models import deblurrer_by_filter, deblurrer_that_sees
from scipy.ndimage import binary_dilation, convolve, gaussian_filter

from pydbcnn import Blur
from pydbcnn._network.inverse_filter import TYPICAL_POWER
from pydbcnn._restoration import undoing
from pydbcnn._restoration.highlights import Highlights
from pydbcnn.backends.cpu import CpuBackend

DEFOCUS = Blur.defocus(2.5)
# Bent, so that it shows which way it is turned.
BENT = Blur.from_kernel(
    np.array(
        [
            [0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0],
            [0.2, 0.2, 0.3, 0.0, 0.0],
            [0.0, 0.0, 0.1, 0.0, 0.0],
            [0.0, 0.0, 0.2, 0.0, 0.0],
        ]
    )
)
LAMP = (60, 70)


@pytest.fixture(scope="module")
def by_filter():
    return deblurrer_by_filter()


def photographed(scene, blur, noise=0.5):
    """Levels of 8 bits of a scene, in which 255 is white."""
    light = convolve(scene, blur.kernel(), mode="mirror")
    light += noise * np.random.RandomState(0).normal(size=scene.shape)
    return np.rint(light.clip(0, 255)).astype(np.uint8)


def distance_from_lamp(shape):
    y, x = np.indices(shape)
    return np.hypot(y - LAMP[0], x - LAMP[1])


@pytest.fixture(scope="module")
def night():
    """A lamp, 3 times as bright as white, on a dark textured ground."""
    shape = 120, 140
    texture = gaussian_filter(np.random.RandomState(1).normal(size=shape), 1)
    scene = 50 + 5 * texture / texture.std()
    scene[distance_from_lamp(shape) <= 4.5] = 3 * 255
    return scene


@pytest.fixture(scope="module")
def lamp(night):
    return photographed(night, DEFOCUS)


@pytest.fixture(scope="module")
def page():
    """Black text on white paper."""
    paper = np.full((100, 160), 255, np.uint8)
    for row, text in enumerate(("Dark letters", "on a white", "page")):
        where = (6, 30 + 30 * row)
        cv2.putText(paper, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 20, 2)
    return paper


# --------------------------------------------------------------------------- confidence


@pytest.mark.parametrize("blur", [DEFOCUS, BENT, Blur.motion(9, 25), Blur.gaussian(1)])
def test_confidence_is_0_as_far_as_lost_light_reaches(blur):
    highlights = Highlights.under(blur, None, TYPICAL_POWER, CpuBackend(), 1.0)
    lost = np.zeros((90, 100), bool)
    lost[44:47, 50:53] = lost[40, 56] = True
    confidence = highlights.confidence(lost)
    kernel = blur.kernel()
    near = binary_dilation(lost, kernel > 0.02 * kernel.max())
    assert np.all(confidence[near] == 0)
    counts = np.argwhere(kernel > 0.02 * kernel.max()) - np.array(kernel.shape) // 2
    radius = min(10, int(np.ceil(4 * np.abs(counts).max() / 2)))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = np.hypot(y, x) <= radius
    around = binary_dilation(near, disk)
    share = convolve(around.astype(float), disk / disk.sum(), mode="mirror")
    expected = np.where(near, 0, 1 - share).clip(0, 1)
    np.testing.assert_allclose(confidence, expected, atol=1e-5)
    far = ~binary_dilation(around, disk)
    assert far.any()
    assert np.all(confidence[far] == 1)
    assert np.all(confidence[binary_dilation(near) & ~near] < 1)


# ------------------------------------------------------------- where nothing is clipped


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("clipped", ["white", "none"])
def test_without_highlights_the_network_is_alone(lamp, dtype, clipped):
    """No pixel is white, or none counts."""
    deblurrer = deblurrer_that_sees(None)
    white = 255.0 if dtype == "uint8" else 1.0
    image = lamp if dtype == "uint8" else (lamp / 255).astype(np.float32)
    if clipped == "white":
        image = np.minimum(image, image.dtype.type(0.99 * white))
    result = deblurrer.predict(image[np.newaxis], blur=DEFOCUS, clipped=clipped)
    network, params = deblurrer._weights.at(deblurrer._params(), DEFOCUS)
    batch = image[np.newaxis, ..., np.newaxis]
    expected = CpuBackend().forward(network, params, batch, data_range=white)
    np.testing.assert_array_equal(result, expected[..., 0])


def test_floats_beyond_the_range_are_not_clipped(by_filter, lamp):
    image = (lamp / 255)[np.newaxis]
    none = by_filter.predict(image, blur=DEFOCUS, clipped="none")
    assert np.abs(by_filter.predict(image, blur=DEFOCUS) - none).max() > 0.1
    image[0, 3, 3] = 1.001
    np.testing.assert_array_equal(
        by_filter.predict(image, blur=DEFOCUS),
        by_filter.predict(image, blur=DEFOCUS, clipped="none"),
    )


@pytest.mark.parametrize("noise", [None, 0.5])
@pytest.mark.parametrize("blur", [DEFOCUS, Blur.defocus(1.5), Blur.gaussian(1.5)])
def test_white_paper_is_not_taken_for_lamps(by_filter, page, blur, noise):
    blurred = photographed(page.astype(float), blur)
    assert (blurred == 255).mean() > 0.2
    how = dict(blur=blur, noise=noise)
    (result,) = by_filter.predict([blurred], **how)
    (none,) = by_filter.predict([blurred], **how, clipped="none")
    assert np.abs(result.astype(int) - none).max() <= 4


def psnr(image, sharp):
    return -10 * np.log10(np.mean((image / 255 - sharp / 255) ** 2))


def test_moved_paper_becomes_sharper(by_filter, page):
    """Some of it is taken for lamps, and stays as it is."""
    motion = Blur.motion(7, 20)
    moved = photographed(page.astype(float), motion)
    (result,) = by_filter.predict([moved], blur=motion)
    assert psnr(result, page) > psnr(moved, page) + 2


# -------------------------------------------------------------------------------- lamps


@pytest.mark.parametrize("noise", [None, 0.5])
def test_a_lamp_has_no_dark_ring(by_filter, night, lamp, noise):
    sharp = night.clip(0, 255)
    how = dict(blur=DEFOCUS, noise=noise)
    (result,) = by_filter.predict([lamp], **how)
    (none,) = by_filter.predict([lamp], **how, clipped="none")
    assert psnr(result, sharp) > psnr(none, sharp) + 2
    distance = distance_from_lamp(sharp.shape)
    around = (distance > 5) & (distance < 12)
    too_dark, without = ((sharp - image)[around] for image in (result, none))
    assert np.mean(too_dark > 10) < 0.01
    assert np.mean(without > 10) > 0.3
    assert without.max() > 50
    far = distance > 50
    np.testing.assert_array_equal(result[far], none[far])


@pytest.mark.parametrize("blur", [Blur.motion(7, 20), Blur.gaussian(1.5)])
def test_a_lamp_costs_less_with_every_blur(by_filter, night, blur):
    sharp, photo = night.clip(0, 255), photographed(night, blur)
    (result,) = by_filter.predict([photo], blur=blur)
    (none,) = by_filter.predict([photo], blur=blur, clipped="none")
    assert psnr(result, sharp) > psnr(none, sharp) + 1


def test_the_result_does_not_depend_on_blocks(by_filter, lamp, monkeypatch):
    """A lamp lies where blocks of 256 pixels meet."""
    wide = np.pad(lamp, ((190, 50), (180, 80)), mode="reflect") / 255
    blurs = DEFOCUS, [np.array([[DEFOCUS, Blur.motion(7, 20)]])]
    results = [by_filter.predict(wide[np.newaxis], blur=blur) for blur in blurs]
    monkeypatch.setattr(undoing, "_BLOCK", 10_000)
    for blur, result in zip(blurs, results, strict=True):
        whole = by_filter.predict(wide[np.newaxis], blur=blur)
        np.testing.assert_allclose(result, whole, atol=1e-5)


def test_highlights_in_tiles_with_strength_and_in_batches(by_filter, lamp):
    image = lamp / 255
    dark = np.minimum(image, 0.7)
    (expected,) = by_filter.predict([image], blur=DEFOCUS)
    both = by_filter.predict(np.stack([dark, image]), blur=DEFOCUS)
    np.testing.assert_array_equal(both[1], expected)
    np.testing.assert_array_equal(
        both[0], by_filter.predict([dark], blur=DEFOCUS, clipped="none")[0]
    )
    (tiled,) = by_filter.predict([image], blur=[np.full((2, 3), DEFOCUS, object)])
    np.testing.assert_allclose(tiled, expected, atol=1e-5)
    (half,) = by_filter.predict([image], blur=DEFOCUS, strength=0.5)
    np.testing.assert_allclose(half, (image + expected) / 2, atol=1e-6)
    tall = np.repeat(image[..., np.newaxis], 3, axis=2)
    (colours,) = deblurrer_by_filter(3).predict([tall], blur=DEFOCUS)
    np.testing.assert_allclose(colours, expected[..., np.newaxis] + 0 * tall, atol=1e-5)


def test_a_mask_that_is_given_is_used(by_filter, lamp):
    def restored(image, clipped):
        return by_filter.predict([image], blur=DEFOCUS, clipped=clipped)[0]

    np.testing.assert_array_equal(
        restored(lamp, [lamp == 255]), restored(lamp, "white")
    )
    np.testing.assert_array_equal(
        restored(lamp, [np.zeros(lamp.shape, bool)]), restored(lamp, "none")
    )
    # A raw converter that makes 200 of all that is clipped.
    dull = np.minimum(lamp, 200)
    told, looked_for = restored(dull, [lamp >= 200]), restored(dull, "white")
    np.testing.assert_array_equal(looked_for, restored(dull, "none"))
    near = distance_from_lamp(lamp.shape) < 10
    assert told[near].min() > looked_for[near].min()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 3)])
def test_tiny_white_images_stay_white(by_filter, shape):
    for blur in (DEFOCUS, Blur.motion(30, 20)):
        for noise in (None, 1):
            images = np.full((1, *shape), 255, np.uint8)
            result = by_filter.predict(images, blur=blur, noise=noise)
            np.testing.assert_array_equal(result, images)
