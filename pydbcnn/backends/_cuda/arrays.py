"""Images and regions, as the structs that kernels take by value.

``image.cuh`` has the same structs in C++.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

PIXEL_TYPES = ("uint8", "uint16", "float32", "float64")  # in the order of image.cuh
MIRROR, ZERO = 0, 1  # as `Outside` in image.cuh

IMAGE = np.dtype(
    [
        ("data", np.uint64),
        ("height", np.int64),
        ("width", np.int64),
        ("top", np.int64),
        ("left", np.int64),
        ("channels", np.int32),
        ("type", np.int32),
        ("scale", np.float32),
        ("inverse", np.float32),
        ("outside", np.int32),
    ],
    align=True,
)
REGION = np.dtype(
    [(name, np.int64) for name in ("n", "top", "left", "height", "width")]
)


class Region(NamedTuple):
    """The pixels that a kernel computes: of images 0 to n - 1, in their coordinates.

    An image may be a part of a larger one; coordinates are always those of the whole.
    """

    n: int
    top: int
    left: int
    height: int
    width: int

    def grown(self, margin):
        """The region with a halo of `margin` pixels on every side."""
        return Region(
            self.n,
            self.top - margin,
            self.left - margin,
            self.height + 2 * margin,
            self.width + 2 * margin,
        )

    @property
    def n_pixels(self):
        return self.n * self.height * self.width

    def struct(self):
        return np.array(tuple(self), REGION)


@dataclass(frozen=True)
class Image:
    """Some images of one size on the device, or the same part of each of them.

    Parameters
    ----------
    array : device array of shape (n, height, width, channels)
    top, left : int, default=0
        Coordinates of its first pixel in the whole image.
    scale : float, default=1.0
        The pixel value that counts as 1.
    outside : {MIRROR, ZERO}, default=MIRROR
        What counts as the pixels beyond the array.
    """

    array: object
    top: int = 0
    left: int = 0
    scale: float = 1.0
    outside: int = MIRROR

    def struct(self, address):
        """The struct of the image, whose array lies at an address on the device."""
        _, height, width, channels = self.array.shape
        return np.array(
            (
                address,
                height,
                width,
                self.top,
                self.left,
                channels,
                PIXEL_TYPES.index(self.array.dtype.name),
                self.scale,
                1 / self.scale,
                self.outside,
            ),
            IMAGE,
        )
