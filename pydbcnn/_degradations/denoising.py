"""DenoisingTransformer: the smoothing by which cameras hide their noise."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .._pixels.gaussian import gaussian_blur
from .._pixels.opencv import import_cv2
from .._pixels.values import as_pixels, resolve_data_range
from .base import ImageTransformer
from .colours import check_colours, is_rgb, shapes_of
from .ranges import check_range, draw

MAX_CHROMA_SIGMA = 100  # pixels
_DIAMETER = 7  # pixels that the bilateral filter looks at, across
_SIGMA_SPACE = 1.5


def denoise(image, strength, chroma_sigma):
    """Smooth what is not an edge, and colours more than brightness.

    Parameters
    ----------
    image : float32 array of shape (height, width) or (height, width, 1 or 3)
        Grey or RGB, with values between 0 and 1.
    strength : float
        Standard deviation of the bilateral filter's Gaussian over differences of
        brightness; 0 leaves brightness as it is.
    chroma_sigma : float
        Standard deviation in pixels of the Gaussian that blurs RGB minus brightness.

    Returns
    -------
    smooth : array like `image`
        A new array.
    """
    if not is_rgb(image):
        return _bilateral(image.reshape(image.shape[:2]), strength).reshape(image.shape)
    cv2 = import_cv2()
    brightness = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    colours = gaussian_blur(image - brightness[..., np.newaxis], chroma_sigma)
    return colours + _bilateral(brightness, strength)[..., np.newaxis]


def _bilateral(image, strength):
    if strength == 0:
        return np.array(image)
    return import_cv2().bilateralFilter(
        np.ascontiguousarray(image), _DIAMETER, strength, _SIGMA_SPACE
    )


class DenoisingTransformer(ImageTransformer):
    """Smooth images as a simple denoiser in a camera does.

    Brightness, which is 0.299 R + 0.587 G + 0.114 B, goes through a bilateral filter
    [1]_: each pixel becomes the mean of those up to 3 pixels away, weighted by a
    Gaussian of their distance with a standard deviation of 1.5 pixels and by one of
    their difference with that of `strength`, so that edges stay. What colours add to
    brightness is blurred by a Gaussian. The transformer is stateless: it needs no fit.

    Parameters
    ----------
    strength : float or tuple of 2 float, default=0.02
        Standard deviation of the Gaussian over differences, as a share of the data
        range, up to 10. With a range (low, high), each image gets its own, drawn
        uniformly. 0 leaves brightness as it is.
    chroma_sigma : float or tuple of 2 float, default=1.0
        Standard deviation of the Gaussian over colours, in pixels, up to 100; a range
        is drawn from for each image. 0 leaves colours as they are.
    data_range : float, default=None
        The pixel value that counts as 1. None means the largest value of an integer
        type, and 1.0 for floats.
    random_state : int, RandomState instance or None, default=None
        Draws strengths. An int gives the same result for every call.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    NoiseTransformer : What a denoiser is there for.
    UnsharpMaskTransformer : What often follows it.

    Notes
    -----
    Single precision is used for all types. Images are grey, with one channel or none,
    or have three channels in the order RGB.

    References
    ----------
    .. [1] C. Tomasi and R. Manduchi, "Bilateral filtering for gray and color images",
       International Conference on Computer Vision, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import DenoisingTransformer
    >>> noisy = np.random.RandomState(0).normal(0.5, 0.01, (1, 200, 200))
    >>> bool(DenoisingTransformer(0.03).transform(noisy).std() < 0.004)
    True
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "strength": [Interval(Real, 0, 10, closed="both"), tuple, list],
        "chroma_sigma": [
            Interval(Real, 0, MAX_CHROMA_SIGMA, closed="both"),
            tuple,
            list,
        ],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self, strength=0.02, chroma_sigma=1.0, *, data_range=None, random_state=None
    ):
        self.strength = strength
        self.chroma_sigma = chroma_sigma
        self.data_range = data_range
        self.random_state = random_state

    def _check_parameters(self):
        check_range("strength", self.strength, "shares of the data range", high=10)
        check_chroma_sigma(self.chroma_sigma)

    def _check_X(self, X, *, reset):
        X = super()._check_X(X, reset=reset)
        check_colours(shapes_of(X), "denoising")
        return X

    def _change(self, image, random_state):
        strength = draw(self.strength, random_state)
        chroma_sigma = draw(self.chroma_sigma, random_state)
        if strength == 0 and (chroma_sigma == 0 or not is_rgb(image)):
            return np.array(image)
        white = resolve_data_range(self.data_range, image.dtype)
        smooth = denoise((image / white).astype(np.float32), strength, chroma_sigma)
        return as_pixels(smooth * white, image.dtype)


def check_chroma_sigma(value):
    """Raise a ValueError unless this can be a `chroma_sigma`."""
    check_range("chroma_sigma", value, "pixels", high=MAX_CHROMA_SIGMA)
