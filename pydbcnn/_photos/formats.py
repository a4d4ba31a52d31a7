"""The formats of photographs, told by the content of a file or by its suffix.

Every format is a module with two functions: `read` takes an open binary stream and
returns fields of a `Photo`, `encode` takes a `Photo` and the quality, which matters
only to formats with loss, and returns all bytes of its file. Metadata travel as they
are stored, so that nothing is lost by understanding them only in part.
"""

import threading
import warnings
from contextlib import contextmanager

from . import jpeg, png, tiff, webp
from .errors import Refusal
from .limits import SUPPORTED
from .photo import Photo

FORMATS = {
    "JPEG": jpeg,
    "PNG": png,
    "TIFF": tiff,
    "WEBP": webp,
}
_DECODING = threading.Lock()


def decode(stream):
    """Return the `Photo` in a file of any of the formats."""
    kind = _recognise(stream.read(12))
    stream.seek(0)
    try:
        with _strict_decoding():
            fields = FORMATS[kind].read(stream)
            fields["exif"] = _without_prefix(fields["exif"])
            fields["dpi"] = _plausible(fields["dpi"])
            return Photo(format=kind, **fields)
    except (Refusal, MemoryError, ImportError):
        raise
    except Exception as error:  # decoders raise anything when a file is damaged
        reason = f"{type(error).__name__}: {error}".rstrip(".")
        raise Refusal(
            f"truncated, damaged or unusual data ({reason})",
            f"a complete {kind} file",
            "copy or export the photograph again",
        ) from error


def _recognise(start):
    """Return the format of a file that begins with these bytes."""
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start.startswith(png.SIGNATURE):
        return "PNG"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return "WEBP"
    if not start:
        raise Refusal("an empty file", "a photograph", "copy it from its source again")
    raise Refusal("an unknown format", SUPPORTED, "convert it to one of these")


@contextmanager
def _strict_decoding():
    """Let Pillow refuse incomplete files but not large ones, and warn of nothing."""
    from PIL import Image, ImageFile

    # These settings belong to the whole process, hence one file at a time.
    with _DECODING, warnings.catch_warnings():
        # Pillow warns of metadata that it cannot parse; they are copied unparsed.
        warnings.simplefilter("ignore")
        before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, None
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


def _without_prefix(exif):
    """Return the TIFF structure of an EXIF block that may begin with 'Exif'."""
    while exif and exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    return exif or None


def _plausible(dpi):
    """Return `dpi` as two floats, or None when it is no resolution."""
    across, down = (float(value) for value in dpi or (0, 0))
    # The field of a JPEG has 16 bits, and no device has more. NaN fails too.
    return (across, down) if 0 < across < 2**16 and 0 < down < 2**16 else None
