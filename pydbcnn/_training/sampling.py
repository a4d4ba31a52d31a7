"""The patches of an epoch, cut from images or given: RandomPatches, GivenPatches."""

from dataclasses import dataclass

import numpy as np

from .._pixels.device import namespace
from .._pixels.values import mirror
from .patch_pool import PatchPool

# Patches of one batch that come from one image where its blur matters: few enough that
# a batch sees several blurs, enough that the weights for each are worth making.
_PATCHES_PER_SIGMA = 8


@dataclass(frozen=True)
class Group:
    """Patches of one batch that share a blur.

    Parameters
    ----------
    patches : array of shape (n, height + 2 radius, width + 2 radius, channels)
    targets : array of shape (n, height, width, channels out)
    sigma : float or None
        None where it is not known.
    """

    patches: np.ndarray
    targets: np.ndarray
    sigma: float | None = None


class RandomPatches:
    """Patches at random places of whole images, with their true context.

    An epoch is the number of batches that covers the pixels once on average. Images
    smaller than a patch are mirrored; a blur that mirrors at the border, too, makes
    of a mirrored sharp image the mirrored blurred one, so such pairs stay true.

    Parameters
    ----------
    X, y : list of array of shape (height, width, channels)
        Pairs of one size.
    scale : float
        Pixel value that counts as 1.
    radius : int
        Context on every side of a patch of X.
    patch_size, batch_size : int
    dtype : dtype, default=float32
        Type of the patches.
    shuffle : bool
        False takes the patches of a regular grid in order, neither flipped nor
        rotated.
    sigmas : array of shape (n_images,) or None, default=None
        The blur of each X. Patches of a batch are then drawn from few images, eight
        from each.
    sigma_noise : float, default=0.0
        Standard deviation of what is added to a sigma each time it is used.
    """

    def __init__(
        self,
        X,
        y,
        *,
        scale,
        radius,
        patch_size,
        batch_size,
        shuffle,
        dtype=np.float32,
        sigmas=None,
        sigma_noise=0.0,
    ):
        self.X, self.y, self.radius = X, y, radius
        on_host = namespace(y[0]) is np
        self._pools = None if on_host else (PatchPool(X), PatchPool(y))
        self.sigmas, self.sigma_noise = sigmas, sigma_noise
        self.scale = np.dtype(dtype).type(scale)
        self.shuffle = shuffle
        self.size = tuple(
            min(patch_size, max(image.shape[axis] for image in y)) for axis in (0, 1)
        )
        pixels = np.array([image.shape[0] * image.shape[1] for image in y], float)
        self._ends = np.cumsum(pixels) / pixels.sum()
        if shuffle:
            per_batch = batch_size * self.size[0] * self.size[1]
            self.n_batches = max(1, int(np.ceil(pixels.sum() / per_batch)))
            self.n_samples = self.n_batches * batch_size
        else:
            self._grid = self._all_places()
            self.n_samples = len(self._grid)
            self.n_batches = -(-self.n_samples // batch_size)
        self.batch_size = batch_size

    def batches(self, random_state):
        """Draw one epoch: yields a list of `Group` for each batch."""
        places = self._draw(random_state) if self.shuffle else self._grid
        for start in range(0, len(places), self.batch_size):
            chosen = places[start : start + self.batch_size]
            if self.sigmas is None:
                yield [Group(*self._cut(chosen))]
            else:
                yield self._groups(chosen, random_state)

    def _groups(self, places, random_state):
        """Cut the patches of a batch; those of one image make a group."""
        images = list(dict.fromkeys(places[:, 0]))
        noise = random_state.normal(size=len(images)) * self.sigma_noise
        return [
            Group(*self._cut(places[places[:, 0] == image]), sigma)
            for image, sigma in zip(images, self.sigmas[images] + noise, strict=True)
        ]

    def _draw(self, random_state):
        """Draw image, top, left and orientation of each patch of an epoch."""
        n = self.n_samples
        images = self._draw_images(n, random_state)
        room = [
            np.array([max(image.shape[axis] - self.size[axis], 0) for image in self.y])
            for axis in (0, 1)
        ]
        tops, lefts = (
            (random_state.uniform(size=n) * (axis[images] + 1)).astype(int)
            for axis in room
        )
        square = self.size[0] == self.size[1]
        turns = (
            random_state.randint(4, size=n)
            if square
            else (2 * random_state.randint(2, size=n))
        )
        flips = random_state.randint(2, size=n)
        return np.column_stack([images, tops, lefts, turns, flips])

    def _draw_images(self, n, random_state):
        """Draw the image of each patch: a larger image is drawn more often."""
        together = 1 if self.sigmas is None else _PATCHES_PER_SIGMA
        n_draws = -(-n // together)
        images = np.searchsorted(
            self._ends, random_state.uniform(size=n_draws), "right"
        )
        return np.minimum(np.repeat(images, together)[:n], len(self.y) - 1)

    def _all_places(self):
        places = []
        for index, image in enumerate(self.y):
            tops, lefts = (_grid(image.shape[axis], self.size[axis]) for axis in (0, 1))
            places += [(index, top, left, 0, 0) for top in tops for left in lefts]
        return np.array(places)

    def _cut(self, places):
        if self._pools is None:
            pairs = [self._cut_pair(*place) for place in places]
            sides = [np.stack(side) for side in zip(*pairs, strict=True)]
        else:
            sides = [
                pool.cut(places, self.size, margin)
                for pool, margin in zip(self._pools, (self.radius, 0), strict=True)
            ]
        return tuple(side.astype(self.scale.dtype) / self.scale for side in sides)

    def _cut_pair(self, index, top, left, turns, flip):
        pair = (
            cut(self.X[index], (top, left), self.size, self.radius),
            cut(self.y[index], (top, left), self.size, 0),
        )
        return tuple(np.rot90(side[:, ::-1] if flip else side, turns) for side in pair)


class GivenPatches:
    """Samples used as they are: patches whose target is a central part of them.

    Parameters
    ----------
    X : array of shape (n, height, width, channels)
    y : array of shape (n, target height, target width, channels)
    scale : float
        Pixel value that counts as 1.
    radius : int
        Context on every side of a target; where X has less, it is mirrored.
    batch_size : int
    shuffle : bool
    dtype : dtype, default=float32
        Type of the patches.
    """

    def __init__(self, X, y, *, scale, radius, batch_size, shuffle, dtype=np.float32):
        self.X, self.y, self.radius = X, y, radius
        self.scale = np.dtype(dtype).type(scale)
        self.place = tuple((X.shape[axis] - y.shape[axis]) // 2 for axis in (1, 2))
        self.n_samples = len(X)
        self.batch_size = min(batch_size, self.n_samples)
        self.n_batches = -(-self.n_samples // self.batch_size)
        self.shuffle = shuffle

    def batches(self, random_state):
        """Visit all samples once: yields a list with one `Group` for each batch."""
        order = np.arange(self.n_samples)
        if self.shuffle:
            random_state.shuffle(order)
        for start in range(0, self.n_samples, self.batch_size):
            chosen = order[start : start + self.batch_size]
            chosen = namespace(self.X).asarray(chosen)
            X = cut(self.X[chosen], self.place, self.y.shape[1:3], self.radius, axis=1)
            yield [
                Group(
                    *(
                        side.astype(self.scale.dtype) / self.scale
                        for side in (X, self.y[chosen])
                    )
                )
            ]


def cut(images, place, size, margin, axis=0):
    """Cut `size` pixels from `place` on, with `margin` mirrored pixels around them."""
    for offset, (start, length) in enumerate(zip(place, size, strict=True)):
        first, last = start - margin, start + length + margin
        whole = images.shape[axis + offset]
        if first >= 0 and last <= whole:
            part = slice(first, last)
        else:
            part = namespace(images).asarray(mirror(np.arange(first, last), whole))
        images = images[(slice(None),) * (axis + offset) + (part,)]
    return images


def crop(images, margin):
    """Images without `margin` pixels on every side: a view."""
    return images[
        :, margin : images.shape[1] - margin, margin : images.shape[2] - margin
    ]


def _grid(length, part):
    """Starts of parts that cover a length, the last one flush with the end."""
    return sorted(
        {min(start, max(length - part, 0)) for start in range(0, length, part)}
    )
