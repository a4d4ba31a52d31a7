"""MotionBlurTransformer: the blur of a slight straight motion."""

from numbers import Real

from sklearn.utils._param_validation import Interval

from .._blur.kernels import MAX_LENGTH, line_kernel
from .blur_base import BlurTransformer
from .ranges import check_range, draw


class MotionBlurTransformer(BlurTransformer):
    """Blur images as a straight, even motion during the exposure does.

    Each point becomes a line through it. The kernel is the integral over the line of
    the bilinear weights of the pixels around each of its points, so any angle and any
    fraction of a pixel count. The transformer is stateless: it needs no fit.

    Parameters
    ----------
    length : float or tuple of 2 float, default=5.0
        Length of the line in pixels, 0 to 1000. With a range (low, high), each image
        gets its own, drawn uniformly. 0 does not blur.
    angle : float or tuple of 2 float, default=0.0
        Direction of the line in degrees, -360 to 360, counter-clockwise as the image
        is seen: 0 is along the rows, 90 along the columns, and 45 towards the upper
        right. A range is drawn from for each image; (0, 180) has all directions.
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
        Draws lengths and angles. An int gives the same result for every call.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    AnisotropicGaussianBlurTransformer : A softer blur with a direction.

    Notes
    -----
    The standard deviation along the line is that of its points, length / sqrt(12),
    and the bilinear weights add a variance of at most 1/4 along each axis. A row of
    pixels counts as an image of one row, which its mirror images above and below
    repeat: motion across it leaves it as it is, and slanting motion blurs it by what
    lies along it.

    References
    ----------
    .. [1] R. C. Gonzalez and R. E. Woods, "Digital Image Processing", 2018, on
       estimating the degradation function.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import MotionBlurTransformer
    >>> point = np.zeros((1, 3, 7))
    >>> point[0, 1, 3] = 1
    >>> MotionBlurTransformer(length=4.0).transform(point)[0, 1] * 8
    array([0., 1., 2., 2., 2., 1., 0.])
    """

    __module__ = "pydbcnn"

    _kind = "motion"
    _parameter_constraints: dict = {
        **BlurTransformer._parameter_constraints,
        "length": [Interval(Real, 0, MAX_LENGTH, closed="both"), tuple, list],
        "angle": [Interval(Real, -360, 360, closed="both"), tuple, list],
    }

    def __init__(
        self,
        length=5.0,
        angle=0.0,
        *,
        border_mode="reflect101",
        linear_light=False,
        data_range=None,
        random_state=None,
    ):
        self.length = length
        self.angle = angle
        self.border_mode = border_mode
        self.linear_light = linear_light
        self.data_range = data_range
        self.random_state = random_state

    def _check_parameters(self):
        check_range("length", self.length, "pixels", high=MAX_LENGTH)
        check_range("angle", self.angle, "degrees", low=-360, high=360)

    def _draw_geometry(self, random_state):
        length = draw(self.length, random_state)
        return {"length": length, "angle": draw(self.angle, random_state)}

    def _make_kernel(self, length, angle):
        return line_kernel(length, angle)
