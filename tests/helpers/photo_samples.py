"""Samples and files that the tests of photographs share."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from pydbcnn._photos import Photo, PhotoError, read_photo

KINDS = ["grey", "grey with alpha", "colour", "colour with alpha"]
CHANNELS = dict(zip(KINDS, (1, 2, 3, 4), strict=True))
HEIGHT, WIDTH = 21, 34
ORIENTATION = 0x0112  # the tag in EXIF data
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
)


def save_photo(path, pixels, **options):
    """Write pixels as Pillow does, into a folder that is made if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def size_of(path):
    """The width and height of the picture in a file."""
    with Image.open(path) as image:
        return image.size


def truncate(path):
    """Cut the second half of a file off."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def samples(kind, dtype=np.uint8):
    """Return a noisy gradient, (h, w) or (h, w, channels)."""
    random = np.random.default_rng(CHANNELS[kind])
    shape = (HEIGHT, WIDTH, CHANNELS[kind])
    across = np.linspace(0.1, 0.8, WIDTH)[None, :, None]
    values = across + random.uniform(0, 0.15, shape)
    array = (values * np.iinfo(dtype).max).astype(dtype)
    return array[..., 0] if CHANNELS[kind] == 1 else array


def photo_of(array, **fields):
    """A photograph of these samples; a second or fourth channel is its alpha."""
    if array.ndim == 3 and array.shape[2] in (2, 4):
        colours = array[..., 0] if array.shape[2] == 2 else array[..., :3]
        return Photo(colours, array[..., -1], **fields)
    return Photo(array, **fields)


def joined(photo):
    """The samples of a photograph, with its alpha as the last channel."""
    if photo.alpha is None:
        return photo.pixels
    return np.dstack((photo.pixels, photo.alpha))


def encoded(name):
    """Return a file of each format, as other programs write it."""
    stream = io.BytesIO()
    if name == "png 16":
        return png16(samples("colour", np.uint16))
    if name.startswith("tiff 16"):
        compression = "zlib" if name.endswith("deflate") else None
        write_with_tifffile(
            stream, samples("colour", np.uint16), compression=compression
        )
    elif name == "tiff lzw 16":
        colours = samples("colour", np.uint16)
        return cv2.imencode(".tif", colours)[1].tobytes()
    else:
        kind, _, option = name.partition(" ")
        options = {"compression": option} if kind == "tiff" and option else {}
        options |= {"progressive": option == "progressive"} if kind == "jpeg" else {}
        Image.fromarray(samples("colour")).save(stream, kind, **options)
    return stream.getvalue()


def png_chunk(kind, body):
    """A chunk of a PNG with its length and checksum."""
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def png16(array, *chunks):
    """Return a 16-bit PNG without filters, written by the letter of its standard."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = [b"\0" + row.astype(">u2").tobytes() for row in array]
    header = struct.pack(">IIBBBBB", array.shape[1], len(array), 16, colour, 0, 0, 0)
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", png_chunk(b"IHDR", header)]
        + [png_chunk(*chunk) for chunk in chunks]
        + [png_chunk(b"IDAT", zlib.compress(b"".join(rows))), png_chunk(b"IEND", b"")]
    )


def write_with_tifffile(path, array, **options):
    """Write a TIFF with tifffile, which takes these options."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    if channels in (2, 4):
        options.setdefault("extrasamples", ["unassalpha"])
    photometric = "minisblack" if channels < 3 else "rgb"
    options = {"photometric": photometric, "planarconfig": "contig", **options}
    tifffile.imwrite(path, array, metadata=None, **options)


def exif_block(orientation=6, order="<"):
    """Return EXIF data with a camera, an artist, an exposure and a place."""
    exif = Image.Exif()
    exif.endian = order
    exif[271], exif[272], exif[274], exif[315] = "Maker", "Model 1", orientation, "Ann"
    exif.get_ifd(34665).update({33434: 0.004, 36867: "2024:05:06 07:08:09"})
    exif.get_ifd(34665)[37500] = b"maker's own notes"
    exif.get_ifd(34853).update({1: "N", 2: (47.0, 3.0, 2.5)})
    return exif.tobytes()[6:]


def assert_same_exif(exif):
    """Check what Pillow reads against `exif_block`."""
    assert [exif[tag] for tag in (271, 272, 274, 315)] == ["Maker", "Model 1", 6, "Ann"]
    details = exif.get_ifd(34665)
    assert float(details[33434]) == pytest.approx(0.004)
    assert details[36867] == "2024:05:06 07:08:09"
    assert details[37500] == b"maker's own notes"
    place = exif.get_ifd(34853)
    assert place[1] == "N"
    assert [float(value) for value in place[2]] == [47.0, 3.0, 2.5]


def exif_in(path):
    """Return the EXIF data that Pillow finds, whatever it makes of the pixels."""
    with Image.open(path) as image:
        exif = image.getexif()
        exif.get_ifd(34665), exif.get_ifd(34853)
        return exif


def refusal_of(path):
    """Return the message with which `read_photo` refuses a file."""
    with pytest.raises(PhotoError) as caught:
        read_photo(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: found ")
    assert ", expected " in message
    assert "; " in message
    return message


def deny(*_, **__):
    """Stand in for a call of the system that is not allowed."""
    raise PermissionError(13, "Permission denied")
