"""Blind removal of mild blur from photographs.

Public names are loaded at first use: importing the package is quick, starts no
thread and touches no GPU.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "BlurEstimator": "._blur_estimator",
    "DBCNNDeblurrer": "._deblurrer",
    "GaussianBlurTransformer": "._blur",
    "AnisotropicGaussianBlurTransformer": "._degradations._anisotropic",
    "DefocusBlurTransformer": "._degradations._defocus",
    "JPEGTransformer": "._degradations._jpeg",
    "MotionBlurTransformer": "._degradations._motion",
    "NoiseTransformer": "._degradations._noise",
    "PolyblurDeblurrer": "._polyblur",
    "estimate_blur": "._estimate_blur",
    "DeviceUnavailableError": ".backends",
    "available_devices": ".backends",
    "show_versions": "._versions",
    "datasets": ".datasets",
    "metrics": ".metrics",
    "persistence": ".persistence",
    "pretrained": ".pretrained",
}

__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOMES[name], __name__)
    value = home if home.__name__ == f"{__name__}.{name}" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
