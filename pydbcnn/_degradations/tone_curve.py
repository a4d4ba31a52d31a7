"""ToneCurveTransformer: from linear light to the values that files hold, and back."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .._pixels.srgb import srgb_decode, srgb_encode
from .._pixels.values import as_pixels, resolve_data_range
from .base import ImageTransformer


class ToneCurveTransformer(ImageTransformer):
    """Encode linear light as sRGB, or decode it.

    Files hold no linear light but sRGB values [1]_: c = 12.92 l for l up to 0.0031308,
    and c = 1.055 l^(1 / 2.4) - 0.055 above. What happens in lens and sensor happens in
    linear light, so their transformers belong between the inverse of this one and this
    one. The transformer is stateless: it needs no fit.

    Parameters
    ----------
    inverse : bool, default=False
        Whether to decode: from values of sRGB to linear light.
    data_range : float, default=None
        The pixel value that counts as white. None means the largest value of an
        integer type, and 1.0 for floats.
    random_state : int, RandomState instance or None, default=None
        Not used: nothing is drawn. It is here so that all transformers of images can
        be told the same.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    WhiteBalanceTransformer : The gains of a camera, in linear light.
    KernelBlurTransformer : Blurs in linear light, if asked to, without this one.

    Notes
    -----
    Every channel is treated alike. Floats are not clipped: the curve goes on above
    white, and for negative values as an odd function. Integers are rounded; 8 bits do
    not suffice for linear light, in whose darks many values of sRGB become one.

    References
    ----------
    .. [1] IEC 61966-2-1, "Multimedia systems and equipment - Colour measurement and
       management - Default RGB colour space - sRGB", 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import ToneCurveTransformer
    >>> middle_grey = np.full((1, 1, 1), 0.18)
    >>> ToneCurveTransformer().transform(middle_grey).round(4)
    array([[[0.4614]]])
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "inverse": ["boolean"],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(self, *, inverse=False, data_range=None, random_state=None):
        self.inverse = inverse
        self.data_range = data_range
        self.random_state = random_state

    def _check_parameters(self):
        """There is nothing beyond `_parameter_constraints`."""

    def _change(self, image, random_state):
        white = resolve_data_range(self.data_range, image.dtype)
        precision = np.float32 if image.dtype == np.float32 else np.float64
        curve = srgb_decode if self.inverse else srgb_encode
        values = curve(image.astype(precision) / white)
        return as_pixels(values * white, image.dtype)
