"""Models in safetensors files: weights and parameters, without pickle."""

import json
import math
from pathlib import Path

import numpy as np

from ._files import whole_file
from ._network import MAX_CHANNELS, MAX_FILTERS, MAX_KERNEL_SIZE, Network

__all__ = ["read_model", "save_model"]

FORMAT = "pydbcnn-model"
FORMAT_VERSION = 1
_MAX_BYTES = 2**30


def save_model(estimator, path, *, overwrite=False, notes=None):
    """Write a fitted `DBCNNDeblurrer` to a safetensors file.

    The file holds the weights and, as JSON in its metadata, the parameters of the
    estimator; not the state of training.

    Parameters
    ----------
    estimator : DBCNNDeblurrer
        Fitted on images.
    path : path-like
        Its folder must exist. The file appears whole or not at all.
    overwrite : bool, default=False
        Whether a file that is already there may be replaced.
    notes : dict of str, optional
        More metadata, such as how the model was trained.

    Raises
    ------
    FileExistsError
        When the file exists and `overwrite` is false.
    TypeError
        When a parameter cannot be written as JSON, such as a RandomState.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from pydbcnn import DBCNNDeblurrer
    >>> from pydbcnn.persistence import save_model
    >>> deblurrer = DBCNNDeblurrer.from_pretrained("mild")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "mine.safetensors")
    ...     save_model(deblurrer, path, notes={"author": "me"})
    ...     DBCNNDeblurrer.load(path).radius_
    6
    """
    from safetensors.numpy import save
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator, "coefs_")
    if getattr(getattr(estimator, "_layout", None), "is_rows", False):
        raise ValueError(
            "This model was fitted on rows of pixels; files hold models of images. "
            "Fit it on arrays of shape (n, height, width[, channels])."
        )
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "params": _params_as_json(estimator.get_params(deep=False)),
        **(notes or {}),
    }
    tensors = {}
    for layer, pair in enumerate(
        zip(estimator.coefs_, estimator.intercepts_, strict=True)
    ):
        tensors[f"coefs.{layer}"], tensors[f"intercepts.{layer}"] = map(
            np.ascontiguousarray, pair
        )
    content = save(tensors, metadata)
    with whole_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)


def read_model(path):
    """Read network, weights and settings, without making an estimator.

    Parameters
    ----------
    path : path-like
        A file that `save_model` has written.

    Returns
    -------
    network : Network
        The layers and their shapes.
    params : ndarray of shape (n_params,)
        Weights and biases in one vector, in the precision of the file.
    settings : dict
        Parameters of the estimator.

    Raises
    ------
    ValueError
        When the file is no model, or a damaged one.

    Examples
    --------
    >>> from pydbcnn.persistence import read_model
    >>> from pydbcnn.pretrained import model_path
    >>> network, params, settings = read_model(model_path("mild"))
    >>> params.shape == (network.n_params,)
    True
    """
    tensors, metadata = read_tensors(path, FORMAT, FORMAT_VERSION)
    try:
        settings = json.loads(metadata["params"])
        n_layers = len(tensors) // 2
        coefs = [tensors.pop(f"coefs.{layer}") for layer in range(n_layers)]
        intercepts = [tensors.pop(f"intercepts.{layer}") for layer in range(n_layers)]
        if tensors or not isinstance(settings, dict):
            raise ValueError(f"unexpected content {sorted(tensors)}")
        if not isinstance(settings.get("residual", True), bool):
            raise ValueError(
                f"residual={settings['residual']!r} is neither true nor false"
            )
        network = network_of_weights(
            coefs, intercepts, residual=settings.get("residual", True)
        )
        settings["n_filters"] = network.n_filters
        settings["kernel_sizes"] = network.kernel_sizes
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is a damaged pydbcnn model: {error}.") from error
    return network, network.flatten(coefs, intercepts, coefs[0].dtype), settings


def read_tensors(path, expected_format, version):
    """Tensors and metadata of a safetensors file, after checks of its form."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path} is larger than any model of pydbcnn: it is not read.")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != expected_format:
                raise ValueError(
                    f"{path} is a safetensors file, but not one of format "
                    f"{expected_format!r} (found {metadata.get('format')!r})."
                )
            if metadata.get("format_version") not in map(str, range(1, version + 1)):
                raise ValueError(
                    f"{path} was written by a newer pydbcnn (format version "
                    f"{metadata.get('format_version')}, this one reads {version}): "
                    "upgrade."
                )
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a safetensors file, or a damaged one: {error}."
        ) from error


def network_of_weights(coefs, intercepts, *, residual):
    """The network that given weights make, or a ValueError that says why none."""
    coefs = [np.asarray(coef) for coef in coefs]
    intercepts = [np.asarray(intercept) for intercept in intercepts]
    shapes = [coef.shape for coef in coefs]
    if len(coefs) != 3 or len(intercepts) != 3:
        raise ValueError(
            f"expected weights and biases of 3 layers, got {len(coefs)} and "
            f"{len(intercepts)}"
        )
    for layer, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        _check_layer(layer, coef, intercept)
    if any(shapes[i][3] != shapes[i + 1][2] for i in range(2)):
        raise ValueError(
            f"the filters of a layer must be the inputs of the next, but the weights "
            f"have shapes {shapes}"
        )
    if max(shapes[0][2], shapes[2][3]) > MAX_CHANNELS:
        raise ValueError(f"more than {MAX_CHANNELS} channels in shapes {shapes}")
    return Network(
        shapes[0][2],
        shapes[2][3],
        tuple(shape[3] for shape in shapes[:2]),
        tuple(shape[0] for shape in shapes),
        bool(residual),
    )


def _check_layer(layer, coef, intercept):
    shape = coef.shape
    if (
        len(shape) != 4
        or shape[0] != shape[1]
        or shape[0] % 2 == 0
        or shape[0] > MAX_KERNEL_SIZE
        or not 1 <= shape[2] <= MAX_FILTERS
        or not 1 <= shape[3] <= MAX_FILTERS
    ):
        raise ValueError(
            f"weights of layer {layer + 1} have shape {shape}: expected (kernel, "
            f"kernel, inputs, filters) with an odd kernel up to {MAX_KERNEL_SIZE}"
        )
    if intercept.shape != shape[3:]:
        raise ValueError(
            f"biases of layer {layer + 1} have shape {intercept.shape}: expected "
            f"{shape[3:]}"
        )
    for values in (coef, intercept):
        highest = np.finfo(np.float32).max  # the engine computes in single precision
        if values.dtype.kind != "f" or not (np.abs(values) <= highest).all():
            raise ValueError(
                f"layer {layer + 1} holds {values.dtype} values that are not all "
                "finite floats of single precision"
            )


def _params_as_json(params):
    try:
        return json.dumps(params, default=_plain)
    except TypeError as error:
        raise TypeError(
            f"A parameter cannot be saved as JSON: {error}. Set it to a plain value "
            "first, for instance set_params(random_state=0)."
        ) from error


def _plain(value):
    """NumPy numbers and arrays as plain ones."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
        if isinstance(value, float) and not math.isfinite(value):
            raise TypeError(f"{value} is not a JSON number")
        return value
    raise TypeError(f"{type(value).__name__} is not a plain value")
