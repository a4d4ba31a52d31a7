"""NoiseTransformer: the noise of an image sensor."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .._pixels.device import namespace
from .._pixels.values import as_pixels, resolve_data_range
from .base import ImageTransformer
from .ranges import check_range, draw

_MAX_COUNTS = 1e15  # above, single counts are lost to rounding


def add_noise(image, gaussian_std, poisson_gain, data_range, random_state):
    """An image with the noise of a sensor.

    Parameters
    ----------
    image : array of shape (height, width[, channels])
        uint8, uint16, float32 or float64; on the host where there is Poisson noise.
    gaussian_std : float
        Standard deviation of normal noise, as a share of the data range.
    poisson_gain : float
        One count as a share of the data range; 0 adds no Poisson noise.
    data_range : float or None
        The pixel value that counts as 1; None means that of the type.
    random_state : RandomState instance
        Draws first the Poisson noise, then the normal noise.

    Returns
    -------
    noisy : array like `image`
        A new array; integers are rounded and clipped.
    """
    xp = namespace(image)
    if gaussian_std == poisson_gain == 0:
        return xp.array(image)
    data_range = resolve_data_range(data_range, image.dtype)
    noisy = image
    if poisson_gain > 0:
        noisy = noisy + _poisson_noise(image, poisson_gain, data_range, random_state)
    if gaussian_std > 0:
        scale = gaussian_std * data_range
        # Drawn on the host, so that the noise does not depend on the device.
        noisy = noisy + xp.asarray(random_state.normal(scale=scale, size=image.shape))
    return as_pixels(noisy, image.dtype)


def _poisson_noise(image, gain, data_range, random_state):
    """What counting single events adds to an image; its mean is 0."""
    counts = np.maximum(image, 0.0, dtype=float) / (gain * data_range)
    if counts.max() > _MAX_COUNTS:
        raise ValueError(
            f"poisson_gain={gain:.3g} makes the largest pixel {image.max()} a count of "
            f"{counts.max():.1e}, above {_MAX_COUNTS:.0e}: pass 0 or a larger gain, or "
            f"the data_range of these images instead of {data_range}."
        )
    return (random_state.poisson(counts) - counts) * (gain * data_range)


class NoiseTransformer(ImageTransformer):
    """Add the noise of an image sensor: Poisson noise of light and normal noise.

    A pixel x between 0 and 1 becomes gain * Poisson(x / gain) and normal noise, so its
    mean stays x and its variance is std² + gain * x: normal noise from reading the
    sensor, and the noise of counting photons, which grows with the light [1]_. Noise of
    different pixels and channels is independent. The transformer is stateless: it needs
    no fit.

    Parameters
    ----------
    gaussian_std : float or tuple of 2 float, default=0.0
        Standard deviation of the normal noise as a share of the data range. With a
        range (low, high), each image gets its own, drawn uniformly.
    poisson_gain : float or tuple of 2 float, default=0.0
        What one counted photon adds to a pixel, as a share of the data range: 0.001 if
        1000 of them make white. A range is drawn from for each image. 0 leaves the
        Poisson noise out.
    data_range : float, default=None
        The pixel value that counts as 1. None means the largest value of an integer
        type, and 1.0 for floats.
    random_state : int, RandomState instance or None, default=None
        Draws shares and noise. An int gives the same result for every call.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    JPEGTransformer : The loss of storing images as JPEG.

    Notes
    -----
    Integers are rounded and clipped to the range of their type, floats are neither.
    Negative pixels count no photons and get the normal noise alone.

    The model is that of linear values, as a sensor gives them. On gamma-encoded images
    the noise of light is closer to even than the Poisson part makes it.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik and K. Egiazarian, "Practical
       Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE
       Transactions on Image Processing, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from pydbcnn import NoiseTransformer
    >>> grey = np.full((1, 300, 300), 0.5)
    >>> noise = NoiseTransformer(0.01, 0.0004, random_state=0)
    >>> round(float(noise.transform(grey).std()), 3)  # sqrt(0.01² + 0.0004 * 0.5)
    0.017
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "gaussian_std": [Interval(Real, 0, None, closed="left"), tuple, list],
        "poisson_gain": [Interval(Real, 0, None, closed="left"), tuple, list],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self, gaussian_std=0.0, poisson_gain=0.0, *, data_range=None, random_state=None
    ):
        self.gaussian_std = gaussian_std
        self.poisson_gain = poisson_gain
        self.data_range = data_range
        self.random_state = random_state

    def _check_parameters(self):
        for name in ("gaussian_std", "poisson_gain"):
            check_range(name, getattr(self, name), "shares of the data range")

    def _change(self, image, random_state):
        gaussian_std = draw(self.gaussian_std, random_state)
        poisson_gain = draw(self.poisson_gain, random_state)
        return add_noise(
            image, gaussian_std, poisson_gain, self.data_range, random_state
        )
