"""What a user tells about images, their blur and their noise, checked."""

import reprlib
from numbers import Real

import numpy as np

from .._blur.blur import Blur
from .._blur.kernels import MAX_KERNEL_SIDE
from .._blur.noise import Noise
from .._pixels.device import refuse_gpu

MAX_STRENGTH = 2.0
_FORMS = (
    "a Blur, such as Blur.motion(5, angle=20), a kernel of shape (height, width), or "
    "one of them for each image in a list; those of the tiles of an image are an array "
    "of Blur of shape (rows, columns)"
)
_ONE_OR_EACH = "one for all, or one for each image or for its tiles"
_FORMS_OF_MASKS = "'white', 'none', or a mask of clipped pixels for each image"


def check_sigmas(sigma, n_images):
    """The sigma of the round Gaussian blur of each image.

    Returns
    -------
    sigmas : list of (float or array of shape (rows, columns))
        Arrays hold the sigma of each tile.

    Raises
    ------
    ValueError
        When there is not one for each image, or it is no blur.
    TypeError
        When it lies on a GPU.
    """
    is_one = not isinstance(sigma, (list, tuple)) and np.ndim(sigma) == 0
    sigmas = _for_each(sigma, is_one, n_images, "sigma", "[array]")
    return [_check_sigma(value) for value in sigmas]


def check_blurs(blur, n_images):
    """The blur of each image.

    Parameters
    ----------
    blur : Blur, array, or list
        One for all images or one for each: a `Blur`, a kernel of numbers, or for the
        tiles of an image an array of `Blur` of shape (rows, columns).
    n_images : int

    Returns
    -------
    blurs : list of (Blur or array of shape (rows, columns), object)

    Raises
    ------
    ValueError
        When there is not one for each image, or one of them cannot be undone.
    TypeError
        When it is no blur, or lies on a GPU.
    """
    refuse_gpu(blur, "What makes filters for a blur", "blur")
    is_one = isinstance(blur, Blur) or _is_kernel(blur)
    blurs = _for_each(blur, is_one, n_images, "blur", "[array]")
    name = "blur" if is_one else "blur[{}]"
    return [_check_blur(value, name.format(i)) for i, value in enumerate(blurs)]


def check_noises(noise, n_images, dtype):
    """The noise of each image.

    Parameters
    ----------
    noise : float, Noise, array of shape (n,), list, or None
        One for all images or one for each. A number is a standard deviation in levels
        of 8 bits.
    n_images : int
    dtype : dtype
        Of the images: those of 8 bits have been rounded, which adds noise.

    Returns
    -------
    noises : list of (Noise or None)

    Raises
    ------
    ValueError
        When there is not one for each image, or a number is out of its range.
    TypeError
        When it is no noise.
    """
    is_one = noise is None or isinstance(noise, Noise) or np.ndim(noise) == 0
    noises = _for_each(
        noise,
        is_one,
        n_images,
        "noise",
        "[noise]",
        "one for all, or one for each image",
    )
    return [_check_noise(value, np.dtype(dtype)) for value in noises]


def check_strength(strength):
    """How much of a blur is undone, or a ValueError."""
    is_number = isinstance(strength, Real) and not isinstance(strength, bool)
    if not is_number or not 0 <= strength <= MAX_STRENGTH:
        raise ValueError(
            f"strength={strength!r}: expected a number from 0, which changes nothing, "
            f"to {MAX_STRENGTH:g}; 1 undoes the blur as it is."
        )
    return float(strength)


def check_clipped(clipped, shapes):
    """The clipped pixels of each image.

    Parameters
    ----------
    clipped : {"white", "none"}, or array-like
        "white" takes the pixels at the end of the data range, "none" none. Otherwise,
        one mask for each image, True where it is clipped.
    shapes : sequence of tuple of 2 int
        Height and width of each image.

    Returns
    -------
    masks : list of array of shape (height, width), bool, or None
        None where they are to be looked for.
    looks_for_highlights : bool

    Raises
    ------
    ValueError
        When it is another word, or masks do not fit the images.
    """
    if isinstance(clipped, str):
        if clipped not in ("white", "none"):
            raise ValueError(f"clipped={clipped!r}: expected {_FORMS_OF_MASKS}.")
        return None, clipped == "white"
    masks = _for_each(
        clipped, False, len(shapes), "clipped", "[mask]", "one for each image"
    )
    checked = []
    for index, (mask, shape) in enumerate(zip(masks, shapes, strict=True)):
        mask = _as_array(mask)
        if mask.dtype != bool or mask.shape != tuple(shape):
            raise ValueError(
                f"clipped[{index}] has shape {mask.shape} and type {mask.dtype}: "
                f"expected bool of shape {tuple(shape)}, as the image has it."
            )
        checked.append(mask)
    return checked, True


def _for_each(value, is_one, n_images, name, of_one, wanted=_ONE_OR_EACH):
    values = [value] * n_images if is_one else _listed(value, name)
    if len(values) != n_images:
        raise ValueError(
            f"{name} holds {len(values)} value(s) for {n_images} image(s): pass "
            f"{wanted}; for a single image that is {name}={of_one}."
        )
    return values


def _listed(value, name):
    try:
        return list(value)
    except TypeError:
        forms = _FORMS_OF_MASKS if name == "clipped" else _FORMS
        raise TypeError(
            f"{name}={value!r} of type {type(value).__name__}: expected {forms}."
        ) from None


def _check_sigma(value):
    refuse_gpu(value, "What chooses weights for a blur", "sigma")
    sigma = _as_array(value)
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


def _as_array(value):
    try:
        return np.asarray(value)
    except ValueError:  # rows of different lengths
        return np.array(None)


def _is_kernel(value):
    """Whether these are the rows of one kernel: two axes of numbers."""
    array = _as_array(value)
    return array.ndim == 2 and array.dtype.kind in "fiub"


def _check_blur(value, name):
    if isinstance(value, Blur):
        return _undoable(value, name)
    array = _as_array(value)
    if array.dtype.kind in "fiub" and array.ndim == 2:
        return _undoable(Blur.from_kernel(array), name)
    if array.ndim == 2 and array.size and all(isinstance(b, Blur) for b in array.flat):
        for place, blur in np.ndenumerate(array):
            _undoable(blur, f"{name}{list(place)}")
        return array
    raise TypeError(f"{name}={reprlib.repr(value)}: expected {_FORMS}.")


def _undoable(blur, name):
    """The blur, unless its kernel is too large or beside its centre."""
    sides = blur.kernel().shape
    if max(sides) > MAX_KERNEL_SIDE:
        raise ValueError(
            f"{name} is a blur with a kernel of {sides[0]} x {sides[1]} pixels, and "
            f"{MAX_KERNEL_SIDE} x {MAX_KERNEL_SIDE} is the largest that can be undone: "
            f"make the image {max(sides) / MAX_KERNEL_SIDE:.1f} times smaller first, "
            "and the blur with it."
        )
    down, across = blur.offset
    if round(down) or round(across):
        raise ValueError(
            f"{name} is a kernel whose centroid lies {down:.1f} pixels below and "
            f"{across:.1f} to the right of its centre, so that undoing it would move "
            "the image by as much: pass Blur.from_kernel(kernel).centred(), which "
            "keeps it in place."
        )
    return blur


def _check_noise(value, dtype):
    if value is None or isinstance(value, Noise):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(
            f"noise={value!r}: expected its standard deviation in levels of 8 bits, "
            "such as 2.0, a Noise, or one of them for each image in a list."
        )
    try:
        return Noise.white(float(value), rounded=dtype == np.uint8)
    except ValueError:
        raise ValueError(
            f"noise={value!r}: expected a standard deviation in levels of 8 bits, a "
            "number from 0 to 255."
        ) from None
