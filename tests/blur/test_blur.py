"""Blurs as values: kernels, moments, words, and in and out of JSON."""

import json
import pickle

import cv2
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from moments import moments

from pydbcnn import Blur, Noise
from pydbcnn._blur.kernels import disk_kernel, elliptic_gaussian_kernel, line_kernel

LOPSIDED = np.array([[0.0, 0.2, 0.0], [0.1, 0.4, 0.0], [0.0, 0.3, 0.0]])
BLURS = {
    "none": Blur.none(),
    "unknown": Blur.unknown(confidence=1, noise=Noise.white(0.4)),
    "round": Blur.gaussian(1.6),
    "elliptic": Blur.gaussian(2.5, 1.0, 30, confidence=0.75),
    "defocus": Blur.defocus(2.5, noise=Noise.white(1.2, rounded=True)),
    "motion": Blur.motion(5.1, 21, noise=Noise(1, np.arange(144.0).reshape(16, 9))),
    "kernel": Blur.from_kernel(LOPSIDED),
    "third": Blur.from_kernel(np.full((1, 3), 1 / 3), confidence=1 / 3),
}


# ------------------------------------------------------------------ kernels and moments


@pytest.mark.parametrize("sigma", [0.05, 0.3, 0.8, 1.6, 3.3, 17.0])
def test_a_round_gaussian_is_that_of_opencv(sigma):
    size = 2 * int(np.ceil(4 * sigma)) + 1
    weights = cv2.getGaussianKernel(size, sigma, cv2.CV_64F)
    kernel = Blur.gaussian(sigma).kernel()
    np.testing.assert_allclose(kernel, weights @ weights.T, rtol=1e-12, atol=1e-17)


def test_the_least_gaussian_is_finite():
    np.testing.assert_array_equal(Blur.gaussian(1e-300).kernel()[1], [0, 1, 0])


@pytest.mark.parametrize(
    ("blur", "kernel"),
    [
        (Blur.none(), np.ones((1, 1))),
        (Blur.unknown(), np.ones((1, 1))),
        (Blur.gaussian(2.5, 1.0, 30), elliptic_gaussian_kernel(2.5, 1.0, 30)),
        (Blur.defocus(2.5), disk_kernel(2.5)),
        (Blur.motion(5.1, 21), line_kernel(5.1, 21)),
        (Blur.from_kernel(LOPSIDED), LOPSIDED),
    ],
)
def test_kernels_are_those_of_their_geometry(blur, kernel):
    np.testing.assert_allclose(blur.kernel(), kernel, rtol=1e-15)


@pytest.mark.parametrize("name", BLURS)
def test_kernels_are_kernels(name):
    kernel = BLURS[name].kernel()
    assert kernel.dtype == np.float64
    assert all(side % 2 for side in kernel.shape)
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    assert kernel.min() >= 0


def test_a_kernel_that_adds_up_to_nearly_one_is_scaled_to_it():
    kernel = LOPSIDED * 1.0009
    assert Blur.from_kernel(kernel).kernel().sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("name", BLURS)
def test_moments_are_those_of_the_kernel(name):
    """Of x to the right and y down; the helper counts y upwards."""
    blur = BLURS[name]
    _, expected = moments(blur.kernel())
    expected[0, 1] *= -1
    expected[1, 0] *= -1
    np.testing.assert_allclose(blur.covariance, expected, atol=0.003)
    assert blur.sigma == pytest.approx(np.sqrt(np.trace(expected) / 2), abs=0.001)


def test_the_sigma_of_gaussians_is_exact():
    assert Blur.gaussian(0.7).sigma == 0.7
    assert Blur.gaussian(0.3, 0.3, 20).sigma == 0.3
    assert Blur.gaussian(4, 2).sigma == pytest.approx(np.sqrt(10), rel=1e-15)


def test_the_sigma_says_how_wide_a_point_becomes(sharp):
    """A blurred point against SciPy's variance, and two blurs after another."""
    point = np.zeros((61, 61))
    point[30, 30] = 1
    twice = scipy.signal.convolve2d(point, Blur.defocus(4).kernel(), "same")
    twice = scipy.ndimage.gaussian_filter(twice, 2.0, truncate=6)
    expected = np.sqrt(Blur.defocus(4).sigma ** 2 + 2.0**2)
    kernel = Blur.from_kernel(twice[10:51, 10:51])
    assert kernel.sigma == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("blur", "strength"),
    [
        (Blur.none(), 0.0),
        (Blur.unknown(), 0.0),
        (Blur.gaussian(1.6), 1.6),
        (Blur.gaussian(2.5, 1.0), 2.5),
        (Blur.defocus(3), 3.0),
        (Blur.motion(7, 20), 7.0),
        (Blur.from_kernel(np.full((1, 3), 1 / 3)), np.sqrt(1 / 3)),
    ],
)
def test_strength(blur, strength):
    assert blur.strength == pytest.approx(strength, rel=1e-15)
    assert isinstance(blur.strength, float)


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 112.5, 179])
def test_direction(angle):
    """That of a kernel comes from its second moments, and says the same."""
    blurs = Blur.motion(12, angle), Blur.gaussian(4, 1, angle)
    assert [blur.direction for blur in blurs] == [angle, angle]
    for blur in blurs:
        found = Blur.from_kernel(blur.kernel()).direction
        assert abs((found - angle + 90) % 180 - 90) < 0.5
        assert 0 <= found < 180


@pytest.mark.parametrize(
    "blur",
    [
        Blur.none(),
        Blur.unknown(),
        Blur.gaussian(2, 2, 45),
        Blur.defocus(2),
        Blur.from_kernel(disk_kernel(2)),
        Blur.from_kernel([[1]]),
    ],
)
def test_what_is_round_has_no_direction(blur):
    assert blur.direction is None


@pytest.mark.parametrize(
    ("angle", "kept"), [(180, 0), (-30, 150), (-339, 21), (360, 0), (-1e-30, 0)]
)
def test_angles_are_those_of_a_half_turn(angle, kept):
    assert Blur.motion(5, angle).angle == kept
    assert Blur.motion(5, angle) == Blur.motion(5, kept)


# ------------------------------------------------------------- where a kernel lies


@pytest.mark.parametrize("name", BLURS)
def test_the_offset_is_the_centroid_of_scipy(name):
    kernel = BLURS[name].kernel()
    centre = [(side - 1) / 2 for side in kernel.shape]
    expected = np.subtract(scipy.ndimage.center_of_mass(kernel), centre)
    np.testing.assert_allclose(BLURS[name].offset, expected, atol=1e-12)
    assert all(type(by) is float for by in BLURS[name].offset)


@pytest.mark.parametrize("pads", [((4, 0), (0, 6)), ((0, 2), (0, 0)), ((2, 4), (8, 0))])
@pytest.mark.parametrize("kernel", [LOPSIDED, np.rot90(LOPSIDED), np.ones((1, 1))])
def test_centred_moves_a_kernel_by_whole_pixels(pads, kernel):
    noise = Noise.white(2)
    beside = Blur.from_kernel(np.pad(kernel, pads), confidence=0.5, noise=noise)
    centred = beside.centred()
    assert np.abs(centred.offset).max() <= 0.5
    assert (centred.confidence, centred.noise) == (0.5, noise)
    np.testing.assert_allclose(centred.covariance, beside.covariance, atol=1e-12)
    # A point that SciPy blurs with both: the same, but for the way that it has moved.
    point = np.zeros((41, 41))
    point[20, 20] = 1
    moved, placed = (
        scipy.ndimage.convolve(point, blur.kernel()) for blur in (beside, centred)
    )
    way = [-round(by) for by in beside.offset]
    np.testing.assert_allclose(np.roll(moved, way, (0, 1)), placed, atol=1e-15)


@pytest.mark.parametrize("name", BLURS)
def test_what_lies_about_its_centre_stays(name):
    assert BLURS[name].centred() is BLURS[name]


def test_a_kernel_that_would_become_too_large_is_named():
    wide = np.zeros((1, 41))
    wide[0, 0], wide[0, 39:] = 0.1, 0.45
    with pytest.raises(ValueError, match="larger than 41 x 41"):
        Blur.from_kernel(wide).centred()


@pytest.mark.parametrize("name", BLURS)
def test_alone_is_the_blur_without_confidence_and_noise(name):
    blur = BLURS[name]
    alone = blur.alone()
    assert (alone.confidence, alone.noise) == (None, None)
    np.testing.assert_array_equal(alone.kernel(), blur.kernel())
    without = blur.to_dict() | {"confidence": None, "noise": None}
    assert alone == Blur.from_dict(without)
    assert alone.alone() is alone


# --------------------------------------------------------------------- words and values


@pytest.mark.parametrize(
    ("blur", "words"),
    [
        (Blur.none(), "sharp"),
        (Blur.unknown(noise=Noise.white(6)), "cannot tell, noise 6.0 levels"),
        (Blur.gaussian(1.62), "Gaussian blur of sigma 1.6 pixels"),
        (Blur.gaussian(0.04), "Gaussian blur of sigma 0.04 pixels"),
        (
            Blur.gaussian(2.5, 1, 30),
            "Gaussian blur of 2.5 x 1.0 pixels at 30 degrees",
        ),
        (Blur.defocus(2.5), "out of focus by a radius of 2.5 pixels"),
        (
            Blur.motion(5.1, 21, noise=Noise.white(1.2)),
            "motion of 5.1 pixels at 21 degrees, noise 1.2 levels",
        ),
        (Blur.motion(5, 179.7), "motion of 5.0 pixels at 0 degrees"),
        (Blur.motion(5, 1.2), "motion of 5.0 pixels at 1 degree"),
        (
            Blur.from_kernel(np.pad(LOPSIDED, ((2, 2), (3, 3)))),
            "kernel of 9 x 7 pixels, as wide as a Gaussian of sigma 0.5",
        ),
    ],
)
def test_words(blur, words):
    assert str(blur) == words


@pytest.mark.parametrize("name", BLURS)
def test_ways_to_make_an_equal_blur(name):
    blur = BLURS[name]
    copies = [
        eval(repr(blur)),
        Blur.from_dict(blur.to_dict()),
        Blur.from_json(blur.to_json()),
        pickle.loads(pickle.dumps(blur)),
    ]
    for copy in copies:
        assert copy == blur
        assert hash(copy) == hash(blur)
        np.testing.assert_array_equal(copy.kernel(), blur.kernel())


def test_different_blurs_are_not_equal():
    blurs = [*BLURS.values(), Blur.none(confidence=0.5), Blur.gaussian(1.61)]
    assert len(set(blurs)) == len(blurs)
    assert Blur.gaussian(1.6) != 1.6
    assert Blur.gaussian(1.6, noise=Noise.white(1)) != Blur.gaussian(1.6)


def test_a_blur_never_changes():
    blur = Blur.gaussian(1.6)
    with pytest.raises(AttributeError, match="Blur never changes, so sigma_major"):
        blur.sigma_major = 2
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del blur.kind
    blur.kernel()[:] = 0
    assert blur.kernel().sum() == pytest.approx(1)


def test_numbers_of_numpy_become_plain():
    blur = Blur.gaussian(np.float32(1.5), confidence=np.float64(0.5))
    assert blur == Blur.gaussian(1.5, confidence=0.5)
    assert [type(blur.sigma_major), type(blur.confidence)] == [float, float]


def test_json_has_what_describes_the_kind():
    assert json.loads(Blur.motion(5, 20, confidence=0.9).to_json()) == {
        "kind": "motion",
        "length": 5.0,
        "angle": 20.0,
        "confidence": 0.9,
        "noise": None,
    }
    assert Blur.from_dict({"kind": "none"}) == Blur.none()


# ------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Blur.gaussian(0), r"use Blur.none\(\)"),
        (lambda: Blur.gaussian(-1), "sigma=-1: expected a number from 0 to 100 pixels"),
        (lambda: Blur.gaussian(100.1), "sigma=100.1"),
        (lambda: Blur.gaussian(float("nan")), "sigma=nan"),
        (lambda: Blur.gaussian("wide"), "sigma='wide'"),
        (lambda: Blur.gaussian(True), "sigma=True"),
        (lambda: Blur.gaussian(np.ones(2)), r"sigma=array\(\[1., 1.\]\)"),
        (lambda: Blur.gaussian(10**400), "expected a number from 0 to 100"),
        (lambda: Blur.gaussian(2, 0.2), "sigma_minor=0.2: expected a number from 0.3"),
        (lambda: Blur.gaussian(1, 2), "sigma_minor=2.0 is above sigma=1.0: exchange"),
        (lambda: Blur.gaussian(2, 1, 361), "angle=361: .* -360 to 360 degrees"),
        (lambda: Blur.gaussian(2, 1, None), "angle=None"),
        (lambda: Blur.gaussian(2, angle="up"), "angle='up'"),
        (lambda: Blur.defocus(500.1), "radius=500.1: expected a number from 0 to 500"),
        (lambda: Blur.defocus(None), "radius is missing"),
        (lambda: Blur.motion(1001), "length=1001: expected a number from 0 to 1000"),
        (lambda: Blur.motion(5, float("inf")), "angle=inf"),
        (lambda: Blur.none(confidence=1.1), "confidence=1.1: expected a number from 0"),
        (lambda: Blur("blurry"), "kind='blurry': expected one of none, gaussian"),
        (lambda: Blur(["none"]), "expected one of"),
        (lambda: Blur("none", radius=2), "radius=2: a blur of the kind 'none' has no"),
        (lambda: Blur("gaussian", sigma_major=2), "sigma_minor is missing"),
        (lambda: Blur.from_kernel(np.ones((2, 3)) / 6), "even side"),
        (lambda: Blur.from_dict({}), "no key 'kind'"),
        (lambda: Blur.from_dict({"kind": "none", "size": 1}), "unknown key 'size'"),
        (lambda: Blur.from_dict({"kind": "defocus", "radius": "2"}), "radius='2'"),
        (lambda: Blur.from_dict({"kind": "none", "noise": {"std": 1}}), "'spectrum'"),
        (lambda: Blur.from_json('{"kind": "none"'), "This is no JSON"),
        (lambda: Blur.from_json('{"kind": "defocus", "radius": NaN}'), "holds NaN"),
        (lambda: Blur.from_json('{"kind": "defocus", "radius": 1e999}'), "radius=inf"),
    ],
)
def test_what_is_no_blur(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Blur.none(noise=1.2), r"expected a Noise, such as Noise.white\(1.2\)"),
        (lambda: Blur.from_dict(None), "Blur.from_dict was given NoneType"),
        (lambda: Blur.from_json("[]"), "Blur.from_dict was given list"),
        (lambda: Blur.from_dict({"kind": "none", "noise": 3}), "Noise.from_dict"),
    ],
)
def test_what_is_of_another_type(make, message):
    with pytest.raises(TypeError, match=message):
        make()
