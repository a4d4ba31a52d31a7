"""A blur that varies over an image: which estimates a pixel is blended of.

The image is restored for some blurs, and each pixel takes a share of the estimates for
those that are next to it. Shares are continuous and add up to 1, so there are no seams.
"""

import numpy as np

from .._blur.blur import Blur
from .._blur_estimation.tiles import interpolate_tiles
from .undoing import KNOWN_SHARP

_LEVEL_STEP = 1.1  # ratio of the sigmas between which a varying blur is interpolated
_BORDER = 0.25  # share of a tile over which its blur goes over into the next one's


class SigmaLevels:
    """Round Gaussians: the sigma of a pixel is interpolated between those of the tiles.

    A pixel takes the estimates for the two levels of sigma next to its own. Where
    sigma is up to the first one, the image stays as it is.

    Parameters
    ----------
    sigma : array of shape (rows, columns)
        Of the tiles, in pixels.
    shape : tuple of 2 int
        Height and width of the image.
    as_it_is, low, high : float
        The first level, up to which the image stays as it is, and the range of the
        others: where sigma is above or below, the nearest one counts.
    """

    block = 256  # pixels of a side that are blended together: few levels meet there

    def __init__(self, sigma, shape, as_it_is, low, high):
        self._sigma, self._shape = sigma, shape
        high = max(high, low * _LEVEL_STEP)
        n_steps = int(np.ceil(np.log(high / low) / np.log(_LEVEL_STEP)))
        levels = low * (high / low) ** (np.arange(n_steps + 1) / n_steps)
        self._logs = np.log([as_it_is, *levels])
        self.blurs = [None, *levels.tolist()]
        self.least = self.blurs[1]
        # Of all tiles: what the photograph has been through.
        self.of_tiles = [
            None if one <= as_it_is else min(max(one, low), high)
            for one in sigma.ravel().tolist()
        ]

    def shares(self, rows, columns):
        """Shares of the estimates in a part of the image.

        Parameters
        ----------
        rows, columns : slice

        Yields
        ------
        index : int
            Of the blur.
        rows, columns : slice
            Where its estimate is needed, within the image.
        share : array of shape (rows, columns)
        """
        local = interpolate_tiles(self._sigma, self._shape, rows, columns)
        place = np.interp(
            np.log(np.maximum(local, 1e-6)), self._logs, np.arange(len(self._logs))
        )
        first, last = int(np.floor(place.min())), int(np.ceil(place.max()))
        for index in range(first, last + 1):
            share = np.maximum(1 - np.abs(place - index), 0)
            if share.any():
                yield index, rows, columns, share


class BlurTiles:
    """Blurs of any kind: a pixel takes the estimate for its own tile.

    At the border of a tile, over a quarter of its side, the estimate goes over into
    that for the neighbour.

    Parameters
    ----------
    blurs : array of shape (rows, columns) of Blur
    shape : tuple of 2 int
        Height and width of the image.
    """

    block = 4096  # pixels of a side that are blended together: few tiles are cut

    def __init__(self, blurs, shape):
        self._shape = shape
        alone = [
            Blur.none() if blur.sigma < KNOWN_SHARP else blur.alone()
            for blur in blurs.flat
        ]
        kinds = {blur: index for index, blur in enumerate(dict.fromkeys(alone))}
        self._index = np.array([kinds[blur] for blur in alone]).reshape(blurs.shape)
        self.blurs = [None if blur == Blur.none() else blur for blur in kinds]
        self.least = Blur.none()
        self.of_tiles = [self.blurs[index] for index in self._index.flat]

    def shares(self, rows, columns):
        """Shares of the estimates in a part of the image; see `SigmaLevels.shares`."""
        down, across = (
            _shares_along(part, size, n_tiles)
            for part, size, n_tiles in zip(
                (rows, columns), self._shape, self._index.shape, strict=True
            )
        )
        seen = np.ix_(down.any(axis=1), across.any(axis=1))
        for index in np.unique(self._index[seen]):
            tiles = self._index == index
            top = _extent(down[tiles.any(axis=1)].any(axis=0))
            left = _extent(across[tiles.any(axis=0)].any(axis=0))
            yield (
                int(index),
                slice(rows.start + top.start, rows.start + top.stop),
                slice(columns.start + left.start, columns.start + left.stop),
                down[:, top].T @ tiles @ across[:, left],
            )


def _shares_along(part, size, n_tiles):
    """Shares of the tiles along an axis, of shape (n_tiles, pixels of the part)."""
    place = (np.arange(part.start, part.stop) + 0.5) * n_tiles / size
    middle = np.arange(n_tiles)[:, np.newaxis] + 0.5
    # Beyond the middle of the first and of the last tile, there is no other.
    place = np.clip(place, 0.5, n_tiles - 0.5)
    beyond = np.abs(place - middle) - 0.5  # beyond the border of the tile
    return np.clip(0.5 - beyond / _BORDER, 0, 1)


def _extent(is_needed):
    """From the first to the last place that is needed."""
    places = np.flatnonzero(is_needed)
    return slice(int(places[0]), int(places[-1]) + 1)
