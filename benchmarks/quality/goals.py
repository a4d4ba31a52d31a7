"""What the names of blurs are to reach, and whether they do. Pure functions."""

from collections.abc import Callable
from dataclasses import dataclass

from .degradations import UNDER_NOISE
from .naming_summary import (
    angle_error,
    blurred_share,
    kind_share,
    mean,
    mean_loss,
    noise_error,
    sigma_error,
    size_error,
    worst_loss,
)

WEAK = "Gaussian 0.8"
KINDS_MIN_SIGMA = 1  # of Gaussians whose kind has to be right


@dataclass(frozen=True)
class Goal:
    """A figure of some readings, and what it is to be.

    Parameters
    ----------
    name : str
    figure : callable
        From a list of readings to a number or None.
    concerns : callable
        From a reading to whether it counts.
    wanted : dict of float
        By what happened after the blur.
    form : str
        How the figure is formatted.
    at_least : bool, default=False
        Whether the figure may not be lower than wanted, instead of higher.
    """

    name: str
    figure: Callable
    concerns: Callable
    wanted: dict
    form: str
    at_least: bool = False

    def value(self, readings, rest_name):
        """The figure, or None where nothing counts.

        Parameters
        ----------
        readings : list of naming.Reading
        rest_name : str
            Such as "n1, q90".
        """
        return self.figure(
            [
                reading
                for reading in readings
                if reading.rest_name == rest_name and self.concerns(reading)
            ]
        )

    def is_met(self, value, rest_name):
        """Whether a figure is good enough."""
        wanted = self.wanted[rest_name]
        return value >= wanted if self.at_least else value <= wanted


COLUMNS = "clean", "n1, q90", "n2"


def _wanted(*numbers):
    return dict(zip(COLUMNS, numbers, strict=True))


def _has_clear_kind(reading):
    true = reading.true
    return true.kind != "none" and not (
        true.kind == "gaussian" and true.sigma_major < KINDS_MIN_SIGMA
    )


def _is_blurred(reading):
    # All kinds: this is what they are compared by.
    return reading.true.kind != "none"


def _is_sharp(reading):
    return reading.true.kind == "none"


def _is(kind):
    return lambda reading: reading.true.kind == kind


GOALS = (
    Goal(
        "kind named right, Gaussians from 1 on",
        kind_share,
        _has_clear_kind,
        _wanted(0.98, 0.93, 0.93),
        ".1%",
        at_least=True,
    ),
    Goal(
        "equivalent sigma, error in pixels",
        lambda readings: mean(sigma_error, readings),
        _is_blurred,
        _wanted(0.05, 0.08, 0.08),
        ".3f",
    ),
    Goal(
        "radius of a disk, error",
        lambda readings: mean(size_error, readings),
        _is("defocus"),
        _wanted(0.02, 0.05, 0.05),
        ".1%",
    ),
    Goal(
        "length of a motion, error",
        lambda readings: mean(size_error, readings),
        _is("motion"),
        _wanted(0.03, 0.06, 0.06),
        ".1%",
    ),
    Goal(
        "angle of a motion, error in degrees",
        lambda readings: mean(angle_error, readings),
        _is("motion"),
        _wanted(2, 5, 5),
        ".1f",
    ),
    Goal(
        "noise, error",
        lambda readings: mean(noise_error, readings),
        lambda reading: reading.blur_name in UNDER_NOISE,
        {"n1, q90": 0.1, "n2": 0.1},
        ".1%",
    ),
    Goal(
        "sharp photographs taken for blurred",
        blurred_share,
        _is_sharp,
        _wanted(0.01, 0.01, 0.01),
        ".1%",
    ),
    Goal(
        "loss in dB, Gaussian 0.8",
        mean_loss,
        lambda reading: reading.blur_name == WEAK,
        _wanted(0.6, 0.3, 0.3),
        ".2f",
    ),
    Goal(
        "loss in dB, worst of the other cases",
        worst_loss,
        lambda reading: reading.blur_name != WEAK,
        _wanted(0.3, 0.3, 0.3),
        ".2f",
    ),
)
