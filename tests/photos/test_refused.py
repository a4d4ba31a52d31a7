"""Files that are not read and photographs that are not written."""

from pathlib import Path

import numpy as np
import pytest
from photo_samples import (
    HEIGHT,
    WIDTH,
    deny,
    encoded,
    photo_of,
    refusal_of,
    samples,
)
from PIL import Image, ImageFile

from pydbcnn._photos import (
    Photo,
    PhotoError,
    check_writable_format,
    errors,
    read_photo,
    write_photo,
)


def test_missing_files_and_folders_are_refused(tmp_path):
    assert "no file of this name" in refusal_of(tmp_path / "none.jpg")
    assert "found a folder, expected a file" in refusal_of(tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_an_empty_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"photo.{suffix}"
    path.touch()
    assert "an empty file" in refusal_of(path)


@pytest.mark.parametrize("content", [b"GIF89a and more", b"\xff", b"plain text" * 50])
def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path, content):
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    assert "unknown format, expected JPEG, PNG, TIFF or WebP" in refusal_of(path)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.97])
@pytest.mark.parametrize(
    "name",
    [
        *("jpeg", "jpeg progressive", "png", "png 16", "webp", "tiff", "tiff tiff_lzw"),
        *("tiff tiff_adobe_deflate", "tiff 16", "tiff 16 deflate", "tiff lzw 16"),
    ],
)
def test_truncated_files_are_refused(tmp_path, name, keep, capfd):
    content = encoded(name)
    path = tmp_path / "photo"
    path.write_bytes(content)
    assert read_photo(path).pixels.shape == (HEIGHT, WIDTH, 3)
    path.write_bytes(content[: int(keep * len(content))])
    assert "truncated, damaged" in refusal_of(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("missing", [1, 2, 12])
@pytest.mark.parametrize("name", ["jpeg", "png", "png 16", "webp"])
def test_files_without_their_last_bytes_are_refused(tmp_path, name, missing):
    path = tmp_path / "photo"
    path.write_bytes(encoded(name)[:-missing])
    assert "truncated, damaged" in refusal_of(path)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_is_refused(tmp_path, suffix):
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(samples("colour")).convert("CMYK").save(path)
    assert "convert the photograph to RGB first" in refusal_of(path)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_several_frames_or_pages_are_refused(tmp_path, suffix):
    first = Image.fromarray(samples("colour"))
    second = Image.fromarray(255 - samples("colour"))
    path = tmp_path / f"photo.{suffix}"
    first.save(path, save_all=True, append_images=[second])
    assert "frames or pages, expected one image" in refusal_of(path)


@pytest.mark.parametrize("name", ["png", "jpeg", "tiff", "webp"])
def test_too_many_pixels_are_refused_before_they_are_decoded(
    tmp_path, name, monkeypatch
):
    path = tmp_path / "photo"
    path.write_bytes(encoded(name))
    monkeypatch.setattr(errors, "MAX_PIXELS", HEIGHT * WIDTH - 1)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    monkeypatch.setattr("cv2.imdecode", None)
    assert f"{WIDTH} x {HEIGHT} pixels, expected at most" in refusal_of(path)


@pytest.mark.parametrize("name", ["png", "jpeg", "tiff", "webp"])
def test_the_limit_of_pillow_does_not_apply(tmp_path, name, monkeypatch):
    path = tmp_path / "photo"
    path.write_bytes(encoded(name))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read_photo(path).pixels.shape == (HEIGHT, WIDTH, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "open", deny)
    assert "no access (Permission denied)" in refusal_of(tmp_path / "photo.png")


WIDE = np.zeros((1, 16384), np.uint8)


OBSTACLES = {
    "alpha into JPEG": ("a.jpg", photo_of(samples("colour with alpha")), "an alpha"),
    "16 bits into JPEG": ("a.jpg", Photo(samples("grey", np.uint16)), "samples of"),
    "16 bits into WebP": ("a.webp", Photo(samples("grey", np.uint16)), "samples of"),
    "too wide for WebP": ("a.webp", Photo(WIDE), "16384 x 1 pixels"),
    "too wide for JPEG": ("a.jpg", Photo(np.tile(WIDE, 4)), "65536 x 1 pixels"),
    "EXIF too long": ("a.jpg", Photo(WIDE, exif=bytes(65530)), "65530 bytes of EXIF"),
    "XMP too long": ("a.jpg", Photo(WIDE, xmp=bytes(65530)), "65530 bytes of XMP"),
    "damaged EXIF": ("a.tif", Photo(WIDE, exif=b"II*\0\xff\xff"), "damaged EXIF"),
    "strange EXIF": ("a.tif", Photo(WIDE, exif=b"something"), "damaged EXIF"),
    "unknown suffix": ("a.bmp", Photo(WIDE), "the suffix '.bmp'"),
    "no suffix": ("a", Photo(WIDE), "no suffix"),
    "grey profile": (
        *("a.webp", Photo(samples("grey"), icc_profile=bytes(16) + b"GRAY" + bytes(9))),
        "a grey colour profile",
    ),
}


@pytest.mark.parametrize("case", OBSTACLES)
def test_photos_that_a_format_cannot_hold_are_refused(tmp_path, case):
    name, photo, found = OBSTACLES[case]
    path = tmp_path / name
    with pytest.raises(PhotoError) as caught:
        check_writable_format(path, photo)
    message = str(caught.value)
    assert message.startswith(f"{path}: found {found}")
    assert ", expected " in message
    with pytest.raises(PhotoError):
        write_photo(path, photo)
    assert list(tmp_path.iterdir()) == []


def test_a_tiff_of_more_than_four_gigabytes_is_refused():
    huge = np.broadcast_to(np.uint16(0), (30000, 30000, 3))
    photo = Photo(samples("colour", np.uint16))
    object.__setattr__(photo, "pixels", huge)
    with pytest.raises(PhotoError, match="5400000000 bytes of samples"):
        check_writable_format("a.tif", photo)
    check_writable_format("a.png", photo)
