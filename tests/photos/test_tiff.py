"""TIFF files read and written by other programs, compared with ours."""

import cv2
import numpy as np
import pytest
import tifffile
from photo_samples import (
    CHANNELS,
    HEIGHT,
    KINDS,
    exif_block,
    joined,
    photo_of,
    refusal_of,
    samples,
    write_with_tifffile,
)
from PIL import Image

from pydbcnn._photos import Photo, read_photo, write_photo


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "storage",
    [{}, {"compression": "zlib", "predictor": True}, {"tile": (16, 16)}],
    ids=["plain", "deflate", "tiled"],
)
def test_16_bit_tiff_is_read_exactly(tmp_path, kind, order, storage):
    array = samples(kind, np.uint16)
    path = tmp_path / "photo.tiff"
    write_with_tifffile(path, array, byteorder=order, **storage)
    photo = read_photo(path)
    assert photo.pixels.dtype == np.dtype(np.uint16)
    np.testing.assert_array_equal(joined(photo), array)


@pytest.mark.parametrize("kind", ["grey", "colour", "colour with alpha"])
def test_16_bit_tiff_with_lzw_is_read_exactly(tmp_path, kind):
    array = samples(kind, np.uint16)
    stored = array if array.ndim == 2 else array[..., [2, 1, 0, 3][: array.shape[2]]]
    path = tmp_path / "photo.tif"
    assert cv2.imwrite(str(path), stored, [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].compression == 5
    np.testing.assert_array_equal(joined(read_photo(path)), array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_with_separate_planes_is_read_exactly(tmp_path, dtype):
    array = samples("colour", dtype)
    path = tmp_path / "photo.tif"
    planes = np.ascontiguousarray(np.moveaxis(array, 2, 0))
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_photo(path).pixels, array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_in_which_white_is_zero_is_turned_positive(tmp_path, dtype):
    array = samples("grey", dtype)
    path = tmp_path / "photo.tif"
    tifffile.imwrite(path, np.iinfo(dtype).max - array, photometric="miniswhite")
    np.testing.assert_array_equal(read_photo(path).pixels, array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_big_tiff_is_read_exactly(tmp_path, dtype):
    array = samples("colour", dtype)
    path = tmp_path / "photo.tif"
    description = (270, 2, 11, b"by the sea\0", True)
    write_with_tifffile(path, array, bigtiff=True, extratags=[description])
    photo = read_photo(path)
    np.testing.assert_array_equal(photo.pixels, array)
    exif = Image.Exif()
    exif.load(photo.exif)
    assert exif[270] == "by the sea"


def test_jpeg_in_tiff_is_read_as_rgb(tmp_path):
    path = tmp_path / "photo.tif"
    Image.fromarray(samples("colour")).save(path, compression="jpeg")
    photo = read_photo(path)
    np.testing.assert_array_equal(photo.pixels, np.asarray(Image.open(path)))
    assert not photo.lossless


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_is_written_exactly(tmp_path, kind, dtype, order):
    array = samples(kind, dtype)
    path = tmp_path / "photo.tif"
    write_photo(path, photo_of(array, exif=exif_block(1, order)))
    np.testing.assert_array_equal(tifffile.imread(path), array)
    if dtype == np.uint8:
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image), array)
    elif kind.startswith("colour"):
        stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        order = [2, 1, 0, 3][: CHANNELS[kind]]
        np.testing.assert_array_equal(stored[..., order], array)
    with tifffile.TiffFile(path) as file:
        expected = (2,) if "alpha" in kind else ()
        assert file.pages[0].extrasamples == expected


def test_a_tiff_of_many_strips_is_written_exactly(tmp_path):
    array = np.random.default_rng(0).integers(0, 65536, (900, 700, 3), dtype=np.uint16)
    path = tmp_path / "photo.tif"
    write_photo(path, Photo(array))
    with tifffile.TiffFile(path) as file:
        assert len(file.pages[0].dataoffsets) > 1
    np.testing.assert_array_equal(tifffile.imread(path), array)


@pytest.mark.parametrize(
    ("options", "dpi"),
    [
        ({"resolution": (100, 50), "resolutionunit": "centimeter"}, (254, 127)),
        ({"resolution": (300, 150), "resolutionunit": "inch"}, (300, 150)),
        ({"resolution": (4, 3), "resolutionunit": "none"}, None),
        ({"resolution": (0, 0), "resolutionunit": "inch"}, None),
    ],
)
def test_the_resolution_of_a_tiff_is_read_in_inches(tmp_path, options, dpi):
    path = tmp_path / "photo.tif"
    write_with_tifffile(path, samples("colour"), **options)
    assert read_photo(path).dpi == (dpi and pytest.approx(dpi))


def test_everything_in_a_tiff_stands_at_an_even_place(tmp_path):
    path = tmp_path / "photo.tif"
    for length in range(8):  # of which some make the strip or a value odd
        description = Image.Exif()
        description[270], description[271] = "a" * (length + 4), "b" * 8
        exif = description.tobytes()[6:]
        shape = (9, 9 + length)
        pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        write_photo(path, Photo(pixels, exif=exif, dpi=(300, 300)), overwrite=True)
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            assert page.offset % 2 == 0
            long = [tag for tag in page.tags if tag.valuebytecount > 4]
            assert [tag.valueoffset % 2 for tag in long] == [0] * len(long)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    "damage",
    [
        {"ImageLength": 10 * HEIGHT, "RowsPerStrip": HEIGHT},
        {"StripByteCounts": 0},
        {"ImageLength": 0},
    ],
    ids=["fewer strips than rows", "an empty strip", "no rows"],
)
def test_a_tiff_without_all_its_samples_is_refused(tmp_path, dtype, damage):
    path = tmp_path / "photo.tif"
    write_with_tifffile(path, samples("grey", dtype), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        for name, value in damage.items():
            file.pages[0].tags[name].overwrite(value)
    assert "truncated, damaged" in refusal_of(path)


def test_samples_that_inflate_to_more_than_the_picture_are_refused(tmp_path):
    path = tmp_path / "photo.tif"
    array = samples("grey with alpha", np.uint16)
    write_with_tifffile(path, array, compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["ImageLength"].overwrite(HEIGHT - 1)
        file.pages[0].tags["RowsPerStrip"].overwrite(HEIGHT - 1)
    assert "too long" in refusal_of(path)


@pytest.mark.parametrize("colours", ["ycbcr", "cielab"])
def test_other_colours_in_tiff_are_refused(tmp_path, colours):
    path = tmp_path / "photo.tif"
    write_with_tifffile(path, samples("colour"), photometric=colours)
    assert f"{colours.upper()} colours" in refusal_of(path)


def test_a_preview_behind_a_tiff_is_no_second_page(tmp_path):
    array = samples("colour", np.uint16)
    path = tmp_path / "photo.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(array, photometric="rgb")
        file.write(array[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_photo(path).pixels, array)


def test_raw_data_of_a_camera_are_refused(tmp_path):
    path = tmp_path / "photo.tif"
    version = (50706, 1, 4, b"\1\4\0\0", True)
    write_with_tifffile(path, samples("colour"), extratags=[version])
    assert "develop it first" in refusal_of(path)


@pytest.mark.parametrize(
    ("dtype", "found"),
    [
        (np.float32, "floating-point samples of 32"),
        (np.uint32, "unsigned samples of 32"),
        (np.int16, "signed samples of 16"),
        (np.float16, "floating-point samples of 16"),
    ],
)
def test_other_samples_in_tiff_are_refused(tmp_path, dtype, found):
    path = tmp_path / "photo.tif"
    tifffile.imwrite(path, samples("grey").astype(dtype), photometric="minisblack")
    assert found in refusal_of(path)


def test_channels_without_a_meaning_are_refused(tmp_path):
    path = tmp_path / "photo.tif"
    write_with_tifffile(
        path, samples("colour with alpha"), extrasamples=["unspecified"]
    )
    assert "4 channels" in refusal_of(path)
    five = np.dstack((samples("colour with alpha"), samples("grey")))
    extra = ["unassalpha", "unspecified"]
    tifffile.imwrite(path, five, photometric="rgb", extrasamples=extra)
    assert "5 channels" in refusal_of(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_premultiplied_colours_are_read_only_when_they_are_opaque(tmp_path, dtype):
    array = samples("colour with alpha", dtype)
    path = tmp_path / "photo.tif"
    write_with_tifffile(path, array, extrasamples=["assocalpha"])
    assert "multiplied by their alpha" in refusal_of(path)
    array[..., 3] = np.iinfo(dtype).max
    write_with_tifffile(path, array, extrasamples=["assocalpha"])
    np.testing.assert_array_equal(joined(read_photo(path)), array)
