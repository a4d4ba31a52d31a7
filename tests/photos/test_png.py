"""PNG files read and written by other programs, compared with ours."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from photo_samples import (
    CHANNELS,
    HEIGHT,
    KINDS,
    SRGB,
    WIDTH,
    encoded,
    exif_block,
    joined,
    photo_of,
    png16,
    png_chunk,
    refusal_of,
    samples,
)
from PIL import Image

from pydbcnn._photos import Photo, png, read_photo, write_photo


@pytest.mark.parametrize("kind", KINDS)
def test_16_bit_png_is_read_exactly(tmp_path, kind):
    array = samples(kind, np.uint16)
    path = tmp_path / "photo.png"
    path.write_bytes(png16(array, (b"gAMA", struct.pack(">I", 100000))))
    photo = read_photo(path)
    assert photo.pixels.dtype == np.uint16
    np.testing.assert_array_equal(joined(photo), array)


@pytest.mark.parametrize("transparency", [3, bytes([255, 128, 0])])
def test_a_palette_with_transparency_becomes_rgba(tmp_path, transparency):
    indexed = Image.fromarray(samples("colour")).quantize(16)
    path = tmp_path / "photo.png"
    indexed.save(path, transparency=transparency)
    expected = np.full(256, 255)
    if isinstance(transparency, int):
        expected[transparency] = 0
    else:
        expected[: len(transparency)] = list(transparency)
    photo = read_photo(path)
    np.testing.assert_array_equal(photo.alpha, expected[np.asarray(indexed)])
    np.testing.assert_array_equal(photo.pixels, np.asarray(indexed.convert("RGB")))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_the_colour_key_of_a_png_becomes_alpha(tmp_path, kind, dtype):
    array = samples(kind, dtype)
    key = array[3, 4]
    path = tmp_path / "photo.png"
    if dtype == np.uint8:
        value = int(key) if kind == "grey" else tuple(key.tolist())
        Image.fromarray(array).save(path, transparency=value)
    else:
        path.write_bytes(png16(array, (b"tRNS", np.array(key, ">u2").tobytes())))
    photo = read_photo(path)
    same = (array.reshape(HEIGHT, WIDTH, -1) == key).all(axis=2)
    np.testing.assert_array_equal(photo.alpha == 0, same)
    assert set(np.unique(photo.alpha)) == {0, np.iinfo(dtype).max}
    np.testing.assert_array_equal(photo.pixels, array)


def test_the_colour_key_of_a_two_bit_png_is_stretched_with_its_samples(tmp_path):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 2, 0, 0, 0, 0))
    row = png_chunk(b"IDAT", zlib.compress(b"\0" + bytes([0b00011011])))
    key = png_chunk(b"tRNS", struct.pack(">H", 2))
    path = tmp_path / "photo.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + key + row + png_chunk(b"IEND", b"")
    )
    photo = read_photo(path)
    assert photo.pixels.tolist() == [[0, 85, 170, 255]]
    assert photo.alpha.tolist() == [[255, 255, 0, 255]]


@pytest.mark.parametrize("kind", KINDS)
def test_16_bit_png_is_written_exactly(tmp_path, kind):
    array = samples(kind, np.uint16)
    path = tmp_path / "photo.png"
    write_photo(path, photo_of(array, icc_profile=SRGB, exif=exif_block(1)))
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if kind != "grey":  # OpenCV has BGR, and repeats the grey beside an alpha
        order = {2: [0, 3], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[CHANNELS[kind]]
        stored = stored[..., order]
    np.testing.assert_array_equal(stored, array)


def test_a_png_of_many_bands_is_written_exactly(tmp_path):
    array = np.random.default_rng(0).integers(0, 65536, (600, 90), dtype=np.uint16)
    path = tmp_path / "photo.png"
    write_photo(path, Photo(array))
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), array)


def test_png_keeps_colour_chunks_and_text(tmp_path):
    chunks = (
        (b"gAMA", struct.pack(">I", 45455)),
        (b"mDCV", bytes(range(24))),
        (b"pHYs", struct.pack(">IIB", 10000, 10000, 1)),
        (b"tEXt", b"Title\0by the sea"),
        (b"tEXt", b"dpi\0as good as it gets"),
    )
    original, copy = tmp_path / "original.png", tmp_path / "copy.png"
    original.write_bytes(png16(samples("colour", np.uint16), *chunks))
    photo = read_photo(original)
    assert photo.dpi == pytest.approx((254, 254))
    write_photo(copy, photo)
    content = copy.read_bytes()
    assert all(png_chunk(*chunk) in content for chunk in chunks)
    with Image.open(copy) as image:
        assert image.info["gamma"] == pytest.approx(0.45455)
        assert image.info["Title"] == "by the sea"


@pytest.mark.parametrize("name", ["png", "png 16"])
def test_a_png_with_a_wrong_checksum_is_refused(tmp_path, name):
    content = bytearray(encoded(name))
    content[len(content) // 2] ^= 1
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    assert "checksum" in refusal_of(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_png_keeps_a_long_profile_and_says_nothing(tmp_path, dtype, capfd):
    path = tmp_path / "photo.png"
    profile = SRGB + bytes(2**20)  # more than Pillow inflates
    write_photo(path, Photo(samples("colour", dtype), icc_profile=profile))
    assert read_photo(path).icc_profile == profile
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("damage", ["too long", "cut off"])
def test_a_profile_that_cannot_be_inflated_is_refused(tmp_path, damage, monkeypatch):
    compressed = zlib.compress(SRGB)
    if damage == "too long":
        monkeypatch.setattr(png, "MAX_METADATA", len(SRGB) - 1)
    else:
        compressed = compressed[:-9]
    path = tmp_path / "photo.png"
    profile = (b"iCCP", b"sRGB\0\0" + compressed)
    path.write_bytes(png16(samples("colour", np.uint16), profile))
    assert "metadata are too long or cut off" in refusal_of(path)


def test_a_png_that_claims_the_largest_size_is_refused(tmp_path):
    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    path = tmp_path / "photo.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IEND", b"")
    )
    assert "at most 512000000 in all" in refusal_of(path)
