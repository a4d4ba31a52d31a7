"""What is done to photographs whose blur is to be named: a blur, noise and JPEG.

A blur is called "Gaussian 1.6", "Gaussian 2.5 x 1 at 30", "disk 2.5" or "motion 5 at
20", in pixels and degrees; without the angle where each photograph gets its own. What
follows it is called "n2", normal noise of 2 levels, and "q90", JPEG of that quality.
"""

import zlib
from typing import NamedTuple

import numpy as np

from pydbcnn import Blur, JPEGTransformer
from pydbcnn._degradations.blur_base import filter_image

from .protocol import to_8_bits

GAUSSIANS = 0.8, 1, 1.2, 1.6, 2, 2.4, 3
DISKS = 1.5, 2, 2.5, 3, 4
# Two sigmas each, whose ratio is 2 or more.
ELLIPSES = (2, 1), (3, 1.2)
MOTIONS = 4, 5, 6, 8
CLEAN, NOISY_JPEG, NOISY = (0, None), (1, 90), (2, None)
MORE = {0.8: ((0, 95),), 1.2: ((0, 95),), 1.6: ((0, 95), (4, None))}
WHITE_NOISE = 0.5, 1, 2, 4, 8
BLUR_UNDER_NOISE = 1.6
UNDER_NOISE = "sharp", f"Gaussian {BLUR_UNDER_NOISE:g}"  # what gets all of these
SHARP = CLEAN, NOISY_JPEG, (0, 95), (0, 90), (0, 75)
FULL_COLOUR_QUALITY = 95  # from which on cameras keep all of the colour


class Degradation(NamedTuple):
    """A blur, and what happens to the photograph after it.

    Parameters
    ----------
    kind : {"none", "gaussian", "defocus", "motion"}
    size : tuple of float
        What the class method of `pydbcnn.Blur` of that name takes, but for the angle.
    noise : float
        Standard deviation in levels, 0 for none.
    quality : int or None
        Of JPEG; None for none.
    angle : float or None
        In degrees; None draws one, where the blur has a direction.
    draw : int
        Which of the angles that are drawn it is.
    """

    kind: str = "none"
    size: tuple = ()
    noise: float = 0
    quality: int | None = None
    angle: float | None = None
    draw: int = 0

    @property
    def blur_name(self):
        """Such as "motion 5"."""
        if self.kind == "none":
            return "sharp"
        word = {"gaussian": "Gaussian", "defocus": "disk"}.get(self.kind, self.kind)
        size = " x ".join(f"{number:g}" for number in self.size)
        return f"{word} {size}" + ("" if self.angle is None else f" at {self.angle:g}")

    @property
    def rest_name(self):
        """What happens after the blur, such as "n1, q90"."""
        parts = [f"n{self.noise:g}"] if self.noise else []
        parts += [f"q{self.quality}"] if self.quality else []
        return ", ".join(parts) or "clean"

    @property
    def has_direction(self):
        """Whether the blur has an angle."""
        return self.kind == "motion" or len(self.size) == 2

    def blur(self, seed):
        """The blur, as a `pydbcnn.Blur`.

        Parameters
        ----------
        seed : int
            Draws the angle, which is another for each blur and each draw.
        """
        make = getattr(Blur, self.kind)
        if not self.has_direction:
            return make(*self.size)
        if self.angle is not None:
            return make(*self.size, angle=self.angle)
        seeds = [seed, zlib.crc32(self.blur_name.encode()), self.draw]
        return make(*self.size, angle=np.random.default_rng(seeds).uniform(0, 180))


def blurred(sharp, blur):
    """Pixels with a blur, not yet rounded; borders are mirrored (reflect-101).

    Parameters
    ----------
    sharp : array of shape (height, width) or (height, width, 3), uint8
    blur : pydbcnn.Blur
        One of those that do not change when they are turned by 180 degrees.

    Returns
    -------
    blurred : array like `sharp`, float64
    """
    return filter_image(sharp.astype(float), blur.kernel(), "reflect101")


def spoiled(blurred, degradation, seed):
    """The input: rounded, with noise and rounded again, and from a JPEG.

    Parameters
    ----------
    blurred : array of shape (height, width) or (height, width, 3), float64
        From 0 to 255.
    degradation : Degradation
    seed : int
        Draws the noise.

    Returns
    -------
    input : array like `blurred`, uint8
    """
    pixels = to_8_bits(blurred)
    if degradation.noise:
        random = np.random.default_rng(seed)
        noise = random.normal(scale=degradation.noise, size=pixels.shape)
        pixels = to_8_bits(pixels + noise)
    if degradation.quality:
        full = degradation.quality >= FULL_COLOUR_QUALITY
        subsampling = "4:4:4" if full else "4:2:0"
        jpeg = JPEGTransformer(degradation.quality, chroma_subsampling=subsampling)
        pixels = jpeg.transform([pixels])[0]
    return pixels


def degradations(n_draws):
    """All that a photograph goes through, each once.

    Parameters
    ----------
    n_draws : int
        Angles for each blur with a direction. With 1, a motion of 5 pixels has the
        angle that is fixed, and no other.

    Returns
    -------
    degradations : list of Degradation
    """
    found = [
        Degradation(*blur[:2], *rest, *blur[2:])
        for blur in _blurs(n_draws)
        for rest in (CLEAN, NOISY_JPEG, NOISY)
    ]
    found += [
        Degradation("gaussian", (sigma,), *rest)
        for sigma, rests in MORE.items()
        for rest in rests
    ]
    found += [Degradation("none", (), *rest) for rest in SHARP]
    found += [
        Degradation(*blur, noise)
        for blur in (("none", ()), ("gaussian", (BLUR_UNDER_NOISE,)))
        for noise in WHITE_NOISE
    ]
    return list(dict.fromkeys(found))


def _blurs(n_draws):
    """Kind and size of each blur; of those with a direction angle and draw as well."""
    motions = [("motion", (length,)) for length in MOTIONS]
    ellipses = [("gaussian", sigmas) for sigmas in ELLIPSES]
    fixed = [("motion", (5,), 20), ("gaussian", (2.5, 1), 30)]
    drawn = [
        (*blur, None, draw)
        for blur in motions + ellipses
        for draw in range(n_draws)
        if n_draws > 1 or blur != fixed[0][:2]
    ]
    return [
        *(("gaussian", (sigma,)) for sigma in GAUSSIANS),
        *(("defocus", (radius,)) for radius in DISKS),
        *fixed,
        *drawn,
    ]
