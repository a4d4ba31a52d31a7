"""MosaicTransformer: one colour a pixel, and the others guessed from its neighbours."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .._pixels.values import as_pixels, resolve_data_range
from .base import ImageTransformer
from .colours import check_colours, is_rgb, shapes_of
from .demosaicing import BAYER_ORDERS, DEMOSAICING, demosaic, sample_mosaic
from .ranges import check_options, draw_option

_SENSOR_WHITE = np.iinfo(np.uint16).max


def check_mosaic(shapes):
    """Raise a ValueError unless images can go through a mosaic: see `is_rgb`."""
    for height, width, n_channels in shapes:
        if n_channels == 3 and min(height, width) < 2:
            raise ValueError(
                f"X has an image of {height} x {width} pixels in RGB: a mosaic has "
                "all colours only in 2 x 2 pixels, so pass larger images."
            )


def to_sensor(image):
    """Values between 0 and 1 as the 16 bits of a sensor; others are clipped."""
    return as_pixels(image * _SENSOR_WHITE, np.uint16)


def from_sensor(counts, dtype):
    """The 16 bits of a sensor as values between 0 and 1."""
    return counts.astype(dtype) / _SENSOR_WHITE


class MosaicTransformer(ImageTransformer):
    """Take two of three colours from each pixel, and guess them again.

    The sensor of a camera sees one colour at each pixel, by a mosaic of filters with
    two green pixels in each 2 x 2 [1]_. Demosaicing interpolates the others: fine
    detail gets false colours and loses contrast, and noise is no longer independent
    from pixel to pixel. The transformer is stateless: it needs no fit.

    Parameters
    ----------
    bayer_order : {"rggb", "bggr", "grbg", "gbrg"} or tuple of them, default="rggb"
        Colours of the first two pixels of the first row, then of the second. From a
        tuple, each image gets one, all equally likely.
    demosaicing : {"bilinear", "edge-aware", "vng", "gradient-corrected"} or tuple of \
            them, default="bilinear"
        The first three are OpenCV's: the mean of neighbours; interpolation along
        edges; and variable number of gradients, which takes 8 bits alone.
        "gradient-corrected" corrects the mean of neighbours by the second derivative
        of the colour that is known [2]_.
    data_range : float, default=None
        The pixel value of floats that counts as white; None means 1.0. Integers are
        not scaled.
    random_state : int, RandomState instance or None, default=None
        Draws orders and methods. An int gives the same result for every call.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    NoiseTransformer : Noise, which comes before the mosaic in a camera.
    CameraTransformer : All steps of a camera.

    Notes
    -----
    uint8 and uint16 are demosaiced as they are. OpenCV demosaics no floats: they are
    clipped to 0 and white and carried in 16 bits.

    Images with three channels are RGB, and at least 2 pixels high and wide. Grey
    images, with one channel or none, and rows of pixels have no colours, and come back
    as they are.

    Noise of each channel that is added before this step is the noise of the pixels of
    the sensor, since one channel of each pixel is kept.

    References
    ----------
    .. [1] B. E. Bayer, "Color imaging array", US patent 3971065, 1976.
    .. [2] H. S. Malvar, L. He and R. Cutler, "High-quality linear interpolation for
       demosaicing of Bayer-patterned color images", IEEE International Conference on
       Acoustics, Speech, and Signal Processing, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import MosaicTransformer
    >>> edge = np.zeros((1, 6, 6, 3), np.uint8)
    >>> edge[:, :, 3:] = 200  # black and light grey, but neither beside the edge
    >>> MosaicTransformer("rggb").transform(edge)[0, 2, 2:4].tolist()
    [[0, 50, 100], [100, 200, 200]]
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "bayer_order": [str, tuple, list],
        "demosaicing": [str, tuple, list],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        bayer_order="rggb",
        demosaicing="bilinear",
        *,
        data_range=None,
        random_state=None,
    ):
        self.bayer_order = bayer_order
        self.demosaicing = demosaicing
        self.data_range = data_range
        self.random_state = random_state

    def _check_parameters(self):
        check_options("bayer_order", self.bayer_order, BAYER_ORDERS)
        check_options("demosaicing", self.demosaicing, DEMOSAICING)

    def _check_X(self, X, *, reset):
        X = super()._check_X(X, reset=reset)
        check_colours(shapes_of(X), "a mosaic")
        check_mosaic(shapes_of(X))
        if not isinstance(X, np.ndarray) and X.n_channels == 3:
            self._check_type(X.dtype)
        return X

    def _check_type(self, dtype):
        methods = np.atleast_1d(self.demosaicing)
        if "vng" in methods and dtype != np.uint8:
            raise ValueError(
                f"demosaicing={self.demosaicing!r}: OpenCV has 'vng' for 8 bits alone, "
                f"but X is {dtype}. Pass uint8, or another method."
            )

    def _change(self, image, random_state):
        order = draw_option(self.bayer_order, random_state)
        method = draw_option(self.demosaicing, random_state)
        if not is_rgb(image):
            return np.array(image)
        mosaic = sample_mosaic(image, order)
        if image.dtype.kind == "u":
            return demosaic(mosaic, order, method)
        white = resolve_data_range(self.data_range, image.dtype)
        colours = demosaic(to_sensor(mosaic / white), order, method)
        return from_sensor(colours, image.dtype) * image.dtype.type(white)
