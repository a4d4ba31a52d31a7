"""Where classes were that pickles of earlier versions name, and where they are now.

A pickle holds the names of modules. Those that the modules of version 0.1.0 had before
they were ordered in folders are found here: as empty modules that look up a class in
its new home when it is asked for.
"""

from functools import partial
from importlib import import_module
from importlib.abc import Loader
from importlib.util import spec_from_loader

_HOMES = {
    "_blur": ("_degradations.gaussian", "GaussianBlurTransformer"),
    "_blur_aware": ("_network.blur_aware", "BlurAwareNetwork"),
    "_blur_estimator": ("_blur_estimation.estimator", "BlurEstimator"),
    "_blur_regressor": ("_blur_estimation.regressor", "BlurRegressor"),
    "_deblurrer": ("_estimators.deblurrer", "DBCNNDeblurrer"),
    "_degradations._anisotropic": (
        "_degradations.anisotropic",
        "AnisotropicGaussianBlurTransformer",
    ),
    "_degradations._defocus": ("_degradations.defocus", "DefocusBlurTransformer"),
    "_degradations._jpeg": ("_degradations.jpeg", "JPEGTransformer"),
    "_degradations._motion": ("_degradations.motion", "MotionBlurTransformer"),
    "_degradations._noise": ("_degradations.noise", "NoiseTransformer"),
    "_estimate_blur": ("_blur_estimation.naming", "estimate_blur"),
    "_network": ("_network.network", "Layer", "Network"),
    "_optimizers": ("backends.optimizers", "Adam", "SGD"),
    "_pairs": ("_training.pairs", "Layout"),
    "_polyblur": ("_estimators.polyblur", "PolyblurDeblurrer"),
    "_training": ("_training.loop", "DivergenceError", "Schedule", "Training"),
}


def moved_class(module, name):
    """The class or function that a module of an earlier version had.

    Raises
    ------
    AttributeError
        When it had none of this name.
    """
    home, *names = _HOMES.get(module.removeprefix("pydbcnn."), (None,))
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return getattr(import_module(f"pydbcnn.{home}"), name)


def find_spec(name):
    """What the import system needs to know of a module that has moved, or None."""
    if name.removeprefix("pydbcnn.") not in _HOMES:
        return None
    return spec_from_loader(name, _Loader())


class _Loader(Loader):
    """Makes an empty module, whose classes are looked up in their new home."""

    def exec_module(self, module):
        module.__getattr__ = partial(moved_class, module.__name__)
