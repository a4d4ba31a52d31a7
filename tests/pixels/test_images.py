"""What counts as images: layouts of memory that are read, and input that is refused."""

import numpy as np
import pytest
from quick_learners import quick, weights_of

from pydbcnn import (
    AnisotropicGaussianBlurTransformer,
    BlurEstimator,
    DBCNNDeblurrer,
    DefocusBlurTransformer,
    GaussianBlurTransformer,
    JPEGTransformer,
    MotionBlurTransformer,
    NoiseTransformer,
    PolyblurDeblurrer,
    estimate_blur,
)
from pydbcnn.metrics import peak_signal_noise_ratio, structural_similarity


def test_read_only_memmapped_and_fortran_arrays(sharp, blurred, tmp_path):
    expected = quick().fit(blurred, sharp)
    for name, images in (("X", blurred), ("y", sharp)):
        np.save(tmp_path / f"{name}.npy", images)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "Xy"]
    fortran = [np.asfortranarray(images) for images in (blurred, sharp)]
    for X, y in (mapped, fortran):
        deblurrer = quick().fit(X, y)
        assert weights_of(deblurrer) == weights_of(expected)
        np.testing.assert_array_equal(deblurrer.predict(X), expected.predict(blurred))


def test_foreign_byte_orders_and_unaligned_fields(sharp, blurred, fitted):
    floats = blurred / 255.0
    expected = fitted.predict(floats)
    np.testing.assert_array_equal(fitted.predict(floats.astype(">f8")), expected)
    record = np.zeros(floats.shape, dtype=[("mark", "u1"), ("value", "f8")])
    record["value"] = floats
    np.testing.assert_array_equal(fitted.predict(record["value"]), expected)
    np.testing.assert_array_equal(
        fitted.predict([image.astype(">f8") for image in floats])[1], expected[1]
    )
    deep = blurred.astype(">u2") * 257
    np.testing.assert_array_equal(
        GaussianBlurTransformer().transform(deep),
        GaussianBlurTransformer().transform(deep.astype("u2")),
    )


GOOD = np.full((2, 8, 8, 3), 0.5)
SHARP_ROWS = np.zeros((4, 9))
BAD_PAIRS = {
    "five dimensions": (GOOD[None], GOOD, ValueError, r"X has 5 dimensions.*shape \(1"),
    "no images": (GOOD[:0], GOOD[:0], ValueError, r"X is empty, shape \(0, 8, 8, 3\)"),
    "no pixels": (GOOD[:, :0], GOOD[:, :0], ValueError, "X is empty"),
    "NaN in X": (
        GOOD * np.nan,
        GOOD,
        ValueError,
        "X contains NaN or infinity.*nan_to_num",
    ),
    "huge": (
        GOOD + 1e39,
        GOOD,
        ValueError,
        "X contains NaN or infinity, or values abo",
    ),
    "infinity in y": (GOOD, GOOD + np.inf, ValueError, "y contains NaN or infinity"),
    "complex": (GOOD * 1j, GOOD, ValueError, "Complex data not supported"),
    "strings": (
        GOOD.astype(str),
        GOOD,
        TypeError,
        r"pixels of type <U\d+, expected one",
    ),
    "integers without range": (
        GOOD.astype(int),
        GOOD,
        TypeError,
        r"int64.*images\.astype\(np\.uint8\)",
    ),
    "counts": (GOOD, GOOD[:1], ValueError, r"X holds 2 image\(s\) but y holds 1"),
    "sizes": (GOOD, GOOD[:, :7], ValueError, "neither as images of the same size nor"),
    "types": (GOOD, np.uint8(GOOD), ValueError, "X is float64 but y is uint8"),
    "no y": (GOOD, None, ValueError, "requires y to be passed"),
    "many channels": (
        np.zeros((1, 4, 4, 17)),
        np.zeros((1, 4, 4, 17)),
        ValueError,
        r"17 channels \(its last axis\), more than 16",
    ),
    "list of sizes": (
        [GOOD[0], GOOD[0]],
        [GOOD[0], GOOD[0, :5]],
        ValueError,
        r"X\[1\] is 8 x 8 pixels but y\[1\] is 5 x 8",
    ),
    "list of channels": (
        [GOOD[0], GOOD[0, ..., 0]],
        list(GOOD),
        ValueError,
        r"X\[1\] has shape \(8, 8\) but X\[0\] has \(8, 8, 3\)",
    ),
    "list of types": (
        [GOOD[0], np.uint8(GOOD[0])],
        list(GOOD),
        ValueError,
        r"X\[1\] is uint8 but X\[0\] is float64",
    ),
    "list of stacks": ([GOOD], [GOOD], ValueError, r"X\[0\] has shape \(2, 8, 8, 3\)"),
    "wide y": (
        SHARP_ROWS,
        np.zeros((4, 10)),
        ValueError,
        "y has 10 pixels a row but X",
    ),
}


@pytest.mark.parametrize("name", BAD_PAIRS)
def test_bad_pairs(name):
    X, y, error, message = BAD_PAIRS[name]
    with pytest.raises(error, match=message):
        quick().fit(X, y)


BAD_X = {
    "lone grey": (np.zeros((8, 8)), r"X\[np\.newaxis\]"),
    "lone colour": (
        np.zeros((8, 8, 3)),
        r"has 1 channel.*works on 3.*X\[np\.newaxis\]",
    ),
    "grey": (np.zeros((1, 8, 8, 1)), r"has 1 channel.*np\.stack"),
    "alpha": (np.zeros((1, 8, 8, 4)), r"has 4 channel.*\[\.\.\., :3\]"),
    "one dimension": (np.zeros(8), "X has 1 dimensions"),
}


@pytest.mark.parametrize("name", BAD_X)
def test_bad_images_for_a_colour_model(name, fitted):
    X, message = BAD_X[name]
    with pytest.raises(ValueError, match=message):
        fitted.predict(X)


def test_lone_grey_image_for_a_grey_model(sharp, blurred):
    deblurrer = quick().fit(blurred[..., 0], sharp[..., 0])
    with pytest.raises(ValueError, match=r"pass X\[np\.newaxis\]"):
        deblurrer.predict(blurred[0, ..., 0])


def test_images_for_a_model_of_rows():
    deblurrer = quick().fit(np.zeros((20, 9)), np.zeros((20, 9)))
    with pytest.raises(ValueError, match=r"X holds images, but .* fitted on rows"):
        deblurrer.predict(np.zeros((1, 9, 9)))


READERS = {
    "blur": lambda X: GaussianBlurTransformer().transform(X),
    "blur, fit": lambda X: GaussianBlurTransformer().fit(X),
    "defocus": lambda X: DefocusBlurTransformer().transform(X),
    "motion": lambda X: MotionBlurTransformer().transform(X),
    "anisotropic": lambda X: AnisotropicGaussianBlurTransformer().transform(X),
    "noise": lambda X: NoiseTransformer().transform(X),
    "JPEG": lambda X: JPEGTransformer().transform(X),
    "Polyblur": lambda X: PolyblurDeblurrer().predict(X),
    "Polyblur, fit": lambda X: PolyblurDeblurrer().fit(X),
    "Polyblur, estimate": lambda X: PolyblurDeblurrer().estimate_blur(X),
    "estimate_blur": estimate_blur,
    "blur estimator": lambda X: BlurEstimator().fit(X, np.ones(len(X))),
    "fit": lambda X: quick().fit(X, X),
    "grey model": lambda X: DBCNNDeblurrer.from_pretrained("mild-fast").predict(X),
    "grey estimate": lambda X: DBCNNDeblurrer.from_pretrained(
        "mild-fast"
    ).estimate_blur(X),
    "colour model": lambda X: DBCNNDeblurrer.from_pretrained("mild").predict(X),
    "PSNR": lambda X: peak_signal_noise_ratio(X, X),
    "SSIM": lambda X: structural_similarity(X, X),
}


@pytest.mark.parametrize("n_channels", [3, 4])
@pytest.mark.parametrize("name", READERS)
def test_one_colour_image_is_not_read_as_many_grey_ones(name, n_channels):
    image = np.full((24, 20, n_channels), 100, np.uint8)
    message = (
        r"A 3-D array is a stack of greyscale images; for one image of shape "
        rf"\(24, 20, {n_channels}\) with channels, pass \w+\[np\.newaxis\]"
    )
    if name == "colour model" and n_channels == 4:
        message = "has 1 channel.*works on 3"
    with pytest.raises(ValueError, match=message):
        READERS[name](image)


@pytest.mark.parametrize("width", [3, 4])
def test_narrow_grey_images_have_a_way_to_be_passed(width):
    narrow = np.random.RandomState(0).uniform(size=(5, 7, width))
    blur = GaussianBlurTransformer()
    given = blur.transform(narrow[..., np.newaxis])
    np.testing.assert_array_equal(given[..., 0], np.stack(blur.transform([*narrow])))
    # One image of a single row is none that anybody has taken.
    np.testing.assert_array_equal(blur.transform(narrow[:1]), given[:1, ..., 0])


def test_narrow_targets_beside_a_stack_are_greyscale():
    """Patches whose central part is three columns wide cannot be anything else."""
    X = np.random.RandomState(0).uniform(size=(5, 7, 7))
    model = quick(kernel_sizes=(3, 1, 3)).fit(X, X[:, 2:-2, 2:-2])
    assert model.score(X, X[:, 2:-2, 2:-2]) == pytest.approx(
        model.score(X[..., np.newaxis], X[:, 2:-2, 2:-2, np.newaxis])
    )


def test_images_for_a_model_of_rows_are_named_as_such_before_their_colours():
    deblurrer = quick().fit(np.zeros((20, 9)), np.zeros((20, 9)))
    with pytest.raises(ValueError, match=r"X holds images, but .* fitted on rows"):
        deblurrer.predict(np.zeros((4, 5, 3)))
