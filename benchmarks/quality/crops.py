"""Parts of photographs beside each other, pixel by pixel.

The photographs are those that come with scikit-learn: those of the sets are not ours to
show.
"""

from typing import NamedTuple

import numpy as np

from pydbcnn._commands.pictures import side_by_side
from pydbcnn.datasets import load_sample_images
from pydbcnn.metrics import peak_signal_noise_ratio

from . import methods
from .protocol import blurred, plane, to_8_bits

SIDE = 150  # six of them are as wide as a page of the documentation
MODEL = "mild"


class Crop(NamedTuple):
    """Which photograph, how blurred, and where its upper left corner lies."""

    photo: int
    sigma: float
    top: int
    left: int


CROPS = (Crop(0, 1.2, 130, 180), Crop(1, 1.6, 120, 240), Crop(0, 2.0, 250, 60))


def picture(crops=CROPS):
    """Rows of crops: blurred, four ways to restore, sharp.

    Returns
    -------
    picture : PIL.Image.Image
    """
    from PIL import Image

    sharp = load_sample_images()
    rows = [_row(sharp[crop.photo], crop) for crop in crops]
    whole = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
    top = 0
    for row in rows:
        whole.paste(row, (0, top))
        top += row.height
    return whole


def _row(sharp, crop):
    panels = versions(sharp, crop.sigma)
    inside = np.s_[crop.top : crop.top + SIDE, crop.left : crop.left + SIDE]
    return side_by_side([image[inside] for image in panels.values()], list(panels))


def versions(sharp, sigma):
    """A photograph as the methods leave it, by label.

    Parameters
    ----------
    sharp : array of shape (height, width, 3), uint8
    sigma : float

    Returns
    -------
    versions : dict of array of shape (height, width, 3), uint8
    """
    pixels = blurred(sharp, sigma, seed=0)

    def best(run):
        outputs = run(pixels, sigma).values()
        image = max(outputs, key=lambda output: _psnr(sharp, output))
        return image if image.ndim == 3 else with_luminance(pixels, image)

    return {
        f"blurred,\nsigma {sigma:g}": pixels,
        "unsharp\nmask": best(methods.unsharp_masks),
        "Polyblur\n": best(methods.polyblurs),
        "Wiener,\ntrue kernel": best(methods.wieners),
        f"pydbcnn,\n{MODEL}": methods.restored(MODEL, pixels, sigma)[None],
        "sharp\n": sharp,
    }


def _psnr(sharp, image):
    return peak_signal_noise_ratio([plane(sharp)], [plane(image)])


def with_luminance(pixels, luminance):
    """Colours whose luminance is replaced.

    Parameters
    ----------
    pixels : array of shape (height, width, 3), uint8
    luminance : array of shape (height, width), uint8
    """
    detail = luminance - 255 * plane(pixels)
    return to_8_bits(pixels + detail[..., np.newaxis])
