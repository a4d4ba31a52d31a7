"""From a recipe and pairs to a trained model: `fit_model`, from top to bottom.

Everything here is plain data. `DBCNNDeblurrer.fit` makes a recipe of its parameters and
keeps what comes out.
"""

import warnings
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from .._blur_estimation.pair import sigma_of_pair
from .._network.blur_aware import BlurAwareNetwork
from .._network.network import Network
from .._pixels.gaussian import MAX_SIGMA, MIN_SIGMA
from .._pixels.values import (
    central_part,
    mean_squared_error,
    psnr_of_error,
    resolve_data_range,
)
from .._progress import TrainingBar
from .._restoration.model import DeblurModel, Known
from .loop import Schedule, Training
from .sampling import GivenPatches, RandomPatches

_IMAGES_PER_SHARP = 8  # blurred images for each sharp one that shows what sharp is


@dataclass(frozen=True)
class Recipe:
    """What decides, beside the pairs, what is learned; names as in `DBCNNDeblurrer`.

    Parameters
    ----------
    form : dict
        Of the network: the parameters of `Network` but for its channels.
    schedule : Schedule
    keep_optimizer : bool, default=False
        Whether a training that goes on keeps the state of its solver.
    dtype : dtype, default=float32
        Of parameters and gradients.
    """

    form: dict
    n_basis_functions: int
    inverse_filter: bool
    schedule: Schedule
    batch_size: int
    patch_size: int
    shuffle: bool
    sigma_noise: float
    validation_fraction: float
    data_range: float | None = None
    keep_optimizer: bool = False
    dtype: type = np.float32
    verbose: bool = False

    @property
    def needs_sigma(self):
        """Whether weights or filter depend on the blur."""
        return self.n_basis_functions > 1 or self.inverse_filter


@dataclass(frozen=True)
class BlurLearner:
    """The estimator of the blur that learns with the network, and how.

    Parameters
    ----------
    estimator : BlurEstimator
        Changed in place.
    is_new : bool
        Whether it has not learned yet. Without a random state, it then draws one.
    is_fixed : bool
        Whether it is taken as it is.
    """

    estimator: object
    is_new: bool = False
    is_fixed: bool = False


@dataclass(frozen=True)
class FittedModel:
    """What `fit_model` returns.

    Parameters
    ----------
    training : Training
        With the weights, the curves, and all that is needed to go on.
    blur_estimator : BlurEstimator or None
        None where nothing depends on the blur.
    """

    training: Training
    blur_estimator: object = None


def fit_model(
    recipe,
    pairs,
    backend,
    *,
    random_state,
    earlier=None,
    earlier_params=None,
    blur_learner=None,
    checkpoint=None,
):
    """Learn from pairs.

    Parameters
    ----------
    recipe : Recipe
    pairs : Pairs
    backend : Backend
        Computes losses, gradients, and estimates of pairs held out.
    random_state : RandomState instance
        Draws, in this order, the first weights, the pairs held out, the seed of what
        estimates the blur, and patches. A training that goes on draws from its own.
    earlier : Training or None, default=None
        A training to go on with. None starts a new one.
    earlier_params : array of shape (weights.n_params,) or None, default=None
        The parameters that it goes on with.
    blur_learner : BlurLearner or None, default=None
        Needed where weights or filter depend on the blur.
    checkpoint : Checkpoint or None, default=None
        Where the state is kept after each epoch, and taken from if there is one.

    Returns
    -------
    fitted : FittedModel

    Raises
    ------
    ValueError
        When recipe and pairs, or the earlier training, do not go together, or training
        diverges.
    """
    # First, as it refuses what does not go together, and the blurs take long to find.
    network = Network(pairs.n_channels_in, pairs.n_channels_out, **recipe.form)
    if recipe.needs_sigma:
        pairs = _with_sigmas(pairs)
    weights = _weights_for(recipe, network, pairs.sigmas, earlier)
    pairs.check_geometry(weights.radius)
    if earlier is None:
        training = _first_training(weights, recipe.dtype, random_state)
    else:
        training, earlier.params = earlier, earlier_params
    training.start_run(recipe.schedule, keep_optimizer=recipe.keep_optimizer)
    held_out = None
    if recipe.schedule.early_stopping:
        pairs, held_out = pairs.split(recipe.validation_fraction, training.random_state)
    blur_estimator = None
    if recipe.needs_sigma:
        blur_estimator = _learn_blur(blur_learner, recipe, pairs, training.random_state)
    sampler = _sampler(recipe, pairs, weights.radius)
    if checkpoint is not None:
        checkpoint.restore(training)
    _run(recipe, training, backend, sampler, held_out, checkpoint)
    return FittedModel(training, blur_estimator)


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
        for blurred, sharp in zip(*pairs.images(), strict=True)
    ]
    return replace(pairs, sigmas=np.array(sigmas))


def _weights_for(recipe, network, sigmas, earlier):
    """A network whose weights depend on the blur, over the range of the first fit."""
    weights = BlurAwareNetwork.around(
        network,
        recipe.n_basis_functions,
        recipe.inverse_filter,
        _range_of(sigmas) if earlier is None else earlier.weights.sigma_range,
    )
    if earlier is not None and weights != earlier.weights:
        raise ValueError(
            f"The fitted weights belong to {earlier.weights}, but the parameters "
            f"and the data ask for {weights}: keep n_filters, kernel_sizes, "
            "residual and the like, and the channels, or fit anew with "
            "warm_start=False."
        )
    return weights


def _range_of(sigmas):
    """The range of sigma that polynomials span; never empty, even for equal blurs."""
    if sigmas is None:
        return MIN_SIGMA, MAX_SIGMA
    low = max(MIN_SIGMA, float(sigmas.min()))
    return low, max(1.1 * low, float(sigmas.max()))


def _first_training(weights, dtype, random_state):
    params = weights.initial_params(random_state, dtype)
    return Training(weights, params, None, random_state)


def _learn_blur(learner, recipe, pairs, random_state):
    """Train what estimates the blur, on the blurred images and on some sharp ones."""
    estimator = learner.estimator
    if learner.is_fixed:
        return estimator
    if learner.is_new and estimator.random_state is None:
        estimator.set_params(random_state=random_state.randint(2**31 - 1))
    estimator.set_params(data_range=recipe.data_range)
    X, y = pairs.images()
    # Sharp images with other channels than X are no images for this estimator.
    same_channels = pairs.n_channels_in == pairs.n_channels_out
    sharp = y[::_IMAGES_PER_SHARP] if same_channels else []
    learn = estimator.partial_fit if recipe.keep_optimizer else estimator.fit
    return learn([*X, *sharp], np.concatenate([pairs.sigmas, np.zeros(len(sharp))]))


def _sampler(recipe, pairs, radius):
    """What draws the patches of each epoch."""
    shared = dict(
        scale=resolve_data_range(recipe.data_range, pairs.dtype),
        radius=radius,
        batch_size=recipe.batch_size,
        shuffle=recipe.shuffle,
        dtype=recipe.dtype,
    )
    if pairs.as_they_are:
        return GivenPatches(pairs.X[0], pairs.y[0], **shared)
    return RandomPatches(
        *pairs.images(),
        patch_size=recipe.patch_size,
        sigmas=pairs.sigmas,
        sigma_noise=recipe.sigma_noise,
        **shared,
    )


def _run(recipe, training, backend, sampler, held_out, checkpoint):
    """Run all epochs, with a progress bar; Ctrl-C keeps the weights so far."""
    validate = held_out and partial(
        _validate, backend, training.weights, held_out, recipe.data_range
    )
    bar = TrainingBar(training, sampler.n_samples, disable=not recipe.verbose)
    on_epoch = checkpoint and partial(checkpoint.save, training)
    with bar, training.on(backend):
        try:
            training.run(
                backend, sampler, validate, on_batch=bar.on_batch, on_epoch=on_epoch
            )
        except KeyboardInterrupt:
            if checkpoint is not None:
                raise  # the run goes on from its last whole epoch
            warnings.warn("Training interrupted by user.", stacklevel=6)


def _validate(backend, weights, pairs, data_range, params):
    """Half the mean squared error and the mean PSNR of pairs held out."""
    scale = resolve_data_range(data_range, pairs.dtype)
    model = DeblurModel(weights, params)
    sigmas = None if pairs.sigmas is None else list(pairs.sigmas)
    # What is judged is what has been learned: highlights learn nothing.
    known, errors = Known(sigmas, looks_for_highlights=False), []
    for X, y in zip(pairs.X, pairs.y, strict=True):
        of_batch, known = known.split(len(X))
        estimates = model.restore(backend, X, data_range=scale, known=of_batch)
        estimates = central_part(estimates, y.shape)
        errors += [
            mean_squared_error(true, pred, scale)
            for true, pred in zip(y, estimates, strict=True)
        ]
    scores = [psnr_of_error(error) for error in errors]
    return float(np.mean(errors) / 2), float(np.mean(scores))
