"""JPEG against the codec of OpenCV."""

import cv2
import numpy as np
import pytest

from pydbcnn import JPEGTransformer
from pydbcnn.metrics import peak_signal_noise_ratio

HIGHEST = {"uint8": 255, "uint16": 65535, "float32": 1.0, "float64": 1.0}


def opencv_jpeg(image, quality, subsampling="420"):
    """An image compressed and read again by OpenCV, which takes BGR."""
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{subsampling}")
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    encoded = cv2.imencode(".jpg", image[..., ::-1], options)[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize("quality", [1, 30, 75, 90, 100])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4"])
def test_jpeg_is_that_of_opencv(sharp, quality, subsampling):
    """OpenCV has a codec of its own, which may round in another way."""
    jpeg = JPEGTransformer(quality, chroma_subsampling=subsampling)
    for image, result in zip(sharp, jpeg.transform(sharp), strict=True):
        expected = opencv_jpeg(image, quality, subsampling.replace(":", ""))
        np.testing.assert_allclose(result.astype(int), expected.astype(int), atol=2)


def test_jpeg_of_grey_is_that_of_opencv(sharp):
    grey = sharp[..., 1]
    result = JPEGTransformer(40).transform(grey)
    for image, decoded in zip(grey, result, strict=True):
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
        expected = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
        np.testing.assert_allclose(decoded.astype(int), expected.astype(int), atol=2)
    with_channel = JPEGTransformer(40).transform(grey[..., np.newaxis])
    np.testing.assert_array_equal(with_channel, result[..., np.newaxis])


def test_less_quality_loses_more(sharp):
    psnr = [
        peak_signal_noise_ratio(sharp, JPEGTransformer(quality).transform(sharp))
        for quality in (5, 20, 50, 80, 95, 100)
    ]
    assert (np.diff(psnr) > 1).all()
    full, half, quarter = (
        peak_signal_noise_ratio(
            sharp, JPEGTransformer(98, chroma_subsampling=kind).transform(sharp)
        )
        for kind in ("4:4:4", "4:2:2", "4:2:0")
    )
    assert full > half > quarter
    assert full > 40


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_jpeg_has_8_bits(sharp, dtype):
    """Other types lose what 8 bits cannot hold, and nothing else is different."""
    images = (sharp / 255.0 * HIGHEST[dtype]).astype(dtype)
    expected = JPEGTransformer(85).transform(sharp) / 255.0 * HIGHEST[dtype]
    result = JPEGTransformer(85).transform(images)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert len(np.unique(result)) <= 256


def test_jpeg_in_a_range_of_the_data(sharp):
    expected = JPEGTransformer(85).transform(sharp).astype(float)
    for images in (sharp.astype(np.float64), sharp.astype(np.uint16)):
        result = JPEGTransformer(85, data_range=255).transform(images)
        np.testing.assert_allclose(result, expected, rtol=1e-12)
    beyond = np.array([[[-3.0, 300.0], [3e38, -3e38]]], np.float32).repeat(8, axis=1)
    result = JPEGTransformer(100, data_range=255).transform(beyond)
    assert result.min() >= 0
    assert result.max() <= 255


def test_jpeg_of_dark_bytes(sharp):
    """With another white than 255, bytes are scaled like all other types."""
    dark = sharp // 2
    result = JPEGTransformer(95, data_range=127).transform(dark)
    assert result.dtype == np.uint8
    assert peak_signal_noise_ratio(dark, result, data_range=127) > 28


def test_jpeg_draws_every_quality_of_a_range(sharp):
    image = sharp[0]
    jpeg = JPEGTransformer((60, 62), random_state=0)
    results = jpeg.transform(np.stack([image] * 30))
    expected = [
        JPEGTransformer(quality).transform(image[np.newaxis])[0]
        for quality in (60, 61, 62)
    ]
    found = {
        next(i for i, one in enumerate(expected) if np.array_equal(one, result))
        for result in results
    }
    assert found == {0, 1, 2}


def test_jpeg_of_rows():
    """A smooth row survives good quality; it counts as an image of one row."""
    row = (np.sin(np.linspace(0, 6, 100)) * 100 + 128).astype(np.uint8)
    rows = np.stack([row, row[::-1]])
    result = JPEGTransformer(100).fit_transform(rows)
    np.testing.assert_allclose(result.astype(int), rows.astype(int), atol=3)
    image = JPEGTransformer(100).transform(rows[:1, np.newaxis])
    np.testing.assert_array_equal(image[0], result[:1])


@pytest.mark.parametrize("n_channels", [2, 4, 5])
def test_jpeg_of_other_channels_is_refused(n_channels):
    images = np.zeros((1, 8, 8, n_channels), np.uint8)
    for method in (JPEGTransformer().fit, JPEGTransformer().transform):
        with pytest.raises(ValueError, match=f"{n_channels} channels.*RGB") as error:
            method(images)
    assert ("alpha" in str(error.value)) == (n_channels == 4)


@pytest.mark.parametrize("shape", [(1, 65501), (1, 65501, 1), (1, 1, 65501)])
def test_jpeg_of_a_longer_side_is_refused(shape):
    with pytest.raises(ValueError, match=r"65501.*no side above 65500, so cut"):
        JPEGTransformer().transform(np.zeros(shape, np.uint8))
    assert JPEGTransformer().transform(np.zeros((1, 1, 65500), np.uint8)).max() == 0
