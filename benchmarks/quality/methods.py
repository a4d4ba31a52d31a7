"""What is compared: functions from a blurred photograph to restored ones.

Each takes 8-bit pixels and the sigma of their blur, and gives a dict of 8-bit outputs
by setting. Those that know only luminance give luminance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from pydbcnn._pixels.gaussian import gaussian_blur, kernel_size_for
from pydbcnn._pixels.opencv import import_cv2

from .protocol import plane, to_8_bits

INPUT = "input"
UNSHARP = "unsharp mask"
POLYBLUR = "Polyblur"
WIENER = "Wiener, true kernel"
RICHARDSON_LUCY = "Richardson-Lucy, true kernel"

# Chosen on photographs of T91, for all sigmas together.
UNSHARP_RADIUS, UNSHARP_AMOUNT = 1.0, 2.0
BALANCES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
ITERATIONS = (30, 100, 300)
# Mirrored pixels around a photograph: Fourier transforms see it repeated, and what the
# seam does has faded before it reaches the part that is scored.
MARGIN = 32


@dataclass(frozen=True)
class Method:
    """A row of the tables.

    Parameters
    ----------
    run : callable
        From pixels and sigma to a dict of outputs by setting.
    is_told_sigma : bool, default=False
        Whether it uses sigma. It then has nothing to do where that is 0.
    """

    run: Callable
    is_told_sigma: bool = False


def compared(models):
    """All methods of the first protocol, by name.

    Parameters
    ----------
    models : list of str

    Returns
    -------
    methods : dict of Method
    """
    methods = {
        INPUT: Method(unchanged),
        UNSHARP: Method(unsharp_masks),
        POLYBLUR: Method(polyblurs),
        WIENER: Method(wieners, is_told_sigma=True),
        RICHARDSON_LUCY: Method(richardson_lucys, is_told_sigma=True),
    }
    for name in models:
        methods[name] = Method(partial(restored, name))
        told = Method(partial(restored_with_sigma, name), is_told_sigma=True)
        methods[given(name)] = told
    return methods


def compared_on_noise(models):
    """Those of the second protocol: blind ones that may cope with it."""
    methods = compared(models)
    names = (INPUT, POLYBLUR, "mild", "robust")
    return {name: methods[name] for name in names if name in methods}


def given(model):
    """The row of a model that is told sigma."""
    return f"{model}, sigma given"


def unchanged(pixels, sigma):
    """The input itself."""
    return {None: pixels}


def unsharp_masks(pixels, sigma):
    """The unsharp mask of the luminance, with its one setting."""
    return {None: to_8_bits(255 * unsharp_mask(plane(pixels)))}


def unsharp_mask(values):
    """Sharpen luminance from 0 to 1 with scikit-image."""
    from skimage import filters

    return filters.unsharp_mask(values, UNSHARP_RADIUS, UNSHARP_AMOUNT)


def polyblurs(pixels, sigma):
    """Polyblur with the defaults of the package."""
    from pydbcnn import PolyblurDeblurrer

    return {None: PolyblurDeblurrer().predict([pixels])[0]}


def wieners(pixels, sigma):
    """The Wiener filter of the luminance, by balance."""
    values = plane(pixels)
    return {
        balance: to_8_bits(255 * wiener(values, sigma, balance)) for balance in BALANCES
    }


def wiener(values, sigma, balance):
    """Deconvolve luminance from 0 to 1 with scikit-image's Wiener filter."""
    from skimage import restoration

    margined = _with_margin(values)
    return _inside(restoration.wiener(margined, kernel(sigma), balance, clip=False))


def richardson_lucys(pixels, sigma):
    """Richardson-Lucy of the luminance, by number of iterations.

    One run gives them all, which `skimage.restoration.richardson_lucy` cannot do. The
    steps are its own; the blur runs along one axis after the other, and mirrors.
    """
    observed = _with_margin(plane(pixels)).astype(np.float32)
    estimate = np.full_like(observed, 0.5)
    outputs = {}
    for n_done in range(1, max(ITERATIONS) + 1):
        again = gaussian_blur(estimate, sigma) + np.float32(1e-12)
        estimate *= gaussian_blur(observed / again, sigma)
        if n_done in ITERATIONS:
            outputs[n_done] = to_8_bits(255 * _inside(estimate))
    return outputs


def kernel(sigma):
    """The kernel that blurred, of shape (side, side), float64."""
    line = import_cv2().getGaussianKernel(kernel_size_for(sigma), sigma)
    return line @ line.T


def _with_margin(values):
    return np.pad(values, MARGIN, mode="reflect")


def _inside(values):
    return values[MARGIN:-MARGIN, MARGIN:-MARGIN]


def restored(model, pixels, sigma):
    """A model that has to find out for itself how strong the blur is."""
    return {None: restorer(model).restore(pixels)}


def restored_with_sigma(model, pixels, sigma):
    """A model that is told how strong the blur is."""
    return {None: restorer(model).restore(pixels, sigma=sigma)}


def estimated_sigma(model, pixels):
    """What a model takes the blur to be, in pixels."""
    return np.asarray(restorer(model).estimate_blur(pixels)).item()


@cache
def restorer(model):
    """A model of the package, read once a process."""
    from pydbcnn._commands.restorer import Restorer

    return Restorer(model)
