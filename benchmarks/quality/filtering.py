"""Photographs whose blur and noise are given: what filters and models make of them."""

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from pydbcnn import Blur, Noise
from pydbcnn._blur_estimation.photo_power import sharp_power
from pydbcnn._network.blur_aware import BlurAwareNetwork
from pydbcnn._network.filter_alone import filter_alone
from pydbcnn._network.inverse_filter import (
    SharpPower,
    inverse_filter,
    squared_frequencies,
)
from pydbcnn._network.network import Network
from pydbcnn._pixels.gaussian import MAX_SIGMA, MIN_SIGMA
from pydbcnn._pixels.values import luminance
from pydbcnn._restoration.model import DeblurModel
from pydbcnn.backends import get_backend
from pydbcnn.metrics import peak_signal_noise_ratio

from .degradations import Degradation, blurred, spoiled
from .methods import INPUT, restorer
from .photos import Photo
from .protocol import plane, psnr, to_8_bits
from .wiener import fitted_power_law, true_noise, wiener
from .workers import in_order

WIENER = "Wiener, Fourier"
WIENER_SAME = "Wiener, same knowledge"
FEW = "few pixels"
FILTER = "filter alone"

_CLEAN, _NOISY_JPEG = (0, None), (1, 90)
_RESTS = {
    ("gaussian", (0.8,), None): (_CLEAN, (0, 95)),
    ("gaussian", (1.2,), None): (_CLEAN, (0, 95)),
    ("gaussian", (1.6,), None): (
        _CLEAN,
        (0, 95),
        _NOISY_JPEG,
        (2, None),
        (4, None),
    ),
    ("gaussian", (2.4,), None): (_CLEAN, _NOISY_JPEG),
    ("defocus", (1.5,), None): (_CLEAN,),
    ("defocus", (2.5,), None): (_CLEAN, _NOISY_JPEG),
    ("motion", (5,), 20): (_CLEAN, _NOISY_JPEG),
    ("gaussian", (2.5, 1), 30): (_CLEAN, _NOISY_JPEG),
}
DEGRADATIONS = [
    Degradation(kind, size, *rest, angle)
    for (kind, size, angle), rests in _RESTS.items()
    for rest in rests
]

DRP_SETS = "Set5", "McMaster"
DRP_SIGMAS = 1.6, 2.0
DRP_NOISE = 2.55  # levels
DRP_MULTIPLE = 12  # what sides are cut to
_DRP_SIDE = 25  # of the kernel


class Filtering(NamedTuple):
    """What came of a photograph.

    Parameters
    ----------
    set, file : str
    blur_name, rest_name : str
        What was done to the photograph, as `Degradation` names it.
    side : int
        Of the filter that was chosen, in pixels.
    psnr : dict of float
        In dB, by method.
    """

    set: str
    file: str
    blur_name: str
    rest_name: str
    side: int
    psnr: dict

    @property
    def loss(self):
        """By how much the filter is below Fourier's that knows the same, in dB."""
        return self.psnr[WIENER_SAME] - self.psnr[FILTER]


@dataclass(frozen=True)
class FilteringCase:
    """A photograph, what is done to it, and the models that are to undo it."""

    photo: Photo
    degradation: Degradation
    models: tuple = ()

    def measure(self):
        """The `Filtering`."""
        sharp = self.photo.read()
        # The noise depends on nothing but the photograph.
        seed = zlib.crc32(self.photo.name.encode())
        blur = self.degradation.blur(seed)
        before = blurred(sharp, blur)
        pixels = spoiled(before, self.degradation, seed)
        levels = 255 * plane(pixels)
        noise = true_noise(levels, luminance(before) if before.ndim == 3 else before)
        power = sharp_power(_with_channels(pixels), 255, [blur], noise)
        kernel = inverse_filter(blur, noise, power)
        law = fitted_power_law(255 * plane(sharp))
        outputs = {
            WIENER: wiener(levels, blur.kernel(), noise, law),
            WIENER_SAME: wiener(levels, blur.kernel(), noise, ReadPower(power)),
            FEW: filtered(levels, kernel, 255),
            FILTER: by_filter(levels, blur, noise),
        }
        images = {INPUT: pixels}
        images |= {name: to_8_bits(output) for name, output in outputs.items()}
        for name in self.models:
            images[name] = restorer(name).restore(pixels, blur=blur, noise=noise)
        return Filtering(
            self.photo.set,
            self.photo.name,
            self.degradation.blur_name,
            self.degradation.rest_name,
            len(kernel),
            {name: psnr(sharp, image) for name, image in images.items()},
        )


class ReadPower(NamedTuple):
    """The power spectrum that was read of a photograph, as `wiener` takes it."""

    sharp: SharpPower

    def power(self, shape):
        """Power at the frequencies of ``np.fft.rfft2`` of an image."""
        return self.sharp.at(squared_frequencies(shape))


def filtered(image, kernel, data_range):
    """Correlate channels with a kernel, on the engine of the package.

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, channels)
        Floats.
    kernel : array of shape (side, side)
    data_range : float
        White.

    Returns
    -------
    filtered : array like `image`, float32
        Neither clipped nor rounded; borders are mirrored (reflect-101).
    """
    batch = _with_channels(image).astype(np.float32)[np.newaxis]
    network, params = filter_alone(kernel, batch.shape[-1])
    forward = get_backend("cpu").forward
    return forward(network, params, batch, data_range=data_range).reshape(image.shape)


def by_filter(levels, blur, noise):
    """The filter of the package alone, in the Fourier domain where it takes that.

    Parameters
    ----------
    levels : array of shape (height, width)
        Luminance from 0 to 255.
    blur : Blur
    noise : Noise

    Returns
    -------
    restored : array like `levels`, float32
        Neither clipped nor rounded.
    """
    model, batch = filter_model(1), levels.astype(np.float32)[np.newaxis, ..., None]
    known = model.check(
        blur=blur, noise=noise, clipped="none", shapes=[levels.shape], dtype=batch.dtype
    )
    backend = get_backend("cpu")
    return model.restore(backend, batch, data_range=255.0, known=known)[0, ..., 0]


def filter_model(n_channels):
    """A model that is nothing but its filter."""
    network = Network(n_channels, n_channels, (1, 1), (1, 1, 1))
    weights = BlurAwareNetwork.around(network, 1, True, (MIN_SIGMA, MAX_SIGMA))
    return DeblurModel(weights, np.zeros(weights.n_params, np.float32))


def _with_channels(image):
    return image.reshape(*image.shape[:2], -1)


def told_models(models):
    """The models that can be told blur and noise, as a tuple of str."""
    return tuple(
        name for name in models if restorer(name).trained.weights.inverse_filter
    )


def filtering_cases(sets, models):
    """All cases.

    Parameters
    ----------
    sets : dict of list of Photo
    models : tuple of str

    Returns
    -------
    cases : list of FilteringCase
    """
    return [
        FilteringCase(photo, degradation, models)
        for photos in sets.values()
        for photo in photos
        for degradation in DEGRADATIONS
    ]


class DRPScore(NamedTuple):
    """PSNR in dB of a photograph in the protocol of DRP, before and after."""

    set: str
    file: str
    sigma: float
    before: float
    after: float


@dataclass(frozen=True)
class DRPCase:
    """A photograph in the protocol of DRP.

    Parameters
    ----------
    photo : Photo
    sigma : float
        Of the Gaussian, in pixels.
    """

    photo: Photo
    sigma: float

    def measure(self):
        """The `DRPScore`."""
        sharp = _cut(self.photo.read())
        image = drp_input(sharp, self.sigma)
        images = image, drp_filtered(image, self.sigma)
        scores = [_rgb_psnr(sharp, to_8_bits(255 * image)) for image in images]
        return DRPScore(self.photo.set, self.photo.name, self.sigma, *scores)


def _cut(pixels):
    height, width = (side - side % DRP_MULTIPLE for side in pixels.shape[:2])
    return pixels[:height, :width]


def drp_input(sharp, sigma):
    """What DRP restores: a blur that goes around, cut off to 8 bits, and noise.

    Parameters
    ----------
    sharp : array of shape (height, width, 3), uint8
    sigma : float

    Returns
    -------
    input : array like `sharp`, float64
        From 0 to 1, neither clipped nor rounded after the noise.
    """
    # Of integers, SciPy gives integers, and cuts off what lies behind the point.
    blurred = ndimage.convolve(sharp, _gaussian(sigma)[..., np.newaxis], mode="wrap")
    # The published figures are of NumPy's older generator.
    noise = np.random.RandomState(0).normal(0, DRP_NOISE / 255, sharp.shape)
    return blurred / 255 + noise


def _gaussian(sigma):
    line = np.exp(-((np.arange(_DRP_SIDE) - _DRP_SIDE // 2) ** 2) / (2 * sigma**2))
    return np.outer(line, line) / line.sum() ** 2


def drp_filtered(image, sigma):
    """The filter alone, on an image that goes around.

    Parameters
    ----------
    image : array of shape (height, width, 3), float64
        From 0 to 1.
    sigma : float

    Returns
    -------
    filtered : array like `image`, float32
    """
    blur, noise = Blur.gaussian(sigma), Noise.white(DRP_NOISE)
    kernel = inverse_filter(blur, noise, sharp_power(image, 1.0, [blur], noise))
    margin = len(kernel) // 2
    around = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="wrap")
    height, width = image.shape[:2]
    return filtered(around, kernel, 1.0)[
        margin : margin + height, margin : margin + width
    ]


def _rgb_psnr(sharp, image):
    return peak_signal_noise_ratio([sharp / 255], [image / 255])


def drp_cases(sets):
    """The cases of DRP, of those sets and photographs that it can have.

    Parameters
    ----------
    sets : dict of list of Photo

    Returns
    -------
    cases : list of DRPCase
    """
    return [
        DRPCase(photo, sigma)
        for name in DRP_SETS
        for photo in sets.get(name, [])
        for sigma in DRP_SIGMAS
    ]


def measure_cases(cases, pool):
    """What came of all cases, in their order.

    Parameters
    ----------
    cases : list of FilteringCase or of DRPCase
    pool : concurrent.futures.Executor

    Returns
    -------
    measured : list of Filtering or of DRPScore
    """
    return in_order(_measured, cases, pool, " cases")


def _measured(case):
    return case.measure()
