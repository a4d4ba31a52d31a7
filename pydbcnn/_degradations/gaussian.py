"""GaussianBlurTransformer: sharp images in, blurred images out."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .._pixels.device import check_place, is_on_gpu, namespace
from .._pixels.gaussian import (
    TRUNCATE,
    check_kernel_size,
    gaussian_blur,
    kernel_size_for,
    opencv_weights,
)
from .._pixels.opencv import BORDER_MODES
from ..backends import check_device, get_backend
from .base import ImageTransformer
from .noise import add_noise
from .ranges import check_range, draw


class GaussianBlurTransformer(ImageTransformer):
    """Blur images with a Gaussian, and add noise if asked to.

    The kernel and the result are those of ``cv2.GaussianBlur``: along each axis the
    weights are proportional to exp(-d² / (2 sigma²)) at a distance of d pixels, and
    add up to 1. For uint8, OpenCV computes with weights of 8 bits: results differ from
    the rounded ones of floats by a level or two. The transformer is stateless: it needs
    no fit.

    Parameters
    ----------
    sigma : float or tuple of 2 float, default=1.6
        Standard deviation of the Gaussian in pixels. With a range (low, high), each
        image gets its own, drawn uniformly. 0 does not blur.
    kernel_size : int, default=None
        Odd side of the kernel in pixels. None takes what `truncate` asks for.
    truncate : float, default=4.0
        Where the kernel is cut, in sigmas: its side is 2 ceil(truncate sigma) + 1.
    border_mode : {"reflect101", "reflect", "replicate", "constant"}, \
            default="reflect101"
        What lies beyond the border, by OpenCV's names: mirrored without or with the
        edge repeated, the edge, or zeros.
    noise_std : float or tuple of 2 float, default=0.0
        Standard deviation of normal noise that is added after the blur, as a share of
        the data range; a range (low, high) is drawn from for each image.
    data_range : float, default=None
        The pixel value that counts as 1. None means the largest value of an integer
        type, and 1.0 for floats. It only scales the noise.
    random_state : int, RandomState instance or None, default=None
        Draws sigmas and noise. An int gives the same result for every call, and the
        same sigmas and noise on every device.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to blur: with OpenCV, or on the current device of CuPy, where arrays of
        NumPy are copied to and back, and arrays of CuPy stay. Integers are the same on
        both, to the last bit. "auto" takes "cuda" where it can be used.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    DBCNNDeblurrer : Takes the blur away again.
    pydbcnn.datasets.make_deblur_dataset : Pairs of sharp and blurred images on disk.

    References
    ----------
    .. [1] OpenCV, "Smoothing Images": ``cv2.GaussianBlur``.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import GaussianBlurTransformer
    >>> point = np.zeros((1, 9, 9))
    >>> point[0, 4, 4] = 1
    >>> blurred = GaussianBlurTransformer(sigma=1.0).transform(point)
    >>> round(float(blurred[0, 4, 4]), 4)
    0.1592
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "sigma": [Interval(Real, 0, None, closed="left"), tuple, list],
        "kernel_size": [Interval(Integral, 1, None, closed="left"), None],
        "truncate": [Interval(Real, 0, None, closed="neither")],
        "border_mode": [StrOptions(BORDER_MODES)],
        "noise_std": [Interval(Real, 0, None, closed="left"), tuple, list],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
        "device": [str],
    }

    def __init__(
        self,
        sigma=1.6,
        *,
        kernel_size=None,
        truncate=TRUNCATE,
        border_mode="reflect101",
        noise_std=0.0,
        data_range=None,
        random_state=None,
        device="cpu",
    ):
        self.sigma = sigma
        self.kernel_size = kernel_size
        self.truncate = truncate
        self.border_mode = border_mode
        self.noise_std = noise_std
        self.data_range = data_range
        self.random_state = random_state
        self.device = device

    def transform(self, X):
        """Blur images.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Images of type uint8, uint16, float32 or float64.

        Returns
        -------
        blurred : like X
            New arrays of the same layout, type and range.

        Raises
        ------
        ValueError
            When a parameter or X does not fit; the message says how.
        TypeError
            When pixels are of another type, or lie on a GPU and `device` does not.
        DeviceUnavailableError
            When `device` cannot be used here.
        """
        return super().transform(X)

    def _check_parameters(self):
        check_device(self.device)
        check_range("sigma", self.sigma, "pixels")
        check_range("noise_std", self.noise_std, "shares of the data range")
        if self.kernel_size is None:
            kernel_size_for(np.max(self.sigma), self.truncate)
        else:
            check_kernel_size(self.kernel_size)

    def _check_place(self, batch):
        if is_on_gpu(batch):
            check_place(batch, get_backend(self.device), self.device)

    def _change(self, image, random_state):
        sigma = draw(self.sigma, random_state)
        blurred = self._blur(image, sigma)
        noise_std = draw(self.noise_std, random_state)
        return add_noise(blurred, noise_std, 0.0, self.data_range, random_state)

    def _draw_blur(self, random_state):
        """The blur of one image, as `BlurTransformer` draws it."""
        sigma = draw(self.sigma, random_state)
        weights = np.ones(1)
        if sigma > 0:
            size = self.kernel_size or kernel_size_for(sigma, self.truncate)
            weights = opencv_weights(size, sigma)
        return {
            "kind": "gaussian",
            "sigma_major": sigma,
            "sigma_minor": sigma,
            "angle": 0.0,
            "kernel": np.outer(weights, weights),
        }

    def _blur(self, image, sigma):
        how = dict(
            kernel_size=self.kernel_size or kernel_size_for(sigma, self.truncate),
            border_mode=self.border_mode,
        )
        if self.device == "cpu":
            return gaussian_blur(image, sigma, **how)
        if sigma == 0:
            return namespace(image).array(image)
        with_channels = image.reshape(*image.shape[:2], -1)
        backend = get_backend(self.device)
        return backend.gaussian_blur(with_channels, sigma, **how).reshape(image.shape)
