"""Photographs through methods: figures of each, computed side by side."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pydbcnn._progress import progress_bar

from .methods import estimated_sigma
from .photos import Photo
from .protocol import is_changed, score


class Score(NamedTuple):
    """How one method did on one photograph with one blur."""

    set: str
    file: str
    sigma: float
    method: str
    setting: float | None
    psnr: float
    ssim: float
    is_changed: bool


class Estimate(NamedTuple):
    """What a model took the blur of a photograph to be."""

    set: str
    file: str
    sigma: float
    model: str
    value: float


@dataclass(frozen=True)
class Case:
    """A photograph, and all that is done with it.

    Parameters
    ----------
    photo : Photo
    sigma : float
    spoil : callable
        A protocol: from sharp pixels, sigma and a seed to the input.
    methods : dict of methods.Method
    models : list of str, default=()
        Those that are asked for sigma.
    """

    photo: Photo
    sigma: float
    spoil: Callable
    methods: dict
    models: tuple = ()

    def measure(self):
        """Lists of scores and estimates."""
        sharp = self.photo.read()
        # The noise depends on nothing but the photograph.
        seed = zlib.crc32(self.photo.name.encode())
        pixels = self.spoil(sharp, self.sigma, seed)
        scores = [
            self._score(sharp, pixels, name, setting, output)
            for name, method in self.methods.items()
            if self.sigma or not method.is_told_sigma
            for setting, output in method.run(pixels, self.sigma).items()
        ]
        place = self.photo.set, self.photo.name, self.sigma
        estimates = [
            Estimate(*place, model, estimated_sigma(model, pixels))
            for model in self.models
        ]
        return scores, estimates

    def _score(self, sharp, pixels, name, setting, output):
        place = self.photo.set, self.photo.name, self.sigma
        changed = is_changed(pixels, output)
        return Score(*place, name, setting, *score(sharp, output), changed)


def measure_all(cases, pool):
    """Scores and estimates of all cases, in their order.

    Parameters
    ----------
    cases : list of Case
    pool : concurrent.futures.Executor

    Returns
    -------
    scores : list of Score
    estimates : list of Estimate
    """
    scores, estimates = [], []
    results = pool.map(Case.measure, cases)
    for more_scores, more_estimates in progress_bar(
        results, total=len(cases), unit=" cases"
    ):
        scores += more_scores
        estimates += more_estimates
    return scores, estimates
