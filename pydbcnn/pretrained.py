"""The models that ship with the package, and what they were trained with."""

import os
from importlib.resources import files
from pathlib import Path

__all__ = [
    "BLUR_AWARE",
    "available_models",
    "model_card",
    "model_path",
]

BLUR_AWARE = dict(
    n_basis_functions=5,
    inverse_filter=True,
    sigma_noise=0.06,
    loss="log_squared_error",
)
"""Parameters of `DBCNNDeblurrer` that the models that ship were trained with.

``DBCNNDeblurrer(**BLUR_AWARE)`` learns weights that depend on the blur, behind a filter
that undoes it. X should be blurred by a range of sigmas.
"""


def _weights_folder():
    return Path(str(files("pydbcnn") / "weights"))


def available_models():
    """Names of the models that ship with the package.

    Returns
    -------
    names : list of str
        Sorted.

    Examples
    --------
    >>> from pydbcnn.pretrained import available_models
    >>> "mild" in available_models()
    True
    """
    return sorted(path.stem for path in _weights_folder().glob("*.safetensors"))


def model_path(name):
    """Where the file of a model lies.

    Parameters
    ----------
    name : str
        One of `available_models`.

    Returns
    -------
    path : pathlib.Path
        A safetensors file.

    Raises
    ------
    ValueError
        When there is no such model; the message lists them.

    Examples
    --------
    >>> from pydbcnn.pretrained import model_path
    >>> model_path("mild").name
    'mild.safetensors'
    """
    if name not in available_models():
        raise ValueError(
            f"There is no model {name!r} in this version of pydbcnn; it ships: "
            f"{', '.join(available_models())}. A model of your own is read with "
            "DBCNNDeblurrer.load(path)."
        )
    return _weights_folder() / f"{name}.safetensors"


def model_card(name):
    """The card of a model: data, command, seed, scores and limits, as Markdown.

    Parameters
    ----------
    name : str
        One of `available_models`.

    Returns
    -------
    card : str
        Markdown.

    Raises
    ------
    ValueError
        When there is no such model; the message lists them.

    Examples
    --------
    >>> from pydbcnn.pretrained import model_card
    >>> len(model_card("mild")) > 0
    True
    """
    return model_path(name).with_suffix(".md").read_text(encoding="utf-8")


def find_model(name):
    """Where the file of a model lies that ships with the package, or that is a file.

    Parameters
    ----------
    name : str or path-like
        One of `available_models`, or the path of a file.

    Returns
    -------
    path : path-like
        A safetensors file.

    Raises
    ------
    ValueError
        When there is neither; the message lists the models.

    Examples
    --------
    >>> from pydbcnn.pretrained import find_model, model_path
    >>> find_model("mild") == model_path("mild")
    True
    """
    if name in available_models():
        return model_path(name)
    if os.path.exists(name):
        return name
    raise ValueError(
        f"There is no model or file {name!r}: pass one of "
        f"{', '.join(available_models())} or the path of a .safetensors file."
    )


def estimate_blur(images, *, tile_size=None, model="robust", data_range=None):
    """Estimate how blurred images are.

    Parameters
    ----------
    images : array of shape (n, height, width[, channels]), or list of arrays
        Images of type uint8, uint16, float32 or float64. Three channels are taken for
        RGB, whose luminance counts; of other numbers, the mean counts. The CPU looks at
        them: of images on a GPU no more is copied than that, a million pixels each.
    tile_size : int, default=None
        Side in pixels, at least 32, of tiles that are looked at one by one, for a blur
        that varies over the image. None looks at each image as a whole.
    model : str, default="robust"
        Name of a model that ships with the package, or a file: what it has learned from
        is what it knows. "robust" knows noise and JPEG, and other blurs than Gaussian
        ones, which it compares with Gaussian ones.
    data_range : float, default=None
        The pixel value that counts as white. None means the largest value of an
        integer type, and 1.0 for floats.

    Returns
    -------
    sigma : array of shape (n,), or list of array of shape (rows, columns)
        Standard deviation of the Gaussian in pixels; with `tile_size` of each tile.
        Below 0.6 an image may well be sharp.

    Raises
    ------
    ValueError
        When there is no such model, or it does not estimate blur; when these are no
        images, or `tile_size` is too small.
    TypeError
        When pixels are of another type.

    See Also
    --------
    BlurEstimator : Learns to estimate the blur of images of your own.

    Examples
    --------
    >>> from pydbcnn import GaussianBlurTransformer, estimate_blur
    >>> from pydbcnn.datasets import load_sample_images
    >>> blurred = GaussianBlurTransformer(sigma=2.0).transform(load_sample_images())
    >>> estimate_blur(blurred).round()
    array([2., 2.])
    """
    from dataclasses import replace

    from ._blur_estimation.tiles import sigmas_of_images
    from ._pixels.images import as_images
    from .persistence import read_model

    checked = as_images(images, "images")
    path = find_model(model)
    read, _ = read_model(path)
    read = replace(read, name=str(path))
    read.check_estimates_blur()
    return sigmas_of_images(read.regressor, checked, data_range, tile_size)
