"""Which format a file name asks for, and what that format cannot hold."""

import struct
from pathlib import Path

import numpy as np

from .errors import photo_error
from .exif import directory_of_exif

FORMAT_OF_SUFFIX = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
SUPPORTED = "JPEG, PNG, TIFF or WebP"
LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}
MAX_JPEG_SEGMENT = 65533
# Offsets in a TIFF have 32 bits; the rest is for its metadata.
MOST_TIFF_BYTES = 2**32 - 2**26


def check_writable_format(path, photo):
    """Raise `PhotoError` when a file of this name cannot hold a photo like this.

    Parameters
    ----------
    path : path-like
        The name of the file to be written; only its suffix matters.
    photo : Photo
        A photo with the size, the type and the metadata of the one to be written.

    Raises
    ------
    PhotoError
        When the suffix is not supported or something would be lost.
    """
    path = Path(path)
    target = FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if target is None:
        found = f"the suffix '{path.suffix}'" if path.suffix else "no suffix"
        suffixes = ", ".join(FORMAT_OF_SUFFIX)
        raise photo_error(path, found, f"one of {suffixes}", "choose another name")
    for reason in _obstacles(target, photo):
        raise photo_error(path, *reason)


def _obstacles(target, photo):
    """Yield what a format cannot hold, as (found, expected, remedy)."""
    if target == "JPEG" and photo.alpha is not None:
        remedy = "write PNG, TIFF or WebP, or leave the transparency out"
        yield "an alpha channel", "none in JPEG", remedy
    if target in ("JPEG", "WEBP") and photo.pixels.dtype == np.uint16:
        yield "samples of 16 bits", f"8 bits in {target}", "write PNG or TIFF"
    height, width = photo.pixels.shape[:2]
    if max(height, width) > LONGEST_SIDE.get(target, width + height):
        size = f"at most {LONGEST_SIDE[target]} on a side in {target}"
        yield f"{width} x {height} pixels", size, "write PNG or TIFF"
    samples = photo.pixels.nbytes + (0 if photo.alpha is None else photo.alpha.nbytes)
    if target == "TIFF" and samples > MOST_TIFF_BYTES:
        yield f"{samples} bytes of samples", "at most 4 GB in TIFF", "write PNG"
    yield from _metadata_obstacles(target, photo)


def _metadata_obstacles(target, photo):
    for name, value, overhead in (("EXIF", photo.exif, 6), ("XMP", photo.xmp, 29)):
        room = MAX_JPEG_SEGMENT - overhead
        if target == "JPEG" and value is not None and len(value) > room:
            found, expected = f"{len(value)} bytes of {name} data", f"at most {room}"
            yield found, f"{expected} in JPEG", "write PNG, TIFF or WebP"
    profile = photo.icc_profile or b""
    if target == "WEBP" and profile[16:20] == b"GRAY":
        expected = "colour in WebP, which has no grey"
        yield "a grey colour profile", expected, "write JPEG, PNG or TIFF"
    if target == "TIFF":
        try:
            directory_of_exif(photo.exif)
        except (struct.error, ValueError, KeyError):
            remedy = "write the format it came from, or a photo with exif=None"
            yield "damaged EXIF data", "readable ones", remedy
