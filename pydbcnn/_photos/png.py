"""PNG: 8 or 16 bits, grey or RGB, with or without alpha.

Other libraries decode the samples. The chunks that lie around them are copied by our
own code: Pillow hands over a colour profile that is cut off as if it were whole, takes
a text named "dpi" or "xmp" for the real one, and writes no mDCV or cLLI.
"""

import io
import struct
import zlib

import numpy as np

from .errors import MAX_METADATA, refuse_frames, refuse_too_many_pixels
from .samples import decode_with_opencv, joined_samples, split_alpha

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp\0"
# Chunks that describe the colours or carry text, and stay true when samples change.
_KEPT = frozenset(
    (b"cHRM", b"gAMA", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"tEXt", b"zTXt", b"iTXt")
)
_GREY, _RGB, _PALETTE, _GREY_WITH_ALPHA, _RGB_WITH_ALPHA = 0, 2, 3, 4, 6


def read(stream):
    """Read a PNG of any bit depth; up to 8 bits become 8 and 16 stay 16."""
    chunks = _split(stream.read())
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[0][1])
    refuse_too_many_pixels(width, height)
    if any(kind == b"fdAT" for kind, _ in chunks):
        refuse_frames("several")
    found = dict(chunks)
    pixels, alpha = split_alpha(_decode(chunks, colour))
    if b"tRNS" in found and colour in (_GREY, _RGB):
        alpha = _alpha_of_colour_key(pixels, found[b"tRNS"], depth)
    return {"pixels": pixels, "alpha": alpha, **_metadata(chunks, found)}


def _split(data):
    """Return all chunks as (kind, body); raise when one is cut off or damaged."""
    chunks, position = [], len(SIGNATURE)
    while not chunks or chunks[-1][0] != b"IEND":
        size, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + size]
        (checksum,) = struct.unpack_from(">I", data, position + 8 + size)
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise ValueError(f"the checksum of chunk {kind!r} is wrong")
        chunks.append((kind, body))
        position += 12 + size
    return chunks


def _join(chunks):
    return SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind, body):
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", checksum)


def _decode(chunks, colour):
    # Without the other chunks, no decoder can apply a gamma or complain of a profile.
    needed = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
    if colour == _PALETTE:
        needed.add(b"tRNS")
    samples = decode_with_opencv(_join(c for c in chunks if c[0] in needed))
    # OpenCV repeats the grey of a grey-and-alpha picture.
    return samples[..., 2:] if colour == _GREY_WITH_ALPHA else samples


def _alpha_of_colour_key(pixels, body, depth):
    """Return the alpha of a PNG in which one colour is transparent."""
    key = np.frombuffer(body, ">u2").astype(pixels.dtype)
    if depth < 8:  # their samples were stretched to 8 bits, the key was not
        key = key * (255 // (2**depth - 1))
    same = pixels == key
    transparent = same.all(axis=2) if pixels.ndim == 3 else same
    return np.where(transparent, 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)


def _metadata(chunks, found):
    xmp = (_text_of(body) for kind, body in chunks if _is_xmp(kind, body))
    kept = (c for c in chunks if c[0] in _KEPT and not _is_xmp(*c))
    profile, resolution = found.get(b"iCCP"), found.get(b"pHYs")
    return {
        "exif": found.get(b"eXIf"),
        "icc_profile": profile and _inflate(profile.split(b"\0", 1)[1][1:]),
        "xmp": next(xmp, None),
        "dpi": resolution and _dots_per_inch(*struct.unpack(">IIB", resolution)),
        "png_chunks": tuple(kept),
    }


def _is_xmp(kind, body):
    return kind == b"iTXt" and body.startswith(_XMP)


def _text_of(body):
    """Return the text of an international text chunk."""
    compressed, rest = body[len(_XMP)], body[len(_XMP) + 2 :]
    text = rest.split(b"\0", 2)[2]
    return _inflate(text) if compressed else text


def _inflate(data):
    # Limited, since a few compressed bytes can stand for gigabytes.
    decompressor = zlib.decompressobj()
    inflated = decompressor.decompress(data, MAX_METADATA)
    if not decompressor.eof:
        raise ValueError("its metadata are too long or cut off")
    return inflated


def _dots_per_inch(across, down, unit):
    return (across * 0.0254, down * 0.0254) if unit == 1 else None


def encode(photo, quality):
    """Return a PNG of the depth and the channels of the photo, whatever the quality."""
    encode_samples = _encode16 if photo.pixels.dtype == np.uint16 else _encode8
    data = memoryview(encode_samples(joined_samples(photo)))
    header = len(SIGNATURE) + 25
    metadata = (_chunk(kind, body) for kind, body in _metadata_chunks(photo))
    return b"".join((data[:header], *metadata, data[header:]))


def _encode8(samples):
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "PNG")
    return stream.getvalue()


def _encode16(samples):
    # Pillow writes no 16-bit colour, and OpenCV no grey with alpha.
    height, width = samples.shape[:2]
    channels = samples.size // (height * width)
    colour = {1: _GREY, 2: _GREY_WITH_ALPHA, 3: _RGB, 4: _RGB_WITH_ALPHA}[channels]
    rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    # Type 2 stores each row less the one above it.
    filtered = np.full((height, 1 + rows.shape[1]), 2, np.uint8)
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return _join([(b"IHDR", header), *_compressed(filtered), (b"IEND", b"")])


def _compressed(rows):
    # In bands, as one chunk could not hold a picture of more than two gigabytes.
    # Level 3: noise fills the low bytes, and more effort gains one percent.
    compressor = zlib.compressobj(3)
    for start in range(0, len(rows), 256):
        yield b"IDAT", compressor.compress(rows[start : start + 256])
    yield b"IDAT", compressor.flush()


def _metadata_chunks(photo):
    yield from photo.png_chunks
    if photo.icc_profile:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(photo.icc_profile)
    if photo.dpi:
        per_metre = (round(value / 0.0254) for value in photo.dpi)
        yield b"pHYs", struct.pack(">IIB", *per_metre, 1)
    if photo.exif:
        yield b"eXIf", photo.exif
    if photo.xmp:
        yield b"iTXt", _XMP + b"\0\0\0\0" + photo.xmp
