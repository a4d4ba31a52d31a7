"""Pairs of blurred and sharp images that a network learns from, as plain data."""

from dataclasses import dataclass, replace

import numpy as np

from .._pixels.device import namespace


@dataclass(frozen=True)
class Layout:
    """How an estimator was fitted: on images, or on rows of pixels.

    For rows, `n_targets` central pixels are predicted, as a vector when `is_vector`.
    """

    is_rows: bool
    n_targets: int = 0
    is_vector: bool = False


@dataclass(frozen=True)
class Pairs:
    """Checked pairs: lists of (n, height, width, channels) arrays.

    `sigmas` holds the blur of each image, where it matters.
    """

    X: list
    y: list
    layout: Layout
    as_they_are: bool = False
    sigmas: np.ndarray | None = None

    @property
    def n_channels_in(self):
        return self.X[0].shape[3]

    @property
    def n_channels_out(self):
        return self.y[0].shape[3]

    @property
    def dtype(self):
        return self.X[0].dtype

    def check_geometry(self, radius):
        """Raise unless patches carry just the context that the network sees."""
        if not self.as_they_are or self.layout.is_rows:
            return
        margins = [
            self.X[0].shape[axis] - self.y[0].shape[axis] - 2 * radius
            for axis in (1, 2)
        ]
        if margins != [0, 0]:
            raise ValueError(
                f"y of shape {self.y[0].shape} fits X of shape {self.X[0].shape} "
                "neither as images of the same size nor as their central parts without "
                f"the radius of the network, {radius} pixels on every side."
            )

    def split(self, fraction, random_state):
        """Hold out a share of the samples: returns (training, held out)."""
        n_samples = sum(len(batch) for batch in self.X)
        n_held_out = max(1, round(fraction * n_samples))
        if n_held_out >= n_samples:
            raise ValueError(
                f"early_stopping holds out {n_held_out} of {n_samples} image(s), and "
                "none is left to train on: pass more images, or early_stopping=False."
            )
        order = random_state.permutation(n_samples)
        parts = np.sort(order[n_held_out:]), np.sort(order[:n_held_out])
        return tuple(self._take(part) for part in parts)

    def _take(self, indices):
        sigmas = None if self.sigmas is None else self.sigmas[indices]
        if len(self.X) == 1:
            indices = namespace(self.X[0]).asarray(indices)
            X, y = [self.X[0][indices]], [self.y[0][indices]]
        else:
            X, y = ([side[i] for i in indices] for side in (self.X, self.y))
        return replace(self, X=X, y=y, sigmas=sigmas)

    def images(self):
        """All X and all y, as two lists of (height, width, channels) views."""
        return tuple(
            [image for batch in side for image in batch] for side in (self.X, self.y)
        )
