"""GaussianBlurTransformer: sharp images in, blurred images out."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from ._gaussian import MAX_KERNEL_SIZE, TRUNCATE, gaussian_blur, kernel_size_for
from ._images import ROW_TYPES, as_images, is_image_list, resolve_data_range


class GaussianBlurTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Blur images with a Gaussian, and add noise if asked to.

    The kernel and the result are those of ``cv2.GaussianBlur``: along each axis the
    weights are proportional to exp(-d² / (2 sigma²)) at a distance of d pixels, and
    add up to 1. The transformer is stateless: it needs no fit.

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
        Draws sigmas and noise. An int gives the same result for every call.

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

    _parameter_constraints: dict = {
        "sigma": [Interval(Real, 0, None, closed="left"), tuple, list],
        "kernel_size": [Interval(Integral, 1, None, closed="left"), None],
        "truncate": [Interval(Real, 0, None, closed="neither")],
        "border_mode": [StrOptions({"reflect101", "reflect", "replicate", "constant"})],
        "noise_std": [Interval(Real, 0, None, closed="left"), tuple, list],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
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
    ):
        self.sigma = sigma
        self.kernel_size = kernel_size
        self.truncate = truncate
        self.border_mode = border_mode
        self.noise_std = noise_std
        self.data_range = data_range
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check parameters and images; nothing is learned.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Images of type uint8, uint16, float32 or float64.
        y : None
            Ignored.

        Returns
        -------
        self : GaussianBlurTransformer
            The transformer.
        """
        self._check_parameters()
        self._check_X(X, reset=True)
        return self

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
            When pixels are of another type.
        """
        self._validate_params()
        self._check_parameters()
        X = self._check_X(X, reset=False)
        random_state = check_random_state(self.random_state)
        if isinstance(X, np.ndarray):
            rows = [self._blur(row[np.newaxis], random_state)[0] for row in X]
            return np.stack(rows)
        blurred = [np.empty_like(batch, order="C") for batch in X.batches]
        for batch, result in zip(X.batches, blurred, strict=True):
            for image, place in zip(batch, result, strict=True):
                place[...] = self._blur(image, random_state)
        return X.like(blurred)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        return tags

    def _check_parameters(self):
        _check_range("sigma", self.sigma, "pixels")
        _check_range("noise_std", self.noise_std, "shares of the data range")
        if self.kernel_size is None:
            kernel_size_for(np.max(self.sigma), self.truncate)
        elif self.kernel_size > MAX_KERNEL_SIZE:
            raise ValueError(
                f"kernel_size={self.kernel_size}: expected at most {MAX_KERNEL_SIZE}."
            )
        elif self.kernel_size % 2 == 0:
            raise ValueError(
                f"kernel_size={self.kernel_size} is even: a kernel needs a centre, so "
                f"pass an odd side, such as {self.kernel_size + 1}, or None."
            )

    def _check_X(self, X, *, reset):
        """`Images`, or a two-dimensional array of rows."""
        if getattr(X, "ndim", 0) > 2 or is_image_list(X):
            return as_images(X, "X")
        return validate_data(self, X, reset=reset, dtype=ROW_TYPES)

    def _blur(self, image, random_state):
        sigma = _draw(self.sigma, random_state)
        blurred = gaussian_blur(
            image,
            sigma,
            kernel_size=self.kernel_size or kernel_size_for(sigma, self.truncate),
            border_mode=self.border_mode,
        )
        noise_std = _draw(self.noise_std, random_state)
        if noise_std == 0:
            return blurred
        scale = noise_std * resolve_data_range(self.data_range, image.dtype)
        noisy = blurred + random_state.normal(scale=scale, size=image.shape)
        if image.dtype.kind == "u":
            noisy = np.clip(np.rint(noisy), 0, np.iinfo(image.dtype).max)
        return noisy.astype(image.dtype)


def _draw(value, random_state):
    if isinstance(value, Real):
        return value
    return random_state.uniform(*value)


def _check_range(name, value, unit):
    if isinstance(value, Real) and not isinstance(value, bool) and value < np.inf:
        return
    if (
        isinstance(value, Real)
        or len(value) != 2
        or not all(isinstance(end, Real) and 0 <= end < np.inf for end in value)
        or value[0] > value[1]
    ):
        raise ValueError(
            f"{name}={value!r}: expected one number or a range (low, high) with "
            f"0 <= low <= high, in {unit}."
        )
