"""What counts as images: layouts, types and channels; everything else is refused."""

from dataclasses import dataclass

import numpy as np

from .device import as_array, check_same_place, is_on_gpu

MAX_CHANNELS = 16  # of an image
PIXEL_TYPES = ("uint8", "uint16", "float32", "float64")
# Rows of pixels keep these types; other numbers become the first.
ROW_TYPES = (np.float64, np.float32, np.uint8, np.uint16)
_LAYOUTS = (
    "greyscale images of shape (n, height, width), images with channels of shape "
    "(n, height, width, channels), or a list of (height, width[, channels]) arrays"
)
_COLOURS = (3, 4)  # last axes of one image in RGB or RGBA, with an axis missing
_HIGHEST = np.finfo(np.float32).max  # the engine computes in single precision
_CHUNK = 2**18  # values that are checked at a time, so that checks need little memory


@dataclass(frozen=True)
class Images:
    """Images in one layout for all: a list of (n, height, width, channels) arrays.

    An array becomes one batch, a list one batch an image; nothing is copied.
    """

    batches: list
    is_list: bool
    has_channels: bool

    @property
    def n_images(self):
        return sum(len(batch) for batch in self.batches)

    @property
    def n_channels(self):
        return self.batches[0].shape[3]

    @property
    def dtype(self):
        return self.batches[0].dtype

    def each(self):
        """All images, as a list of (height, width, channels) views."""
        return [image for batch in self.batches for image in batch]

    def like(self, batches):
        """Batches of as many images, in the layout that these images came in."""
        if not self.has_channels and batches[0].shape[3] == 1:
            batches = [batch[..., 0] for batch in batches]
        return [batch[0] for batch in batches] if self.is_list else batches[0]


def is_image_list(X):
    """Whether X is a list of arrays, rather than nested lists of numbers."""
    return isinstance(X, (list, tuple)) and any(_n_dimensions(x) >= 2 for x in X[:1])


def _n_dimensions(x):
    n_dimensions = getattr(x, "ndim", None)
    return np.ndim(x) if n_dimensions is None else n_dimensions


def holds_images(X):
    """Whether X is to be taken for images, rather than for rows of pixels.

    Rows go through scikit-learn, which takes none from a GPU: there, all are images.
    """
    return getattr(X, "ndim", 0) > 2 or is_image_list(X) or is_on_gpu(X)


def as_images(X, name="X", *, n_channels=None, is_stack=False):
    """Check images and bring them to one layout.

    Parameters
    ----------
    X : array of shape (n, height, width[, channels]), or list of arrays
        uint8, uint16, float32 or float64; of NumPy or on a GPU, where they stay.
    name : str, default="X"
        What error messages call it.
    n_channels : int or None, default=None
        Of the images that a model works on, where it has been fitted. Other images are
        then left for `check_n_channels` to refuse.
    is_stack : bool, default=False
        Whether a 3-D array is known to hold greyscale images, however narrow.

    Returns
    -------
    images : Images

    Raises
    ------
    TypeError
        For pixels of another type, or a list of images from host and GPU.
    ValueError
        For other dimensions, a single image with three or four channels, no images or
        pixels, NaN or infinity, mixed channels or types, or more than 16 channels.
    """
    if is_image_list(X):
        return _from_list(X, name)
    X = as_array(X, name)
    if X.ndim == 2:
        rows = f" Rows are taken from NumPy: {name}.get()." if is_on_gpu(X) else ""
        raise ValueError(
            f"{name} of shape {X.shape} is one greyscale image or rows of numbers, but "
            f"images are expected: {_LAYOUTS}. For one image, pass {name}[np.newaxis]."
            f"{rows}"
        )
    if X.ndim not in (3, 4):
        raise ValueError(
            f"{name} has {X.ndim} dimensions, shape {X.shape}: expected {_LAYOUTS}."
        )
    X = check_pixels(X, name)
    if X.ndim == 3 and not is_stack and n_channels in (None, 1):
        _refuse_one_image(X.shape, name)
    batch = X if X.ndim == 4 else X[..., np.newaxis]
    _check_channels(batch.shape[3], X.shape, name)
    return Images([batch], is_list=False, has_channels=X.ndim == 4)


def _from_list(images, name):
    images = [as_array(image, f"{name}[{index}]") for index, image in enumerate(images)]
    for index, image in enumerate(images):
        label = f"{name}[{index}]"
        check_same_place(images[0], image, (f"{name}[0]", label))
        if image.ndim not in (2, 3):
            raise ValueError(
                f"{label} has shape {image.shape}: in a list, each image is an array "
                "of shape (height, width) or (height, width, channels)."
            )
        images[index] = check_pixels(image, label)
        if image.ndim != images[0].ndim or image.shape[2:] != images[0].shape[2:]:
            raise ValueError(
                f"{label} has shape {image.shape} but {name}[0] has "
                f"{images[0].shape}: all images of a list need the same channels."
            )
        if images[index].dtype != images[0].dtype:
            raise ValueError(
                f"{label} is {image.dtype} but {name}[0] is {images[0].dtype}: all "
                "images of a list need one type."
            )
    has_channels = images[0].ndim == 3
    batches = [
        image[np.newaxis] if has_channels else image[np.newaxis, ..., np.newaxis]
        for image in images
    ]
    _check_channels(batches[0].shape[3], images[0].shape, f"{name}[0]")
    return Images(batches, is_list=True, has_channels=has_channels)


def check_pixels(array, name):
    """Raise unless an array holds finite pixels of a type that has a range.

    Returns the array itself, or a copy when its bytes lie in another order than the
    processor's, or not where it reads them.
    """
    if array.dtype.kind == "c":
        raise ValueError(
            f"Complex data not supported: {name} is {array.dtype}. Pass "
            "real pixel values."
        )
    if array.dtype.name not in PIXEL_TYPES:
        raise TypeError(
            f"{name} has pixels of type {array.dtype}, expected one of "
            f"{', '.join(PIXEL_TYPES)}: convert them, for instance with "
            "images.astype(np.uint8) where they run from 0 to 255."
        )
    if array.size == 0:
        raise ValueError(
            f"{name} is empty, shape {array.shape}: pass at least one "
            "image with at least one pixel and one channel."
        )
    if array.dtype.kind == "f" and not _all_finite(array):
        raise ValueError(
            f"{name} contains NaN or infinity, or values above {_HIGHEST:.2g}: replace "
            "those pixels, for instance with np.nan_to_num."
        )
    # Arrays on a GPU are always of native byte order and aligned.
    if is_on_gpu(array) or (array.dtype.isnative and array.flags.aligned):
        return array
    return array.astype(array.dtype.newbyteorder("="))


def _all_finite(array):
    if is_on_gpu(array):  # two reductions are quick there, and need no memory
        return bool(array.min() >= -_HIGHEST) and bool(array.max() <= _HIGHEST)
    if array.size <= _CHUNK:
        return bool((np.abs(array) <= _HIGHEST).all())
    if len(array) == 1:
        return _all_finite(array[0])
    n_together = max(1, _CHUNK * len(array) // array.size)
    return all(
        _all_finite(array[start : start + n_together])
        for start in range(0, len(array), n_together)
    )


def _check_channels(n_channels, shape, name):
    if n_channels > MAX_CHANNELS:
        raise ValueError(
            f"{name} of shape {shape} has {n_channels} channels (its last axis), more "
            f"than {MAX_CHANNELS}: expected {_LAYOUTS}."
        )


def check_same_type(X_type, y_type, names=("X", "y")):
    """Raise unless two sets of images have one range of pixels."""
    if X_type != y_type and not X_type.kind == y_type.kind == "f":
        raise ValueError(
            f"{names[0]} is {X_type} but {names[1]} is {y_type}: both need one type, "
            "so that their pixels have one range."
        )


def _refuse_one_image(shape, name):
    """Raise for one image with channels, which would pass for greyscale images."""
    n_rows, _, n_columns = shape
    if n_columns in _COLOURS and n_rows > 1:  # a photograph has many rows
        raise ValueError(
            f"{name} of shape {shape} may be one image with {n_columns} channels, or "
            f"{n_rows} greyscale images of {n_columns} columns. "
            f"{_one_image(shape, name)}; for such narrow greyscale images, pass "
            f"{name}[..., np.newaxis]."
        )


def _one_image(shape, name):
    """What to do for somebody who passed one image with channels."""
    return (
        f"A 3-D array is a stack of greyscale images; for one image of shape {shape} "
        f"with channels, pass {name}[np.newaxis]"
    )


def check_n_channels(images, n_channels, name="X"):
    """Raise unless images have the channels that a network was made for."""
    if images.n_channels == n_channels:
        return
    message = (
        f"{name} has {images.n_channels} channel(s), but this model works on "
        f"{n_channels}."
    )
    shape = images.batches[0].shape
    if not images.has_channels and not images.is_list and shape[2] == n_channels:
        message += f" {_one_image(shape[:3], name)}."
    elif n_channels == 3 and images.n_channels == 1:
        message += " Repeat greyscale images: np.stack([image] * 3, axis=-1)."
    elif n_channels == 3 and images.n_channels == 4:
        message += " Leave the alpha channel out: images[..., :3]."
    raise ValueError(message)
