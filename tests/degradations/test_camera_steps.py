"""The steps of a camera as transformers, each against a formula or another library."""

import cv2
import numpy as np
import pytest
from scipy.signal import convolve2d
from skimage.filters import unsharp_mask
from sklearn.pipeline import make_pipeline

from pydbcnn import (
    AnisotropicGaussianBlurTransformer,
    DefocusBlurTransformer,
    DenoisingTransformer,
    GaussianBlurTransformer,
    KernelBlurTransformer,
    MosaicTransformer,
    MotionBlurTransformer,
    NoiseTransformer,
    ToneCurveTransformer,
    UnsharpMaskTransformer,
    WhiteBalanceTransformer,
)
from pydbcnn.metrics import peak_signal_noise_ratio

HIGHEST = {"uint8": 255, "uint16": 65535, "float32": 1.0, "float64": 1.0}
ORDERS = ("rggb", "bggr", "grbg", "gbrg")
METHODS = ("bilinear", "edge-aware", "vng", "gradient-corrected")
KERNEL = np.array([[0.1, 0.3, 0.05], [0.0, 0.2, 0.15], [0.05, 0.05, 0.1]])


def of_type(sharp, dtype):
    return (sharp / 255.0 * HIGHEST[dtype]).astype(dtype)


def decoded(stored):
    """IEC 61966-2-1, written out for one value."""
    return stored / 12.92 if stored <= 0.04045 else ((stored + 0.055) / 1.055) ** 2.4


def encoded(light):
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


# ------------------------------------------------------------------------- tone curve


@pytest.mark.parametrize("inverse", [False, True])
def test_the_tone_curve_is_that_of_the_standard(inverse):
    values = np.r_[np.linspace(0, 1, 1001), 0.04045, 0.0031308, 1.5][np.newaxis]
    curve = decoded if inverse else encoded
    result = ToneCurveTransformer(inverse=inverse).fit_transform(values)
    expected = [[curve(value) for value in values[0]]]
    np.testing.assert_allclose(result, expected, rtol=1e-14)
    beyond = ToneCurveTransformer(inverse=inverse).transform(-values)
    np.testing.assert_array_equal(beyond, -result)


def test_tone_curves_undo_each_other(sharp):
    there, back = ToneCurveTransformer(inverse=True), ToneCurveTransformer()
    for dtype, atol in (("float64", 1e-15), ("float32", 1e-6)):
        images = of_type(sharp, dtype)
        result = make_pipeline(there, back).transform(images)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, images, rtol=0, atol=atol)
    scaled = ToneCurveTransformer(data_range=255.0).transform(255 * images)
    np.testing.assert_allclose(scaled, 255 * back.transform(images), rtol=1e-5)


def test_the_tone_curve_of_integers_is_rounded():
    levels = np.arange(256, dtype=np.uint8)[np.newaxis]
    for inverse, curve in ((False, encoded), (True, decoded)):
        result = ToneCurveTransformer(inverse=inverse).fit_transform(levels)
        expected = [np.rint(255 * curve(level / 255)) for level in levels[0]]
        np.testing.assert_array_equal(result[0], expected)


# --------------------------------------------------------------- kernels, linear light


@pytest.mark.parametrize("dtype", HIGHEST)
def test_a_given_kernel_is_convolved_with(sharp, dtype):
    images = of_type(sharp[:2], dtype)
    blurred = KernelBlurTransformer(KERNEL).transform(images)
    assert blurred.dtype == dtype
    atol = {"uint8": 0.51, "uint16": 0.6, "float32": 1e-6, "float64": 1e-13}[dtype]
    for image, result in zip(images.astype(float), blurred.astype(float), strict=True):
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="reflect")
        for channel in range(3):
            expected = convolve2d(padded[..., channel], KERNEL, mode="valid")
            np.testing.assert_allclose(
                result[..., channel], expected, rtol=0, atol=atol
            )


def test_a_kernel_may_be_what_an_object_has(sharp):
    class Lens:
        def kernel(self):
            return KERNEL

    expected = KernelBlurTransformer(KERNEL.tolist()).transform(sharp)
    np.testing.assert_array_equal(
        KernelBlurTransformer(Lens()).transform(sharp), expected
    )


LINEAR = {
    "kernel": KernelBlurTransformer(KERNEL),
    "defocus": DefocusBlurTransformer(2.3),
    "motion": MotionBlurTransformer(6.5, 30.0),
    "anisotropic": AnisotropicGaussianBlurTransformer(2.0, 0.8, -20.0),
}


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("dtype", HIGHEST)
def test_linear_light_is_decoded_blurred_and_encoded(sharp, name, dtype):
    """The same in three steps, of which none rounds."""
    blur = LINEAR[name]
    in_light = type(blur)(**blur.get_params() | {"linear_light": True})
    images = of_type(sharp[:2], dtype)
    steps = ToneCurveTransformer(inverse=True), blur, ToneCurveTransformer()
    expected = make_pipeline(*steps).transform(images / HIGHEST[dtype])
    result = in_light.transform(images)
    assert result.dtype == dtype
    atol = {"uint8": 0.51, "uint16": 0.6, "float32": 2e-6, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(
        result.astype(float), expected * HIGHEST[dtype], rtol=0, atol=atol
    )
    in_values = blur.transform(images)
    assert np.abs(in_values.astype(float) - result).max() > 0.02 * HIGHEST[dtype]


def test_white_in_linear_light_is_the_data_range(sharp):
    images = sharp / 255.0
    expected = 255 * KernelBlurTransformer(KERNEL, linear_light=True).transform(images)
    blur = KernelBlurTransformer(KERNEL, linear_light=True, data_range=255.0)
    np.testing.assert_allclose(blur.transform(255 * images), expected, rtol=1e-12)


# ----------------------------------------------------------------------- white balance


@pytest.mark.parametrize("dtype", HIGHEST)
def test_white_balance_multiplies_red_and_blue(sharp, dtype):
    images = of_type(sharp, dtype)
    expected = images.astype(float) * [1.7, 1.0, 0.6]
    if dtype.startswith("uint"):
        expected = np.clip(np.rint(expected), 0, HIGHEST[dtype])
    result = WhiteBalanceTransformer(1.7, 0.6).transform(images)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_white_balance_and_its_inverse_draw_the_same(sharp):
    images = sharp / 255.0
    ranges = dict(red_gain=(1.0, 3.0), blue_gain=(0.5, 2.0), random_state=7)
    balanced = WhiteBalanceTransformer(**ranges).transform(images)
    assert np.ptp((balanced / np.maximum(images, 0.1))[..., 0].max(axis=(1, 2))) > 0.1
    back = WhiteBalanceTransformer(**ranges, inverse=True).transform(balanced)
    np.testing.assert_allclose(back, images, atol=1e-15)


# ------------------------------------------------------------------------------ mosaic


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("method", METHODS)
def test_colours_of_a_test_card_stay(order, method):
    """Red stays red, up to the border."""
    card = np.tile(np.array([200, 90, 30], np.uint8), (1, 9, 12, 1))
    result = MosaicTransformer(order, method).transform(card)
    np.testing.assert_array_equal(result, card)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("method", METHODS)
def test_colours_that_were_seen_stay(sharp, order, method):
    """At each pixel one colour is that of the image; OpenCV's VNG may smooth it."""
    result = MosaicTransformer(order, method).transform(sharp)
    for place, colour in enumerate(order):
        seen = (..., slice(place // 2, None, 2), slice(place % 2, None, 2))
        channel = "rgb".index(colour)
        error = result[*seen, channel].astype(int) - sharp[*seen, channel]
        assert np.abs(error).max() <= (0 if method != "vng" else 2)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", HIGHEST)
def test_bilinear_demosaicing_is_the_mean_of_neighbours(sharp, order, dtype):
    """Known colours spread by a tent of 3 x 3, convolved with zeros between them."""
    images = of_type(sharp[:1], dtype)
    result = MosaicTransformer(order).transform(images)[0].astype(float)
    step = {"uint8": 1.0, "uint16": 1.0}.get(dtype, 1 / 65535)
    tent = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
    cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
    for channel, colour in enumerate("rgb"):
        known = np.zeros(images.shape[1:3])
        for place in (i for i in range(4) if order[i] == colour):
            part = slice(place // 2, None, 2), slice(place % 2, None, 2)
            known[part] = images[0, ..., channel][part]
        padded = np.pad(known, 1, mode="reflect")
        expected = convolve2d(padded, cross if colour == "g" else tent, mode="valid")
        np.testing.assert_allclose(result[..., channel], expected, atol=0.8 * step)


@pytest.mark.parametrize("order", ORDERS)
def test_gradient_correction_is_exact_on_a_grey_slope(order):
    """Second derivatives vanish there, and neighbours lie on both sides."""
    down, across = np.mgrid[0:20, 0:24]
    slope = np.repeat((1000 + 400 * down + 900 * across)[..., np.newaxis], 3, axis=2)
    slope = slope.astype(np.uint16)[np.newaxis]
    result = MosaicTransformer(order, "gradient-corrected").transform(slope)
    np.testing.assert_array_equal(result[0, 4:-4, 4:-4], slope[0, 4:-4, 4:-4])


@pytest.mark.parametrize("order", ORDERS)
def test_gradient_correction_is_that_of_the_paper(order):
    """Malvar, He and Cutler, equations 1 to 3: a red peak among nothing."""
    image = np.zeros((1, 17, 17, 3))
    top, left = divmod(order.index("r"), 2)
    image[0, 8 + top, 8 + left, 0] = 0.8
    image += 0.1
    result = MosaicTransformer(order, "gradient-corrected").transform(image)[0]
    around = result[6 + top : 11 + top, 6 + left : 11 + left] - 0.1
    peak = result[8 + top, 8 + left] - 0.1
    # Half of the second derivative of red goes to green, three quarters to blue.
    np.testing.assert_allclose(peak, 0.8 * np.array([8, 4, 6]) / 8, atol=2e-5)
    # Red itself is the mean of two neighbours, or of four.
    np.testing.assert_allclose(around[2, 1, 0], 0.8 * 4 / 8, atol=2e-5)
    np.testing.assert_allclose(around[1, 1, 0], 0.8 * 2 / 8, atol=2e-5)
    # Green two pixels away gets less of it, and less than nothing is black.
    np.testing.assert_allclose(around[2, 0, 1], 0.1 - 0.8 / 8 - 0.1, atol=2e-5)


@pytest.mark.parametrize("method", ["edge-aware", "vng"])
@pytest.mark.parametrize("order", ORDERS)
def test_the_other_methods_are_opencvs(sharp, order, method):
    """By its older names, which begin in the middle of the pattern.

    Its VNG rounds the last columns, which no vector holds, in another way.
    """
    mosaic = np.empty(sharp.shape[1:3], np.uint8)
    for place, colour in enumerate(order):
        part = slice(place // 2, None, 2), slice(place % 2, None, 2)
        mosaic[part] = sharp[0][*part, "rgb".index(colour)]
    old = {"rggb": "BG", "bggr": "RG", "grbg": "GB", "gbrg": "GR"}[order]
    ending = {"edge-aware": "EA", "vng": "VNG"}[method]
    expected = cv2.cvtColor(mosaic, getattr(cv2, f"COLOR_Bayer{old}2RGB_{ending}"))
    result = MosaicTransformer(order, method).transform(sharp[:1])[0]
    error = result[4:-4, 4:-4].astype(int) - expected[4:-4, 4:-4]
    assert np.abs(error).max() <= (1 if method == "vng" else 0)


def test_gradients_restore_photographs_better(sharp):
    psnr = {
        method: peak_signal_noise_ratio(
            sharp, MosaicTransformer("rggb", method).transform(sharp)
        )
        for method in METHODS
    }
    assert psnr["gradient-corrected"] > psnr["bilinear"] + 1


def test_mosaics_of_floats_have_16_bits(sharp):
    images = sharp / 255.0
    expected = MosaicTransformer().transform(of_type(sharp, "uint16")) / 65535
    result = MosaicTransformer().transform(images)
    np.testing.assert_allclose(result, expected, atol=1.6 / 65535)
    beyond = MosaicTransformer().transform(3 * images - 1)
    assert beyond.min() >= 0
    assert beyond.max() <= 1
    scaled = MosaicTransformer(data_range=255.0).transform(255 * images)
    np.testing.assert_allclose(scaled, 255 * result, rtol=1e-12)


def test_mosaics_draw_orders_and_methods(sharp):
    images = np.stack([sharp[0]] * 40)
    drawing = MosaicTransformer(ORDERS[:2], METHODS[:2], random_state=0)
    results = drawing.transform(images)
    np.testing.assert_array_equal(drawing.transform(images), results)
    expected = [
        MosaicTransformer(order, method).transform(images[:1])[0]
        for order in ORDERS[:2]
        for method in METHODS[:2]
    ]
    found = {
        next(i for i, one in enumerate(expected) if np.array_equal(one, result))
        for result in results
    }
    assert found == {0, 1, 2, 3}


def test_noise_before_the_mosaic_is_correlated_after_it():
    """Each pixel has one sample, and the mean of four of them has half its std."""
    grey = np.full((1, 300, 300, 3), 0.5)
    noise = NoiseTransformer(0.02, random_state=0)
    result = make_pipeline(noise, MosaicTransformer("rggb")).transform(grey)[0]
    np.testing.assert_allclose(result[::2, ::2, 0].std(), 0.02, rtol=0.03)
    np.testing.assert_allclose(result[1::2, 1::2, 0].std(), 0.01, rtol=0.03)
    np.testing.assert_allclose(result[::2, ::2, 1].std(), 0.01, rtol=0.03)


# ------------------------------------------------------------- denoising and sharpening


def bilateral(image, strength):
    """Equation by equation: weights of distance and of difference, in a disk of 3."""
    total, weights = np.zeros_like(image), np.zeros_like(image)
    padded = np.pad(image, 3, mode="reflect")
    height, width = image.shape
    for down in range(-3, 4):
        for right in range(-3, 4):
            if np.hypot(down, right) > 3:
                continue
            there = padded[3 + down : 3 + down + height, 3 + right : 3 + right + width]
            weight = np.exp(-(down**2 + right**2) / (2 * 1.5**2))
            weight = weight * np.exp(-((there - image) ** 2) / (2 * strength**2))
            total += weight * there
            weights += weight
    return total / weights


@pytest.mark.parametrize("strength", [0.01, 0.1])
def test_brightness_goes_through_a_bilateral_filter(sharp, strength):
    grey = sharp[..., 1] / 255.0
    result = DenoisingTransformer(strength).transform(grey)
    for image, smooth in zip(grey, result, strict=True):
        np.testing.assert_allclose(smooth, bilateral(image, strength), atol=2e-5)


def test_colours_are_blurred_and_brightness_is_not(sharp):
    images = sharp / 255.0
    result = DenoisingTransformer(0.0, chroma_sigma=1.5).transform(images)
    weights = [0.299, 0.587, 0.114]
    brightness = (images @ weights)[..., np.newaxis]
    np.testing.assert_allclose(
        (result @ weights)[..., np.newaxis], brightness, atol=1e-6
    )
    blurred = GaussianBlurTransformer(1.5).transform(images - brightness)
    np.testing.assert_allclose(result, brightness + blurred, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_steps_of_integers_are_rounded(sharp, dtype):
    images = of_type(sharp, dtype)
    for step in (DenoisingTransformer(0.05), UnsharpMaskTransformer(1.2, 0.9)):
        expected = step.transform(images / HIGHEST[dtype]) * HIGHEST[dtype]
        result = step.transform(images)
        assert result.dtype == dtype
        expected = np.clip(expected, 0, HIGHEST[dtype])
        np.testing.assert_allclose(result, expected, rtol=0, atol=0.6)


def test_denoising_in_a_range_of_the_data(sharp):
    images = sharp / 255.0
    expected = 255 * DenoisingTransformer(0.05).transform(images)
    scaled = DenoisingTransformer(0.05, data_range=255.0).transform(255 * images)
    np.testing.assert_allclose(scaled, expected, atol=1e-3)


@pytest.mark.parametrize(("radius", "amount"), [(1.0, 0.7), (2.0, 1.5)])
def test_the_unsharp_mask_is_scikit_images(sharp, radius, amount):
    """Away from the border, where scikit-image mirrors in another way."""
    images = sharp / 255.0
    result = UnsharpMaskTransformer(radius, amount).transform(images)
    for image, sharper in zip(images[..., 1], result[..., 1], strict=True):
        expected = unsharp_mask(image, radius, amount, preserve_range=True)
        inside = np.s_[8:-8, 8:-8]
        np.testing.assert_allclose(sharper[inside], expected[inside], atol=1e-13)


# ------------------------------------------------------------------- all steps together


NOTHING = {
    "kernel": KernelBlurTransformer(),
    "kernel in linear light": KernelBlurTransformer(linear_light=True),
    "white balance": WhiteBalanceTransformer(1.0, 1.0),
    "denoising": DenoisingTransformer(0.0, 0.0),
    "amount": UnsharpMaskTransformer(amount=0.0),
    "radius": UnsharpMaskTransformer(radius=0.0),
}


@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize("dtype", HIGHEST)
def test_nothing_is_a_copy(sharp, name, dtype):
    images = of_type(sharp, dtype)
    result = NOTHING[name].transform(images)
    np.testing.assert_array_equal(result, images)
    assert result.dtype == dtype
    assert not np.shares_memory(result, images)


@pytest.mark.parametrize("step", [MosaicTransformer(), WhiteBalanceTransformer()])
def test_grey_images_and_rows_have_no_colours(sharp, step):
    for images in (sharp[..., 0], sharp[..., :1], sharp[0, ..., 0]):
        np.testing.assert_array_equal(step.fit_transform(images), images)


DRAWING = {
    "white balance": WhiteBalanceTransformer((1.0, 2.0), (1.0, 2.0)),
    "denoising": DenoisingTransformer((0.0, 0.1), (0.0, 2.0)),
    "unsharp mask": UnsharpMaskTransformer((0.5, 2.0), (0.1, 1.0)),
}


@pytest.mark.parametrize("name", DRAWING)
def test_an_int_gives_the_same_result_for_every_call(sharp, name):
    step = DRAWING[name].set_params(random_state=3)
    images = np.stack([sharp[0]] * 5)
    result = step.transform(images)
    np.testing.assert_array_equal(step.transform(images), result)
    np.testing.assert_array_equal(step.transform(images[:2]), result[:2])
    assert all(not np.array_equal(result[0], other) for other in result[1:])
    as_list = step.transform([images[0], images[1, :9]])
    np.testing.assert_array_equal(as_list[0], result[0])
    assert as_list[1].shape == (9, 48, 3)


BAD = {
    "kernel": (KernelBlurTransformer([[0.5, 0.5, 0.5]]), r"kernel adds up to 1\.5"),
    "no sum": (KernelBlurTransformer(np.zeros((3, 3))), "kernel adds up to 0"),
    "even": (
        KernelBlurTransformer([[0.5, 0.5]]),
        r"kernel .*\(1, 2\) has an even side",
    ),
    "flat": (KernelBlurTransformer([0.5, 0.5, 0.0]), r"kernel .*\(3,\)"),
    "negative": (KernelBlurTransformer([[-1.0, 1.0, 1.0]]), r"kernel .*-1"),
    "not finite": (KernelBlurTransformer([[np.nan, 1.0, 0.0]]), "kernel .*(?i:nan)"),
    "huge": (KernelBlurTransformer(np.ones((1, 1027)) / 1027), "kernel .*1025"),
    "red": (WhiteBalanceTransformer(0.0), "'red_gain'.*0"),
    "blue": (WhiteBalanceTransformer(1.0, (0.001, 1)), r"blue_gain=\(0.001, 1\)"),
    "order": (MosaicTransformer("rgbg"), "bayer_order='rgbg': expected one of 'rggb'"),
    "no order": (MosaicTransformer(()), r"bayer_order=\(\): expected one of"),
    "method": (MosaicTransformer("rggb", "ahd"), "demosaicing='ahd': expected one of"),
    "strength": (DenoisingTransformer(-0.1), "'strength'.*-0.1"),
    "strengths": (DenoisingTransformer((1, 11)), r"strength=\(1, 11\).*<= 10"),
    "chroma": (DenoisingTransformer(0.1, (2, 1)), r"chroma_sigma=\(2, 1\).* pixels"),
    "radius": (UnsharpMaskTransformer(101), "'radius'.*101"),
    "amounts": (UnsharpMaskTransformer(1, (0, 101)), r"amount=\(0, 101\).*<= 100"),
    "range": (ToneCurveTransformer(data_range=0), "'data_range'.*0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters_are_named(name, sharp):
    step, message = BAD[name]
    for method in (step.fit, step.transform):
        with pytest.raises(ValueError, match=message):
            method(sharp)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_vng_has_8_bits(sharp, dtype):
    with pytest.raises(ValueError, match=f"'vng' for 8 bits alone, but X is {dtype}"):
        MosaicTransformer("rggb", ("bilinear", "vng")).transform(of_type(sharp, dtype))


@pytest.mark.parametrize(
    "step", [MosaicTransformer(), WhiteBalanceTransformer(), DenoisingTransformer()]
)
@pytest.mark.parametrize("n_channels", [2, 4])
def test_other_channels_are_refused(step, n_channels):
    with pytest.raises(ValueError, match=f"{n_channels} channels.*RGB") as error:
        step.transform(np.zeros((1, 8, 8, n_channels)))
    assert ("alpha" in str(error.value)) == (n_channels == 4)


def test_a_mosaic_needs_two_rows():
    with pytest.raises(ValueError, match="1 x 8 pixels in RGB"):
        MosaicTransformer().transform(np.zeros((1, 1, 8, 3)))
    smallest = np.full((1, 2, 2, 3), 0.25)
    result = MosaicTransformer(ORDERS[0], "edge-aware").transform(smallest)
    np.testing.assert_allclose(result, smallest, atol=1e-5)
