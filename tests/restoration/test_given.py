"""What users may say of blur, noise, strength and clipped pixels, and what not."""

from dataclasses import replace

import numpy as np
import pytest
from blur_models import deblurrer_by_filter, random_weights

from pydbcnn import Blur, Noise
from pydbcnn._restoration.given import (
    check_blurs,
    check_clipped,
    check_noises,
    check_strength,
)
from pydbcnn._restoration.model import DeblurModel

MOTION, DEFOCUS = Blur.motion(5, 20), Blur.defocus(2.5)
BOX = np.full((3, 3), 1 / 9)
LINE = np.array([[0.25, 0.5, 0.25]])
TILES = np.array([[MOTION, DEFOCUS], [Blur.none(), Blur.unknown()]])
OFF_CENTRE = np.pad([[1.0]], ((2, 0), (0, 4)))  # 1 pixel down, 2 to the left


def model_of(**form):
    """Models with the weights of tests, or with parts of them left out."""
    weights, params = random_weights()
    return DeblurModel(replace(weights, **form), params)


def plain():
    weights, _ = random_weights()
    weights = replace(weights, n_basis_functions=1, inverse_filter=False)
    weights = replace(weights, network=weights.learned)
    return DeblurModel(weights, np.zeros(weights.n_params, np.float32))


def without_filter():
    weights, params = random_weights()
    network = weights.learned
    return DeblurModel(replace(weights, network=network, inverse_filter=False), params)


def with_other_channels():
    weights, _ = random_weights()
    network = replace(
        weights.network,
        n_channels_in=2,
        residual=False,
        n_back_projections=0,
        combine=False,
    )
    weights = replace(weights, network=network)
    return DeblurModel(weights, weights.initial_params(np.random.RandomState(0)))


# --------------------------------------------------------------------- what is accepted


@pytest.mark.parametrize("blur", [MOTION, Blur.none(), Blur.gaussian(1.2)])
def test_one_blur_is_that_of_all_images(blur):
    assert check_blurs(blur, 3) == [blur, blur, blur]


@pytest.mark.parametrize(
    "kernel", [BOX, BOX.tolist(), BOX.astype(np.float32), np.array([[1]])]
)
def test_one_kernel_is_that_of_all_images(kernel):
    expected = Blur.from_kernel(kernel)
    assert check_blurs(kernel, 2) == [expected, expected]


@pytest.mark.parametrize(
    "blurs",
    [
        [MOTION, BOX, LINE, DEFOCUS],
        (MOTION, BOX, LINE.tolist(), DEFOCUS),
        [BOX, LINE],
        [BOX, BOX],
        np.stack([BOX, BOX, BOX]),
        np.stack([LINE]),
        np.array([MOTION, DEFOCUS]),
    ],
)
def test_each_image_has_a_blur_or_a_kernel_of_its_own(blurs):
    expected = [
        blur if isinstance(blur, Blur) else Blur.from_kernel(blur) for blur in blurs
    ]
    assert check_blurs(blurs, len(blurs)) == expected


@pytest.mark.parametrize("tiles", [TILES, TILES.tolist(), tuple(map(tuple, TILES))])
def test_tiles_have_blurs_of_their_own(tiles):
    (alone,) = check_blurs([tiles], 1)
    assert alone.dtype == object
    np.testing.assert_array_equal(alone, TILES)
    mixed = check_blurs([MOTION, tiles, LINE], 3)
    assert mixed[0] == MOTION
    np.testing.assert_array_equal(mixed[1], TILES)
    assert mixed[2] == Blur.from_kernel(LINE)
    both = check_blurs(np.stack([TILES, TILES[::-1]]), 2)
    np.testing.assert_array_equal(both, [TILES, TILES[::-1]])


@pytest.mark.parametrize(
    "blur",
    [
        Blur.gaussian(5),
        Blur.gaussian(6, 1, 45),  # 4 sigma reach 24 pixels, but not along an axis
        Blur.defocus(20.5),
        Blur.motion(40, 0),
        Blur.motion(50, 45),
        Blur.from_kernel(np.full((41, 41), 1 / 1681)),
    ],
)
def test_whatever_has_a_kernel_of_41_pixels_can_be_undone(blur):
    assert max(blur.kernel().shape) <= 41
    assert check_blurs(blur, 1) == [blur]


def test_numbers_are_white_noise_which_rounding_to_8_bits_adds_to():
    for dtype, added in (("uint8", 1 / 12), ("uint16", 0), ("float32", 0)):
        (noise,) = check_noises(2, 1, dtype)
        assert noise.std == 2
        np.testing.assert_allclose(noise.spectrum, 4 + added, rtol=1e-15)
    told = Noise(1.0, np.arange(144.0).reshape(16, 9))
    assert check_noises(told, 2, np.uint8) == [told, told]
    assert check_noises(None, 2, np.uint8) == [None, None]
    mixed = check_noises([told, None, 0, np.float32(0.5)], 4, np.float64)
    assert mixed == [told, None, Noise.white(0), Noise.white(0.5)]
    for several in (np.array([1.0, 2.0]), (1, 2)):
        assert check_noises(several, 2, float) == [Noise.white(1), Noise.white(2)]


def test_clipped_pixels_are_told_or_looked_for():
    shapes = (2, 3), (4, 5)
    assert check_clipped("white", shapes) == (None, True)
    assert check_clipped("none", shapes) == (None, False)
    masks = [np.zeros((2, 3), bool), np.ones((4, 5), bool)]
    for given in (masks, tuple(masks), [mask.tolist() for mask in masks]):
        told, looks = check_clipped(given, shapes)
        assert looks
        for one, other in zip(told, masks, strict=True):
            np.testing.assert_array_equal(one, other)


def test_strengths_are_numbers_from_0_to_2():
    for strength in (0, 2, 0.5, np.float32(0.5), np.int64(1)):
        checked = check_strength(strength)
        assert checked == strength
        assert type(checked) is float


def test_noise_is_that_of_the_blur_unless_it_is_told():
    model, noise = model_of(), Noise.white(3)
    noisy = Blur.defocus(2, noise=noise)
    shapes = [(8, 8)] * 4
    blurs = [noisy, DEFOCUS, [[DEFOCUS, noisy]], [[MOTION]]]
    known = model.check(blur=blurs, shapes=shapes)
    assert known.noises == [noise, None, noise, None]
    known = model.check(blur=blurs, noise=0.5, shapes=shapes)
    assert known.noises == [Noise.white(0.5)] * 4


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("blur", "error", "message"),
    [
        ([MOTION], ValueError, r"blur holds 1 value\(s\) for 2 image\(s\): .*\[array"),
        (np.stack([BOX] * 3), ValueError, r"blur holds 3 value\(s\) for 2 image\(s\)"),
        ([], ValueError, r"blur holds 0 value\(s\)"),
        (Blur.defocus(60), ValueError, r"blur is a blur .* 121 x 121 .*3.0 times sma"),
        (Blur.defocus(500), ValueError, "kernel of 1001 x 1001 pixels"),
        (Blur.gaussian(8), ValueError, "65 x 65 pixels, and 41 x 41 is the largest"),
        (Blur.gaussian(8, 0.3), ValueError, "5 x 65 pixels"),
        (Blur.motion(90), ValueError, r"1 x 91 pixels.*image 2\.2 times smaller"),
        ([MOTION, Blur.motion(50)], ValueError, r"blur\[1\] is a blur with a kernel"),
        ([[[DEFOCUS, Blur.gaussian(8)]], MOTION], ValueError, r"blur\[0\]\[0, 1\] is"),
        (
            OFF_CENTRE,
            ValueError,
            r"1\.0 pixels below and -2\.0 to the right .*Blur\.from_kernel\(kernel\)"
            r"\.centred\(\)",
        ),
        ([MOTION, OFF_CENTRE], ValueError, r"blur\[1\] is a kernel whose centroid"),
        ([[0.6, 0.6, -0.2]], ValueError, r"the weight -0\.2: a blur has none below 0"),
        (2 * BOX, ValueError, r"adds up to 2, .*divide it by"),
        (np.full((2, 2), 0.25), ValueError, "an even side"),
        (np.full((43, 1), 1 / 43), ValueError, "larger than 41 x 41"),
        (BOX * np.nan, ValueError, "NaN"),
        (1.5, TypeError, r"blur=1\.5 of type float: expected a Blur, such as"),
        ("ab", TypeError, r"blur\[0\]='a': expected a Blur"),
        ([MOTION, 1.5], TypeError, r"blur\[1\]=1\.5: expected a Blur"),
        ([MOTION, None], TypeError, r"blur\[1\]=None"),
        ([[MOTION, DEFOCUS]] * 2, TypeError, r"blur\[0\]=.*shape \(rows, columns\)"),
        ([[[MOTION, 1.0]], MOTION], TypeError, r"blur\[0\]="),
        ([[[MOTION], [MOTION, MOTION]], MOTION], TypeError, r"blur\[0\]="),
        ([np.empty((0, 2), object), MOTION], TypeError, r"blur\[0\]="),
    ],
)
def test_blurs_that_cannot_be_undone_are_named(blur, error, message):
    with pytest.raises(error, match=message):
        check_blurs(blur, 2)


def test_centred_is_the_remedy_for_a_kernel_beside_its_centre():
    centred = Blur.from_kernel(OFF_CENTRE).centred()
    assert check_blurs(centred, 1) == [centred]


@pytest.mark.parametrize(
    ("noise", "error", "message"),
    [
        (-1, ValueError, "noise=-1: expected a standard deviation in levels of 8 bits"),
        (256, ValueError, "noise=256: .*a number from 0 to 255"),
        (np.nan, ValueError, "noise=nan"),
        ([1.0, np.inf], ValueError, "noise=inf"),
        ("a", TypeError, "noise='a': expected its standard deviation"),
        (True, TypeError, "noise=True"),
        ([1.0, "b"], TypeError, "noise='b'"),
        ({}, TypeError, r"noise=\{\}"),
        ([1.0], ValueError, r"noise holds 1 value\(s\) for 2 image\(s\).*\[noise\]"),
        (np.ones((3,)), ValueError, r"noise holds 3 value\(s\) for 2"),
        (np.ones((2, 2)), TypeError, "noise=array"),
    ],
)
def test_bad_noises_are_named(noise, error, message):
    with pytest.raises(error, match=message):
        check_noises(noise, 2, np.uint8)


@pytest.mark.parametrize("strength", [2.1, -1, np.nan, np.inf, True, "1", None, [1.0]])
def test_bad_strengths_are_named(strength):
    with pytest.raises(ValueError, match=r"strength=.*: expected a number from 0, .*2"):
        check_strength(strength)


@pytest.mark.parametrize(
    ("clipped", "error", "message"),
    [
        ("x", ValueError, "clipped='x': expected 'white', 'none', or a mask"),
        (None, TypeError, "clipped=None of type NoneType: expected 'white', 'none'"),
        ([np.ones((2, 3), bool)], ValueError, r"clipped holds 1 value\(s\).*\[mask\]"),
        (
            [np.ones((2, 3), bool), np.ones((3, 2), bool)],
            ValueError,
            r"clipped\[1\] has shape \(3, 2\) .*bool of shape \(2, 3\)",
        ),
        (
            np.ones((2, 2, 3)),
            ValueError,
            r"clipped\[0\] has shape \(2, 3\) and type float64: expected bool",
        ),
        ([[[True], [True, False]], None], ValueError, r"clipped\[0\] has shape \(\)"),
    ],
)
def test_bad_masks_are_named(clipped, error, message):
    with pytest.raises(error, match=message):
        check_clipped(clipped, [(2, 3), (2, 3)])


@pytest.mark.parametrize(
    ("make", "given", "message"),
    [
        (model_of, dict(sigma=1.0, blur=MOTION), "round Gaussian.*pass one of them"),
        (model_of, dict(blur=MOTION, tile_size=64), "blur is given: the two exclude"),
        (model_of, dict(sigma=1.0, tile_size=64), "sigma is given: the two exclude"),
        (model_of, {}, "does not estimate the blur: pass sigma"),
        (model_of, dict(noise=1.0), "does not estimate the blur: pass sigma"),
        (without_filter, dict(blur=MOTION), "knows round Gaussian blurs alone"),
        (without_filter, dict(blur=DEFOCUS), "knows round Gaussian blurs alone"),
        (without_filter, dict(blur=BOX), "knows round Gaussian blurs alone"),
        (without_filter, dict(blur=Blur.gaussian(2, 1)), "round Gaussian blurs alone"),
        (without_filter, dict(blur=[TILES]), "knows round Gaussian blurs alone"),
        (without_filter, dict(sigma=1.0, noise=1.0), "noise=1.0: .*has no filter"),
        (
            without_filter,
            dict(sigma=1.0, clipped=[np.ones((1, 1), bool)]),
            "clipped=.*has no filter",
        ),
        (plain, dict(blur=MOTION), "blur=Blur.*is the same for every blur"),
        (plain, dict(sigma=1.0), r"sigma=1\.0: This model is the same for every"),
        (plain, dict(noise=1.0), r"noise=1\.0: This model is the same for every"),
        (plain, dict(tile_size=64), "tile_size=64: This model is the same"),
        (plain, dict(clipped=[np.ones((1, 1), bool)]), "clipped=.*has no filter"),
        (
            with_other_channels,
            dict(sigma=1.0, strength=0.5),
            r"strength=0\.5: This model makes 1 channels of 2",
        ),
        (with_other_channels, dict(sigma=1.0, strength=0), "strength=0: This model"),
    ],
)
def test_models_name_what_they_do_not_take(make, given, message):
    with pytest.raises(ValueError, match=message):
        make().check(**given)


def test_models_without_a_filter_take_blurs_that_are_round():
    for blur in (Blur.gaussian(1.2), Blur.none(), Blur.unknown(), Blur.gaussian(2, 2)):
        assert without_filter().check(blur=blur).blurs == [blur]
    assert plain().check(strength=0.5).strength == 0.5
    assert with_other_channels().check(sigma=1.0, strength=1).strength == 1


def test_predict_names_what_is_wrong():
    deblurrer = deblurrer_by_filter()
    images = np.zeros((2, 8, 9))
    for given, error, message in (
        (dict(blur=[MOTION]), ValueError, "blur holds 1"),
        (dict(blur=MOTION, noise="a"), TypeError, "noise='a'"),
        (dict(blur=MOTION, clipped=np.ones((2, 9, 8), bool)), ValueError, "clipped"),
        (dict(blur=MOTION, strength=3), ValueError, "strength=3"),
    ):
        with pytest.raises(error, match=message):
            deblurrer.predict(images, **given)
