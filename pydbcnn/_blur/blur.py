"""Blur: what is known or estimated about a blur, of whatever kind it is."""

import math

import numpy as np

from .._pixels.gaussian import gaussian_weights, kernel_size_for
from .kernels import (
    centroid,
    disk_kernel,
    elliptic_gaussian_kernel,
    line_kernel,
    second_moments,
)
from .noise import Noise
from .parameters import ALL_PARAMETERS, PARAMETERS, checked_parameters, half_turn
from .value import Value, check_number
from .words import blur_in_words

_STRENGTHS = {"gaussian": "sigma_major", "defocus": "radius", "motion": "length"}
# Second moments that differ by less, as a share of their sum, show no direction.
_ROUND = 1e-6


class Blur(Value):
    """What is known or estimated about a blur: its kind, its strength, its direction.

    A value: it never changes, and it is equal to another that holds the same. The
    class methods make one of each kind and are easier to read than the constructor,
    which takes what `to_dict` gives.

    Parameters
    ----------
    kind : {"none", "gaussian", "defocus", "motion", "kernel", "unknown"}
        "unknown" means that nothing can be told, as of an image without any detail.
    sigma_major, sigma_minor : float, default=None
        Standard deviations in pixels of a Gaussian, along its direction and across it.
    angle : float, default=None
        Direction of a motion or of a Gaussian that is not round, in degrees from -360
        to 360, counter-clockwise as the image is seen: 0 is along the rows, 90 along
        the columns.
    radius : float, default=None
        Of the disk of a lens out of focus, in pixels, 0 to 500.
    length : float, default=None
        Of a motion along a straight line, in pixels, 0 to 1000.
    weights : array-like of shape (height, width), default=None
        Any other kernel.
    confidence : float, default=None
        How sure an estimate is, 0 to 1. None means that this is not known.
    noise : Noise, default=None
        The noise of the photograph. None means that it is not known.

    Attributes
    ----------
    kind : str
        One of the six.
    sigma_major, sigma_minor, radius, length : float or None
        In pixels; None where the kind has none.
    angle : float or None
        In degrees, at least 0 and below 180; None where the kind has none, and for a
        Gaussian that is round.
    weights : tuple of tuple of float, or None
        The rows of the kernel that was given, None but for the kind "kernel".
    strength : float
        How strong the blur is among those of its kind, in pixels: the larger sigma of
        a Gaussian, the radius of a disk, the length of a motion, and of other kernels
        `sigma`. 0 for the kinds "none" and "unknown".
    direction : float or None
        Where the blur is the strongest, in degrees, at least 0 and below 180: the
        angle, or that of the second moments of another kernel. None for what is round.
    sigma : float
        The sigma in pixels of the round Gaussian that is as wide as this blur: the root
        of the mean of the variances along two axes. 0 for "none" and "unknown".
    covariance : ndarray of shape (2, 2)
        Second moments of the kernel about its centroid, in squared pixels, of x to the
        right and y down.
    offset : tuple of 2 float
        How far down and across the centroid of the kernel lies beside its centre, in
        pixels; 0 but for a kernel that was given.
    confidence : float or None
        How sure the estimate is, 0 to 1.
    noise : Noise or None
        The noise of the photograph.

    Raises
    ------
    TypeError
        When `noise` is no `Noise`.
    ValueError
        When there is no such kind, when a parameter is missing or belongs to another
        kind, or when it is no number or out of its range.

    See Also
    --------
    estimate_blur : Estimates one for each image.
    Noise : The noise of a photograph.

    Notes
    -----
    Blurs of different kinds are compared by `sigma`: of a disk, about half the radius,
    and of a motion, whose variance is shared by both axes, a fifth of the length. Of
    Gaussians it is exact; of other kinds it is that of the kernel as it is sampled.

    Printed, a blur says in words what it is; the sides of a kernel are then width x
    height. `to_dict` and `from_dict` go by way of plain values, ``to_json`` and
    ``from_json`` by way of text.

    Examples
    --------
    >>> from pydbcnn import Blur, Noise
    >>> blur = Blur.motion(5.1, angle=21, noise=Noise.white(1.2))
    >>> print(blur)
    motion of 5.1 pixels at 21 degrees, noise 1.2 levels
    >>> blur.kind, blur.strength, blur.direction
    ('motion', 5.1, 21.0)
    >>> Blur.from_json(blur.to_json()) == blur
    True
    >>> Blur.gaussian(1.6).kernel().shape
    (15, 15)
    >>> print(Blur.defocus(2.5))
    out of focus by a radius of 2.5 pixels
    >>> round(Blur.defocus(2.5).sigma, 2)
    1.27
    """

    __module__ = "pydbcnn"

    def __init__(
        self,
        kind,
        *,
        sigma_major=None,
        sigma_minor=None,
        angle=None,
        radius=None,
        length=None,
        weights=None,
        confidence=None,
        noise=None,
    ):
        parameters = checked_parameters(
            kind,
            sigma_major=sigma_major,
            sigma_minor=sigma_minor,
            angle=angle,
            radius=radius,
            length=length,
            weights=weights,
        )
        if confidence is not None:
            confidence = check_number("confidence", confidence, 0, 1, "")
        if noise is not None and not isinstance(noise, Noise):
            raise TypeError(
                f"noise={noise!r}: expected a Noise, such as Noise.white(1.2), or None."
            )
        self._set(kind=kind, **parameters, confidence=confidence, noise=noise)

    @classmethod
    def none(cls, *, confidence=None, noise=None):
        """Make the blur of an image that is sharp.

        Parameters
        ----------
        confidence : float, default=None
            How sure an estimate is, 0 to 1.
        noise : Noise, default=None
            The noise of the photograph, where it is known.

        Returns
        -------
        blur : Blur
            Of the kind "none".
        """
        return cls("none", confidence=confidence, noise=noise)

    @classmethod
    def unknown(cls, *, confidence=None, noise=None):
        """Make the blur of which nothing can be told.

        Parameters
        ----------
        confidence : float, default=None
            How sure an estimate is, 0 to 1.
        noise : Noise, default=None
            The noise of the photograph, where it is known.

        Returns
        -------
        blur : Blur
            Of the kind "unknown": of an image that is flat, too small, or all noise.
        """
        return cls("unknown", confidence=confidence, noise=noise)

    @classmethod
    def gaussian(
        cls, sigma, sigma_minor=None, angle=0.0, *, confidence=None, noise=None
    ):
        """Make a Gaussian blur, round or with a direction.

        Parameters
        ----------
        sigma : float
            Standard deviation in pixels, above 0 and up to 100; with `sigma_minor`, in
            the direction of `angle`, and at least 0.3.
        sigma_minor : float, default=None
            Standard deviation in pixels across that direction, from 0.3 to `sigma`.
            None means `sigma`: a round Gaussian.
        angle : float, default=0.0
            In degrees, -360 to 360, counter-clockwise as the image is seen. A Gaussian
            that is round has none.
        confidence : float, default=None
            How sure an estimate is, 0 to 1.
        noise : Noise, default=None
            The noise of the photograph, where it is known.

        Returns
        -------
        blur : Blur
            Of the kind "gaussian".

        Raises
        ------
        ValueError
            When a number is out of its range, or `sigma_minor` above `sigma`.
        """
        return cls(
            "gaussian",
            sigma_major=sigma,
            sigma_minor=sigma if sigma_minor is None else sigma_minor,
            angle=angle,
            confidence=confidence,
            noise=noise,
        )

    @classmethod
    def defocus(cls, radius, *, confidence=None, noise=None):
        """Make the blur of a lens that is out of focus: an even disk.

        Parameters
        ----------
        radius : float
            In pixels, 0 to 500. Up to 0.5 the disk lies within one pixel.
        confidence : float, default=None
            How sure an estimate is, 0 to 1.
        noise : Noise, default=None
            The noise of the photograph, where it is known.

        Returns
        -------
        blur : Blur
            Of the kind "defocus".

        Raises
        ------
        ValueError
            When a number is out of its range.
        """
        return cls("defocus", radius=radius, confidence=confidence, noise=noise)

    @classmethod
    def motion(cls, length, angle=0.0, *, confidence=None, noise=None):
        """Make the blur of an even motion along a straight line.

        Parameters
        ----------
        length : float
            In pixels, 0 to 1000.
        angle : float, default=0.0
            In degrees, -360 to 360, counter-clockwise as the image is seen.
        confidence : float, default=None
            How sure an estimate is, 0 to 1.
        noise : Noise, default=None
            The noise of the photograph, where it is known.

        Returns
        -------
        blur : Blur
            Of the kind "motion".

        Raises
        ------
        ValueError
            When a number is out of its range.
        """
        return cls(
            "motion", length=length, angle=angle, confidence=confidence, noise=noise
        )

    @classmethod
    def from_kernel(cls, kernel, *, confidence=None, noise=None):
        """Make a blur with any kernel.

        Parameters
        ----------
        kernel : array-like of shape (height, width)
            Odd sides of at most 41 pixels, values of at least 0 that add up to 1.
        confidence : float, default=None
            How sure an estimate is, 0 to 1.
        noise : Noise, default=None
            The noise of the photograph, where it is known.

        Returns
        -------
        blur : Blur
            Of the kind "kernel".

        Raises
        ------
        ValueError
            When this is no kernel: the message says why, and what to do.
        """
        return cls("kernel", weights=kernel, confidence=confidence, noise=noise)

    def kernel(self):
        """Return the kernel of this blur.

        Returns
        -------
        kernel : ndarray of shape (height, width)
            Of odd sides, with a sum of 1; [[1]] for the kinds "none" and "unknown". A
            Gaussian reaches 4 sigma on every side and is sampled at the centres of
            pixels, as OpenCV does it. It is to be convolved with: only a kernel that
            was given may change when it is turned by 180 degrees.
        """
        if self.kind == "gaussian":
            if self.angle is not None:
                return elliptic_gaussian_kernel(
                    self.sigma_major, self.sigma_minor, self.angle
                )
            half = kernel_size_for(self.sigma_major) // 2
            weights = gaussian_weights(self.sigma_major, half)
            return np.outer(weights, weights)
        if self.kind == "defocus":
            return disk_kernel(self.radius)
        if self.kind == "motion":
            return line_kernel(self.length, self.angle)
        if self.kind == "kernel":
            kernel = np.array(self.weights)
            return kernel / kernel.sum()
        return np.ones((1, 1))

    @property
    def offset(self):
        """How far the kernel lies beside its centre.

        Returns
        -------
        down, across : float
            Of the centroid, in pixels. 0 but for a kernel that was given: an image that
            is blurred with one moves by as much.
        """
        if self.kind != "kernel":
            return 0.0, 0.0
        return centroid(self.kernel())

    def centred(self):
        """Make the same blur with a kernel that lies about its centre.

        Returns
        -------
        blur : Blur
            This one, if its centroid is within half a pixel of the centre along both
            axes. Otherwise its kernel is moved by whole pixels, and its sides become
            those that then hold all weights above 0: an image from which it is removed
            stays where it is.

        Raises
        ------
        ValueError
            When the kernel would need sides of more than 41 pixels.

        Examples
        --------
        >>> from pydbcnn import Blur
        >>> blur = Blur.from_kernel([[0.0, 0.0, 0.0, 0.25, 0.75]])
        >>> blur.offset
        (0.0, 1.75)
        >>> blur.centred().weights
        ((0.25, 0.75, 0.0),)
        """
        shift = [round(side) for side in self.offset]
        if not any(shift):
            return self
        kernel = self.kernel()
        for axis, by in enumerate(shift):
            places = np.flatnonzero(kernel.any(axis=1 - axis))
            middle = kernel.shape[axis] // 2 + by
            half = int(np.abs(places - middle).max())
            wide = np.pad(
                kernel, [(half, half) if a == axis else (0, 0) for a in (0, 1)]
            )
            kernel = np.take(wide, range(middle, middle + 2 * half + 1), axis)
        return Blur.from_kernel(kernel, confidence=self.confidence, noise=self.noise)

    def alone(self):
        """Make the same blur without confidence and noise.

        Returns
        -------
        blur : Blur
            Equal to all others with the same kernel, whatever else is known of them.
        """
        if self.confidence is None and self.noise is None:
            return self
        names = PARAMETERS[self.kind]
        return Blur(self.kind, **{name: getattr(self, name) for name in names})

    @property
    def strength(self):
        """The number that says how strong this blur is among those of its kind.

        Returns
        -------
        strength : float
            In pixels: the sigma of a Gaussian, the larger one of two, the radius of a
            disk, the length of a motion, and `sigma` of other kernels. 0 for the kinds
            "none" and "unknown".
        """
        return getattr(self, _STRENGTHS.get(self.kind, "sigma"))

    @property
    def direction(self):
        """The direction in which this blur is the strongest.

        Returns
        -------
        direction : float or None
            In degrees, at least 0 and below 180, counter-clockwise as the image is
            seen: the angle of a motion or a Gaussian, and of other kernels that of
            their second moments. None for blurs that are round.
        """
        if self.kind != "kernel":
            return self.angle
        (xx, xy), (_, yy) = self.covariance
        if math.hypot(xx - yy, 2 * xy) <= _ROUND * (xx + yy):
            return None
        # Angles count upwards, and y downwards.
        angle = math.degrees(math.atan2(-2 * xy, xx - yy)) / 2
        return half_turn(round(angle, 9))

    @property
    def covariance(self):
        """Second moments of the kernel about its centroid.

        Returns
        -------
        covariance : ndarray of shape (2, 2)
            In squared pixels, of x to the right and y down. Of a Gaussian, those of
            its sigmas; otherwise those of `kernel`. All 0 for the kinds "none" and
            "unknown".
        """
        if self.kind != "gaussian":
            return second_moments(self.kernel())
        angle = math.radians(self.angle or 0.0)
        axes = np.array(
            [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        )
        return axes @ np.diag([self.sigma_major**2, self.sigma_minor**2]) @ axes.T

    @property
    def sigma(self):
        """The sigma of a round Gaussian that is as wide as this blur.

        Returns
        -------
        sigma : float
            In pixels: the root of the mean of the variances along two axes. 0 for the
            kinds "none" and "unknown".
        """
        if self.kind != "gaussian":
            return math.sqrt(np.trace(self.covariance) / 2)
        if self.sigma_major == self.sigma_minor:
            return self.sigma_major
        return math.hypot(self.sigma_major, self.sigma_minor) / math.sqrt(2)

    def to_dict(self):
        """Write this blur as a dictionary of plain values.

        Returns
        -------
        data : dict
            With ``kind``, with what describes a blur of this kind, and with
            ``confidence`` and ``noise``, which may be None.
        """
        data = {"kind": self.kind}
        data |= {name: getattr(self, name) for name in PARAMETERS[self.kind]}
        if self.weights is not None:
            data["weights"] = [list(row) for row in self.weights]
        data["confidence"] = self.confidence
        data["noise"] = None if self.noise is None else self.noise.to_dict()
        return data

    @classmethod
    def from_dict(cls, data):
        """Make the blur that `to_dict` has written.

        Parameters
        ----------
        data : dict
            With ``kind`` and with what describes a blur of this kind.

        Returns
        -------
        blur : Blur
            Equal to the one that was written.

        Raises
        ------
        TypeError
            When `data` are no dictionary.
        ValueError
            When keys are unknown or missing, or when a value has another type than
            expected or is out of its range.
        """
        keys = ("kind", *ALL_PARAMETERS, "confidence", "noise")
        cls._check_keys(data, keys, required=("kind",))
        noise = data.get("noise")
        if noise is not None:
            noise = Noise.from_dict(noise)
        return cls(**{**data, "noise": noise})

    def __repr__(self):
        words = [str(argument) for argument in self._arguments()]
        for name in ("confidence", "noise"):
            if getattr(self, name) is not None:
                words.append(f"{name}={getattr(self, name)!r}")
        maker = "from_kernel" if self.kind == "kernel" else self.kind
        return f"Blur.{maker}({', '.join(words)})"

    def _arguments(self):
        """What the class method of the kind takes to make this blur."""
        if self.kind == "gaussian" and self.angle is None:
            return [self.sigma_major]
        if self.kind == "kernel":
            return [[list(row) for row in self.weights]]
        return [getattr(self, name) for name in PARAMETERS[self.kind]]

    def __str__(self):
        words = blur_in_words(self)
        return words if self.noise is None else f"{words}, {self.noise}"
