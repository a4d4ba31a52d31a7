"""Photographs in files: found, read and written with all that belongs to them."""

from pathlib import Path

from .._files import check_folder, refuse_existing, write_whole
from .errors import PhotoError, Refusal, access_error, photo_error
from .finding import find_photos
from .formats import FORMATS, decode
from .limits import FORMAT_OF_SUFFIX, check_writable_format
from .photo import Photo

__all__ = [
    "FORMAT_OF_SUFFIX",
    "Photo",
    "PhotoError",
    "check_writable_format",
    "find_photos",
    "read_photo",
    "write_photo",
]


def read_photo(path):
    """Read a photograph and everything that must go back into its file.

    The format is told from the content and not from the suffix. Palettes become
    RGB, pictures of fewer than 8 bits become 8, and the transparent colour of a PNG
    becomes an alpha channel; 16 bits stay 16. The pixels are not turned by the
    orientation tag. Of a JPEG with further images, such as an HDR gain map, the
    photograph itself is read, and `notes` say what is left out.

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
        format or its kind of samples is not supported, when it holds several frames
        or pages, or when it has more than 512 million pixels.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise Refusal("a folder", "a file", "name the files in it")
        with path.open("rb") as stream:
            return decode(stream)
    except Refusal as refusal:
        raise PhotoError(f"{path}: {refusal}") from refusal
    except (FileNotFoundError, NotADirectoryError):
        found = "no file of this name"
        raise photo_error(path, found, "a photograph", "check the name") from None
    except OSError as error:
        raise access_error(path, error) from error


def write_photo(path, photo, *, overwrite=False, quality=95):
    """Write a photograph in the format that the suffix of its name asks for.

    The file appears whole or not at all. Alpha, EXIF, XMP, colour profile and
    resolution are kept; what the format has no place for (a comment outside JPEG,
    text outside PNG, a resolution in WebP) is left out.

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
    refuse_existing(path, overwrite=overwrite)
    check_folder(path)
    kind = FORMAT_OF_SUFFIX[Path(path).suffix.lower()]
    # Memory holds all of the file beside the samples. It is hardly ever larger than
    # they are, which is 3 GB for 512 million pixels in colours of 16 bits.
    content = FORMATS[kind].encode(photo, quality)
    write_whole(path, content, overwrite=overwrite)
