"""Sharp photographs to train with, without those that are kept for measuring."""

import numpy as np

from pydbcnn._photos import find_photos, read_photo
from pydbcnn._pixels.opencv import import_cv2

_SIDE = 16  # pixels of the small copies that are compared
_MOST_APART = 2.0  # levels in the mean between two copies of the same photograph


def sharp_photographs(folder, smallest, *, limit=None, without=None):
    """All photographs of a folder and below, as 8-bit RGB.

    Parameters
    ----------
    folder : path-like
    smallest : int
        Pixels of a side.
    limit : int, default=None
        Of files that are read, for a trial.
    without : path-like, default=None
        A folder of photographs that are left out, whatever their files are called.

    Returns
    -------
    photos : list of array of shape (height, width, 3), uint8

    Raises
    ------
    SystemExit
        When there are none.
    """
    photos = [
        photo for photo in _read(folder, limit) if min(photo.shape[:2]) >= smallest
    ]
    if without is not None:
        found = len(photos)
        left_out = np.array([_small(photo) for photo in _read(without)])
        if not len(left_out):
            raise SystemExit(
                f"{without} holds no 8-bit colour photograph: name a folder of those "
                "to leave out."
            )
        photos = [photo for photo in photos if not _is_among(photo, left_out)]
        print(f"left out: {found - len(photos)} photographs of {without}")
    if not photos:
        raise SystemExit(
            f"{folder} holds no 8-bit colour photograph of at least {smallest} pixels "
            "a side: name a folder that does."
        )
    return photos


def _read(folder, limit=None):
    paths, problems = find_photos(folder, recursive=True)
    if problems:
        raise problems[0]
    photos = [read_photo(path).pixels for path in paths[:limit]]
    return [photo for photo in photos if photo.ndim == 3 and photo.dtype == np.uint8]


def _small(photo):
    cv2 = import_cv2()
    size = (_SIDE, _SIDE)
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _is_among(photo, small_copies):
    apart = np.abs(small_copies - _small(photo)).mean(axis=(1, 2, 3))
    return bool(apart.min() <= _MOST_APART)
