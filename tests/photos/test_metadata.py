"""Metadata that travel with a photograph, as other programs read them."""

import struct

import cv2
import numpy as np
import pytest
from photo_samples import (
    SRGB,
    XMP,
    assert_same_exif,
    exif_block,
    exif_in,
    png16,
    samples,
    write_with_tifffile,
)
from PIL import Image

from pydbcnn._photos import Photo, PhotoError, exif, read_photo, write_photo


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("target", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("source", ["jpg", "png", "tif", "webp"])
def test_metadata_travel_from_every_format_to_every_other(
    tmp_path, source, target, order
):
    original, copy = tmp_path / f"original.{source}", tmp_path / f"copy.{target}"
    Image.fromarray(samples("colour")).save(
        original,
        exif=b"Exif\0\0" + exif_block(order=order),
        icc_profile=SRGB,
        dpi=(300, 150),
    )
    write_photo(copy, read_photo(original))
    assert_same_exif(exif_in(copy))
    with Image.open(copy) as image:
        assert image.info["icc_profile"] == SRGB
        if "webp" not in (source, target):  # WebP has no field for it
            assert [float(value) for value in image.info["dpi"]] == pytest.approx(
                (300, 150), rel=1e-3
            )


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_files_keep_their_metadata(tmp_path, suffix):
    original, copy = tmp_path / f"original.{suffix}", tmp_path / f"copy.{suffix}"
    fields = {"exif": exif_block(), "icc_profile": SRGB, "xmp": XMP, "dpi": (300, 150)}
    write_photo(original, Photo(samples("colour", np.uint16), **fields))
    write_photo(copy, read_photo(original))
    assert_same_exif(exif_in(copy))
    with Image.open(copy) as image:
        assert image.info["icc_profile"] == SRGB
        assert image.info["xmp"] == XMP
        assert [float(value) for value in image.info["dpi"]] == pytest.approx(
            (300, 150), rel=1e-3
        )


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_is_copied_byte_by_byte(tmp_path, suffix):
    original, copy = tmp_path / f"original.{suffix}", tmp_path / f"copy.{suffix}"
    # A thumbnail directory and other oddities must survive without being understood.
    block = exif_block() + b"behind the directories"
    Image.fromarray(samples("colour")).save(original, exif=b"Exif\0\0" + block)
    write_photo(copy, read_photo(original))
    with Image.open(copy) as image:
        assert image.info["exif"].removeprefix(b"Exif\0\0") == block


def test_text_of_any_encoding_reaches_a_tiff_unchanged(tmp_path):
    name = "Zoë".encode() + b"\0"
    original, copy = tmp_path / "original.tif", tmp_path / "copy.tif"
    artist = (315, 2, len(name), name, True)
    write_with_tifffile(original, samples("colour"), extratags=[artist])
    write_photo(copy, read_photo(original))
    assert name in copy.read_bytes()


def exif_with(*entries):
    """Return EXIF data with these (tag, type, count, value or its place)."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    main = struct.pack("<HHHIII", 1, 34665, 4, 1, 26, 0)
    details = struct.pack("<H", len(entries)) + table + bytes(4)
    return b"II*\0\x08\0\0\0" + main + details


def test_tags_that_nobody_knows_reach_a_tiff_with_their_types(tmp_path):
    unknown = (50001, 9, 1, 2**32 - 5)  # type 9 is signed, hence -5
    path = tmp_path / "photo.tif"
    write_photo(path, Photo(samples("colour"), exif=exif_with(unknown)))
    assert exif_in(path).get_ifd(34665)[50001] == -5
    assert struct.pack("<HHII", *unknown) in path.read_bytes()


def test_tags_that_share_a_long_value_do_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(exif, "MAX_METADATA", 9 * 1000)
    tags = ((50000 + number, 7, 1000, 8) for number in range(10))
    photo = Photo(samples("colour"), exif=exif_with(*tags) + bytes(1000))
    with pytest.raises(PhotoError, match="damaged EXIF data"):
        write_photo(tmp_path / "photo.tif", photo)
    write_photo(tmp_path / "photo.jpg", photo)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_xmp_is_kept(tmp_path, suffix):
    path = tmp_path / f"photo.{suffix}"
    write_photo(path, Photo(samples("colour"), xmp=XMP))
    with Image.open(path) as image:
        assert image.info["xmp"] == XMP
    assert read_photo(path).xmp == XMP


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(suffix, np.uint8) for suffix in ("jpg", "png", "tif", "webp", "lzw.tif")]
    + [(suffix, np.uint16) for suffix in ("png", "tif", "lzw.tif")],
)
def test_pixels_are_not_turned_by_the_orientation(tmp_path, suffix, dtype):
    array = samples("colour", dtype)
    path = tmp_path / f"photo.{suffix}"
    write_turned(path, array)
    photo = read_photo(path)
    assert photo.pixels.shape == array.shape
    assert photo.pixels.astype(float) == pytest.approx(array.astype(float), abs=30)
    exif = Image.Exif()
    exif.load(photo.exif)
    assert exif[274] == 6


def write_turned(path, array):
    orientation = (274, 3, 1, 6, True)
    if path.name.endswith("lzw.tif"):
        lzw = [cv2.IMWRITE_TIFF_COMPRESSION, 5]
        content = cv2.imencode(".tif", array[..., ::-1], lzw)[1].tobytes()
        path.write_bytes(turned_tiff(content))
    elif path.suffix == ".tif":
        write_with_tifffile(path, array, extratags=[orientation])
    elif array.dtype == np.uint16:
        path.write_bytes(png16(array, (b"eXIf", exif_block())))
    else:
        Image.fromarray(array).save(path, exif=b"Exif\0\0" + exif_block(), quality=98)


def turned_tiff(content):
    """Return a TIFF with a copy of its directory that has an orientation too."""
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    table = content[start + 2 : start + 2 + 12 * count]
    entries = [table[at : at + 12] for at in range(0, len(table), 12)]
    entries.append(struct.pack("<HHIHH", 274, 3, 1, 6, 0))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry))
    content += bytes(len(content) % 2)
    directory = struct.pack("<H", count + 1) + b"".join(entries) + bytes(4)
    return content[:4] + struct.pack("<I", len(content)) + content[8:] + directory
