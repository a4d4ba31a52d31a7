"""Parameters that are one number, or a range from which each image draws its own."""

from numbers import Real

import numpy as np


def check_range(name, value, unit, *, low=0, high=np.inf, kind=Real):
    """Raise unless a parameter is a finite number or a pair of ends in order.

    The ends of a pair lie between `low` and `high`. Whether a single number does is
    for the constraints of the estimator to say.
    """
    if isinstance(value, kind) and not isinstance(value, bool) and value < np.inf:
        return
    if (
        isinstance(value, Real)
        or len(value) != 2
        or not all(isinstance(end, kind) and low <= end <= high for end in value)
        or not value[0] <= value[1] < np.inf
    ):
        highest = f" <= {high}" if high < np.inf else ""
        raise ValueError(
            f"{name}={value!r}: expected one number or a range (low, high) with "
            f"{low} <= low <= high{highest}, in {unit}."
        )


def draw(value, random_state):
    """The number itself, or one drawn uniformly from the range."""
    if isinstance(value, Real):
        return value
    return random_state.uniform(*value)
