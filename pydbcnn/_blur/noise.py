"""Noise: how strong the noise of a photograph is at each frequency."""

from numbers import Integral

import numpy as np

from .value import Value, check_number
from .words import number_in_words

SPECTRUM_SHAPE = 16, 9
_MAX_STD = 255
ROUNDING = 1 / 12  # variance of what rounding to whole levels adds


class Noise(Value):
    """The noise of a photograph, as a number and as a spectrum.

    A value: it never changes, and it is equal to another that holds the same.

    Parameters
    ----------
    std : float
        Standard deviation of the noise of one channel in levels, 0 to 255; that of
        rounding to 8 bits is not counted.
    spectrum : array-like of shape (16, 9)
        Power of the noise of the luminance in squared levels, 0 or more, at the
        frequencies ``np.fft.fftfreq(16)`` down and ``np.fft.rfftfreq(16)`` across. Of
        white noise of a standard deviation s, all of it is s². What rounding adds is
        counted.

    Attributes
    ----------
    std : float
        In levels.
    spectrum : ndarray of shape (16, 9)
        In squared levels; a copy of its own for each time that it is asked for.

    See Also
    --------
    Blur : What is known about the blur of a photograph.

    Notes
    -----
    Levels are pixel values of 8 bits: noise of 1 level is 1/255 of the data range. The
    noise of photographs is seldom white: demosaicing and JPEG weaken high frequencies,
    sharpening strengthens them.

    Examples
    --------
    >>> from pydbcnn import Noise
    >>> noise = Noise.white(1.2)
    >>> print(noise)
    noise 1.2 levels
    >>> noise.power((480, 640)).shape
    (480, 321)
    """

    __module__ = "pydbcnn"

    def __init__(self, std, spectrum):
        self._set(
            std=check_number("std", std, 0, _MAX_STD, "levels"),
            _rows=_check_spectrum(spectrum),
        )

    @classmethod
    def white(cls, std, *, rounded=False):
        """Make the noise that is equally strong at all frequencies.

        Parameters
        ----------
        std : float
            Standard deviation in levels, 0 to 255, of luminance and channels alike.
        rounded : bool, default=False
            Whether the photograph was then rounded to 8 bits, which adds 1/12 to the
            spectrum.

        Returns
        -------
        noise : Noise
            Its spectrum is std² everywhere, or std² + 1/12.

        Raises
        ------
        ValueError
            When `std` is no number from 0 to 255.
        """
        std = check_number("std", std, 0, _MAX_STD, "levels")
        power = std**2 + (ROUNDING if rounded else 0)
        return cls(std, np.full(SPECTRUM_SHAPE, power))

    @property
    def spectrum(self):
        """Power of the noise of the luminance, in squared levels.

        Returns
        -------
        spectrum : ndarray of shape (16, 9)
            At the frequencies ``np.fft.fftfreq(16)`` and ``np.fft.rfftfreq(16)``.
        """
        return np.array(self._rows)

    def power(self, shape):
        """Interpolate the spectrum to the frequencies of an image.

        Parameters
        ----------
        shape : tuple of 2 int
            Height and width of the image in pixels.

        Returns
        -------
        power : ndarray of shape (height, width // 2 + 1)
            In squared levels, at the frequencies ``np.fft.fftfreq(height)`` and
            ``np.fft.rfftfreq(width)``: linear between those of `spectrum`, which
            repeats itself beyond the highest frequency.

        Raises
        ------
        ValueError
            When `shape` is no pair of integers above 0.

        Examples
        --------
        >>> from pydbcnn import Noise
        >>> Noise.white(2.0).power((4, 4))
        array([[4., 4., 4.],
               [4., 4., 4.],
               [4., 4., 4.],
               [4., 4., 4.]])
        """
        height, width = _check_shape(shape)
        by_row = _interpolate(self.spectrum, np.fft.fftfreq(height))
        return _interpolate(by_row.T, np.fft.rfftfreq(width)).T

    def to_dict(self):
        """Write this noise as a dictionary of plain numbers and lists.

        Returns
        -------
        data : dict
            With ``std`` and ``spectrum``.
        """
        return {"std": self.std, "spectrum": [list(row) for row in self._rows]}

    @classmethod
    def from_dict(cls, data):
        """Make the noise that `to_dict` has written.

        Parameters
        ----------
        data : dict
            With ``std`` and ``spectrum``.

        Returns
        -------
        noise : Noise
            Equal to the one that was written.

        Raises
        ------
        TypeError
            When `data` are no dictionary.
        ValueError
            When keys are unknown or missing, or when a value has another type than
            expected or is out of its range.
        """
        keys = ("std", "spectrum")
        cls._check_keys(data, keys, required=keys)
        return cls(**data)

    def __repr__(self):
        for rounded in (False, True):
            if self == Noise.white(self.std, rounded=rounded):
                return f"Noise.white({self.std}{', rounded=True' if rounded else ''})"
        return f"Noise({self.std}, {self.to_dict()['spectrum']})"

    def __str__(self):
        return f"noise {number_in_words(self.std)} levels"


def _check_spectrum(spectrum):
    """Rows of a spectrum as tuples of float, or a ValueError."""
    try:
        array = np.asarray(spectrum)
    except ValueError:  # rows of different lengths
        array = np.empty(0)
    if array.shape != SPECTRUM_SHAPE or array.dtype.kind not in "fiu":
        raise ValueError(
            f"spectrum has shape {array.shape} and type {array.dtype}: expected real "
            f"numbers of shape {SPECTRUM_SHAPE}, at the frequencies np.fft.fftfreq(16) "
            "and np.fft.rfftfreq(16)."
        )
    if not np.isfinite(array).all() or array.min() < 0:
        raise ValueError(
            f"spectrum runs from {array.min()} to {array.max()}: expected finite "
            "powers of at least 0, in squared levels."
        )
    return tuple(tuple(row) for row in array.astype(float).tolist())


def _check_shape(shape):
    sides = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    if len(sides) != 2 or not all(
        isinstance(side, Integral) and not isinstance(side, bool) and side > 0
        for side in sides
    ):
        raise ValueError(
            f"shape={shape!r}: expected height and width, two integers above 0, such "
            "as image.shape[:2]."
        )
    return sides


def _interpolate(spectrum, frequency):
    """Rows of a spectrum, at multiples of 1/16, at other frequencies along its axis.

    Beyond its last row comes the first again; a half of the frequencies, up to 1/2,
    needs none.
    """
    place = frequency * 16
    before = np.floor(place).astype(int)
    share = (place - before)[:, np.newaxis]
    after = np.where(share[:, 0] > 0, before + 1, before)
    n_rows = len(spectrum)
    return (1 - share) * spectrum[before % n_rows] + share * spectrum[after % n_rows]
