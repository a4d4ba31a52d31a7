"""The simulated camera: each step beside its formula, and all of them together."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from pydbcnn import (
    Blur,
    CameraTransformer,
    DefocusBlurTransformer,
    DenoisingTransformer,
    GaussianBlurTransformer,
    JPEGTransformer,
    MosaicTransformer,
    MotionBlurTransformer,
    NoiseTransformer,
    UnsharpMaskTransformer,
)
from pydbcnn._blur.kernels import disk_kernel
from pydbcnn.datasets import load_sample_images

OFF = dict(
    bayer_order=None,
    gaussian_std=0.0,
    poisson_gain=0.0,
    denoising=0.0,
    sharpening_amount=0.0,
    quality=None,
)
TYPES = ("uint8", "uint16", "float32", "float64")


def camera(blur=None, **params):
    """A camera that does nothing but what is asked for."""
    return CameraTransformer(blur, **OFF | {"random_state": 0} | params)


@pytest.fixture(scope="module")
def sharp():
    return [image[100:220, 200:330] for image in load_sample_images()]


@pytest.fixture(scope="module")
def values(sharp):
    return [(image / 255).astype(np.float32) for image in sharp]


def decoded(image):
    """IEC 61966-2-1, written out."""
    return np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


def encoded(light):
    curve = 1.055 * np.maximum(light, 1e-12) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, curve)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_camera_without_steps_changes_nothing(sharp, dtype):
    white = 1 if "float" in dtype else np.iinfo(dtype).max
    images = [(image / 255 * white).astype(dtype) for image in sharp]
    for image, taken in zip(images, camera().transform(images), strict=True):
        assert taken.dtype == dtype
        np.testing.assert_allclose(taken, image, rtol=1e-6)


def test_the_lens_blurs_linear_light(values):
    kernel = disk_kernel(2.0)
    for image, taken in zip(values, camera(kernel).transform(values), strict=True):
        light = ndimage.convolve(decoded(image), kernel[..., np.newaxis], mode="mirror")
        np.testing.assert_allclose(taken, encoded(light), atol=2e-4)


def test_a_kernel_is_convolved_with():
    """A point becomes the kernel, not its mirror image; a `Blur` has one, too."""
    point = np.zeros((1, 7, 7), np.float32)
    point[0, 3, 3] = 1
    kernel = np.zeros((3, 3))
    kernel[0, 1], kernel[1, 2] = 0.75, 0.25
    for blur in (kernel, kernel.tolist(), Blur.from_kernel(kernel)):
        light = decoded(camera(blur).transform(point)[0])
        np.testing.assert_allclose(light[2:5, 2:5], kernel, atol=1e-5)


@pytest.mark.parametrize("method", ["bilinear", "edge-aware", "gradient-corrected"])
def test_the_mosaic_is_that_of_its_transformer_in_linear_light(values, method):
    """But for the black level, which is there for noise."""
    taken = camera(
        bayer_order="grbg", demosaicing=method, red_gain=1.0, blue_gain=1.0
    ).transform(values)
    light = [decoded(image).astype(np.float32) for image in values]
    expected = MosaicTransformer("grbg", method).transform(light)
    for image, other in zip(taken, expected, strict=True):
        apart = np.abs(image - encoded(np.clip(other, 0, 1)))
        # A direction that is chosen by a hair may be another after rounding.
        assert (apart > 2e-3).mean() < 1e-3


def test_white_balance_is_undone_before_the_sensor_and_done_after_it():
    """Grey stays grey, and red and blue get their noise multiplied."""
    grey = np.full((1, 400, 400, 3), 0.5)
    noisy = camera(gaussian_std=0.002, red_gain=2.0, blue_gain=1.5).transform(grey)
    light = decoded(noisy[0])
    level = decoded(0.5)
    np.testing.assert_allclose(light.mean(axis=(0, 1)), level, rtol=1e-3)
    expected = 0.002 * np.array([2.0, 1.0, 1.5])
    np.testing.assert_allclose(light.std(axis=(0, 1)), expected, rtol=0.02)


def test_the_noise_of_photons_grows_with_the_light():
    levels = np.array([0.2, 0.5, 0.9])
    steps = np.repeat(levels, 200)[np.newaxis, np.newaxis].repeat(300, axis=1)
    noisy = camera(poisson_gain=0.0004).transform(steps.astype(np.float64))
    light = decoded(noisy[0]).reshape(300, 3, 200)
    variance = light.var(axis=(0, 2))
    np.testing.assert_allclose(variance, 0.0004 * decoded(levels), rtol=0.05)


def test_highlights_are_clipped_by_the_sensor():
    bright = np.full((1, 20, 20, 3), 1.7)
    taken = camera(bayer_order="rggb").transform(bright)
    assert taken.max() <= 1.0


def test_processing_is_that_of_its_transformers(values):
    smooth = camera(denoising=0.03, chroma_sigma=1.2).transform(values)
    expected = DenoisingTransformer(0.03, 1.2).transform(values)
    for image, other in zip(smooth, expected, strict=True):
        np.testing.assert_allclose(image, other, atol=1e-6)
    sharper = camera(sharpening_radius=0.9, sharpening_amount=0.6).transform(values)
    expected = UnsharpMaskTransformer(0.9, 0.6).transform(values)
    for image, other in zip(sharper, expected, strict=True):
        np.testing.assert_allclose(image, other, atol=1e-6)


def test_the_jpeg_is_that_of_pillow(sharp):
    taken = camera(quality=77, chroma_subsampling="4:2:2").transform(sharp)
    for image, stored in zip(sharp, taken, strict=True):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=77, subsampling="4:2:2")
        np.testing.assert_array_equal(stored, np.asarray(Image.open(file)))


def test_the_same_seed_takes_the_same_photographs(sharp):
    blurs = [DefocusBlurTransformer((1, 3)), GaussianBlurTransformer((0.5, 2.0))]
    taking = CameraTransformer(blurs, random_state=3)
    first, drawn = taking.transform_and_report(sharp)
    again = clone(taking).transform(sharp)
    for image, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(image, other)
    other, _ = CameraTransformer(blurs, random_state=4).transform_and_report(sharp)
    assert (other[0] != first[0]).any()
    assert len(drawn) == 2


def test_what_was_drawn_is_told_and_within_its_range(sharp):
    blurs = [
        DefocusBlurTransformer((1, 3)),
        MotionBlurTransformer((2, 5), (0, 180)),
        disk_kernel(1.0),
    ]
    taking = CameraTransformer(blurs, random_state=0)
    _, drawn = taking.transform_and_report(sharp * 20)
    assert {report["blur"]["kind"] for report in drawn} == {
        "defocus",
        "motion",
        "kernel",
    }
    assert {report["bayer_order"] for report in drawn} == set(taking.bayer_order)
    for report in drawn:
        for name in ("red_gain", "poisson_gain", "denoising", "sharpening_amount"):
            low, high = getattr(taking, name)
            assert low <= report[name] <= high
        assert 85 <= report["quality"] <= 98
        blur = report["blur"]
        assert blur["kernel"].sum() == pytest.approx(1)
        if blur["kind"] == "defocus":
            np.testing.assert_array_equal(blur["kernel"], disk_kernel(blur["radius"]))


def test_it_can_be_told_what_it_reported(values):
    """The report of one camera makes another that takes the same photograph."""
    first = CameraTransformer(
        DefocusBlurTransformer((1, 3)), gaussian_std=0.0, poisson_gain=0.0
    )
    (taken, *_), (report, *_) = first.transform_and_report(values)
    kernel = report.pop("blur")["kernel"]
    again = CameraTransformer(kernel, **report).transform(values)[0]
    np.testing.assert_array_equal(again, taken)


def test_grey_images_and_rows_have_no_mosaic(values):
    grey = [image[..., :1] for image in values]
    taken = camera(bayer_order="rggb", red_gain=2.0).transform(grey)
    np.testing.assert_array_equal(taken[0], grey[0])
    assert CameraTransformer(random_state=0).transform(grey)[0].shape == grey[0].shape
    rows = np.random.default_rng(0).random((4, 30))
    assert CameraTransformer(random_state=0).fit_transform(rows).shape == rows.shape


def test_it_composes_in_a_pipeline(sharp):
    steps = make_pipeline(
        GaussianBlurTransformer(1.0),
        NoiseTransformer(0.01, random_state=0),
        CameraTransformer(random_state=0),
        JPEGTransformer(90),
    )
    taken = steps.fit_transform(sharp)
    assert [image.shape for image in taken] == [image.shape for image in sharp]


BAD = {
    "kernel": (np.ones((3, 3)), "blur adds up to 9"),
    "even": (np.ones((2, 3)) / 6, "blur of shape .* even side"),
    "in a list": ([disk_kernel(1.0), -np.ones((1, 1))], "blur has the weight -1"),
    "radius": (DefocusBlurTransformer(-1.0), "'radius'"),
    "no blur": (NoiseTransformer(), "NoiseTransformer.* is no blur of this package"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_lenses_are_named(sharp, name):
    blur, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        CameraTransformer(blur).transform(sharp)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (dict(bayer_order="rgbg"), "bayer_order='rgbg': expected one of 'rggb'"),
        (dict(demosaicing="vng"), "demosaicing='vng': expected one of 'bilinear'"),
        (dict(chroma_subsampling=("4:1:1",)), r"chroma_subsampling=\('4:1:1',\)"),
        (dict(red_gain=0.0), "red_gain=0.0: expected"),
        (dict(poisson_gain=(1, 0)), r"poisson_gain=\(1, 0\).* sensor's white"),
        (dict(denoising=11), "denoising=11: .* <= 10"),
        (dict(chroma_sigma=101), "chroma_sigma=101"),
        (dict(sharpening_radius=(1, 101)), r"sharpening_radius=\(1, 101\)"),
        (dict(quality=(50, 101)), r"quality=\(50, 101\)"),
        (dict(quality=0), "'quality'.*0"),
        (dict(data_range=-1), "'data_range'.*-1"),
    ],
)
def test_bad_parameters_are_named(sharp, params, message):
    with pytest.raises(ValueError, match=message):
        CameraTransformer(**params).transform(sharp)


def test_images_that_no_camera_takes():
    with pytest.raises(ValueError, match=r"4 channels: a camera takes .* X\[..., :3\]"):
        CameraTransformer().transform(np.zeros((1, 8, 8, 4)))
    with pytest.raises(ValueError, match=r"1 x 8 pixels in RGB"):
        CameraTransformer().transform(np.zeros((1, 1, 8, 3)))
