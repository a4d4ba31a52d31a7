"""The sets of sharp photographs that a folder holds."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pydbcnn._photos import find_photos, read_photo

SMALLEST = 27  # pixels of a side: SSIM's window of 11 inside a border of 8


class Photo(NamedTuple):
    """A photograph of a set."""

    set: str
    path: Path

    @property
    def name(self):
        """Such as "Set5/bird.png"."""
        return f"{self.set}/{self.path.name}"

    def read(self):
        """Pixels of shape (height, width) or (height, width, 3), uint8.

        Raises
        ------
        PhotoError
            When the file is no photograph.
        ValueError
            When it is too small to be measured.
        """
        pixels = read_photo(self.path).pixels
        if min(pixels.shape[:2]) < SMALLEST:
            raise ValueError(
                f"{self.name} is {pixels.shape[0]} x {pixels.shape[1]} pixels, "
                f"expected at least {SMALLEST} on each side: leave it out."
            )
        return (pixels // 257).astype(np.uint8) if pixels.dtype == np.uint16 else pixels


def find_sets(folder, wanted=None):
    """Find the sets of a folder: its subfolders that hold photographs.

    Parameters
    ----------
    folder : path-like
    wanted : list of str, optional
        Names of the sets to keep; None keeps all.

    Returns
    -------
    sets : dict of list of Photo
        By name, the smallest set first.

    Raises
    ------
    ValueError
        When there are no sets, or not those that are wanted.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}: pass one that holds the sets.")
    below = [path for path in folder.iterdir() if path.is_dir()]
    found = {path.name: find_photos(path)[0] for path in below}
    sets = {
        name: [Photo(name, path) for path in paths]
        for name, paths in sorted(found.items(), key=lambda item: (len(item[1]), item))
        if paths
    }
    if not sets:
        raise ValueError(
            f"No subfolder of {folder} holds photographs: each set is a subfolder, "
            f"such as {folder / 'Set5'}."
        )
    unknown = [name for name in wanted or [] if name not in sets]
    if unknown:
        raise ValueError(
            f"There is no set {unknown[0]!r} in {folder}: expected some of "
            f"{', '.join(sets)}."
        )
    return {name: sets[name] for name in sets if wanted is None or name in wanted}
