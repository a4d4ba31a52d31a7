"""WebP: 8 bits, RGB, with or without loss; grey does not exist in this format."""

import io
import struct

from .errors import refuse_frames, refuse_too_many_pixels
from .samples import fields_of, joined_samples


def read(stream):
    """Read a WebP of one frame."""
    from PIL.WebPImagePlugin import WebPImageFile

    data = stream.read()
    image = WebPImageFile(io.BytesIO(data))
    refuse_too_many_pixels(*image.size)
    if image.n_frames > 1:
        refuse_frames(image.n_frames)
    image.load()
    return {**fields_of(image), "lossless": _is_lossless(data)}


def _is_lossless(data):
    # Pillow does not say.
    position = 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8L"
        position += 8 + size + size % 2
    return False


def encode(photo, quality):
    """Return a WebP without loss when the photo had none so far."""
    from PIL import Image

    # In lossless files `quality` means effort; `exact` keeps hidden colours.
    coding = {"lossless": True} if photo.lossless else {"quality": quality}
    content = io.BytesIO()
    Image.fromarray(joined_samples(photo)).save(
        content,
        "WEBP",
        exact=True,
        exif=photo.exif or b"",
        icc_profile=photo.icc_profile or b"",
        xmp=photo.xmp or b"",
        **coding,
    )
    return content.getbuffer()
