"""KernelBlurTransformer: the blur of any kernel that is given."""

from sklearn.utils._param_validation import HasMethods

from .blur_base import BlurTransformer
from .given_kernel import as_kernel


class KernelBlurTransformer(BlurTransformer):
    """Blur images with a given kernel.

    Images are convolved with the kernel: a point of light becomes the kernel itself,
    centred where the point was. Set `linear_light` to blur as a lens does, before the
    camera encodes what it sees [1]_. The transformer is stateless: it needs no fit.

    Parameters
    ----------
    kernel : array-like of shape (height, width) or object, default=((1.0,),)
        Weights, at least 0, that add up to 1 within 0.001; both sides are odd and up
        to 1025. Instead of an array, any object with a method ``kernel()`` that
        returns one. The default does not blur.
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
    DefocusBlurTransformer : A kernel that is the disk of a lens out of focus.
    MotionBlurTransformer : A kernel that is a straight line.
    CameraTransformer : A lens with any kernel, and what follows it in a camera.

    Notes
    -----
    In linear light, the tone curve goes on below 0 and above white, and floats are not
    clipped. Integers are rounded and clipped to the range of their type.

    References
    ----------
    .. [1] IEC 61966-2-1, "Multimedia systems and equipment - Colour measurement and
       management - Default RGB colour space - sRGB", 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import KernelBlurTransformer
    >>> kernel = np.array([[0.5, 0.25, 0.25]])
    >>> point = np.array([[[0.0, 0.0, 1.0, 0.0, 0.0]]])
    >>> KernelBlurTransformer(kernel).transform(point)
    array([[[0.  , 0.5 , 0.25, 0.25, 0.  ]]])
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        **BlurTransformer._parameter_constraints,
        "kernel": ["array-like", HasMethods("kernel")],
    }

    def __init__(
        self,
        kernel=((1.0,),),
        *,
        border_mode="reflect101",
        linear_light=False,
        data_range=None,
        random_state=None,
    ):
        self.kernel = kernel
        self.border_mode = border_mode
        self.linear_light = linear_light
        self.data_range = data_range
        self.random_state = random_state

    def _check_parameters(self):
        as_kernel(self.kernel)

    def _draw_geometry(self, random_state):
        return {}

    def _make_kernel(self):
        return as_kernel(self.kernel)
