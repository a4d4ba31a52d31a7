"""UnsharpMaskTransformer: the sharpening of a camera."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .._pixels.gaussian import gaussian_blur
from .._pixels.values import as_pixels
from .base import ImageTransformer
from .ranges import check_range, draw

MAX_RADIUS, MAX_AMOUNT = 100, 100


def unsharp_mask(image, radius, amount):
    """An image, and more of what a Gaussian takes from it.

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, channels)
        uint8, uint16, float32 or float64.
    radius : float
        Standard deviation of the Gaussian in pixels.
    amount : float
        How often the difference is added.

    Returns
    -------
    sharper : array like `image`
        A new array; integers are rounded and clipped.
    """
    if radius == 0 or amount == 0:
        return np.array(image)
    values = image.astype(float) if image.dtype.kind == "u" else image
    detail = values - gaussian_blur(values, radius)
    return as_pixels(values + amount * detail, image.dtype)


class UnsharpMaskTransformer(ImageTransformer):
    """Sharpen images as cameras do, by an unsharp mask.

    Each pixel x becomes x + amount (x - g), where g is the image under a Gaussian blur
    [1]_: detail that the Gaussian takes away is added once more. Noise is made stronger
    as well, and edges get halos. The transformer is stateless: it needs no fit.

    Parameters
    ----------
    radius : float or tuple of 2 float, default=1.0
        Standard deviation of the Gaussian in pixels, up to 100. With a range (low,
        high), each image gets its own, drawn uniformly.
    amount : float or tuple of 2 float, default=0.5
        How often the difference is added, up to 100; a range is drawn from for each
        image. 0 does not sharpen.
    random_state : int, RandomState instance or None, default=None
        Draws radii and amounts. An int gives the same result for every call.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    DenoisingTransformer : What often comes before.
    DBCNNDeblurrer : Undoes a blur instead of adding halos.

    Notes
    -----
    Beyond the border, the Gaussian sees the image mirrored without its edge. Integers
    are rounded and clipped to the range of their type, floats are neither.

    References
    ----------
    .. [1] R. C. Gonzalez and R. E. Woods, "Digital Image Processing", 2018, on unsharp
       masking.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import UnsharpMaskTransformer
    >>> edge = np.repeat([[[0.2, 0.8]]], 8, axis=2)
    >>> sharper = UnsharpMaskTransformer(radius=1.0, amount=0.5).transform(edge)
    >>> sharper[0, 0, 6:10].round(2)
    array([0.18, 0.11, 0.89, 0.82])
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "radius": [Interval(Real, 0, MAX_RADIUS, closed="both"), tuple, list],
        "amount": [Interval(Real, 0, MAX_AMOUNT, closed="both"), tuple, list],
        "random_state": ["random_state"],
    }

    def __init__(self, radius=1.0, amount=0.5, *, random_state=None):
        self.radius = radius
        self.amount = amount
        self.random_state = random_state

    def _check_parameters(self):
        check_range("radius", self.radius, "pixels", high=MAX_RADIUS)
        check_range("amount", self.amount, "times", high=MAX_AMOUNT)

    def _change(self, image, random_state):
        radius = draw(self.radius, random_state)
        return unsharp_mask(image, radius, draw(self.amount, random_state))
