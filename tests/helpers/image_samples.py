"""Images, and what several test files do with them."""

import numpy as np

from pydbcnn import GaussianBlurTransformer
from pydbcnn.datasets import load_sample_images


def detail(height=64, width=72):
    """Part of a photograph, RGB, uint8."""
    return load_sample_images()[0][200 : 200 + height, 100 : 100 + width]


def blur(image, sigma):
    """One image with a Gaussian blur."""
    return GaussianBlurTransformer(sigma).transform(image[np.newaxis])[0]


def as_type(levels, dtype):
    """8-bit levels in another type, and the white of it."""
    if dtype == "uint8":
        return levels, 255
    if dtype == "uint16":
        return levels.astype(dtype) * np.uint16(257), 65535
    return (levels / 255).astype(dtype), 1.0
