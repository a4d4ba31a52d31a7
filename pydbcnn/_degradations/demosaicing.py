"""From the mosaic of a sensor to colours: demosaicing by OpenCV, and by gradients."""

import numpy as np

from .._pixels.opencv import import_cv2
from .._pixels.values import as_pixels

BAYER_ORDERS = ("rggb", "bggr", "grbg", "gbrg")
# OpenCV's variants, by the endings of its names; and one that it does not have.
_ENDINGS = {"bilinear": "", "edge-aware": "_EA", "vng": "_VNG"}
DEMOSAICING = (*_ENDINGS, "gradient-corrected")
# Even, so that mirroring keeps the order of colours; what OpenCV leaves out at borders
# and what the filters below reach beyond them.
_MARGIN = 4
_CROSS = np.array(
    [
        [0, 0, -1, 0, 0],
        [0, 0, 2, 0, 0],
        [-1, 2, 4, 2, -1],
        [0, 0, 2, 0, 0],
        [0, 0, -1, 0, 0],
    ]
)
_ALONG_ROWS = np.array(
    [
        [0, 0, 0.5, 0, 0],
        [0, -1, 0, -1, 0],
        [-1, 4, 5, 4, -1],
        [0, -1, 0, -1, 0],
        [0, 0, 0.5, 0, 0],
    ]
)
_DIAGONAL = np.array(
    [
        [0, 0, -1.5, 0, 0],
        [0, 2, 0, 2, 0],
        [-1.5, 0, 6, 0, -1.5],
        [0, 2, 0, 2, 0],
        [0, 0, -1.5, 0, 0],
    ]
)


def sample_mosaic(image, bayer_order):
    """What the pixels of a sensor see, each through a filter of one colour.

    Parameters
    ----------
    image : array of shape (height, width, 3)
        RGB.
    bayer_order : {"rggb", "bggr", "grbg", "gbrg"}
        Colours of the first two pixels of the first row, then of the second.

    Returns
    -------
    mosaic : array of shape (height, width)
        A new array.
    """
    mosaic = np.empty(image.shape[:2], image.dtype)
    for place, colour in enumerate(bayer_order):
        part = slice(place // 2, None, 2), slice(place % 2, None, 2)
        mosaic[part] = image[*part, "rgb".index(colour)]
    return mosaic


def demosaic(mosaic, bayer_order, method):
    """Colours of a mosaic.

    Parameters
    ----------
    mosaic : array of shape (height, width)
        uint8 or uint16, with sides of at least 2 pixels.
    bayer_order : {"rggb", "bggr", "grbg", "gbrg"}
    method : {"bilinear", "edge-aware", "vng", "gradient-corrected"}
        "vng" takes uint8 alone.

    Returns
    -------
    image : array of shape (height, width, 3)
        RGB, of the same type.
    """
    cv2 = import_cv2()
    margins = [_MARGIN] * 4
    padded = cv2.copyMakeBorder(mosaic, *margins, cv2.BORDER_REFLECT_101)
    if method == "gradient-corrected":
        colours = _by_gradients(padded, bayer_order)
    else:
        # These names of OpenCV begin with the first pixel; its older ones do not.
        name = f"COLOR_Bayer{bayer_order.upper()}2RGB{_ENDINGS[method]}"
        colours = cv2.cvtColor(padded, getattr(cv2, name))
    return colours[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


def _by_gradients(mosaic, bayer_order):
    """Bilinear estimates, corrected by the second derivative of the known colour."""
    cross, rows, columns, diagonal = (
        import_cv2().filter2D(mosaic.astype(np.float32), -1, kernel / 8)
        for kernel in (_CROSS, _ALONG_ROWS, _ALONG_ROWS.T, _DIAGONAL)
    )
    image = np.empty((*mosaic.shape, 3), np.float32)
    image[..., 1] = cross
    for channel, colour in ((0, "r"), (2, "b")):
        top, left = divmod(bayer_order.index(colour), 2)
        here = np.s_[top::2, left::2]
        beside, below = np.s_[top::2, 1 - left :: 2], np.s_[1 - top :: 2, left::2]
        opposite = np.s_[1 - top :: 2, 1 - left :: 2]
        image[..., channel][here] = mosaic[here]
        image[..., channel][beside] = rows[beside]
        image[..., channel][below] = columns[below]
        image[..., channel][opposite] = diagonal[opposite]
        image[..., 1][beside] = mosaic[beside]
    return as_pixels(image, mosaic.dtype)
