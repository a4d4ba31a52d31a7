"""The blurs that estimate_blur tells of images and of their tiles."""

import numpy as np
import pytest
from image_samples import as_type

from pydbcnn import Blur, GaussianBlurTransformer, estimate_blur
from pydbcnn.datasets import load_sample_images


@pytest.fixture(scope="module")
def soft(photos):
    return [GaussianBlurTransformer(2.0).transform([photo])[0] for photo in photos]


@pytest.mark.parametrize("sigma", [1.2, 1.6, 2.4])
def test_gaussian_blurs_are_as_wide_as_they_were_made(sigma):
    images = GaussianBlurTransformer(sigma).transform(load_sample_images())
    for blur in estimate_blur(images):
        assert blur.kind not in ("none", "unknown")
        assert blur.sigma == pytest.approx(sigma, abs=0.3)


def test_sharp_images_and_images_without_detail():
    assert [blur.kind for blur in estimate_blur(load_sample_images())] == ["none"] * 2
    for level in (0, 100, 255):
        flat = np.full((1, 300, 320, 3), level, np.uint8)
        assert [blur.kind for blur in estimate_blur(flat)] == ["unknown"]


def test_layouts(soft):
    """Arrays and lists, grey and in colours, that may not be written to."""
    expected = estimate_blur(soft)
    assert all(isinstance(blur, Blur) for blur in expected)
    stack = np.stack(soft)
    stack.flags.writeable = False
    assert estimate_blur(stack) == expected
    assert estimate_blur(stack[:1]) == expected[:1]
    assert estimate_blur([soft[1], soft[0][:90]])[0] == expected[1]
    grey = estimate_blur(stack[..., 1])
    assert grey == estimate_blur(stack[..., 1:2])
    assert len(grey) == 2


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_types(soft, dtype):
    """The blur does not depend on the type, or on what counts as white."""
    expected = estimate_blur(soft)
    images = [as_type(image, dtype)[0] for image in soft]
    white = as_type(soft[0], dtype)[1]
    scaled = [(image / white * 40).astype("float32") for image in images]
    for found in (estimate_blur(images), estimate_blur(scaled, data_range=40.0)):
        for blur, other in zip(found, expected, strict=True):
            assert blur.kind == other.kind
            assert blur.sigma == pytest.approx(other.sigma, abs=0.02)


def test_tiles_are_images_of_their_own(soft):
    first, second = estimate_blur(soft, tile_size=96)
    assert first.shape == second.shape == (2, 2)
    assert first.dtype == object
    corners = [(0, 0), (0, 90), (80, 0), (80, 90)]
    parts = [soft[1][top : top + 80, left : left + 90] for top, left in corners]
    assert list(second.flat) == estimate_blur(parts)
    whole = estimate_blur(soft[:1], tile_size=1000)[0]
    assert whole.tolist() == [estimate_blur(soft[:1])]


@pytest.mark.parametrize("side", [1, 2, 20])
def test_the_smallest_images_are_no_error(side):
    (blur,) = estimate_blur(np.full((1, side, side), 7, np.uint8))
    assert isinstance(blur, Blur)


def test_bad_input_is_named(soft):
    with pytest.raises(ValueError, match=r"tile_size=31: .* at least 32"):
        estimate_blur(soft, tile_size=31)
    with pytest.raises(ValueError, match=r"data_range=-1: expected a positive number"):
        estimate_blur(soft, data_range=-1)
    with pytest.raises(ValueError, match="images contains NaN"):
        estimate_blur(np.full((1, 64, 64), np.nan))
    with pytest.raises(TypeError, match="images has pixels of type int64"):
        estimate_blur(np.zeros((1, 64, 64), int))
    with pytest.raises(ValueError, match="images of shape"):
        estimate_blur(soft[0])
