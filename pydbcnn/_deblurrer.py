"""DBCNNDeblurrer: parameters, checks, and the way to training and inference."""

import warnings
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from . import _pairs
from ._images import resolve_data_range
from ._network import MAX_FILTERS, MAX_KERNEL_SIZE, Network
from ._progress import TrainingBar
from ._sampling import GivenPatches, RandomPatches
from ._training import Schedule, Training
from .backends import PRECISIONS, get_backend
from .metrics import peak_signal_noise_ratio


class DBCNNDeblurrer(RegressorMixin, BaseEstimator):
    """Blind removal of mild blur with a three-layer convolutional network.

    Patch extraction, non-linear mapping and reconstruction [1]_: with ``*`` a
    correlation, ``F1 = relu(W1 * x + b1)``, ``F2 = relu(W2 * F1 + b2)`` and
    ``F = W3 * F2 + b3``. The estimate of the sharp image is ``x + F`` when `residual`
    is true, else ``F``. The network learns from pairs of blurred and sharp images,
    by the gradient of half the mean squared error.

    Parameters
    ----------
    n_filters : tuple of 2 int, default=(64, 32)
        Filters of the first and of the second layer.
    kernel_sizes : tuple of 3 int, default=(9, 1, 5)
        Odd sides, from 1 to 15 pixels, of the kernels of the three layers.
    residual : bool, default=True
        Whether the network gives the missing detail, which is added to the input,
        instead of the image. X and y then need the same number of channels.
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
    precision : {"float32", "bfloat16", "float64"}, default="float32"
        What `predict` computes in. "bfloat16" rounds inputs, weights and maps to 8
        significant bits and adds in single precision: the fastest where the processor
        has AMX, possible with AVX512_BF16, and an error elsewhere. "float64" computes
        in NumPy, for checking: some hundred times slower. `fit` computes gradients in
        single precision, or in "float64".
    device : {"auto", "cpu"}, default="auto"
        Where to compute; "auto" takes the fastest of `available_devices`.

    Attributes
    ----------
    coefs_ : list of 3 ndarray of shape (kernel, kernel, inputs, filters)
        Weights of the layers.
    intercepts_ : list of 3 ndarray of shape (filters,)
        Biases of the layers.
    loss_curve_ : list of float
        Training loss of each epoch: half the mean squared error of values between
        0 and 1, and the penalty.
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
        Pixels on every side that the estimate of a pixel depends on.
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

    y has the sizes of X. Or all samples are of one size and y is the central part
    of X without `radius_` pixels on every side: then samples are used as they are,
    as patches. For rows, y may be any central part.

    References
    ----------
    .. [1] "Image Deblurring Using Deep Learning": patch extraction and
       representation, non-linear mapping, reconstruction.
    .. [2] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.

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

    _parameter_constraints: dict = {
        "n_filters": ["array-like"],
        "kernel_sizes": ["array-like"],
        "residual": ["boolean"],
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
            When pixels are of another type.
        DeviceUnavailableError
            When `device` cannot be used here.

        Warns
        -----
        ConvergenceWarning
            When a constant learning rate still brought progress after `max_iter`
            epochs.
        """
        return self._fit(X, y)

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
        return self._fit(X, y, incremental=True)

    def predict(self, X):
        """Estimate sharp images.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Blurred images, in the layout of fit: rows where it was fitted on rows.

        Returns
        -------
        y : like X
            The estimates, in the layout, type and range of X; integers are rounded
            and clipped.

        Raises
        ------
        ValueError
            When X is no image or has other channels than in `fit`.
        TypeError
            When its pixels are of another type.
        """
        check_is_fitted(self, "coefs_")
        batches, restore = _pairs.check_X(self, X)
        network, params = self._network(), self._params()
        backend = get_backend(self.device, self.precision)
        return restore(
            [
                backend.forward(
                    network, params, batch, data_range=self._range(batch.dtype)
                )
                for batch in batches
            ]
        )

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
        y, estimates = _pairs.same_part(y, estimates)
        return peak_signal_noise_ratio(y, estimates, data_range=self.data_range)

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
        from .pretrained import model_path

        return cls.load(model_path(name))

    @classmethod
    def from_weights(cls, coefs, intercepts, **params):
        """An estimator around given weights.

        Parameters
        ----------
        coefs : list of 3 array of shape (kernel, kernel, inputs, filters)
            Weights of the layers.
        intercepts : list of 3 array of shape (filters,)
            Biases of the layers.
        **params
            Other parameters of the estimator; `n_filters` and `kernel_sizes` follow
            from the weights.

        Returns
        -------
        deblurrer : DBCNNDeblurrer
            Fitted: it predicts, and learns further with `partial_fit`.

        Raises
        ------
        ValueError
            When the shapes do not make a network.

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
        from .persistence import network_of_weights

        network = network_of_weights(
            coefs, intercepts, residual=params.get("residual", True)
        )
        estimator = cls(
            n_filters=network.n_filters, kernel_sizes=network.kernel_sizes, **params
        )
        estimator._validate_params()
        dtype = estimator._dtype()
        estimator._set_weights(network, network.flatten(coefs, intercepts, dtype))
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
        from .persistence import save_model

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
        from .persistence import read_model

        network, params, settings = read_model(path)
        unknown = sorted(set(settings) - set(cls._get_param_names()))
        if unknown:
            raise ValueError(
                f"{path} holds parameters that this version does not know: "
                f"{', '.join(unknown)}. Install a newer pydbcnn to load it."
            )
        del settings["n_filters"], settings["kernel_sizes"]  # the weights tell them
        return cls.from_weights(*network.views(params), **settings)

    def to_onnx(self, path, *, overwrite=False):
        """Write the network as an ONNX model, for other runtimes.

        The model takes ``blurred`` and gives ``restored``: float32 of shape (n, height,
        width, channels) with values that are divided by the data range, so that white
        is 1. Images must be larger than `radius_` on both sides: ONNX mirrors at the
        border only once. Needs the package onnx.

        Parameters
        ----------
        path : path-like
            The file appears whole or not at all.
        overwrite : bool, default=False
            Whether a file that is already there may be replaced.
        """
        from ._onnx import export_onnx

        export_onnx(self, path, overwrite=overwrite)

    @property
    def radius_(self):
        """Pixels on every side that the estimate of a pixel depends on."""
        check_is_fitted(self, "coefs_")
        return self._network().radius

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        return tags

    def _fit(self, X, y, *, incremental=False, checkpoint=None):
        kernel_sizes = _check_kernel_sizes(self.kernel_sizes)
        n_filters = _check_n_filters(self.n_filters)
        backend = get_backend(self.device, self.precision)
        fresh = not (incremental or self.warm_start) or not hasattr(self, "coefs_")
        pairs = _pairs.check_pairs(self, X, y, reset=fresh)
        network = Network(
            pairs.n_channels_in,
            pairs.n_channels_out,
            n_filters,
            kernel_sizes,
            self.residual,
        )
        pairs.check_geometry(network.radius)
        training = self._start_training(network, fresh, incremental)
        train, held_out = pairs, None
        if self.early_stopping:
            train, held_out = pairs.split(
                self.validation_fraction, training.random_state
            )
        sampler = self._sampler(train, network.radius)
        if checkpoint is not None:
            checkpoint.restore(training)
        self._run(training, backend, sampler, held_out, checkpoint)
        self._store(training, pairs)
        if self._should_warn(training, incremental):
            warnings.warn(
                f"max_iter={self.max_iter} epochs were made and the loss still falls: "
                "increase max_iter, or plan for it with learning_rate='cosine'.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _should_warn(self, training, incremental):
        return (
            not incremental
            and self.learning_rate == "constant"
            and training.n_iter == self.max_iter
            and not training.stopped
        )

    def _start_training(self, network, fresh, incremental):
        training = getattr(self, "_training", None)
        if fresh or training is None:
            random_state = check_random_state(self.random_state)
            params = (
                network.initial_params(random_state, self._dtype())
                if fresh
                else self._params()
            )
            training = Training(network, params, None, random_state)
        if not fresh:
            self._check_same_network(network)
            training.params = self._params()
        training.start_run(self._schedule(incremental), keep_optimizer=incremental)
        return training

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
        )

    def _check_same_network(self, network):
        if self._network() != network:
            raise ValueError(
                f"The fitted weights belong to {self._network()}, but the parameters "
                f"and the data ask for {network}: keep n_filters, kernel_sizes, "
                "residual and the channels, or fit anew with warm_start=False."
            )

    def _sampler(self, pairs, radius):
        shared = dict(
            scale=self._range(pairs.dtype),
            radius=radius,
            batch_size=self.batch_size,
            shuffle=self.shuffle,
            dtype=self._dtype(),
        )
        if pairs.as_they_are:
            return GivenPatches(pairs.X[0], pairs.y[0], **shared)
        images = [
            [image for batch in side for image in batch] for side in (pairs.X, pairs.y)
        ]
        return RandomPatches(*images, patch_size=self.patch_size, **shared)

    def _run(self, training, backend, sampler, held_out, checkpoint):
        validate = held_out and partial(
            self._validate, backend, training.network, held_out
        )
        bar = TrainingBar(training, sampler.n_samples, disable=not self.verbose)
        on_epoch = checkpoint and partial(checkpoint.save, training)
        with bar:
            try:
                training.run(
                    backend, sampler, validate, on_batch=bar.on_batch, on_epoch=on_epoch
                )
            except KeyboardInterrupt:
                if checkpoint is not None:
                    raise  # the run goes on from its last whole epoch
                warnings.warn("Training interrupted by user.", stacklevel=4)

    def _validate(self, backend, network, pairs, params):
        """Half the mean squared error and the mean PSNR of pairs held out."""
        scale = self._range(pairs.dtype)
        losses, scores = [], []
        for X, y in zip(pairs.X, pairs.y, strict=True):
            estimate = backend.forward(network, params, X, data_range=scale)
            y, estimate = _pairs.same_part(y, estimate)
            for true, pred in zip(y, estimate, strict=True):
                error = np.subtract(true, pred, dtype=float) / scale
                losses.append(np.mean(error * error) / 2)
                scores.append(
                    peak_signal_noise_ratio(
                        true[np.newaxis], pred[np.newaxis], data_range=scale
                    )
                )
        return float(np.mean(losses)), float(np.mean(scores))

    def _store(self, training, pairs):
        self._training = training
        self._layout = pairs.layout
        self._set_weights(training.network, training.chosen_params())
        self.n_iter_, self.t_ = training.n_iter, training.t
        self.loss_curve_ = training.loss_curve
        stopping = self.early_stopping
        self.best_loss_ = None if stopping else training.best_loss
        self.validation_scores_ = training.validation_scores if stopping else None
        self.validation_loss_curve_ = training.validation_losses if stopping else None
        self.best_validation_score_ = training.best_score if stopping else None

    def _set_weights(self, network, params):
        self.n_channels_in_ = network.n_channels_in
        self.n_channels_out_ = network.n_channels_out
        # The weights fix the form; the parameter may change after they were learned.
        self._residual = network.residual
        weights, biases = network.views(params)
        self.coefs_ = [weight.copy() for weight in weights]
        self.intercepts_ = [bias.copy() for bias in biases]

    def _network(self):
        return Network(
            self.n_channels_in_,
            self.n_channels_out_,
            tuple(coef.shape[3] for coef in self.coefs_[:-1]),
            tuple(coef.shape[0] for coef in self.coefs_),
            self._residual,
        )

    def _params(self):
        return self._network().flatten(self.coefs_, self.intercepts_, self._dtype())

    def _dtype(self):
        """Of parameters and gradients."""
        return np.dtype(np.float64 if self.precision == "float64" else np.float32)

    def _range(self, dtype):
        return resolve_data_range(self.data_range, dtype)


def _check_n_filters(n_filters):
    values = tuple(n_filters)
    if len(values) != 2 or not all(
        _is_int(value) and 1 <= value <= MAX_FILTERS for value in values
    ):
        raise ValueError(
            f"n_filters={n_filters!r}: expected two integers from 1 to {MAX_FILTERS}, "
            "the filters of the first and of the second layer, such as (64, 32)."
        )
    return tuple(int(value) for value in values)


def _check_kernel_sizes(kernel_sizes):
    values = tuple(kernel_sizes)
    if len(values) != 3 or not all(
        _is_int(value) and 1 <= value <= MAX_KERNEL_SIZE and value % 2 == 1
        for value in values
    ):
        raise ValueError(
            f"kernel_sizes={kernel_sizes!r}: expected three odd integers from 1 to "
            f"{MAX_KERNEL_SIZE}, such as (9, 1, 5)."
        )
    return tuple(int(value) for value in values)


def _is_int(value):
    return isinstance(value, Integral) and not isinstance(value, bool)
