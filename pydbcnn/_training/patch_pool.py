"""Patches cut on a GPU: all of a batch at once, since each launch takes time."""

import numpy as np

from .._pixels.device import namespace
from .._pixels.values import mirror


class PatchPool:
    """Images in one array of pixels, from which patches are gathered.

    Parameters
    ----------
    images : list of array of shape (height, width, channels)
        On a GPU; they are copied there once.
    """

    def __init__(self, images):
        self._xp = namespace(images[0])
        n_channels = images[0].shape[2]
        self._pixels = self._xp.concatenate(
            [image.reshape(-1, n_channels) for image in images]
        )
        self._shapes = np.array([image.shape[:2] for image in images])
        self._starts = np.cumsum([0, *self._shapes.prod(axis=1)[:-1]])

    def cut(self, places, size, margin):
        """Patches with a margin on every side, mirrored, flipped and turned.

        Parameters
        ----------
        places : array of shape (n, 5)
            Image, top, left, quarter turns to the left, and whether the patch is
            flipped from left to right before.
        size : tuple of int
        margin : int

        Returns
        -------
        patches : array of shape (n, height + 2 margin, width + 2 margin, channels)
            On the GPU.
        """
        images, tops, lefts, turns, flips = places.T
        down, across = (
            mirror(
                start[:, np.newaxis] + np.arange(-margin, length + margin),
                self._shapes[images, axis, np.newaxis],
            )
            for axis, (start, length) in enumerate(
                zip((tops, lefts), size, strict=True)
            )
        )
        # The position of a pixel is the sum of a contribution of its row and one of its
        # column.
        down = self._starts[images, np.newaxis] + down * self._shapes[images, 1:]
        across = np.where(flips[:, np.newaxis], across[:, ::-1], across)
        rows, columns = map(self._xp.asarray, _turned(down, across, turns))
        return self._pixels[rows[:, :, np.newaxis] + columns[:, np.newaxis]]


def _turned(down, across, turns):
    """The contributions of rows and columns to positions, for turned patches.

    A quarter turn to the left makes rows of columns, the last one first.
    """
    turns = turns[:, np.newaxis]
    if down.shape[1] == across.shape[1]:  # only squares are turned by a quarter
        odd = turns % 2 == 1
        down, across = np.where(odd, across, down), np.where(odd, down, across)
    rows = np.where((turns == 1) | (turns == 2), down[:, ::-1], down)
    columns = np.where(turns >= 2, across[:, ::-1], across)
    return rows, columns
