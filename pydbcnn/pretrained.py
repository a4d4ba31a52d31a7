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
