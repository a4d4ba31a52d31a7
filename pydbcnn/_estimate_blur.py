"""How blurred images are, told by a model that ships with the package."""

from ._pixels.images import as_images

__all__ = ["estimate_blur"]


def estimate_blur(images, *, tile_size=None, model="robust", data_range=None):
    """Tell how blurred images are.

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
    BlurEstimator : Learns to tell the blur of images of your own.

    Examples
    --------
    >>> from pydbcnn import GaussianBlurTransformer, estimate_blur
    >>> from pydbcnn.datasets import load_sample_images
    >>> blurred = GaussianBlurTransformer(sigma=2.0).transform(load_sample_images())
    >>> estimate_blur(blurred).round()
    array([2., 2.])
    """
    from ._blur_estimation.estimator import estimate
    from ._commands.restorer import find_model

    checked = as_images(images, "images")
    shape = checked.batches[0].shape
    if not (checked.has_channels or checked.is_list) and shape[2] in (3, 4):
        raise ValueError(
            f"images of shape {shape[:3]} would be {shape[0]} greyscale images of "
            f"{shape[2]} columns: for one image with channels, pass "
            "images[np.newaxis]."
        )
    return estimate(_regressor(find_model(model)), checked, data_range, tile_size)


def _regressor(path):
    from .persistence import read_model

    model, _ = read_model(path)
    if model.regressor is None:
        raise ValueError(
            f"The model {path} does not estimate the blur: choose one whose weights "
            "depend on it."
        )
    return model.regressor
