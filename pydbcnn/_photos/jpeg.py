"""JPEG: 8 bits, grey or RGB."""

import io
import struct

from .errors import refuse_too_many_pixels
from .limits import MAX_JPEG_SEGMENT
from .samples import fields_of

_PHOTOSHOP = b"Photoshop 3.0\0"
# The ways in which Android, ISO 21496-1 and Apple announce a map of HDR brightness.
_GAIN_MAP = (
    b"http://ns.adobe.com/hdr-gain-map/",
    b"urn:iso:std:iso:ts:21496:-1",
    b"urn:com:apple:photo:2020:aux:hdrgainmap",
)
_MOTION = (b'MotionPhoto="1"', b'MicroVideo="1"')


def read(stream):
    """Read an 8-bit JPEG, of several images the first."""
    from PIL.JpegImagePlugin import get_sampling, jpeg_factory

    image = jpeg_factory(stream)
    refuse_too_many_pixels(*image.size)
    image.load()
    sampling = get_sampling(image)
    return {
        **fields_of(image),
        "subsampling": sampling if sampling >= 0 else None,
        "lossless": False,
        "photoshop": _photoshop_segments(image.applist),
        "comment": image.info.get("comment"),
        "notes": tuple(_notes(image, stream)),
    }


def _photoshop_segments(segments):
    # Pillow parses these resources, and leaves out their names.
    blocks = (
        content[len(_PHOTOSHOP) :]
        for name, content in segments
        if name == "APP13" and content.startswith(_PHOTOSHOP)
    )
    return b"".join(blocks) or None


def _notes(image, stream):
    """Yield what else is in the file and has no place in a `Photo`."""
    # Pillow reads the index of further images where it knows what they are for.
    entries = getattr(image, "mpinfo", {}).get(0xB002, [])
    kinds = [entry["Attribute"]["MPType"] for entry in entries[1:]]
    moves = any(mark in image.info.get("xmp", b"") for mark in _MOTION)
    if "mp" not in image.info and not moves:
        return
    stream.seek(0)
    data = stream.read()
    if "mp" in image.info and any(mark in data for mark in _GAIN_MAP):
        yield "the HDR gain map is not kept"
    elif any("Disparity" in kind for kind in kinds):
        yield "the other view of the stereo pair is not kept"
    elif not all("Thumbnail" in kind for kind in kinds):
        yield "the further images in the file are not kept"
    if moves and b"ftyp" in data:  # with which a video begins
        yield "the video of the motion photograph is not kept"


def encode(photo, quality):
    """Return a grey or RGB JPEG of the chroma resolution that the pixels came with."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(photo.pixels).save(
        content,
        "JPEG",
        quality=quality,
        # Full chroma resolution where nothing is known, since it loses least.
        subsampling=photo.subsampling or 0,
        exif=b"Exif\0\0" + photo.exif if photo.exif else b"",
        icc_profile=photo.icc_profile,
        xmp=photo.xmp,
        dpi=photo.dpi or (0, 0),
        comment=photo.comment,
        extra=_app13(photo.photoshop or b""),
    )
    return content.getbuffer()


def _app13(block):
    """Return the JPEG segments that hold a block of Photoshop's resources."""
    room = MAX_JPEG_SEGMENT - len(_PHOTOSHOP)
    parts = (
        _PHOTOSHOP + block[start : start + room] for start in range(0, len(block), room)
    )
    return b"".join(
        b"\xff\xed" + struct.pack(">H", len(part) + 2) + part for part in parts
    )
