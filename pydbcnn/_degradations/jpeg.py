"""JPEGTransformer: what storing a photograph as JPEG costs."""

import io
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .._photos.limits import LONGEST_SIDE
from .._pixels.values import as_pixels, resolve_data_range
from .base import ImageTransformer
from .colours import check_colours, shapes_of
from .ranges import check_range


def jpeg_round_trip(pixels, quality, chroma_subsampling):
    """Encode pixels as JPEG and decode them again, both in memory.

    Parameters
    ----------
    pixels : uint8 array of shape (height, width) or (height, width, 1 or 3)
        Grey or RGB.
    quality : int
        1 to 100.
    chroma_subsampling : {"4:4:4", "4:2:2", "4:2:0"}
        Of RGB; grey has no chroma.

    Returns
    -------
    decoded : array like `pixels`
    """
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    file = io.BytesIO()
    is_colour = pixels.shape[2:] == (3,)
    colour = {"subsampling": chroma_subsampling} if is_colour else {}
    layout = pixels.shape if is_colour else pixels.shape[:2]
    picture = Image.fromarray(np.ascontiguousarray(pixels).reshape(layout))
    picture.save(file, format="JPEG", quality=quality, **colour)
    file.seek(0)
    # Image.open would warn of a large file, which here is known to be harmless.
    return np.asarray(JpegImageFile(file)).reshape(pixels.shape)


def draw_quality(quality, random_state):
    """The quality itself, or one of a range, both ends included."""
    if isinstance(quality, Integral):
        return int(quality)
    low, high = quality
    return int(random_state.randint(low, high + 1))


class JPEGTransformer(ImageTransformer):
    """Store images as JPEG and read them again.

    Images keep their size and type, and lose what JPEG [1]_ leaves out: detail within
    blocks of 8 x 8 pixels and, with `chroma_subsampling`, in colour. The transformer is
    stateless: it needs no fit.

    Parameters
    ----------
    quality : int or tuple of 2 int, default=90
        From 1 to 100, on the scale of libjpeg. With a range (low, high), each image
        gets its own, drawn uniformly from low to high, both included.
    chroma_subsampling : {"4:2:0", "4:2:2", "4:4:4"}, default="4:2:0"
        How colour is stored: at half the resolution in both directions, at half of it
        along the rows, or at all of it. Grey images have no colour to store.
    data_range : float, default=None
        The pixel value that counts as white. None means the largest value of an
        integer type, and 1.0 for floats.
    random_state : int, RandomState instance or None, default=None
        Draws qualities. An int gives the same result for every call.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    NoiseTransformer : The noise of an image sensor.

    Notes
    -----
    JPEG has 8 bits. Other pixels than uint8 are scaled so that `data_range` becomes
    255, clipped to 0 and 255 and rounded before they are stored, and scaled back
    afterwards: uint16 and floats come back with no more than 256 levels a channel.

    Images are grey, with one channel or none, or have three channels in the order RGB,
    and no side above 65500 pixels. A row of pixels is stored as an image of one row.

    References
    ----------
    .. [1] G. K. Wallace, "The JPEG still picture compression standard", IEEE
       Transactions on Consumer Electronics, 1992.

    Examples
    --------
    >>> from pydbcnn import JPEGTransformer
    >>> from pydbcnn.datasets import load_sample_images
    >>> from pydbcnn.metrics import peak_signal_noise_ratio
    >>> sharp = load_sample_images()
    >>> good, poor = (JPEGTransformer(q).transform(sharp) for q in (90, 30))
    >>> peak_signal_noise_ratio(sharp, good) > peak_signal_noise_ratio(sharp, poor) + 4
    True
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "quality": [Interval(Integral, 1, 100, closed="both"), tuple, list],
        "chroma_subsampling": [StrOptions({"4:2:0", "4:2:2", "4:4:4"})],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        quality=90,
        *,
        chroma_subsampling="4:2:0",
        data_range=None,
        random_state=None,
    ):
        self.quality = quality
        self.chroma_subsampling = chroma_subsampling
        self.data_range = data_range
        self.random_state = random_state

    def _check_parameters(self):
        unit = "whole numbers"
        check_range("quality", self.quality, unit, low=1, high=100, kind=Integral)

    def _check_X(self, X, *, reset):
        X = super()._check_X(X, reset=reset)
        check_storable(shapes_of(X))
        return X

    def _change(self, image, random_state):
        quality = draw_quality(self.quality, random_state)
        white = resolve_data_range(self.data_range, image.dtype)
        if image.dtype == np.uint8 and white == 255:
            return jpeg_round_trip(image, quality, self.chroma_subsampling)
        pixels = as_pixels(np.clip(image, 0, white) * (255 / white), np.uint8)
        decoded = jpeg_round_trip(pixels, quality, self.chroma_subsampling)
        return as_pixels(decoded * white / 255, image.dtype)


def check_storable(shapes):
    """Raise a ValueError unless JPEG holds images of all these shapes."""
    check_colours(shapes, "JPEG")
    longest = LONGEST_SIDE["JPEG"]
    for height, width, _ in shapes:
        if max(height, width) <= longest:
            continue
        raise ValueError(
            f"X has an image of {height} x {width} pixels: JPEG holds no side above "
            f"{longest}, so cut it into parts."
        )
