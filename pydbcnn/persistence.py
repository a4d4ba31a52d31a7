"""Models in safetensors files: weights and parameters, without pickle."""

import json
import math
from numbers import Real
from pathlib import Path

import numpy as np

from ._blur_aware import MIN_SIGMA, BlurAwareNetwork
from ._blur_regressor import BlurRegressor
from ._files import write_whole
from ._learned_arrays import LearnedArrays
from ._model import DeblurModel
from ._network import MAX_CHANNELS, MAX_FILTERS, MAX_KERNEL_SIZE, Network
from ._pair_sigma import MAX_SIGMA

__all__ = ["read_model", "save_model"]

FORMAT = "pydbcnn-model"
FORMAT_VERSION = 2  # 1 had no weights that depend on the blur, and no back-projections
_MAX_BYTES = 2**30
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
    if getattr(getattr(estimator, "_layout", None), "is_rows", False):
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
    tensors = _named(estimator._learned_arrays())
    if estimator.blur_estimator_ is not None:
        regressor = estimator.blur_estimator_.regressor_
        tensors |= {_BLUR + name: array for name, array in regressor.tensors().items()}
    return {name: np.ascontiguousarray(array) for name, array in tensors.items()}


def _named(arrays):
    """All learned arrays by the names that they have in files."""
    named = {}
    for layer, pair in enumerate(zip(arrays.coefs, arrays.intercepts, strict=True)):
        named[f"coefs.{layer}"], named[f"intercepts.{layer}"] = pair
    for index, pair in enumerate(arrays.back_projections):
        named[f"reblurs.{index}"], named[f"projections.{index}"] = pair
    if arrays.combination is not None:
        named |= dict(zip(_COMBINATION, arrays.combination, strict=True))
    return named


_COMBINATION = ("combination.input", "combination.estimate", "combination.bias")


def _take_arrays(tensors):
    """The learned arrays among tensors, which are removed."""

    def take(kind):
        taken = []
        while f"{kind}.{len(taken)}" in tensors:
            taken.append(tensors.pop(f"{kind}.{len(taken)}"))
        return taken

    coefs, intercepts = take("coefs"), take("intercepts")
    reblurs, projections = take("reblurs"), take("projections")
    if len(reblurs) != len(projections):
        raise ValueError(
            f"{len(reblurs)} kernels that blur again but {len(projections)} that "
            "project back"
        )
    kernels = list(zip(reblurs, projections, strict=True))
    combination = tuple(tensors.pop(name) for name in _COMBINATION if name in tensors)
    return LearnedArrays(coefs, intercepts, kernels, combination or None)


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
        arrays = _take_arrays(tensors)
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
    names = [name for name in tensors if name.startswith(_BLUR)]
    if not names:
        return None
    return BlurRegressor.from_tensors(
        {name.removeprefix(_BLUR): tensors.pop(name) for name in names}
    )


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


def weights_of_arrays(arrays, *, residual, inverse_filter, sigma_range):
    """The network that given arrays make, or a ValueError that says why none.

    Parameters
    ----------
    arrays : LearnedArrays
    residual, inverse_filter : bool
    sigma_range : sequence of 2 float or None
        None where nothing depends on the blur.

    Returns
    -------
    weights : BlurAwareNetwork
    """
    arrays = LearnedArrays(
        [np.asarray(coef) for coef in arrays.coefs],
        [np.asarray(intercept) for intercept in arrays.intercepts],
        [tuple(map(np.asarray, pair)) for pair in arrays.back_projections],
        None
        if arrays.combination is None
        else tuple(map(np.asarray, arrays.combination)),
    )
    _check_numbers_of_arrays(arrays)
    for name, array in _named(arrays).items():
        _check_values(name, array)
    n_functions = arrays.n_basis_functions
    _check_same_axes(arrays, n_functions)
    one = arrays.one(0)
    _check_layers(one)
    network = Network(
        one.coefs[0].shape[2],
        one.coefs[2].shape[3],
        tuple(coef.shape[3] for coef in one.coefs[:2]),
        tuple(coef.shape[0] for coef in one.coefs),
        bool(residual),
        n_back_projections=len(one.back_projections),
        combine=one.combination is not None,
    )
    _check_surroundings(one, network)
    needs_sigma = n_functions > 1 or inverse_filter
    weights = BlurAwareNetwork.around(
        network,
        n_functions,
        bool(inverse_filter),
        _check_sigma_range(sigma_range) if needs_sigma else (MIN_SIGMA, MAX_SIGMA),
    )
    arrays.flatten(weights, np.float64)  # whatever is left to be found
    return weights


def _check_numbers_of_arrays(arrays):
    """There are as many arrays of each kind as a network has."""
    if len(arrays.coefs) != 3 or len(arrays.intercepts) != 3:
        raise ValueError(
            f"expected weights and biases of 3 layers, got {len(arrays.coefs)} and "
            f"{len(arrays.intercepts)}"
        )
    for index, pair in enumerate(arrays.back_projections):
        if len(pair) != 2:
            raise ValueError(
                f"back-projection {index + 1} has {len(pair)} arrays: expected two, "
                "the kernel that blurs again and the one that projects back"
            )
    if arrays.combination is not None and len(arrays.combination) != 3:
        raise ValueError(
            f"the combination has {len(arrays.combination)} arrays: expected three, "
            "the weights of the input and of the estimate, and the biases"
        )


def _check_same_axes(arrays, n_functions):
    """All arrays have the axis of the basis functions, or none has it."""
    for name, array in _named(arrays).items():
        kind = name if name in _COMBINATION else name.split(".")[0]
        expected = _N_AXES[kind] + (n_functions > 1)
        if array.ndim != expected or (n_functions > 1 and len(array) != n_functions):
            raise ValueError(
                f"{name} has shape {array.shape}: expected {expected} axes"
                + (f", the first of {n_functions} basis functions" * (n_functions > 1))
            )


_N_AXES = {"coefs": 4, "intercepts": 1, "reblurs": 2, "projections": 2} | dict(
    zip(_COMBINATION, (2, 2, 1), strict=True)
)


def _check_layers(arrays):
    shapes = [coef.shape for coef in arrays.coefs]
    for layer, (coef, intercept) in enumerate(
        zip(arrays.coefs, arrays.intercepts, strict=True)
    ):
        _check_layer(layer, coef, intercept)
    if any(shapes[i][3] != shapes[i + 1][2] for i in range(2)):
        raise ValueError(
            f"the filters of a layer must be the inputs of the next, but the weights "
            f"have shapes {shapes}"
        )
    if max(shapes[0][2], shapes[2][3]) > MAX_CHANNELS:
        raise ValueError(f"more than {MAX_CHANNELS} channels in shapes {shapes}")


def _check_surroundings(arrays, network):
    """Back-projections and the combination have the shapes that a network has."""
    sides = network.back_projection_sizes
    for index, pair in enumerate(arrays.back_projections):
        for kernel, side in zip(pair, sides, strict=True):
            if kernel.shape != (side, side):
                raise ValueError(
                    f"a kernel of back-projection {index + 1} has shape "
                    f"{kernel.shape}: expected {(side, side)}"
                )
    n_in, n_out = network.n_channels_in, network.n_channels_out
    expected = ((n_in, n_out), (n_out, n_out), (n_out,))
    if arrays.combination is None:
        return
    for array, shape in zip(arrays.combination, expected, strict=True):
        if array.shape != shape:
            raise ValueError(
                f"the combination has an array of shape {array.shape}: expected {shape}"
            )


def _check_sigma_range(sigma_range):
    if (
        not isinstance(sigma_range, (list, tuple))
        or len(sigma_range) != 2
        or not all(isinstance(end, Real) for end in sigma_range)
        or not MIN_SIGMA <= sigma_range[0] < sigma_range[1] <= 2 * MAX_SIGMA
    ):
        raise ValueError(
            f"sigma_range={sigma_range!r}: weights that depend on the blur need two "
            f"sigmas, {MIN_SIGMA} <= low < high <= {2 * MAX_SIGMA:g}, in pixels"
        )
    return float(sigma_range[0]), float(sigma_range[1])


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


def _check_values(name, values):
    highest = np.finfo(np.float32).max  # the engine computes in single precision
    if values.dtype.kind != "f" or not (np.abs(values) <= highest).all():
        raise ValueError(
            f"{name} holds {values.dtype} values that are not all finite floats of "
            "single precision"
        )


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
