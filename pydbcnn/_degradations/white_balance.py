"""WhiteBalanceTransformer: the gains that make grey of what a sensor sees of grey."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .._pixels.values import as_pixels
from .base import ImageTransformer
from .colours import check_colours, is_rgb, shapes_of
from .ranges import check_range, draw

MAX_GAIN = 100  # far beyond any light
_GAIN = [Interval(Real, 1 / MAX_GAIN, MAX_GAIN, closed="both"), tuple, list]


def balance_white(image, red_gain, blue_gain):
    """Multiply red and blue.

    Parameters
    ----------
    image : array of shape (height, width, 3)
        RGB, in linear light.
    red_gain, blue_gain : float
        What green has is 1.

    Returns
    -------
    balanced : array like `image`
        A new array; integers are rounded and clipped.
    """
    gains = np.array([red_gain, 1.0, blue_gain])
    if image.dtype == np.float32:
        gains = gains.astype(np.float32)
    return as_pixels(image * gains, image.dtype)


class WhiteBalanceTransformer(ImageTransformer):
    """Multiply red and blue, as a camera does so that grey looks grey.

    A sensor sees less of red and of blue than of green, and how much less depends on
    the light. Cameras multiply both in linear light, and their noise with them [1]_.
    The inverse divides, and leads from a photograph back to what the sensor saw. The
    transformer is stateless: it needs no fit.

    Parameters
    ----------
    red_gain : float or tuple of 2 float, default=2.0
        What red is multiplied by, 0.01 to 100; green stays as it is. With a
        range (low, high), each image gets its own, drawn uniformly.
    blue_gain : float or tuple of 2 float, default=1.6
        What blue is multiplied by; a range is drawn from for each image.
    inverse : bool, default=False
        Whether to divide by the gains instead.
    random_state : int, RandomState instance or None, default=None
        Draws gains. An int gives the same result for every call.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    ToneCurveTransformer : Gives the linear light in which gains belong.

    Notes
    -----
    Integers are rounded and clipped to the range of their type, floats are neither.
    Images with three channels are RGB. Grey images, with one channel or none, and rows
    of pixels come back as they are.

    With one int as `random_state` and equal ranges, a transformer and its inverse draw
    the same gains.

    References
    ----------
    .. [1] R. Ramanath, W. E. Snyder, Y. Yoo and M. S. Drew, "Color image processing
       pipeline", IEEE Signal Processing Magazine, 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import WhiteBalanceTransformer
    >>> WhiteBalanceTransformer(2.0, 1.5).transform(np.full((1, 1, 1, 3), 0.25))
    array([[[[0.5  , 0.25 , 0.375]]]])
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "red_gain": _GAIN,
        "blue_gain": _GAIN,
        "inverse": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self, red_gain=2.0, blue_gain=1.6, *, inverse=False, random_state=None
    ):
        self.red_gain = red_gain
        self.blue_gain = blue_gain
        self.inverse = inverse
        self.random_state = random_state

    def _check_parameters(self):
        for name in ("red_gain", "blue_gain"):
            check_gain(name, getattr(self, name))

    def _check_X(self, X, *, reset):
        X = super()._check_X(X, reset=reset)
        check_colours(shapes_of(X), "white balance")
        return X

    def _change(self, image, random_state):
        gains = [draw(self.red_gain, random_state), draw(self.blue_gain, random_state)]
        if not is_rgb(image):
            return np.array(image)
        if self.inverse:
            gains = [1 / gain for gain in gains]
        return balance_white(image, *gains)


def check_gain(name, value):
    """Raise a ValueError unless a parameter is a gain or a range of them."""
    check_range(name, value, "times", low=1 / MAX_GAIN, high=MAX_GAIN)
