"""JPEG files read and written by other programs, compared with ours."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from photo_samples import XMP, encoded, refusal_of, samples
from PIL import Image, ImageFile

from pydbcnn._photos import Photo, read_photo, write_photo


@pytest.mark.parametrize("kind", ["grey", "colour"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_read_as_pillow_reads_it(tmp_path, kind, progressive):
    path = tmp_path / "photo.JPG"
    Image.fromarray(samples(kind)).save(path, "JPEG", progressive=progressive)
    photo = read_photo(path)
    np.testing.assert_array_equal(photo.pixels, np.asarray(Image.open(path)))
    assert photo.alpha is None
    assert not photo.lossless


@pytest.mark.parametrize("kind", ["grey", "colour"])
@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "JPG"])
def test_jpeg_is_written_close_to_its_pixels(tmp_path, suffix, kind):
    smooth = cv2.GaussianBlur(samples(kind), (0, 0), 3)
    path = tmp_path / f"photo.{suffix}"
    write_photo(path, Photo(smooth))
    with Image.open(path) as image:
        assert image.format == "JPEG"
        assert np.asarray(image).astype(int) == pytest.approx(smooth.astype(int), abs=4)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_keeps_its_chroma_resolution(tmp_path, subsampling):
    from PIL.JpegImagePlugin import get_sampling

    original, copy = tmp_path / "original.jpg", tmp_path / "copy.jpg"
    Image.fromarray(samples("colour")).save(original, subsampling=subsampling)
    write_photo(copy, read_photo(original))
    with Image.open(copy) as image:
        assert get_sampling(image) == subsampling


def test_jpeg_from_other_formats_has_full_chroma_resolution(tmp_path):
    from PIL.JpegImagePlugin import get_sampling

    write_photo(tmp_path / "photo.jpg", Photo(samples("colour")))
    with Image.open(tmp_path / "photo.jpg") as image:
        assert get_sampling(image) == 0


def test_jpeg_keeps_comment_and_captions(tmp_path):
    captions = b"8BIM\x04\x04\0\0" + struct.pack(">I", 80000) + bytes(80000)
    original, copy = tmp_path / "original.jpg", tmp_path / "copy.jpg"
    photo = Photo(samples("colour"), photoshop=captions, comment=b"a remark")
    write_photo(original, photo)
    write_photo(copy, read_photo(original))
    with Image.open(copy) as image:
        assert image.info["comment"] == b"a remark"
        parts = [body for name, body in image.applist if name == "APP13"]
    assert b"".join(body.removeprefix(b"Photoshop 3.0\0") for body in parts) == captions


def test_quality_decides_the_size_of_a_jpeg(tmp_path):
    photo = Photo(samples("colour"))
    write_photo(tmp_path / "small.jpg", photo, quality=30)
    write_photo(tmp_path / "large.jpg", photo, quality=98)
    sizes = [(tmp_path / name).stat().st_size for name in ("small.jpg", "large.jpg")]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_outside_its_range_is_refused(tmp_path, quality):
    with pytest.raises(ValueError, match=rf"quality is {quality}, expected 1 to 100"):
        write_photo(tmp_path / "photo.jpg", Photo(samples("grey")), quality=quality)


GAIN = ("the HDR gain map is not kept",)
FURTHER = ("the further images in the file are not kept",)


def with_companion(kind, mark=b""):
    """Return a JPEG with a second image of some kind, in which there is a mark."""
    image, other = (Image.fromarray(samples(kind)) for kind in ("colour", "grey"))
    stream = io.BytesIO()
    image.save(stream, "MPO", save_all=True, append_images=[other])
    content = stream.getvalue()
    # The second record of the index: its type follows that of the primary image.
    records = content.index(b"\x02\xb0")
    record = content.index(struct.pack("<L", 0x030000), records) + 16
    return content[:record] + struct.pack("<L", kind) + content[record + 4 :] + mark


GAIN_MAPS = {
    "Android": b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"',
    "ISO 21496-1": b"urn:iso:std:iso:ts:21496:-1\0",
    "Apple": b'"urn:com:apple:photo:2020:aux:hdrgainmap"',
}
UNDEFINED, PREVIEW, PANORAMA, STEREO = 0, 0x010002, 0x020001, 0x020002


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        *((with_companion(UNDEFINED, mark), GAIN) for mark in GAIN_MAPS.values()),
        (with_companion(STEREO), ("the other view of the stereo pair is not kept",)),
        (with_companion(PANORAMA), FURTHER),
        (with_companion(UNDEFINED), FURTHER),
        (with_companion(PREVIEW), ()),
        (encoded("jpeg"), ()),
    ],
    ids=[*GAIN_MAPS, "stereo", "panorama", "undefined", "preview", "alone"],
)
def test_further_images_in_a_jpeg_are_left_out_with_a_note(tmp_path, content, notes):
    original, copy = tmp_path / "original.jpg", tmp_path / "copy.jpg"
    original.write_bytes(content)
    photo = read_photo(original)
    assert photo.notes == notes
    with Image.open(original) as image:
        np.testing.assert_array_equal(photo.pixels, np.asarray(image))
    write_photo(copy, photo.with_pixels(photo.pixels))
    assert read_photo(copy).notes == ()


def test_a_gain_map_announced_in_the_xmp_of_the_photograph_is_noted(tmp_path):
    path = tmp_path / "photo.jpg"
    content = with_companion(UNDEFINED)
    packet = b"http://ns.adobe.com/xap/1.0/\0<rdf:Description " + (
        GAIN_MAPS["Android"] + b' hdrgm:Version="1.0"/>'
    )
    segment = b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet
    path.write_bytes(content[:2] + segment + content[2:])
    assert read_photo(path).notes == GAIN


def test_the_video_of_a_motion_photograph_is_left_out_with_a_note(tmp_path):
    original, copy = tmp_path / "original.jpg", tmp_path / "copy.jpg"
    xmp = XMP.replace(b"<rdf:RDF", b'<rdf:RDF GCamera:MotionPhoto="1"')
    write_photo(original, Photo(samples("colour"), xmp=xmp))
    original.write_bytes(original.read_bytes() + b"\0\0\0\x18ftypmp42")
    photo = read_photo(original)
    assert photo.notes == ("the video of the motion photograph is not kept",)
    write_photo(copy, photo)
    assert read_photo(copy).notes == ()


def test_pillow_never_fills_in_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded("jpeg")[:-200])
    assert "truncated" in refusal_of(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_reading_a_jpeg_needs_pillow_alone(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded("jpeg"))
    program = (
        "import sys; from pydbcnn._photos import read_photo, write_photo\n"
        "before = set(sys.modules); write_photo(sys.argv[2], read_photo(sys.argv[1]))\n"
        "print(*{'cv2', 'tifffile', 'scipy', 'skimage'} & (set(sys.modules) - before))"
    )
    command = [sys.executable, "-c", program, str(path), str(tmp_path / "copy.jpg")]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=root, timeout=60
    )
    assert done.stdout.strip() == ""


def segment(marker, content):
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def test_the_largest_profile_and_comment_do_not_overflow_a_buffer(
    tmp_path, run_pydbcnn
):
    """In a process of its own: with Pillow before 13, it ended with a broken heap."""
    comment, profile = b"c" * 65533, bytes(65498)
    stream = io.BytesIO()
    Image.fromarray(samples("colour")).save(stream, "JPEG")
    segments = segment(0xE2, b"ICC_PROFILE\0\1\1" + profile) + segment(0xFE, comment)
    data = stream.getvalue()
    (tmp_path / "photo.jpg").write_bytes(data[:2] + segments + data[2:])
    run_pydbcnn("deblur", "photo.jpg", "-o", "result.jpg")
    with Image.open(tmp_path / "result.jpg") as result:
        result.load()
        assert result.info["comment"] == comment
        assert result.info["icc_profile"] == profile
