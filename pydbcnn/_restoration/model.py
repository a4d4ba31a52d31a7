"""A trained model: how images go through it, with a blur that is estimated or known.

The estimator and the command line share it, so it does not import scikit-learn.
"""

import reprlib
from dataclasses import dataclass

import numpy as np

from .._blur_estimation.regressor import BlurRegressor
from .._blur_estimation.tiles import (
    check_tile_size,
    interpolate_tiles,
    sigma_of,
    sigma_of_tiles,
    smoothed_over_tiles,
)
from .._network.blur_aware import BlurAwareNetwork
from .._pixels.device import namespace, refuse_gpu
from .._pixels.gaussian import MIN_SIGMA
from .._pixels.values import mirrored_tile, write_pixels

# A photograph whose estimated sigma is below this counts as sharp. No lens is perfect:
# of the sharp photographs for training, 99 in 100 look like 0.5 or less, and others may
# be a bit softer. To leave so weak a blur alone costs little; to undo one that is not
# there makes halos.
SHARP_BELOW = 0.6
# A known sigma below this changes no pixel by enough to matter.
KNOWN_SHARP = 0.8 * MIN_SIGMA
_DEPENDS = (
    "choose a model that depends on it, with n_basis_functions > 1 or "
    "inverse_filter=True (pydbcnn train --blur-aware)"
)
_LEVEL_STEP = 1.1  # ratio of the sigmas between which a varying blur is interpolated
_BLOCK = 256  # pixels of a side that are restored together when the blur varies


@dataclass(frozen=True)
class DeblurModel:
    """Weights that may depend on the blur, and what estimates the blur of an image.

    Parameters
    ----------
    weights : BlurAwareNetwork
    params : array of shape (weights.n_params,)
    regressor : BlurRegressor or None, default=None
        What estimates the blur. None where nothing depends on it, or where it has to be
        known.
    name : str, default=""
        What error messages call the model.
    """

    weights: BlurAwareNetwork
    params: np.ndarray
    regressor: BlurRegressor | None = None
    name: str = ""

    def check_blur(self, sigma=None, tile_size=None, *, n_images=1):
        """The one place that says which models take which `sigma` and `tile_size`.

        Parameters
        ----------
        sigma : float, array of shape (n,), list, or None
            The blur, where it is known: one for all images or one for each, which is a
            number or a two-dimensional array with one for each tile.
        tile_size : int or None
            Where the blur is estimated, the side of the tiles that get a sigma each.
        n_images : int, default=1

        Returns
        -------
        sigmas : list of (float or array of shape (rows, columns)) or None
            One for each image; None where the blur is estimated, or does not matter.

        Raises
        ------
        ValueError
            When the model takes none of the two, needs one of them, or they are no
            blurs and no size of tiles; the message says which.
        TypeError
            When a sigma lies on a GPU.
        """
        if tile_size is not None:
            check_tile_size(tile_size)
        if not self.weights.needs_sigma:
            self._refuse_blur(sigma=sigma, tile_size=tile_size)
        elif sigma is None:
            self.check_estimates_blur()
        elif tile_size is not None:
            raise ValueError(
                f"tile_size={tile_size!r} is for estimating the blur of tiles, but "
                "sigma is given: the two exclude each other, pass one of them. Known "
                "blurs of tiles are a two-dimensional array for each image."
            )
        return None if sigma is None else check_sigmas(sigma, n_images)

    @property
    def estimates_blur(self):
        """Whether the model estimates the blur of images."""
        return self.regressor is not None

    def check_estimates_blur(self):
        """Raise a ValueError unless the model estimates the blur of images."""
        if self.estimates_blur:
            return
        if self.weights.needs_sigma:
            raise ValueError(
                f"{self._who} does not estimate the blur: pass sigma where it is "
                "known, or choose a model that estimates it."
            )
        raise ValueError(
            f"{self._who} does not estimate the blur, since nothing in it depends on "
            f"one: {_DEPENDS}."
        )

    def _refuse_blur(self, **given):
        given = [
            f"{name}={reprlib.repr(value)}"
            for name, value in given.items()
            if value is not None
        ]
        if given:
            raise ValueError(
                f"{', '.join(given)}: {self._who} is the same for every blur: leave "
                f"sigma and tile_size out, or {_DEPENDS}."
            )

    @property
    def _who(self):
        return f"The model {self.name}" if self.name else "This model"

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
        backend : Backend
        batch : array of shape (n, height, width, channels)
            Of NumPy or on the device of the backend, where the output lies then, too.
        data_range : float
            The pixel value that counts as 1.
        sigma : list of (float or array of shape (rows, columns)) or None
            The blur of each image, or of its tiles. None estimates it.
        tile_size : int or None, default=None
            Where the blur is estimated, the side of tiles that get their own. None
            takes one for each image.
        on_pixels : callable or None, default=None
            Called now and then with the number of pixels that were completed since the
            last call.

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
                restorer.restore_blind(tile_size)
            else:
                restorer.restore_known(sigma[index])
        return output

    def estimate(self, image, data_range, tile_size=None):
        """Sigma of an image of shape (height, width, channels), or of its tiles.

        Returns
        -------
        sigma : float or array of shape (rows, columns)
        """
        return sigma_of(self.regressor.sigma, image, data_range, tile_size)

    def sigma_to_undo(self, image, data_range):
        """The sigma that `restore` undoes blind: cautious, and 0 for a sharp image."""
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

    def restore_blind(self, tile_size):
        """Undo the blur that the image, or each of its tiles, seems to have."""
        if tile_size is None:
            self.restore_known(self.model.sigma_to_undo(self.image, self.data_range))
            return
        sigma = sigma_of_tiles(
            self.model.regressor.cautious_sigma, self.image, self.data_range, tile_size
        )
        self._restore_varying(
            smoothed_over_tiles(sigma), SHARP_BELOW, SHARP_BELOW * _LEVEL_STEP
        )

    def restore_known(self, sigma):
        """Undo a blur: a number, or an array with one for each tile."""
        if np.ndim(sigma) > 0:
            self._restore_varying(np.asarray(sigma, float), KNOWN_SHARP, MIN_SIGMA)
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

    def _restore_varying(self, sigma, as_it_is, restored):
        """Undo a blur that varies: a pixel is blended of estimates for two sigmas.

        The image is restored for a few sigmas, its levels. A pixel takes the estimates
        for the two levels next to its own sigma, which is interpolated between the
        tiles. Where sigma is up to `as_it_is`, the image stays as it is; from
        `restored` on, it is restored; between them, the two are blended. Since sigma is
        continuous, there are no seams.
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
        """The sigmas to restore for; the first stands for the image as it is."""
        # A model that has learned from weak blurs alone serves for all stronger ones.
        high = max(self.model.weights.sigma_range[1], low * _LEVEL_STEP)
        n_steps = int(np.ceil(np.log(high / low) / np.log(_LEVEL_STEP)))
        levels = low * (high / low) ** (np.arange(n_steps + 1) / n_steps)
        return np.concatenate([[as_it_is], levels])

    def _blend(self, levels, place, rows, columns):
        """A block of the image; `place` says between which levels each pixel is."""
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
    except ValueError:  # nested lists with rows of different lengths
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


def split(values, n):
    """Split a list into its first n values and the rest; None stays None in both."""
    return (None, None) if values is None else (values[:n], values[n:])
