"""From evidence to a blur: networks weigh what each kind explains, and how wide it is.

The search of `likelihood` gives the size and the direction of each kind. Two things it
tells less well than networks that have seen many photographs: which kind it is where
several explain the spectrum, and the width of a Gaussian, which looks like a smooth
subject.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from .._blur.blur import Blur
from .._files import read_tensors
from .evidence import N_STATISTICS, evidence_of
from .networks import Networks
from .regressor import to_sigma
from .shapes import KINDS
from .sharp_spectra import SharpSpectra
from .whole_noise import whole_noise

FORMAT, FORMAT_VERSION = "pydbcnn-blur-namer", 1
CLASSES = (*KINDS, "unknown")
_LEAST = {"defocus": 0.9, "motion": 2.2}  # pixels from which on kinds differ
_LOOKS_SHARP = 0.4  # pixels of sigma, below which a photograph may well be sharp
_LEAST_SIGMA = 0.3  # of a Gaussian across its direction
_ROUNDED = 3  # digits beyond these mean nothing, and could differ between processors


class KindClassifier(Networks):
    """Networks that tell the kind of a blur, or that it cannot be told."""

    name = "the namer's classifier"
    n_statistics = N_STATISTICS
    n_outputs = len(CLASSES)

    def probabilities(self, statistics):
        """Of each of `CLASSES`: the mean of what the networks say."""
        outputs = self.outputs(statistics)
        shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)


class WidthRegressor(Networks):
    """Networks that tell the equivalent sigma of Gaussians."""

    name = "the namer's regressor"
    n_statistics = N_STATISTICS

    def sigma(self, statistics):
        """In pixels."""
        return float(to_sigma(self.outputs(statistics).mean()))


# By what the names of their arrays begin with.
_NETWORKS = {"classifier.": KindClassifier, "regressor.": WidthRegressor}


@dataclass(frozen=True)
class Namer:
    """All that is learned for naming blurs.

    Parameters
    ----------
    spectra : SharpSpectra
    classifier : KindClassifier
    regressor : WidthRegressor
    """

    spectra: SharpSpectra
    classifier: KindClassifier
    regressor: WidthRegressor

    def name(self, image, data_range):
        """The blur and the noise of an image.

        Parameters
        ----------
        image : array of shape (height, width, channels)
        data_range : float
            The pixel value that counts as white.

        Returns
        -------
        blur : Blur
        """
        evidence = evidence_of(image, data_range, self.spectra)
        if evidence.statistics is None:
            return Blur.unknown(noise=_noise(evidence))
        probabilities = self.classifier.probabilities(evidence.statistics)
        best = int(np.argmax(probabilities))
        noise = _noise(evidence, CLASSES[best])
        parameters = self._parameters(CLASSES[best], evidence)
        confidence = round(float(probabilities[best]), _ROUNDED)
        return Blur(**parameters, confidence=confidence, noise=noise)

    def _parameters(self, kind, evidence):
        """What `Blur` takes, in digits that mean something."""
        if kind in ("none", "unknown"):
            return {"kind": kind}
        found = evidence.fits[kind].parameters
        if kind in _LEAST and found[0] >= _LEAST[kind]:
            return _measured(kind, found)
        sigma = self.regressor.sigma(evidence.statistics)
        if sigma < _LOOKS_SHARP:
            return {"kind": "none"}
        # Disks and motions as small as these look like Gaussians.
        shape = found if kind == "oblong" else (sigma,)
        return {"kind": "gaussian", **_gaussian(shape, sigma)}

    def tensors(self):
        """All arrays by name, for a file."""
        arrays = {
            "spectra.mean": self.spectra.mean,
            "spectra.covariance": self.spectra.covariance,
        }
        for prefix, networks in zip(
            _NETWORKS, (self.classifier, self.regressor), strict=True
        ):
            arrays |= {prefix + key: array for key, array in networks.tensors().items()}
        return {
            key: np.ascontiguousarray(array, np.float32)
            for key, array in arrays.items()
        }

    @classmethod
    def from_tensors(cls, arrays):
        """The inverse of `tensors`.

        Raises
        ------
        ValueError
            When the arrays do not belong together.
        """
        arrays = {key: array.astype(np.float64) for key, array in arrays.items()}
        try:
            mean, covariance = (
                arrays.pop(f"spectra.{key}") for key in ("mean", "covariance")
            )
        except KeyError as error:
            raise ValueError(f"the namer of blurs has no {error}") from error
        spectra = SharpSpectra(mean, covariance)
        spectra.check()
        networks = [
            kind.taken_from(arrays, prefix) for prefix, kind in _NETWORKS.items()
        ]
        if arrays:
            raise ValueError(
                f"the namer of blurs has unexpected arrays {sorted(arrays)}"
            )
        return cls(spectra, *networks)


def _noise(evidence, kind="unknown"):
    fit = None if kind == "unknown" else evidence.fits[kind]
    return whole_noise(evidence, fit, kind)


def _measured(kind, found):
    """Size and angle as the search has found them."""
    if kind == "defocus":
        return {"kind": kind, "radius": round(found[0], _ROUNDED)}
    length, angle = found
    return {
        "kind": kind,
        "length": round(length, _ROUNDED),
        "angle": round(angle % 180, 1) % 180,
    }


def _gaussian(found, sigma):
    """Sigmas and angle of a Gaussian of a shape that was found, and of this width."""
    if len(found) == 1:
        return {
            "sigma_major": round(sigma, _ROUNDED),
            "sigma_minor": round(sigma, _ROUNDED),
        }
    one, other, angle = found
    if other > one:
        one, other, angle = other, one, angle + 90
    scale = sigma / np.sqrt((one**2 + other**2) / 2)
    minor = max(round(other * scale, _ROUNDED), _LEAST_SIGMA)
    return {
        "sigma_major": max(round(one * scale, _ROUNDED), minor),
        "sigma_minor": minor,
        "angle": round(angle % 180, 1) % 180,
    }


@cache
def shipped_namer():
    """The namer that ships with the package, read once."""
    path = files("pydbcnn") / "_blur_estimation" / "namer.safetensors"
    tensors, _ = read_tensors(path, FORMAT, FORMAT_VERSION)
    return Namer.from_tensors(tensors)
