"""CameraTransformer: from a sharp photograph to what a camera would have made of it."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from .anisotropic import AnisotropicGaussianBlurTransformer
from .base import ImageTransformer
from .blur_base import BlurTransformer
from .colours import check_colours, is_rgb, shapes_of
from .defocus import DefocusBlurTransformer
from .demosaicing import BAYER_ORDERS, DEMOSAICING
from .denoising import check_chroma_sigma
from .exposure import Exposure, stored_noise, take_photograph
from .gaussian import GaussianBlurTransformer
from .jpeg import check_storable, draw_quality
from .kernel_blur import KernelBlurTransformer
from .mosaic import check_mosaic
from .motion import MotionBlurTransformer
from .ranges import check_options, check_range, draw, draw_option
from .unsharp_mask import MAX_AMOUNT, MAX_RADIUS
from .white_balance import check_gain

# Of the sensor's 16 bits, which leaves out the variant of OpenCV for 8.
METHODS = tuple(method for method in DEMOSAICING if method != "vng")
SUBSAMPLINGS = ("4:2:0", "4:2:2", "4:4:4")
# The mild blurs that "random" draws from, each kind as often as the others.
RANDOM_BLURS = (
    None,
    GaussianBlurTransformer((0.3, 3.0)),
    AnisotropicGaussianBlurTransformer((1.0, 3.5), (0.4, 1.5), (0.0, 180.0)),
    DefocusBlurTransformer((0.5, 4.0)),
    MotionBlurTransformer((1.0, 8.0), (0.0, 180.0)),
)
_RANGE = [Interval(Real, 0, None, closed="left"), tuple, list]


class CameraTransformer(ImageTransformer):
    """Photograph sharp images with a simulated camera.

    The values of an image are decoded to linear light by the curve of sRGB, blurred by
    the lens, divided by the gains of the white balance, sampled by a mosaic of
    colours, and given the noise of counted light and of the reading. Then the camera
    does what cameras do [1]_: it demosaics, balances white, encodes as sRGB, denoises,
    sharpens, and stores a JPEG. The transformer is stateless: it needs no fit.

    Every number may be a range (low, high), and every word a tuple of several, from
    which each image gets its own. The defaults are ranges: :meth:`photograph` tells
    what was drawn.

    Parameters
    ----------
    blur : "random", None, array-like, object, or list of these, default="random"
        The blur of the lens, in linear light. An array is a kernel, and so is what an
        object with a method ``kernel()`` returns; a transformer that blurs has ranges
        and draws from them. From a list, each image gets one, all equally likely; None
        does not blur. "random" is a list of no blur, Gaussians in all directions of
        sigma 0.3 to 3 and in one of 1 to 3.5 by 0.4 to 1.5, disks of a radius of 0.5
        to 4, and lines of a length of 1 to 8 pixels.
    bayer_order : {"rggb", "bggr", "grbg", "gbrg"}, tuple of them or None, \
            default=("rggb", "bggr", "grbg", "gbrg")
        Of the mosaic. None has no mosaic: all colours are seen by each pixel.
    demosaicing : {"bilinear", "edge-aware", "gradient-corrected"} or tuple of them, \
            default=("bilinear", "edge-aware", "gradient-corrected")
        As in :class:`MosaicTransformer`.
    red_gain : float or tuple of 2 float, default=(1.4, 2.4)
        White balance of red, 0.01 to 100. 1 leaves red as the sensor sees it.
    blue_gain : float or tuple of 2 float, default=(1.2, 2.2)
        White balance of blue, 0.01 to 100.
    poisson_gain : float or tuple of 2 float, default=(0.00002, 0.001)
        What one counted photon adds, as a share of the data range in linear light. It
        is drawn so that its square root is uniform, to which the noise is
        proportional. 0 leaves this noise out.
    gaussian_std : float or tuple of 2 float, default=(0.0, 0.002)
        Standard deviation of the noise of reading, as a share of the data range in
        linear light.
    denoising : float or tuple of 2 float, default=(0.0, 2.0)
        Strength of the denoiser, in standard deviations that the noise has on middle
        grey, up to 100. 0 does not denoise.
    chroma_sigma : float or tuple of 2 float, default=(0.5, 2.0)
        Blur of colours in the denoiser, in pixels.
    sharpening : float or tuple of 2 float, default=(0.0, 1.0)
        The amount of an unsharp mask. 0 does not sharpen.
    sharpening_radius : float or tuple of 2 float, default=(0.6, 1.4)
        Standard deviation in pixels of the Gaussian of the unsharp mask.
    jpeg_quality : int, tuple of 2 int or None, default=(80, 98)
        On the scale of libjpeg. None stores no JPEG, and does not round to 8 bits
        where the type has more.
    chroma_subsampling : {"4:2:0", "4:2:2", "4:4:4"} or tuple of them, \
            default=("4:2:0", "4:2:2", "4:4:4")
        Of the JPEG.
    data_range : float, default=None
        The pixel value that counts as white. None means the largest value of an
        integer type, and 1.0 for floats.
    random_state : int, RandomState instance or None, default=None
        Draws everything. An int gives the same result for every call.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of a row; only after fit on rows of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only after fit on rows with names that are all strings.

    See Also
    --------
    KernelBlurTransformer : The blur alone, in linear light if asked to.
    MosaicTransformer : The mosaic alone.
    JPEGTransformer : The file alone.

    Notes
    -----
    Images are in values of sRGB, come back in their type, and are computed in single
    precision; the mosaic is carried in 16 bits. Results are clipped to black and white.
    With every step left out, they are equal to the input.

    Images with three channels are RGB. Grey images, with one channel or none, and rows
    of pixels have no colours: they skip white balance and mosaic, and have no chroma.

    Of a transformer in `blur`, only kernels are drawn: neither its border, nor its
    noise, nor its `random_state` counts. Beyond the border, the lens sees the image
    mirrored without its edge.

    The default ranges of noise, denoising, sharpening and JPEG make quiet places as
    noisy as those of 37 cameras; the user guide shows the comparison.

    References
    ----------
    .. [1] T. Brooks et al., "Unprocessing images for learned raw denoising", IEEE/CVF
       Conference on Computer Vision and Pattern Recognition, 2019.

    Examples
    --------
    >>> from pydbcnn import CameraTransformer, MotionBlurTransformer
    >>> from pydbcnn.datasets import load_sample_images
    >>> sharp = load_sample_images()
    >>> shaken = MotionBlurTransformer(length=(2, 8), angle=(0, 180))
    >>> camera = CameraTransformer(blur=shaken, jpeg_quality=90, random_state=0)
    >>> photographs, drawn = camera.photograph(sharp)
    >>> [photograph.shape for photograph in photographs]
    [(427, 640, 3), (427, 640, 3)]
    >>> drawn[0]["blur"]["kind"], drawn[0]["jpeg_quality"]
    ('motion', 90)
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "blur": [
            StrOptions({"random"}),
            None,
            BlurTransformer,
            GaussianBlurTransformer,
            HasMethods("kernel"),
            "array-like",
        ],
        "bayer_order": [str, tuple, list, None],
        "demosaicing": [str, tuple, list],
        "red_gain": _RANGE,
        "blue_gain": _RANGE,
        "poisson_gain": _RANGE,
        "gaussian_std": _RANGE,
        "denoising": _RANGE,
        "chroma_sigma": _RANGE,
        "sharpening": _RANGE,
        "sharpening_radius": _RANGE,
        "jpeg_quality": [Interval(Integral, 1, 100, closed="both"), tuple, list, None],
        "chroma_subsampling": [str, tuple, list],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        blur="random",
        *,
        bayer_order=BAYER_ORDERS,
        demosaicing=METHODS,
        red_gain=(1.4, 2.4),
        blue_gain=(1.2, 2.2),
        poisson_gain=(0.00002, 0.001),
        gaussian_std=(0.0, 0.002),
        denoising=(0.0, 2.0),
        chroma_sigma=(0.5, 2.0),
        sharpening=(0.0, 1.0),
        sharpening_radius=(0.6, 1.4),
        jpeg_quality=(80, 98),
        chroma_subsampling=SUBSAMPLINGS,
        data_range=None,
        random_state=None,
    ):
        self.blur = blur
        self.bayer_order = bayer_order
        self.demosaicing = demosaicing
        self.red_gain = red_gain
        self.blue_gain = blue_gain
        self.poisson_gain = poisson_gain
        self.gaussian_std = gaussian_std
        self.denoising = denoising
        self.chroma_sigma = chroma_sigma
        self.sharpening = sharpening
        self.sharpening_radius = sharpening_radius
        self.jpeg_quality = jpeg_quality
        self.chroma_subsampling = chroma_subsampling
        self.data_range = data_range
        self.random_state = random_state

    def photograph(self, X):
        """Photograph images, and tell what was drawn for each.

        `transform` gives the same photographs. Nothing is kept on the transformer, so
        that it stays stateless: with an int as `random_state`, every call draws the
        same again, and with None or a generator, what this call tells is true for its
        own photographs alone.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Sharp images of type uint8, uint16, float32 or float64, grey or RGB.

        Returns
        -------
        photographs : like X
            New arrays of the same layout, type and range.
        drawn : list of dict
            One for each image. Keys are the names of the parameters, but
            "denoising_strength", as a share of the data range, for `denoising`. "blur"
            is a dict: its "kind" is "none", "gaussian", "defocus", "motion" or
            "kernel"; its "kernel" is an array; and the geometry of each kind goes by
            the parameters of its transformer, with "sigma_major", "sigma_minor" and
            "angle" for all Gaussians. What does not take place is None, 0, or a gain
            of 1.

        Raises
        ------
        ValueError
            When a parameter or X does not fit; the message says how.
        TypeError
            When pixels are of another type.
        """
        drawn = []

        def change(image, random_state):
            exposure = self._draw(is_rgb(image), random_state)
            drawn.append(exposure.as_dict())
            return take_photograph(image, exposure, self.data_range, random_state)

        return self._transform_each(X, change), drawn

    def _check_parameters(self):
        for blur in _blurs(self.blur):
            if blur is not None:
                blur._validate_params()
                blur._check_parameters()
        if self.bayer_order is not None:
            check_options("bayer_order", self.bayer_order, BAYER_ORDERS)
        check_options("demosaicing", self.demosaicing, METHODS)
        check_gain("red_gain", self.red_gain)
        check_gain("blue_gain", self.blue_gain)
        for name in ("poisson_gain", "gaussian_std"):
            check_range(name, getattr(self, name), "shares of the data range")
        check_range("denoising", self.denoising, "standard deviations", high=100)
        check_chroma_sigma(self.chroma_sigma)
        check_range("sharpening", self.sharpening, "times", high=MAX_AMOUNT)
        radius = self.sharpening_radius
        check_range("sharpening_radius", radius, "pixels", high=MAX_RADIUS)
        self._check_file()

    def _check_file(self):
        if self.jpeg_quality is not None:
            unit, quality = "whole numbers", self.jpeg_quality
            check_range("jpeg_quality", quality, unit, low=1, high=100, kind=Integral)
        check_options("chroma_subsampling", self.chroma_subsampling, SUBSAMPLINGS)

    def _check_X(self, X, *, reset):
        X = super()._check_X(X, reset=reset)
        shapes = shapes_of(X)
        check_colours(shapes, "a camera")
        if self.bayer_order is not None:
            check_mosaic(shapes)
        if self.jpeg_quality is not None:
            check_storable(shapes)
        return X

    def _change(self, image, random_state):
        exposure = self._draw(is_rgb(image), random_state)
        return take_photograph(image, exposure, self.data_range, random_state)

    def _draw(self, has_colours, random_state):
        """An `Exposure`, drawn in the order of its steps."""
        blurs = _blurs(self.blur)
        blur = blurs[random_state.randint(len(blurs))] if len(blurs) > 1 else blurs[0]
        lens = {"kind": "none", "kernel": np.ones((1, 1))}
        if blur is not None:
            lens = blur._draw_blur(random_state)
        mosaic = self._draw_mosaic(has_colours, random_state)
        noise = self._draw_noise(random_state)
        return Exposure(
            blur=lens,
            **mosaic,
            **noise,
            **self._draw_processing(has_colours, noise, random_state),
            **self._draw_file(has_colours, random_state),
        )

    def _draw_mosaic(self, has_colours, random_state):
        if not has_colours or self.bayer_order is None:
            return dict(red_gain=1.0, blue_gain=1.0, bayer_order=None, demosaicing=None)
        return dict(
            red_gain=draw(self.red_gain, random_state),
            blue_gain=draw(self.blue_gain, random_state),
            bayer_order=draw_option(self.bayer_order, random_state),
            demosaicing=draw_option(self.demosaicing, random_state),
        )

    def _draw_noise(self, random_state):
        gain = self.poisson_gain
        if not isinstance(gain, Real):
            gain = random_state.uniform(*np.sqrt(gain)) ** 2
        std = draw(self.gaussian_std, random_state)
        return dict(poisson_gain=gain, gaussian_std=std)

    def _draw_processing(self, has_colours, noise, random_state):
        strength = draw(self.denoising, random_state) * stored_noise(**noise)
        return dict(
            denoising_strength=strength,
            chroma_sigma=draw(self.chroma_sigma, random_state) if has_colours else 0.0,
            sharpening=draw(self.sharpening, random_state),
            sharpening_radius=draw(self.sharpening_radius, random_state),
        )

    def _draw_file(self, has_colours, random_state):
        quality = self.jpeg_quality
        if quality is None:
            return dict(jpeg_quality=None, chroma_subsampling=None)
        quality = draw_quality(quality, random_state)
        subsampling = draw_option(self.chroma_subsampling, random_state)
        return dict(
            jpeg_quality=quality,
            chroma_subsampling=subsampling if has_colours else None,
        )


def _blurs(blur):
    """The blurs that a camera draws from: transformers that make kernels, or None."""
    if isinstance(blur, str):
        return RANDOM_BLURS
    is_list = isinstance(blur, (list, tuple))
    # A kernel in nested lists has rows; what else a list holds are blurs.
    if is_list and not all(isinstance(row, (list, tuple)) for row in blur):
        return [_as_transformer(one) for one in blur]
    return [_as_transformer(blur)]


def _as_transformer(blur):
    """A transformer that draws kernels; None stays."""
    return blur if blur is None or _draws(blur) else KernelBlurTransformer(blur)


def _draws(blur):
    return isinstance(blur, (BlurTransformer, GaussianBlurTransformer))
