"""confidence_map: how far a filter can be trusted beside clipped pixels."""

from functools import partial

import numpy as np

from .._network.filter_alone import square
from .._pixels.device import refuse_gpu
from .._pixels.images import as_images
from .._pixels.values import resolve_data_range
from ..backends import get_backend
from .given import check_blurs, check_clipped
from .highlights import confidence_around, correlated_mask
from .undoing import clipped_channels


def confidence_map(images, blur, *, clipped="white", data_range=None):
    """Tell how far a filter that undoes a blur can be trusted in each pixel.

    Where light was brighter than white, a photograph holds white. No blur has made such
    pixels, and what a filter makes of them and of their neighbours is wrong: it draws
    dark rings around highlights [1]_. `DBCNNDeblurrer.predict` blends its result with
    the image by such a map, where it finds white pixels that the blur cannot have made.

    Parameters
    ----------
    images : array of shape (n, height, width[, channels]), or list of arrays
        Images of type uint8, uint16, float32 or float64. The CPU looks at them.
    blur : Blur, array of shape (height, width), or list of n of them
        One for all images, or one for each. Numbers are a kernel of at most 41 x 41
        pixels.
    clipped : {"white", "none"} or list of n array of bool, default="white"
        "white" takes the pixels of which a channel is at the end of the data range;
        floats that go beyond it have none. "none" takes none. A mask of shape (height,
        width) for each image tells them, as from the levels of a raw file.
    data_range : float, default=None
        The pixel value that counts as white. None means the largest value of an
        integer type, and 1.0 for floats.

    Returns
    -------
    maps : list of array of shape (height, width), float32
        0 where the kernel reaches a clipped pixel, rising to 1 within four times as
        far, at most 20 pixels.

    Raises
    ------
    ValueError
        When these are no images, no blurs or no masks, or not as many.
    TypeError
        When pixels are of another type, or lie on a GPU.

    References
    ----------
    .. [1] S. Cho, J. Wang and S. Lee, "Handling outliers in non-blind image
       deconvolution", ICCV 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import Blur, confidence_map
    >>> street = np.zeros((60, 60))
    >>> street[30, 30] = 1.0  # a lamp
    >>> (confidence,) = confidence_map([street], Blur.defocus(2))
    >>> (10 * confidence[30, 25:35]).astype(int)  # tenths
    array([3, 2, 0, 0, 0, 0, 0, 0, 0, 2])
    """
    checked = as_images(images, "images")
    pictures = list(checked.each())
    for picture in pictures:
        refuse_gpu(picture, "confidence_map", "images")
    blurs = check_blurs(blur, len(pictures))
    masks, looks = check_clipped(clipped, [picture.shape[:2] for picture in pictures])
    white = resolve_data_range(data_range, checked.dtype)

    correlated = partial(correlated_mask, get_backend("cpu", "float32"))
    maps = []
    for index, (picture, one) in enumerate(zip(pictures, blurs, strict=True)):
        if isinstance(one, np.ndarray):
            raise ValueError(
                f"blur[{index}] holds blurs of tiles: pass one blur for an image."
            )
        lost = np.zeros(picture.shape[:2], bool)
        if masks is not None:
            lost = masks[index]
        elif looks and (channels := clipped_channels(picture, white)) is not None:
            lost = channels.any(axis=2)
        kernel = square(one.kernel()[::-1, ::-1])
        maps.append(confidence_around(lost, kernel, correlated))
    return maps
