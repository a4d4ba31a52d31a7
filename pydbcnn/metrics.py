"""How close an estimate is to the truth: PSNR and SSIM, and scorers of them."""

import numpy as np
from sklearn.metrics import make_scorer
from sklearn.utils import check_array

from ._pixels.device import as_array, check_same_place, refuse_gpu
from ._pixels.images import (
    ROW_TYPES,
    as_images,
    check_same_type,
    holds_images,
    is_image_list,
)
from ._pixels.values import (
    central_part,
    mean_squared_error,
    psnr_of_error,
    resolve_data_range,
)

__all__ = [
    "peak_signal_noise_ratio",
    "psnr_scorer",
    "ssim_scorer",
    "structural_similarity",
]

_SSIM_WINDOW = 11  # pixels that a Gaussian of sigma 1.5, cut at 3.5 sigma, spans


def peak_signal_noise_ratio(y_true, y_pred, *, data_range=None):
    """Mean peak signal-to-noise ratio (PSNR) of images.

    Per image, 10 log10(data_range² / mean squared error), at most 100 dB so that the
    mean stays finite when an estimate is perfect.

    Parameters
    ----------
    y_true : array of shape (n, height, width[, channels]), or list of arrays
        Sharp images. Two-dimensional arrays are rows of pixels, one image each. Images
        on a GPU are compared there.
    y_pred : like y_true
        Estimates of them.
    data_range : float, default=None
        The distance between black and white. None means the largest value of an
        integer type, and 1.0 for floats.

    Returns
    -------
    psnr : float
        In dB.

    Raises
    ------
    ValueError
        When the images do not match in number and size.
    TypeError
        When only one of the two is on a GPU.

    See Also
    --------
    structural_similarity : Agreement of local structure.

    References
    ----------
    .. [1] R. C. Gonzalez and R. E. Woods, "Digital Image Processing", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn.metrics import peak_signal_noise_ratio
    >>> sharp = np.zeros((1, 8, 8))
    >>> peak_signal_noise_ratio(sharp, sharp + 0.1)
    20.0
    """
    pairs = _pairs(y_true, y_pred)
    return float(np.mean([_psnr(true, pred, data_range) for true, pred in pairs]))


def _psnr(true, pred, data_range):
    scale = resolve_data_range(data_range, true.dtype)
    return psnr_of_error(mean_squared_error(true, pred, scale))


def structural_similarity(y_true, y_pred, *, data_range=None):
    """Mean structural similarity (SSIM) of images.

    With the Gaussian window of sigma 1.5 and the biased covariance of the paper [1]_,
    computed by scikit-image; channels are averaged.

    Parameters
    ----------
    y_true : array of shape (n, height, width[, channels]), or list of arrays
        Sharp images of at least 11 x 11 pixels.
    y_pred : like y_true
        Estimates of them.
    data_range : float, default=None
        The distance between black and white. None means the largest value of an
        integer type, and 1.0 for floats.

    Returns
    -------
    ssim : float
        1.0 for a perfect estimate.

    Raises
    ------
    ValueError
        When the images do not match, or are smaller than the window.
    TypeError
        When images are on a GPU: scikit-image computes on the CPU.

    See Also
    --------
    peak_signal_noise_ratio : Mean squared error in dB.

    References
    ----------
    .. [1] Z. Wang et al., "Image quality assessment: from error visibility to
       structural similarity", IEEE Transactions on Image Processing, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn.metrics import structural_similarity
    >>> sharp = np.random.RandomState(0).uniform(size=(1, 16, 16))
    >>> round(structural_similarity(sharp, sharp), 6)
    1.0
    """
    pairs = _pairs(y_true, y_pred)
    refuse_gpu(pairs[0][0], "structural_similarity", "y_true")
    return float(np.mean([_ssim(true, pred, data_range) for true, pred in pairs]))


def _ssim(true, pred, data_range):
    from skimage.metrics import structural_similarity as skimage_ssim

    if min(true.shape[:2]) < _SSIM_WINDOW:
        raise ValueError(
            f"SSIM looks through a window of {_SSIM_WINDOW} x {_SSIM_WINDOW} pixels, "
            f"but an image is {true.shape[0]} x {true.shape[1]}: use larger images, "
            "or the PSNR."
        )
    return skimage_ssim(
        true.astype(float),
        pred.astype(float),
        data_range=resolve_data_range(data_range, true.dtype),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
    )


def same_part(y, estimates):
    """y and estimates of one size: patches are compared where y knows the truth."""
    if is_image_list(y) or is_image_list(estimates):
        return y, estimates
    y = (
        as_array(y, "y")
        if holds_images(y)
        else check_array(y, ensure_2d=False, dtype=None)
    )
    if y.ndim == 1:
        return y[:, np.newaxis], np.reshape(estimates, (len(estimates), -1))
    if y.ndim < 3 or y.ndim != estimates.ndim:
        return y, estimates
    estimates = central_part(estimates, y.shape)
    if y.ndim == 3:  # greyscale images, which may be as narrow as colours
        y, estimates = y[..., np.newaxis], estimates[..., np.newaxis]
    return y, estimates


def _pairs(y_true, y_pred):
    true, pred = (
        _rows_or_images(y, name) for y, name in ((y_true, "y_true"), (y_pred, "y_pred"))
    )
    shapes = [[image.shape for image in side] for side in (true, pred)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"y_true and y_pred do not match: {len(true)} image(s), the first of shape "
            f"{true[0].shape}, against {len(pred)} of shape {pred[0].shape}."
        )
    check_same_place(true[0], pred[0], ("y_true", "y_pred"))
    check_same_type(true[0].dtype, pred[0].dtype, ("y_true", "y_pred"))
    return list(zip(true, pred, strict=True))


def _rows_or_images(y, name):
    if not holds_images(y) and np.ndim(y) == 2:
        # As in scikit-learn, rows of other numbers count as floats.
        y = check_array(y, dtype=ROW_TYPES, input_name=name)
        y = y[:, np.newaxis, :, np.newaxis]
    return as_images(y, name).each()


psnr_scorer = make_scorer(peak_signal_noise_ratio)
"""Scorer for `cross_val_score` and `GridSearchCV`: the mean PSNR in dB.

For images with a data range of their own, make one that knows it:
``make_scorer(peak_signal_noise_ratio, data_range=255)``.
"""

ssim_scorer = make_scorer(structural_similarity)
"""Scorer for `cross_val_score` and `GridSearchCV`: the mean SSIM."""
