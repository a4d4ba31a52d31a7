"""Where classes were that pickles of earlier versions name, and where they are now.

A pickle holds the names of modules. Those of version 0.1.0 before its modules were
ordered are importable no more; here they are as empty modules that look up a class in
its new home when it is asked for.
"""

import sys
from importlib import import_module
from types import ModuleType

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
    "_network": ("_network.network", "Layer", "Network"),
    "_optimizers": ("backends.optimizers", "Adam", "SGD"),
    "_pairs": ("_training.pairs", "Layout"),
    "_polyblur": ("_estimators.polyblur", "PolyblurDeblurrer"),
    "_training": ("_training.loop", "Training", "Schedule"),
}


class _MovedModule(ModuleType):
    """An empty module, whose classes are looked up in their new home."""

    def __getattr__(self, name):
        return moved_class(self.__name__, name)


def moved_class(module, name):
    """The class that a module of an earlier version had.

    Raises
    ------
    AttributeError
        When it had none of this name.
    """
    home, *names = _HOMES.get(module.removeprefix("pydbcnn."), (None,))
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return getattr(import_module(f"pydbcnn.{home}"), name)


def install():
    """Make the names of earlier modules importable, where no module has them now."""
    for name in _HOMES:
        # These two are packages now, which look for moved classes themselves.
        if name not in ("_network", "_training"):
            full_name = f"pydbcnn.{name}"
            sys.modules.setdefault(full_name, _MovedModule(full_name))
