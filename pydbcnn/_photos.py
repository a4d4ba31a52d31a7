"""Photographs in files: found, read and written with all that belongs to them."""

import dataclasses
import glob
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pydbcnn import _photo_formats as formats
from pydbcnn._files import whole_file
from pydbcnn._photo_formats import Refusal

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
# Offsets in a TIFF have 32 bits; the rest is for its metadata.
MOST_TIFF_BYTES = 2**32 - 2**26


class PhotoError(ValueError):
    """A photograph that cannot be read or written, with the reason and a remedy."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph and what its file says about it.

    Parameters
    ----------
    pixels : ndarray of shape (h, w) or (h, w, 3)
        Grey or RGB, uint8 or uint16, in the orientation in which they are stored.
    alpha : ndarray of shape (h, w) or None
        Opacity, of the type of `pixels`.
    format : {"JPEG", "PNG", "TIFF", "WEBP"}
        The format it was read from.
    exif : bytes or None
        The EXIF data as a TIFF structure, without the prefix ``Exif``. They hold the
        orientation, which is never applied to the pixels.
    icc_profile, xmp : bytes or None
        The colour profile and the XMP packet.
    dpi : (float, float) or None
        Resolution across and down, in pixels an inch.
    subsampling : {0, 1, 2} or None
        Chroma resolution of a JPEG: 4:4:4, 4:2:2 or 4:2:0.
    lossless : bool
        Whether its file kept every sample. Decides how WebP is written.
    photoshop : bytes or None
        The image resources of a JPEG or TIFF, among them captions and keywords.
    comment : bytes or None
        The comment of a JPEG.
    png_chunks : tuple of (bytes, bytes)
        Further chunks of a PNG that describe colours or carry text.

    Raises
    ------
    ValueError
        When shapes or types are others than these.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    format: str = "PNG"
    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    subsampling: int | None = None
    lossless: bool = True
    photoshop: bytes | None = None
    comment: bytes | None = None
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()

    def __post_init__(self):
        _check_samples(self.pixels, self.alpha)
        for name in ("pixels", "alpha"):
            samples = getattr(self, name)
            if samples is not None:
                object.__setattr__(self, name, np.ascontiguousarray(samples))

    def with_pixels(self, pixels):
        """Return this photograph with other pixels and all else as it is.

        Parameters
        ----------
        pixels : ndarray of the shape of `pixels` so far
            uint8 or uint16; with an alpha channel, of the type of that.

        Raises
        ------
        ValueError
            When the shape is another: alpha and colour profile would not fit.
        """
        if pixels.shape != self.pixels.shape:
            raise ValueError(
                f"New pixels have the shape {pixels.shape}, expected "
                f"{self.pixels.shape} as before: keep the size and the channels."
            )
        return dataclasses.replace(self, pixels=pixels)


def _check_samples(pixels, alpha):
    colours = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype not in (np.uint8, np.uint16) or not colours or not pixels.size:
        raise ValueError(
            f"Pixels have the shape {pixels.shape} and the type {pixels.dtype}, "
            "expected (h, w) or (h, w, 3) of uint8 or uint16: convert them."
        )
    if alpha is not None and (
        alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype
    ):
        raise ValueError(
            f"Alpha has the shape {alpha.shape} and the type {alpha.dtype}, expected "
            f"{pixels.shape[:2]} and {pixels.dtype} as the pixels: convert it."
        )


# -------------------------------------------------------------------------- reading


def read_photo(path):
    """Read a photograph and everything that must go back into its file.

    The format is told from the content and not from the suffix. Palettes become
    RGB, pictures of fewer than 8 bits become 8, and the transparent colour of a PNG
    becomes an alpha channel; 16 bits stay 16. The pixels are not turned by the
    orientation tag.

    Parameters
    ----------
    path : path-like
        A JPEG, PNG, TIFF or WebP file.

    Returns
    -------
    Photo

    Raises
    ------
    PhotoError
        When there is no such file, when it is damaged or incomplete, when its
        format or its kind of samples is not supported, when it holds several
        pictures, or when it has more than 512 million pixels.
    """
    path = Path(path)
    if path.is_dir():
        raise _photo_error(path, "a folder", "a file", "name the files in it")
    try:
        with path.open("rb") as stream:
            kind = _recognise(stream.read(12))
            stream.seek(0)
            fields = _decode(kind, stream)
    except Refusal as refusal:
        raise PhotoError(f"{path}: {refusal}") from refusal
    except FileNotFoundError:
        found = "no file of this name"
        raise _photo_error(path, found, "a photograph", "check the name") from None
    except PermissionError as error:
        found = "a file that may not be read"
        remedy = "ask its owner for permission"
        raise _photo_error(path, found, "a readable file", remedy) from error
    return Photo(format=kind, **fields)


def _photo_error(path, *reason):
    return PhotoError(f"{path}: {Refusal(*reason)}")


def _recognise(start):
    """Return the format of a file that begins with these bytes."""
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start.startswith(formats.PNG_SIGNATURE):
        return "PNG"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return "WEBP"
    if not start:
        raise Refusal("an empty file", "a photograph", "copy it from its source again")
    raise Refusal("an unknown format", SUPPORTED, "convert it to one of these")


def _decode(kind, stream):
    readers = {
        "JPEG": formats.read_jpeg,
        "PNG": formats.read_png,
        "TIFF": formats.read_tiff,
        "WEBP": formats.read_webp,
    }
    try:
        with formats.strict_decoding():
            return readers[kind](stream)
    except (Refusal, MemoryError, ImportError):
        raise
    except Exception as error:  # decoders raise anything when a file is damaged
        reason = f"{type(error).__name__}: {error}".rstrip(".")
        raise Refusal(
            f"truncated, damaged or unusual data ({reason})",
            f"a complete {kind} file",
            "copy or export the photograph again",
        ) from error


# -------------------------------------------------------------------------- writing


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
        raise _photo_error(path, found, f"one of {suffixes}", "choose another name")
    for reason in _obstacles(target, photo):
        raise _photo_error(path, *reason)


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
        room = formats.MAX_JPEG_SEGMENT - overhead
        if target == "JPEG" and value is not None and len(value) > room:
            found, expected = f"{len(value)} bytes of {name} data", f"at most {room}"
            yield found, f"{expected} in JPEG", "write PNG, TIFF or WebP"
    profile = photo.icc_profile or b""
    if target == "WEBP" and profile[16:20] == b"GRAY":
        expected = "colour in WebP, which has no grey"
        yield "a grey colour profile", expected, "write JPEG, PNG or TIFF"
    if target == "TIFF":
        try:
            formats.directory_of_exif(photo.exif)
        except (struct.error, ValueError, KeyError):
            remedy = "write the format it came from, or a photo with exif=None"
            yield "damaged EXIF data", "readable ones", remedy


def write_photo(path, photo, *, overwrite=False, quality=95):
    """Write a photograph in the format that the suffix of its name asks for.

    The file appears whole or not at all. Alpha, EXIF, XMP, colour profile and
    resolution are kept; what only another format has a place for (a JPEG comment,
    PNG text, Photoshop's resources outside JPEG and TIFF) is left out.

    Parameters
    ----------
    path : path-like
        A name that ends in .jpg, .jpeg, .png, .tif, .tiff or .webp, in any case.
    photo : Photo
        What to write.
    overwrite : bool, default=False
        Whether a file that is already there may be replaced.
    quality : int, default=95
        From 1 to 100. Only for JPEG, and for WebP unless the photo is lossless.

    Raises
    ------
    PhotoError
        When the format cannot hold the photo.
    FileExistsError
        When the file exists and `overwrite` is false.
    FileNotFoundError
        When the folder does not exist.
    ValueError
        When `quality` is outside its range.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}, expected 1 to 100: 95 is a good one.")
    check_writable_format(path, photo)
    target = FORMAT_OF_SUFFIX[Path(path).suffix.lower()]
    with whole_file(path, overwrite=overwrite) as temporary:
        if target == "JPEG":
            formats.write_jpeg(temporary, photo, quality)
        elif target == "WEBP":
            formats.write_webp(temporary, photo, quality)
        elif target == "PNG":
            formats.write_png(temporary, photo)
        else:
            formats.write_tiff(temporary, photo)


# -------------------------------------------------------------------------- finding


def find_photos(arguments, *, recursive=False):
    """Find the photographs that files, folders and patterns stand for.

    A file stands for itself. A folder stands for the files in it whose suffix is
    supported, and a pattern with ``*``, ``?`` or ``[`` (``**`` for any folders) for
    those that match; both leave out hidden files and sort by name.

    Parameters
    ----------
    arguments : path-like or iterable of path-like
        What a user named.
    recursive : bool, default=False
        Whether folders stand also for the files in the folders below them.

    Returns
    -------
    photos : list of pathlib.Path
        In the order of the arguments, each file once.
    problems : list of PhotoError
        One for each argument that stands for nothing, so that a caller can report
        it and go on with the rest.
    """
    if isinstance(arguments, (str, os.PathLike)):
        arguments = [arguments]
    photos, problems = {}, []
    for argument in arguments:
        try:
            for path in _expand(argument, recursive):
                photos.setdefault(os.path.abspath(path), path)
        except PhotoError as problem:
            problems.append(problem)
    return list(photos.values()), problems


def _expand(argument, recursive):
    text, path = os.fspath(argument), Path(argument)
    # An empty name would otherwise stand for the current folder.
    if text and path.exists() and not path.is_dir():
        return [path]
    if text and path.is_dir():
        found = _photos_in(path, recursive)
        where = "in this folder or below it" if recursive else "in this folder"
        remedy = "name another folder" + ("" if recursive else " or search below it")
    else:
        found = [Path(name) for name in glob.glob(text, recursive=True)]
        where, remedy = "of this name", "check the name"
    found = sorted(path for path in found if _is_photo(path))
    if not found:
        raise _photo_error(text or "''", f"no photograph {where}", SUPPORTED, remedy)
    return found


def _photos_in(folder, recursive):
    def refuse(error):
        remedy = "ask its owner for permission"
        raise _photo_error(folder, f"no access ({error})", "a readable folder", remedy)

    found = []
    for name, folders, files in os.walk(folder, onerror=refuse):
        found += [Path(name, file) for file in files if not file.startswith(".")]
        below = [inner for inner in folders if not inner.startswith(".")]
        folders[:] = below if recursive else []
    return found


def _is_photo(path):
    return path.suffix.lower() in FORMAT_OF_SUFFIX and path.is_file()
