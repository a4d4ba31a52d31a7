"""What blurs with a kernel of any shape share."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .._pixels.opencv import BORDER_MODES, border_type, import_cv2
from .._pixels.srgb import srgb_decode, srgb_encode
from .._pixels.values import as_pixels, resolve_data_range
from .base import ImageTransformer


def filter_image(image, kernel, border_mode):
    """Correlate an image with a kernel, as ``cv2.filter2D`` does.

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, channels)
        uint8, uint16, float32 or float64.
    kernel : array of shape (odd, odd)
    border_mode : {"reflect101", "reflect", "replicate", "constant"}
        What lies beyond the border, as OpenCV names it.

    Returns
    -------
    filtered : array like `image`
        A new array; integers are rounded.
    """
    if kernel.size == 1:
        return np.array(image)
    # OpenCV reads no stepped arrays, and drops an axis of one channel.
    filtered = import_cv2().filter2D(
        np.ascontiguousarray(image), -1, kernel, borderType=border_type(border_mode)
    )
    return filtered.reshape(image.shape)


def filter_linear_light(image, kernel, border_mode, data_range):
    """Correlate the linear light of an image of sRGB values with a kernel.

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, channels)
        uint8, uint16, float32 or float64.
    kernel : array of shape (odd, odd)
    border_mode : {"reflect101", "reflect", "replicate", "constant"}
    data_range : float or None
        The pixel value that counts as 1; None means that of the type.

    Returns
    -------
    filtered : array like `image`
        A new array; integers are rounded and clipped.
    """
    if kernel.size == 1:
        return np.array(image)
    white = resolve_data_range(data_range, image.dtype)
    precision = np.float32 if image.dtype == np.float32 else np.float64
    linear = srgb_decode(image.astype(precision) / white)
    encoded = srgb_encode(filter_image(linear, kernel, border_mode))
    return as_pixels(encoded * white, image.dtype)


class BlurTransformer(ImageTransformer):
    """A blur that draws its geometry for each image, and makes a kernel of it.

    A subclass says in `_kind` what the blur is, draws numbers in `_draw_geometry` and
    turns them into an array in `_make_kernel`.
    """

    _kind = "kernel"
    _parameter_constraints: dict = {
        "border_mode": [StrOptions(BORDER_MODES)],
        "linear_light": ["boolean"],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __setstate__(self, state):
        # Pickles of 0.1.0 know neither.
        super().__setstate__({"linear_light": False, "data_range": None} | state)

    def _draw_geometry(self, random_state):
        """What `_make_kernel` takes, as a dict."""
        raise NotImplementedError

    def _make_kernel(self, **geometry):
        """An array of odd sides that adds up to 1."""
        raise NotImplementedError

    def _draw_blur(self, random_state):
        """The blur of one image: its kind, its geometry and its kernel."""
        geometry = self._draw_geometry(random_state)
        kernel = self._make_kernel(**geometry)
        return {"kind": self._kind, **geometry, "kernel": kernel}

    def _change(self, image, random_state):
        # A convolution: a point becomes the kernel, not its mirror image.
        kernel = mirrored(self._draw_blur(random_state)["kernel"])
        if not self.linear_light:
            return filter_image(image, kernel, self.border_mode)
        return filter_linear_light(image, kernel, self.border_mode, self.data_range)


def mirrored(kernel):
    """A kernel turned by 180 degrees, which makes a correlation a convolution."""
    return np.ascontiguousarray(kernel[::-1, ::-1])
