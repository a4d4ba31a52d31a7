"""What blurs with a kernel of any shape share."""

import numpy as np
from sklearn.utils._param_validation import StrOptions

from .._pixels.opencv import BORDER_MODES, border_type, import_cv2
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


class KernelBlurTransformer(ImageTransformer):
    """A blur that draws a kernel for each image in `_draw_kernel`."""

    _parameter_constraints: dict = {
        "border_mode": [StrOptions(BORDER_MODES)],
        "random_state": ["random_state"],
    }

    def _draw_kernel(self, random_state):
        """An array of odd sides that adds up to 1."""
        raise NotImplementedError

    def _change(self, image, random_state):
        kernel = self._draw_kernel(random_state)
        return filter_image(image, kernel, self.border_mode)
