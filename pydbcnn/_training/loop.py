"""Epochs: from batches of patches to weights, curves and the decision to stop."""

import math
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from .._pixels.device import namespace, to_host
from ..backends.optimizers import OPTIMIZERS
from .sampling import crop

LOSSES = ("squared_error", "log_squared_error")
# Mean squared errors far below this count alike: it is the rounding of 8 bits.
_LEAST_ERROR = 1e-6
# The slope of a logarithm is steep where the error is small: longer steps are cut.
_LONGEST_GRADIENT = 1.0


class DivergenceError(ValueError):
    """Training produced weights or a loss that are not finite."""


@dataclass(frozen=True)
class Schedule:
    """What a run does, apart from the data; names as in `DBCNNDeblurrer`."""

    solver: str
    learning_rate: str
    learning_rate_init: float
    alpha: float
    max_iter: int
    tol: float
    n_iter_no_change: float
    early_stopping: bool
    loss: str = "squared_error"

    def rate_at(self, progress):
        """Learning rate when a share `progress` of the run is done."""
        if self.learning_rate == "constant":
            return self.learning_rate_init
        # Not to zero: the last epochs should still count for something.
        floor = 0.01
        wave = (1 + math.cos(math.pi * min(progress, 1.0))) / 2
        return self.learning_rate_init * (floor + (1 - floor) * wave)


@dataclass
class Training:
    """A network in training: everything that changes from batch to batch.

    Parameters
    ----------
    weights : BlurAwareNetwork
    params : array of shape (weights.n_params,)
        Changed in place. Of NumPy, as is the state of the optimizer, but for the time
        of a run: see `on`.
    schedule : Schedule
    random_state : numpy.random.RandomState
    """

    weights: object
    params: np.ndarray
    schedule: Schedule
    random_state: np.random.RandomState
    optimizer: object = None
    n_iter: int = 0  # epochs of this run
    t: int = 0  # patches seen in all runs
    no_improvement: int = 0
    loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    validation_losses: list = field(default_factory=list)
    best_loss: float = math.inf
    best_score: float = -math.inf
    best_params: np.ndarray | None = None
    stopped: bool = False  # the last epochs of this run brought too little

    def start_run(self, schedule, *, keep_optimizer=False):
        """Begin a run on the weights there are."""
        self.schedule = schedule
        self.n_iter = 0
        self.no_improvement = 0
        self.stopped = False
        solver = OPTIMIZERS[schedule.solver]
        if not (keep_optimizer and isinstance(self.optimizer, solver)):
            self.optimizer = solver(self.weights.n_params, self.params.dtype)

    @contextmanager
    def on(self, backend):
        """Move all that changes to where a backend computes, until the block ends.

        Afterwards it is on the host again, whatever has happened: what an estimator
        keeps can be pickled, and goes on anywhere.
        """
        on_host = self.optimizer
        solver = backend.optimizer(
            self.schedule.solver, self.weights.n_params, self.params.dtype
        )
        self._move(backend.vector, solver)
        try:
            yield
        finally:
            self._move(to_host, on_host)

    def _move(self, vector, optimizer):
        optimizer.restore(self.optimizer.state())
        self.optimizer, self.params = optimizer, vector(self.params)
        if self.best_params is not None:
            self.best_params = vector(self.best_params)

    def epoch(self, backend, sampler, on_batch=None):
        """One pass over the batches of a sampler.

        Parameters
        ----------
        backend : backend
            Computes loss and gradient.
        sampler : RandomPatches or GivenPatches
        on_batch : callable, optional
            Called with the number of patches and the loss of each batch.

        Returns
        -------
        loss : float
            Mean over the patches, with the penalty.

        Raises
        ------
        DivergenceError
            When the loss or the weights are no longer finite.
        """
        total = seen = 0
        for index, groups in enumerate(sampler.batches(self.random_state)):
            progress = (
                self.n_iter + index / sampler.n_batches
            ) / self.schedule.max_iter
            loss = self._step(backend, groups, self.schedule.rate_at(progress))
            n_patches = sum(len(group.patches) for group in groups)
            total += loss * n_patches
            seen += n_patches
            if on_batch is not None:
                on_batch(n_patches, loss)
        loss = total / seen
        self._check_finite(loss)
        self.n_iter += 1
        self.t += seen
        self.loss_curve.append(loss)
        return loss

    def _step(self, backend, groups, learning_rate):
        n_patches = sum(len(group.patches) for group in groups)
        loss, gradient = 0.0, None
        for group in groups:
            part, slope = self._loss_and_gradient(backend, group)
            share = len(group.patches) / n_patches
            loss += share * part
            slope *= slope.dtype.type(share)
            gradient = slope if gradient is None else gradient + slope
        if self.schedule.loss == "log_squared_error":
            _shorten(gradient)
        if self.schedule.alpha > 0:
            loss += self._penalize(gradient, n_patches)
        if not math.isfinite(loss):
            self._check_finite(loss)
        self.optimizer.update(self.params, gradient, learning_rate)
        return loss

    def _loss_and_gradient(self, backend, group):
        """Loss of the patches of one sigma, and its gradient for all parameters."""
        network, params = self.weights.at(self.params, group.sigma)
        margin = self.weights.radius - network.radius
        half_error, slope = backend.loss_and_gradient(
            network, params, crop(group.patches, margin), group.targets
        )
        slope = self.weights.gradient(slope, group.sigma)
        if self.schedule.loss == "squared_error":
            return half_error, slope
        error = 2 * half_error + _LEAST_ERROR
        if not error <= float(np.finfo(slope.dtype).max):
            self._check_finite(math.inf)
        slope /= slope.dtype.type(error)
        return math.log(error) / 2, slope

    def _penalize(self, gradient, n_samples):
        """Add the gradient of the L2 penalty of the weights, and return the penalty."""
        share = self.schedule.alpha / n_samples
        squares = 0.0  # summed on the device: to read each sum would wait for the GPU
        for part, part_gradient in zip(
            self.weights.parts(self.params), self.weights.parts(gradient), strict=True
        ):
            weights, _ = self.weights.learned.views(part)
            gradients, _ = self.weights.learned.views(part_gradient)
            for weight, weight_gradient in zip(weights, gradients, strict=True):
                weight_gradient += weight * weight.dtype.type(share)
                square = namespace(weight).square(weight)
                squares = squares + square.sum(dtype=np.float64)
        return share * float(squares) / 2

    def _check_finite(self, loss):
        xp = namespace(self.params)
        if math.isfinite(loss) and xp.isfinite(self.params).all():
            return
        raise DivergenceError(
            f"Training diverged in epoch {self.n_iter + 1}: the loss is {loss} and "
            "some weights may not be finite. Lower learning_rate_init (now "
            f"{self.schedule.learning_rate_init:g}), and check that X and y lie "
            "between 0 and data_range."
        )

    def judge(self):
        """Decide whether to stop, and keep the weights that do best so far."""
        if self.schedule.early_stopping:
            score = self.validation_scores[-1]
            improved = score >= self.best_score + self.schedule.tol
            if score > self.best_score:
                self.best_score, self.best_params = score, self.params.copy()
        else:
            improved = self.loss_curve[-1] <= self.best_loss - self.schedule.tol
            self.best_loss = min(self.best_loss, self.loss_curve[-1])
        self.no_improvement = 0 if improved else self.no_improvement + 1
        # A cosine schedule is a plan: cut short, it would end at a high rate.
        may_stop = (
            self.schedule.early_stopping or self.schedule.learning_rate != "cosine"
        )
        self.stopped = may_stop and self.no_improvement > self.schedule.n_iter_no_change

    def run(self, backend, sampler, validate=None, *, on_batch=None, on_epoch=None):
        """Train until the schedule ends or nothing improves any more.

        Parameters
        ----------
        backend, sampler, on_batch
            As in `epoch`.
        validate : callable, optional
            Returns loss and score of given weights on images held out.
        on_epoch : callable, optional
            Called after each epoch.
        """
        while self.n_iter < self.schedule.max_iter and not self.stopped:
            self.epoch(backend, sampler, on_batch)
            if validate is not None:
                loss, score = validate(self.params)
                self._check_finite(loss)
                self.validation_losses.append(loss)
                self.validation_scores.append(score)
            self.judge()
            if on_epoch is not None:
                on_epoch()

    def chosen_params(self):
        """The weights to keep: the best on images held out, or else the last."""
        if self.schedule.early_stopping and self.best_params is not None:
            return self.best_params
        return self.params


def _shorten(gradient):
    squares = namespace(gradient).square(gradient, dtype=np.float64)
    length = math.sqrt(float(squares.sum()))
    if length > _LONGEST_GRADIENT:
        gradient *= gradient.dtype.type(_LONGEST_GRADIENT / length)
