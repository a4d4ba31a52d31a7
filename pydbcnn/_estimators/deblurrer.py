"""DBCNNDeblurrer: the estimator, from its parameters to its files."""

import warnings
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._blur_estimation.estimator import BlurEstimator
from .._blur_estimation.tiles import sigmas_of_images
from .._network.given_arrays import weights_of_arrays
from .._network.learned_arrays import LearnedArrays
from .._network.network import (
    MAX_BACK_PROJECTIONS,
    check_kernel_sizes,
    check_n_filters,
)
from .._pixels.device import check_place
from .._pixels.images import as_images, check_n_channels
from .._pixels.values import resolve_data_range
from .._restoration.model import DeblurModel
from .._restoration.onnx import export_onnx
from .._training.fitting import BlurLearner, Recipe, fit_model
from .._training.loop import LOSSES, Schedule, Training
from ..backends import PRECISIONS, get_backend
from ..metrics import peak_signal_noise_ratio, same_part
from ..persistence import read_model, save_model
from ..pretrained import model_path
from .inputs import check_pairs, check_X


class DBCNNDeblurrer(RegressorMixin, BaseEstimator):
    """Blind removal of mild blur with a three-layer convolutional network.

    Patch extraction, non-linear mapping and reconstruction [1]_: with ``*`` a
    correlation, ``F1 = relu(W1 * x + b1)``, ``F2 = relu(W2 * F1 + b2)`` and
    ``F = W3 * F2 + b3``. The estimate of the sharp image is ``x + F`` when `residual`
    is true, else ``F``. The network learns from pairs of blurred and sharp images,
    by the gradient of half the mean squared error or of its logarithm.

    Parameters
    ----------
    n_filters : tuple of 2 int, default=(64, 32)
        Filters of the first and of the second layer.
    kernel_sizes : tuple of 3 int, default=(9, 1, 5)
        Odd sides, from 1 to 15 pixels, of the kernels of the three layers.
    residual : bool, default=True
        Whether the network gives the missing detail, which is added to the input,
        instead of the image. X and y then need the same number of channels.
    n_basis_functions : int, default=1
        Polynomials of the blur that the weights are made of: with more than one, the
        weights are W(sigma) = sum of T_k(log sigma) W_k with Chebyshev polynomials
        T_k, and sigma is estimated from each image, or given to `predict`. 1 makes
        weights that are the same for every blur.
    inverse_filter : bool, default=False
        Whether the layers see the image after a linear filter that undoes a Gaussian
        blur of that sigma as well as a linear filter can [3]_. The residual is then
        added to the filtered image.
    n_back_projections : int, default=0
        Layers behind the network that blur the estimate s again, compare with the
        blurred input x and project the difference back: s + P * (x - K * s), with
        learned kernels K of 17 x 17 and P of 9 x 9 pixels. Where sigma is known, K
        starts as the Gaussian of that sigma. Up to 4.
    combine : bool, default=False
        Whether a last layer combines the channels of the blurred input and of the
        estimate.
    sigma_noise : float, default=0.0
        Standard deviation, in pixels, of what is added to the true sigma of a pair each
        time the network learns from it, so that its weights forgive errors of the
        estimate.
    blur_estimator : BlurEstimator, default=None
        What learns to estimate the blur, where weights or filter depend on it; it is
        cloned, and fitted with the network, with the `data_range` of the network and,
        unless it has one, a random state drawn from that of the network. One that is
        fitted already may be passed in a `sklearn.frozen.FrozenEstimator`, which is
        taken as it is. None means a `BlurEstimator` with its defaults.
    loss : {"squared_error", "log_squared_error"}, default="squared_error"
        Half the mean squared error, or half its logarithm, taken for the patches of one
        image at a time: its minimum is the largest mean PSNR, so that weak blurs, where
        errors are small, count as much as strong ones.
    solver : {"adam", "sgd"}, default="adam"
        Adam [2]_, or stochastic gradient descent with Nesterov's momentum of 0.9.
    learning_rate : {"constant", "cosine"}, default="constant"
        Schedule of the learning rate in `fit`: "cosine" falls along half a wave to
        1 % of `learning_rate_init` in the last of `max_iter` epochs.
        `partial_fit`, which knows no end, keeps it constant.
    learning_rate_init : float, default=0.001
        Initial step size of the solver.
    alpha : float, default=0.0
        Strength of the L2 penalty of the weights; it is divided by the number of
        patches in a batch.
    batch_size : int, default=16
        Patches of a batch, at most all there are.
    patch_size : int, default=48
        Side, in pixels, of the patches that `fit` draws from whole images. Around
        each, X is seen `radius_` pixels further.
    max_iter : int, default=100
        Epochs: the most that `fit` makes.
    shuffle : bool, default=True
        Whether each epoch draws patches at random places, flipped and rotated at
        random, or visits given patches in random order. False takes a regular grid
        of patches, or the given ones, in order.
    tol : float, default=1e-7
        Least improvement of the training loss, or with `early_stopping` of the
        validation score in dB, that counts as one.
    n_iter_no_change : int, default=10
        `fit` stops after more than this many epochs in a row without improvement; a
        cosine schedule, being a plan, only with `early_stopping`.
    early_stopping : bool, default=False
        Whether to hold out a share of the images, stop when the score on them does
        not improve, and keep the weights that scored best. Not in `partial_fit`.
    validation_fraction : float, default=0.1
        Share of the images that `early_stopping` holds out, at least one image.
    warm_start : bool, default=False
        Whether `fit` starts from the weights that there are.
    random_state : int, RandomState instance or None, default=None
        Draws the first weights, the patches and the images held out. An int gives
        the same fitted weights every time, whatever the number of threads.
    verbose : bool, default=False
        Whether to show a progress bar with loss and patches a second.
    data_range : float, default=None
        The pixel value that counts as 1. None means the largest value of an integer
        type, and 1.0 for floats.
    precision : {"float32", "tf32", "bfloat16", "float64"}, default="float32"
        What `predict` computes in. "bfloat16" rounds inputs, weights and maps to 8
        significant bits and adds in single precision: the fastest on a GPU, and where
        the processor has AMX, possible with AVX512_BF16, and an error elsewhere.
        "tf32" rounds them to 11 bits, and is an error without a GPU. "float64" computes
        in NumPy, for checking: some hundred times slower. `fit` computes gradients in
        single precision, or in "float64"; on a GPU, with "tf32" and "bfloat16", in
        tf32.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where to compute. "cuda" is the current device of CuPy, or an error that says
        why it cannot be used. "auto" takes it where it can be, and the CPU otherwise.
        What was fitted on one predicts and learns on the other.

    Attributes
    ----------
    coefs_ : list of 3 ndarray of shape (kernel, kernel, inputs, filters)
        Weights of the layers; with several basis functions, those of each along a
        first axis more.
    intercepts_ : list of 3 ndarray of shape (filters,)
        Biases of the layers; with several basis functions, with a first axis more.
    back_projection_coefs_ : list of tuple of 2 ndarray of shape (side, side)
        Kernels K and P of each back-projection; with several basis functions, with a
        first axis more. Where sigma is known, K is what is added to the Gaussian.
    combination_coefs_ : tuple of 3 ndarray or None
        With `combine`, the weights (inputs, outputs) of the blurred input and of the
        estimate, and the biases; with several basis functions, with a first axis more.
    sigma_range_ : tuple of 2 float or None
        The blurs that the model has learned from, in pixels; None where nothing depends
        on the blur. A blur outside counts as the nearest end.
    blur_estimator_ : BlurEstimator or None
        What estimates the blur; None where nothing depends on it.
    loss_curve_ : list of float
        Training loss of each epoch: half the mean squared error of values between
        0 and 1, or half its logarithm, as `loss` says, and the penalty.
    best_loss_ : float or None
        The least of `loss_curve_`; None with `early_stopping`.
    validation_scores_ : list of float or None
        With `early_stopping`, the mean PSNR in dB of the images held out after each
        epoch; else None.
    validation_loss_curve_ : list of float or None
        With `early_stopping`, half their mean squared error; else None.
    best_validation_score_ : float or None
        The largest of `validation_scores_`.
    n_iter_ : int
        Epochs of the last `fit` or `partial_fit`.
    t_ : int
        Patches that the solver has seen.
    n_channels_in_ : int
        Channels of X.
    n_channels_out_ : int
        Channels of y.
    radius_ : int
        Pixels on every side that the estimate of a pixel depends on; where weights
        depend on the blur, for the largest one.
    takes_rows_ : bool
        Whether it was fitted on rows of pixels, and not on images.
    n_features_in_ : int
        Pixels of a row; only when fitted on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only when fitted on rows with names that are all
        strings.

    See Also
    --------
    GaussianBlurTransformer : Makes blurred images of sharp ones.
    PolyblurDeblurrer : Removes blur without training.

    Notes
    -----
    X is an array of greyscale images (n, height, width), of images with channels
    (n, height, width, channels), or a list of (height, width[, channels]) arrays of
    different sizes; of type uint8, uint16, float32 or float64. Two-dimensional X
    holds one image of a single row of pixels per sample.

    With a GPU, images may also be arrays of CuPy, or what other libraries have on the
    GPU. They stay there, and `predict` returns arrays of CuPy. Only where a blur is
    estimated are parts of them copied to the CPU: of each image at most a million
    pixels, and in `fit` each whole pair in its turn. Images and patches of NumPy are
    copied to the GPU when their turn comes. Rows are always of NumPy.

    y has the sizes of X. Or all samples are of one size and y is the central part
    of X without `radius_` pixels on every side: then samples are used as they are,
    as patches. For rows, y may be any central part. Where weights or filter depend on
    the blur, y has the sizes of X.

    References
    ----------
    .. [1] "Image Deblurring Using Deep Learning": patch extraction and
       representation, non-linear mapping, reconstruction.
    .. [2] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [3] N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time
       Series", 1949.

    Examples
    --------
    >>> from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer
    >>> from pydbcnn.datasets import load_sample_images
    >>> sharp = [image[:64, :64] for image in load_sample_images()]
    >>> blurred = GaussianBlurTransformer(sigma=1.6).transform(sharp)
    >>> deblurrer = DBCNNDeblurrer(learning_rate="cosine", max_iter=20, random_state=0)
    >>> deblurrer.fit(blurred, sharp).predict(blurred)[0].shape
    (64, 64, 3)
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "n_filters": ["array-like"],
        "kernel_sizes": ["array-like"],
        "residual": ["boolean"],
        "n_basis_functions": [Interval(Integral, 1, 16, closed="both")],
        "inverse_filter": ["boolean"],
        "n_back_projections": [
            Interval(Integral, 0, MAX_BACK_PROJECTIONS, closed="both")
        ],
        "combine": ["boolean"],
        "sigma_noise": [Interval(Real, 0, None, closed="left")],
        "blur_estimator": [BlurEstimator, FrozenEstimator, None],
        "loss": [StrOptions(set(LOSSES))],
        "solver": [StrOptions({"adam", "sgd"})],
        "learning_rate": [StrOptions({"constant", "cosine"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "patch_size": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Real, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "precision": [StrOptions(set(PRECISIONS))],
        "device": [str],
    }

    def __init__(
        self,
        n_filters=(64, 32),
        kernel_sizes=(9, 1, 5),
        *,
        residual=True,
        n_basis_functions=1,
        inverse_filter=False,
        n_back_projections=0,
        combine=False,
        sigma_noise=0.0,
        blur_estimator=None,
        loss="squared_error",
        solver="adam",
        learning_rate="constant",
        learning_rate_init=0.001,
        alpha=0.0,
        batch_size=16,
        patch_size=48,
        max_iter=100,
        shuffle=True,
        tol=1e-7,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        warm_start=False,
        random_state=None,
        verbose=False,
        data_range=None,
        precision="float32",
        device="auto",
    ):
        self.n_filters = n_filters
        self.kernel_sizes = kernel_sizes
        self.residual = residual
        self.n_basis_functions = n_basis_functions
        self.inverse_filter = inverse_filter
        self.n_back_projections = n_back_projections
        self.combine = combine
        self.sigma_noise = sigma_noise
        self.blur_estimator = blur_estimator
        self.loss = loss
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.batch_size = batch_size
        self.patch_size = patch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.data_range = data_range
        self.precision = precision
        self.device = device

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn from pairs of blurred and sharp images.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Blurred images.
        y : like X
            Sharp images; see Notes of the class for sizes.

        Returns
        -------
        self : DBCNNDeblurrer
            The fitted estimator.

        Raises
        ------
        ValueError
            When X and y do not match or are no images, or training diverges.
        TypeError
            When pixels are of another type, or X, y and `device` are not in one place.
        DeviceUnavailableError
            When `device` cannot be used here.

        Warns
        -----
        ConvergenceWarning
            When a constant learning rate still brought progress after `max_iter`
            epochs.
        """
        return fit_deblurrer(self, X, y)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y):
        """Go on learning: one pass over the pairs, in batches of `batch_size`.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Blurred images, as in `fit`.
        y : like X
            Sharp images, as in `fit`.

        Returns
        -------
        self : DBCNNDeblurrer
            The estimator, fitted further.

        Raises
        ------
        ValueError, TypeError, DeviceUnavailableError
            As in `fit`, and when `early_stopping` is true.
        """
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        return fit_deblurrer(self, X, y, incremental=True)

    def predict(
        self,
        X,
        sigma=None,
        *,
        blur=None,
        noise=None,
        strength=1.0,
        clipped="white",
        tile_size=None,
    ):
        """Estimate sharp images.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Blurred images, in the layout of fit: rows where it was fitted on rows.
        sigma : float, array of shape (n,), or list of n float or array, default=None
            Short for a round Gaussian blur of that standard deviation in pixels, one
            for all images or one for each; one that the model has not learned from
            counts as the nearest that it has. A two-dimensional array holds one for
            each of equal tiles of an image, from which those of its pixels are
            interpolated.
        blur : Blur, array of shape (height, width), or list of n of them, default=None
            The blur, where it is known, of whatever kind: one for all images or one for
            each. An array of numbers is a kernel of at most 41 x 41 pixels. An array of
            `Blur` of shape (rows, columns), such as `estimate_blur` gives, holds one
            for each of equal tiles of an image. Images whose blur is "none" or
            "unknown" stay as they are. None estimates the blur as that of a round
            Gaussian, and leaves images alone that look sharp. Only for models that
            depend on it, and kinds other than a round Gaussian only for those with
            `inverse_filter`.
        noise : float, Noise, or list of n of them, default=None
            The noise, where it is known: its standard deviation in levels of 8 bits, of
            which 255 are white, or a `Noise`; one for all images or one for each. The
            filter is then made for it and for the image. None takes that of the blur,
            where it tells, or the little that models have learned with. Only for
            models with `inverse_filter`.
        strength : float, default=1.0
            How much of the blur is undone: 1 undoes it as it is, 0 returns the image,
            and 2 goes as far beyond.
        clipped : {"white", "none"} or list of n array of bool, default="white"
            Which pixels are clipped, so that no blur has made them: a filter is not
            trusted as far as they reach (see `confidence_map`). "white" looks for them
            among those at the end of the data range, "none" takes none; a mask of shape
            (height, width) for each image tells them, as from the levels of a raw file.
        tile_size : int, default=None
            Where the blur is estimated, the side in pixels of tiles that get a sigma of
            their own, for a blur that varies over the image. None takes one for each
            image.

        Returns
        -------
        y : like X
            The estimates, in the layout, type and range of X; integers are rounded
            and clipped. Where X is on a GPU, so are they.

        Raises
        ------
        ValueError
            When X is no image or has other channels than in `fit`, or what is known of
            it is not understood or does not go with the model.
        TypeError
            When its pixels are of another type, or lie on a GPU and `device` does not.
        DeviceUnavailableError
            When `device` cannot be used here.

        Examples
        --------
        >>> from pydbcnn import Blur, DBCNNDeblurrer, KernelBlurTransformer
        >>> from pydbcnn.datasets import load_sample_images
        >>> sharp, motion = load_sample_images(), Blur.motion(5, angle=20)
        >>> blurred = KernelBlurTransformer(motion.kernel()).transform(sharp)
        >>> model = DBCNNDeblurrer.from_pretrained("mild")
        >>> blind, told = model.score(blurred, sharp), model.score(
        ...     blurred, sharp, blur=motion, noise=0.5
        ... )
        >>> bool(told > blind + 3)
        True
        """
        check_is_fitted(self, "coefs_")
        batches, restore = check_X(self, X)
        model = self._model()
        known = model.check(
            sigma=sigma,
            blur=blur,
            noise=noise,
            strength=strength,
            clipped=clipped,
            tile_size=tile_size,
            shapes=[size for batch in batches for size in _sizes_of(batch)],
            dtype=batches[0].dtype,
        )
        backend = get_backend(self.device, self.precision)
        check_place(batches[0], backend, self.device)
        estimates = []
        for batch in batches:
            of_batch, known = known.split(len(batch))
            estimates.append(
                model.restore(
                    backend,
                    batch,
                    data_range=resolve_data_range(self.data_range, batch.dtype),
                    known=of_batch,
                )
            )
        return restore(estimates)

    def estimate_blur(self, X, *, tile_size=None):
        """Estimate how blurred images are.

        `predict` undoes a little less where the estimate is in doubt, and leaves images
        alone that look sharp (below about 0.6 pixels) or have no edges.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), or list of arrays
            Blurred images, with the channels of fit.
        tile_size : int, default=None
            Side in pixels, at least 32, of tiles that are looked at one by one. None
            looks at each image as a whole.

        Returns
        -------
        sigma : array of shape (n,), or list of array of shape (rows, columns)
            Standard deviation of the Gaussian in pixels; with `tile_size` of each tile.

        Raises
        ------
        ValueError
            When the model does not depend on the blur, and so does not estimate it, or
            X is no image.
        TypeError
            When pixels are of another type.

        Examples
        --------
        >>> from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer
        >>> from pydbcnn.datasets import load_sample_images
        >>> sharp = [image[:96, :96] for image in load_sample_images()]
        >>> weak, strong = (
        ...     GaussianBlurTransformer(sigma).transform(sharp) for sigma in (1.0, 3.0)
        ... )
        >>> model = DBCNNDeblurrer(
        ...     inverse_filter=True, max_iter=1, learning_rate="cosine", random_state=0
        ... )
        >>> model = model.fit([*weak, *strong], [*sharp, *sharp])
        >>> bool(model.estimate_blur(weak).max() < model.estimate_blur(strong).min())
        True
        """
        check_is_fitted(self, "coefs_")
        model = self._model()
        model.check_estimates_blur()
        images = as_images(X, "X", n_channels=self.n_channels_in_)
        check_n_channels(images, self.n_channels_in_, "X")
        return sigmas_of_images(model.regressor, images, self.data_range, tile_size)

    def score(self, X, y, sigma=None, **known):
        """Mean peak signal-to-noise ratio of the estimates.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Blurred images.
        y : like X
            Sharp images, or their central parts.
        sigma : float, array or list, default=None
            As in `predict`.
        **known
            The other keywords of `predict`: `blur`, `noise`, `strength`, `clipped` and
            `tile_size`.

        Returns
        -------
        psnr : float
            In dB, at most 100 for each image.
        """
        estimates = self.predict(X, sigma, **known)
        y, estimates = same_part(y, estimates)
        return peak_signal_noise_ratio(y, estimates, data_range=self.data_range)

    @property
    def radius_(self):
        """Pixels on every side that the estimate of a pixel depends on."""
        check_is_fitted(self, "coefs_")
        return self._weights.radius

    @property
    def takes_rows_(self):
        """Whether it was fitted on rows of pixels, and not on images."""
        check_is_fitted(self, "coefs_")
        layout = getattr(self, "_layout", None)
        return layout is not None and layout.is_rows

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        return tags

    @classmethod
    def from_pretrained(cls, name="mild"):
        """A model that ships with the package.

        Parameters
        ----------
        name : str, default="mild"
            One of `pydbcnn.pretrained.available_models`.

        Returns
        -------
        deblurrer : DBCNNDeblurrer
            Fitted.

        Raises
        ------
        ValueError
            When there is no such model; the message lists them.

        Examples
        --------
        >>> from pydbcnn import DBCNNDeblurrer
        >>> DBCNNDeblurrer.from_pretrained("mild").n_channels_in_
        3
        """
        return cls.load(model_path(name))

    @classmethod
    def from_weights(
        cls,
        coefs,
        intercepts,
        *,
        back_projection_coefs=(),
        combination_coefs=None,
        sigma_range=None,
        blur_estimator=None,
        **params,
    ):
        """An estimator around given weights.

        Parameters
        ----------
        coefs : list of 3 array of shape (kernel, kernel, inputs, filters)
            Weights of the layers, as in the attribute `coefs_`.
        intercepts : list of 3 array of shape (filters,)
            Biases of the layers.
        back_projection_coefs : list of tuple of 2 array, default=()
            Kernels of back-projections, as in the attribute `back_projection_coefs_`.
        combination_coefs : tuple of 3 array, default=None
            Weights of the combination, as in the attribute `combination_coefs_`.
        sigma_range : tuple of 2 float, default=None
            Blurs that the weights were made for; needed where they depend on it.
        blur_estimator : BlurEstimator, default=None
            Fitted: estimates the blur, and is copied, so that `partial_fit` leaves it
            alone. Without it, `predict` needs sigma.
        **params
            Other parameters of the estimator; those that follow from the weights
            are left out.

        Returns
        -------
        deblurrer : DBCNNDeblurrer
            Fitted: it predicts, and learns further with `partial_fit`.

        Raises
        ------
        ValueError
            When the shapes do not make a network.
        NotFittedError
            When `blur_estimator` is not fitted.

        Examples
        --------
        >>> import numpy as np
        >>> from pydbcnn import DBCNNDeblurrer
        >>> shapes = [(3, 3, 1, 4), (1, 1, 4, 2), (3, 3, 2, 1)]
        >>> deblurrer = DBCNNDeblurrer.from_weights(
        ...     [np.zeros(s) for s in shapes], [np.zeros(s[-1]) for s in shapes]
        ... )
        >>> float(deblurrer.predict(np.full((1, 4, 4), 0.5)).max())
        0.5
        """
        arrays = LearnedArrays(
            coefs, intercepts, back_projection_coefs, combination_coefs
        )
        weights = weights_of_arrays(
            arrays,
            residual=params.get("residual", True),
            inverse_filter=params.get("inverse_filter", False),
            sigma_range=sigma_range,
        )
        network = weights.network
        estimator = cls(
            n_filters=network.n_filters,
            kernel_sizes=network.kernel_sizes,
            n_basis_functions=weights.n_basis_functions,
            n_back_projections=network.n_back_projections,
            combine=network.combine,
            blur_estimator=blur_estimator,
            **params,
        )
        estimator._validate_params()
        estimator.blur_estimator_ = None
        if weights.needs_sigma and blur_estimator is not None:
            check_is_fitted(blur_estimator, "regressor_")
            estimator.blur_estimator_ = deepcopy(blur_estimator)
        estimator._set_weights(weights, arrays.flatten(weights, estimator._dtype()))
        return estimator

    def save(self, path, *, overwrite=False):
        """Write the fitted model to a safetensors file.

        Parameters
        ----------
        path : path-like
            Its folder must exist. The file appears whole or not at all.
        overwrite : bool, default=False
            Whether a file that is already there may be replaced.

        See Also
        --------
        pydbcnn.persistence.save_model : What the file holds, and what is refused.
        """
        save_model(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path):
        """Read a model that `save` has written; no pickle is involved.

        Parameters
        ----------
        path : path-like
            A file that `save` has written.

        Returns
        -------
        deblurrer : DBCNNDeblurrer
            Fitted.

        Raises
        ------
        ValueError
            When the file is no such model, or a damaged one.
        """
        model, settings = read_model(path)
        unknown = sorted(set(settings) - set(cls._get_param_names()))
        if unknown:
            raise ValueError(
                f"{path} holds parameters that this version does not know: "
                f"{', '.join(unknown)}. Install a newer pydbcnn to load it."
            )
        estimator = cls(**settings)
        estimator._validate_params()
        estimator.blur_estimator_ = None
        if model.regressor is not None:
            estimator.blur_estimator_ = BlurEstimator.from_regressor(
                model.regressor
            ).set_params(data_range=estimator.data_range)
        estimator._set_weights(model.weights, model.params.astype(estimator._dtype()))
        return estimator

    def to_onnx(self, path, *, sigma=None, blur=None, noise=None, overwrite=False):
        """Write the network as an ONNX model, for other runtimes.

        The model takes ``blurred`` and gives ``restored``: float32 of shape (n, height,
        width, channels) with values that are divided by the data range, so that white
        is 1. Images must be larger than `radius_` on both sides: ONNX mirrors at the
        border only once. Needs the package onnx.

        Parameters
        ----------
        path : path-like
            The file appears whole or not at all.
        sigma : float, default=None
            Short for a round Gaussian blur of that sigma in pixels.
        blur : Blur or array of shape (height, width), default=None
            The blur that the model undoes, where it depends on one: a file holds the
            network for one blur.
        noise : float or Noise, default=None
            The noise that its filter is made for, as in `predict`; of photographs, the
            typical power spectrum is taken, since there is none to be looked at.
        overwrite : bool, default=False
            Whether a file that is already there may be replaced.

        Raises
        ------
        ValueError
            When the model depends on the blur and none is given, or the other way
            round.
        """
        check_is_fitted(self, "coefs_")
        export_onnx(
            self._model(),
            path,
            sigma=sigma,
            blur=blur,
            noise=noise,
            overwrite=overwrite,
        )

    def _model(self):
        """What has been learned, as plain data."""
        estimator = self.blur_estimator_
        regressor = None if estimator is None else estimator.regressor_
        return DeblurModel(self._weights, self._params(), regressor)

    def _params(self):
        """All that was learned in one vector, from the arrays that users see."""
        arrays = LearnedArrays(
            self.coefs_,
            self.intercepts_,
            self.back_projection_coefs_,
            self.combination_coefs_,
        )
        return arrays.flatten(self._weights, self._dtype())

    def _set_weights(self, weights, params):
        self.n_channels_in_ = weights.network.n_channels_in
        self.n_channels_out_ = weights.network.n_channels_out
        self.sigma_range_ = weights.sigma_range if weights.needs_sigma else None
        # The form of the network stays that of the weights, whatever becomes of the
        # parameters of the estimator after they were learned.
        self._weights = weights
        arrays = LearnedArrays.of(weights, params)
        self.coefs_, self.intercepts_ = arrays.coefs, arrays.intercepts
        self.back_projection_coefs_ = arrays.back_projections
        self.combination_coefs_ = arrays.combination

    def _set_fitted(self, fitted, layout):
        """Keep what `fit_model` has returned."""
        training = self._training = fitted.training
        self.blur_estimator_ = fitted.blur_estimator
        self._layout = layout
        self._set_weights(training.weights, training.chosen_params())
        self.n_iter_, self.t_ = training.n_iter, training.t
        self.loss_curve_ = training.loss_curve
        stopping = self.early_stopping
        self.best_loss_ = None if stopping else training.best_loss
        self.validation_scores_ = training.validation_scores if stopping else None
        self.validation_loss_curve_ = training.validation_losses if stopping else None
        self.best_validation_score_ = training.best_score if stopping else None

    def _recipe(self, incremental):
        """The parameters that decide what is learned, checked."""
        return Recipe(
            form=dict(
                n_filters=check_n_filters(self.n_filters),
                kernel_sizes=check_kernel_sizes(self.kernel_sizes),
                residual=self.residual,
                n_back_projections=self.n_back_projections,
                combine=self.combine,
            ),
            n_basis_functions=self.n_basis_functions,
            inverse_filter=self.inverse_filter,
            schedule=self._schedule(incremental),
            batch_size=self.batch_size,
            patch_size=self.patch_size,
            shuffle=self.shuffle,
            sigma_noise=self.sigma_noise,
            validation_fraction=self.validation_fraction,
            data_range=self.data_range,
            keep_optimizer=incremental,
            dtype=self._dtype(),
            verbose=self.verbose,
        )

    def _schedule(self, incremental):
        return Schedule(
            solver=self.solver,
            learning_rate="constant" if incremental else self.learning_rate,
            learning_rate_init=self.learning_rate_init,
            alpha=self.alpha,
            max_iter=1 if incremental else self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            early_stopping=self.early_stopping,
            loss=self.loss,
        )

    def _earlier_training(self):
        """The training that `partial_fit` and a warm start go on with."""
        training = getattr(self, "_training", None)
        if training is None:  # the weights are from a file, or were given
            random_state = check_random_state(self.random_state)
            training = Training(self._weights, None, None, random_state)
        return training

    def _blur_learner(self, fresh):
        """What learns to estimate the blur with the network."""
        if isinstance(self.blur_estimator, FrozenEstimator):
            check_is_fitted(self.blur_estimator, "regressor_")
            return BlurLearner(self.blur_estimator, is_fixed=True)
        if fresh or self.blur_estimator_ is None:
            estimator = clone(self.blur_estimator or BlurEstimator())
            return BlurLearner(estimator, is_new=True)
        estimator = deepcopy(self.blur_estimator_)
        fixed = isinstance(estimator, FrozenEstimator) or estimator.is_from_file
        return BlurLearner(estimator, is_fixed=fixed)

    def _dtype(self):
        """The type of parameters and gradients."""
        return np.dtype(np.float64 if self.precision == "float64" else np.float32)


def _sizes_of(batch):
    """Height and width of each image of a batch."""
    return [batch.shape[1:3]] * len(batch)


def fit_deblurrer(deblurrer, X, y, *, incremental=False, checkpoint=None):
    """What `fit` and `partial_fit` do, with a checkpoint where there is one.

    Parameters
    ----------
    deblurrer : DBCNNDeblurrer
        With parameters that `check_parameters` takes.
    X, y
        As in `DBCNNDeblurrer.fit`.
    incremental : bool, default=False
        Whether to go on with the weights and the solver for one epoch.
    checkpoint : Checkpoint or None, default=None
        Where the state is kept after each epoch; an interrupted run goes on from it.

    Returns
    -------
    deblurrer : DBCNNDeblurrer
    """
    recipe = deblurrer._recipe(incremental)
    backend = get_backend(deblurrer.device, deblurrer.precision)
    goes_on = incremental or deblurrer.warm_start
    fresh = not goes_on or not hasattr(deblurrer, "coefs_")
    pairs = check_pairs(deblurrer, X, y, reset=fresh)
    check_place(pairs.X[0], backend, deblurrer.device)
    fitted = fit_model(
        recipe,
        pairs,
        backend,
        random_state=check_random_state(deblurrer.random_state),
        earlier=None if fresh else deblurrer._earlier_training(),
        earlier_params=None if fresh else deblurrer._params(),
        blur_learner=deblurrer._blur_learner(fresh) if recipe.needs_sigma else None,
        checkpoint=checkpoint,
    )
    deblurrer._set_fitted(fitted, pairs.layout)
    if not incremental:
        _warn_of_progress(deblurrer, fitted.training)
    return deblurrer


def check_parameters(deblurrer):
    """Raise a ValueError for parameters that `fit` refuses, without any images."""
    deblurrer._validate_params()
    deblurrer._recipe(incremental=False)


def _warn_of_progress(deblurrer, training):
    """Warn where a constant learning rate still brought progress at the end."""
    at_the_end = training.n_iter == deblurrer.max_iter and not training.stopped
    if deblurrer.learning_rate == "constant" and at_the_end:
        warnings.warn(
            f"max_iter={deblurrer.max_iter} epochs were made and the loss still falls: "
            "increase max_iter, or plan for it with learning_rate='cosine'.",
            ConvergenceWarning,
            stacklevel=5,
        )
