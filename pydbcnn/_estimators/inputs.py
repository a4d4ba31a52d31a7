"""The images, patches and rows of pixels that a deblurrer accepts."""

from dataclasses import replace

import numpy as np
from sklearn.utils.validation import validate_data

from .._pixels.device import check_same_place
from .._pixels.images import (
    ROW_TYPES,
    as_images,
    check_n_channels,
    check_same_type,
    holds_images,
)
from .._training.pairs import Layout, Pairs


def check_pairs(estimator, X, y, *, reset):
    """Check X and y of `fit`, and record what was seen on the estimator."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None: pass the sharp images."
        )
    if holds_images(X):
        return _image_pairs(estimator, X, y, reset)
    return _row_pairs(estimator, X, y, reset)


def _image_pairs(estimator, X, y, reset):
    _check_layout(estimator, is_rows=False, reset=reset)
    n_channels = (None, None)
    if not reset:
        n_channels = estimator.n_channels_in_, estimator.n_channels_out_
    X = as_images(X, "X", n_channels=n_channels[0])
    # Beside a stack of greyscale images, narrow targets can be nothing else.
    is_stack = not X.is_list and not X.has_channels
    y = as_images(y, "y", n_channels=n_channels[1], is_stack=is_stack)
    check_same_place(X.batches[0], y.batches[0])
    if reset:
        # Attributes of an earlier fit on rows do not hold for images.
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(estimator, name):
                delattr(estimator, name)
    else:
        check_n_channels(X, estimator.n_channels_in_, "X")
        check_n_channels(y, estimator.n_channels_out_, "y")
    check_same_type(X.dtype, y.dtype)
    _check_same_count(X.n_images, y.n_images)
    if X.is_list != y.is_list:
        X, y = (
            replace(side, batches=[image[np.newaxis] for image in side.each()])
            for side in (X, y)
        )
    same = [
        x.shape[1:3] == z.shape[1:3] for x, z in zip(X.batches, y.batches, strict=True)
    ]
    if not all(same) and len(X.batches) > 1:
        index = same.index(False)
        raise ValueError(
            f"X[{index}] is {_size(X.batches[index])} but y[{index}] is "
            f"{_size(y.batches[index])}: in a list, both images of a pair need one "
            "size. Patches with context go into one array."
        )
    return Pairs(X.batches, y.batches, Layout(is_rows=False), as_they_are=not all(same))


def _row_pairs(estimator, X, y, reset):
    _check_layout(estimator, is_rows=True, reset=reset)
    X, y = validate_data(
        estimator,
        X,
        y,
        reset=reset,
        dtype=ROW_TYPES,
        multi_output=True,
        y_numeric=True,
    )
    if X.dtype.kind == "f":
        y = y.astype(X.dtype, copy=False)
    check_same_type(X.dtype, y.dtype)
    is_vector = y.ndim == 1
    y = y.reshape(len(y), -1)
    if y.shape[1] > X.shape[1]:
        raise ValueError(
            f"y has {y.shape[1]} pixels a row but X only {X.shape[1]}: y is all of a "
            "row or the central part of it."
        )
    layout = Layout(True, y.shape[1], is_vector)
    return Pairs([_as_rows(X)], [_as_rows(y)], layout, as_they_are=True)


def _as_rows(X):
    """Rows of pixels as images one pixel high."""
    return X[:, np.newaxis, :, np.newaxis]


def check_X(estimator, X):
    """Check X of `predict`.

    Returns
    -------
    batches : list of array of shape (n, height, width, channels)
    restore : callable
        Brings the estimates to the layout of X.
    """
    layout = getattr(estimator, "_layout", Layout(is_rows=False))
    if holds_images(X) or not layout.is_rows:
        if holds_images(X):
            _check_layout(estimator, is_rows=False, reset=False)
        images = as_images(X, "X", n_channels=estimator.n_channels_in_)
        check_n_channels(images, estimator.n_channels_in_, "X")
        return images.batches, images.like
    X = validate_data(estimator, X, reset=False, dtype=ROW_TYPES)

    def restore(batches):
        start = (X.shape[1] - layout.n_targets) // 2
        rows = batches[0][:, 0, start : start + layout.n_targets, 0]
        return rows[:, 0] if layout.is_vector else rows

    return [_as_rows(X)], restore


def _check_layout(estimator, *, is_rows, reset):
    layout = getattr(estimator, "_layout", None)
    if reset or not hasattr(estimator, "coefs_"):
        return
    was_rows = layout is not None and layout.is_rows
    if was_rows != is_rows:
        names = ("rows of pixels", "images")
        raise ValueError(
            f"X holds {names[not is_rows]}, but this model was fitted on "
            f"{names[not was_rows]}. One greyscale image is X[np.newaxis]; rows are a "
            "two-dimensional array."
        )


def _check_same_count(n_X, n_y):
    if n_X != n_y:
        raise ValueError(
            f"X holds {n_X} image(s) but y holds {n_y}: each blurred image needs its "
            "sharp one. Found input variables with inconsistent numbers of samples: "
            f"[{n_X}, {n_y}]"
        )


def _size(batch):
    return f"{batch.shape[1]} x {batch.shape[2]} pixels"
