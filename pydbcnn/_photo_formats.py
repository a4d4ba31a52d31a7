"""The four photograph formats, from bytes to samples and back.

Every reader takes an open binary stream and returns the fields of a `Photo`; every
writer takes a path and a `Photo`. Metadata travels as it is stored, so that nothing
is lost by understanding it only in part.
"""

import io
import logging
import math
import struct
import warnings
import zlib
from contextlib import contextmanager
from itertools import pairwise

import numpy as np

# Room for the largest cameras and for stitched panoramas, while a file of a few
# kilobytes that claims more cannot exhaust the memory.
MAX_PIXELS = 512_000_000

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_PHOTOSHOP = b"Photoshop 3.0\0"
MAX_JPEG_SEGMENT = 65533
MAX_METADATA = 64 * 2**20

# PNG chunks that describe the colours or carry text, and that stay true when the
# samples change.
KEPT_PNG_CHUNKS = frozenset(
    (b"cHRM", b"gAMA", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"tEXt", b"zTXt", b"iTXt")
)
PNG_XMP = b"XML:com.adobe.xmp\0"

TIFF_TYPE_SIZES = {
    **{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4},
    **{10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8},
}
BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7
EXIF_TAG, GPS_TAG, INTEROPERABILITY_TAG = 34665, 34853, 40965
# Spelling out which directory may lie in which one keeps a damaged file, whose
# directories point at each other, from being followed for ever.
NESTED_DIRECTORIES = {EXIF_TAG: {INTEROPERABILITY_TAG: {}}, GPS_TAG: {}}
# Tags of a TIFF's main directory that describe the photograph and not its storage.
DESCRIPTIVE_TAGS = frozenset(
    (269, 270, 271, 272, 274, 285, 305, 306, 315, 316, 18246, 18249, 33432, 33723)
    + (40091, 40092, 40093, 40094, 40095, EXIF_TAG, GPS_TAG)
)
ORIENTATION_TAG, XMP_TAG, PHOTOSHOP_TAG, ICC_TAG = 274, 700, 34377, 34675
DNG_VERSION_TAG = 50706
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, YCC = 0, 1, 2, 3, 6
JPEG_TIFF = 7
# The colours that are read, each with its bits a sample.
TIFF_DEPTHS = {
    WHITE_IS_ZERO: {1, 2, 4, 8, 16},
    BLACK_IS_ZERO: {1, 2, 4, 8, 16},
    **{RGB: {8, 16}, PALETTE: {1, 2, 4, 8}, YCC: {8}},
}


class Refusal(ValueError):
    """A file that is not read, or a photo that is not written, and what to do."""

    def __init__(self, found, expected, remedy):
        super().__init__(f"found {found}, expected {expected}; {remedy}.")


def refuse_too_many_pixels(width, height):
    """Raise `Refusal` when the header announces more than `MAX_PIXELS`."""
    if width * height > MAX_PIXELS:
        raise Refusal(
            f"{width} x {height} pixels",
            f"at most {MAX_PIXELS} in all",
            "cut the photograph into smaller pieces",
        )


# ------------------------------------------------------------------ what they share


@contextmanager
def strict_decoding():
    """Let Pillow refuse incomplete files, and keep every decoder quiet."""
    from PIL import ImageFile

    lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        # Pillow warns of metadata that it cannot parse; they are copied unparsed.
        warnings.simplefilter("ignore")
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def samples_of(image):
    """Return the pixels and the alpha (or None) of a Pillow image as arrays."""
    if image.mode in ("P", "PA"):
        transparent = image.mode == "PA" or "transparency" in image.info
        image = image.convert("RGBA" if transparent else "RGB")
    elif image.mode in ("1", "La"):
        image = image.convert("L" if image.mode == "1" else "LA")
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        refuse_colours(image.mode)
    return split_alpha(np.array(image))


def refuse_colours(name):
    """Raise `Refusal` for colours that are neither grey nor RGB."""
    raise Refusal(
        f"{name} colours", "grey or RGB", "convert the photograph to RGB first"
    )


def split_alpha(samples):
    """Return (pixels, alpha), alpha None for one or three channels."""
    if samples.ndim == 2 or samples.shape[2] == 3:
        return np.ascontiguousarray(samples), None
    pixels = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
    return np.ascontiguousarray(pixels), np.ascontiguousarray(samples[..., -1])


def joined_samples(photo):
    """Return pixels and alpha as one array, (h, w) or (h, w, channels)."""
    if photo.alpha is None:
        return photo.pixels
    return np.dstack((photo.pixels, photo.alpha))


def _resolution(dpi):
    """Return `dpi` as two floats, or None when it is no resolution."""
    if dpi is None:
        return None
    across, down = (float(value) for value in dpi)
    if all(math.isfinite(value) and 0 < value < 1e5 for value in (across, down)):
        return across, down
    return None


def _without_prefix(exif):
    """Return the TIFF structure of an EXIF block that may begin with 'Exif'."""
    while exif and exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    return exif or None


# ----------------------------------------------------------------------------- JPEG


def read_jpeg(stream):
    """Read an 8-bit grey or RGB JPEG."""
    from PIL.JpegImagePlugin import JpegImageFile, get_sampling

    # Not Image.open: it applies a limit of its own to the number of pixels.
    image = JpegImageFile(stream)
    refuse_too_many_pixels(*image.size)
    _refuse_companion_images(image.info.get("mp"))
    image.load()
    sampling = get_sampling(image)
    return {
        **_fields_from_pillow(image),
        "subsampling": sampling if sampling >= 0 else None,
        "lossless": False,
        "photoshop": _photoshop_segments(image.applist),
        "comment": image.info.get("comment"),
    }


def _fields_from_pillow(image):
    pixels, alpha = samples_of(image)
    return {
        "pixels": pixels,
        "alpha": alpha,
        "exif": _without_prefix(image.info.get("exif")),
        "icc_profile": image.info.get("icc_profile"),
        "xmp": image.info.get("xmp"),
        "dpi": _resolution(image.info.get("dpi")),
    }


def _refuse_companion_images(index):
    # A large preview beside the photograph may go, like the small one in its EXIF
    # data. The other view of a stereo pair and a map of HDR brightness may not.
    if index is not None and any(kind >> 16 != 1 for kind in _companion_kinds(index)):
        raise Refusal(
            "further images in the file (an HDR gain map, or views of one scene)",
            "one image",
            "export the photograph without them (as SDR, as a single picture)",
        )


def _companion_kinds(index):
    """Return the types of all images but the first in a multi-picture index."""
    order = byte_order(index)
    (offset,) = struct.unpack_from(order + "I", index, 4)
    _, records = read_directory(io.BytesIO(index), offset, order)[0xB002]
    words = struct.iter_unpack(order + "I12x", records)
    return [word & 0xFFFFFF for (word,) in words][1:]


def _photoshop_segments(segments):
    blocks = (
        content[len(JPEG_PHOTOSHOP) :]
        for name, content in segments
        if name == "APP13" and content.startswith(JPEG_PHOTOSHOP)
    )
    return b"".join(blocks) or None


def write_jpeg(path, photo, quality):
    """Write grey or RGB pixels with the chroma resolution that they came with."""
    from PIL import Image

    Image.fromarray(photo.pixels).save(
        path,
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


def _app13(block):
    """Return the JPEG segments that hold a block of Photoshop's resources."""
    room = MAX_JPEG_SEGMENT - len(JPEG_PHOTOSHOP)
    parts = (
        JPEG_PHOTOSHOP + block[start : start + room]
        for start in range(0, len(block), room)
    )
    return b"".join(
        b"\xff\xed" + struct.pack(">H", len(part) + 2) + part for part in parts
    )


# ----------------------------------------------------------------------------- WebP


def read_webp(stream):
    """Read a WebP of one frame; grey does not exist in this format."""
    from PIL.WebPImagePlugin import WebPImageFile

    data = stream.read()
    image = WebPImageFile(io.BytesIO(data))
    refuse_too_many_pixels(*image.size)
    if image.n_frames > 1:
        refuse_frames(image.n_frames)
    image.load()
    return {**_fields_from_pillow(image), "lossless": _is_lossless_webp(data)}


def refuse_frames(count):
    """Raise `Refusal` for animations and documents of several pages."""
    raise Refusal(
        f"{count} frames or pages", "one image", "save the frame you want by itself"
    )


def _is_lossless_webp(data):
    position = 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8L"
        position += 8 + size + size % 2
    return False


def write_webp(path, photo, quality):
    """Write a WebP without loss when the photo had none so far."""
    from PIL import Image

    # In lossless files `quality` means effort; `exact` keeps hidden colours.
    coding = {"lossless": True} if photo.lossless else {"quality": quality}
    Image.fromarray(joined_samples(photo)).save(
        path,
        "WEBP",
        exact=True,
        exif=photo.exif or b"",
        icc_profile=photo.icc_profile or b"",
        xmp=photo.xmp or b"",
        **coding,
    )


# ------------------------------------------------------------------------------ PNG


def read_png(stream):
    """Read a PNG of any bit depth; up to 8 bits become 8 and 16 stay 16."""
    data = stream.read()
    chunks = _png_chunks(data)
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[0][1])
    refuse_too_many_pixels(width, height)
    if any(kind == b"fdAT" for kind, _ in chunks):
        refuse_frames("several")
    found = dict(chunks)
    # Without their other chunks, no decoder can apply a gamma or turn the picture.
    bare = _png_file(c for c in chunks if c[0] in (b"IHDR", b"PLTE", b"IDAT", b"IEND"))
    if depth == 16:
        pixels, alpha = _decode_png16(bare, colour)
    else:
        pixels, alpha = _decode_png8(bare, found.get(b"tRNS"))
    if b"tRNS" in found and colour in (0, 2):
        alpha = _alpha_of_colour_key(pixels, found[b"tRNS"], depth)
    return {"pixels": pixels, "alpha": alpha, **_png_metadata(chunks, found)}


def _png_chunks(data):
    """Return all chunks as (kind, body); raise when one is cut off or damaged."""
    chunks, position = [], len(PNG_SIGNATURE)
    while not chunks or chunks[-1][0] != b"IEND":
        size, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + size]
        (checksum,) = struct.unpack_from(">I", data, position + 8 + size)
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise ValueError(f"the checksum of chunk {kind!r} is wrong")
        chunks.append((kind, body))
        position += 12 + size
    return chunks


def _png_chunk(kind, body):
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", checksum)


def _png_file(chunks):
    return PNG_SIGNATURE + b"".join(_png_chunk(kind, body) for kind, body in chunks)


def _decode_png8(data, transparency):
    from PIL.PngImagePlugin import PngImageFile

    image = PngImageFile(io.BytesIO(data))
    image.load()
    if image.mode == "P" and transparency is not None:
        image.info["transparency"] = transparency
    return samples_of(image)


def _decode_png16(data, colour):
    # Pillow would cut colours down to 8 bits.
    samples = decode_with_opencv(data)
    if colour == 4:  # OpenCV repeats the grey of a grey-and-alpha picture
        samples = samples[..., 2:]
    return split_alpha(samples)


def decode_with_opencv(data):
    """Return the samples of an encoded picture as RGB or RGBA of its own depth."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if samples is None:
        raise ValueError("OpenCV cannot decode it")
    if samples.ndim == 2:
        return samples
    return samples[..., [2, 1, 0, 3][: samples.shape[2]]]


def _alpha_of_colour_key(pixels, body, depth):
    """Return the alpha of a PNG in which one colour is transparent."""
    key = np.frombuffer(body, ">u2").astype(pixels.dtype)
    if depth < 8:  # their samples were stretched to 8 bits, the key was not
        key = key * (255 // (2**depth - 1))
    same = pixels == key
    transparent = same.all(axis=2) if pixels.ndim == 3 else same
    return np.where(transparent, 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)


def _png_metadata(chunks, found):
    kept = (c for c in chunks if c[0] in KEPT_PNG_CHUNKS and not _is_xmp(*c))
    return {
        "exif": _without_prefix(found.get(b"eXIf")),
        "icc_profile": _profile_of_png(found.get(b"iCCP")),
        "xmp": next((_text_of(body) for c, body in chunks if _is_xmp(c, body)), None),
        "dpi": _resolution_of_png(found.get(b"pHYs")),
        "png_chunks": tuple(kept),
    }


def _is_xmp(kind, body):
    return kind == b"iTXt" and body.startswith(PNG_XMP)


def _text_of(body):
    """Return the text of an international text chunk."""
    compressed, rest = body[len(PNG_XMP)], body[len(PNG_XMP) + 2 :]
    text = rest.split(b"\0", 2)[2]
    return _inflate(text) if compressed else text


def _profile_of_png(body):
    return None if body is None else _inflate(body.split(b"\0", 1)[1][1:])


def _inflate(data):
    # Limited, since a few compressed bytes can stand for gigabytes.
    return zlib.decompressobj().decompress(data, MAX_METADATA)


def _resolution_of_png(body):
    if body is None:
        return None
    across, down, unit = struct.unpack(">IIB", body)
    return _resolution((across * 0.0254, down * 0.0254)) if unit == 1 else None


def write_png(path, photo):
    """Write a PNG of the depth and the channels of the photo."""
    encode = _encode_png16 if photo.pixels.dtype == np.uint16 else _encode_png8
    data = encode(joined_samples(photo))
    header = len(PNG_SIGNATURE) + 25
    with open(path, "wb") as stream:
        stream.write(data[:header])
        for kind, body in _metadata_chunks(photo):
            stream.write(_png_chunk(kind, body))
        stream.write(memoryview(data)[header:])


def _encode_png8(samples):
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "PNG")
    return stream.getvalue()


def _encode_png16(samples):
    # Pillow writes no 16-bit colour, and OpenCV no grey with alpha.
    height, width = samples.shape[:2]
    channels = samples.size // (height * width)
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    filtered = np.full((height, 1 + rows.shape[1]), 2, np.uint8)  # 2: less the row above
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return _png_file([(b"IHDR", header), *_compressed_rows(filtered), (b"IEND", b"")])


def _compressed_rows(rows):
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
        yield b"iTXt", PNG_XMP + b"\0\0\0\0" + photo.xmp


# -------------------------------------------------------- directories of TIFF and EXIF


def byte_order(block):
    """Return the byte order of a TIFF structure as `struct` writes it."""
    orders = {b"II": "<", b"MM": ">"}
    if block[:2] not in orders:
        raise ValueError("the metadata do not begin like a TIFF structure")
    return orders[block[:2]]


def read_directory(stream, offset, order, *, big=False, nested=NESTED_DIRECTORIES):
    """Read a directory of tags without interpreting their values.

    Parameters
    ----------
    stream : binary file
        A TIFF file or an EXIF block.
    offset : int
        Where the directory begins.
    order : {"<", ">"}
        The byte order.
    big : bool, default=False
        Whether it has the wider fields of BigTIFF.
    nested : dict
        The tags that point at a directory of their own, with what they may nest.

    Returns
    -------
    dict
        Tag number to (type, bytes), or to (type, dict) for a nested directory.
    """
    count_format, entry_format = ("Q", "HHQ8s") if big else ("H", "HHI4s")
    (count,) = _unpack(stream, offset, order + count_format)
    start = offset + struct.calcsize(order + count_format)
    step = struct.calcsize(order + entry_format)
    entries = {}
    for position in range(start, start + count * step, step):
        tag, kind, number, slot = _unpack(stream, position, order + entry_format)
        size = number * TIFF_TYPE_SIZES.get(kind, 0)
        value = _value(stream, slot, size, order)
        if tag in nested and value is not None:
            pointer = _integer(value, order)
            inner = {"big": big, "nested": nested[tag]}
            entries[tag] = LONG, read_directory(stream, pointer, order, **inner)
        elif value:
            entries[tag] = kind, value
    return entries


def _unpack(stream, position, form):
    stream.seek(position)
    return struct.unpack(form, stream.read(struct.calcsize(form)))


def _value(stream, slot, size, order):
    """Return the bytes of a tag, or None when they lie outside the file."""
    if size <= len(slot):
        return slot[:size]
    stream.seek(_integer(slot, order))
    value = stream.read(size)
    return value if len(value) == size else None


def _integer(value, order):
    return struct.unpack(order + {4: "I", 8: "Q"}[len(value)], value)[0]


def write_directory(entries, offset, order):
    """Return the bytes of a directory that will stand at `offset`.

    Parameters
    ----------
    entries : dict
        As `read_directory` returns them.
    offset : int
        An even position in the file or the block.
    order : {"<", ">"}
        The byte order, which must be that of the values in `entries`.
    """
    table = struct.pack(order + "H", len(entries))
    behind = offset + len(table) + 12 * len(entries) + 4
    values = b""
    for tag, (kind, value) in sorted(entries.items()):
        nested = isinstance(value, dict)
        if nested:
            value = write_directory(value, behind + len(values), order)
        if nested or len(value) > 4:
            slot = struct.pack(order + "I", behind + len(values))
            values += value + b"\0" * (len(value) % 2)
        else:
            slot = value.ljust(4, b"\0")
        number = 1 if nested else len(value) // TIFF_TYPE_SIZES[kind]
        table += struct.pack(order + "HHI", tag, kind, number) + slot
    return table + bytes(4) + values


def directory_of_exif(exif):
    """Return the descriptive tags of an EXIF block, and its byte order."""
    if exif is None:
        return {}, "<"
    order = byte_order(exif)
    (offset,) = struct.unpack_from(order + "I", exif, 4)
    entries = read_directory(io.BytesIO(exif), offset, order)
    return _descriptive(entries), order


def _descriptive(entries):
    return {tag: entry for tag, entry in entries.items() if tag in DESCRIPTIVE_TAGS}


# ----------------------------------------------------------------------------- TIFF


def read_tiff(stream):
    """Read a TIFF of one page with whole numbers of up to 16 bits."""
    import tifffile

    # An application that logs sees what tifffile says; nobody else shall.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    data = stream.read()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = _single_page(file.pages, data)
        _refuse_layout(page)
        _refuse_missing_parts(page, len(data))
        order = file.byteorder
        source = io.BytesIO(data)
        entries = read_directory(source, page.offset, order, big=file.is_bigtiff)
        pixels, alpha = _decode_tiff(page, _with_neutral_orientation(data, page))
    if 1 in page.extrasamples:
        _refuse_multiplied(alpha)
    lossless = page.compression != JPEG_TIFF
    fields = {"pixels": pixels, "alpha": alpha, "lossless": lossless}
    return {**fields, **_tiff_metadata(entries, order)}


def _refuse_multiplied(alpha):
    # Opaque colours are the same with and without the factor.
    if (alpha != np.iinfo(alpha.dtype).max).any():
        raise Refusal(
            "colours multiplied by their alpha",
            "an alpha channel that leaves the colours alone",
            "save it with unassociated alpha, or without transparency",
        )


def _single_page(pages, data):
    """Return the only page; previews of reduced size may stand behind it."""
    first, others = pages[0], [page for page in pages[1:] if not page.is_reduced]
    if others:
        refuse_frames(1 + len(others))
    if first.is_reduced or DNG_VERSION_TAG in first.tags or data[8:10] == b"CR":
        raise Refusal(
            "the raw data of a camera", "a developed photograph", "develop it first"
        )
    return first


def _refuse_layout(page):
    refuse_too_many_pixels(page.imagewidth, page.imagelength)
    depths = TIFF_DEPTHS.get(page.photometric)
    # Luma and chroma are fine inside JPEG, whose decoder turns them into RGB.
    if depths is None or (page.photometric == YCC and page.compression != JPEG_TIFF):
        refuse_colours(getattr(page.photometric, "name", str(page.photometric)))
    bits = set(np.atleast_1d(page.tags.valueof(258, default=1)).tolist())
    if page.sampleformat != 1 or len(bits) != 1 or not bits <= depths:
        kind = {1: "unsigned", 2: "signed", 3: "floating-point"}
        found = " and ".join(str(depth) for depth in sorted(bits))
        raise Refusal(
            f"{kind.get(page.sampleformat, 'unusual')} samples of {found} bits",
            "unsigned samples of 8 or 16 bits",
            "convert it to 8 or 16 bits",
        )
    _refuse_extra_channels(page)


def _refuse_extra_channels(page):
    colours = 3 if page.photometric in (RGB, YCC) else 1
    # Where the meaning of a fourth channel is not given, all readers take it for
    # alpha; where it is given as "unspecified", it is a mask of some kind.
    if page.samplesperpixel - colours > 1 or 0 in page.extrasamples:
        raise Refusal(
            f"{page.samplesperpixel} channels",
            "grey or RGB, with or without one alpha channel",
            "remove the other channels or masks",
        )


def _refuse_missing_parts(page, size):
    parts = zip(page.dataoffsets, page.databytecounts, strict=True)
    if any(count == 0 or start + count > size for start, count in parts):
        raise ValueError("samples are missing")


def _with_neutral_orientation(data, page):
    # Pillow and OpenCV turn a TIFF by its tag, and the tag would turn it again.
    tag = page.tags.get(ORIENTATION_TAG)
    if tag is None or tag.value == 1:
        return data
    upright = struct.pack(page.parent.byteorder + "H", 1)
    return data[: tag.valueoffset] + upright + data[tag.valueoffset + 2 :]


def _decode_tiff(page, data):
    if page.bitspersample < 16:
        from PIL.TiffImagePlugin import TiffImageFile

        image = TiffImageFile(io.BytesIO(data))
        image.load()
        return samples_of(image)
    pixels, alpha = split_alpha(_tiff_samples16(page, data))
    return (65535 - pixels if page.photometric == WHITE_IS_ZERO else pixels), alpha


def _tiff_samples16(page, data):
    """Return 16-bit samples, (h, w) or (h, w, channels)."""
    shape = (page.imagelength, page.imagewidth)
    channels = page.samplesperpixel
    if page.compression in (1, 8, 32946):  # none and deflate, the same twice
        samples = page.asarray().astype(np.uint16)
        if page.planarconfig == 2:
            return np.moveaxis(samples.reshape(channels, *shape), 0, 2)
        return samples.reshape(shape if channels == 1 else (*shape, channels))
    # tifffile has the other codecs only with another package installed.
    if page.planarconfig == 2 or channels == 2:
        raise Refusal(
            "16-bit samples in an unusual order and compression",
            "interleaved samples",
            "save it uncompressed or with ZIP compression",
        )
    return decode_with_opencv(data)


def _tiff_metadata(entries, order):
    kept = _descriptive(entries)
    header = {"<": b"II*\0\x08\0\0\0", ">": b"MM\0*\0\0\0\x08"}[order]
    return {
        "exif": header + write_directory(kept, len(header), order) if kept else None,
        "icc_profile": entries.get(ICC_TAG, (0, None))[1],
        "xmp": entries.get(XMP_TAG, (0, None))[1],
        "photoshop": entries.get(PHOTOSHOP_TAG, (0, None))[1],
        "dpi": _resolution_of_tiff(entries, order),
    }


def _resolution_of_tiff(entries, order):
    unit = entries.get(296, (SHORT, struct.pack(order + "H", 2)))[1]
    inches = {2: 1.0, 3: 2.54}.get(struct.unpack(order + "H", unit)[0])
    if inches is None or not {282, 283} <= set(entries):
        return None
    pairs = [struct.unpack(order + "II", entries[tag][1]) for tag in (282, 283)]
    if any(divisor == 0 for _, divisor in pairs):
        return None
    return _resolution(inches * value / divisor for value, divisor in pairs)


def write_tiff(path, photo):
    """Write a TIFF with deflate compression, in the byte order of its metadata."""
    described, order = directory_of_exif(photo.exif)
    samples = joined_samples(photo)
    height, row_bytes = len(samples), samples[0].nbytes
    rows = max(1, 2**20 // row_bytes)
    with open(path, "wb") as stream:
        stream.write({"<": b"II*\0", ">": b"MM\0*"}[order] + bytes(4))
        starts = [stream.tell()]
        for first in range(0, height, rows):
            stream.write(_tiff_strip(samples[first : first + rows], order))
            starts.append(stream.tell())
        stream.write(bytes(starts[-1] % 2))
        position = stream.tell()
        tags = {**described, **_tiff_tags(photo, samples, starts, rows, order)}
        stream.write(write_directory(tags, position, order))
        stream.seek(4)
        stream.write(struct.pack(order + "I", position))


def _tiff_strip(samples, order):
    differences = samples.copy()
    differences[:, 1:] -= samples[:, :-1]
    return zlib.compress(differences.astype(samples.dtype.newbyteorder(order)), 3)


def _tiff_tags(photo, samples, starts, rows, order):
    """Return the tags that describe the storage of the samples."""
    height, width = samples.shape[:2]
    channels = samples.size // (height * width)

    def shorts(*values):
        return SHORT, struct.pack(f"{order}{len(values)}H", *values)

    def longs(*values):
        return LONG, struct.pack(f"{order}{len(values)}I", *values)

    tags = {
        **{256: longs(width), 257: longs(height), 259: shorts(8)},
        258: shorts(*[8 * samples.itemsize] * channels),
        262: shorts(RGB if channels > 2 else BLACK_IS_ZERO),
        273: longs(*starts[:-1]),
        279: longs(*(end - start for start, end in pairwise(starts))),
        **{277: shorts(channels), 278: longs(rows), 284: shorts(1), 317: shorts(2)},
    }
    if photo.alpha is not None:
        tags[338] = shorts(2)
    if photo.dpi is not None:
        ratios = [struct.pack(order + "II", round(d * 1e4), 10000) for d in photo.dpi]
        tags |= {282: (RATIONAL, ratios[0]), 283: (RATIONAL, ratios[1])}
        tags[296] = shorts(2)
    return tags | _tiff_blocks(photo)


def _tiff_blocks(photo):
    blocks = {
        XMP_TAG: (BYTE, photo.xmp),
        PHOTOSHOP_TAG: (UNDEFINED, photo.photoshop),
        ICC_TAG: (UNDEFINED, photo.icc_profile),
    }
    return {tag: entry for tag, entry in blocks.items() if entry[1]}
