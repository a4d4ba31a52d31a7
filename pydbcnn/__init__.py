"""Blind removal of mild blur from photographs.

Public names are loaded at first use: importing the package is quick, starts no
thread and touches no GPU.
"""

import sys
from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "AnisotropicGaussianBlurTransformer": "._degradations.anisotropic",
    "Blur": "._blur.blur",
    "BlurEstimator": "._blur_estimation.estimator",
    "CameraTransformer": "._degradations.camera",
    "DBCNNDeblurrer": "._estimators.deblurrer",
    "DefocusBlurTransformer": "._degradations.defocus",
    "DenoisingTransformer": "._degradations.denoising",
    "DeviceUnavailableError": ".backends",
    "GaussianBlurTransformer": "._degradations.gaussian",
    "JPEGTransformer": "._degradations.jpeg",
    "KernelBlurTransformer": "._degradations.kernel_blur",
    "MosaicTransformer": "._degradations.mosaic",
    "MotionBlurTransformer": "._degradations.motion",
    "Noise": "._blur.noise",
    "NoiseTransformer": "._degradations.noise",
    "PolyblurDeblurrer": "._estimators.polyblur",
    "ToneCurveTransformer": "._degradations.tone_curve",
    "UnsharpMaskTransformer": "._degradations.unsharp_mask",
    "WhiteBalanceTransformer": "._degradations.white_balance",
    "available_devices": ".backends",
    "confidence_map": "._restoration.confidence",
    "datasets": ".datasets",
    "estimate_blur": "._blur_estimation.naming",
    "estimate_noise": "._blur_estimation.naming",
    "metrics": ".metrics",
    "persistence": ".persistence",
    "pretrained": ".pretrained",
    "show_versions": "._versions",
}

__all__ = [*sorted(_HOMES), "__version__"]


class _MovedFinder:
    """Finds, last of all finders, modules that pickles of earlier versions name."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if not name.startswith(f"{__name__}._"):
            return None
        from . import _moved

        return _moved.find_spec(name)


sys.meta_path.append(_MovedFinder)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOMES[name], __name__)
    value = home if home.__name__ == f"{__name__}.{name}" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
