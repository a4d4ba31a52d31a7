"""Photographs whose blur is known: what is read of it, computed side by side."""

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pydbcnn import Blur, Noise, estimate_blur
from pydbcnn._photos import find_photos, read_photo
from pydbcnn._pixels.values import luminance

from .degradations import Degradation, blurred, degradations, spoiled
from .photos import Photo
from .protocol import plane, psnr, to_8_bits
from .wiener import fitted_power_law, true_noise, wiener
from .workers import in_order

# Of a set with more photographs than this, each blur has one angle.
MANY = 20


class Reading(NamedTuple):
    """What was read of a photograph, and what it is worth.

    Parameters
    ----------
    set, file : str
    blur_name, rest_name : str
        What was done to the photograph, as `Degradation` names it.
    noise : float
        The standard deviation that was drawn for it, in levels.
    true, found : pydbcnn.Blur
    psnr : float
        In dB, of the Wiener filter that knows blur and noise.
    loss : float or None
        How much more it is, in dB, than with what was read. None of a photograph to
        which nothing was done: it cannot be restored, and any change costs it
        without bound.
    """

    set: str
    file: str
    blur_name: str
    rest_name: str
    noise: float
    true: Blur
    found: Blur
    psnr: float
    loss: float | None


@dataclass(frozen=True)
class NamingCase:
    """A photograph, and what is done to it before its blur is read."""

    photo: Photo
    degradation: Degradation

    def measure(self):
        """The `Reading`."""
        sharp = self.photo.read()
        # Angle and noise depend on nothing but the photograph and the blur.
        seed = zlib.crc32(self.photo.name.encode())
        blur = self.degradation.blur(seed)
        before = blurred(sharp, blur)
        pixels = spoiled(before, self.degradation, seed)
        found = estimate_blur([pixels])[0]
        psnr_known, psnr_found = _restored(sharp, before, pixels, blur, found)
        is_perfect = np.array_equal(pixels, sharp)
        return Reading(
            self.photo.set,
            self.photo.name,
            self.degradation.blur_name,
            self.degradation.rest_name,
            self.degradation.noise,
            blur,
            found,
            psnr_known,
            None if is_perfect else psnr_known - psnr_found,
        )


def _restored(sharp, before, pixels, blur, found):
    """PSNR of the filter that knows blur and noise, and of the one that was told."""
    law = fitted_power_law(255 * plane(sharp))
    levels = 255 * plane(pixels)
    without_noise = luminance(before) if before.ndim == 3 else before
    known = blur.kernel(), true_noise(levels, without_noise)
    told = found.kernel(), found.noise or Noise.white(0, rounded=True)
    return [
        psnr(sharp, to_8_bits(wiener(levels, kernel, noise, law)))
        for kernel, noise in (known, told)
    ]


def naming_cases(sets):
    """All cases.

    Parameters
    ----------
    sets : dict of list of Photo

    Returns
    -------
    cases : list of NamingCase
    """
    return [
        NamingCase(photo, degradation)
        for photos in sets.values()
        for photo in photos
        for degradation in degradations(1 if len(photos) > MANY else 2)
    ]


def read_cases(cases, pool):
    """Readings of all cases, in their order.

    Parameters
    ----------
    cases : list of NamingCase
    pool : concurrent.futures.Executor

    Returns
    -------
    readings : list of Reading
    """
    return in_order(NamingCase.measure, cases, pool, " cases")


class FileReading(NamedTuple):
    """What was read of a photograph whose blur nobody knows."""

    folder: str
    file: str
    width: int
    height: int
    found: Blur


def find_files(folders):
    """Find the photographs of folders.

    Parameters
    ----------
    folders : list of pathlib.Path

    Returns
    -------
    paths : list of pathlib.Path

    Raises
    ------
    PhotoError
        When a folder holds none.
    """
    paths, problems = find_photos(folders)
    if problems:
        raise problems[0]
    return paths


def read_file(path):
    """Read the blur of a file.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    reading : FileReading

    Raises
    ------
    PhotoError
        When the file is no photograph.
    """
    pixels = read_photo(path).pixels
    height, width = pixels.shape[:2]
    found = estimate_blur([pixels])[0]
    return FileReading(path.parent.name, path.name, width, height, found)


def read_files(paths, pool):
    """Readings of all files, in their order.

    Parameters
    ----------
    paths : list of pathlib.Path
    pool : concurrent.futures.Executor

    Returns
    -------
    readings : list of FileReading
    """
    return in_order(read_file, paths, pool, " photographs")
