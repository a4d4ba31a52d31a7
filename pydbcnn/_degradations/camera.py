"""CameraTransformer: what lens, sensor and processing make of a scene."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from .._pixels.srgb import srgb_decode, srgb_encode
from .._pixels.values import as_pixels, resolve_data_range
from .base import ImageTransformer
from .blur_base import filter_image, mirrored
from .colours import check_colours, is_rgb, shapes_of
from .demosaicing import BAYER_ORDERS, DEMOSAICING, demosaic, sample_mosaic
from .denoising import check_chroma_sigma, denoise
from .given_kernel import as_kernel
from .jpeg import check_storable, draw_quality, jpeg_round_trip
from .mosaic import check_mosaic, from_sensor, to_sensor
from .noise import add_noise
from .ranges import check_options, check_range, draw, draw_option
from .unsharp_mask import MAX_AMOUNT, MAX_RADIUS, unsharp_mask
from .white_balance import balance_white, check_gain

_CHROMA = ("4:2:0", "4:2:2", "4:4:4")
_METHODS = tuple(method for method in DEMOSAICING if method != "vng")  # for 16 bits
_BLACK = 0.05  # of the sensor's range: noise goes below black
_RANGE = [Interval(Real, 0, None, closed="left"), tuple, list]


class CameraTransformer(ImageTransformer):
    """Turn sharp, clean photographs into what a camera would have made of the scene.

    A photograph is decoded to linear light, blurred as by a lens, taken apart into the
    mosaic of a sensor with the noise of its photons and of reading them, put together
    again by demosaicing, balanced to white, encoded as sRGB, and then smoothed,
    sharpened and stored as JPEG [1]_. Every step draws from its ranges for each image,
    and every step can be left out. The transformer is stateless: it needs no fit.

    Parameters
    ----------
    blur : transformer, array, object with a method ``kernel``, list of them, or None, \
            default=None
        The lens: a blur transformer of this package, whose ranges are drawn from and
        whose other parameters do not count; or a kernel, as `KernelBlurTransformer`
        takes it. From a list, each image gets one, all equally likely. None does not
        blur.
    bayer_order : str, tuple of str, or None, default=("rggb", "bggr", "grbg", "gbrg")
        Order of the mosaic, as `MosaicTransformer` takes it; None has no mosaic.
    demosaicing : {"bilinear", "edge-aware", "gradient-corrected"} or tuple of them, \
            default=("edge-aware", "gradient-corrected")
        As in `MosaicTransformer`; sensors have more than the 8 bits of "vng".
    red_gain, blue_gain : float or tuple of 2 float, default=(1.4, 2.4), (1.3, 2.2)
        White balance, 0.01 to 100: the sensor saw less by these factors.
    gaussian_std : float or tuple of 2 float, default=(0.0, 0.001)
        Standard deviation of the noise of reading, as a share of the sensor's white.
    poisson_gain : float or tuple of 2 float, default=(0.00001, 0.0002)
        What one photon adds, as a share of the sensor's white.
    denoising : float or tuple of 2 float, default=(0.0, 0.06)
        Strength of `DenoisingTransformer`; 0 leaves it out.
    chroma_sigma : float or tuple of 2 float, default=(0.0, 1.5)
        Sigma in pixels over which denoising blurs colours.
    sharpening_radius : float or tuple of 2 float, default=(0.5, 1.2)
        Radius in pixels of `UnsharpMaskTransformer`.
    sharpening_amount : float or tuple of 2 float, default=(0.0, 0.8)
        Its amount; 0 leaves it out.
    quality : int, tuple of 2 int, or None, default=(85, 98)
        Of the JPEG, 1 to 100; None stores none, and keeps the precision of the type.
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
    MosaicTransformer, WhiteBalanceTransformer, ToneCurveTransformer : Steps of it.

    Notes
    -----
    Images with three channels are RGB; grey ones, with one channel or none, have no
    mosaic and no white balance, and noise at every pixel. Values are clipped to white
    after the white balance, as a sensor's are. Computed in single precision; what goes
    through a mosaic is carried in 16 bits.

    The photographs should be sharp and clean: made smaller, if need be. With the
    default ranges, the noise of quiet places is about that of the files of many
    cameras; ``benchmarks/camera_noise.py`` compares them.

    References
    ----------
    .. [1] T. Brooks, B. Mildenhall, T. Xue, J. Chen, D. Sharlet and J. T. Barron,
       "Unprocessing images for learned raw denoising", CVPR, 2019.

    Examples
    --------
    >>> from pydbcnn import CameraTransformer, DefocusBlurTransformer
    >>> from pydbcnn.datasets import load_sample_images
    >>> lens = DefocusBlurTransformer(radius=(1.0, 3.0))
    >>> camera = CameraTransformer(lens, random_state=0)
    >>> photographs, drawn = camera.transform_and_report(load_sample_images())
    >>> [report["blur"]["kind"] for report in drawn]
    ['defocus', 'defocus']
    """

    __module__ = "pydbcnn"

    _parameter_constraints: dict = {
        "blur": ["array-like", HasMethods("kernel"), HasMethods("transform"), None],
        "bayer_order": [str, tuple, list, None],
        "demosaicing": [str, tuple, list],
        "red_gain": _RANGE,
        "blue_gain": _RANGE,
        "gaussian_std": _RANGE,
        "poisson_gain": _RANGE,
        "denoising": _RANGE,
        "chroma_sigma": _RANGE,
        "sharpening_radius": _RANGE,
        "sharpening_amount": _RANGE,
        "quality": [Interval(Integral, 1, 100, closed="both"), tuple, list, None],
        "chroma_subsampling": [StrOptions(set(_CHROMA)), tuple, list],
        "data_range": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        blur=None,
        *,
        bayer_order=BAYER_ORDERS,
        demosaicing=("edge-aware", "gradient-corrected"),
        red_gain=(1.4, 2.4),
        blue_gain=(1.3, 2.2),
        gaussian_std=(0.0, 0.001),
        poisson_gain=(0.00001, 0.0002),
        denoising=(0.0, 0.06),
        chroma_sigma=(0.0, 1.5),
        sharpening_radius=(0.5, 1.2),
        sharpening_amount=(0.0, 0.8),
        quality=(85, 98),
        chroma_subsampling=_CHROMA,
        data_range=None,
        random_state=None,
    ):
        self.blur = blur
        self.bayer_order = bayer_order
        self.demosaicing = demosaicing
        self.red_gain = red_gain
        self.blue_gain = blue_gain
        self.gaussian_std = gaussian_std
        self.poisson_gain = poisson_gain
        self.denoising = denoising
        self.chroma_sigma = chroma_sigma
        self.sharpening_radius = sharpening_radius
        self.sharpening_amount = sharpening_amount
        self.quality = quality
        self.chroma_subsampling = chroma_subsampling
        self.data_range = data_range
        self.random_state = random_state

    def transform_and_report(self, X):
        """Take photographs, and tell what was drawn for each.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Images of type uint8, uint16, float32 or float64.

        Returns
        -------
        photographs : like X
            What `transform` gives.
        drawn : list of dict
            For each image what every parameter became, by its name; "blur" is a dict
            with its "kind", its sizes in pixels, and its "kernel".

        Raises
        ------
        ValueError
            When a parameter or X does not fit; the message says how.
        TypeError
            When pixels are of another type.
        """
        drawn = []

        def change(image, random_state):
            drawn.append(self._draw(random_state))
            return self._take(image, drawn[-1], random_state)

        return self._transform_each(X, change), drawn

    def _change(self, image, random_state):
        return self._take(image, self._draw(random_state), random_state)

    def _draw(self, random_state):
        """Every parameter for one image, in the order in which light meets them."""
        report = {"blur": self._draw_blur(random_state)}
        for name in ("bayer_order", "demosaicing"):
            value = getattr(self, name)
            report[name] = value and draw_option(value, random_state)
        for name in _NUMBERS:
            report[name] = draw(getattr(self, name), random_state)
        report["quality"] = (
            None if self.quality is None else draw_quality(self.quality, random_state)
        )
        report["chroma_subsampling"] = draw_option(
            self.chroma_subsampling, random_state
        )
        return report

    def _draw_blur(self, random_state):
        if self.blur is None:
            return {"kind": "none", "kernel": np.ones((1, 1))}
        blur = self.blur
        if _is_choice(blur):
            blur = blur[random_state.randint(len(blur))]
        if hasattr(blur, "_draw_blur"):
            return blur._draw_blur(random_state)
        return {"kind": "kernel", "kernel": as_kernel(blur, "blur")}

    def _take(self, image, report, random_state):
        white = resolve_data_range(self.data_range, image.dtype)
        values = (image / white).astype(np.float32)
        values = _sense(values, report, random_state)
        if report["denoising"] > 0:
            values = denoise(values, report["denoising"], report["chroma_sigma"])
        radius, amount = report["sharpening_radius"], report["sharpening_amount"]
        values = unsharp_mask(values, radius, amount)
        if report["quality"] is not None:
            pixels = as_pixels(255 * values, np.uint8)
            subsampling = report["chroma_subsampling"]
            values = jpeg_round_trip(pixels, report["quality"], subsampling) / 255
        return as_pixels(values * white, image.dtype)

    def _check_parameters(self):
        self._check_blur()
        if self.bayer_order is not None:
            check_options("bayer_order", self.bayer_order, BAYER_ORDERS)
        check_options("demosaicing", self.demosaicing, _METHODS)
        check_options("chroma_subsampling", self.chroma_subsampling, _CHROMA)
        for name in ("red_gain", "blue_gain"):
            check_gain(name, getattr(self, name))
        for name in ("gaussian_std", "poisson_gain"):
            check_range(name, getattr(self, name), "shares of the sensor's white")
        check_range("denoising", self.denoising, "shares of the data range", high=10)
        check_chroma_sigma(self.chroma_sigma)
        radius, amount = self.sharpening_radius, self.sharpening_amount
        check_range("sharpening_radius", radius, "pixels", high=MAX_RADIUS)
        check_range("sharpening_amount", amount, "times", high=MAX_AMOUNT)
        if self.quality is not None:
            whole = dict(low=1, high=100, kind=Integral)
            check_range("quality", self.quality, "whole numbers", **whole)

    def _check_blur(self):
        if self.blur is None:
            return
        for blur in self.blur if _is_choice(self.blur) else [self.blur]:
            if hasattr(blur, "_draw_blur"):
                blur._validate_params()
                blur._check_parameters()
            elif hasattr(blur, "transform"):
                raise ValueError(
                    f"blur={blur!r} is no blur of this package: expected one of its "
                    "blur transformers, a kernel, or a list of them."
                )
            else:
                as_kernel(blur, "blur")

    def _check_X(self, X, *, reset):
        X = super()._check_X(X, reset=reset)
        shapes = shapes_of(X)
        check_colours(shapes, "a camera")
        if self.bayer_order is not None:
            check_mosaic(shapes)
        if self.quality is not None:
            check_storable(shapes)
        return X


_NUMBERS = (
    "red_gain",
    "blue_gain",
    "gaussian_std",
    "poisson_gain",
    "denoising",
    "chroma_sigma",
    "sharpening_radius",
    "sharpening_amount",
)


def _is_choice(blur):
    """Whether these are several blurs, and not the rows of a kernel."""
    is_list = isinstance(blur, (list, tuple)) and len(blur) > 0
    return is_list and not isinstance(blur[0], (list, tuple, Real))


def _sense(values, report, random_state):
    """From sRGB values of a scene to those of a photograph, before any processing."""
    kernel, order = report["blur"]["kernel"], report["bayer_order"]
    noise = report["gaussian_std"], report["poisson_gain"]
    has_mosaic = order is not None and is_rgb(values)
    if not (has_mosaic or any(noise) or kernel.size > 1):
        return values
    light = filter_image(srgb_decode(values), mirrored(kernel), "reflect101")
    gains = (report["red_gain"], report["blue_gain"]) if is_rgb(values) else None
    if gains is not None:
        light = balance_white(light, 1 / gains[0], 1 / gains[1])
    if has_mosaic:
        light = sample_mosaic(light, order)
    light = add_noise(light, *noise, 1.0, random_state)
    if has_mosaic:
        counts = to_sensor(_BLACK + (1 - _BLACK) * light)
        colours = from_sensor(
            demosaic(counts, order, report["demosaicing"]), np.float32
        )
        light = (colours - np.float32(_BLACK)) / np.float32(1 - _BLACK)
    if gains is not None:
        light = balance_white(light, *gains)
    return srgb_encode(np.clip(light, 0, 1)).astype(np.float32)
