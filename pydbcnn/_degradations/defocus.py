"""DefocusBlurTransformer: the blur of a lens that is out of focus."""

from numbers import Real

from sklearn.utils._param_validation import Interval

from .._blur.kernels import MAX_RADIUS, disk_kernel
from .blur_base import BlurTransformer
from .ranges import check_range, draw


class DefocusBlurTransformer(BlurTransformer):
    """Blur images as a lens does that is out of focus.

    By geometrical optics, such a lens spreads each point evenly over a disk, the image
    of its round aperture [1]_. The weight of a pixel is the exact area of the disk that
    falls into it, divided by that of the disk. The transformer is stateless: it needs
    no fit.

    Parameters
    ----------
    radius : float or tuple of 2 float, default=2.0
        Radius of the disk in pixels, 0 to 500. With a range (low, high), each image
        gets its own, drawn uniformly. Up to 0.5 the disk lies within one pixel and
        does not blur.
    border_mode : {"reflect101", "reflect", "replicate", "constant"}, \
            default="reflect101"
        What lies beyond the border, by OpenCV's names: mirrored without or with the
        edge repeated, the edge, or zeros.
    linear_light : bool, default=False
        Whether to blur the linear light that sRGB values stand for (IEC 61966-2-1), as
        a lens does, instead of the values themselves.
    data_range : float, default=None
        The pixel value that counts as white in linear light. None means the largest
        value of an integer type, and 1.0 for floats.
    random_state : int, RandomState instance or None, default=None
        Draws radii. An int gives the same result for every call.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    GaussianBlurTransformer : The blur of many small causes together.

    Notes
    -----
    The disk has the standard deviation radius / 2 along each axis, so a radius of 2
    sigma blurs about as much as a Gaussian of sigma.

    References
    ----------
    .. [1] J. W. Goodman, "Introduction to Fourier Optics", 2005, on focusing errors.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import DefocusBlurTransformer
    >>> point = np.zeros((1, 9, 9))
    >>> point[0, 4, 4] = 1
    >>> blurred = DefocusBlurTransformer(radius=2.0).transform(point)
    >>> round(float(blurred[0, 4, 4]) * np.pi * 2.0**2, 4)
    1.0
    """

    __module__ = "pydbcnn"

    _kind = "defocus"
    _parameter_constraints: dict = {
        **BlurTransformer._parameter_constraints,
        "radius": [Interval(Real, 0, MAX_RADIUS, closed="both"), tuple, list],
    }

    def __init__(
        self,
        radius=2.0,
        *,
        border_mode="reflect101",
        linear_light=False,
        data_range=None,
        random_state=None,
    ):
        self.radius = radius
        self.border_mode = border_mode
        self.linear_light = linear_light
        self.data_range = data_range
        self.random_state = random_state

    def _check_parameters(self):
        check_range("radius", self.radius, "pixels", high=MAX_RADIUS)

    def _draw_geometry(self, random_state):
        return {"radius": draw(self.radius, random_state)}

    def _make_kernel(self, radius):
        return disk_kernel(radius)
