"""A photograph in memory, in files of every format, and in files that exist."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from photo_samples import (
    HEIGHT,
    KINDS,
    SRGB,
    WIDTH,
    XMP,
    encoded,
    exif_block,
    joined,
    photo_of,
    samples,
)
from PIL import Image, ImageFile

from pydbcnn._photos import Photo, read_photo, write_photo


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_8_bit_files_of_pillow_are_read_exactly(tmp_path, suffix, kind):
    array = samples(kind)
    path = tmp_path / f"photo.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(array).save(path, **options)
    photo = read_photo(path)
    read = joined(photo)
    if suffix == "webp" and kind.startswith("grey"):  # a format without grey
        assert photo.pixels.shape == (HEIGHT, WIDTH, 3)
        read = read[..., [0, 3]] if photo.alpha is not None else read[..., 0]
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous
    assert photo.format == {"png": "PNG", "tif": "TIFF", "webp": "WEBP"}[suffix]
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_palette_becomes_rgb(tmp_path, suffix):
    indexed = Image.fromarray(samples("colour")).quantize(16)
    path = tmp_path / f"photo.{suffix}"
    indexed.save(path)
    photo = read_photo(path)
    np.testing.assert_array_equal(photo.pixels, np.asarray(indexed.convert("RGB")))
    assert photo.alpha is None


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_one_bit_becomes_grey(tmp_path, suffix):
    bits = samples("grey") > 128
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(bits).save(path)
    np.testing.assert_array_equal(read_photo(path).pixels, 255 * bits.astype(np.uint8))


def test_a_file_is_known_by_its_content(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(samples("colour")).save(path, "PNG")
    assert read_photo(path).format == "PNG"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["png", "PNG", "tif", "tiff", "webp"])
def test_8_bit_files_are_written_exactly(tmp_path, suffix, kind):
    array = samples(kind)
    path = tmp_path / f"photo.{suffix}"
    write_photo(path, photo_of(array))
    with Image.open(path) as image:
        if suffix == "webp" and kind.startswith("grey"):
            image = image.convert("LA" if "alpha" in kind else "L")
        np.testing.assert_array_equal(np.asarray(image), array)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_what_is_written_reads_the_same(tmp_path, suffix, dtype, kind):
    path = tmp_path / f"photo.{suffix}"
    written = photo_of(samples(kind, dtype), icc_profile=SRGB, xmp=XMP, dpi=(240, 120))
    write_photo(path, written)
    photo = read_photo(path)
    np.testing.assert_array_equal(joined(photo), joined(written))
    assert (photo.icc_profile, photo.xmp) == (SRGB, XMP)
    assert photo.dpi == pytest.approx((240, 120), rel=1e-3)


def test_photos_are_read_in_several_threads(tmp_path):
    settings = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    paths = []
    for name in ("jpeg", "png", "tiff", "webp", "png 16", "tiff lzw 16") * 4:
        paths.append(tmp_path / str(len(paths)))
        paths[-1].write_bytes(encoded(name))
    with ThreadPoolExecutor(4) as pool:
        photos = list(pool.map(read_photo, paths))
    for path, photo in zip(paths, photos, strict=True):
        np.testing.assert_array_equal(photo.pixels, read_photo(path).pixels)
    assert settings == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)


def test_a_file_is_replaced_only_when_asked_for(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(b"precious")
    photo = Photo(samples("grey"))
    with pytest.raises(FileExistsError, match="exists already"):
        write_photo(path, photo)
    assert path.read_bytes() == b"precious"
    write_photo(path, photo, overwrite=True)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), photo.pixels)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        write_photo(tmp_path / "none" / "photo.png", Photo(samples("grey")))


def test_new_pixels_keep_everything_else():
    photo = photo_of(samples("colour with alpha"), exif=exif_block(), dpi=(72, 72))
    changed = photo.with_pixels(photo.pixels[::-1])
    assert changed.pixels.flags.c_contiguous
    np.testing.assert_array_equal(changed.pixels, photo.pixels[::-1])
    for field in dataclasses.fields(Photo):
        if field.name != "pixels":
            assert getattr(changed, field.name) is getattr(photo, field.name)


def test_new_pixels_of_another_shape_are_refused():
    photo = Photo(samples("colour"))
    with pytest.raises(ValueError, match="keep the size and the channels"):
        photo.with_pixels(photo.pixels[:-1])
    with pytest.raises(ValueError, match="keep the size and the channels"):
        photo.with_pixels(photo.pixels[..., 0])


@pytest.mark.parametrize(
    "pixels",
    [samples("colour").astype(float), samples("colour with alpha"), np.zeros((0, 3))],
)
def test_pixels_that_no_photo_has_are_refused(pixels):
    with pytest.raises(ValueError, match=r"expected .*uint8 or uint16"):
        Photo(pixels)


@pytest.mark.parametrize(
    "alpha", [samples("grey", np.uint16), samples("grey")[:-1], samples("colour")]
)
def test_alpha_that_does_not_fit_is_refused(alpha):
    with pytest.raises(ValueError, match="Alpha has the shape"):
        Photo(samples("colour"), alpha)
