"""Models in safetensors files: weights and parameters, without pickle."""

import json
import math

import numpy as np

from ._blur_estimation.regressor import BlurRegressor
from ._files import read_tensors, write_whole
from ._network.given_arrays import weights_of_arrays
from ._network.learned_arrays import LearnedArrays
from ._restoration.model import DeblurModel

__all__ = ["read_model", "save_model"]

FORMAT = "pydbcnn-model"
FORMAT_VERSION = 2  # 1 had no weights that depend on the blur, and no back-projections
_BLUR = "blur."  # begins the names of what estimates the blur


def save_model(estimator, path, *, overwrite=False, notes=None):
    """Write a fitted `DBCNNDeblurrer` to a safetensors file.

    The file holds the weights, what estimates the blur, and, as JSON in its metadata,
    the parameters of the estimator but for `device`; not the state of training.

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
    ...     DBCNNDeblurrer.load(path).radius_ == deblurrer.radius_
    True
    """
    from safetensors.numpy import save
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator, "coefs_")
    if estimator.takes_rows_:
        raise ValueError(
            "This model was fitted on rows of pixels; files hold models of images. "
            "Fit it on arrays of shape (n, height, width[, channels])."
        )
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "params": _params_as_json(_plain_params(estimator)),
        **(notes or {}),
    }
    if estimator.sigma_range_ is not None:
        metadata["sigma_range"] = json.dumps(estimator.sigma_range_)
    content = save(_tensors(estimator), metadata)
    write_whole(path, content, overwrite=overwrite)


def _tensors(estimator):
    arrays = LearnedArrays(
        estimator.coefs_,
        estimator.intercepts_,
        estimator.back_projection_coefs_,
        estimator.combination_coefs_,
    )
    tensors = arrays.named()
    if estimator.blur_estimator_ is not None:
        regressor = estimator.blur_estimator_.regressor_
        tensors |= {_BLUR + name: array for name, array in regressor.tensors().items()}
    return {name: np.ascontiguousarray(array) for name, array in tensors.items()}


def read_model(path):
    """Read network, weights and settings, without making an estimator.

    Parameters
    ----------
    path : path-like
        A file that `save_model` has written.

    Returns
    -------
    model : object
        With ``weights``, the network and how it follows from the blur; ``params``, all
        learned numbers in one vector, in the precision of the file; and ``regressor``,
        which estimates the blur, or None.
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
    >>> model, settings = read_model(model_path("mild"))
    >>> model.params.shape == (model.weights.n_params,)
    True
    """
    tensors, metadata = read_tensors(path, FORMAT, FORMAT_VERSION)
    try:
        settings = json.loads(metadata["params"])
        if not isinstance(settings, dict):
            raise ValueError("parameters that are no dictionary")
        for name in ("residual", "inverse_filter"):
            if not isinstance(settings.get(name, True), bool):
                raise ValueError(f"{name}={settings[name]!r} is neither true nor false")
        regressor = _take_regressor(tensors)
        arrays = LearnedArrays.taken_from(tensors)
        if tensors:
            raise ValueError(f"unexpected content {sorted(tensors)}")
        weights = weights_of_arrays(
            arrays,
            residual=settings.get("residual", True),
            inverse_filter=settings.get("inverse_filter", False),
            sigma_range=json.loads(metadata.get("sigma_range", "null")),
        )
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is a damaged pydbcnn model: {error}.") from error
    settings |= dict(
        n_filters=weights.network.n_filters,
        kernel_sizes=weights.network.kernel_sizes,
        n_basis_functions=weights.n_basis_functions,
        n_back_projections=weights.network.n_back_projections,
        combine=weights.network.combine,
    )
    params = arrays.flatten(weights, arrays.coefs[0].dtype)
    return DeblurModel(weights, params, regressor), settings


def _take_regressor(tensors):
    """What estimates the blur, from tensors, which are removed."""
    if not any(name.startswith(_BLUR) for name in tensors):
        return None
    return BlurRegressor.taken_from(tensors, _BLUR)


def _plain_params(estimator):
    """Parameters but for two: files go to machines with other devices, and of what
    estimates the blur its arrays are what counts."""
    params = estimator.get_params(deep=False)
    del params["blur_estimator"], params["device"]
    return params


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
