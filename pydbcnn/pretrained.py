"""The models that ship with the package."""

from importlib.resources import files
from pathlib import Path

__all__ = ["available_models", "model_card", "model_path"]


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
