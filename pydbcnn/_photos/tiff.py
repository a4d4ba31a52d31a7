"""TIFF: 8 or 16 bits, grey or RGB, with or without alpha."""

import io
import logging
import math
import zlib

import numpy as np

from . import exif
from .errors import Refusal, refuse_colours, refuse_frames
from .errors import refuse_too_many_pixels as refuse_size
from .samples import decode_with_opencv, joined_samples, samples_of, split_alpha

# An application that logs sees what tifffile says; nobody else shall.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_ORIENTATION, _DNG_VERSION = 274, 50706
# Fields of a `Photo` that are one tag each: its number and its type.
_BLOCKS = {"xmp": (700, 1), "photoshop": (34377, 7), "icc_profile": (34675, 7)}
_JPEG = 7
# The colours that are read, each with its bits a sample.
_DEPTHS = {
    "MINISWHITE": {1, 2, 4, 8, 16},
    "MINISBLACK": {1, 2, 4, 8, 16},
    "RGB": {8, 16},
    "PALETTE": {1, 2, 4, 8},
    "YCBCR": {8},
}


def read(stream):
    """Read a TIFF of one page with whole numbers of up to 16 bits."""
    import tifffile

    data = io.BytesIO(stream.read())
    with tifffile.TiffFile(data) as file:
        page = _single_page(file.pages, data)
        _refuse_layout(page)
        _refuse_missing_parts(page, file.filehandle.size)
        fields = _metadata(page, data)
        pixels, alpha = _decode(page, data)
    if 1 in page.extrasamples:
        _refuse_multiplied(alpha)
    return {"pixels": pixels, "alpha": alpha, **fields}


def _single_page(pages, data):
    """Return the only page; previews of reduced size may stand behind it."""
    first, others = pages[0], [page for page in pages[1:] if not page.is_reduced]
    if others:
        refuse_frames(1 + len(others))
    is_canon = data.getbuffer()[8:10] == b"CR"
    if first.is_reduced or _DNG_VERSION in first.tags or is_canon:
        raise Refusal(
            "the raw data of a camera", "a developed photograph", "develop it first"
        )
    return first


def _refuse_layout(page):
    refuse_size(page.imagewidth, page.imagelength)
    colours = getattr(page.photometric, "name", str(page.photometric))
    depths = _DEPTHS.get(colours)
    # Luma and chroma are fine inside JPEG, whose decoder turns them into RGB.
    if depths is None or (colours == "YCBCR" and page.compression != _JPEG):
        refuse_colours(colours)
    bits = set(np.atleast_1d(page.tags.valueof(258, default=1)).tolist())
    if page.sampleformat != 1 or len(bits) != 1 or not bits <= depths:
        kind = {1: "unsigned", 2: "signed", 3: "floating-point"}
        found = " and ".join(str(depth) for depth in sorted(bits))
        raise Refusal(
            f"{kind.get(page.sampleformat, 'unusual')} samples of {found} bits",
            "unsigned samples of 8 or 16 bits",
            "convert it to 8 or 16 bits",
        )
    # Where the meaning of a fourth channel is not given, all readers take it for
    # alpha; where it is given as "unspecified", it is a mask of some kind.
    extra = page.samplesperpixel - (3 if colours in ("RGB", "YCBCR") else 1)
    if extra > 1 or 0 in page.extrasamples:
        raise Refusal(
            f"{page.samplesperpixel} channels",
            "grey or RGB, with or without one alpha channel",
            "remove the other channels or masks",
        )


def _refuse_missing_parts(page, size):
    # The decoders would leave such parts black.
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    missing = any(count == 0 or start + count > size for start, count in parts)
    if missing or len(parts) < math.prod(page.chunked):
        raise ValueError("samples are missing")


def _refuse_multiplied(alpha):
    # Opaque colours are the same with and without the factor.
    if (alpha != np.iinfo(alpha.dtype).max).any():
        raise Refusal(
            "colours multiplied by their alpha",
            "an alpha channel that leaves the colours alone",
            "save it with unassociated alpha, or without transparency",
        )


def _metadata(page, data):
    order, big = page.parent.byteorder, page.parent.is_bigtiff
    tags = {tag for tag, _ in _BLOCKS.values()}
    entries = exif.main_directory(data, page.offset, order, big=big, further=tags)
    blocks = {
        name: entries.pop(tag, (0, None))[1] for name, (tag, _) in _BLOCKS.items()
    }
    measured = page.resolutionunit in (2, 3) and {282, 283} <= set(page.tags.keys())
    return {
        **blocks,
        "exif": exif.exif_of_directory(entries, order),
        "dpi": page.get_resolution(unit="inch") if measured else None,
        "lossless": page.compression != _JPEG,
    }


def _decode(page, data):
    # Pillow and OpenCV turn a TIFF by its tag, and the tag would turn it again.
    if _ORIENTATION in page.tags:
        page.tags[_ORIENTATION].overwrite(1)
    if page.bitspersample < 16:
        from PIL.TiffImagePlugin import TiffImageFile

        data.seek(0)
        return samples_of(TiffImageFile(data))
    pixels, alpha = split_alpha(_samples16(page, data))
    white_is_zero = page.photometric.name == "MINISWHITE"
    return (65535 - pixels if white_is_zero else pixels), alpha


def _samples16(page, data):
    """Return 16-bit samples, (h, w) or (h, w, channels)."""
    planar = page.planarconfig == 2 and page.samplesperpixel > 1
    if not planar and page.samplesperpixel != 2:
        return decode_with_opencv(data.getbuffer())
    # OpenCV reads these as grey without alpha, and tifffile has codecs other than
    # deflate only with another package installed.
    if page.compression not in (1, 8, 32946):
        raise Refusal(
            "16-bit samples in an unusual order and compression",
            "interleaved samples",
            "save it uncompressed or with ZIP compression",
        )
    if page.compression != 1:
        _refuse_long_parts(page, data)
    samples = page.asarray().astype(np.uint16)
    return np.moveaxis(samples, 0, 2) if planar else samples


def _refuse_long_parts(page, data):
    # tifffile inflates whatever there is, and a few bytes can stand for gigabytes.
    longest = math.prod(page.chunks) * page.dtype.itemsize
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        part = data.getbuffer()[start : start + count]
        if len(zlib.decompressobj().decompress(part, longest + 1)) > longest:
            raise ValueError("a part of the samples is too long")


def encode(photo, quality):
    """Return a TIFF without loss, in the byte order of its metadata."""
    import tifffile

    described, order = exif.directory_of_exif(photo.exif)
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, byteorder=order) as file:
        file.write(
            joined_samples(photo),
            photometric="rgb" if photo.pixels.ndim == 3 else "minisblack",
            planarconfig="contig",
            extrasamples=None if photo.alpha is None else ["unassalpha"],
            compression="zlib",
            # More effort gains one percent where noise fills the low bytes.
            compressionargs={"level": 3},
            predictor=True,
            resolution=photo.dpi,
            software=False,
            metadata=None,
            extratags=[*_described_tags(described, stream, order), *_blocks(photo)],
        )
    return stream.getbuffer()


def _described_tags(described, stream, order):
    """Yield tags as tifffile takes them, after writing their directories."""
    for tag, (kind, value) in described.items():
        if isinstance(value, dict):
            position = stream.tell()
            stream.write(exif.write_directory(value, position, order))
            # By their names, as tifffile passes over these numbers.
            name = {exif.EXIF: "ExifTag", exif.GPS: "GPSTag"}[tag]
            yield name, exif.LONG, 1, position, True
        else:
            yield tag, kind, None, value, True


def _blocks(photo):
    for name, (tag, kind) in _BLOCKS.items():
        if getattr(photo, name):
            yield tag, kind, None, getattr(photo, name), True
