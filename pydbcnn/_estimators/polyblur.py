"""Polyblur in one file: the estimator, and below it the arithmetic of the paper.

A blur is estimated by the steepest edges, and undone by blurring again. The arithmetic
takes images of float64; what a pixel value counts as does not matter.
"""

from numbers import Integral, Real

import numpy as np
from scipy.fft import dct, idst
from scipy.interpolate import CubicSpline
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from .._pixels.device import refuse_gpu
from .._pixels.gaussian import elliptic_gaussian, kernel_size_for
from .._pixels.images import ROW_TYPES, as_images, holds_images
from .._pixels.opencv import import_cv2
from .._pixels.values import grey, write_pixels
from ..metrics import peak_signal_noise_ratio, same_part

_MAX_SIGMA = 64  # pixels; the kernel then has a side of 513
_OUTLIERS = 1e-4  # share of the pixels that count as too dark, or as too bright
_ROUNDING = 1e-12  # relative contrast of an image that is flat but for rounding
_NARROWEST = 0.3  # sigma of a Gaussian that leaves 99 % in one pixel: no blur
_NO_BLUR = (0.0, 0.0, 0.0)


class PolyblurDeblurrer(BaseEstimator):
    """Blind removal of mild blur by blurring again: Polyblur.

    The method [1]_ takes a blur for a Gaussian K with a sigma of its own in two
    directions. It finds them by the steepest slopes of the image in each direction,
    and applies a polynomial p(K) that is close to the inverse of the blur and
    amplifies nothing without bound. That is three more blurs and their weighted sum.
    Nothing is learned, so the estimator needs no fit: a baseline to compare trained
    models with, for images with up to 16 channels.

    Parameters
    ----------
    n_iter : int, default=1
        How often blur is estimated and removed.
    alpha : float, default=2.0
        Gain of middle frequencies: the second derivative of p(k) at k = 1, where k is
        what the blur leaves of a frequency. 2 is that of the inverse, 1 / k.
    beta : float, default=4.0
        Gain of the frequencies that the blur has wiped out: p(0). Noise is amplified
        as much.
    c : float, default=0.362
        The steepest slope f in a direction, as a share of the contrast in a pixel,
        stands for a variance of c² / f² - b² in that direction. A step between black
        and white would have c = 1 / sqrt(2 pi), 0.399.
    b : float, default=0.468
        Sigma, in pixels, of the blur that the edges of sharp photographs have.
    n_angles : int, default=6
        Number of directions, 2 to 180, in which slopes are measured; a cubic spline
        interpolates those in between.
    remove_halos : bool, default=True
        Whether to blend with the blurred image where gradients have turned round, as
        they do in halos beside edges.
    max_sigma : float, default=4.0
        Limit of the estimated sigmas in pixels, at most 64. It also holds for
        directions in which nothing changes.
    data_range : float, default=None
        The distance between black and white in `score`. None means the largest value
        of an integer type, and 1.0 for floats. Results of the other methods do not
        depend on the range.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    DBCNNDeblurrer : Learns from pairs of blurred and sharp images.
    GaussianBlurTransformer : Makes blurred images of sharp ones.

    Notes
    -----
    X is as in `DBCNNDeblurrer`: greyscale images (n, height, width), images with
    channels (n, height, width, channels), or a list of (height, width[, channels])
    arrays; of type uint8, uint16, float32 or float64. Two-dimensional X holds one
    image of a single row of pixels per sample.

    Each image has one blur, the same for all its channels. It is estimated from the
    luminance when there are three channels, which are then taken for RGB, and
    otherwise from their mean. Before slopes are measured, the contrast is stretched
    until 0.01 % of the pixels at either end are black or white. Beyond the border,
    images are mirrored. A blur whose sigmas are below 0.3 pixels is left as it is.
    All is computed in double precision.

    References
    ----------
    .. [1] M. Delbracio, I. Garcia-Dorado, S. Choi, D. Kelly and P. Milanfar,
       "Polyblur: Removing mild blur by polynomial reblurring", IEEE Transactions on
       Computational Imaging, 2021.

    Examples
    --------
    >>> from pydbcnn import GaussianBlurTransformer, PolyblurDeblurrer
    >>> from pydbcnn.datasets import load_sample_images
    >>> from pydbcnn.metrics import peak_signal_noise_ratio
    >>> sharp = load_sample_images()
    >>> blurred = GaussianBlurTransformer(sigma=1.6).transform(sharp)
    >>> gain = PolyblurDeblurrer().score(blurred, sharp)
    >>> gain -= peak_signal_noise_ratio(sharp, blurred)
    >>> bool(gain > 1)
    True
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "c": [Interval(Real, 0, None, closed="neither")],
        "b": [Interval(Real, 0, None, closed="left")],
        "n_angles": [Interval(Integral, 2, 180, closed="both")],
        "remove_halos": ["boolean"],
        "max_sigma": [Interval(Real, 0, _MAX_SIGMA, closed="right")],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        *,
        n_iter=1,
        alpha=2.0,
        beta=4.0,
        c=0.362,
        b=0.468,
        n_angles=6,
        remove_halos=True,
        max_sigma=4.0,
        data_range=None,
    ):
        self.n_iter = n_iter
        self.alpha = alpha
        self.beta = beta
        self.c = c
        self.b = b
        self.n_angles = n_angles
        self.remove_halos = remove_halos
        self.max_sigma = max_sigma
        self.data_range = data_range

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check parameters and images; nothing is learned.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Blurred images.
        y : None
            Ignored, so that pipelines and searches can pass sharp images.

        Returns
        -------
        self : PolyblurDeblurrer
            The estimator.

        Raises
        ------
        ValueError
            When a parameter or X does not fit; the message says how.
        TypeError
            When pixels are of another type.
        """
        self._check_X(X, reset=True)
        return self

    def predict(self, X):
        """Estimate sharp images.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Blurred images.

        Returns
        -------
        y : like X
            New arrays of the same layout, type and range; integers are rounded and
            clipped.

        Raises
        ------
        ValueError
            When a parameter or X does not fit; the message says how.
        TypeError
            When pixels are of another type.
        """
        self._validate_params()
        batches, restore = self._check_X(X, reset=False)
        restored = [np.empty_like(batch, order="C") for batch in batches]
        for batch, result in zip(batches, restored, strict=True):
            for image, place in zip(batch, result, strict=True):
                write_pixels(self._deblur(image), place)
        return restore(restored)

    def estimate_blur(self, X):
        """Estimate the blur of each image.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Blurred images.

        Returns
        -------
        blur : ndarray of shape (n, 3)
            For each image, sigma along the axis with the most blur and sigma across
            it, both in pixels from 0 to `max_sigma`, and the direction of that axis in
            degrees from 0 to 179: 0 is along the rows, and angles grow
            counter-clockwise as the image is seen. All are 0 for an image of one
            value. When both sigmas are the same, any angle is as good.

        Raises
        ------
        ValueError
            When a parameter or X does not fit; the message says how.
        TypeError
            When pixels are of another type.

        Examples
        --------
        >>> import numpy as np
        >>> from pydbcnn import GaussianBlurTransformer, PolyblurDeblurrer
        >>> disc = np.hypot(*np.mgrid[-40:41, -40:41]) < 25.0
        >>> blurred = GaussianBlurTransformer(sigma=2.0).transform([disc.astype(float)])
        >>> estimator = PolyblurDeblurrer(c=0.399, b=0.408)  # for perfect steps
        >>> estimator.estimate_blur(blurred)[0, :2].round(1)
        array([2., 2.])
        """
        self._validate_params()
        batches, _ = self._check_X(X, reset=False)
        images = [image for batch in batches for image in batch]
        return np.array([self._estimate(image.astype(float)) for image in images])

    def score(self, X, y):
        """Mean peak signal-to-noise ratio of the estimates.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Blurred images.
        y : like X
            Sharp images, or their central parts.

        Returns
        -------
        psnr : float
            In dB, at most 100 for each image.
        """
        estimates = self.predict(X)
        if not holds_images(X):
            y = check_array(y, ensure_2d=False, dtype=ROW_TYPES, input_name="y")
            y, estimates = _as_images_of_rows(y), _as_images_of_rows(estimates)
        y, estimates = same_part(y, estimates)
        return peak_signal_noise_ratio(y, estimates, data_range=self.data_range)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        return tags

    def _check_X(self, X, *, reset):
        """Batches of images, and a callable that gives results the layout of X."""
        if holds_images(X):
            images = as_images(X, "X")
            refuse_gpu(images.batches[0], type(self).__name__)
            return images.batches, images.like
        X = validate_data(self, X, reset=reset, dtype=ROW_TYPES)
        return [_as_images_of_rows(X)], lambda batches: batches[0][:, 0, :, 0]

    def _deblur(self, image):
        image = image.astype(float)
        for _ in range(self.n_iter):
            blur = self._estimate(image)
            for channel in np.moveaxis(image, 2, 0):
                channel[...] = remove_gaussian(
                    np.ascontiguousarray(channel),
                    blur,
                    alpha=self.alpha,
                    beta=self.beta,
                    remove_halos=self.remove_halos,
                )
        return image

    def _estimate(self, image):
        return estimate_gaussian(
            grey(image),
            n_angles=self.n_angles,
            c=self.c,
            b=self.b,
            max_sigma=self.max_sigma,
        )


def _as_images_of_rows(rows):
    """Rows of pixels, or one pixel each, as images of a single row."""
    return rows.reshape(len(rows), 1, -1, 1)


def gradient(image):
    """Derivatives of an image along its rows and along its columns.

    The image is mirrored at its borders, where the jump of a periodic image would
    count as an edge; between the pixels it is a sum of cosines.

    Parameters
    ----------
    image : array of shape (height, width), float64

    Returns
    -------
    along_rows, along_columns : array of shape (height, width)
        Per pixel, to the right and downwards.
    """
    return _slope(image), _slope(image.T).T


def _slope(rows):
    n = rows.shape[1]
    cosines = dct(rows, axis=1)
    sines = np.zeros_like(cosines)
    sines[:, :-1] = cosines[:, 1:] * (-np.pi / n * np.arange(1, n))
    return idst(sines, axis=1)


def estimate_gaussian(image, *, n_angles, c, b, max_sigma):
    """The Gaussian that an image was probably blurred with.

    A sharp photograph has steps from black to white in every direction. The slope of
    a blurred step falls with the sigma across it, so the steepest slope in a
    direction determines the sigma in that direction.

    Parameters
    ----------
    image : array of shape (height, width), float64
    n_angles : int
        Directions in which slopes are measured.
    c, b : float
        A steepest slope f stands for the variance c² / f² - b².
    max_sigma : float
        Limit of what is returned, in pixels.

    Returns
    -------
    sigma_major, sigma_minor, angle : float
        Standard deviations in pixels along the axis with the most blur and across it,
        and the direction of the former in degrees, from 0 to 179, counter-clockwise
        from the rows.
    """
    image = _full_contrast(image)
    if image is None:
        return _NO_BLUR
    slopes = _steepest_slopes(image, n_angles)
    angle = int(np.argmin(slopes))
    across = (angle + 90) % 180
    # Slopes below this one, or none at all, stand for the largest sigma.
    least = c / np.hypot(max_sigma, b)
    variances = (c / np.maximum(slopes[[angle, across]], least)) ** 2 - b**2
    sigmas = np.sqrt(np.clip(variances, 0, max_sigma**2))
    return float(sigmas[0]), float(sigmas[1]), float(angle)


def _full_contrast(image):
    """The image from 0 to 1 without outliers, or None when it is flat."""
    low, high = np.quantile(image, [_OUTLIERS, 1 - _OUTLIERS], method="nearest")
    if low == high:
        low, high = image.min(), image.max()
    if high - low <= _ROUNDING * max(abs(low), abs(high)):
        return None
    return np.clip((image - low) / (high - low), 0, 1)


def _steepest_slopes(image, n_angles):
    """The largest slope in each of 180 directions, one a degree."""
    right, down = gradient(image)
    measured = np.linspace(0, 180, n_angles + 1)
    slopes = [
        np.abs(np.cos(radians) * right - np.sin(radians) * down).max()
        for radians in np.deg2rad(measured[:-1])
    ]
    between = CubicSpline(measured, [*slopes, slopes[0]], bc_type="periodic")
    return between(np.arange(180))


def gaussian_kernel(sigma_major, sigma_minor, angle):
    """A Gaussian with two sigmas, sampled at the pixels.

    Parameters
    ----------
    sigma_major, sigma_minor : float
        Standard deviations in pixels; the second is taken as 0.3 at least, since the
        ridge of a narrower Gaussian would pass between the pixels.
    angle : float
        Direction of the first, in degrees counter-clockwise from the rows.

    Returns
    -------
    kernel : array of shape (size, size), float64
        It adds up to 1 and reaches 4 `sigma_major` on every side.
    """
    radius = kernel_size_for(sigma_major) // 2
    radians = np.deg2rad(angle)
    direction = np.cos(radians), np.sin(radians)
    return elliptic_gaussian(
        sigma_major, max(sigma_minor, _NARROWEST), direction, radius, radius
    )


def remove_gaussian(image, blur, *, alpha, beta, remove_halos):
    """Undo a Gaussian blur approximately.

    Parameters
    ----------
    image : array of shape (height, width), float64
    blur : tuple of 3 float
        As `estimate_gaussian` returns it.
    alpha, beta : float
        See `coefficients`.
    remove_halos : bool
        Whether to take back what turns the gradient round.

    Returns
    -------
    restored : array of shape (height, width), float64
    """
    if blur[0] < _NARROWEST:
        return image
    restored = reblur(image, gaussian_kernel(*blur), coefficients(alpha, beta))
    return without_halos(image, restored) if remove_halos else restored


def coefficients(alpha, beta):
    """The polynomial p that stands in for 1 / k, highest power first.

    It has p(1) = 1 and p'(1) = -1, as 1 / k has them. p''(1) is `alpha`, which is 2
    for 1 / k, and p(0), the gain of what the blur has wiped out, is `beta`.
    """
    return (
        alpha / 2 - beta + 2,
        3 * beta - alpha - 6,
        5 - 3 * beta + alpha / 2,
        beta,
    )


def reblur(image, kernel, polynomial):
    """Apply a polynomial of a blur to an image, by Horner's rule."""
    cv2 = import_cv2()
    highest, *others = polynomial
    result = highest * image
    for coefficient in others:
        result = cv2.filter2D(result, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        result = result.reshape(image.shape) + coefficient * image
    return result


def without_halos(blurred, restored):
    """Blend with the blurred image where gradients have opposite directions.

    With g the gradient of the blurred image and r that of the restored one, a share z
    of the blurred image brings the gradient along g to z |g|² + (1 - z) r·g. Where
    r·g is negative, z is chosen to make it zero.
    """
    slopes, against = np.zeros_like(blurred), np.zeros_like(blurred)
    for before, after in zip(gradient(blurred), gradient(restored), strict=True):
        slopes += before * before
        against -= before * after
    against = np.maximum(against, 0)
    share = against / np.maximum(slopes + against, np.finfo(float).tiny)
    return restored + share * (blurred - restored)
