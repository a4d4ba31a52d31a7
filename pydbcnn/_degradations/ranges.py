"""Parameters that are one value, or several from which each image draws its own."""

from numbers import Real

import numpy as np


def check_range(name, value, unit, *, low=0, high=np.inf, kind=Real):
    """Raise a ValueError unless a parameter is a number or a pair of them in order.

    All are finite, and from `low` to `high`.
    """
    ends = value if isinstance(value, (tuple, list)) else (value, value)
    if (
        len(ends) != 2
        or not all(isinstance(end, kind) and low <= end <= high for end in ends)
        or isinstance(value, bool)
        or not ends[0] <= ends[1] < np.inf
    ):
        highest = f" <= {high}" if high < np.inf else ""
        raise ValueError(
            f"{name}={value!r}: expected one number or a range (low, high) with "
            f"{low} <= low <= high{highest}, in {unit}."
        )


def check_options(name, value, options):
    """Raise a ValueError unless a parameter is one of the options, or several."""
    chosen = [value] if isinstance(value, str) else value
    if not chosen or not all(word in options for word in chosen):
        raise ValueError(
            f"{name}={value!r}: expected one of {', '.join(map(repr, options))}, or a "
            "tuple of several, from which each image gets one."
        )


def draw_option(value, random_state):
    """The word itself, or one of several, each as likely as the others."""
    if isinstance(value, str):
        return value
    return value[random_state.randint(len(value))]


def draw(value, random_state):
    """The number itself, or one drawn uniformly from the range."""
    if isinstance(value, Real):
        return value
    return random_state.uniform(*value)
