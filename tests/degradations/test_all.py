"""What all degradations have in common: draws, layouts, and what they refuse."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from pydbcnn import (
    AnisotropicGaussianBlurTransformer,
    DefocusBlurTransformer,
    JPEGTransformer,
    MotionBlurTransformer,
    NoiseTransformer,
)

DRAWING = {
    "defocus": DefocusBlurTransformer((0.0, 4.0)),
    "motion": MotionBlurTransformer((0.0, 6.0), (0.0, 180.0)),
    "anisotropic": AnisotropicGaussianBlurTransformer((0.5, 3.0), (0.5, 3.0), (0, 180)),
    "noise": NoiseTransformer((0.0, 0.05), (0.0, 0.01)),
    "JPEG": JPEGTransformer((20, 90)),
}


@pytest.mark.parametrize("name", DRAWING)
def test_an_int_gives_the_same_result_for_every_call(sharp, name):
    degrade = clone(DRAWING[name]).set_params(random_state=3)
    images = np.stack([sharp[0]] * 5)
    result = degrade.transform(images)
    np.testing.assert_array_equal(degrade.transform(images), result)
    np.testing.assert_array_equal(degrade.transform(images[:2]), result[:2])
    assert all(not np.array_equal(result[0], other) for other in result[1:])
    degrade.set_params(random_state=4)
    assert not np.array_equal(degrade.transform(images), result)


@pytest.mark.parametrize("name", DRAWING)
def test_a_range_is_one_draw_for_each_image(sharp, name):
    """A generator that is handed on draws for one image after the other."""
    degrade = clone(DRAWING[name])
    together = degrade.set_params(random_state=np.random.RandomState(5)).transform(
        sharp[:3]
    )
    degrade.set_params(random_state=np.random.RandomState(5))
    for image, expected in zip(sharp[:3], together, strict=True):
        alone = degrade.transform(image[np.newaxis])[0]
        np.testing.assert_array_equal(alone, expected)


@pytest.mark.parametrize("name", DRAWING)
def test_layouts(sharp, name):
    degrade = clone(DRAWING[name]).set_params(random_state=0)
    expected = degrade.fit(sharp).transform(sharp)
    as_list = degrade.transform([sharp[0], sharp[1, :9]])
    np.testing.assert_array_equal(as_list[0], expected[0])
    assert as_list[1].shape == (9, 48, 3)
    grey = degrade.transform(sharp[..., 1])
    assert grey.shape == sharp.shape[:3]
    with_channel = degrade.transform(sharp[..., 1:2])
    np.testing.assert_array_equal(with_channel[..., 0], grey)
    flipped = degrade.transform(np.asfortranarray(sharp)[:, ::-1])
    np.testing.assert_array_equal(flipped, degrade.transform(sharp[:, ::-1].copy()))
    rows = sharp[0, :4, :, 0]
    by_row = degrade.fit_transform(rows)
    assert by_row.dtype == np.uint8
    np.testing.assert_array_equal(by_row, degrade.transform(rows[:, np.newaxis])[:, 0])


def test_pipeline(sharp):
    """Each step changes what the one before has made."""
    steps = [clone(step).set_params(random_state=0) for step in DRAWING.values()]
    expected = sharp
    for step in steps:
        expected = step.transform(expected)
    result = make_pipeline(*steps).fit_transform(sharp)
    np.testing.assert_array_equal(result, expected)


BAD = {
    "negative radius": (DefocusBlurTransformer(-1.0), "'radius'.*-1.0"),
    "huge radius": (DefocusBlurTransformer(501), r"'radius'.*500"),
    "radii the wrong way": (
        DefocusBlurTransformer((3.0, 1.0)),
        r"radius=\(3.0, 1.0\).*range.*0 <= low <= high <= 500, in pixels",
    ),
    "huge radii": (DefocusBlurTransformer((1, 600)), r"radius=\(1, 600\).*<= 500"),
    "radius of truth": (DefocusBlurTransformer(True), "radius=True"),
    "border": (DefocusBlurTransformer(border_mode="wrap"), "'border_mode'.*'wrap'"),
    "negative length": (MotionBlurTransformer(-1.0), "'length'.*-1.0"),
    "lengths": (MotionBlurTransformer((0, np.inf)), r"length=\(0, inf\).*<= 1000"),
    "angle": (MotionBlurTransformer(angle=400.0), "'angle'.*400.0"),
    "no number": (MotionBlurTransformer(angle=np.nan), "'angle'.*nan"),
    "angles": (
        MotionBlurTransformer(angle=(90, -90)),
        r"angle=\(90, -90\).*-360 <= low <= high <= 360, in degrees",
    ),
    "three angles": (MotionBlurTransformer(angle=(0, 1, 2)), r"angle=\(0, 1, 2\)"),
    "thin": (AnisotropicGaussianBlurTransformer(1.0, 0.1), "'sigma_minor'.*0.1"),
    "thin range": (
        AnisotropicGaussianBlurTransformer(1.0, (0.1, 1.0)),
        r"sigma_minor=\(0.1, 1.0\).*0.3 <= low <= high <= 100, in pixels",
    ),
    "ellipse on its side": (
        AnisotropicGaussianBlurTransformer(1.0, (1.5, 2.0)),
        r"sigma_minor=\(1.5, 2.0\) is always above sigma_major=1.0: exchange them",
    ),
    "ellipse angle": (
        AnisotropicGaussianBlurTransformer(angle=("a", "b")),
        r"angle=\('a', 'b'\)",
    ),
    "noise": (NoiseTransformer(-0.1), "'gaussian_std'.*-0.1"),
    "gain": (NoiseTransformer(0.1, (-1, 1)), r"poisson_gain=\(-1, 1\).*shares"),
    "noise range": (NoiseTransformer(0.1, data_range=0), "'data_range'.*0"),
    "tiny range": (NoiseTransformer(0.1, data_range=1e-40), "data_range=1e-40.*1e-30"),
    "tiny gain": (
        NoiseTransformer(poisson_gain=1e-18),
        r"poisson_gain=1e-18.*above 1e\+15.*larger gain.*data_range",
    ),
    "quality": (JPEGTransformer(0), "'quality'.*0"),
    "fraction": (JPEGTransformer(90.5), "'quality'.*90.5"),
    "qualities": (
        JPEGTransformer((50, 101)),
        r"quality=\(50, 101\).*1 <= low <= high <= 100, in whole numbers",
    ),
    "fractions": (JPEGTransformer((50, 90.5)), r"quality=\(50, 90.5\)"),
    "subsampling": (
        JPEGTransformer(chroma_subsampling="4:1:1"),
        "'chroma_subsampling'.*'4:1:1'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters_are_named(name, sharp):
    degrade, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        degrade.transform(sharp)


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters_are_named_in_fit(name, sharp):
    """`fit` names all but those which only the pixels show to be wrong."""
    degrade, message = BAD[name]
    if name in ("tiny range", "tiny gain"):
        degrade.fit(sharp)
        return
    with pytest.raises(ValueError, match=message):
        degrade.fit(sharp)


@pytest.mark.parametrize("name", DRAWING)
@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((1, 4, 4), int), TypeError, "int64"),
        (np.zeros((1, 4, 4)) + 1j, ValueError, "Complex data"),
        (np.full((1, 4, 4), np.nan), ValueError, "NaN"),
        (np.zeros((0, 4, 4)), ValueError, "empty"),
        (np.zeros((1, 1, 4, 4, 1)), ValueError, "5 dimensions"),
    ],
)
def test_bad_images_are_named(name, X, error, message):
    with pytest.raises(error, match=message):
        DRAWING[name].transform(X)
