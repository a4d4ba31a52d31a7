"""AnisotropicGaussianBlurTransformer: a Gaussian blur with a direction."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .._blur.kernels import MAX_SIGMA, MIN_SIGMA, elliptic_gaussian_kernel
from .blur_base import BlurTransformer
from .ranges import check_range, draw

_SIGMA = [Interval(Real, MIN_SIGMA, MAX_SIGMA, closed="both"), tuple, list]


class AnisotropicGaussianBlurTransformer(BlurTransformer):
    """Blur images with a Gaussian that is wider along one direction.

    The weights are proportional to exp(-(u² / sigma_major² + v² / sigma_minor²) / 2)
    where u and v are the distances of a pixel's centre in the direction of `angle` and
    across it, and add up to 1. The kernel is cut at 4 sigma along each axis of the
    image. The transformer is stateless: it needs no fit.

    Parameters
    ----------
    sigma_major : float or tuple of 2 float, default=2.0
        Standard deviation in pixels in the direction of `angle`, 0.3 to 100. With a
        range (low, high), each image gets its own, drawn uniformly.
    sigma_minor : float or tuple of 2 float, default=1.0
        Standard deviation in pixels across that direction, 0.3 to 100; a range is
        drawn from for each image. Where ranges overlap and the draw for the minor is
        the larger, the two change places.
    angle : float or tuple of 2 float, default=0.0
        Direction of the major axis in degrees, -360 to 360, counter-clockwise as the
        image is seen: 0 is along the rows, 90 along the columns, and 45 towards the
        upper right. A range is drawn from for each image; (0, 180) has all directions.
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
        Draws sigmas and angles. An int gives the same result for every call.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    GaussianBlurTransformer : The same in all directions.
    MotionBlurTransformer : The blur of an even motion.

    Notes
    -----
    With equal sigmas, the result is that of :class:`GaussianBlurTransformer`: floats
    agree to a few units of their last place, integers to 3, since OpenCV rounds the
    weights of a separable kernel for them.

    Below 0.5 pixels, a Gaussian that is sampled at the centres of pixels blurs less
    than its sigma says, as OpenCV's does; at 0.3 next to nothing is left of it.

    References
    ----------
    .. [1] J.-M. Geusebroek, A. W. M. Smeulders and J. van de Weijer, "Fast anisotropic
       Gauss filtering", IEEE Transactions on Image Processing, 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import AnisotropicGaussianBlurTransformer
    >>> point = np.zeros((1, 25, 25))
    >>> point[0, 12, 12] = 1
    >>> blurred = AnisotropicGaussianBlurTransformer(3.0, 1.0).transform(point)[0]
    >>> along, across = blurred[12, 15] / blurred[12, 12], blurred[11, 12]
    >>> round(float(along), 4), round(float(across / blurred[12, 12]), 4)
    (0.6065, 0.6065)
    """

    __module__ = "pydbcnn"

    _kind = "gaussian"
    _parameter_constraints: dict = {
        **BlurTransformer._parameter_constraints,
        "sigma_major": _SIGMA,
        "sigma_minor": _SIGMA,
        "angle": [Interval(Real, -360, 360, closed="both"), tuple, list],
    }

    def __init__(
        self,
        sigma_major=2.0,
        sigma_minor=1.0,
        angle=0.0,
        *,
        border_mode="reflect101",
        linear_light=False,
        data_range=None,
        random_state=None,
    ):
        self.sigma_major = sigma_major
        self.sigma_minor = sigma_minor
        self.angle = angle
        self.border_mode = border_mode
        self.linear_light = linear_light
        self.data_range = data_range
        self.random_state = random_state

    def _check_parameters(self):
        for name in ("sigma_major", "sigma_minor"):
            value = getattr(self, name)
            check_range(name, value, "pixels", low=MIN_SIGMA, high=MAX_SIGMA)
        check_range("angle", self.angle, "degrees", low=-360, high=360)
        if np.min(self.sigma_minor) > np.max(self.sigma_major):
            raise ValueError(
                f"sigma_minor={self.sigma_minor!r} is always above "
                f"sigma_major={self.sigma_major!r}: exchange them, and turn the angle "
                "by 90 degrees if it was meant for the shorter axis."
            )

    def _draw_geometry(self, random_state):
        sigmas = [draw(self.sigma_major, random_state)]
        sigmas.append(draw(self.sigma_minor, random_state))
        return {
            "sigma_major": max(sigmas),
            "sigma_minor": min(sigmas),
            "angle": draw(self.angle, random_state),
        }

    def _make_kernel(self, sigma_major, sigma_minor, angle):
        return elliptic_gaussian_kernel(sigma_major, sigma_minor, angle)
