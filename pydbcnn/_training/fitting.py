"""How DBCNNDeblurrer learns: from its parameters and pairs to weights."""

import warnings
from copy import deepcopy
from dataclasses import replace
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._blur_estimation.estimator import BlurEstimator
from .._blur_estimation.pair import MAX_SIGMA, sigma_of_pair
from .._network.blur_aware import MIN_SIGMA, BlurAwareNetwork
from .._network.network import MAX_FILTERS, MAX_KERNEL_SIZE, Network
from .._pixels.device import check_place
from .._progress import TrainingBar
from .._restoration.model import DeblurModel, split
from ..backends import get_backend
from ..metrics import mean_squared_error, peak_signal_noise_ratio
from . import pairs as _pairs
from .loop import Schedule, Training
from .sampling import GivenPatches, RandomPatches

_IMAGES_PER_SHARP = 8  # blurred images for each sharp one that shows what sharp is


class FittingMixin:
    """The way from pairs to the attributes of a fitted `DBCNNDeblurrer`."""

    def _fit(self, X, y, *, incremental=False, checkpoint=None):
        form = self._form_of_network()
        backend = get_backend(self.device, self.precision)
        fresh = not (incremental or self.warm_start) or not hasattr(self, "coefs_")
        pairs = _pairs.check_pairs(self, X, y, reset=fresh)
        check_place(pairs.X[0], backend, self.device)
        network = Network(pairs.n_channels_in, pairs.n_channels_out, **form)
        if self._needs_sigma():
            pairs = _with_sigmas(pairs)
        weights = self._weights_for(network, pairs, fresh)
        pairs.check_geometry(weights.radius)
        training = self._start_training(weights, fresh, incremental)
        train, held_out = pairs, None
        if self.early_stopping:
            train, held_out = pairs.split(
                self.validation_fraction, training.random_state
            )
        blur_estimator = self._learn_blur(
            train, fresh, incremental, training.random_state
        )
        sampler = self._sampler(train, weights.radius)
        if checkpoint is not None:
            checkpoint.restore(training)
        self._run(training, backend, sampler, held_out, checkpoint)
        self._store(training, pairs, blur_estimator)
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

    def _form_of_network(self):
        """What the parameters say about the network."""
        return dict(
            n_filters=_check_n_filters(self.n_filters),
            kernel_sizes=_check_kernel_sizes(self.kernel_sizes),
            residual=self.residual,
            n_back_projections=self.n_back_projections,
            combine=self.combine,
        )

    def _needs_sigma(self):
        return self.n_basis_functions > 1 or self.inverse_filter

    def _weights_for(self, network, pairs, fresh):
        """How weights follow from the blur, whose range is that of the first fit."""
        sigma_range = _range_of(pairs.sigmas) if fresh else self._weights.sigma_range
        weights = BlurAwareNetwork.around(
            network, self.n_basis_functions, self.inverse_filter, sigma_range
        )
        if not fresh and weights != self._weights:
            raise ValueError(
                f"The fitted weights belong to {self._weights}, but the parameters "
                f"and the data ask for {weights}: keep n_filters, kernel_sizes, "
                "residual and the like, and the channels, or fit anew with "
                "warm_start=False."
            )
        return weights

    def _start_training(self, weights, fresh, incremental):
        training = getattr(self, "_training", None)
        if fresh or training is None:
            random_state = check_random_state(self.random_state)
            params = (
                weights.initial_params(random_state, self._dtype())
                if fresh
                else self._params()
            )
            training = Training(weights, params, None, random_state)
        if not fresh:
            training.params = self._params()
        training.start_run(self._schedule(incremental), keep_optimizer=incremental)
        return training

    def _learn_blur(self, pairs, fresh, incremental, random_state):
        """What estimates the blur, trained on the blurred images and on sharp ones."""
        if pairs.sigmas is None:
            return None
        if isinstance(self.blur_estimator, FrozenEstimator):
            check_is_fitted(self.blur_estimator, "regressor_")
            return self.blur_estimator
        estimator = None if fresh else deepcopy(self.blur_estimator_)
        if estimator is None:
            estimator = self._new_blur_estimator(random_state)
        elif isinstance(estimator, FrozenEstimator) or estimator.is_from_file:
            return estimator
        X, y = (
            [image for batch in side for image in batch] for side in (pairs.X, pairs.y)
        )
        # Sharp images of other channels are none that the estimator could ever see.
        same_channels = pairs.n_channels_in == pairs.n_channels_out
        sharp = y[::_IMAGES_PER_SHARP] if same_channels else []
        estimator.set_params(data_range=self.data_range)
        learn = estimator.partial_fit if incremental else estimator.fit
        return learn([*X, *sharp], np.concatenate([pairs.sigmas, np.zeros(len(sharp))]))

    def _new_blur_estimator(self, random_state):
        estimator = clone(self.blur_estimator or BlurEstimator())
        if estimator.random_state is None:
            estimator.set_params(random_state=random_state.randint(2**31 - 1))
        return estimator

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
        return RandomPatches(
            *images,
            patch_size=self.patch_size,
            sigmas=pairs.sigmas,
            sigma_noise=self.sigma_noise,
            **shared,
        )

    def _run(self, training, backend, sampler, held_out, checkpoint):
        validate = held_out and partial(
            self._validate, backend, training.weights, held_out
        )
        bar = TrainingBar(training, sampler.n_samples, disable=not self.verbose)
        on_epoch = checkpoint and partial(checkpoint.save, training)
        with bar, training.on(backend):
            try:
                training.run(
                    backend, sampler, validate, on_batch=bar.on_batch, on_epoch=on_epoch
                )
            except KeyboardInterrupt:
                if checkpoint is not None:
                    raise  # the run goes on from its last whole epoch
                warnings.warn("Training interrupted by user.", stacklevel=4)

    def _validate(self, backend, weights, pairs, params):
        """Half the mean squared error and the mean PSNR of pairs held out."""
        scale = self._range(pairs.dtype)
        model = DeblurModel(weights, params)
        sigmas = None if pairs.sigmas is None else list(pairs.sigmas)
        losses, scores = [], []
        for X, y in zip(pairs.X, pairs.y, strict=True):
            of_batch, sigmas = split(sigmas, len(X))
            estimates = model.restore(backend, X, data_range=scale, sigma=of_batch)
            y, estimates = _pairs.same_part(y, estimates)
            for true, pred in zip(y, estimates, strict=True):
                losses.append(mean_squared_error(true, pred, scale) / 2)
                scores.append(
                    peak_signal_noise_ratio(
                        true[np.newaxis], pred[np.newaxis], data_range=scale
                    )
                )
        return float(np.mean(losses)), float(np.mean(scores))

    def _store(self, training, pairs, blur_estimator):
        self._training = training
        self.blur_estimator_ = blur_estimator
        self._layout = pairs.layout
        self._set_weights(training.weights, training.chosen_params())
        self.n_iter_, self.t_ = training.n_iter, training.t
        self.loss_curve_ = training.loss_curve
        stopping = self.early_stopping
        self.best_loss_ = None if stopping else training.best_loss
        self.validation_scores_ = training.validation_scores if stopping else None
        self.validation_loss_curve_ = training.validation_losses if stopping else None
        self.best_validation_score_ = training.best_score if stopping else None


def _with_sigmas(pairs):
    """Pairs with the blur of each, found by comparing its two images."""
    if pairs.as_they_are:
        raise ValueError(
            "Weights that depend on the blur are learned from whole images, X and y of "
            "one size, since the blur is found by comparing them: pass such images, or "
            "n_basis_functions=1 and inverse_filter=False."
        )
    sigmas = [
        sigma_of_pair(blurred, sharp)
        for X, y in zip(pairs.X, pairs.y, strict=True)
        for blurred, sharp in zip(X, y, strict=True)
    ]
    return replace(pairs, sigmas=np.array(sigmas))


def _range_of(sigmas):
    """The blurs that polynomials span, a little apart even where all are alike."""
    if sigmas is None:
        return MIN_SIGMA, MAX_SIGMA
    low = max(MIN_SIGMA, float(sigmas.min()))
    return low, max(1.1 * low, float(sigmas.max()))


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
