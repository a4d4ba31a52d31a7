"""BlurEstimator: learns to estimate how blurred an image is."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .._pixels.images import as_images
from .._pixels.values import resolve_data_range
from ..backends.threads import thread_count
from .regressor import BlurRegressor, to_target
from .statistics import as_seen, regions_on_host, statistics_of
from .tiles import sigmas_of_images

_SMALLEST_CROP = 64
_PARTS_PER_THREAD = 4  # parts of images that are fetched before threads need them
_MAX_SIGMA = 1e6  # pixels of sigma: no image is so large
_BATCH_SIZE = 128
# Rates of the solver, and the share of the epochs after which each ends: falling, so
# that the error depends little on which samples came last.
_RATES = ((2e-3, 0.7), (4e-4, 0.9), (8e-5, 1.0))


class BlurEstimator(RegressorMixin, BaseEstimator):
    """Estimates the sigma of the Gaussian blur of images, blind.

    An image becomes 125 statistics: power in rings of frequencies, the width of its
    edges [1]_, the steepest step for a given contrast. Small neural networks, trained
    by scikit-learn's `MLPRegressor`, read sigma from them; their mean counts. What it
    has learned from is what it knows: train it on blurred images with the noise and the
    compression that it will meet, and on sharp ones.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 32)
        Units of the hidden layers of each network.
    n_members : int, default=4
        Networks whose mean counts.
    n_crops : int, default=2
        Random parts of each image, from 64 pixels a side up, that are learned from
        beside the whole image.
    alpha : float, default=0.01
        Strength of the L2 penalty of the weights.
    max_iter : int, default=40
        Epochs of each network.
    data_range : float, default=None
        The pixel value that counts as white. None means the largest value of an
        integer type, and 1.0 for floats.
    random_state : int, RandomState instance or None, default=None
        Draws crops and weights.

    Attributes
    ----------
    regressor_ : BlurRegressor
        The fitted networks, in plain NumPy.
    n_samples_seen_ : int
        Images and crops that were learned from.

    See Also
    --------
    DBCNNDeblurrer.estimate_blur : The estimate that comes with a deblurring model.
    estimate_blur : Which blur images have, of any kind, without a model.

    Notes
    -----
    All is computed on the CPU. Images may lie on a GPU: what is looked at is copied, of
    each image at most a million pixels.

    References
    ----------
    .. [1] S. Zhuo and T. Sim, "Defocus map estimation from a single image", Pattern
       Recognition, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import BlurEstimator, GaussianBlurTransformer
    >>> from pydbcnn.datasets import load_sample_images
    >>> sharp = [image[:96, :96] for image in load_sample_images()]
    >>> sigmas = np.repeat([0.0, 1.0, 2.0, 3.0], len(sharp))
    >>> blurred = [
    ...     image
    ...     for sigma in (0.0, 1.0, 2.0, 3.0)
    ...     for image in GaussianBlurTransformer(sigma).transform(sharp)
    ... ]
    >>> estimator = BlurEstimator(n_members=1, random_state=0).fit(blurred, sigmas)
    >>> estimator.predict(blurred).shape
    (8,)
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like"],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "n_crops": [Interval(Integral, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_layer_sizes=(64, 32),
        *,
        n_members=4,
        n_crops=2,
        alpha=0.01,
        max_iter=40,
        data_range=None,
        random_state=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_members = n_members
        self.n_crops = n_crops
        self.alpha = alpha
        self.max_iter = max_iter
        self.data_range = data_range
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn from blurred images.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), or list of arrays
            Images of type uint8, uint16, float32 or float64.
        y : array of shape (n,)
            Sigma of the blur of each, in pixels; 0 for sharp images.

        Returns
        -------
        self : BlurEstimator
            The fitted estimator.

        Raises
        ------
        ValueError
            When X and y do not match, or a sigma is negative, not finite or above a
            million.
        TypeError
            When pixels are of another type.
        """
        random_state = check_random_state(self.random_state)
        samples, targets = self._samples(X, y, random_state)
        regressor = BlurRegressor.that_standardises(samples)
        inputs = regressor.standardise(samples)
        networks = [self._network(random_state) for _ in range(self.n_members)]
        for network in networks:
            train(network, inputs, targets, _rates(self.max_iter))
        self._keep(regressor, networks)
        self._random_state = random_state
        self.n_samples_seen_ = len(samples)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y):
        """Go on learning: one pass over more blurred images.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), or list of arrays
            Blurred images, as in `fit`.
        y : array of shape (n,)
            Sigma of the blur of each, in pixels.

        Returns
        -------
        self : BlurEstimator
            The estimator, fitted further. One that was read from a file stays as it
            is: it holds what is needed to predict, not to go on.

        Raises
        ------
        ValueError, TypeError
            As in `fit`.
        """
        if not hasattr(self, "regressor_"):
            return self.fit(X, y)
        if self.is_from_file:
            return self
        samples, targets = self._samples(X, y, self._random_state)
        inputs = self.regressor_.standardise(samples)
        for network in self._networks:
            network.set_params(batch_size=min(_BATCH_SIZE, len(samples)))
            network.partial_fit(inputs, targets)
        self._keep(self.regressor_, self._networks)
        self.n_samples_seen_ += len(samples)
        return self

    def predict(self, X, *, tile_size=None):
        """Estimate how blurred images are.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), or list of arrays
            Images of type uint8, uint16, float32 or float64.
        tile_size : int, default=None
            Side in pixels, at least 32, of tiles that are looked at one by one, for a
            blur that varies over the image. None looks at each image as a whole.

        Returns
        -------
        sigma : array of shape (n,), or list of array of shape (rows, columns)
            In pixels; with `tile_size` of each tile.

        Raises
        ------
        ValueError
            When X is no image or `tile_size` is too small.
        TypeError
            When pixels are of another type.
        """
        check_is_fitted(self, "regressor_")
        images = as_images(X, "X")
        return sigmas_of_images(self.regressor_, images, self.data_range, tile_size)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    @property
    def is_from_file(self):
        """Whether it holds what is needed to predict, and not to go on learning."""
        return self._networks is None

    @classmethod
    def from_regressor(cls, regressor):
        """An estimator around networks that were read from a file.

        Parameters
        ----------
        regressor : BlurRegressor
            Networks in plain NumPy, such as the attribute `regressor_` of another.

        Returns
        -------
        estimator : BlurEstimator
            Fitted: it predicts; `partial_fit` leaves it as it is.
        """
        estimator = cls(n_members=len(regressor.members))
        estimator.regressor_ = regressor
        estimator._networks = None
        estimator.n_samples_seen_ = 0
        return estimator

    def _samples(self, X, y, random_state):
        """Statistics of images and crops, and the targets of the networks."""
        images = as_images(X, "X")
        sigmas = _check_sigmas(y, images.n_images)
        scale = resolve_data_range(self.data_range, images.dtype)
        parts = []
        for image in images.each():
            parts.append(image)
            parts += [_crop(image, random_state) for _ in range(self.n_crops)]
        # Parts of images on a GPU are copied by this thread, since they were made on
        # its stream, and a few at a time, since a pool of threads takes all that it is
        # given at once.
        regions = map(regions_on_host, parts)
        n_threads = thread_count()
        samples = []
        with ThreadPoolExecutor(n_threads) as pool:
            while some := list(islice(regions, _PARTS_PER_THREAD * n_threads)):
                samples += pool.map(
                    lambda part: statistics_of(as_seen(part, scale)), some
                )
        return np.array(samples), np.repeat(to_target(sigmas), 1 + self.n_crops)

    def _network(self, random_state):
        return MLPRegressor(
            hidden_layer_sizes=self.hidden_layer_sizes,
            alpha=self.alpha,
            tol=0.0,
            n_iter_no_change=self.max_iter,
            warm_start=True,
            random_state=random_state.randint(2**31 - 1),
        )

    def _keep(self, regressor, networks):
        self._networks = networks
        self.regressor_ = BlurRegressor(
            regressor.mean,
            regressor.scale,
            tuple(
                tuple(
                    (weights.astype(np.float32), biases.astype(np.float32))
                    for weights, biases in zip(
                        network.coefs_, network.intercepts_, strict=True
                    )
                )
                for network in networks
            ),
        )


def _rates(max_iter):
    """Rates of the solver, and for how many epochs each."""
    ends = [0, *(round(share * max_iter) for _, share in _RATES)]
    return [
        (rate, end - start)
        for (rate, _), (start, end) in zip(_RATES, pairwise(ends), strict=True)
    ]


def train(network, inputs, targets, rates):
    """Train a network of scikit-learn's with a warm start, at falling rates.

    Parameters
    ----------
    network : MLPRegressor or MLPClassifier
    inputs : array of shape (n, n_statistics)
    targets : array of shape (n,)
    rates : list of tuple of (float, int)
        Rates of the solver, and for how many epochs each.
    """
    network.set_params(batch_size=min(_BATCH_SIZE, len(inputs)))
    for rate, n_epochs in rates:
        if n_epochs == 0:
            continue
        network.set_params(learning_rate_init=rate, max_iter=n_epochs)
        with warnings.catch_warnings():  # to end at max_iter is the plan
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(inputs, targets)


def _crop(image, random_state):
    """A part of an image at a random place, of a random size."""
    part = image
    for axis in (0, 1):
        size = image.shape[axis]
        smallest = min(_SMALLEST_CROP, size)
        length = int(np.exp(random_state.uniform(np.log(smallest), np.log(size))))
        length = max(length, smallest)  # the exponential of a logarithm may be less
        start = random_state.randint(size - length + 1)
        part = part[(slice(None),) * axis + (slice(start, start + length),)]
    return part


def _check_sigmas(y, n_images):
    sigmas = column_or_1d(y, dtype=np.float64)
    if len(sigmas) != n_images:
        raise ValueError(
            f"X holds {n_images} image(s) but y {len(sigmas)} sigma(s): each image "
            "needs the sigma of its blur, in pixels."
        )
    wrong = ~((sigmas >= 0) & (sigmas <= _MAX_SIGMA))
    if wrong.any():
        raise ValueError(
            f"y[{wrong.argmax()}] is {sigmas[wrong][0]}, which is no blur: expected 0 "
            "for sharp images and the standard deviation in pixels for blurred ones."
        )
    return sigmas
