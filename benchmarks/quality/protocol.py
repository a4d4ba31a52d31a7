"""How photographs are spoiled, and how what became of them is scored."""

import numpy as np

from pydbcnn import JPEGTransformer
from pydbcnn._pixels.gaussian import gaussian_blur
from pydbcnn._pixels.values import as_pixels, luminance
from pydbcnn.metrics import peak_signal_noise_ratio, structural_similarity

SIGMAS = (0, 0.8, 1.2, 1.6, 2, 2.4, 3)
BORDER = 8
NOISE = 1  # standard deviation, of 255
QUALITY = 90  # of JPEG


def blurred(sharp, sigma, seed):
    """The input of the first protocol: blur, then rounding.

    Parameters
    ----------
    sharp : array of shape (height, width) or (height, width, 3), uint8
    sigma : float
        Standard deviation of the Gaussian in pixels; 0 changes nothing.
    seed : int
        Of no effect here: nothing is drawn.

    Returns
    -------
    input : array like `sharp`
    """
    return to_8_bits(gaussian_blur(sharp.astype(np.float32), sigma))


def blurred_noisy_jpeg(sharp, sigma, seed):
    """The input of the second protocol: blur, normal noise, rounding, JPEG.

    Parameters
    ----------
    sharp : array of shape (height, width) or (height, width, 3), uint8
    sigma : float
        Standard deviation of the Gaussian in pixels.
    seed : int
        Draws the noise.

    Returns
    -------
    input : array like `sharp`
    """
    blur = gaussian_blur(sharp.astype(np.float32), sigma)
    noise = np.random.default_rng(seed).normal(scale=NOISE, size=sharp.shape)
    return JPEGTransformer(QUALITY).transform([to_8_bits(blur + noise)])[0]


def to_8_bits(values):
    """Values from 0 to 255 as a file would hold them: rounded and clipped."""
    return as_pixels(values, np.uint8)


def plane(pixels):
    """The luminance of 8-bit pixels, as float64 from 0 to 1."""
    return (luminance(pixels) if pixels.ndim == 3 else pixels) / 255


def score(sharp, image):
    """PSNR in dB and SSIM of the luminance, without the border.

    Parameters
    ----------
    sharp, image : array of shape (height, width) or (height, width, 3), uint8
        Either may be colour or luminance.

    Returns
    -------
    psnr, ssim : float
    """
    true, pred = _scored(sharp, image)
    return peak_signal_noise_ratio(true, pred), structural_similarity(true, pred)


def psnr(sharp, image):
    """PSNR in dB alone, as `score` gives it."""
    return peak_signal_noise_ratio(*_scored(sharp, image))


def _scored(sharp, image):
    """The luminance of both without the border, each as a list of one image."""
    inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    return [[plane(pixels[inside])] for pixels in (sharp, image)]


def is_changed(input, output):
    """Whether any pixel of an output differs from the input.

    Parameters
    ----------
    input, output : array of shape (height, width) or (height, width, 3), uint8
        An output that is luminance alone is compared with the luminance of the
        input, rounded to 8 bits.
    """
    if output.ndim < input.ndim:
        input = to_8_bits(255 * plane(input))
    return not np.array_equal(input, output)
