"""A trained model: how images go through it, blind or with a known blur.

Shared by the estimator and the command line, so it does not import scikit-learn.
"""

from dataclasses import dataclass

import numpy as np

from .._blur_estimation.regressor import BlurRegressor
from .._blur_estimation.tiles import interpolate_tiles, tile_grid
from .._network.blur_aware import MIN_SIGMA, BlurAwareNetwork
from .._pixels.device import namespace, refuse_gpu
from ..backends.reference import mirrored_tile, write_pixels

# Sharp photographs look as if they had a blur of up to this, for no lens is perfect: of
# those for training, 99 in 100 look like 0.5 or less, and others may be a bit softer.
# To leave a blur as weak as this alone costs little; to undo one that is not there
# makes halos.
SHARP_BELOW = 0.6
# A given sigma below this changes no pixel that counts.
KNOWN_SHARP = 0.8 * MIN_SIGMA
_LEVEL_STEP = 1.1  # ratio of the sigmas between which a varying blur is interpolated
_BLOCK = 256  # pixels of a side that are restored together when the blur varies


@dataclass(frozen=True)
class DeblurModel:
    """Weights that may depend on the blur, and what tells the blur of an image.

    Parameters
    ----------
    weights : BlurAwareNetwork
    params : array of shape (weights.n_params,)
    regressor : BlurRegressor or None, default=None
        None where nothing depends on the blur.
    """

    weights: BlurAwareNetwork
    params: np.ndarray
    regressor: BlurRegressor | None = None

    def restore(
        self,
        backend,
        batch,
        *,
        data_range,
        sigma=None,
        tile_size=None,
        on_pixels=None,
    ):
        """Estimate sharp images.

        Parameters
        ----------
        backend : backend
        batch : array of shape (n, height, width, channels)
            Of NumPy or on the device of the backend, where the output lies then, too.
        data_range : float
            The pixel value that counts as 1.
        sigma : list of (float or array of shape (rows, columns)) or None
            The blur of each image, or of its tiles. None estimates it.
        tile_size : int or None, default=None
            Where the blur is estimated, the side of tiles that get their own. None
            takes one for each image.
        on_pixels : callable, optional
            Called now and then with the number of pixels that are done since.

        Returns
        -------
        output : array of shape (n, height, width, channels out)
            In the type and range of the batch.
        """
        if not self.weights.needs_sigma:
            return backend.forward(
                self.weights.network,
                self.params,
                batch,
                data_range=data_range,
                on_pixels=on_pixels,
            )
        n_out = self.weights.network.n_channels_out
        output = namespace(batch).empty((*batch.shape[:3], n_out), batch.dtype)
        for index, (image, result) in enumerate(zip(batch, output, strict=True)):
            restorer = _ImageRestorer(
                self, backend, image, result, data_range, on_pixels
            )
            if sigma is None:
                restorer.blind(tile_size)
            else:
                restorer.known(sigma[index])
        return output

    def estimate(self, image, data_range, tile_size=None):
        """Sigma of an image of shape (height, width, channels), or of its tiles.

        Returns
        -------
        sigma : float or array of shape (rows, columns)
        """
        return sigma_of(self.regressor.sigma, image, data_range, tile_size)

    def sigma_to_undo(self, image, data_range):
        """What `restore` undoes blind: a cautious sigma, 0 for what looks sharp."""
        sigma = self.regressor.cautious_sigma(image, data_range)
        return sigma if sigma >= SHARP_BELOW else 0.0


@dataclass(frozen=True)
class _ImageRestorer:
    """Restores one image into an array."""

    model: DeblurModel
    backend: object
    image: np.ndarray
    output: np.ndarray
    data_range: float
    on_pixels: object = None

    def blind(self, tile_size):
        if tile_size is None:
            self.known(self.model.sigma_to_undo(self.image, self.data_range))
            return
        sigma = sigma_of_tiles(
            self.model.regressor.cautious_sigma, self.image, self.data_range, tile_size
        )
        self._varying(_agreed(sigma), SHARP_BELOW, SHARP_BELOW * _LEVEL_STEP)

    def known(self, sigma):
        if np.ndim(sigma) > 0:
            self._varying(np.asarray(sigma, float), KNOWN_SHARP, MIN_SIGMA)
        elif sigma < KNOWN_SHARP and self._keeps_channels():
            self.output[...] = self.image
            self._report(self.image)
        else:
            network, params = self.model.weights.at(self.model.params, sigma)
            self.backend.forward(
                network,
                params,
                self.image[np.newaxis],
                data_range=self.data_range,
                on_pixels=self.on_pixels,
                out=self.output[np.newaxis],
            )

    def _varying(self, sigma, as_it_is, restored):
        """Each pixel from the estimates for the two sigmas next to its own.

        Up to `as_it_is` the image stays, and from `restored` on it is restored; between
        them it is blended. Sigma is continuous, and so are the weights: there are no
        seams.
        """
        levels = self._levels(as_it_is, restored)
        height, width, _ = self.image.shape
        for top in range(0, height, _BLOCK):
            for left in range(0, width, _BLOCK):
                rows = slice(top, min(top + _BLOCK, height))
                columns = slice(left, min(left + _BLOCK, width))
                local = interpolate_tiles(sigma, (height, width), rows, columns)
                place = np.interp(
                    np.log(np.maximum(local, 1e-6)),
                    np.log(levels),
                    np.arange(len(levels)),
                )
                part = self.output[rows, columns]
                write_pixels(self._blend(levels, place, rows, columns), part)
                self._report(part)

    def _levels(self, as_it_is, low):
        """Sigmas of the estimates; the first stands for the image as it is."""
        # Weights for weak blurs alone serve for all that lies above their range.
        high = max(self.model.weights.sigma_range[1], low * _LEVEL_STEP)
        n_steps = int(np.ceil(np.log(high / low) / np.log(_LEVEL_STEP)))
        levels = low * (high / low) ** (np.arange(n_steps + 1) / n_steps)
        return np.concatenate([[as_it_is], levels])

    def _blend(self, levels, place, rows, columns):
        first = int(np.floor(place.min()))
        last = int(np.ceil(place.max()))
        result = 0.0
        for level in range(first, last + 1):
            share = np.maximum(1 - np.abs(place - level), 0)[..., np.newaxis]
            if share.any():
                part = self._part(levels, level, rows, columns)
                result = result + namespace(part).asarray(share) * part
        return result

    def _part(self, levels, level, rows, columns):
        """A block of the image as it is, or restored for the sigma of a level."""
        if level == 0 and self._keeps_channels():
            return self.image[rows, columns].astype(float)
        sigma = levels[max(level, 1)]
        network, params = self.model.weights.at(self.model.params, sigma)
        margin = network.radius
        tile = mirrored_tile(self.image, (rows, columns), margin)
        # In floats, so that levels are blended before they are rounded.
        tile = tile.astype(np.result_type(tile.dtype, np.float32))
        restored = self.backend.forward(
            network, params, tile[np.newaxis], data_range=self.data_range
        )[0]
        inside = tuple(
            slice(margin, margin + axis.stop - axis.start) for axis in (rows, columns)
        )
        return restored[inside].astype(float)

    def _keeps_channels(self):
        network = self.model.weights.network
        return network.n_channels_in == network.n_channels_out

    def _report(self, part):
        if self.on_pixels is not None:
            self.on_pixels(part.shape[0] * part.shape[1])


def sigma_of(tell, image, data_range, tile_size):
    """Sigma of an image as `tell` sees it, or of its tiles where they have a size."""
    if tile_size is None:
        return tell(image, data_range)
    return sigma_of_tiles(tell, image, data_range, tile_size)


def sigma_of_tiles(tell, image, data_range, tile_size):
    """Sigma of each tile of an image, as an array of shape (rows, columns).

    `tell` is a method of `BlurRegressor` that takes an image and its data range.
    """
    rows, columns = tile_grid(image.shape[:2], tile_size)
    return np.array(
        [[tell(image[down, across], data_range) for across in columns] for down in rows]
    )


def check_sigmas(sigma, n_images):
    """The blur of each image, as a list of floats and two-dimensional arrays.

    Raises
    ------
    ValueError
        When there is not one for each image, or it is no blur.
    TypeError
        When it lies on a GPU.
    """
    is_one = not isinstance(sigma, (list, tuple)) and np.ndim(sigma) == 0
    sigmas = [sigma] * n_images if is_one else list(sigma)
    if len(sigmas) != n_images:
        raise ValueError(
            f"sigma holds {len(sigmas)} value(s) for {n_images} image(s): pass one "
            "number for all, or one number or array of tiles for each; the tiles of a "
            "single image are sigma=[array]."
        )
    return [_check_sigma(value) for value in sigmas]


def _check_sigma(value):
    refuse_gpu(value, "What chooses weights for a blur", "sigma")
    try:
        sigma = np.asarray(value)
    except ValueError:  # rows of different lengths
        sigma = np.array(None)
    if (
        sigma.dtype.kind not in "iuf"
        or sigma.ndim not in (0, 2)
        or sigma.size == 0
        or not np.all((sigma >= 0) & (sigma < np.inf))
    ):
        raise ValueError(
            f"sigma={value!r}: expected the standard deviation of the blur in pixels, "
            "a number of at least 0, or a two-dimensional array of them, one for each "
            "tile of an image."
        )
    return float(sigma) if sigma.ndim == 0 else sigma.astype(float)


def _agreed(sigma):
    """Each tile with the median of those around it, and itself, that tell anything.

    Of tiles without edges sigma is 0. They take part in no median, and take that of
    their neighbours, or the mean of all where these tell nothing either; without one
    tile that tells, all stay 0.
    """
    told = np.where(sigma > 0, sigma, np.nan)
    if np.isnan(told).all():
        return sigma
    padded = np.pad(told, 1, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    around = around.reshape(*sigma.shape, 9)
    around = np.where(
        np.isnan(around).all(axis=-1, keepdims=True), np.nanmean(told), around
    )
    return np.nanmedian(around, axis=-1)


def split(values, n):
    """The first n of a list and the rest, or None twice."""
    return (None, None) if values is None else (values[:n], values[n:])
