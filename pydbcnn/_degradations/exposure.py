"""One photograph through a simulated camera, step by step, as an exposure says."""

from dataclasses import asdict, dataclass

import numpy as np

from .._pixels.srgb import srgb_decode, srgb_encode
from .._pixels.values import as_pixels, resolve_data_range
from .blur_base import filter_image, mirrored
from .demosaicing import demosaic, sample_mosaic
from .denoising import denoise
from .jpeg import jpeg_round_trip
from .mosaic import from_sensor, to_sensor
from .noise import add_noise
from .unsharp_mask import unsharp_mask
from .white_balance import balance_white

_MIDDLE_GREY = 0.5  # as sRGB stores it


@dataclass(frozen=True)
class Exposure:
    """All that is drawn for one photograph, but for the noise itself.

    `blur` is what a blur of the package draws: its kind, its geometry and its kernel.
    A step that is left out has a gain of 1, a strength of 0, or None.
    """

    blur: dict
    red_gain: float
    blue_gain: float
    bayer_order: str | None
    demosaicing: str | None
    poisson_gain: float
    gaussian_std: float
    denoising_strength: float
    chroma_sigma: float
    sharpening: float
    sharpening_radius: float
    jpeg_quality: int | None
    chroma_subsampling: str | None

    def as_dict(self):
        """The same as a dict, by the names of the parameters."""
        return asdict(self)

    @property
    def has_light(self):
        """Whether anything happens before the tone curve."""
        return (
            self.blur["kernel"].size > 1
            or self.bayer_order is not None
            or self.poisson_gain > 0
            or self.gaussian_std > 0
        )

    @property
    def has_processing(self):
        """Whether anything happens between the tone curve and the file."""
        is_smoothed = self.denoising_strength > 0 or self.chroma_sigma > 0
        return is_smoothed or self.sharpening > 0


def stored_noise(gaussian_std, poisson_gain):
    """Standard deviation that noise in linear light has on a middle grey of sRGB."""
    light = srgb_decode(np.float64(_MIDDLE_GREY))
    slope = 1.055 / 2.4 * light ** (1 / 2.4 - 1)
    return float(slope * np.sqrt(gaussian_std**2 + poisson_gain * light))


def take_photograph(image, exposure, data_range, random_state):
    """A photograph of what a sharp image shows.

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, 1 or 3)
        Grey or RGB, in values of sRGB; uint8, uint16, float32 or float64.
    exposure : Exposure
    data_range : float or None
        The pixel value that counts as white; None means that of the type.
    random_state : RandomState instance
        Draws the noise.

    Returns
    -------
    photograph : array like `image`
        A new array. If any step changes it, it is clipped to black and white.
    """
    white = resolve_data_range(data_range, image.dtype)
    if exposure.has_light or exposure.has_processing:
        stored = image.astype(np.float32) / np.float32(white)
        if exposure.has_light:
            stored = srgb_encode(_develop(srgb_decode(stored), exposure, random_state))
        photograph = np.clip(_process(stored, exposure), 0, 1)
    elif exposure.jpeg_quality is None:
        return np.array(image)
    else:
        photograph = np.clip(image / white, 0, 1)
    if exposure.jpeg_quality is not None:
        pixels = as_pixels(photograph * 255, np.uint8)
        quality, subsampling = exposure.jpeg_quality, exposure.chroma_subsampling
        photograph = jpeg_round_trip(pixels, quality, subsampling) / 255
    return as_pixels(photograph * white, image.dtype)


def _develop(light, exposure, random_state):
    """Linear light through the lens, onto the sensor, and back to colours."""
    gains = exposure.red_gain, exposure.blue_gain
    light = filter_image(light, mirrored(exposure.blur["kernel"]), "reflect101")
    order = exposure.bayer_order
    if order is not None:
        seen = balance_white(light, *(1 / gain for gain in gains))
        light = sample_mosaic(seen, order)
    noise = exposure.gaussian_std, exposure.poisson_gain
    light = add_noise(light, *noise, 1.0, random_state)
    if order is not None:
        counts = demosaic(to_sensor(light), order, exposure.demosaicing)
        light = balance_white(from_sensor(counts, np.float32), *gains)
    return np.clip(light, 0, 1)


def _process(stored, exposure):
    """Values of sRGB, denoised and sharpened."""
    stored = denoise(stored, exposure.denoising_strength, exposure.chroma_sigma)
    return unsharp_mask(stored, exposure.sharpening_radius, exposure.sharpening)
