"""A trained model: how images go through it, with a blur that is estimated or known.

The estimator and the command line share it, so it does not import scikit-learn.
"""

import reprlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._blur.blur import Blur
from .._blur_estimation.regressor import BlurRegressor
from .._blur_estimation.tiles import (
    check_tile_size,
    sigma_of,
    sigma_of_tiles,
    smoothed_over_tiles,
)
from .._network.blur_aware import BlurAwareNetwork
from .._pixels.device import namespace
from .._pixels.gaussian import MIN_SIGMA
from .._pixels.values import write_pixels
from .given import (
    check_blurs,
    check_clipped,
    check_noises,
    check_sigmas,
    check_strength,
)
from .undoing import KNOWN_SHARP, Photo, Undoing, blocks
from .varying import BlurTiles, SigmaLevels

# A photograph whose estimated sigma is below this counts as sharp. No lens is perfect:
# of the sharp photographs for training, 99 in 100 look like 0.5 or less, and others may
# be a bit softer. To leave so weak a blur alone costs little; to undo one that is not
# there makes halos.
SHARP_BELOW = 0.6
_DEPENDS = (
    "choose a model that depends on it, with n_basis_functions > 1 or "
    "inverse_filter=True (pydbcnn train --blur-aware)"
)
_LEAST_RATIO = 1.1  # from a sigma at which images stay as they are to one undone


class Known(NamedTuple):
    """What is known of some images, and what is wanted; `DeblurModel.check` makes it.

    Parameters
    ----------
    blurs : list or None, default=None
        For each image a float (the sigma of a round Gaussian; one that the model has
        not learned from counts as the nearest that it has), a `Blur`, an array of
        sigmas or of `Blur` of its tiles, or None, which estimates it. None means None
        for all.
    noises : list of (Noise or None) or None, default=None
        None means None for all.
    clipped : list of (array or None) or None, default=None
        For each image the pixels that are clipped. None means None for all: those that
        are white.
    looks_for_highlights : bool, default=True
        Whether clipped pixels count.
    strength : float, default=1.0
        How much of the blur is undone.
    tile_size : int or None, default=None
        Where the blur is estimated, the side of tiles that get their own. None takes
        one for each image.
    """

    blurs: list | None = None
    noises: list | None = None
    clipped: list | None = None
    looks_for_highlights: bool = True
    strength: float = 1.0
    tile_size: int | None = None

    def split(self, n):
        """What is known of the first n images, and of the rest."""
        first, rest = self, self
        for name in ("blurs", "noises", "clipped"):
            values = getattr(self, name)
            if values is not None:
                first = first._replace(**{name: values[:n]})
                rest = rest._replace(**{name: values[n:]})
        return first, rest

    def repeated(self, n):
        """What is known of n images, of each as of the only one."""
        lists = {name: getattr(self, name) for name in ("blurs", "noises", "clipped")}
        return self._replace(
            **{name: values and values * n for name, values in lists.items()}
        )

    def of(self, index):
        """Blur, noise and clipped pixels of an image."""
        lists = self.blurs, self.noises, self.clipped
        return tuple(None if values is None else values[index] for values in lists)


NOTHING = Known()


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

    def check(
        self,
        *,
        sigma=None,
        blur=None,
        noise=None,
        strength=1.0,
        clipped="white",
        tile_size=None,
        shapes=((1, 1),),
        dtype=np.float32,
    ):
        """The one place that says which models take what of that which users know.

        Parameters
        ----------
        sigma : float, array of shape (n,), list, or None, default=None
            Sigma of a round Gaussian blur: one for all images or one for each, which is
            a number or a two-dimensional array with one for each tile.
        blur : Blur, array, list, or None, default=None
            The blur, where it is known; see `check_blurs`.
        noise : float, Noise, array, list, or None, default=None
            The noise, where it is known; see `check_noises`. None takes that of the
            blur, where it tells.
        strength : float, default=1.0
            How much of the blur is undone, 0 to 2.
        clipped : {"white", "none"}, or list of array, default="white"
            Which pixels are clipped; see `check_clipped`.
        tile_size : int or None, default=None
            Where the blur is estimated, the side of the tiles that get one each.
        shapes : sequence of tuple of 2 int, default=((1, 1),)
            Height and width of each image.
        dtype : dtype, default=float32
            Of the images.

        Returns
        -------
        known : Known

        Raises
        ------
        ValueError
            When the model does not take one of them, needs one of them, or they are no
            blurs, no noise, and so on; the message says which.
        TypeError
            When one is of a wrong type, or lies on a GPU.
        """
        if tile_size is not None:
            check_tile_size(tile_size)
        strength = check_strength(strength)
        if sigma is not None and blur is not None:
            raise ValueError(
                f"sigma={reprlib.repr(sigma)} is short for a round Gaussian blur, but "
                "blur is given, too: pass one of them."
            )
        if not self.weights.needs_sigma:
            self._refuse_blur(sigma=sigma, blur=blur, noise=noise, tile_size=tile_size)
        elif sigma is None and blur is None:
            self.check_estimates_blur()
        elif tile_size is not None:
            raise ValueError(
                f"tile_size={tile_size!r} is for estimating the blur of tiles, but "
                f"{'sigma' if blur is None else 'blur'} is given: the two exclude each "
                "other, pass one of them. Known blurs of tiles are a two-dimensional "
                "array for each image."
            )
        self._check_strength(strength)
        blurs, n_images = None, len(shapes)
        if sigma is not None:
            blurs = check_sigmas(sigma, n_images)  # a model knows round Gaussians
        elif blur is not None:
            blurs = check_blurs(blur, n_images)
            self._check_kinds(blurs)
        noises = check_noises(noise, n_images, dtype)
        if not self.weights.inverse_filter:
            self._refuse_without_filter(noise=noise)
        elif noise is None and blurs is not None:
            noises = [_noise_of(value) for value in blurs]
        masks, looks = check_clipped(clipped, shapes)
        if masks is not None and not self.weights.inverse_filter:
            self._refuse_without_filter(clipped=clipped)
        return Known(blurs, noises, masks, looks, strength, tile_size)

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
                "known (or blur), or choose a model that estimates it."
            )
        raise ValueError(
            f"{self._who} does not estimate the blur, since nothing in it depends on "
            f"one: {_DEPENDS}."
        )

    def _refuse_blur(self, **given):
        given = _named(given)
        if given:
            raise ValueError(
                f"{given}: {self._who} is the same for every blur: leave sigma and "
                f"tile_size out, blur and noise as well, or {_DEPENDS}."
            )

    def _refuse_without_filter(self, **given):
        given = _named(given)
        if given:
            raise ValueError(
                f"{given}: {self._who} has no filter that depends on it: leave it out, "
                "or choose a model with inverse_filter=True."
            )

    def _check_kinds(self, blurs):
        """Raise unless all blurs are of kinds that the model can undo."""
        if self.weights.inverse_filter:
            return
        for value in blurs:
            for blur in value.flat if isinstance(value, np.ndarray) else [value]:
                if blur.angle is not None or blur.kind in (
                    "defocus",
                    "motion",
                    "kernel",
                ):
                    raise ValueError(
                        f"blur={blur!r}: {self._who} knows round Gaussian blurs alone, "
                        "since it has no filter that undoes others: choose a model "
                        "with inverse_filter=True, or pass sigma for the Gaussian "
                        "that is most like it."
                    )

    def _check_strength(self, strength):
        if strength != 1 and not self.weights.keeps_channels:
            network = self.weights.network
            raise ValueError(
                f"strength={strength:g}: {self._who} makes {network.n_channels_out} "
                f"channels of {network.n_channels_in}, so there is nothing to blend "
                "its estimate with: pass strength=1."
            )

    @property
    def _who(self):
        return f"The model {self.name}" if self.name else "This model"

    def restore(self, backend, batch, *, data_range, known=NOTHING, on_pixels=None):
        """Estimate sharp images.

        Parameters
        ----------
        backend : Backend
        batch : array of shape (n, height, width, channels)
            Of NumPy or on the device of the backend, where the output lies then, too.
        data_range : float
            The pixel value that counts as 1.
        known : Known, default=NOTHING
            What `check` has returned for these images.
        on_pixels : callable or None, default=None
            Called now and then with the number of pixels that were completed since the
            last call.

        Returns
        -------
        output : array of shape (n, height, width, channels out)
            In the type and range of the batch.
        """
        if not self.weights.needs_sigma and known.strength == 1:
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
            blur, noise, clipped = known.of(index)
            photo = Photo(image, data_range, noise, clipped, known.looks_for_highlights)
            restorer = _ImageRestorer(
                self, backend, photo, result, known.strength, on_pixels
            )
            restorer.restore(blur, known.tile_size)
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
    """Restores one photograph into an array."""

    model: DeblurModel
    backend: object
    photo: Photo
    output: np.ndarray
    strength: float
    on_pixels: object = None

    def restore(self, blur, tile_size):
        """Undo a blur, or the one that the image, or each of its tiles, seems to have.

        Parameters
        ----------
        blur : float, Blur, array or None
            As in `Known`.
        tile_size : int or None
        """
        image, data_range = self.photo.image, self.photo.data_range
        if self.strength == 0:
            self._leave_alone()
        elif not self.model.weights.needs_sigma:
            self._restore_one(None)
        elif blur is None and tile_size is None:
            self._restore_one(self.model.sigma_to_undo(image, data_range))
        elif blur is None:
            sigma = sigma_of_tiles(
                self.model.regressor.cautious_sigma, image, data_range, tile_size
            )
            self._restore_sigmas(
                smoothed_over_tiles(sigma), SHARP_BELOW, SHARP_BELOW * _LEAST_RATIO
            )
        elif not isinstance(blur, np.ndarray):
            self._restore_one(blur)
        elif blur.dtype == object:
            self._restore_mixture(BlurTiles(blur, image.shape[:2]))
        else:
            self._restore_sigmas(blur, KNOWN_SHARP, MIN_SIGMA)

    def _restore_one(self, blur):
        """Undo one blur of the whole image."""
        if _is_sharp(blur) and self.model.weights.keeps_channels:
            self._leave_alone()
            return
        undoing = self._undoing(blur, self._power([blur]))
        if self.strength == 1:
            undoing.restore_all(self.output, self.on_pixels)
            return
        for rows, columns in blocks(self.photo.image.shape):
            self._write(undoing.part(rows, columns), rows, columns)

    def _restore_sigmas(self, sigma, as_it_is, low):
        high = self.model.weights.sigma_range[1]
        shape = self.photo.image.shape[:2]
        self._restore_mixture(SigmaLevels(sigma, shape, as_it_is, low, high))

    def _restore_mixture(self, mixture):
        """Undo a blur that varies: a pixel is blended of estimates for several."""
        power = self._power(mixture.of_tiles)
        undoings = {}

        def estimate(index, rows, columns):
            blur = mixture.blurs[index]
            if blur is None and self.model.weights.keeps_channels:
                return self.photo.image[rows, columns]
            if index not in undoings:
                # What cannot leave an image as it is undoes the least blur.
                blur = mixture.least if blur is None else blur
                undoings[index] = self._undoing(blur, power, is_everywhere=False)
            return undoings[index].part(rows, columns)

        xp = namespace(self.photo.image)
        n_out = self.output.shape[2]
        dtype = np.result_type(self.output.dtype, np.float32)
        for rows, columns in blocks(self.photo.image.shape, mixture.block):
            shape = rows.stop - rows.start, columns.stop - columns.start, n_out
            blended = xp.zeros(shape, dtype)
            for index, down, across, share in mixture.shares(rows, columns):
                place = (
                    slice(down.start - rows.start, down.stop - rows.start),
                    slice(across.start - columns.start, across.stop - columns.start),
                )
                share = xp.asarray(share[..., np.newaxis], dtype)
                blended[place] += share * estimate(index, down, across)
            self._write(blended, rows, columns)

    def _power(self, blurs):
        """The power of the sharp photograph, under the blurs that it has."""
        as_blur = self.model.weights.as_blur
        # None is of what stays as it is.
        return self.photo.power(
            [Blur.none() if blur is None else as_blur(blur) for blur in blurs]
        )

    def _undoing(self, blur, power, *, is_everywhere=True):
        return Undoing(self.model, self.backend, self.photo, blur, power, is_everywhere)

    def _leave_alone(self):
        self.output[...] = self.photo.image
        self._report(self.photo.image)

    def _write(self, estimate, rows, columns):
        part = self.output[rows, columns]
        if self.strength != 1:
            image = self.photo.image[rows, columns]
            estimate = image + self.strength * (estimate - image)
        write_pixels(estimate, part)
        self._report(part)

    def _report(self, part):
        if self.on_pixels is not None:
            self.on_pixels(part.shape[0] * part.shape[1])


def _named(given):
    return ", ".join(
        f"{name}={reprlib.repr(value)}"
        for name, value in given.items()
        if value is not None
    )


def _noise_of(value):
    """The noise that a blur tells of, or the first one of the tiles that does."""
    if isinstance(value, Blur):
        return value.noise
    if not isinstance(value, np.ndarray) or value.dtype != object:
        return None
    return next((blur.noise for blur in value.flat if blur.noise is not None), None)


def _is_sharp(blur):
    """Whether there is nothing to undo."""
    if isinstance(blur, Blur):
        return blur.kind in ("none", "unknown") or blur.sigma < KNOWN_SHARP
    return blur is not None and blur < KNOWN_SHARP
