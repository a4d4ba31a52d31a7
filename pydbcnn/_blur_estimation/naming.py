"""estimate_blur and estimate_noise: what happened to an image, or to its tiles."""

from .._pixels.images import as_images
from .._pixels.values import resolve_data_range
from .namer import shipped_namer
from .tiles import check_tile_size, of_tiles


def estimate_blur(images, *, tile_size=None, data_range=None):
    """Estimate which blur images have, how strong it is, and how noisy they are.

    The power spectrum of the most textured places is compared with those that sharp
    photographs have after blurs of each kind, under the noise that is measured in quiet
    places and the steps to which JPEG has rounded. Networks weigh what that tells.

    Parameters
    ----------
    images : array of shape (n, height, width[, channels]), or list of arrays
        Images of type uint8, uint16, float32 or float64. Three channels are taken for
        RGB, whose luminance counts; of other numbers, the mean counts. The CPU looks at
        them: of images on a GPU no more is copied than that, some 600000 pixels each.
    tile_size : int, default=None
        Side in pixels, at least 32, of tiles that are looked at one by one, for a blur
        that varies over the image. Nearly equal tiles fill it, of up to half less than
        that; those of less than 64 pixels tell nothing, so ask for 128 or more. None
        looks at each image as a whole.
    data_range : float, default=None
        The pixel value that counts as white. None means the largest value of an
        integer type, and 1.0 for floats.

    Returns
    -------
    blurs : list of Blur, or list of array of shape (rows, columns)
        One for each image, with the `noise`, and its `confidence` but where there was
        nothing to look at; with `tile_size` an array of them, of type object, with one
        for each tile. The kind is "none" for an
        image that looks sharp, and "unknown" for one of which nothing can be told:
        plain areas, drawings, text, noise alone, and less than 64 pixels a side.

    Raises
    ------
    ValueError
        When these are no images, or `tile_size` is too small.
    TypeError
        When pixels are of another type.

    See Also
    --------
    Blur : What is known about a blur.
    BlurEstimator : Learns to estimate the blur of images of your own.

    Examples
    --------
    >>> from pydbcnn import GaussianBlurTransformer, estimate_blur
    >>> from pydbcnn.datasets import load_sample_images
    >>> blurred = GaussianBlurTransformer(sigma=2.0).transform(load_sample_images())
    >>> [round(blur.sigma) for blur in estimate_blur(blurred)]
    [2, 2]
    """
    checked = as_images(images, "images")
    scale = resolve_data_range(data_range, checked.dtype)
    name = shipped_namer().name
    if tile_size is None:
        return [name(image, scale) for image in checked.each()]
    check_tile_size(tile_size)
    return [
        of_tiles(name, image, scale, tile_size, dtype=object)
        for image in checked.each()
    ]


def estimate_noise(images, *, data_range=None):
    """Measure the noise of images in their quiet places.

    Of blocks of 16 x 16 pixels without clipped ones, those with least power of low
    frequencies are quiet. The power of their high frequencies is that of the noise,
    whatever its colour: white, demosaiced, or what JPEG has left of it. What texture
    even quiet places have is taken off, as far as the textured places and their blur
    tell; so this is the noise that comes with `estimate_blur`, and takes as long.

    Parameters
    ----------
    images : array of shape (n, height, width[, channels]), or list of arrays
        Images of type uint8, uint16, float32 or float64. The CPU looks at them: of
        images on a GPU no more is copied than that, some 600000 pixels each.
    data_range : float, default=None
        The pixel value that counts as white. None means the largest value of an
        integer type, and 1.0 for floats.

    Returns
    -------
    noises : list of Noise
        One for each image, in levels: 255 of them make white. Of an image in which
        nothing is quiet, fine texture is taken for noise. Images of less than 16 pixels
        a side show none.

    Raises
    ------
    ValueError
        When these are no images.
    TypeError
        When pixels are of another type.

    See Also
    --------
    estimate_blur : The blur, and with it the noise.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import GaussianBlurTransformer, NoiseTransformer, estimate_noise
    >>> from pydbcnn.datasets import load_sample_images
    >>> blurred = GaussianBlurTransformer(sigma=2.0).transform(load_sample_images())
    >>> noisy = NoiseTransformer(3 / 255, random_state=0).transform(blurred)
    >>> [round(noise.std) for noise in estimate_noise(noisy)]
    [3, 3]
    """
    return [blur.noise for blur in estimate_blur(images, data_range=data_range)]
